"""The explorer of chapter 12: from four pixels to a digit, between the mean answer and answers that are drawn."""

import torch
from torch.nn.functional import avg_pool2d, interpolate

from gan_edu import metrics, plots
from gan_edu.playground.explorer import Explorer, slider

CORNERS = ("upper left", "upper right", "lower left", "lower right")


class SharpenExplorer(Explorer):
    """Sliders for four pixels, and one from the mean answer to drawn ones; answers, error and distance follow.

    mean: a generator without noise, trained on pixels alone; gan: a GAN that answers with noise; both take pictures of
    2x2 pixels as condition. real: pictures (N, 1, 8, 8); read: a classifier of them; pick: whose pixels come first.
    """

    NAME, INVITATION = "sharpening explorer", "run this cell to make digits of four pixels"

    def __init__(self, mean, gan, real, read, pick: int = 0, share: float = 0.0):
        self.mean, self.gan, self.real, self.read = mean, gan, real, read
        self.noise = torch.randn(len(real), gan.latent_dim, generator=torch.Generator().manual_seed(0)).to(gan.device)
        small = avg_pool2d(real, 4)
        self.ends = self._answers(small)
        light = zip(CORNERS, small[pick].flatten().tolist(), strict=True)
        controls = {name: slider(value, -1, 1, name, "How light this pixel is", step=0.05) for name, value in light}
        super().__init__(controls | {"share": slider(share, 0, 1, "sharp", "The share of the drawn answer", step=0.05)})

    @torch.no_grad()
    def _answers(self, small):
        noise = self.noise[: len(small)]
        return self.mean(noise[:, :0], small), self.gan.sample(noise=noise, condition=small)

    def draw(self):
        *light, share = self.values.values()
        small = torch.tensor(light, device=self.real.device).view(1, 1, 2, 2).repeat(8, 1, 1, 1)
        made, whole = torch.lerp(*self._answers(small), share), torch.lerp(*self.ends, share)
        least, error = ((answers - self.real).square().mean().item() for answers in (self.ends[0], whole))
        figure, (left, right) = plots.panels(2, width=3.6, height=2.4)
        plots.images(left, interpolate(small[:1], scale_factor=4), title="four pixels")
        plots.images(right, made, 4, "eight answers")
        read = " ".join(str(digit) for digit in self.read(made).argmax(1).tolist())
        law, distance = 1 + share**2, metrics.frechet_distance(self.real, whole)
        said = f"A classifier reads {read}. Over all digits: error {error / least:.2f} times the mean answer's"
        return figure, f"{said} (law {law:.2f}), Fréchet distance {distance:.2f}"
