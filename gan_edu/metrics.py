"""How good are the samples? Mode coverage, distances between sets, precision and recall, and memorization.

Every function that compares takes sets `(N, d)` or `(N, C, H, W)`, flattened, and computes in float64. What the rows
are decides what is measured: pixels, or the features of a classifier, as FID and KID do with Inception's. Inception's
weights are a download; `train_classifier` makes a small stand-in for them in seconds, from the data themselves.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from gan_edu.data.sounds import log_mel, mel_bank  # noqa: F401  (how a sound is looked at: scores of sounds begin here)


class Coverage(NamedTuple):
    """`modes` covered, and the share of `good` samples."""

    modes: int
    good: float


class PrecisionRecall(NamedTuple):
    """`precision`: the share of fakes that look real; `recall`: the share of reals that the generator can make."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """`density`: how many real balls a fake lies in, 1 is what to expect; `coverage`: the share of balls not empty."""

    density: float
    coverage: float


class Nearest(NamedTuple):
    """`distances` to the nearest reference, and its `indices`, both `(N,)`."""

    distances: Tensor
    indices: Tensor


def _flatten(a: Tensor, b: Tensor, more_than: int = 0) -> tuple[Tensor, Tensor]:
    """Both sets as float64 `(N, d)`; raises where they differ in shape, are too small or not finite."""
    shapes = f"got shapes {tuple(a.shape)} and {tuple(b.shape)}"
    if a.ndim < 2 or a.shape[1:] != b.shape[1:]:
        raise ValueError(f"both sets must be (N, d) or (N, C, H, W), alike but for N; {shapes}")
    if min(len(a), len(b)) <= more_than:
        raise ValueError(f"each set needs more than {more_than} samples; {shapes}")
    a, b = a.detach().flatten(1).double(), b.detach().flatten(1).double()
    if not (a.isfinite().all() and b.isfinite().all()):
        raise ValueError(f"samples must be finite, but some are NaN or infinite; {shapes}")
    return a, b


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances `(N, M)` through one matrix product, with exact zeros between equal rows."""
    origin = b.mean(0)  # rounding grows with the norms, so they are kept small
    a, b = a - origin, b - origin
    norms = a.square().sum(1)[:, None] + b.square().sum(1)
    squared = norms - 2 * a @ b.T
    return squared.masked_fill(squared < 1e-12 * norms, 0.0)  # what is left there is rounding, of either sign


def _chunks(x: Tensor) -> tuple[Tensor, ...]:
    """Pieces of 250 rows, so that 10,000 x 10,000 distances need 20 MB at a time and not 800, and stay in the cache."""
    return x.split(250)


def mode_coverage(samples: Tensor, centers: Tensor, std: float, share: float = 0.1) -> Coverage:
    """Count the modes of a Gaussian mixture that `samples` `(N, 2)` cover, and the share of good samples.

    A sample is good when it lies within 3 `std` of its nearest centre; of the mixture's own samples 98.9 % do
    (1 - exp(-9 / 2) in the plane). A mode is covered when it holds at least one good sample and at least `share` of its
    fair part, N / K. Papers count from one sample on (`share=0`), and so a generator that sits on one mode and spills a
    few samples on the way to the others scores full marks; a tenth of the fair part forgives imbalance, not absence.

    Source: Srivastava et al. 2017 (VEEGAN), section 4.1, for the 3 std and the counting from one.

    Raises:
        ValueError: for shapes other than (N, 2) and (K, 2), values that are not finite, `std` <= 0, or `share` outside
            [0, 1].
    """
    if samples.ndim != 2 or samples.shape[1] != 2:
        raise ValueError(f"samples must have shape (N, 2), got {tuple(samples.shape)}")
    samples, centers = _flatten(samples, centers)
    if not std > 0 or not 0 <= share <= 1:
        raise ValueError(f"std must be positive and share in [0, 1], got std={std} and share={share}")
    squared, mode = _squared_distances(samples, centers).min(dim=1)
    good = squared <= (3 * std) ** 2
    counts = torch.bincount(mode[good], minlength=len(centers))
    enough = max(1.0, share * len(samples) / len(centers))
    return Coverage(int((counts >= enough).sum()), good.double().mean().item())


