"""The explorer of chapter 11: press a class and see it drawn, walk a plane of noise, shorten the noise."""

from collections.abc import Callable, Sequence

import ipywidgets as widgets
import torch

from gan_edu import plots
from gan_edu.playground.explorer import LOOK, Explorer, slider
from gan_edu.train import GAN

BESIDE = 24  # samples beside the large one


class SteeringExplorer(Explorer):
    """A row of buttons, one for each class, and three sliders for the noise of a conditional GAN: `.widget`.

    gan: its generator takes (noise, labels); classes: their names; classifier: images to logits, which says what it
    reads in what is drawn; the others: what the controls say at first.
    """

    NAME, INVITATION = "steering explorer", "run this cell to draw by class"

    def __init__(self, gan: GAN, classes: Sequence[str], classifier: Callable, draw=0, right=0.5, up=0.5, length=1.0):
        random, self.classes = torch.Generator().manual_seed(0), tuple(classes)
        self.gan, self.classifier, typical = gan, classifier, gan.latent_dim**0.5  # what noise's length mostly is
        self.plane = torch.linalg.qr(torch.randn(gan.latent_dim, 2, generator=random)).Q.T * typical
        self.noise = torch.randn(BESIDE, gan.latent_dim, generator=random)
        options, tip = [(name, label) for label, name in enumerate(classes)], "The class that the generator is told"
        look = {"button_width": "44px", "description_width": LOOK["style"]["description_width"]}
        controls = {
            "draw": widgets.ToggleButtons(options=options, value=draw, description="draw a", tooltip=tip, style=look),
            "right": slider(right, -1.5, 1.5, "right", "Along one direction of noise, in typical lengths"),
            "up": slider(up, -1.5, 1.5, "up", "Along another, at a right angle to it"),
            "length": slider(length, 0, 2, "length", "All noise is multiplied by this: below 1 is truncation"),
        }
        super().__init__(controls)

    def draw(self):
        label, right, up, length = self.values.values()
        noise = length * torch.cat([torch.tensor([[right, up]]) @ self.plane, self.noise]).to(self.gan.device)
        drawn = self.gan.sample(noise=noise, condition=torch.full((len(noise),), label, device=self.gan.device)).cpu()
        read = self.classifier(drawn).argmax(1).tolist()
        figure, (left, beside) = plots.panels(2, width=3.4, height=2.6)
        plots.images(left, drawn[:1], 1, "the place that you chose")
        plots.images(beside, drawn[1:], 6, f"{BESIDE} other draws of noise")
        name, same = self.classes[label], sum(found == label for found in read[1:])
        said = f"You asked for {name}; a classifier reads {self.classes[read[0]]}."
        return figure, f"{said} Of {BESIDE} other draws it takes {same} for {name}"
