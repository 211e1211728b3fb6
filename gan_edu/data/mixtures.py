"""Two-dimensional mixtures of Gaussians: data whose density we know and whose modes we can count."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of equally likely, equally wide, round Gaussians in the plane.

    Args:
        centers: the means of the modes, `(K, 2)`.
        std: the standard deviation of every mode, along each axis.

    Raises:
        ValueError: if `centers` is not `(K, 2)` with K >= 1, or `std` is not positive.
    """

    centers: Tensor
    std: float

    def __post_init__(self):
        if self.centers.ndim != 2 or self.centers.shape[0] < 1 or self.centers.shape[1] != 2:
            raise ValueError(f"centers must have shape (K, 2) with K >= 1, got {tuple(self.centers.shape)}")
        if not self.std > 0:
            raise ValueError(f"std must be positive, got {self.std}")

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw `n` independent points, `(n, 2)`, on the device of `centers` (where `generator` must live too)."""
        device = self.centers.device
        mode = torch.randint(len(self.centers), (n,), generator=generator, device=device)
        noise = torch.randn(n, 2, generator=generator, device=device)
        return self.centers[mode] + self.std * noise

    def log_prob(self, x: Tensor) -> Tensor:
        """The exact log density, in nats, at the points `x` `(N, 2)`; returns `(N,)`."""
        squared = (x[..., None, :] - self.centers.to(x)).square().sum(-1)
        normalizer = math.log(len(self.centers)) + math.log(2 * math.pi * self.std**2)
        return torch.logsumexp(-squared / (2 * self.std**2), dim=-1) - normalizer


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.05) -> Mixture:
    """`modes` Gaussians at equal distances on a circle around the origin.

    With the defaults neighbours lie 0.77 apart, 15 standard deviations, so what lands between them belongs to neither.

    Raises:
        ValueError: if `modes` is less than 1 or `std` is not positive.
    """
    angle = 2 * math.pi * torch.arange(modes, dtype=torch.float64) / max(modes, 1)
    return Mixture((radius * torch.stack([angle.cos(), angle.sin()], dim=1)).float(), std)


def grid(side: int = 5, spacing: float = 0.5, std: float = 0.025) -> Mixture:
    """`side` x `side` Gaussians on a square lattice centred at the origin.

    With the defaults the centres reach from -1 to 1 and neighbours lie 20 standard deviations apart.

    Raises:
        ValueError: if `side` is less than 1 or `std` is not positive.
    """
    axis = spacing * (torch.arange(side, dtype=torch.float32) - (side - 1) / 2)
    return Mixture(torch.cartesian_prod(axis, axis), std)