def _covariance_root(x: Tensor) -> tuple[Tensor, Tensor]:
    """The covariance of the rows of `x` and its symmetric square root, also where the covariance is singular."""
    covariance = torch.atleast_2d(torch.cov(x.T))
    values, vectors = torch.linalg.eigh(covariance)
    return covariance, (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """The squared Wasserstein-2 distance between the Gaussians fitted to the two sets; 0 is best.

    `|mean_a - mean_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2))`. The trace of the last root is the sum of the singular
    values of `S_a^(1/2) S_b^(1/2)`, which needs no root of a matrix that is not symmetric. It is biased upwards in
    small sets: compare values from equal N alone.

    Source: Dowson and Landau 1982; as a score of GANs, Heusel et al. 2017, equation 6.

    Raises:
        ValueError: for shapes that do not match, fewer than 2 samples, or values that are not finite.
    """
    a, b = _flatten(a, b, more_than=1)
    (cov_a, root_a), (cov_b, root_b) = _covariance_root(a), _covariance_root(b)
    means = (a.mean(0) - b.mean(0)).square().sum()
    spread = cov_a.trace() + cov_b.trace() - 2 * torch.linalg.matrix_norm(root_a @ root_b, ord="nuc")
    return max(0.0, (means + spread).item())  # rounding alone can make it negative


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """The squared maximum mean discrepancy under the kernel `(x.y / d + 1)^3`, estimated without bias; 0 is best.

    Unlike the Fréchet distance its mean does not depend on N, and so it may come out slightly negative.

    Source: Bińkowski et al. 2018 (KID), section 4; the estimator is Gretton et al. 2012, equation 3.

    Raises:
        ValueError: for shapes that do not match, fewer than 2 samples, or values that are not finite.
    """
    a, b = _flatten(a, b, more_than=1)

    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def mean_within(x):
        everything = sum(kernel(rows, x).sum() for rows in _chunks(x))
        itself = ((x.square().mean(1) + 1) ** 3).sum()
        return (everything - itself) / (len(x) * (len(x) - 1))

    between = sum(kernel(rows, b).sum() for rows in _chunks(a)) / (len(a) * len(b))
    return (mean_within(a) + mean_within(b) - 2 * between).item()


def _squared_radius(reference: Tensor, k: int) -> Tensor:
    """The squared distance of each reference to its k-th nearest neighbour among the others: (M,)."""
    # The nearest one is the reference itself, at distance 0, so the k-th neighbour comes at place k + 1.
    closest = [_squared_distances(rows, reference).topk(k + 1, largest=False).values for rows in _chunks(reference)]
    return torch.cat(closest).amax(dim=1) * (1 + 1e-9)  # pictures of few grey levels tie: rounding must not decide


def _inside(points: Tensor, reference: Tensor, k: int) -> Iterator[Tensor]:
    """Which points lie in which balls around references, each up to its k-th neighbour: chunks (n, M), bool."""
    radius = _squared_radius(reference, k)
    return (_squared_distances(rows, reference) <= radius for rows in _chunks(points))


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> PrecisionRecall:
    """How many fakes lie on the manifold of the reals (precision), and how many reals on that of the fakes (recall).

    A set's manifold is the union of balls around its samples, each reaching to the sample's `k`-th nearest neighbour.
    Two sets of one distribution do not score 1: in 64 dimensions, 1,000 samples each, about 0.62.

    Source: Kynkäänniemi et al. 2019, equations 1 and 2.

    Raises:
        ValueError: for shapes that do not match, sets of `k` samples or fewer, `k` below 1, or values not finite.
    """
    real, fake = _for_balls(real, fake, k)
    within = [torch.cat([rows.any(dim=1) for rows in _inside(*pair, k)]) for pair in ((fake, real), (real, fake))]
    return PrecisionRecall(*(share.double().mean().item() for share in within))


def density_coverage(real: Tensor, fake: Tensor, k: int = 5) -> DensityCoverage:
    """In how many real balls a fake lies, of the `k` to expect (density), and how many balls hold one (coverage).

    The balls are those of `precision_recall`, around reals alone, so that a stray fake spoils nothing. The density of a
    perfect generator is 1 in the mean, and, with as many fakes as reals, its coverage nears 1 - 2^-k; more is no
    better, but a set drawn together.

    Source: Naeem et al. 2020, equations 3 and 4 (their code asks for `<` where this counts the border as inside).

    Raises:
        ValueError: for shapes that do not match, sets of `k` samples or fewer, `k` below 1, or values not finite.
    """
    real, fake = _for_balls(real, fake, k)
    held, filled = zip(*((rows.sum(dim=1), rows.any(dim=0)) for rows in _inside(fake, real, k)), strict=True)
    density = torch.cat(held).double().mean().item() / k
    return DensityCoverage(density, torch.stack(filled).any(dim=0).double().mean().item())


def _for_balls(real: Tensor, fake: Tensor, k: int) -> tuple[Tensor, Tensor]:
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return _flatten(real, fake, more_than=k)


def class_spread(samples: Tensor, labels: Tensor) -> float:
    """How far apart two samples of one class are on average, the mean over the classes of `labels` (N,).

    One picture for each class has 0; compare with real samples, as many of each class.

    Raises:
        ValueError: for shapes that do not match, a class with one sample only, or values that are not finite.
    """
    samples, _ = _flatten(samples, samples)
    values, counts = labels.unique(return_counts=True)
    if len(labels) != len(samples) or counts.min() < 2:
        raise ValueError(f"needs a label for each of {len(samples)} samples, and two samples or more of each class")
    return sum(torch.pdist(samples[labels == value]).mean().item() for value in values) / len(values)


def path_length(walk: Callable[[Tensor], Tensor], places: Tensor, step: float = 1e-2) -> float:
    """The mean squared speed of a walk at `places` (N, 1) in [0, 1): |walk(t + step) - walk(t)|^2 / step^2.

    `walk` maps places to samples (N, ...), of N ways. The slowest and the fastest 1 % are left out.

    Source: Karras et al. 2019, section 4.1 (which measures with a network's distance instead of the Euclidean one).
    """
    speeds = (walk(places + step) - walk(places)).detach().flatten(1).double().square().sum(1) / step**2
    return speeds.sort().values[len(speeds) // 100 : len(speeds) - len(speeds) // 100].mean().item()


def centroids(clips: Tensor) -> Tensor:
    """The centre of what is bright in each frame of clips (N, T, C, H, W): (N, T, 2), pixels right of, and below, 0."""
    ink = (clips.mean(2) + 1).clamp(min=1e-6)
    sums = ink.sum(2), ink.sum(3)  # of the columns, and of the rows
    return torch.stack([(s * torch.arange(s.shape[2], device=s.device)).sum(2) / s.sum(2) for s in sums], dim=2)


def centred(clips: Tensor) -> Tensor:
    """The frames of square clips (N, T, C, H, H), each moved so that its centroid is in the middle: (N T, C, H, H).

    So a classifier can read what is there wherever it is. What comes in from beyond the edge is black.
    """
    frames, edge = clips.flatten(0, 1), clips.shape[-1]
    to_middle = torch.eye(2, 3, device=clips.device).repeat(len(frames), 1, 1)
    to_middle[:, :, 2] = (2 * centroids(clips).flatten(0, 1) + 1) / edge - 1
    grid = functional.affine_grid(to_middle, frames.shape, align_corners=False)
    return functional.grid_sample(frames + 1, grid, align_corners=False) - 1


def periodicity(sounds: Tensor, low: float = 90.0, high: float = 220.0, rate: int = 8000) -> tuple[Tensor, Tensor]:
    """How like itself one period earlier each sound (N, T) is, 1 at most, and its pitch in Hz: both (N,).

    The period is the one between those of `high` and `low` Hz at which the correlation is largest.
    """
    periods = range(round(rate / high), round(rate / low) + 1)
    alike = [functional.cosine_similarity(sounds[:, :-p], sounds[:, p:], dim=1) for p in periods]
    strength, which = torch.stack(alike, dim=1).max(1)
    return strength, rate / (which + periods[0])


def nearest(samples: Tensor, reference: Tensor) -> Nearest:
    """For each sample the Euclidean distance to its nearest reference, and which one it is.

    Distances to the training set that are far below those of held-out data mean that the generator copies.

    Raises:
        ValueError: for shapes that do not match, empty sets, or values that are not finite.
    """
    samples, reference = _flatten(samples, reference)
    found = [_squared_distances(rows, reference).min(dim=1) for rows in _chunks(samples)]
    return Nearest(torch.cat([f.values for f in found]).sqrt(), torch.cat([f.indices for f in found]))


def authenticity(seen: Tensor, samples: Tensor) -> float:
    """The share of samples that lie farther from their nearest training picture than that picture from its own.

    Copies score 0; what fresh data score depends on them: measure it. What lies far from all data scores 1: authentic
    is not good.

    Source: Alaa et al. 2022, section 3.

    Raises:
        ValueError: for shapes that do not match, fewer than 2 samples, or values that are not finite.
    """
    (rows, samples), found = _flatten(seen, samples, more_than=1), nearest(samples, seen)
    own = _squared_radius(rows, 1).sqrt()
    return (found.distances > own[found.indices]).double().mean().item()


def auc(positive: Tensor, negative: Tensor) -> float:
    """How often a positive score (N,) is above a negative one (M,); a tie counts half. Chance has 0.5, order 1.

    It is the area under the curve of hits against false alarms (Hanley and McNeil 1982).
    """
    ordered, scores = negative.sort().values, positive.contiguous()
    below = [torch.searchsorted(ordered, scores, right=ties).double().mean() for ties in (False, True)]
    return (sum(below) / (2 * len(negative))).item()


def kl_divergence(p: Tensor, q: Tensor) -> float:
    """KL(p || q) in nats, of probabilities (N,) of the same N things; infinite where q misses what p has."""
    p, q = p.double(), q.double()
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum().item()


def effective_number(q: Tensor) -> float:
    """As how many equally likely things probabilities (N,) are, made to sum to 1: e to the power of their entropy."""
    q = q.double() / q.double().sum()
    return (-torch.xlogy(q, q)).sum().exp().item()


class Classifier(nn.Module):
    """Maps images (N, channels, size, size) in [-1, 1] to logits (N, classes), by way of 64 features.

    Two convolutions of stride 2, and one layer whose output is the features; a size of 8 or more, odd ones too.
    """

    def __init__(self, size: int = 28, channels: int = 1, classes: int = 10):
        super().__init__()
        edge = (size + 3) // 4  # each convolution halves, rounding up
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * edge * edge, 64),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, classes)

    def features(self, images: Tensor) -> Tensor:
        """What the last layer reads: (N, 64), not negative."""
        return self.body(images)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


