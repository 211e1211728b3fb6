"""A pair for clips (N, frames, channels, size, size): a picture that is moved, and two judges. Taught in chapter 13."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from gan_edu.models.checks import check_shape
from gan_edu.models.dcgan import DCGANGenerator

EDGE, STATE = 8, 48  # of the picture that is moved; numbers in the state of the motion


class ClipGenerator(nn.Module):
    """Maps noise (N, latent_dim) to clips (N, frames, channels, size, size) in [-1, 1]: content apart from motion.

    A DCGAN draws one picture of 8x8 from the first numbers of the noise. The last `motion` numbers are where a
    recurrent network begins, whose state says for each frame where the picture lies. `frames` may be changed later.

    Source: content and motion apart as in Tulyakov et al. 2018 (MoCoGAN), where a network draws every frame from both;
    a picture that is moved, with a gradient to where, as in Jaderberg et al. 2015 (spatial transformers).

    Raises:
        ValueError: the noise has another shape.
    """

    def __init__(
        self, size: int = 16, channels: int = 1, latent_dim: int = 24, width: int = 32, frames: int = 8, motion: int = 8
    ):
        super().__init__()
        self.size, self.latent_dim, self.frames, self.motion = size, latent_dim, frames, motion
        self.draw = DCGANGenerator(EDGE, channels, latent_dim - motion, width)
        self.begin, self.go_on, self.where = nn.Linear(motion, STATE), nn.GRUCell(1, STATE), nn.Linear(STATE, 2)

    def track(self, noise: Tensor) -> Tensor:
        """Where the picture lies in each frame, (N, frames, 2), right and down: 0 is the middle, 1 the edge."""
        state, places = self.begin(noise[:, -self.motion :]).tanh(), []
        nothing = torch.zeros_like(noise[:, :1])  # the state goes on by itself
        for _ in range(self.frames):
            places.append(self.where(state))
            state = self.go_on(nothing, state)
        return torch.stack(places, dim=1)

    def forward(self, noise: Tensor) -> Tensor:
        check_shape(self, noise, (self.latent_dim,))
        return moved(self.draw(noise[:, : -self.motion]), self.track(noise), self.size)


def moved(pictures: Tensor, track: Tensor, size: int) -> Tensor:
    """Clips (N, T, C, size, size) of pictures (N, C, H, H), even H, on black, which lie where `track` (N, T, 2) says.

    0 is the middle, -1 and 1 are where the picture touches the edge. Gradients go back into both.
    """
    margin = (size - pictures.shape[-1]) // 2
    pages = functional.pad(pictures + 1, [margin] * 4)[:, None].expand(-1, track.shape[1], -1, -1, -1).flatten(0, 1)
    to_middle = torch.eye(2, 3, device=track.device).repeat(len(pages), 1, 1)
    to_middle[:, :, 2] = -2 * margin / size * track.flatten(0, 1)
    grid = functional.affine_grid(to_middle, pages.shape, align_corners=False)
    return functional.grid_sample(pages, grid, align_corners=False).unflatten(0, track.shape[:2]) - 1


def _judge(channels, width, size):
    layers = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
    layers += [nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(2 * width * (size // 4) ** 2, 1))


class ClipDiscriminator(nn.Module):
    """Maps clips (N, frames, channels, size, size) to logits (N, looks + 1): of single frames, and of the whole.

    One judge looks at frames drawn at random, each alone. The other has all frames as the channels of one picture, so
    that its kernels see all of the time at once.

    Raises:
        ValueError: the clips have another shape.
    """

    def __init__(self, size: int = 16, channels: int = 1, width: int = 32, frames: int = 8, looks: int = 2):
        super().__init__()
        self.clip_shape, self.looks = (frames, channels, size, size), min(looks, frames)
        self.of_frame, self.of_clip = _judge(channels, width, size), _judge(frames * channels, width // 2, size)

    def forward(self, clips: Tensor) -> Tensor:
        check_shape(self, clips, self.clip_shape)
        chosen = torch.rand(clips.shape[:2], device=clips.device).argsort(1)[:, : self.looks]
        frames = clips[torch.arange(len(clips), device=clips.device)[:, None], chosen]
        looked = self.of_frame(frames.flatten(0, 1)).view(-1, self.looks)
        return torch.cat([looked, self.of_clip(clips.flatten(1, 2))], dim=1)
