"""A pair that is good per second: all convolutions run on small maps, none on the full-size image.

A transposed convolution of stride 2 that ends at the image's edge runs on maps of that edge. A sub-pixel convolution
(Shi et al. 2016) runs on maps of half that edge, makes four times the channels, and rearranges them: four channels
become the 2x2 pixels of one. The discriminator starts with the inverse.
"""

from itertools import pairwise

from torch import Tensor, nn

from gan_edu.models.checks import check_shape
from gan_edu.models.dcgan import feature_maps, project


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
                nn.PixelShuffle(2),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        layers += [nn.Conv2d(maps[-1], maps[-1], 3, padding=1, bias=False), nn.BatchNorm2d(maps[-1]), nn.ReLU()]
        layers += [nn.Conv2d(maps[-1], 4 * channels, 3, padding=1), nn.PixelShuffle(2), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, noise: Tensor) -> Tensor:
        check_shape(self, noise, (self.latent_dim,))
        return self.layers(noise)


class SubpixelDiscriminator(nn.Module):
    """Maps images (N, channels, size, size) in [-1, 1] to logits (N,).

    `PixelUnshuffle` makes of every 2x2 pixels one with four times the channels, which costs nothing; a 3x3 convolution
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
        layers = [nn.PixelUnshuffle(2), nn.Conv2d(4 * channels, maps[0], 3, padding=1), nn.LeakyReLU(0.2)]
        for before, after in pairwise(maps):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        layers += [nn.Conv2d(maps[-1], maps[-1], 3, padding=1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(maps[-1] * edge * edge, 1))

    def forward(self, images: Tensor) -> Tensor:
        check_shape(self, images, self.image_shape)
        return self.layers(images).squeeze(1)