def train_classifier(
    images: Tensor, labels: Tensor, seed: int = 0, steps: int = 1000, batch_size: int = 128, network=Classifier
) -> Classifier:
    """A `network` trained on square images `(N, C, H, H)` with labels `(N,)`, in evaluation mode, on their device.

    The same seed gives the same classifier; the caller's random numbers are left as they were.

    Raises:
        ValueError: for images that are not square, or labels that are not `(N,)`.
    """
    if images.ndim != 4 or images.shape[2] != images.shape[3] or labels is None or labels.shape != images.shape[:1]:
        found = None if labels is None else tuple(labels.shape)
        raise ValueError(f"images must be (N, C, H, H) with labels (N,), got {tuple(images.shape)} and {found}")
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):  # layers draw their weights from the CPU's global generator
        torch.default_generator.manual_seed(seed)
        classifier = network(images.shape[2], images.shape[1], int(labels.max()) + 1).to(images.device)
    optimizer = torch.optim.AdamW(classifier.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    for _ in range(steps):
        batch = torch.randint(len(images), (batch_size,), generator=random).to(images.device)
        loss = functional.cross_entropy(classifier(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return classifier.eval().requires_grad_(False)


@torch.no_grad()
def features(classifier: Classifier, images: Tensor, batch_size: int = 500) -> Tensor:
    """The classifier's features of images `(N, C, H, H)`, a few at a time and without a graph: `(N, 64)`."""
    return torch.cat([classifier.features(batch) for batch in images.split(batch_size)])


def real_against_real(features: Tensor, n: int, pairs: int = 10, seed: int = 0) -> float:
    """The Fréchet distance that a perfect generator would score: between `n` real samples and `n` others.

    The mean over `pairs` random pairs of disjoint subsets of the rows of `features` `(N, d)`: a single pair can be off
    by a third.

    Raises:
        ValueError: if `n` is below 2 or there are no 2 `n` rows, or `pairs` is below 1.
    """
    if not 2 <= n <= len(features) // 2 or pairs < 1:
        raise ValueError(f"needs n >= 2, 2 n rows and pairs >= 1; got n={n}, {len(features)} rows and pairs={pairs}")
    random = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(features), generator=random)[: 2 * n].to(features.device) for _ in range(pairs)]
    return sum(frechet_distance(features[order[:n]], features[order[n:]]) for order in orders) / pairs
