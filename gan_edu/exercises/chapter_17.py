"""The exercises of chapter 17: a calibrated attack, the shortest way through a maze, and four sellers of returns."""

import torch
from torch import Tensor

from gan_edu import data
from gan_edu.exercises.core import call, exercise, require, require_diagnoses


@exercise("17.1 A fairer suspicion")
def check_suspicion(suspicion) -> str:
    """How much nearer a generator comes to each digit than another generator does; only the order counts."""
    random = torch.Generator().manual_seed(0)
    for n in (40, 25):
        digits, samples, others = (torch.randn(m, 8, generator=random) for m in (n, 70, 60))
        digits = digits * torch.linspace(0.2, 3, n)[torch.randperm(n, generator=random)][:, None]
        own, strange = torch.cdist(digits, samples), torch.cdist(digits, others)
        scores = torch.as_tensor(call(suspicion, digits.clone(), samples.clone(), others.clone()))
        require(scores.shape == (n,), f"A score for each digit, ({n},); yours has the shape {tuple(scores.shape)}.")
        require(scores.isfinite().all(), "Some scores are NaN or infinite.")
        near, far, order = own.amin(1), strange.amin(1), scores.double().argsort()

        def same(wrong, order=order):
            return torch.equal(order, wrong.double().argsort())

        for wrong, hint in (
            (same(near - far), "The order is upside down: a digit that samples come near to is the suspicious one."),
            (same(-near), "One distance alone: an ordinary digit is near to samples of any generator."),
            (same(far), "One distance alone, to the samples of the GAN that nobody accuses."),
            (same(near), "One distance alone, and upside down."),
            (same(strange.mean(1) - own.mean(1)), "Take the nearest sample, not the mean over all."),
            (same(far**2 - near**2), "Euclidean distances, not their squares: those favour what is far from both."),
            (not same(far - near), "It should be the distance to the nearest of `others`, less that to the nearest of "
             "`samples`."),
        ):  # fmt: skip
            require(not wrong, hint)
    return "Whoever is near to this generator alone has something to explain."


def _moves(floor: Tensor) -> int:
    costs = torch.where(floor, 1.0, torch.inf)[None]
    steps = data.cheapest(costs)[0, -1, -1].item()
    return int(steps) - 1 if steps < float("inf") else -1


@exercise("17.2 The shortest way out")
def check_fewest_moves(fewest_moves) -> str:
    """By breadth-first search, or anything else that finds the shortest way."""
    random = torch.Generator().manual_seed(1)
    open_field, closed = torch.ones(4, 4).bool(), torch.ones(3, 3).bool()
    closed[1] = False
    snake = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 0, 0, 1], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]]).bool()
    drawn = [torch.rand(n, n, generator=random) < 0.65 for n in (3, 4, 5, 6, 7) for _ in range(12)]
    for floor in [open_field, closed, snake, ~torch.eye(4).bool(), *drawn]:
        right, found = _moves(floor), call(fewest_moves, floor.clone())
        try:
            found = int(found)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            require(False, f"Return one whole number, not {found!r}.")
        picture = "\n  ".join("".join("#."[int(tile)] for tile in line) for line in floor.tolist())
        for wrong, hint in (
            (right == -1 != found, f"There is no way here, so -1; yours says {found}. Are both ends floor?"),
            (found == -1 != right, "There is a way here, and yours finds none. May it also go left, and up?"),
            (found == right + 1, f"You count tiles; {right + 1} tiles are {right} moves."),
            (found < right, f"It takes {right} moves, yours says {found}: no diagonal moves, and not through walls."),
            (found > right, f"It takes {right} moves, yours says {found}: visit nearer tiles before farther ones."),
        ):
            require(not wrong, f"{hint}\n  {picture}")
    return "Sixty mazes, each by the shortest way."


WORDS = ("no clusters", "thin tails", "copies", "nothing wrong")
SIGNS = {
    "no clusters": "how alike are |r| of neighbouring days, beside the real ones?",
    "thin tails": "how far out do its largest days lie? Compare the kurtosis.",
    "copies": "both facts are right. How far is each path from the nearest real one?",
    "nothing wrong": "both facts are within the real interval, and no path is a real one.",
}
SELLERS = ("no clusters", "nothing wrong", "copies", "thin tails")


def sellers() -> Tensor:
    """Paths of 64 daily returns by four sellers, (4, 200, 64), made by hand."""
    random = torch.Generator().manual_seed(4)
    real = data.returns()
    shuffled = real.flatten()[torch.randint(real.numel(), (200, 64), generator=random)]
    copies = real[torch.randperm(len(real), generator=random)[:200]]
    signs = torch.randint(0, 2, (200, 64), generator=random) * 2 - 1
    backwards = real[torch.randperm(len(real), generator=random)[:200]].flip(1) * signs
    thin = torch.special.ndtri((backwards.flatten().argsort().argsort() + 0.5) / backwards.numel()).view(200, 64)
    dice, spread = torch.randn(200, 128, generator=random), torch.randn(200, 64, 8, generator=random).square().mean(2)
    calm = [dice[:, 0]]
    for change in dice[:, 1:].unbind(1):  # the logarithm of the volatility goes slowly up and down
        calm.append(0.9 * calm[-1] + 0.44 * change)
    honest = (0.45 * torch.stack(calm[64:], 1)).exp() * torch.randn(200, 64, generator=random) / spread.sqrt()
    return torch.stack([shuffled, honest / honest.std(), copies, thin])


@exercise("17.3 Four sellers")
def check_sellers(my_diagnoses) -> str:
    """What ails each seller's paths, in order."""
    require_diagnoses(my_diagnoses, SELLERS, WORDS, SIGNS)
    return "All four. Two numbers would have bought the copies."
