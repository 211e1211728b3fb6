"""A small style-based generator (Karras et al. 2019, 2020): noise sets the scales of every layer. Taught in chapter 11.

`generator(noise)` is `generator.synthesis(generator.mapping(noise))`: the mapping network bends the noise z into w, and
the synthesis draws, from a picture that is learnt and the same for all, as w says. There is a way in at w.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, leaky_relu, normalize

from gan_edu.models.checks import check_shape
from gan_edu.models.dcgan import feature_maps
from gan_edu.models.mlp import perceptron


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by w, sample for sample: maps (N, before, H, W) and w (N, w_dim).

    Demodulation divides each output channel by the length of its scaled weights, so that inputs of variance 1 leave
    with variance 1, however w scales them (Karras et al. 2020, equations 1 and 3). To scale what goes in and what comes
    out is the same as to scale the weights of each sample, and needs one convolution for all.
    """

    def __init__(self, before: int, after: int, kernel: int, w_dim: int, demodulate: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel) / (before * kernel**2) ** 0.5)
        self.bias, self.demodulate = nn.Parameter(torch.zeros(after)), demodulate
        self.scale = nn.Linear(w_dim, before)
        nn.init.normal_(self.scale.weight, std=w_dim**-0.5)  # so that scales differ from the start, around 1
        nn.init.ones_(self.scale.bias)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        scales = self.scale(w)
        x = conv2d(x * scales[:, :, None, None], self.weight, padding=self.weight.shape[-1] // 2)
        if self.demodulate:
            squares = scales.square() @ self.weight.square().sum((2, 3)).T  # of the lengths of the scaled weights
            x = x * (squares + 1e-8).rsqrt()[:, :, None, None]
        return x + self.bias[:, None, None]


class StyleGenerator(nn.Module):
    """Maps noise (N, latent_dim) to images (N, channels, size, size) in [-1, 1], by way of w (N, w_dim).

    While it trains it follows the mean of w in `average`, and in nearly half of the samples the last layers take
    another sample's w ("style mixing"), so that layers learn to work with any neighbours'.

    Raises:
        ValueError: `size` is none of 8, 28, 32, or the noise has another shape.
    """

    def __init__(self, size: int, channels: int, latent_dim: int, width: int, w_dim: int = 32, depth: int = 4):
        super().__init__()
        edge, maps = feature_maps(size, width)
        self.latent_dim, self.start = latent_dim, nn.Parameter(torch.randn(1, maps[0], edge, edge))
        self.bend = perceptron(latent_dim, w_dim, depth - 1, w_dim, lambda: nn.LeakyReLU(0.2))
        for layer in self.bend[::2]:
            nn.init.kaiming_normal_(layer.weight, 0.2)  # so that w is about as wide as the noise
        widths = pairwise([maps[0], *maps, maps[-1]])  # at the smallest edge, then one behind each doubling
        self.layers = nn.ModuleList(ModulatedConv(before, after, 3, w_dim) for before, after in widths)
        self.paint = ModulatedConv(maps[-1], channels, 1, w_dim, demodulate=False)
        self.register_buffer("average", torch.zeros(w_dim))

    def mapping(self, noise: Tensor) -> Tensor:
        """w (N, w_dim) of noise (N, latent_dim), of whose length nothing is kept."""
        check_shape(self, noise, (self.latent_dim,))
        return self.bend(normalize(noise) * self.latent_dim**0.5)

    def synthesis(self, w: Tensor) -> Tensor:
        """Images of w: (N, w_dim), or (N, layers, w_dim) with its own for each layer; the last one also paints."""
        w = w if w.dim() == 3 else w[:, None].expand(-1, len(self.layers), -1)
        x = self.start.expand(len(w), -1, -1, -1)
        for i, layer in enumerate(self.layers):
            x = interpolate(x, scale_factor=2) if i else x
            x = leaky_relu(layer(x, w[:, i]), 0.2) * 2**0.5  # which keeps the variance about 1
        return self.paint(x, w[:, -1]).tanh()

    def mix(self, coarse: Tensor, fine: Tensor, layers: int | Tensor) -> Tensor:
        """w for each layer (N, layers, w_dim): the first `layers`, a number or one for each (N, 1), from `coarse`."""
        first = torch.arange(len(self.layers), device=coarse.device) < layers
        return torch.where(first[..., None], coarse[:, None], fine[:, None])

    def truncate(self, w: Tensor, psi: float) -> Tensor:
        """w, brought nearer to the average: psi = 1 leaves it, 0 is the average itself."""
        return torch.lerp(self.average, w, psi)

    def forward(self, noise: Tensor) -> Tensor:
        w = self.mapping(noise)
        if self.training:
            self.average.lerp_(w.detach().mean(0), 0.005)
            layers = torch.randint(1, 2 * len(self.layers), (len(w), 1), device=w.device)  # about half: none
            w = self.mix(w, w.roll(1, 0), layers)
        return self.synthesis(w)
