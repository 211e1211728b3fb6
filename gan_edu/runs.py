"""The folder that the command line keeps a run in: one run, one process at a time, and all its settings in run.json."""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from filelock import FileLock, Timeout

import gan_edu
from gan_edu import checkpoints, data
from gan_edu.recipes import Recipe


def name(dataset: str) -> str:
    """The name of a run: that of the whole folder, so that cats.v1 and cats.v2 are two, and `.` has one."""
    return (
        dataset if dataset in data.DATASETS else Path(os.path.expanduser(dataset)).resolve().name.removesuffix(".zip")
    )


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep a folder, made where it is missing, for this process alone. Raises ValueError that names who has it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(folder / ".lock"), folder / ".holder"
    try:
        lock.acquire(blocking=False)  # the system frees it where its process dies
    except Timeout:
        who = holder.read_text(encoding="utf-8") if holder.exists() else "another process"
        raise ValueError(f"{folder} is in use by {who}: wait for it to end, or take another folder") from None
    try:
        holder.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def saved(folder: Path, resume: bool, seed: int | None, conditional: bool = False) -> dict:
    """The settings of the run that is to go on. Raises ValueError where there is none, or one that nobody asked for."""
    found = {}
    with suppress(OSError, ValueError, TypeError, KeyError):  # an old run has none; a damaged file tells nothing
        read = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        found = read | {"recipe": Recipe(**read["recipe"] | {"betas": tuple(read["recipe"]["betas"])})}
    if resume and not (folder / "checkpoint.pt").exists():
        raise ValueError(f"there is no {folder / 'checkpoint.pt'} to go on with: leave --resume out to begin")
    if resume and seed not in (None, found.get("seed", seed)):
        raise ValueError(f"the run in {folder} has --seed {found['seed']}: leave --seed out, or name another --out")
    if resume and conditional and found and not found["recipe"].conditional:
        raise ValueError(f"the run in {folder} is not --conditional: leave that out, or name another --out")
    if not resume and _is_run(folder):
        about = f" on {found['data']['name']}" if found else ""
        raise ValueError(f"{folder} holds a run{about}: add --resume to go on with it, or name another --out")
    return found if resume else {}


def _is_run(folder):
    """Is there anything to lose? A run that stopped before its first step is nothing."""
    generator, checkpoint = folder / "generator.pt", folder / "checkpoint.pt"
    with suppress(ValueError, KeyError):
        return generator.exists() or (checkpoint.exists() and checkpoints.load(checkpoint)["run"]["done"] > 0)
    return True  # a damaged file is for its owner to judge


def settings(dataset: str, images: data.Images, batches: data.Batches, seed: int, recipe: Recipe, gan) -> dict:
    """All that a run follows from, as plain data."""
    place = dataset if dataset in data.DATASETS else str(Path(os.path.expanduser(dataset)).resolve())
    return {
        "data": {"name": place, "shape": list(images.images.shape), "sha256": batches.digest},
        "seed": seed,
        "recipe": recipe,
        "device": str(gan.device),
        "precision": gan.precision,
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), "gan_edu": gan_edu.__version__, "torch": torch.__version__},
    }


def write(folder: Path, settings: dict, steps: int) -> None:
    """Write the settings beside the run."""
    text = json.dumps(settings | {"recipe": settings["recipe"]._asdict(), "steps": steps}, indent=1)
    checkpoints.write_whole(folder / "run.json", lambda file: file.write(text.encode()))
