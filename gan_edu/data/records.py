"""Records: mazes and the way through them, patients, daily returns. No download. Taught in chapter 17."""

import numpy as np
import torch
from matplotlib import cbook
from sklearn.datasets import load_breast_cancer
from torch import Tensor
from torch.nn import functional

from gan_edu.data.images import Images


def cheapest(costs: Tensor) -> Tensor:
    """What the cheapest way from the upper left tile to each tile costs, both ends included: (N, size, size).

    `costs` (N, size, size) are those of entering a tile, 0 or more, infinite for a tile that is closed. A wave from the
    start goes one tile further in each round, until nothing becomes cheaper (Bellman 1958); where every open tile costs
    1, that is breadth-first search. A gradient leads back to the tiles on the cheapest way.
    """
    least = torch.full_like(costs, torch.inf)
    least[:, 0, 0] = costs[:, 0, 0]
    for _ in range(costs.shape[1:].numel()):  # no way has more tiles
        padded = functional.pad(least, (1, 1, 1, 1), value=torch.inf)
        sides = padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]
        better = torch.minimum(least, torch.stack(sides).amin(0) + costs)
        if torch.equal(better, least):
            break
        least = better
    return least


def _through(costs: Tensor) -> Tensor:
    """Which tiles lie on a cheapest way from the upper left to the lower right tile: (N, size, size), bool."""
    there, back = cheapest(costs), cheapest(costs.flip(1, 2)).flip(1, 2)
    least = there[:, -1:, -1:]
    return (there + back - costs == least) & least.isfinite()


def mazes(n: int = 1000, size: int = 6, seed: int = 0) -> Images:
    """Mazes (n, 1, size, size), 1 for floor and -1 for wall, with a way from the upper left to the lower right tile.

    The way is the cheapest under random costs, and winds; of the other tiles a third is floor too.
    """
    random = torch.Generator().manual_seed(seed)
    way = _through(torch.randint(1, 10_000, (n, size, size), generator=random).double())
    floor = way | (torch.rand(n, size, size, generator=random) < 1 / 3)
    return Images(2 * floor[:, None].float() - 1, None, ("wall", "floor"))


def shortest(mazes: Tensor) -> Tensor:
    """The tiles on a shortest way through mazes (N, 1, size, size), positive for floor: (N, size, size), bool.

    None is True where there is no way. Moves go up, down, left or right; of several shortest ways it takes one, and the
    same one for the same maze.
    """
    taste = torch.randint(100, mazes.shape[2:], generator=torch.Generator().manual_seed(0)).to(mazes.device)
    return _through(torch.where(mazes.squeeze(1) > 0, 10_000.0 + taste, torch.inf).double())


def solvable(mazes: Tensor) -> Tensor:
    """Is there a way? (N,), bool, by breadth-first search through mazes (N, 1, size, size), positive for floor."""
    return cheapest(torch.where(mazes.squeeze(1) > 0, 1.0, torch.inf))[:, -1, -1].isfinite()


def walls_in_the_way(mazes: Tensor) -> Tensor:
    """How many walls must be torn down to get through mazes (N, 1, size, size) in [-1, 1]: (N,), with a gradient.

    A tile between wall and floor counts in part: 0 is half a wall.
    """
    return cheapest((1 - mazes.squeeze(1)) / 2)[:, -1, -1]


def patients() -> Images:
    """Measurements of 569 breast tumours, (569, 30), each standardized, as `images`; labels: malignant or benign.

    Source: Wolberg, Street and Mangasarian, Breast Cancer Wisconsin (Diagnostic), UCI 1993; bundled with scikit-learn.
    """
    bunch = load_breast_cancer()
    rows, labels = torch.tensor(bunch.data), torch.tensor(bunch.target)
    return Images(((rows - rows.mean(0)) / rows.std(0)).float(), labels, tuple(bunch.target_names.tolist()))


def returns(window: int = 64) -> Tensor:
    """All stretches (N, window) of 1,046 daily returns of a share, the logarithms of price ratios, standardized.

    Source: Google's adjusted closing prices from August 2004 to October 2008, bundled with matplotlib.
    """
    prices = cbook.get_sample_data("goog.npz")["price_data"]["adj_close"]
    change = torch.tensor(np.diff(np.log(prices)))
    return ((change - change.mean()) / change.std()).float().unfold(0, window, 1)
