"""The playground's picture, fast enough for a film: what stays is drawn once, each frame only what moved."""

import io
import math

import contourpy
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from gan_edu import plots

PIXELS = 50  # D's heat map is that many points wide and high
CURVE_POINTS = 300  # longer curves are thinned to about as many points
PANELS = {  # below the top: position, title, and the lines in it: name in the history, label, style
    "divergence": (0.74, "data against fakes", {"kl": ("KL", "#333333", "-"), "jsd": ("JSD", plots.FAKE, "--")}),
    "coverage": (0.41, "share", {"modes": ("modes", plots.REAL, "-"), "good": ("good samples", plots.FAKE, "--")}),
    "loss": (0.08, "loss", {"d_loss": ("D", plots.D, "-"), "g_loss": ("G", plots.G, "--")}),
}


class Picture:
    """The plane at the left, the curves at the right. `draw` moves what is there; `png` gives the bytes.

    limit: the plane is shown from -limit to limit on both axes
    floor: the JSD between two samples of the data themselves, a dotted line that no generator gets below for long
    """

    def __init__(self, limit: float, floor: float):
        self.figure = Figure(figsize=(8.2, 4.7), dpi=100)
        self.canvas = FigureCanvasAgg(self.figure)
        self.limit = limit
        self._make_plane()
        self._make_curves(floor)
        self._background, self._drawn_for = None, None

    def draw(self, layers: dict, history: dict, title: str) -> None:
        """Show the given layers of the plane and no others, the curves of the history, and a title.

        layers: any of "real" (N, 2), "fake" (N, 2), "heat" (PIXELS, PIXELS) in [0, 1], "sheet" (lines, points, 2) and
        "arrows" (N, 4): where each starts and how far it goes
        """
        far = 10 * self.limit  # what lies beyond is as invisible there, and Agg stumbles over coordinates of 1e30
        layers = {name: np.clip(values, -far, far) for name, values in layers.items()}
        for name, artists in self.artists.items():
            for artist in artists:
                artist.set_visible(name in layers)
            if name in layers:
                getattr(self, f"_set_{name}")(layers[name], *artists)
        self.title.set_text(title)
        for name, curve in self.curves.items():
            thin = max(1, len(history["steps"]) // CURVE_POINTS)
            curve.set_data(history["steps"][::-thin], history[name][::-thin])
        self._draw_over_background(history)

    def png(self) -> bytes:
        """What `draw` drew last, as a PNG file."""
        buffer = io.BytesIO()
        pixels = np.asarray(self.canvas.buffer_rgba())[..., :3]
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)  # twice the bytes, a fifth of the time
        return buffer.getvalue()

    def _make_plane(self):
        ax = self.plane = self.figure.add_axes((0.045, 0.075, 0.49, 0.855))
        limits = (-self.limit, self.limit)
        ax.set(xlim=limits, ylim=limits)
        ax.tick_params(labelsize=8)
        heat = ax.imshow(
            np.zeros((2, 2)), extent=limits * 2, origin="lower", cmap="PuOr_r", vmin=0, vmax=1, alpha=0.6, zorder=0
        )
        border = LineCollection([], colors=plots.INK, linewidths=0.9)
        sheet = LineCollection([], colors=plots.G, linewidths=0.7, alpha=0.8)
        (real,) = ax.plot([], [], ".", color=plots.REAL, markersize=4, alpha=0.5, markeredgewidth=0, label="real")
        (fake,) = ax.plot([], [], "x", color=plots.FAKE, markersize=4, alpha=0.8, markeredgewidth=1, label="fake")
        arrows = LineCollection([], colors=plots.INK, linewidths=0.9, alpha=0.8)
        (tips,) = ax.plot([], [], "o", color=plots.INK, markersize=2.4)
        for collection in (border, sheet, arrows):
            ax.add_collection(collection, autolim=False)
        self.title = ax.set_title("", fontsize=10, loc="left")
        self.artists = {
            "heat": (heat, border),
            "sheet": (sheet,),
            "real": (real,),
            "fake": (fake,),
            "arrows": (arrows, tips),
        }

    def _make_curves(self, floor):
        self.curves, self.panels = {}, {}
        for panel, (bottom, label, lines) in PANELS.items():
            ax = self.panels[panel] = self.figure.add_axes((0.615, bottom, 0.375, 0.2))
            ax.spines[["top", "right"]].set_visible(False)
            ax.tick_params(labelsize=8)
            ax.set_ylabel(label, fontsize=8)
            for name, (legend, color, style) in lines.items():
                (self.curves[name],) = ax.plot([], [], color=color, linestyle=style, linewidth=1.5, label=legend)
            if panel == "divergence":
                ax.axhline(floor, color=plots.INK, linestyle=":", linewidth=1, label="JSD, data against data")
            ax.legend(fontsize=8, frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(-0.02, 0.96), borderpad=0)
        self.panels["divergence"].set(yscale="log", ylim=(0.005, 12))
        self.panels["coverage"].set(ylim=(-0.03, 1.05))
        self.panels["loss"].set_xlabel("step", fontsize=8, labelpad=0)

    @staticmethod
    def _set_real(points, dots):
        dots.set_data(*points.T)

    _set_fake = _set_real

    def _set_heat(self, belief, heat, border):
        heat.set_data(belief)
        axis = np.linspace(-self.limit, self.limit, len(belief))
        border.set_segments(contourpy.contour_generator(axis, axis, belief).lines(0.5))

    @staticmethod
    def _set_sheet(lines, sheet):
        sheet.set_segments(lines)

    @staticmethod
    def _set_arrows(arrows, shafts, tips):
        ends = arrows[:, :2] + arrows[:, 2:]
        shafts.set_segments(np.stack([arrows[:, :2], ends], 1))
        tips.set_data(*ends.T)

    def _draw_over_background(self, history):
        """Axes, ticks and legends are drawn again only where the limits of a curve changed."""
        limits = self._curve_limits(history)
        moving = [*(a for artists in self.artists.values() for a in artists), *self.curves.values(), self.title]
        if limits != self._drawn_for:
            for ax in self.panels.values():
                ax.set_xlim(limits[0])
            self.panels["loss"].set_ylim(limits[1])
            for artist in moving:
                artist.set_animated(True)  # left out of the background
            self.canvas.draw()
            for artist in moving:
                artist.set_animated(False)  # so that `figure` can be shown and saved like any other
            self._background, self._drawn_for = self.canvas.copy_from_bbox(self.figure.bbox), limits
        self.canvas.restore_region(self._background)
        for artist in moving:
            artist.axes.draw_artist(artist)

    @staticmethod
    def _curve_limits(history):
        """Limits that grow by doubling, so that they seldom change."""

        def beyond(value):
            return 2.0 ** math.ceil(math.log2(value)) if value > 1 else float(value > 0)

        losses = [*history["d_loss"][-CURVE_POINTS:], *history["g_loss"][-CURVE_POINTS:], 0.1]
        steps = max(200, beyond(max(history["steps"], default=0)))
        return (0, steps), (-beyond(-min(losses)), beyond(max(losses)))
