"""Multilayer perceptrons: the pair that learns points in the plane (chapters 00, 03 and 04)."""

from itertools import pairwise

from torch import Tensor, nn

from gan_edu.models.checks import check_shape


def perceptron(inputs: int, hidden: int, depth: int, outputs: int, activation: type[nn.Module]) -> nn.Sequential:
    """`depth` hidden layers of `hidden` units, each followed by `activation`, then a linear output layer."""
    widths = [inputs] + [hidden] * depth
    layers = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))


class MLPGenerator(nn.Module):
    """Maps noise (N, latent_dim) to points (N, data_dim), which may lie anywhere in space."""

    def __init__(self, latent_dim: int = 2, data_dim: int = 2, hidden: int = 64, depth: int = 2):
        super().__init__()
        self.latent_dim = latent_dim
        self.net = perceptron(latent_dim, hidden, depth, data_dim, nn.ReLU)

    def forward(self, noise: Tensor) -> Tensor:
        check_shape(self, noise, (self.latent_dim,))
        return self.net(noise)


class MLPDiscriminator(nn.Module):
    """Maps points (N, data_dim) to logits (N,): positive for "real", negative for "fake"."""

    def __init__(self, data_dim: int = 2, hidden: int = 64, depth: int = 2):
        super().__init__()
        self.data_dim = data_dim
        self.net = perceptron(data_dim, hidden, depth, 1, nn.LeakyReLU)

    def forward(self, points: Tensor) -> Tensor:
        check_shape(self, points, (self.data_dim,))
        return self.net(points).squeeze(1)
