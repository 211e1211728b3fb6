"""Pictures to pictures: a translator, a discriminator of patches, and two of each as one pair. Taught in chapter 12."""

from itertools import pairwise

import torch
from torch import Tensor, nn


class UNetGenerator(nn.Module):
    """Maps pictures (N, inputs, H, W) to pictures (N, outputs, H, W) in [-1, 1]; H and W are multiples of 2^depth.

    Called as `generator(noise, pictures)`: each of the `latent_dim` numbers of noise, none by default, is one more
    channel of the picture. Where pictures of another domain are the noise: `generator(pictures)`.

    Convolutions (kernel 4, stride 2) halve the edge `depth` times and double the channels; on the way up again a skip
    hands each map of the way down to that of its size, so that only what changes has to pass the bottleneck.

    Source: Ronneberger et al. 2015; Isola et al. 2017, section 3.2. There is no normalization: these nets are small.
    """

    def __init__(
        self,
        inputs: int = 1,
        outputs: int = 1,
        width: int = 16,
        depth: int = 2,
        latent_dim: int = 0,
        skips: bool = True,
    ):
        super().__init__()
        self.latent_dim, self.skips = latent_dim, skips
        steps = list(pairwise(width * 2**i for i in range(depth + 1)))  # channels before and after each halving
        self.first = _layer(nn.Conv2d(inputs + latent_dim, width, 3, padding=1))
        self.down = nn.ModuleList(_layer(nn.Conv2d(few, many, 4, 2, 1)) for few, many in steps)
        self.up = nn.ModuleList(_layer(nn.ConvTranspose2d(many, few, 4, 2, 1)) for few, many in steps)
        self.join = nn.ModuleList(_layer(nn.Conv2d((1 + skips) * few, few, 3, padding=1)) for few, _ in steps)
        self.last = nn.Sequential(nn.Conv2d(width, outputs, 3, padding=1), nn.Tanh())

    def forward(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        x = noise if condition is None else torch.cat([condition, _spread(noise, condition)], 1)
        x, kept = self.first(x), []
        for down in self.down:
            kept.append(x)
            x = down(x)
        for up, join in zip(reversed(self.up), reversed(self.join), strict=True):
            beside = kept.pop()
            x = join(torch.cat([up(x), beside], 1) if self.skips else up(x))
        return self.last(x)


class PatchDiscriminator(nn.Module):
    """Maps pictures (N, channels, H, W), with a picture of the same size as condition or without, to logits (N, K).

    Each logit sees one patch: of 7, 16, 34, 70 pixels for 0, 1, 2, 3 `layers` of stride 2. All kernels are of edge 4.

    channels: of the picture and its condition together

    Source: Isola et al. 2017, section 3.3 and appendix 6.1.2.
    """

    def __init__(self, channels: int = 1, width: int = 16, layers: int = 1):
        super().__init__()
        maps = [channels, *(width * 2**i for i in range(layers + 1))]
        blocks = [
            _layer(nn.Conv2d(before, after, 4, stride=2 if i < layers else 1, padding=1))
            for i, (before, after) in enumerate(pairwise(maps))
        ]
        self.layers = nn.Sequential(*blocks, nn.Conv2d(maps[-1], 1, 4, padding=1), nn.Flatten())

    def forward(self, pictures: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.layers(pictures if condition is None else torch.cat([pictures, condition], 1))


class PairGenerator(nn.Module):
    """Two translators as one generator of pairs: a and b, glued along the channels, become there(a) and back(b).

    So data are glued as (b, a), and `swap` makes the input of the pair from them, or from the pair's own output.
    """

    def __init__(self, there: nn.Module, back: nn.Module, channels: tuple[int, int] = (1, 1)):
        super().__init__()
        self.there, self.back, self.channels = there, back, channels  # of a, of b

    def forward(self, pair: Tensor) -> Tensor:
        a, b = pair.split(self.channels, 1)
        return torch.cat([self.there(a), self.back(b)], 1)

    def swap(self, pair: Tensor) -> Tensor:
        """(b, a) as (a, b)."""
        b, a = pair.split(self.channels[::-1], 1)
        return torch.cat([a, b], 1)


class PairDiscriminator(nn.Module):
    """Two discriminators as one of pairs (b, a): the logits of both, (N, K)."""

    def __init__(self, of_b: nn.Module, of_a: nn.Module, channels: tuple[int, int] = (1, 1)):
        super().__init__()
        self.of_b, self.of_a, self.channels = of_b, of_a, channels  # of a, of b

    def forward(self, pair: Tensor) -> Tensor:
        b, a = pair.split(self.channels[::-1], 1)
        return torch.cat([self.of_b(b), self.of_a(a)], 1)


def _layer(convolution):
    return nn.Sequential(convolution, nn.LeakyReLU(0.2))


def _spread(noise, picture):
    """Noise (N, d) as d channels of one number each, of the picture's size."""
    return noise[:, :, None, None].expand(-1, -1, *picture.shape[2:])
