"""The explorer of chapter 01: move p_g over p_data, and see D*, V and the Jensen-Shannon divergence follow."""

import math
from typing import NamedTuple

import ipywidgets as widgets
import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.distributions import Normal
from torch.nn.functional import softplus

from gan_edu import plots

X = torch.linspace(-20, 20, 4001, dtype=torch.float64)  # wide enough for the widest p_g at the farthest mean
BUMPS = {"one bump": [0.0], "two bumps": [-2.0, 2.0]}  # where the bumps of p_data stand; each has the width 1
MEANS = torch.linspace(-6, 6, 61, dtype=torch.float64)


class Game(NamedTuple):
    """D's best reply D* on the grid `X`, the value V(D*, G), and the Jensen-Shannon divergence in nats."""

    best: Tensor
    value: Tensor
    jsd: Tensor


def log_density(means: list[float] | Tensor, width: float) -> Tensor:
    """The log density, on `X`, of equal normal bumps that stand at `means`: (4001,), float64."""
    means = torch.as_tensor(means, dtype=torch.float64)
    return Normal(means[:, None], width).log_prob(X).logsumexp(0) - math.log(len(means))


def play(log_p: Tensor, log_q: Tensor) -> Game:
    """The game of two log densities on `X`, (..., 4001) each, by numerical integration (Goodfellow et al. 2014, 4.1).

    V comes from its definition and JSD from two KL divergences, so that V = 2 JSD - log 4 is found, not put in.
    """
    logit, log_m = log_p - log_q, torch.logaddexp(log_p, log_q) - math.log(2)
    p, q = log_p.exp(), log_q.exp()
    value = -torch.trapezoid(p * softplus(-logit) + q * softplus(logit), X)
    jsd = torch.trapezoid(p * (log_p - log_m) + q * (log_q - log_m), X) / 2
    return Game(torch.sigmoid(logit), value, jsd)


def draw(ax: Axes, mean: float, width: float, data: str = "one bump") -> Game:
    """Draw p_data, p_g (a normal bump) and D* into the axes; returns their game."""
    log_p, log_q = log_density(BUMPS[data], 1.0), log_density([mean], width)
    game = play(log_p, log_q)
    ax.fill_between(X, log_p.exp(), color=plots.REAL, alpha=0.25, linewidth=0)
    ax.plot(X, log_p.exp(), color=plots.REAL, linewidth=1.6, label="p_data")
    ax.plot(X, log_q.exp(), color=plots.FAKE, linestyle="--", linewidth=1.6, label="p_g")
    ax.plot(X, game.best, color=plots.D, linestyle=":", linewidth=2.2, label="D*")
    ax.axhline(0.5, color=plots.INK, linewidth=0.6)
    ax.set(xlim=(-8, 8), ylim=(0, 1.05))
    plots.label(ax, "x", "density; D* as a probability")
    return game


class MinimaxExplorer:
    """Sliders for the mean and the width of p_g, a choice of p_data, a picture and a line of numbers: `.widget`."""

    def __init__(self, mean: float = 3.0, width: float = 1.0, data: str = "one bump"):
        self.mean = widgets.FloatSlider(mean, min=-6, max=6, step=0.1, description="mean of p_g")
        self.width = widgets.FloatSlider(width, min=0.4, max=3, step=0.1, description="width")
        self.data = widgets.Dropdown(options=list(BUMPS), value=data, description="p_data")
        self.picture, self.text = widgets.Image(format="png", layout={"max_width": "100%"}), widgets.Label()
        controls = widgets.HBox([self.mean, self.width, self.data], layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox([controls, self.picture, self.text])
        for control in (self.mean, self.width, self.data):
            control.observe(self._redraw, names="value")
        self._redraw()

    def _redraw(self, change=None):
        figure, (left, right) = plots.panels(2, width=3.9, height=2.8)
        game = draw(left, self.mean.value, self.width.value, self.data.value)
        left.legend(fontsize=8, frameon=False, loc="upper left")
        bumps = Normal(MEANS[:, None], self.width.value).log_prob(X)
        values = play(log_density(BUMPS[self.data.value], 1.0), bumps).value
        plots.curves(right, MEANS, {"G": values}, x="mean of p_g", y="V(D*, G)")
        right.plot(self.mean.value, game.value, marker="o", color=plots.INK)
        for level, name in ((-math.log(4), "-log 4"), (0, "0")):
            right.axhline(level, color=plots.INK, linewidth=0.6)
            right.text(-6, level, name, fontsize=8, va="bottom")
        right.set_ylim(-1.5, 0.15)
        self.picture.value = plots.png(figure)
        seen = game.best[X.abs() <= 8]
        self.text.value = (
            f"D* from {seen.min():.2f} to {seen.max():.2f};  V = {game.value:.3f} (least: -log 4 = -1.386);  "
            f"JSD = {game.jsd.clamp(min=0):.3f} (most: log 2 = 0.693)"
        )

    def _repr_mimebundle_(self, **options):
        fallback = {"text/plain": "The minimax explorer: run this cell to move the densities"}
        return self.widget._repr_mimebundle_(**options) | fallback
