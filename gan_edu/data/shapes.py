"""Other distributions in the plane: letters, and the reader's own points."""

from dataclasses import dataclass

import torch
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from torch import Tensor


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


def letters(text: str) -> Cloud:
    """10,000 points spread evenly over the letters of a text. Raises ValueError where the text leaves no ink."""
    if not text.strip():
        raise ValueError(f"the text {text!r} has no letters to draw: type one or more")
    outlines = TextPath((0, 0), text.strip(), size=1)
    box, random = outlines.get_extents(), torch.Generator().manual_seed(0)
    points = torch.rand(100_000, 2, generator=random) * torch.tensor([box.width, box.height]) + torch.tensor(box.min)
    # A letter with a hole has two outlines: ink is where a point is inside an odd number of them.
    inside = sum(Path(outline).contains_points(points).astype(int) for outline in outlines.to_polygons())
    return Cloud(fit(points[torch.from_numpy(inside) % 2 == 1][:10_000]))
