"""Files that a training run is kept in: written whole or not at all.

What a run consists of is known to `train`, which hands it over as plain data and tensors. Taught in chapter 06.
They are read as data, and no code in them is run: `weights_only`, which was broken before PyTorch 2.10
(CVE-2025-32434, CVE-2026-24747). Even so, load only files you trust.
"""

import io
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

FORMAT = "gan_edu checkpoint 1"


def save(path: str | Path, state: dict) -> None:
    """Write a checkpoint: tensors, numbers, strings, lists, tuples and dictionaries of them, else TypeError."""

    def write(file):
        torch.save({"format": FORMAT, **state}, file)
        file.seek(0)  # what cannot be read must not replace what can
        torch.load(file, map_location="cpu", weights_only=True)

    try:
        write_whole(path, write)
    except (pickle.PicklingError, pickle.UnpicklingError) as error:
        raise TypeError(f"a checkpoint holds tensors and plain data alone: {error}") from None


def load(path: str | Path, *needed: str) -> dict:
    """Read a checkpoint onto the CPU; load only files you trust.

    Raises ValueError for a file that is cut short, damaged, of another kind, or without one of the parts that are
    `needed`; OSError where there is none to read.
    """
    try:
        with zipfile.ZipFile(path) as parts:  # so `torch.save` writes, with a checksum of each part
            if damaged := parts.testzip():
                raise zipfile.BadZipFile(damaged)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except Exception as error:  # damaged bytes can make a reader stumble over anything
        raise ValueError(f"{path} is cut short, damaged, or no checkpoint ({type(error).__name__})") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise ValueError(f"{path} is no checkpoint of a training run of gan_edu")
    if missing := [part for part in needed if part not in state]:
        raise ValueError(f"{path} is no checkpoint to go on from: it has no {' and no '.join(missing)}")
    return state


def write_whole(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a whole file or none: whenever the process is killed, `path` holds what it held before or what it shall.

    The bytes are made in memory, so that only the disk can fail here, and says so with an OSError. They go into a file
    beside it, are forced onto the disk, and only then take the name, in one step.
    """
    path, content = Path(path), io.BytesIO()
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            write(content)
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def random_state() -> dict:
    """Where every random number generator that training may draw from stands: PyTorch's, NumPy's and Python's."""
    kind, keys, *rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],  # wakes no GPU that nobody uses
        "numpy": [kind, torch.from_numpy(keys.astype(np.int64)), *rest],
        "python": random.getstate(),
    }


def set_random_state(state: dict) -> None:
    """Put every random number generator where it stood; there may be more or fewer GPUs now."""
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_initialized():
        for index, cuda in enumerate(state["cuda"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(cuda, index)
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
