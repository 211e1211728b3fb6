"""Distributions in the plane for the playground: mixtures, lines, letters, and the reader's own points."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from torch import Tensor

from gan_edu import data

POINTS = 10_000


@dataclass(frozen=True, eq=False)
class Cloud:
    """The distribution that puts equal weight on each of the given points, (N, 2)."""

    points: Tensor

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw `n` of the points with replacement: (n, 2)."""
        return self.points[torch.randint(len(self.points), (n,), generator=generator)]


def fit(points: Tensor) -> Tensor:
    """The points (N, 2), moved and scaled so that their bounding box touches the square from -1 to 1.

    Raises ValueError for another shape, fewer than two different points, or values that are not finite.
    """
    points = torch.as_tensor(points).detach().float().cpu()
    if points.ndim != 2 or points.shape[1] != 2 or not points.isfinite().all() or len(points.unique(dim=0)) < 2:
        raise ValueError(f"points must be (N, 2), finite, at least two of them different; got {tuple(points.shape)}")
    low, high = points.amin(0), points.amax(0)
    return (points - (low + high) / 2) / ((high - low).max() / 2)


def line(std: float = 0.02) -> Cloud:
    """A straight line from (-1, -1) to (1, 1) with a little noise: an almost one-dimensional distribution."""
    random = torch.Generator().manual_seed(0)
    along = 2 * torch.rand(POINTS, 1, generator=random) - 1
    return Cloud(along + std * torch.randn(POINTS, 2, generator=random))


def two_rings(radius: float = 0.4, std: float = 0.02) -> Cloud:
    """Two circles side by side that do not touch: no continuous generator can make both and nothing in between."""
    random = torch.Generator().manual_seed(0)
    angle = 2 * math.pi * torch.rand(POINTS, generator=random)
    center = 1.2 * torch.randint(2, (POINTS,), generator=random) - 0.6
    circles = torch.stack([center + radius * angle.cos(), radius * angle.sin()], 1)
    return Cloud(circles + std * torch.randn(POINTS, 2, generator=random))


def letters(text: str = "GAN") -> Cloud:
    """Points spread evenly over the letters of a text. Raises ValueError where the text leaves no ink."""
    outline = TextPath((0, 0), text.strip(), size=1)
    if not len(outline.vertices):
        raise ValueError(f"the text {text!r} has no letters to draw; type one or more")
    # A letter with a hole is two outlines, and Path.contains_points fills holes: a point is ink where an odd number of
    # outlines surround it.
    rings = [Path(polygon) for polygon in outline.to_polygons(closed_only=True) if len(polygon) > 2]
    box, random = outline.get_extents(), torch.Generator().manual_seed(0)
    points = torch.rand(60_000, 2, generator=random) * torch.tensor([box.width, box.height]) + torch.tensor(box.min)
    inside = sum(torch.from_numpy(ring.contains_points(points.numpy())).int() for ring in rings) % 2 == 1
    return Cloud(fit(points[inside][:POINTS].float()))


# Each as the code that makes it, from which the playground prints the program of its settings, and the thing itself.
SHAPES: dict[str, tuple[str, Callable]] = {
    "ring": ("data.ring()", data.ring),
    "grid": ("data.grid()", data.grid),
    "one Gaussian": ("data.ring(1, radius=0.5, std=0.2)", lambda: data.ring(1, radius=0.5, std=0.2)),
    "two Gaussians": ("data.ring(2, std=0.1)", lambda: data.ring(2, std=0.1)),
    "line": ("shapes.line()", line),
    "two rings": ("shapes.two_rings()", two_rings),
}
