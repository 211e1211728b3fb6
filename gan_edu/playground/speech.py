"""The explorer of chapter 14: move in a plane of noise, and hear the vowel that is there."""

import copy
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import torch

from gan_edu import data, metrics, plots
from gan_edu.playground.explorer import Explorer, noise_plane, slider
from gan_edu.train import GAN


class VowelPad(Explorer):
    """Two sliders, for two directions of noise, and a player that plays what G makes of their place: `.widget`.

    classifier: sounds (N, T) to probabilities of `classes`, which says what it reads there
    """

    NAME, INVITATION = "vowel pad", "run this cell to hear vowels"

    def __init__(self, gan: GAN, classes: Sequence[str], classifier: Callable, right: float = 0.0, up: float = 0.0):
        self.singer, self.classes, self.classifier = copy.deepcopy(gan.ema).cpu(), classes, classifier
        self.singer.length = 4 * gan.ema.length  # half a second; the pitch and the mouth stay as they are
        self.plane = noise_plane(gan.latent_dim, torch.Generator().manual_seed(0))
        self.player = widgets.Audio(autoplay=True, loop=False, tooltip="Play the sound of this place again")
        super().__init__(
            right=slider(right, -1.5, 1.5, "right", "Along one direction of noise", 0.25),
            up=slider(up, -1.5, 1.5, "up", "Along another, at a right angle to it", 0.25),
        )
        self.widget.children = (*self.widget.children, self.player)

    def draw(self, right, up):
        sound = self.singer(torch.tensor([[right, up]]) @ self.plane).detach()
        self.player.value = data.wav(sound[0])
        sure, read = self.classifier(sound[:, : sound.shape[1] // 4]).max(1)
        figure, (wave, picture) = plots.panels(2, width=3.4, height=2.2)
        wave.plot(sound[0, :400], color=plots.FAKE, linewidth=1)
        wave.set_ylim(-1, 1)
        plots.label(wave, "sample", title="the first 400 samples")
        plots.images(picture, plots.spectrograms(sound), 1, "its log-mel")
        strength, pitch = metrics.periodicity(sound)
        said = f"A classifier reads {self.classes[read]}, {100 * sure.item():.0f} % sure"
        return figure, f"{said}. The pitch is {pitch.item():.0f} Hz, periodicity {strength.item():.2f}"
