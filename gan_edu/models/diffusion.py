"""Diffusion: a network that guesses the clean sample behind a noisy one, and the sampler that asks it again and again.

Taught in chapter 16. Time t goes from 0, where a sample is clean, to 1, where only noise is left.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from gan_edu.models.checks import check_shape
from gan_edu.models.mlp import perceptron


def levels(t: Tensor) -> tuple[Tensor, Tensor]:
    """How much of the sample and how much of the noise is there at times (N,): a and s, both (N, 1), a^2 + s^2 = 1."""
    angle = torch.pi / 2 * t[:, None]
    return angle.cos(), angle.sin()


def noised(x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """The samples x (N, dim) at times t (N,), with this standard normal noise (N, dim): a x + s noise."""
    a, s = levels(t)
    return a * x + s * noise


class Denoiser(nn.Module):
    """Maps noisy samples (N, dim) and their times (N,) to guesses of the clean samples (N, dim).

    The network itself gives v = a noise - s x; the guess is a (what is seen) - s v, which at t = 0 is what is seen.

    Source: v from Salimans and Ho 2022, appendix D; waves of several frequencies for t as in Vaswani et al. 2017.

    Raises:
        ValueError: the samples have another shape.
    """

    def __init__(self, dim: int = 64, width: int = 256, depth: int = 3):
        super().__init__()
        self.dim = dim
        self.net = perceptron(dim + 16, width, depth, dim, nn.SiLU)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        check_shape(self, x, (self.dim,))
        angles = t[:, None] * torch.arange(1, 9, device=t.device) * (torch.pi / 2)
        a, s = levels(t)
        return a * x - s * self.net(torch.cat([x, angles.sin(), angles.cos()], dim=1))


@torch.no_grad()
def ddim(denoiser, x: Tensor, steps: int, limit: float = torch.inf) -> Tensor:
    """Samples (N, dim) out of standard normal noise x (N, dim), in so many equal steps, each one pass of the denoiser.

    Each step guesses the clean sample, and so the noise, and puts both together at the next time. Nothing is drawn.
    Guesses are cut to [-limit, limit], where data end: without it a rare sample runs away from what the network knows.

    Source: Song, Meng and Ermon 2021 (DDIM), equation 12 with sigma 0; the cut from Ho et al. 2020 (in their code).
    """
    for now, then in pairwise(torch.linspace(1, 0, steps + 1, device=x.device).expand(len(x), -1).unbind(1)):
        guess, (a, s) = denoiser(x, now).clamp(-limit, limit), levels(now)
        x = noised(guess, then, (x - a * guess) / s)
    return x
