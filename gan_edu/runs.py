"""The folder that the command line keeps a run in: one run, one process at a time, and all its settings in run.json."""

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

import gan_edu
from gan_edu import checkpoints, data, plots
from gan_edu.recipes import Recipe


class Kind(NamedTuple):
    """What the command line must know of one kind of data."""

    name: str
    pictures: Callable[[Tensor], Tensor]  # samples as (N, C, H, W) in [-1, 1], for a person to look at
    numbers: Callable = lambda samples, classes: {"samples": samples.numpy()}  # the arrays of --samples
    files: Callable = lambda samples, classes: {}  # {name: bytes} of what else a person looks at or listens to


KINDS = {  # by the number of axes of a batch
    2: Kind(
        "sounds",
        plots.spectrograms,
        lambda samples, classes: {"samples": samples.numpy(), "rate": data.RATE},
        lambda samples, classes: {f"{i}.wav": data.wav(sample) for i, sample in enumerate(samples[:8], 1)},
    ),
    3: Kind(
        "strings",
        lambda samples: 2 * samples.mT[:, None] - 1,  # a row for each letter, a column for each place
        lambda samples, classes: {"samples": np.array(data.decode(samples, classes))},
        lambda samples, classes: {"samples.txt": "\n".join(data.decode(samples, classes)).encode()},
    ),
    4: Kind("images", lambda samples: samples),
    5: Kind(
        "clips",
        lambda samples: samples.flatten(0, 1),  # a strip in each row
        files=lambda samples, classes: {"samples.gif": plots.gif(samples[:32])},
    ),
}


def name(dataset: str) -> str:
    """The name of a run: that of the whole folder, so that cats.v1 and cats.v2 are two, and `.` has one."""
    return Path(_place(dataset)).name.removesuffix(".zip")


def _place(dataset):
    return dataset if dataset in data.DATASETS else str(Path(os.path.expanduser(dataset)).resolve())


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
    return {
        "data": {"name": _place(dataset), "shape": list(images.images.shape), "sha256": batches.digest},
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
