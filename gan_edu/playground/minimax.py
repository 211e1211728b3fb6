"""The explorer of chapter 1: move q over p, and see D*, V and the Jensen-Shannon divergence follow."""

import math
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.distributions import Normal
from torch.nn.functional import softplus

from gan_edu import plots
from gan_edu.playground.explorer import Explorer, menu, slider

X = torch.linspace(-30, 30, 6001, dtype=torch.float64)  # wide enough for the widest q at the farthest mean
BUMPS = {"one bump": [0.0], "two bumps": [-2.0, 2.0]}  # where the bumps of p stand; each has the width 1
MEANS = torch.linspace(-6, 6, 61, dtype=torch.float64)


class Game(NamedTuple):
    """D's best reply D* on the grid `X`, the value V(D*, G), and the Jensen-Shannon divergence in nats."""

    best: Tensor
    value: Tensor
    jsd: Tensor


def log_density(means: list[float] | Tensor, width: float) -> Tensor:
    """The log density, on `X`, of equal normal bumps that stand at `means`: (6001,), float64."""
    means = torch.as_tensor(means, dtype=torch.float64)
    return Normal(means[:, None], width).log_prob(X).logsumexp(0) - math.log(len(means))


def play(log_p: Tensor, log_q: Tensor) -> Game:
    """The game of two log densities on `X`, (..., 6001) each, by numerical integration (Goodfellow et al. 2014, 4.1).

    V comes from its definition and JSD from two KL divergences, so that V = 2 JSD - log 4 is found, not put in.
    """
    logit, log_m = log_p - log_q, torch.logaddexp(log_p, log_q) - math.log(2)
    p, q = log_p.exp(), log_q.exp()
    value = -torch.trapezoid(p * softplus(-logit) + q * softplus(logit), X)
    jsd = torch.trapezoid(p * (log_p - log_m) + q * (log_q - log_m), X) / 2
    return Game(torch.sigmoid(logit), value, jsd.clamp(min=0))  # rounding alone can make it negative


def draw(ax: Axes, mean: float, width: float, data: str = "one bump") -> Game:
    """Draw p, q (a normal bump) and D* into the axes; returns their game."""
    log_p, log_q = log_density(BUMPS[data], 1.0), log_density([mean], width)
    game = play(log_p, log_q)
    ax.fill_between(X, log_p.exp(), color=plots.REAL, alpha=0.25, linewidth=0)
    ax.plot(X, game.best, color=plots.D, linestyle=":", linewidth=2.2, label="D*")
    plots.curves(ax, X, {"p": log_p.exp(), "q": log_q.exp()}, x="x", y="density; D* as a probability")
    ax.set(xlim=(-8, 8), ylim=(0, 1.25), yticks=[0, 0.5, 1])
    ax.legend(fontsize=8, frameon=False, loc="upper center", ncols=3, handlelength=1.5, columnspacing=1)
    return game


class MinimaxExplorer(Explorer):
    """Sliders for the mean and the width of q, a choice of p, a picture and a line of numbers: `.widget`."""

    NAME, INVITATION = "minimax explorer", "run this cell to move the densities"

    def __init__(self, mean: float = 3.0, width: float = 1.0, data: str = "one bump"):
        super().__init__(
            mean=slider(mean, -6, 6, "mean", "Where q stands", step=0.1),
            width=slider(width, 0.4, 3, "width", "q's deviation", step=0.1),
            data=menu(data, tuple(BUMPS), "data p", "p's shape"),
        )

    def draw(self, mean, width, data):
        figure, (left, right) = plots.panels(2, width=3.9, height=2.8)
        game = draw(left, mean, width, data)
        values = play(log_density(BUMPS[data], 1.0), Normal(MEANS[:, None], width).log_prob(X)).value
        plots.curves(right, MEANS, {"G": values}, x="mean of q", y="V(D*, G)")
        right.plot(mean, game.value, marker="o", color=plots.INK)
        right.set(ylim=(-1.5, 0.1), yticks=[-math.log(4), -1, -0.5, 0], yticklabels=["-log 4", -1, -0.5, 0])
        seen = game.best[X.abs() <= 8]
        said = f"D* from {seen.min():.2f} to {seen.max():.2f};  V = {game.value:.3f};  JSD = {game.jsd:.3f}"
        return figure, said
