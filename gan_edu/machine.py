"""What the reader's machine can do, measured by training a small GAN for a few seconds."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch

from gan_edu import data, metrics, recipes, train

# Seconds that each chapter takes on the machine, two cores, where `check` took REFERENCE seconds.
CHAPTERS = {"00": 74, "01": 30, "02": 44, "03": 70, "04": 93, "05": 168, "06": 97,
            "07": 130, "08": 125, "09": 60, "10": 43, "11": 94, "12": 57, "13": 77, "14": 86, "15": 103,
            "16": 65, "17": 66, "18": 88}  # fmt: skip
REFERENCE = 13.0


class Check(NamedTuple):
    """What the check found; printed as "works: CPU, 2 threads, 8 of 8 modes in 6 s". It used one of the threads.

    device: "CPU", or before it the name of a GPU that computes
    """

    device: str
    threads: int
    modes: int
    total: int
    seconds: float

    def __str__(self) -> str:
        works = self.modes == self.total
        threads = f"{self.threads} thread{'s' * (self.threads != 1)}"
        found = f"{self.device}, {threads}, {self.modes} of {self.total} modes in {self.seconds:.0f} s"
        differs = f"not as it should: {found}. Training runs, but differs here: please report this line"
        return f"works: {found}" if works else differs

    def minutes(self) -> dict[str, float]:
        """The minutes that each chapter will take here, roughly: in proportion to what the check took."""
        return {chapter: seconds / 60 * self.seconds / REFERENCE for chapter, seconds in CHAPTERS.items()}


class Floor(NamedTuple):
    """The most that a device was seen to do: operations a second in each precision, bytes a second of a copy.

    bfloat16 is NaN on a GPU that would only imitate it.
    """

    float32: float
    bfloat16: float
    copy: float


def floor(device: torch.device | str = "cpu", size: int | None = None, seconds: float = 0.5) -> Floor:
    """Measure the product of two square matrices, 2 size^3 operations, and a copy, which reads and writes.

    Each is repeated for so many seconds, and the fastest time counts. By default matrices of 1024 and a copy of 64 MB
    on a CPU, 8192 and 1 GB on a GPU, or an eighth of what is free there. float32 may round to TF32 where convolutions
    do: their time is what the floor is compared with.
    """
    device = torch.device(device)
    size = size or (1024 if device.type == "cpu" else 8192)
    before = torch.get_float32_matmul_precision()
    if device.type == "cuda" and torch.backends.cudnn.allow_tf32:  # which PyTorch allows by default
        torch.set_float32_matmul_precision("high")
    try:
        float32 = _product(torch.randn(size, size, device=device), seconds)
    finally:
        torch.set_float32_matmul_precision(before)
    imitated = device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)
    bfloat16 = float("nan") if imitated else _product(torch.randn(size, size, device=device).bfloat16(), seconds)
    memory = torch.zeros(_bytes_to_copy(device) // 4, device=device)
    return Floor(float32, bfloat16, 2 * memory.nbytes / _least_seconds(memory.clone, seconds))


def _product(matrix, seconds):
    return 2 * len(matrix) ** 3 / _least_seconds(lambda: matrix @ matrix, seconds)


def _bytes_to_copy(device):
    if device.type == "cpu":
        return 2**26
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 2**30
    return min(2**30, free // 8)  # it and its copy, beside what PyTorch keeps in its cache


def _least_seconds(work, enough):
    times = []
    while len(times) < 3 or sum(times) < enough:
        began = time.perf_counter()
        result = work()
        if result.is_cuda:
            torch.cuda.synchronize(result.device)
        times.append(time.perf_counter() - began)
        del result  # before the next one is made: a card of 4 GB does not hold two beside their origin
    return min(times)


@contextmanager
def alone(gpus: Sequence[int] = ()) -> Iterator[None]:
    """One thread, because networks this small only wait for each other on more; and no random number of the caller's
    is drawn, on the CPU or on these GPUs.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=gpus):
            yield
    finally:
        torch.set_num_threads(threads)


def check(seed: int = 0) -> Check:
    """Train a GAN on the ring of eight Gaussians; the caller's random numbers stay as they are.

    On the CPU, so that its time says how long the first chapters take; where there is a GPU, a few steps there too.
    """
    ring, device = data.ring(), train.pick_device()
    gpus = list(range(torch.cuda.device_count())) if device.type == "cuda" else []
    threads, began = torch.get_num_threads(), time.perf_counter()
    with alone(gpus):
        gan, batches = recipes.plane(ring, seed=seed, device="cpu")
        history = train.train(gan, batches, recipes.PLANE_STEPS, final_rate=recipes.FINAL_RATE, progress=False)
        found = metrics.mode_coverage(gan.sample(1000).cpu(), ring.centers, ring.std)
        seconds = time.perf_counter() - began
        if gpus:
            train.train(*recipes.plane(ring, seed, device), steps=20, progress=False)
    if history.interrupted:
        raise KeyboardInterrupt
    name = f"{torch.cuda.get_device_name(device)} and CPU" if gpus else "CPU"
    return Check(name, threads, found.modes, len(ring.centers), seconds)
