"""A pair for sounds (N, length): a voice with a mouth to learn, and WaveGAN's judge. Taught in chapter 14."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from gan_edu.data.sounds import RATE, log_mel
from gan_edu.models.checks import check_shape

LOWEST, HIGHEST = 60.0, 500.0  # pitches that a voice can have, in Hz
TAPS, FRAME = 128, 1024  # numbers in a filter; samples in which the mouth stays as it is


class WaveGenerator(nn.Module):
    """Maps noise (N, latent_dim) to sounds (N, length) in [-1, 1]: pulses through filters that networks draw.

    The first two numbers of the noise are the hand of a clock: where in its period the voice begins. From the others
    one network draws the pitch, another a filter for each FRAME of the sound, between which it fades.

    Source: the oldest model of speech (Dudley 1939); filters that are learnt, as in Engel et al. 2020 (DDSP).

    Raises:
        ValueError: the noise has another shape.
    """

    def __init__(self, length: int = 1024, latent_dim: int = 16, width: int = 128):
        super().__init__()
        self.length, self.latent_dim, self.frames = length, latent_dim, max(1, length // FRAME)
        self.pitch = nn.Sequential(nn.Linear(latent_dim - 2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Sigmoid())
        layers = [nn.Linear(latent_dim - 2, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2)]
        self.mouth = nn.Sequential(*layers, nn.Linear(width, self.frames * TAPS), nn.Unflatten(1, (-1, TAPS)))

    def hertz(self, noise: Tensor) -> Tensor:
        """The pitch of each sound, (N, 1), in Hz."""
        return LOWEST * (HIGHEST / LOWEST) ** self.pitch(noise[:, 2:])

    def pulses(self, noise: Tensor) -> Tensor:
        """What the vocal cords give: a narrow peak in each period, (N, length + TAPS - 1)."""
        seconds = torch.arange(1 - TAPS, self.length, device=noise.device) / RATE
        start = torch.atan2(noise[:, :1], noise[:, 1:2])
        peaks = torch.exp(200 * (torch.cos(2 * math.pi * self.hertz(noise) * seconds + start) - 1))
        return peaks - peaks.mean(1, keepdim=True)

    def forward(self, noise: Tensor) -> Tensor:
        check_shape(self, noise, (self.latent_dim,))
        pulses, filters = self.pulses(noise), self.mouth(noise[:, 2:])
        n = self.length + 2 * TAPS  # long enough that nothing comes round again
        passed = torch.fft.irfft(torch.fft.rfft(pulses, n)[:, None] * torch.fft.rfft(filters, n), n)
        places = torch.linspace(0, self.frames - 1, self.length, device=noise.device)
        fade = (1 - (places - torch.arange(self.frames, device=noise.device)[:, None]).abs()).clamp(min=0)
        return torch.tanh((passed[:, :, TAPS - 1 : TAPS - 1 + self.length] * fade).sum(1))


class PhaseShuffle(nn.Module):
    """Moves maps (N, C, T) by up to `most` places, at random, all alike; what is missing at the edge is mirrored.

    Source: Donahue et al. 2019 (WaveGAN), section 3.3.
    """

    def __init__(self, most: int = 2):
        super().__init__()
        self.most = most

    def forward(self, x: Tensor) -> Tensor:
        first = int(torch.randint(2 * self.most + 1, ()))
        return functional.pad(x, (self.most, self.most), mode="reflect")[:, :, first : first + x.shape[2]]


class WaveDiscriminator(nn.Module):
    """Maps sounds (N, length) to logits (N,), the sum of two: one hears the samples, the other sees the log-mel.

    `ear`: convolutions of stride 4 down to 16 places, shuffled in between (Donahue et al. 2019, WaveGAN, in small).
    `eye`: three of stride 2 over the picture, as D's of vocoders have them (Jang et al. 2021, UnivNet).

    Raises:
        ValueError: the length is no 16 times a power of 4, or below 256, or the sounds have another.
    """

    def __init__(self, length: int = 1024, width: int = 16, shuffle: int = 2):
        super().__init__()
        self.length, depth = length, round(math.log(length / 16, 4))
        if length != 16 * 4**depth or depth < 2:
            raise ValueError(f"a sound must have 256, 1,024, 4,096 or 4 times more samples, not {length}")
        layers, maps = [nn.Unflatten(1, (1, length))], [1, *(width * 2**i for i in range(depth))]
        for i in range(depth):
            layers += [nn.Conv1d(maps[i], maps[i + 1], 16, stride=4, padding=6), nn.LeakyReLU(0.2)]
            layers += [PhaseShuffle(shuffle)] if i < depth - 1 else []
        self.ear = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * maps[-1], 1), nn.Flatten(0))
        layers = [nn.Unflatten(1, (1, -1))]
        for before, after in ((1, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.LeakyReLU(0.2)]
        pool = nn.AdaptiveAvgPool2d((4, 2)), nn.Flatten()
        self.eye = nn.Sequential(*layers, *pool, nn.Linear(32 * width, 1), nn.Flatten(0))

    def forward(self, sounds: Tensor) -> Tensor:
        check_shape(self, sounds, (self.length,))
        return self.ear(sounds) + self.eye(log_mel(sounds))
