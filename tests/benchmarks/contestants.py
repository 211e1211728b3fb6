"""Contestants: how their games are made, and a worker (`workers.py`) that times steps of one of (b), (c) and (d).

    python tests/benchmarks/contestants.py c --precision float32 --device cpu --threads 2

Contestant (a) is `tensorflow_tutorial.py`; (c32) is (c) in the precision that (a) computes in. The worker named "floor"
measures what bounds them all: a matrix product and a copy.
"""

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import reporting
import torch
from workers import Worker, serve

from gan_edu import data, recipes, train
from gan_edu.accelerate import PRECISIONS, accelerate
from gan_edu.machine import floor

HERE = Path(__file__).parent
NAMES = {
    "a": "TensorFlow's tutorial",
    "b": "its networks, eager PyTorch",
    "c": "its networks, accelerated",
    "c32": "the same in float32",
    "d": "the fast pair, accelerated",
}
SETUP = 2  # first steps that no clock counts: they load libraries, trace or capture, with a lazy penalty and without


class Game(NamedTuple):
    """What is played: `step(gan, real)` on `next(batches)`."""

    gan: train.GAN
    batches: data.Batches
    step: Callable[..., train.StepLosses]


def fast_pair(images: data.Images, seed: int = 0, device: str = "auto") -> tuple[train.GAN, data.Batches]:
    """A new game of the fast pair, small on the CPU and large on a GPU, and its shuffled batches."""
    device = train.pick_device(device)
    return recipes.pictures(images, recipes.fast(device), seed, device)


PAIRS = {"b": recipes.tutorial, "c": recipes.tutorial, "d": fast_pair}


def make(
    name: str, images: data.Images, seed: int = 0, device: str = "auto", batch_size: int | None = None, **how
) -> Game:
    """The game of contestant "b", "c" or "d"; its own batch size, unless another one is given.

    how: further arguments of `accelerate`, for the contestants that are accelerated
    """
    gan, batches = PAIRS[name](images, seed, device)
    batches.batch_size = batch_size or batches.batch_size
    step = train.train_step if name == "b" else accelerate(gan, batches, **how)
    return Game(gan, batches, step)


# --- time -------------------------------------------------------------------------------------------------------------


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given, so that the clock can be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(game: Game, steps: int) -> float:
    """The seconds that so many steps take, each on a fresh batch."""
    synchronize(game.gan.device)
    began = time.perf_counter()
    for _ in range(steps):
        game.step(game.gan, next(game.batches))
    synchronize(game.gan.device)
    return time.perf_counter() - began


def measure_floor(device: torch.device, small: bool = False) -> dict[str, float]:
    """The most operations a second of matrix products, and bytes a second of a copy, that the device reaches now."""
    size = 256 if small else 4096 if device.type == "cpu" else 8192
    return floor(device, size=size, seconds=0.01 if small else 0.5)._asdict()


# --- TensorFlow -------------------------------------------------------------------------------------------------------


def with_tensorflow(python: str | None) -> str | None:
    """The interpreter that has TensorFlow: the one that was named, or this one if it has, else None."""
    return python or (sys.executable if importlib.util.find_spec("tensorflow") else None)


def without_absent(names: list[str], python: str | None) -> list[str]:
    """The contestants that can run here; says so where (a) is not among them."""
    if "a" in names and python is None:
        print("(a) is left out: no TensorFlow here. Install the extra `bench`, or name an interpreter: --tensorflow")
    return [name for name in names if name != "a" or python]


def tensorflow_worker(images: data.Images, folder: str, python: str, threads: int, batch_size: int | None, seed=0):
    """The worker of (a), which reads its pictures, bytes (N, H, W), from a file in the folder."""
    path = Path(folder) / "images.npy"
    np.save(path, ((images.images[:, 0] + 1) * 127.5).round().byte().numpy())
    batch = ["--batch-size", str(batch_size)] if batch_size else []
    arguments = ["--images", str(path), "--seed", str(seed), "--threads", str(threads), *batch]
    return Worker(str(HERE / "tensorflow_tutorial.py"), *arguments, python=python)


# --- a worker ---------------------------------------------------------------------------------------------------------


def random_images(n: int = 4096) -> data.Images:
    """Bytes without meaning, (n, 1, 28, 28): how fast a step is does not depend on what the pictures show."""
    pixels = torch.randint(256, (n, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    return data.Images(pixels.float() / 127.5 - 1, None, ())


def main() -> None:
    parser = reporting.parser(__doc__)
    parser.add_argument("name", choices=[*PAIRS, "floor"])
    parser.add_argument("--batch-size", type=int, help="instead of the contestant's own")
    parser.add_argument("--precision", choices=["auto", *PRECISIONS], default="auto", help="of (c) and (d)")
    parser.add_argument("--small", action="store_true", help="a floor of small matrices")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = train.pick_device(arguments.device)
    if arguments.name == "floor":
        serve(lambda do: measure_floor(device, arguments.small))
        return
    how = {} if arguments.name == "b" else {"precision": arguments.precision}
    game = make(arguments.name, random_images(), 0, device, arguments.batch_size, **how)
    serve(
        lambda do, steps: {"seconds": seconds(game, steps)},
        batch_size=game.batches.batch_size,
        precision=game.gan.precision,
        versions={"torch": torch.__version__},
        device=game.gan.device.type,
    )


if __name__ == "__main__":
    main()
