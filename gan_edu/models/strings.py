"""A pair for strings, as one-hots (N, length, letters): a generator that writes letter by letter, and its judge.

Taught in chapter 15.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from gan_edu.models.checks import check_shape


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The value of `hard`, the gradient of `soft`, both of one shape (Bengio et al. 2013)."""
    return hard.detach() + (soft - soft.detach())


class StringGenerator(nn.Module):
    """Maps noise (N, length * letters) to strings: one-hots (N, length, letters), drawn one letter after the other.

    A GRU reads what was written so far, and its state gives a logit for each letter. The noise is the dice: a standard
    normal number for each letter and place, made a Gumbel number; the letter whose logit plus dice is largest is an
    exact draw from the softmax of the logits. Backward, the softmax of that sum, divided by the `softness`, stands for
    the letter. The `temperature` divides the logits: below 1 G plays safe. Both may be changed at any time.

    condition: how many numbers each string is told, as `generator(noise, condition)`; 0 for none

    Source: Jang et al. 2017 (straight-through Gumbel-softmax, whose temperature is our softness).

    Raises:
        ValueError: the noise has another shape.
    """

    def __init__(self, length: int, letters: int, width: int = 32, condition: int = 0, softness: float = 0.3):
        super().__init__()
        self.length, self.letters, self.latent_dim = length, letters, length * letters
        self.softness, self.temperature = softness, 1.0
        self.read, self.logits = nn.GRU(letters + condition, width, batch_first=True), nn.Linear(width, letters)

    def forward(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        check_shape(self, noise, (self.latent_dim,))
        uniform = torch.special.log_ndtr(noise.view(-1, self.length, self.letters).clamp(-6, 6))  # its logarithm
        dice, state, written = -(-uniform).log(), None, [torch.zeros_like(uniform[:, 0])]
        for t in range(self.length):
            read, state = self.read(_told(written[-1][:, None], condition), state)
            scores = self.logits(read[:, 0]) / self.temperature + dice[:, t]
            hard = functional.one_hot(scores.argmax(1), self.letters).to(scores.dtype)
            written.append(straight_through(hard, (scores / self.softness).softmax(1)))
        return torch.stack(written[1:], dim=1)

    def log_prob(self, strings: Tensor, condition: Tensor | None = None) -> Tensor:
        """log q of strings (N, length, letters), in nats: (N,), with a graph to the weights."""
        before = functional.pad(strings, (0, 0, 1, -1))  # what was written before each letter
        logits = self.logits(self.read(_told(before, condition))[0]) / self.temperature
        return (strings * logits.log_softmax(2)).sum((1, 2))


def _told(strings, condition):
    """The strings, and at every place the condition."""
    if condition is None:
        return strings
    return torch.cat([strings, condition[:, None].expand(-1, strings.shape[1], -1)], dim=2)


class StringDiscriminator(nn.Module):
    """Maps strings (N, length, letters), one-hots or mixtures of them, to logits (N,).

    condition: how many numbers are told with each string, as `discriminator(strings, condition)`; 0 for none

    Raises:
        ValueError: the strings have another shape.
    """

    def __init__(self, length: int, letters: int, width: int = 64, condition: int = 0):
        super().__init__()
        self.string_shape = length, letters
        layers = [nn.Linear(length * (letters + condition), width), nn.LeakyReLU(0.2)]
        layers += [nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, 1), nn.Flatten(0)]
        self.body = nn.Sequential(nn.Flatten(), *layers)

    def forward(self, strings: Tensor, condition: Tensor | None = None) -> Tensor:
        check_shape(self, strings, self.string_shape)
        return self.body(_told(strings, condition))
