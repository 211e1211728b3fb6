"""The explorer of chapter 13: clips that play, all on one sheet, or each as a strip that grows frame by frame."""

from collections.abc import Sequence

import ipywidgets as widgets
import torch
from torch import Tensor

from gan_edu import metrics, plots
from gan_edu.playground.explorer import LOOK, Explorer


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
        super().__init__({"play": play, "frame": slider})

    def draw(self):
        frame = self.values["frame"]
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
