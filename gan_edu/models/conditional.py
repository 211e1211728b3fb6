"""Pairs that are told a class: the networks of `dcgan` and `subpixel`, each with a label. Taught in chapter 11.

Labels are whole numbers (N,) from 0 to classes - 1. Both players get them, as `generator(noise, labels)` and
`discriminator(images, labels)`: where D alone does not, G has no reason to heed them.
"""

import torch
from torch import Tensor, nn

from gan_edu.models.checks import check_shape
from gan_edu.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_edu.models.subpixel import SubpixelDiscriminator, SubpixelGenerator

PAIRS = {"dcgan": (DCGANGenerator, DCGANDiscriminator), "subpixel": (SubpixelGenerator, SubpixelDiscriminator)}


def check_labels(network: nn.Module, labels: Tensor, n: int) -> None:
    """One whole number for each of `n` samples? Raises ValueError that says what was given instead."""
    if tuple(labels.shape) != (n,) or labels.is_floating_point():
        given = f"{labels.dtype} of shape {tuple(labels.shape)}"
        raise ValueError(f"{type(network).__name__} takes labels ({n},), whole numbers, but was given {given}")


class ConditionalGenerator(nn.Module):
    """Maps noise (N, latent_dim) and labels (N,) to images (N, channels, size, size) in [-1, 1].

    Each class has a code that is learnt, as long as the noise and appended to it (Mirza and Osindero 2014); a generator
    of the pair "dcgan" or "subpixel" does the rest.

    Raises:
        ValueError: `size` is none of 8, 28, 32, or noise or labels have another shape.
    """

    def __init__(self, size: int, channels: int, latent_dim: int, width: int, classes: int = 10, pair: str = "dcgan"):
        super().__init__()
        self.latent_dim, self.classes = latent_dim, classes
        self.codes = nn.Embedding(classes, latent_dim)
        self.net = PAIRS[pair][0](size, channels, 2 * latent_dim, width)

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        check_shape(self, noise, (self.latent_dim,))
        check_labels(self, labels, len(noise))
        return self.net(torch.cat([noise, self.codes(labels)], dim=1))


class ProjectionDiscriminator(nn.Module):
    """Maps images (N, channels, size, size) and labels (N,) to logits (N,): is this a real picture of its class?

    A discriminator of the pair, whose last layer is the sum of two: one that all classes share, and a row of weights
    for each class. The rows begin at 0 (Miyato and Koyama 2018, equation 3).

    Raises:
        ValueError: `size` is none of 8, 28, 32, or images or labels have another shape.
    """

    def __init__(self, size: int, channels: int, width: int, classes: int = 10, pair: str = "dcgan"):
        super().__init__()
        self.trunk = PAIRS[pair][1](size, channels, width)
        layers = [part for part in self.trunk.modules() if isinstance(part, nn.Sequential)][-1]
        self.shared, layers[-1] = layers[-1], nn.Identity()  # from here on the trunk ends in features
        self.rows = nn.Embedding.from_pretrained(torch.zeros(classes, self.shared.in_features), freeze=False)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        check_labels(self, labels, len(images))
        features = self.trunk(images)
        return self.shared(features).squeeze(1) + (self.rows(labels) * features).sum(1)


class ConcatDiscriminator(nn.Module):
    """Maps images and labels to logits (N,), as `ProjectionDiscriminator` does, by concatenation.

    The label is a map of ones among `classes` - 1 maps of zeros, beside the channels of the image.
    """

    def __init__(self, size: int, channels: int, width: int, classes: int = 10, pair: str = "dcgan"):
        super().__init__()
        self.classes, self.net = classes, PAIRS[pair][1](size, channels + classes, width)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        check_labels(self, labels, len(images))
        maps = nn.functional.one_hot(labels, self.classes)[:, :, None, None].expand(-1, -1, *images.shape[2:])
        return self.net(torch.cat([images, maps.to(images.dtype)], dim=1))
