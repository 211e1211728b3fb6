"""Explorers of samples: how scores are cheated (chapter 9), a class is asked for (11), four pixels become a digit (12),
clips play (13), digits appear out of noise (16), and training pictures are guessed (17).
"""

from collections.abc import Callable, Sequence

import ipywidgets as widgets
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from gan_edu import data, metrics, models, plots
from gan_edu.playground.explorer import LOOK, Explorer, noise_plane, slider
from gan_edu.train import GAN

N = 500  # real digits, and as many fakes, that are scored
BESIDE = 24  # other draws beside the large one
CORNERS = ("upper left", "upper right", "lower left", "lower right")


def six_scores(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Fréchet distance, precision, recall, density, coverage and authenticity by name, with balls of k = 5."""
    balls = {**metrics.precision_recall(real, fake, 5)._asdict(), **metrics.density_coverage(real, fake, 5)._asdict()}
    return {"Fréchet": metrics.frechet_distance(real, fake), **balls, "authenticity": metrics.authenticity(real, fake)}


class ScoresExplorer(Explorer):
    """Sliders for one bad real picture and for three kinds of bad fakes; six scores follow: `.widget`."""

    NAME, INVITATION = "scores explorer", "run this cell to cheat six scores"

    def __init__(self, outlier: float = 0.0, contrast: float = 1.0, copies: float = 0.0, noise: float = 0.0):
        random, digits = torch.Generator().manual_seed(0), data.digits().images
        self.real, self.fresh, *_ = digits[torch.randperm(len(digits), generator=random)].split(N)
        self.noise, self.level = 2 * torch.rand(N, 1, 8, 8, generator=random) - 1, six_scores(self.real, self.fresh)
        super().__init__(
            outlier=slider(outlier, 0, 1, "outlier", "How far one real picture is turned into its negative"),
            contrast=slider(contrast, -1, 2, "contrast", "The fakes' contrast; 1 is that of real digits"),
            copies=slider(copies, 0, 1, "copies", "The share of fakes that are training pictures"),
            noise=slider(noise, 0, 1, "noise", "The share of fakes that are noise"),
        )

    def draw(self, outlier, contrast, copies, noise):
        real, fake = self.real.clone(), torch.lerp(self.fresh.mean(0), self.fresh, contrast)
        real[0] *= 1 - 2 * outlier
        fake[: round(copies * N)] = self.real[: round(copies * N)]
        fake[N - round(noise * N) :] = self.noise[N - round(noise * N) :]
        scores = six_scores(real, fake)
        figure, (left, right) = plots.panels(2, width=4, height=3)
        plots.images(left, fake[:: N // 40], 8, "the fakes")
        plots.beside(right, scores, self.level)
        better = [name for name in scores if (scores[name] - self.level[name]) * (1 - 2 * (name == "Fréchet")) > 0.01]
        said = ", ".join(f"{name} {scores[name]:.2f} ({level:.2f})" for name, level in self.level.items())
        return figure, f"{said}. Better than real digits: {', '.join(better) or 'none'}"


class SteeringExplorer(Explorer):
    """A row of buttons, one for each class, and three sliders for the noise of a conditional GAN: `.widget`.

    gan: its generator takes (noise, labels); classes: their names; classifier: images to logits, which says what it
    reads in what is drawn; the others: what the controls say at first.
    """

    NAME, INVITATION = "steering explorer", "run this cell to draw by class"

    def __init__(self, gan: GAN, classes: Sequence[str], classifier: Callable, draw=0, right=0.5, up=0.5, length=1.0):
        random, self.classes = torch.Generator().manual_seed(0), tuple(classes)
        self.gan, self.classifier, self.plane = gan, classifier, noise_plane(gan.latent_dim, random)
        self.noise = torch.randn(BESIDE, gan.latent_dim, generator=random)
        options, tip = [(name, label) for label, name in enumerate(classes)], "The class that the generator is told"
        look = {"button_width": "44px", "description_width": LOOK["style"]["description_width"]}
        super().__init__(
            draw=widgets.ToggleButtons(options=options, value=draw, description="draw a", tooltip=tip, style=look),
            right=slider(right, -1.5, 1.5, "right", "Along one direction of noise, in typical lengths"),
            up=slider(up, -1.5, 1.5, "up", "Along another, at a right angle to it"),
            length=slider(length, 0, 2, "length", "All noise is multiplied by this: below 1 is truncation"),
        )

    def draw(self, draw, right, up, length):
        noise = length * torch.cat([torch.tensor([[right, up]]) @ self.plane, self.noise]).to(self.gan.device)
        drawn = self.gan.sample(noise=noise, condition=torch.full((len(noise),), draw, device=self.gan.device)).cpu()
        read = self.classifier(drawn).argmax(1).tolist()
        figure, (left, beside) = plots.panels(2, width=3.4, height=2.6)
        plots.images(left, drawn[:1], 1, "the place that you chose")
        plots.images(beside, drawn[1:], 6, f"{BESIDE} other draws of noise")
        name, same = self.classes[draw], sum(found == draw for found in read[1:])
        said = f"You asked for {name}; a classifier reads {self.classes[read[0]]}."
        return figure, f"{said} Of {BESIDE} other draws it takes {same} for {name}"


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
        super().__init__(**controls, share=slider(share, 0, 1, "sharp", "The share of the drawn answer", step=0.05))

    @torch.no_grad()
    def _answers(self, small):
        noise = self.noise[: len(small)]
        return self.mean(noise[:, :0], small), self.gan.sample(noise=noise, condition=small)

    def draw(self, share, **light):
        small = torch.tensor(list(light.values()), device=self.real.device).view(1, 1, 2, 2).repeat(8, 1, 1, 1)
        made, whole = torch.lerp(*self._answers(small), share), torch.lerp(*self.ends, share)
        least, error = ((answers - self.real).square().mean().item() for answers in (self.ends[0], whole))
        figure, (left, right) = plots.panels(2, width=3.6, height=2.4)
        plots.images(left, interpolate(small[:1], scale_factor=4), title="four pixels")
        plots.images(right, made, 4, "eight answers")
        read = " ".join(str(digit) for digit in self.read(made).argmax(1).tolist())
        law, distance = 1 + share**2, metrics.frechet_distance(self.real, whole)
        said = f"A classifier reads {read}. Over all digits: error {error / least:.2f} times the mean answer's"
        return figure, f"{said} (law {law:.2f}), Fréchet distance {distance:.2f}"


class ClipExplorer(Explorer):
    """Buttons that play clips (N, T, C, H, W), and a slider for the frame, which arrow keys move: `.widget`.

    names: one for each clip, which then is a row of its frames so far; without names the clips are a sheet of `columns`
    pictures, all at the same frame.
    """

    NAME, INVITATION = "clip explorer", "run this cell to play the clips"

    def __init__(self, clips: Tensor, names: Sequence[str] = (), columns: int = 8, frame: int = 1):
        self.clips, self.names, self.columns = clips.cpu(), tuple(names), columns
        self.moves = metrics.centroids(self.clips).diff(dim=1).norm(dim=2)  # (N, T - 1), in pixels
        place = {"min": 1, "max": clips.shape[1], "value": frame}
        play = widgets.Play(**place, interval=300, description="play", tooltip="Play, pause, begin again, or for ever")
        slider = widgets.IntSlider(**place, description="frames", tooltip="How many frames you have seen", **LOOK)
        widgets.link((play, "value"), (slider, "value"))
        super().__init__(play=play, frame=slider)

    def draw(self, play, frame):
        now = self.moves[:, frame - 2] if frame > 1 else self.moves[:, 0] * 0
        said = f"Frame {frame} of {self.clips.shape[1]}. Since the last one"
        if not self.names:
            figure, ax = plots.panels(width=4, height=4 * len(self.clips) / self.columns**2)
            plots.images(ax, self.clips[:, frame - 1], self.columns)
            return figure, f"{said} the pictures moved {now.mean():.1f} pixels, on average"
        figure, ax = plots.panels(width=7, height=7 * len(self.clips) / self.clips.shape[1] + 0.2)
        plots.strip(ax, torch.cat([self.clips[:, :frame], torch.zeros_like(self.clips[:, frame:])], dim=1))
        tall = self.clips.shape[-2] + 1
        ax.set_axis_on()
        ax.set(xticks=[], yticks=[tall * (i + 0.5) for i in range(len(self.names))], yticklabels=self.names)
        moved = ", ".join(f"{name} {move:.1f}" for name, move in zip(self.names, now, strict=True))
        return figure, f"{said} each centre moved, in pixels: {moved}"


class MembershipGame(Explorer):
    """A tick for each of ten pictures (10, 1, H, W), on some of which a generator was trained: `.widget`.

    seen: on which, (10,), bool; samples: what the generator makes, (N, 1, H, W), of which 20 are shown. One more tick
    shows, below each picture, the sample that is nearest to it. Once as many are ticked as were seen, it says how many
    are right.
    """

    NAME, INVITATION = "membership game", "run this cell to guess who was in the training set"

    def __init__(self, pictures: Tensor, seen: Tensor, samples: Tensor):
        self.pictures, self.seen, self.samples = pictures.cpu(), seen.tolist(), samples.cpu()
        self.near = self.samples[metrics.nearest(self.pictures, self.samples).indices]
        tips = {str(i): f"Was the generator trained on picture {i}?" for i in range(1, 11)}
        tips["nearest"] = "Below each picture, the sample that is most like it"
        look = {"value": False, "indent": False, "layout": {"width": "auto"}}
        super().__init__(**{name: widgets.Checkbox(description=name, tooltip=t, **look) for name, t in tips.items()})

    def draw(self, nearest, **ticks):
        picked = [name for name, tick in ticks.items() if tick]
        figure, (above, below) = plots.panels(1, 2, width=6, height=1.5)
        plots.images(above, torch.cat([self.pictures, self.near if nearest else torch.ones_like(self.near)]), 10)
        plots.images(below, self.samples[:20], 10, "twenty samples")
        above.set_axis_on()
        above.spines[:].set_visible(False)
        marks = [f"{name} ✓" if tick else name for name, tick in ticks.items()]
        above.set(yticks=[], xticks=[9 * i + 3.5 for i in range(10)], xticklabels=marks)
        above.xaxis.tick_top()
        right = sum(self.seen[int(name) - 1] for name in picked)
        said = f"You picked {', '.join(picked) or 'none'}"
        return figure, said + f": {right} of {len(picked)} are right" * (len(picked) == sum(self.seen))


class DiffusionExplorer(Explorer):
    """Sliders for how many passes make a digit out of noise, and which of them is shown: `.widget`.

    denoiser: maps (N, 64) and times (N,) to guesses of digits in [-2, 2]; shown: from 0, the first pass, to 1, the last
    """

    NAME, INVITATION = "diffusion explorer", "run this cell to watch digits appear"

    def __init__(self, denoiser: Callable, passes: int = 16, shown: float = 1.0):
        self.denoiser, self.noise = denoiser, torch.randn(16, 64, generator=torch.Generator().manual_seed(0))
        super().__init__(
            passes=slider(passes, 1, 64, "passes", "How often the denoiser is asked on the way from noise", step=1),
            shown=slider(shown, 0, 1, "shown", "From the first pass to the last"),
        )

    def draw(self, passes, shown):
        seen = []

        def watched(x, t):
            seen.append((x, self.denoiser(x, t)))
            return seen[-1][1]

        models.ddim(watched, self.noise, int(passes), 2)
        which = round(shown * (len(seen) - 1))
        figure, axes = plots.panels(2, width=3, height=3)
        for ax, batch, title in zip(axes, seen[which], ("what it sees", "what it guesses"), strict=True):
            plots.images(ax, batch.view(-1, 1, 8, 8) / 2, 4, title)
        apart = seen[which][1].std(0).mean() / 2
        said = f"Pass {which + 1} of {len(seen)}: pixels of its 16 guesses differ by {apart:.2f} from their mean"
        return figure, said
