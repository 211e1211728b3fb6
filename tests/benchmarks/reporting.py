"""What the benchmarks share: options, arithmetic, and how results are written down."""

import argparse
import json
import math
import os
import platform
import shlex
import sys
import types
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # a borrowed machine has not installed the package
try:
    import IPython.display  # noqa: F401
except ImportError:  # nor IPython, which `plots` shows pictures in notebooks with, and nothing here does
    ipython, shown = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.version_info, shown.display, shown.DisplayHandle = (9, 0), print, object  # matplotlib asks for the version
    sys.modules |= {"IPython": ipython, "IPython.display": shown}

from gan_edu import plots  # noqa: E402


def parser(description: str) -> argparse.ArgumentParser:
    """A parser with the options that all scripts know."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--device", default="auto")
    made.add_argument("--threads", type=int, default=torch.get_num_threads())
    return made


# --- arithmetic -------------------------------------------------------------------------------------------------------


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": median(values), "least": min(values), "most": max(values)}


def share(speed: float, operations: float, bound: float) -> float:
    """What share of `bound` operations a second a step reaches, at `operations` an image and `speed` images/s."""
    return speed * operations / bound


def block(seconds_per_step: float, aim: float) -> int:
    """How many steps fill a block of `aim` seconds; at least one."""
    return max(1, math.ceil(aim / seconds_per_step))


# --- runs that are whole ----------------------------------------------------------------------------------------------


def whole(history) -> None:
    """End the script where `train` was stopped early by a signal: a cut run is no result, and must not be written."""
    if history.interrupted:
        raise KeyboardInterrupt


class Ledger:
    """The runs of a long script, in a JSON file: each is written when it ends, and what is there is not made again.

    head: what stands before the runs; untold: what of a run is too long to be printed. `result["real"]` is free for
    what the runs are compared with.
    """

    def __init__(self, path: Path, head: dict, untold: tuple[str, ...] = ()):
        known = json.loads(path.read_text()) if path.exists() else {}
        self.path, self.untold = path, untold
        self.result = head | {"runs": known.get("runs", []), "real": known.get("real", {})}

    def once(self, kind: str, name: str | int, seed: int, score: Callable[[], dict]) -> None:
        """Unless this run is there: make it, write all, and print it."""
        runs = self.result["runs"]
        if (kind, name, seed) not in [(run["kind"], run["name"], run["seed"]) for run in runs]:
            runs.append({"kind": kind, "name": name, "seed": seed, **score()})
            self.path.write_text(json.dumps(self.result) + "\n", encoding="utf-8")
            print({key: value for key, value in runs[-1].items() if key not in self.untold}, flush=True)


# --- where it was measured --------------------------------------------------------------------------------------------


def machine(device: torch.device, threads: int) -> dict:
    """What a reader must know to compare the numbers with their own."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
    }


def command(script: str, arguments: list[str]) -> str:
    """The command as a reader would type it; of paths elsewhere on this machine the last name alone."""
    shown = [Path(argument).name if Path(argument).is_absolute() else argument for argument in arguments]
    return shlex.join(["python", f"tests/benchmarks/{Path(script).name}", *shown])


def about(script: str, arguments: list[str], device: torch.device, threads: int) -> dict:
    """With what command and where a result was made: its first two entries."""
    return {"command": command(script, arguments), "machine": machine(device, threads)}


# --- files ------------------------------------------------------------------------------------------------------------


def save(figure, path: Path) -> None:
    """Write a figure as PNG."""
    path.write_bytes(plots.png(figure))


def write(result: dict, path: Path) -> None:
    """Write a result as JSON."""
    path.write_text(json.dumps(result, indent=1))
