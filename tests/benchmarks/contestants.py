"""Contestants (b), (c) and (d): how their games are made, and a worker (`workers.py`) that times steps of one.

    python tests/benchmarks/contestants.py c --device cpu --threads 2

Contestant (a) is `tensorflow_tutorial.py`. The worker named "floor" times what bounds them all: a matrix product and a
copy.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # a borrowed machine has not installed the package

from workers import serve

from gan_edu import data, recipes, train
from gan_edu.accelerate import accelerate

NAMES = {
    "a": "TensorFlow's tutorial",
    "b": "its networks, eager PyTorch",
    "c": "its networks, accelerated",
    "d": "the fast pair, accelerated",
}


class Game(NamedTuple):
    """What is played: `step(gan, real)` on `next(batches)`."""

    gan: train.GAN
    batches: data.Batches
    step: Callable[..., train.StepLosses]


# Wide enough that a GPU has something to do; slower rates, because wider networks move further in a step.
ON_A_GPU = {"g_width": 128, "d_width": 96, "batch_size": 256, "g_rate": 2e-3, "d_rate": 1e-3, "ema": 0.999}


def fast_pair(images: data.Images, seed: int = 0, device: str = "auto") -> tuple[train.GAN, data.Batches]:
    """A new game of the fast pair, small on the CPU and large on a GPU, and its shuffled batches."""
    recipe = recipes.FAST[images.images.shape[2]]
    if train.pick_device(device).type == "cuda":
        recipe = recipe._replace(**ON_A_GPU)
    return recipes.pictures(images, recipe, seed, device)


PAIRS = {"b": recipes.tutorial, "c": recipes.tutorial, "d": fast_pair}


def make(name: str, images: data.Images, seed: int = 0, device: str = "auto", batch_size: int | None = None) -> Game:
    """The game of contestant "b", "c" or "d"; its own batch size, unless another one is given."""
    gan, batches = PAIRS[name](images, seed, device)
    batches.batch_size = batch_size or batches.batch_size
    step = train.train_step if name == "b" else accelerate(gan, batches)
    return Game(gan, batches, step)


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given, so that the clock can be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], object], times: int, device: torch.device) -> float:
    """The seconds that `times` repetitions take."""
    synchronize(device)
    began = time.perf_counter()
    for _ in range(times):
        work()
    synchronize(device)
    return time.perf_counter() - began


def play(game: Game) -> None:
    """One step on a fresh batch."""
    game.step(game.gan, next(game.batches))


def random_images(n: int = 4096) -> data.Images:
    """Bytes without meaning, (n, 1, 28, 28): how fast a step is does not depend on what the pictures show."""
    pixels = torch.randint(256, (n, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    return data.Images(pixels.float() / 127.5 - 1, None, ())


def matrix_product(edge: int, dtype: torch.dtype, device: torch.device) -> Callable[[], object]:
    """The product of two square matrices of that edge: 2 edge^3 floating-point operations."""
    a, b = (torch.randn(edge, edge, device=device).to(dtype) for _ in range(2))
    return lambda: a @ b


def copy(edge: int, device: torch.device) -> Callable[[], object]:
    """A copy of edge^2 floats within the memory, 8 edge^2 bytes read or written."""
    source = torch.randn(edge, edge, device=device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def floor(edge: int, device: torch.device) -> Callable[[], dict[str, float]]:
    """A function that measures once what the device can do: FLOP/s of matrix products, bytes/s of a copy."""
    works = {
        "float32": (matrix_product(edge, torch.float32, device), 2 * edge**3),
        "bfloat16": (matrix_product(edge, torch.bfloat16, device), 2 * edge**3),
        "copy": (copy(edge, device), 8 * edge**2),
    }
    times = 20 if device.type == "cuda" else 1
    for work, _ in works.values():
        seconds(work, 1, device)
    return lambda: {name: size * times / seconds(work, times, device) for name, (work, size) in works.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[*PAIRS, "floor"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch-size", type=int, help="instead of the contestant's own")
    parser.add_argument("--edge", type=int, default=4096, help="of the matrices of the floor")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.name == "floor":
        measure = floor(arguments.edge, train.pick_device(arguments.device))
        serve(lambda do: measure())
        return
    game = make(arguments.name, random_images(), device=arguments.device, batch_size=arguments.batch_size)
    serve(
        lambda do, steps: {"seconds": seconds(lambda: play(game), steps, game.gan.device)},
        batch_size=game.batches.batch_size,
        precision=game.gan.precision,
        versions={"torch": torch.__version__},
        device=game.gan.device.type,
    )


if __name__ == "__main__":
    main()
