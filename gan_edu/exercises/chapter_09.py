"""The exercises of chapter 09: a Fréchet distance of zero, precision from distances, a report to referee."""

import torch
from torch import Tensor

from gan_edu import data, metrics
from gan_edu.exercises.core import Wrong, call, close, exercise, require


def frauds(seen: Tensor, fresh: Tensor) -> dict[str, Tensor]:
    """Three generators that no network had to learn, each (N, 1, 8, 8), by their letters."""
    mean = seen.mean(0)
    noise = 2 * torch.rand(fresh.shape, generator=torch.Generator().manual_seed(0)) - 1
    return {"A": 2 * mean - seen, "B": noise, "C": mean + 0.8 * (fresh - mean)}


@exercise("9.1 A distance of 0")
def check_zero_distance(zero_distance) -> str:
    """Any pictures with the mean and the covariance of those that are given, but not those pictures."""
    digits = data.digits().images
    for seen in (digits[:300], digits[300:700]):
        made = call(zero_distance, seen.clone())
        is_set = isinstance(made, Tensor) and made.shape[1:] == seen.shape[1:] and len(made) > 1
        require(is_set, "Return pictures as a tensor (N, 1, 8, 8), like those that you are given.")
        require(made.isfinite().all(), "Some of your pixels are NaN or infinite.")
        distance = metrics.frechet_distance(seen, made)
        means = (seen.double().mean(0) - made.double().mean(0)).square().sum().item()
        if distance > 1e-4:
            rest = distance - means
            sizes = sorted([(means, "means"), (max(0.0, rest), "covariances")])[::-1]  # the larger first
            says = f"The {sizes[0][1]} differ most" if means > 1e-4 else "The means agree, the covariances do not"
            parts = "{}: the distance is {:.3g} from the {} and {:.3g} from the {}.".format(says, *sizes[0], *sizes[1])
            require(rest > 1e-4, f"{parts} The covariance is already right. Bring back the mean, each pixel's own.")
            clamped = (made[:1] - (2 * seen.mean(0) - seen).clamp(-1, 1)[:1]).abs().max() < 1e-4
            require(not clamped, f"{parts} Did you clamp? Pixels may leave [-1, 1] here.")
            per_picture = made.shape == seen.shape and (made + seen).flatten(1).std(1).max() < 1e-4
            require(not per_picture, f"{parts} A mean over pixels? Take it over the pictures: .mean(0).")
            small = " Small: random draws wobble, by the law of 9.1. Or did you change only some pictures?"
            raise Wrong(parts + small * (distance < 1))
        new = metrics.authenticity(seen, made) > 0.6
        require(new, "The distance is 0, but those are the training pictures, or nearly. Make new ones.")
    return f"Distance {distance:.1e}, and none is a training picture. Are they *new*? Section 9.3 asks."


def _shares(real: Tensor, fake: Tensor, k: int) -> dict[str, float]:
    """Wrong ways to count precision, by the hint that each deserves."""
    to_real, among = torch.cdist(fake, real), torch.cdist(real, real).sort(dim=1).values
    inside = to_real <= among[:, k]
    return {
        "The nearest is itself: you reach neighbour k - 1.": (to_real <= among[:, k - 1]).any(1).double().mean(),
        "Your balls reach to the neighbour k + 1.": (to_real <= among[:, k + 1]).any(1).double().mean(),
        "That is the share of pairs; a fake counts once, however many balls hold it: any.": inside.double().mean(),
        "A fake need not lie in all balls; one is enough: any, not all.": inside.all(1).double().mean(),
        "That is coverage, the share of balls that hold a fake, not of fakes.": inside.any(0).double().mean(),
        "That is a count: divide by the number of fakes.": inside.any(1).double().sum(),
        "All inside? Look for row k in place of column k, .indices of .values, or >= of <=.": torch.tensor(1.0),
        "That is density: how many balls hold a fake, over k.": inside.double().sum(1).mean() / k,
        "One radius for all: each ball has its own.": (to_real <= among[:, k].mean()).any(1).double().mean(),
        "Not the nearest real's ball alone: a fake may lie in the large ball of a real farther away.": (
            (to_real.min(1).values <= among[to_real.argmin(1), k]).double().mean()
        ),
        "The radii belong to the columns, the reals; yours are compared along the rows, the fakes.": (
            (to_real <= among[: len(fake), k, None]).any(1).double().mean() if len(real) >= len(fake) else torch.nan
        ),
    }


@exercise("9.2 Precision from distances")
def check_my_precision(my_precision) -> str:
    """The share of fakes inside at least one real ball."""
    random = torch.Generator().manual_seed(0)
    for n, m, k in ((400, 400, 3), (150, 100, 1), (60, 180, 5)):  # many: mistakes must not tie
        real = torch.randn(n, 3, generator=random, dtype=torch.float64)
        fake = 1.5 * torch.randn(m, 3, generator=random, dtype=torch.float64)
        right = metrics.precision_recall(real, fake, k).precision
        try:
            answer = torch.as_tensor(call(my_precision, torch.cdist(real, real), torch.cdist(fake, real), k)).double()
        except RuntimeError as error:
            require("infer output dtype" not in str(error), "A mean of True and False needs numbers: .double() first.")
            raise
        require(answer.numel() == 1, f"Return one number, not {answer.numel()}.")
        if close(answer.reshape(()), right):
            continue
        for hint, mistake in _shares(real, fake, k).items():
            require(not close(answer.reshape(()), mistake), hint)
        raise Wrong(f"With {n} reals, {m} fakes and k = {k} yours is {answer.item():.3f}, and {right:.3f} is right.")
    edge = call(my_precision, torch.tensor([[0.0, 2.0], [2.0, 0.0]]), torch.tensor([[2.0, 4.0]]), 1)  # just reached
    require(edge == 1, "All right but for a fake on a ball's edge: it counts as inside, so <= and not <.")
    return "With <= a fake on a ball's edge counts: the deeper notebook shows where that matters."


FAULTS = {  # line of the report: why it is a mistake
    2: "the number of samples: by the law that difference alone makes a distance.",
    5: "the pictures each is compared with: one may have learnt them by heart.",
    6: "the features: numbers from two networks are two scales.",
}
FINE = {
    1: "A mean over runs with its spread is what you want to see.",
    3: "float64 is right: sums of squares lose too much in float32.",
    4: "The kernel distance is unbiased, so a perfect generator falls below 0 half of the time.",
    7: "Each is what a perfect generator gets at its k, with equal numbers: 1 - 2^-5 and 1 - 2^-3.",
    8: "0.63 is as good as real data here: the line says so itself.",
}


@exercise("9.3 Referee a report")
def check_referee(my_lines) -> str:
    """The numbers of the three faulty lines."""
    require(not isinstance(my_lines, str), "Give a list of numbers, such as [1, 2, 3], not a text.")
    answer = [my_lines] if isinstance(my_lines, int) else [int(line) for line in my_lines]
    for line in answer:
        require(line in FAULTS | FINE, f"{line}: give numbers of lines, from 1 to 8.")
        require(line in FAULTS, f"Line {line} is in order. {FINE.get(line)}")
    missed = [FAULTS[line] for line in FAULTS if line not in answer]
    require(not missed, f"{3 - len(missed)} of 3. Compare what the two had in common. Look at {''.join(missed[:1])}")
    return "All three. Each of them alone can turn the ranking round."
