"""What the reader's machine can do, measured by training a small GAN for a few seconds."""

import time
from typing import NamedTuple

import torch

from gan_edu import data, metrics, recipes, train

# Seconds that each chapter takes on the machine, two cores, where `check` took REFERENCE seconds.
CHAPTERS = {"00": 20, "01": 15, "02": 15, "03": 25, "04": 60, "05": 65, "06": 95}
REFERENCE = 4.0


class Check(NamedTuple):
    """What the check found; printed as "works: CPU, 2 threads, 8 of 8 modes in 6 s". It used one of the threads."""

    device: str
    threads: int
    modes: int
    total: int
    seconds: float

    def __str__(self) -> str:
        works = self.modes == self.total
        threads = "" if self.device != "CPU" else f", {self.threads} thread{'s' * (self.threads != 1)}"
        found = f"{self.device}{threads}, {self.modes} of {self.total} modes in {self.seconds:.0f} s"
        differs = f"not as it should: {found}. Training runs, but differs here: please report this line"
        return f"works: {found}" if works else differs

    def minutes(self) -> dict[str, float]:
        """The minutes that each chapter will take here, roughly: in proportion to what the check took."""
        return {chapter: seconds / 60 * self.seconds / REFERENCE for chapter, seconds in CHAPTERS.items()}


class Floor(NamedTuple):
    """The most that a device was seen to do: operations a second in each precision, bytes a second of a copy."""

    float32: float
    bfloat16: float
    copy: float


def floor(device: torch.device | str = "cpu", size: int | None = None, seconds: float = 0.5) -> Floor:
    """Measure the product of two square matrices, 2 size^3 operations, and a copy, which reads and writes.

    Each is repeated for so many seconds, and the fastest time counts. By default matrices of 1024 and a copy of 64 MB
    on a CPU, 8192 and 1 GB on a GPU.
    """
    on_cpu = torch.device(device).type == "cpu"
    size = size or (1024 if on_cpu else 8192)
    a, memory = torch.randn(size, size, device=device), torch.zeros(2 ** (24 if on_cpu else 28), device=device)
    products = [2 * size**3 / _least_seconds(lambda m=m: m @ m, seconds) for m in (a, a.bfloat16())]
    return Floor(*products, 2 * memory.nbytes / _least_seconds(memory.clone, seconds))


def _least_seconds(work, enough):
    times = []
    while len(times) < 3 or sum(times) < enough:
        began = time.perf_counter()
        result = work()
        if result.is_cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times)


def check(seed: int = 0) -> Check:
    """Train a GAN on the ring of eight Gaussians; the caller's random numbers stay as they are."""
    ring = data.ring()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on more, networks this small only wait for each other
    began = time.perf_counter()
    try:
        with torch.random.fork_rng():
            gan, batches = recipes.plane(ring, seed=seed)
            history = train.train(gan, batches, recipes.PLANE_STEPS, final_rate=recipes.FINAL_RATE, progress=False)
            found = metrics.mode_coverage(gan.sample(1000).cpu(), ring.centers, ring.std)
    finally:
        torch.set_num_threads(threads)
    if history.interrupted:
        raise KeyboardInterrupt
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    return Check(device, threads, found.modes, len(ring.centers), time.perf_counter() - began)
