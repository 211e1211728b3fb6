"""The pair of the source article, its "more layers here" filled in as in TensorFlow's DCGAN tutorial.

As printed the two do not fit together: the generator is cut for 28x28x1, the discriminator for 32x32x3. The defaults
keep what is printed; give both the same `size` and `channels` to train them. PyTorch orders an image (C, H, W).
"""

from torch import Tensor, nn

from gan_edu.models.checks import check_shape


def smallest_edge(size: int) -> int:
    """The edge after two strides of 2, a quarter of `size`.

    Raises:
        ValueError: `size` is not a positive multiple of 4.
    """
    if size < 4 or size % 4:
        raise ValueError(f"the article's networks need a size that is a multiple of 4, not {size}")
    return size // 4


class ArticleGenerator(nn.Module):
    """Maps noise (N, latent_dim) to images (N, channels, size, size) in [-1, 1]; 28 pixels start from 7x7x256.

    Raises:
        ValueError: `size` is not a multiple of 4, or the noise has another shape.
    """

    def __init__(self, size: int = 28, channels: int = 1, latent_dim: int = 100):
        super().__init__()
        edge = smallest_edge(size)
        self.latent_dim = latent_dim
        # Kernel 5: padding 2 keeps the edge at stride 1, and with one more row at the end doubles it at stride 2.
        same, double = {"padding": 2}, {"stride": 2, "padding": 2, "output_padding": 1}
        self.net = nn.Sequential(
            nn.Linear(latent_dim, edge * edge * 256, bias=False),
            nn.BatchNorm1d(edge * edge * 256),
            nn.LeakyReLU(0.3),
            nn.Unflatten(1, (256, edge, edge)),
            nn.ConvTranspose2d(256, 128, 5, bias=False, **same),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(128, 64, 5, bias=False, **double),
            nn.BatchNorm2d(64),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(64, channels, 5, bias=False, **double),
            nn.Tanh(),
        )

    def forward(self, noise: Tensor) -> Tensor:
        check_shape(self, noise, (self.latent_dim,))
        return self.net(noise)


class ArticleDiscriminator(nn.Module):
    """Maps images (N, channels, size, size) to logits (N,); in training mode Dropout makes them random.

    Raises:
        ValueError: `size` is not a multiple of 4, or the images have another shape.
    """

    def __init__(self, size: int = 32, channels: int = 3):
        super().__init__()
        edge = smallest_edge(size)
        self.image_shape = (channels, size, size)
        self.net = nn.Sequential(
            nn.Conv2d(channels, 64, 5, stride=2, padding=2),
            nn.LeakyReLU(0.3),
            nn.Dropout(0.3),
            nn.Conv2d(64, 128, 5, stride=2, padding=2),
            nn.LeakyReLU(0.3),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(128 * edge * edge, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        check_shape(self, images, self.image_shape)
        return self.net(images).squeeze(1)
