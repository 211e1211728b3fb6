"""What the quality of samples is judged by: distances and scores on a classifier's features, look by look."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gan_edu import data, metrics

WITHIN = 100  # times real-against-real: the mark that the contestants race to


class Scale(NamedTuple):
    """How much is measured."""

    samples: int = 10_000
    compared: int = 3_000  # of them, by precision and recall
    classifier_steps: int = 1_000
    pilot: float = 3.0  # seconds
    growth: float = 1.25  # of the time between looks
    batch_size: int | None = None  # None: each contestant's own


SMALL = Scale(samples=300, compared=200, classifier_steps=60, pilot=0.3, growth=4.0, batch_size=16)


class Judge:
    """A classifier, trained on the pictures, whose features and classes samples are compared by."""

    def __init__(self, images: data.Images, seed: int, scale: Scale, device: torch.device):
        pixels, labels = images.images.to(device), images.labels.to(device)
        self.seed, self.compared = seed, scale.compared
        self.classifier = metrics.train_classifier(pixels, labels, seed, scale.classifier_steps)
        real = metrics.features(self.classifier, pixels)
        self.real_against_real = metrics.real_against_real(real, scale.samples, pairs=10, seed=seed)
        order = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed))[: scale.samples]
        self.real, self.classes = real[order.to(device)], len(images.classes)

    def distance(self, samples: Tensor) -> dict:
        """The Fréchet distance, and how many times real-against-real that is."""
        frechet = metrics.frechet_distance(self.real, self._features(samples))
        return {"classifier": self.seed, "frechet": frechet, "multiple": frechet / self.real_against_real}

    def score(self, samples: Tensor) -> dict:
        """The distance, and all the rest that takes longer."""
        fake = self._features(samples)
        found = metrics.precision_recall(self.real[: self.compared], fake[: self.compared])
        counts = torch.bincount(self.classifier.head(fake).argmax(1), minlength=self.classes)
        return {
            **self.distance(samples),
            "real_against_real": self.real_against_real,
            "kernel_distance": metrics.kernel_distance(self.real, fake),
            **found._asdict(),
            "class_shares": (counts / len(samples)).tolist(),
        }

    def _features(self, samples):
        return metrics.features(self.classifier, samples.to(self.real.device))


def fid_metric(inception: int | nn.Module = 2048):
    """torchmetrics' FID: of 2,048 features of Inception, or of a network of the caller's.

    Inception's weights (90 MB) are fetched the first time. Raises what torchmetrics does where that fails or
    torch-fidelity is not installed.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance  # a borrowed GPU machine may lack it

    return FrechetInceptionDistance(inception, reset_real_features=False, normalize=True)


def usual_fid(images: Tensor, samples: Tensor, inception: int | nn.Module = 2048) -> dict[str, float]:
    """The FID that papers report, of samples (N, C, H, W) in [-1, 1], and real against real at that N: `fid_metric`."""
    n = min(len(samples), len(images) // 2)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0)).to(images.device)
    metric = fid_metric(inception).to(samples.device)
    found = {}
    for part in images[order[:n]].split(100):
        metric.update(_as_inception_takes(part.to(samples.device)), real=True)
    for name, others in {"fid": samples[:n], "fid, real against real": images[order[n : 2 * n]]}.items():
        metric.reset()
        for part in others.split(100):
            metric.update(_as_inception_takes(part.to(samples.device)), real=False)
        found[name] = metric.compute().item()
    return found


def _as_inception_takes(images):
    return (images.expand(-1, 3, -1, -1) + 1) / 2


class Course:
    """What the judges said of one run: distances at each look, all scores at the end and at the budget."""

    def __init__(self, judges: list[Judge], budget: float, until_within: bool, **about):
        self.judges, self.budget, self.until_within, self.about = judges, budget, until_within, about
        self.looks, self.at_budget, self.last, self.samples = [], None, None, None
        self.setup = 0.0  # seconds of the first steps, which no look counts

    def look(self, seconds: float, steps: int, samples: Tensor) -> bool:
        """Judge samples (N, C, H, W) after so many seconds and steps; True if the run has shown what it should."""
        moment = {**self.about, "seconds": seconds, "steps": steps}
        found = [{**moment, **judge.distance(samples)} for judge in self.judges]
        self.looks += found
        self.last, self.samples = moment, samples
        if seconds >= self.budget and self.at_budget is None:
            self.at_budget = self._scores()
        return self.until_within and seconds >= self.budget and all(look["multiple"] <= WITHIN for look in found)

    def end(self) -> dict:
        """The whole course as plain data."""
        final = self._scores()
        return {"setup_seconds": self.setup, "looks": self.looks, "at_budget": self.at_budget or final, "final": final}

    def _scores(self):
        return [{**self.last, **judge.score(self.samples)} for judge in self.judges]
