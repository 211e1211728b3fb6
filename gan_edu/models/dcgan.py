"""The deep convolutional pair of Radford, Metz and Chintala (2016), for images of 8x8, 28x28 and 32x32 pixels."""

from itertools import pairwise

from torch import Tensor, nn

from gan_edu.models.checks import check_shape

# Edge of the smallest feature map; each layer doubles it (generator) or halves it (discriminator): 7 -> 14 -> 28.
SMALLEST_EDGE = {8: 2, 28: 7, 32: 4}


def feature_maps(size: int, width: int) -> tuple[int, list[int]]:
    """The smallest edge, and the channels of every feature map from there outwards: `width`, doubled as edges halve.

    For 28 pixels and width 64: edge 7 with 128 channels, then edge 14 with 64.

    Raises:
        ValueError: there is no network for this size.
    """
    if size not in SMALLEST_EDGE:
        raise ValueError(f"no DCGAN for size {size}; choose one of {', '.join(map(str, SMALLEST_EDGE))}")
    edge = SMALLEST_EDGE[size]
    doublings = (size // edge).bit_length() - 1
    return edge, [width * 2**i for i in reversed(range(doublings))]


def project(latent_dim: int, channels: int, edge: int) -> nn.Sequential:
    """Noise (N, latent_dim) projected and reshaped to the smallest feature map, (N, channels, edge, edge)."""
    return nn.Sequential(
        # No bias where batch norm follows: it would subtract it again.
        nn.Linear(latent_dim, channels * edge * edge, bias=False),
        nn.Unflatten(1, (channels, edge, edge)),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


def dcgan_init(module: nn.Module) -> None:
    """Draw weights as in Radford et al. (2016), section 4; use it as `network.apply(dcgan_init)`.

    Weights of convolutions and of linear layers come from N(0, 0.02^2), scales of batch norm from N(1, 0.02^2)
    (the authors' code; the paper names the first alone), biases are zero.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(module.bias)


class DCGANGenerator(nn.Module):
    """Maps noise (N, latent_dim) to images (N, channels, size, size) in [-1, 1].

    A linear layer makes the smallest feature map ("project and reshape"), then each transposed convolution
    (kernel 4, stride 2, padding 1) doubles its edge exactly: 2 (e - 1) + 4 - 2 = 2 e. The kernel is a multiple of
    the stride, so that all pixels but those at the border are covered equally often.

    Raises:
        ValueError: `size` is none of 8, 28, 32, or the noise has another shape.
    """

    def __init__(self, size: int = 28, channels: int = 1, latent_dim: int = 100, width: int = 64):
        super().__init__()
        edge, maps = feature_maps(size, width)
        self.latent_dim = latent_dim
        self.project = project(latent_dim, maps[0], edge)
        layers = []
        for before, after in pairwise(maps):
            layers += [
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        self.upsample = nn.Sequential(
            *layers, nn.ConvTranspose2d(maps[-1], channels, 4, stride=2, padding=1), nn.Tanh()
        )
        self.apply(dcgan_init)

    def forward(self, noise: Tensor) -> Tensor:
        check_shape(self, noise, (self.latent_dim,))
        return self.upsample(self.project(noise))


class DCGANDiscriminator(nn.Module):
    """Maps images (N, channels, size, size) in [-1, 1] to logits (N,).

    Convolutions (kernel 4, stride 2, padding 1) halve the edge; a linear layer reads the smallest feature map.
    `batch_norm=True` is the paper's network; without it the logit of one image does not depend on the others in its
    batch, which penalties on the gradient need.

    Raises:
        ValueError: `size` is none of 8, 28, 32, or the images have another shape.
    """

    def __init__(self, size: int = 28, channels: int = 1, width: int = 64, batch_norm: bool = False):
        super().__init__()
        edge, maps = feature_maps(size, width)
        self.image_shape = (channels, size, size)
        maps = [channels, *reversed(maps)]
        layers = []
        for i, (before, after) in enumerate(pairwise(maps)):
            # The paper leaves batch norm out of the layer that sees the images.
            normed = batch_norm and i > 0
            layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=not normed))
            if normed:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.LeakyReLU(0.2))
        self.downsample = nn.Sequential(*layers)
        self.classify = nn.Sequential(nn.Flatten(), nn.Linear(maps[-1] * edge * edge, 1))
        self.apply(dcgan_init)

    def forward(self, images: Tensor) -> Tensor:
        check_shape(self, images, self.image_shape)
        return self.classify(self.downsample(images)).squeeze(1)
