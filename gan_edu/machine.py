"""What the reader's machine can do, measured by training a small GAN for a few seconds."""

import time
from typing import NamedTuple

import torch

from gan_edu import data, metrics, recipes, train

# Seconds that each chapter takes on the machine, two cores, where `check` took REFERENCE seconds.
CHAPTERS = {"00": 20, "01": 15, "02": 15, "03": 25, "04": 60, "05": 65}
REFERENCE = 4.0


class Check(NamedTuple):
    """What the check found; printed as "works: CPU, 2 threads, 8 of 8 modes in 6 s". It used one of the threads."""

    device: str
    threads: int
    modes: int
    total: int
    seconds: float

    def __str__(self) -> str:
        verdict = "works" if self.modes == self.total else "not as it should"
        threads = "" if self.device != "CPU" else f", {self.threads} thread{'s' * (self.threads != 1)}"
        found = f"{verdict}: {self.device}{threads}, {self.modes} of {self.total} modes in {self.seconds:.0f} s"
        return (
            found if self.modes == self.total else f"{found}. Training runs, but differs here: please report this line"
        )

    def minutes(self) -> dict[str, float]:
        """The minutes that each chapter will take here, roughly: in proportion to what the check took."""
        return {chapter: seconds / 60 * self.seconds / REFERENCE for chapter, seconds in CHAPTERS.items()}


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
