"""What `train digits` draws, against the bars of the course; `python tests/test_digits_quality.py` prints a table.

1,000 samples are compared with a random half of the real digits, in pixel space. The yardstick of the Fréchet distance
is the other half; that of the copies is how far each training digit lies from its nearest fellow. What no GAN made
(noise, shuffled pixels, averages of two digits, copies with a little noise) is measured beside it and must fail, and so
must the samples with 300 of them replaced by training digits, which a median does not see.
"""

import contextlib
import functools
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.svm import SVC
from torch import Tensor

from gan_edu import data, metrics
from gan_edu.__main__ import main

DIGITS = data.digits()
BARS = {  # from, to
    "precision": (0.65, 1.0),
    "recall": (0.55, 1.0),
    "Fréchet / half": (0.0, 2.5),
    "rarest digit": (0.04, 1.0),
    "nearest / real": (0.9, np.inf),
    "near-copies": (0.0, 0.02),  # within half the usual distance of a training digit
}


@functools.cache
def train_digits(seed: int) -> Tensor:
    """The 1,000 samples that the command writes, (1000, 1, 8, 8)."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "samples.npz"
        assert main(["train", "digits", "--seed", str(seed), "--device", "cpu", "--samples", str(path)]) == 0
        with np.load(path) as file:
            return torch.from_numpy(file["samples"])


def controls(seed: int) -> dict[str, Tensor]:
    """Four sets of 1,000 that a good measure must not take for what a GAN should draw."""
    generator = torch.Generator().manual_seed(seed)
    first, second = (DIGITS.images[torch.randperm(1797, generator=generator)[:1000]] for _ in range(2))
    order = torch.rand(1000, 64, generator=generator).argsort(dim=1)
    return {
        "uniform noise": torch.rand(first.shape, generator=generator) * 2 - 1,
        "shuffled pixels": first.flatten(1).gather(1, order).view_as(first),
        "averages of two": (first + second) / 2,
        "noisy copies": first + 0.1 * torch.randn(first.shape, generator=generator),
    }


def with_copies(samples: Tensor) -> Tensor:
    """The samples with 300 training digits in the place of the first, which a median does not see."""
    return torch.cat([DIGITS.images[:300], samples[300:]])


def measure(samples: Tensor, seed: int) -> dict[str, float]:
    """What the bars ask of the samples (N, 1, 8, 8); the seed draws the two halves of the real digits."""
    half, other = DIGITS.images[torch.randperm(1797, generator=torch.Generator().manual_seed(seed))].tensor_split(2)
    precision, recall = metrics.precision_recall(half, samples)
    frechet = metrics.frechet_distance(samples, half) / metrics.frechet_distance(other, half)
    classifier = SVC(C=10).fit(DIGITS.images.flatten(1).numpy(), DIGITS.labels.numpy())
    shares = np.bincount(classifier.predict(samples.flatten(1).numpy()), minlength=10) / len(samples)
    pixels = DIGITS.images.flatten(1).double()
    fellows = torch.cdist(pixels, pixels).fill_diagonal_(torch.inf).amin(1)  # leaving each digit itself out
    nearest = metrics.nearest(samples, DIGITS.images).distances / fellows.median()
    copies = (nearest < 0.5).double().mean().item()
    return dict(zip(BARS, (precision, recall, frechet, shares.min(), nearest.median().item(), copies), strict=True))


def failed(measured: dict[str, float]) -> list[str]:
    return [name for name, (low, high) in BARS.items() if not low <= measured[name] <= high]


def test_digits_are_as_good_as_promised():
    samples = train_digits(seed=0)  # once: tests side by side are processes that share nothing
    measured = measure(samples, seed=0)
    assert not failed(measured), measured
    measured = measure(with_copies(samples), seed=0)
    assert "near-copies" in failed(measured), measured


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("uniform noise", {"precision", "recall", "Fréchet / half"}),
        ("shuffled pixels", {"precision", "Fréchet / half", "rarest digit"}),  # but not recall
        ("averages of two", {"Fréchet / half"}),  # but not precision
        ("noisy copies", {"nearest / real", "near-copies"}),  # and nothing else
    ],
)
def test_what_no_gan_made_fails(name, expected):
    measured = measure(controls(seed=0)[name], seed=0)
    assert expected <= set(failed(measured)), measured


def print_table(seeds: list[int]) -> None:
    """Every set by name, each bar: the median over the seeds, and from least to most."""
    rows = {"train digits": [measure(train_digits(seed), seed) for seed in seeds]}
    for name in controls(0):
        rows[name] = [measure(controls(seed)[name], seed) for seed in seeds]
    rows["300 copies"] = [measure(with_copies(train_digits(seed)), seed) for seed in seeds]
    print(f"{'seeds ' + ', '.join(map(str, seeds)):16s}" + "".join(f"{name:>26s}" for name in BARS))
    for name, measured in rows.items():
        columns = [np.array([m[bar] for m in measured]) for bar in BARS]
        cells = [f"{np.median(c):.2f} ({c.min():.2f} to {c.max():.2f})" for c in columns]
        seeds_failed = {bar: sum(bar in failed(m) for m in measured) for bar in BARS}
        bars = [f"{bar} ({n} of {len(seeds)})" for bar, n in seeds_failed.items() if n]
        verdict = f"fails {', '.join(bars)}" if bars else "passes"
        print(f"{name:16s}" + "".join(f"{cell:>26s}" for cell in cells) + f"   {verdict}")


if __name__ == "__main__":
    print_table([int(seed) for seed in sys.argv[1:]] or [0, 1, 2])
