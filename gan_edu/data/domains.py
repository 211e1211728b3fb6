"""Other domains of the same pictures, by known maps, so that translations can be marked. Taught in chapter 12."""

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample


def slant(images: Tensor, lean: float = 0.35) -> Tensor:
    """Images `(N, C, H, W)` in [-1, 1], leaning to the right: the top moves by `lean` half edges, the bottom back."""
    lean = torch.tensor([[1.0, lean, 0.0], [0.0, 1.0, 0.0]], device=images.device).expand(len(images), 2, 3)
    grid = affine_grid(lean, list(images.shape), align_corners=False)
    return grid_sample(images + 1, grid, align_corners=False) - 1  # beyond the border it is -1, black


def paint(images: Tensor, hues: Tensor) -> Tensor:
    """Grey images `(N, 1, H, W)` in the colours of `hues` `(N,)`, 0 and 1 red, 1/3 green, 2/3 blue: `(N, 3, H, W)`."""
    wheel = 6 * hues[:, None] + torch.tensor([0.0, 4.0, 2.0], device=hues.device)
    colours = ((wheel % 6 - 3).abs() - 1).clamp(0, 1)
    return (images + 1) * colours[:, :, None, None] - 1


def hue_of(images: Tensor) -> Tensor:
    """The hue `(N,)`, from 0 to 1, of the summed light of colour images `(N, 3, H, W)` in [-1, 1]."""
    red, green, blue = (images + 1).sum((2, 3)).T
    return torch.atan2(3**0.5 * (green - blue), 2 * red - green - blue) / (2 * torch.pi) % 1
