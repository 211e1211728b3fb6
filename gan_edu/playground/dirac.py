"""The explorer of chapter 7: set how the Dirac-GAN is played; eigenvalues, predicted radius and run follow."""

import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from torch import Tensor

from gan_edu import dirac, plots
from gan_edu.dirac import Rules
from gan_edu.playground.explorer import Explorer, menu, slider
from gan_edu.train import UPDATES

STEPS = 400


def orbit(ax: Axes, path: Tensor, loss: str = "minimax", gamma: float = 0.0, title: str = "", limit: float = 0) -> None:
    """Draw a path (N, 2) of theta and psi, first dark, then light, on the field it follows; limit 0: of the path."""
    limit = limit or max(0.2, 1.15 * path.abs().max().item())
    axis = torch.linspace(-limit, limit, 9, dtype=path.dtype)
    grid = torch.cartesian_prod(axis, axis)
    arrows = torch.nn.functional.normalize(dirac.field(grid, loss, gamma), dim=1)
    ax.quiver(*grid.T, *arrows.T, color="0.75", scale=15, width=0.006)
    pieces = torch.stack([path[:-1], path[1:]], 1).numpy()
    ax.add_collection(LineCollection(pieces, array=torch.arange(len(pieces)), cmap="viridis", linewidths=1.6))
    ax.plot(0, 0, "*", color=plots.OCHRE, markersize=11)
    ax.plot(*path[0], "o", color=plots.INK, markersize=4)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    plots.label(ax, "theta (G)", "psi (D)", title)


def disc(ax: Axes, values: dict[str, Tensor], title: str = "") -> None:
    """Draw the unit disc, and on it eigenvalues by name, complex (N,): inside, the game comes home."""
    turn = torch.linspace(0, 2 * torch.pi, 200)
    ax.fill(turn.cos(), turn.sin(), facecolor="0.93", edgecolor=plots.INK, linewidth=0.8)
    markers = iter("oxs^v+")
    for (name, points), (color, _) in zip(values.items(), plots.CYCLE, strict=False):
        ax.plot(points.real, points.imag, next(markers), color=color, label=name, markersize=6, markerfacecolor="none")
    ax.set(aspect="equal")
    ax.margins(0.08)
    plots.label(ax, "real part", "imaginary part", title)
    if len(values) > 1:
        ax.legend(fontsize=8, framealpha=1, loc="lower center")  # most eigenvalues lie right or in the middle


def bands(ax: Axes, x: Tensor, laws: list[Tensor]) -> None:
    """Draw a wide pale band for each law, on which the run that it foretells should lie."""
    for law in laws:
        ax.plot(x, law, color=plots.FAKE, linewidth=5, alpha=0.3, solid_capstyle="butt")


class DiracExplorer(Explorer):
    """Sliders for step size, penalty and momentum, menus for loss and order; eigenvalues, law and run follow.

    rules: any of `dirac.Rules`, for example updates="simultaneous", gamma=0.3
    """

    NAME, INVITATION = "Dirac explorer", "run this cell to set how the game is played"

    def __init__(self, **rules):
        loss, updates, rate, gamma, beta = Rules(**rules)
        super().__init__(
            loss=menu(loss, tuple(dirac.FORCES), "loss", "What both players minimize"),
            updates=menu(updates, UPDATES, "updates", "In turns, or both at once"),
            rate=slider(rate, 0.02, 4.0, "h", "The step size of both players"),
            gamma=slider(gamma, 0.0, 4.0, "gamma (R1)", "The weight of the penalty on D's slope"),
            beta=slider(beta, -0.9, 0.9, "momentum", "How much of the last gradients a step remembers"),
        )

    def draw(self, **rules):
        rules = Rules(**rules)
        path, values = dirac.run(rules, STEPS), dirac.eigenvalues(rules)
        radius, expected = path.norm(dim=1), dirac.predicted_radius(rules, STEPS)
        near = int((radius < 20).long().cumprod(0).sum())  # a run that leaves is shown until it has left
        figure, (left, middle, right) = plots.panels(3, width=3, height=2.9)
        orbit(left, path[:near], rules.loss, rules.gamma)
        disc(middle, {"eigenvalues": values})
        right.plot(radius[:near], color=plots.INK, linewidth=1.2, label="run")
        right.plot(expected[expected < 20], color=plots.OCHRE, linestyle="--", linewidth=1.6, label="predicted")
        right.set_yscale("log")
        plots.label(right, "step", "distance from the goal", legend=True)
        size = values[0].abs().item()
        verdict = _verdict(rules, size, left=near <= STEPS)
        said = f"largest |eigenvalue| {size:.3f}: {verdict}; distance after {near - 1} steps: "
        return figure, said + f"predicted {expected[near - 1]:.3g}, run {radius[near - 1]:.3g}"


def _verdict(rules, size, left):
    creeps = rules.loss == "non_saturating"
    if size < 1 - 1e-9:
        return "comes home"
    if size < 1 + 1e-9:
        return "creeps home, slower and slower" if creeps else "circles"
    return "leaves home, and settles where its loss brakes" if creeps and not left else "leaves"
