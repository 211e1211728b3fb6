"""The explorer of chapter 15: turn a writer's temperature, and see it move between quality and diversity."""

import copy

import torch

from gan_edu import data, metrics, plots
from gan_edu.playground.explorer import Explorer, menu, slider


class TextExplorer(Explorer):
    """A menu of writers {name: `models.StringGenerator`}, and a slider for their temperature: `.widget`."""

    NAME, INVITATION = "text explorer", "run this cell to turn the temperature"

    def __init__(self, writers: dict, temperature: float = 1.0):
        self.writers = {name: copy.deepcopy(writer).cpu() for name, writer in writers.items()}
        self.real = data.brackets().images
        self.noise = torch.randn(24, 24, generator=torch.Generator().manual_seed(0))
        self.curves = {name: [self.place(name, 0.1 * i) for i in range(2, 26)] for name in writers}
        tip = "Logits are divided by it: low is safe, high is wild"
        super().__init__(
            writer=menu(next(iter(writers)), tuple(writers), "writer", "Who writes"),
            temperature=slider(temperature, 0.2, 2.5, "temperature", tip, 0.05),
        )

    @torch.no_grad()
    def place(self, name: str, temperature: float) -> tuple[float, float]:
        """As how many equally likely strings the right ones are, and the share that is right: exact, by all 88."""
        self.writers[name].temperature = temperature
        q = self.writers[name].log_prob(self.real).exp()
        return metrics.effective_number(q), q.sum().item()

    def draw(self, writer, temperature):
        number, right = self.place(writer, temperature)
        written = data.decode(self.writers[writer](self.noise), data.BRACKETS)
        figure, (plane, page) = plots.panels(2, width=4, height=3)
        for (name, curve), (color, style) in zip(self.curves.items(), plots.CYCLE, strict=False):
            plane.plot(*zip(*curve, strict=True), color=color, linestyle=style, label=name)
        plane.plot(number, right, "o", color=plots.FAKE, markersize=9)
        plots.label(plane, "as diverse as ... strings", "share that is right", legend=True)
        plots.words(page, written, data.is_balanced, 3, "24 of its strings")
        return figure, f"{writer} at {temperature:.2f}: {right:.0%} right, as diverse as {number:.0f} of 88 strings"
