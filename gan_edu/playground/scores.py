"""The explorer of chapter 9: cheat six scores of digits by hand, and see each beside what real digits score."""

import torch

from gan_edu import data, metrics, plots
from gan_edu.playground.explorer import Explorer, slider

N = 500  # pictures on each side


def six_scores(real: torch.Tensor, fake: torch.Tensor) -> dict[str, float]:
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
        controls = {
            "outlier": slider(outlier, 0, 1, "outlier", "How far one real picture is turned into its negative"),
            "contrast": slider(contrast, -1, 2, "contrast", "The fakes' contrast; 1 is that of real digits"),
            "copies": slider(copies, 0, 1, "copies", "The share of fakes that are training pictures"),
            "noise": slider(noise, 0, 1, "noise", "The share of fakes that are noise"),
        }
        super().__init__(controls)

    def draw(self):
        outlier, contrast, copies, noise = self.values.values()
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
