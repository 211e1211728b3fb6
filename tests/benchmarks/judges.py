"""What the quality of samples is judged by: distances and scores on features of three kinds, look by look."""

from typing import NamedTuple

import torch
from sklearn.decomposition import PCA
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


class Deeper(metrics.Classifier):
    """Another architecture: three convolutions of stride 1, pooled, and 128 features."""

    def __init__(self, size: int = 28, channels: int = 1, classes: int = 10):
        super().__init__(size, channels, classes)
        layers = []
        for before, after in ((channels, 24), (24, 48), (48, 48)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(48 * (size // 8) ** 2, 128), nn.ReLU())
        self.head = nn.Linear(128, classes)


class Pixels:
    """No network at all: scikit-learn's 64 principal components of the pixels."""

    def __init__(self, images: Tensor):
        self.pca = PCA(64, random_state=0).fit(images.flatten(1).cpu().numpy())

    def features(self, images: Tensor) -> Tensor:
        """The components (N, 64)."""
        return torch.from_numpy(self.pca.transform(images.flatten(1).cpu().numpy())).to(images.device)


NETWORKS = {"ours": metrics.Classifier, "deeper": Deeper}
JUDGES = (*NETWORKS, "pixels")  # of different architecture: what one is blind to, another may see


class Judge:
    """One of JUDGES: features, learnt on the pictures, that samples are compared by; a classifier's classes too."""

    def __init__(self, name: str, images: data.Images, scale: Scale, device: torch.device):
        pixels, labels = images.images.to(device), images.labels.to(device)
        self.name, self.compared, self.classes = name, scale.compared, len(images.classes)
        if name in NETWORKS:
            self.learnt = metrics.train_classifier(pixels, labels, 0, scale.classifier_steps, network=NETWORKS[name])
        else:
            self.learnt = Pixels(pixels)
        real = metrics.features(self.learnt, pixels)
        self.real_against_real = metrics.real_against_real(real, scale.samples, pairs=10)
        order = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))[: scale.samples]
        self.real = real[order.to(device)]

    def distance(self, samples: Tensor) -> dict:
        """The Fréchet distance, and how many times real-against-real that is."""
        frechet = metrics.frechet_distance(self.real, self._features(samples))
        return {"judge": self.name, "frechet": frechet, "multiple": frechet / self.real_against_real}

    def score(self, samples: Tensor) -> dict:
        """The distance, and all the rest that takes longer."""
        fake = self._features(samples)
        found = metrics.precision_recall(self.real[: self.compared], fake[: self.compared])
        scores = {
            **self.distance(samples),
            "real_against_real": self.real_against_real,
            "kernel_distance": metrics.kernel_distance(self.real, fake),
            **found._asdict(),
        }
        if self.name in NETWORKS:
            counts = torch.bincount(self.learnt.head(fake).argmax(1), minlength=self.classes)
            scores["class_shares"] = (counts / len(samples)).tolist()
        return scores

    def _features(self, samples):
        return metrics.features(self.learnt, samples.to(self.real.device))


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
