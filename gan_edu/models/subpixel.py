"""A pair that is good per second: all convolutions run on small maps, none on the full-size image.

A transposed convolution of stride 2 that ends at the image's edge runs on maps of that edge. A sub-pixel convolution
(Shi et al. 2016) runs on maps of half that edge, makes four times the channels, and rearranges them: four channels
become the 2x2 pixels of one. The discriminator starts with the inverse.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from gan_edu.models.checks import check_shape
from gan_edu.models.dcgan import feature_maps, project


class PixelShuffle(nn.PixelShuffle):
    """(N, 4C, H, W) to (N, C, 2H, 2W): four channels become the 2x2 pixels of one, in the memory layout that they had.

    On a GPU PyTorch's own would leave channels last, and every layer behind it would copy.
    """

    def forward(self, x: Tensor) -> Tensor:
        return to_pixels(x, self.upscale_factor) if _by_hand(x) else super().forward(x)


class PixelUnshuffle(nn.PixelUnshuffle):
    """The inverse of `PixelShuffle`."""

    def forward(self, x: Tensor) -> Tensor:
        return to_channels(x, self.downscale_factor) if _by_hand(x) else super().forward(x)


def _by_hand(x):
    return x.device.type != "cpu" and x.is_contiguous(memory_format=torch.channels_last)


def to_pixels(x: Tensor, r: int = 2) -> Tensor:
    """`nn.PixelShuffle` as one copy that keeps channels last: (N, C r^2, H, W) to (N, C, H r, W r)."""
    blocks = x.permute(0, 2, 3, 1).unflatten(3, (-1, r, r))  # N, H, W, C, row, column
    return blocks.permute(0, 1, 4, 2, 5, 3).flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)


def to_channels(x: Tensor, r: int = 2) -> Tensor:
    """`nn.PixelUnshuffle` as one copy that keeps channels last: (N, C, H r, W r) to (N, C r^2, H, W)."""
    blocks = x.permute(0, 2, 3, 1).unflatten(2, (-1, r)).unflatten(1, (-1, r))  # N, H, row, W, column, C
    return blocks.permute(0, 1, 3, 5, 2, 4).flatten(3).permute(0, 3, 1, 2)


class SubpixelGenerator(nn.Module):
    """Maps noise (N, latent_dim) to images (N, channels, size, size) in [-1, 1].

    A linear layer makes the smallest feature map, then each 3x3 convolution to four times the channels, followed by
    `PixelShuffle`, doubles its edge. Before the last one, one more 3x3 joins strokes at half the image's edge.

    Raises:
        ValueError: `size` is none of 8, 28, 32, or the noise has another shape.
    """

    def __init__(self, size: int = 28, channels: int = 1, latent_dim: int = 64, width: int = 32):
        super().__init__()
        edge, maps = feature_maps(size, width)
        self.latent_dim = latent_dim
        layers = [*project(latent_dim, maps[0], edge)]
        for before, after in pairwise(maps):
            layers += [
                nn.Conv2d(before, 4 * after, 3, padding=1, bias=False),
                PixelShuffle(2),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        layers += [nn.Conv2d(maps[-1], maps[-1], 3, padding=1, bias=False), nn.BatchNorm2d(maps[-1]), nn.ReLU()]
        layers += [nn.Conv2d(maps[-1], 4 * channels, 3, padding=1), PixelShuffle(2), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, noise: Tensor) -> Tensor:
        check_shape(self, noise, (self.latent_dim,))
        return self.layers(noise)


class SubpixelDiscriminator(nn.Module):
    """Maps images (N, channels, size, size) in [-1, 1] to logits (N,).

    `PixelUnshuffle` makes of every 2x2 pixels one with four times the channels, which costs one copy; a 3x3 convolution
    reads that, further ones (kernel 4, stride 2) halve the edge, and one more 3x3 looks at the smallest map as a whole
    before a linear layer sums over it: without it, strokes are judged one by one, and not the digit that they form.
    There is no batch norm, so that the logit of one image does not depend on the others in its batch.

    Raises:
        ValueError: `size` is none of 8, 28, 32, or the images have another shape.
    """

    def __init__(self, size: int = 28, channels: int = 1, width: int = 20):
        super().__init__()
        edge, maps = feature_maps(size, width)
        self.image_shape = (channels, size, size)
        maps = maps[::-1]
        layers = [PixelUnshuffle(2), nn.Conv2d(4 * channels, maps[0], 3, padding=1), nn.LeakyReLU(0.2)]
        for before, after in pairwise(maps):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        layers += [nn.Conv2d(maps[-1], maps[-1], 3, padding=1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(maps[-1] * edge * edge, 1))

    def forward(self, images: Tensor) -> Tensor:
        check_shape(self, images, self.image_shape)
        return self.layers(images).squeeze(1)
