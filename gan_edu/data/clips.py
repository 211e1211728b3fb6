"""What moves, made on the fly: points that bounce between two walls, and real digits that do. Taught in chapter 13."""

import torch
from torch import Tensor
from torch.nn import functional

from gan_edu.data.images import DATASETS, Images, digits

SPEEDS = 0.25, 0.5  # the slowest and the fastest, in a frame; from wall to wall it is 2


def fold(x: Tensor) -> Tensor:
    """Where a straight path x is once walls at -1 and 1 have reflected it: a zigzag of period 4."""
    return 1 - ((x + 1) % 4 - 2).abs()


def bouncing(n: int, frames: int = 8, dim: int = 1, generator: torch.Generator | None = None) -> Tensor:
    """`n` points that keep their speed and bounce between walls at -1 and 1: positions (n, frames, dim).

    The direction is any, the speed uniform in SPEEDS. A coordinate is uniform in [-1, 1] in every frame; one that moves
    by v a frame bounces between two frames with the probability v / 2, and only there is its acceleration not 0.
    """
    start, speed = 4 * torch.rand(n, 1, dim, generator=generator), torch.rand(n, 1, 1, generator=generator)
    direction = functional.normalize(torch.randn(n, 1, dim, generator=generator), dim=2)
    return fold(start + torch.lerp(*torch.tensor(SPEEDS), speed) * direction * torch.arange(frames)[:, None])


def place(pictures: Tensor, at: Tensor, size: int) -> Tensor:
    """Pictures (N, C, H, H) on black squares of edge `size`, where `at` (N, T, 2) says: clips (N, T, C, size, size).

    `at` is (right, down); -1 is at the left or upper edge, 1 at the other. Between two pixels ink is shared by both.
    """
    edge = pictures.shape[-1]
    first = (at + 1) / 2 * (size - edge)  # the place of the picture's first column and row
    apart = torch.arange(size)[:, None] - torch.arange(edge) - first[..., None, None]
    right, down = (1 - apart.abs()).clamp(min=0).unbind(2)  # (N, T, size, edge): how much of each goes where
    ink = down[:, :, None] @ (pictures[:, None] + 1) @ right[:, :, None].mT
    return ink - 1


def moving_digits(
    n: int = 4000, frames: int = 8, size: int = 16, seed: int = 0, pictures: Images | None = None
) -> Images:
    """`n` clips (n, frames, 1, size, size) in [-1, 1] of real digits that travel and bounce, with the digits' labels.

    pictures: what moves, by default all of `digits()`, each of which may be drawn several times
    """
    random, pictures = torch.Generator().manual_seed(seed), pictures or digits()
    which = torch.randint(len(pictures.images), (n,), generator=random)
    clips = place(pictures.images[which], bouncing(n, frames, 2, random), size)
    return Images(clips, pictures.labels[which], pictures.classes)


DATASETS["moving_digits"] = moving_digits
