"""The playground's picture, fast enough for a film: what stays is drawn once, each frame only what moves."""

import io
import math

import contourpy
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.image import PcolorImage
from PIL import Image

from gan_edu import plots

PLANE = (0.057, 0.075, 0.4925, 0.855)  # where it lies in the picture: left, bottom, width, height, as parts of it
CURVE_POINTS = 300  # longer curves are thinned to about as many points
PANELS = {  # from the bottom: unit, limits, and the curves in it: name in the history, label, colour, line
    "loss": ("loss", None, (("d_loss", "D", plots.D, "-"), ("g_loss", "G", plots.G, "--"))),
    "coverage": ("share", (-0.1, 1.1), (("modes", "modes", plots.INK, "-"), ("good", "good samples", plots.SKY, "--"))),
    "divergence": ("nats", (0.005, 12), (("kl", "KL", plots.INK, "-"), ("jsd", "JSD", plots.OCHRE, "--"))),
}


class Picture:
    """The plane at the left, the curves at the right. `draw` moves what is there; `png` gives the bytes.

    floor: the JSD between two samples of the data themselves, a dotted line that no generator gets below for long
    modes: have the data modes? Without any, the panel that counts them is left out
    """

    def __init__(self, floor: float, modes: bool = True, limit: float = 1.6):
        self.figure, self.limit = Figure(figsize=(7.9, 4.55), dpi=100), limit
        self.canvas = FigureCanvasAgg(self.figure)
        self._make_plane()
        self._make_curves(floor, [name for name in PANELS if modes or name != "coverage"])
        self._background, self._drawn_for = None, None

    def draw(self, layers: dict, history: dict, title: str) -> None:
        """Show the given layers of the plane and no others, the curves of the history, and a title.

        layers: any of "real" (N, 2), "fake" (N, 2), "heat" (pixels, pixels) in [0, 1], and polylines (lines, points, 2)
        named "sheet" and "arrows"
        """
        far = 10 * self.limit  # what lies beyond is as invisible there, and Agg stumbles over coordinates of 1e30
        layers = {name: np.clip(values, -far, far) for name, values in layers.items()}
        if "heat" in layers:
            axis = np.linspace(-self.limit, self.limit, len(layers["heat"]))
            layers["border"] = contourpy.contour_generator(axis, axis, layers["heat"]).lines(0.5)
            layers |= {"says real": layers["heat"], "says fake": 1 - layers["heat"]}
        self._crowd = layers.get("fake", np.zeros((0, 2)))[:50]  # all that have arrows
        for name, (artist, set_values) in self.layers.items():
            artist.set_visible(name in layers)
            if name in layers:
                set_values(layers[name])
        self.title.set_text(title)
        thin = max(1, len(history["steps"]) // CURVE_POINTS)
        for name, curve in self.curves.items():
            curve.set_data(history["steps"][::-thin], history[name][::-thin])
        self._draw_what_moves(_limits(history))

    def png(self) -> bytes:
        """What `draw` drew last, as a PNG file."""
        buffer = io.BytesIO()
        # Compressed by level 1, it is larger, and made much faster.
        Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB").save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    def _place(self, word, sure):
        """Where D is sure of it and fakes are far; it moves for a clear gain only, and hides where D is not sure."""
        axis = np.linspace(-self.limit, self.limit, len(sure))[4:-4:3]  # so near to the rim no word fits
        sure = sure[4:-4:3, 4:-4:3]
        places = np.stack(np.meshgrid(axis, axis), 2)[:, :, None]
        far = np.linalg.norm(places - self._crowd, axis=3).min(2, initial=1)  # how far the next fake is, up to 1
        worth = sure + 0.2 * far
        best = np.unravel_index(worth.argmax(), worth.shape)
        if worth[best] > worth[self._places.setdefault(word, best)] + 0.1:
            self._places[word] = best
        row, column = self._places[word]
        word.set(position=(axis[column], axis[row]), visible=sure[row, column] > 0.55)

    def _make_plane(self):
        edges, moving = (-self.limit, self.limit), {"animated": True}  # animated: left out of the background
        ax = self.figure.add_axes(PLANE, xlim=edges, ylim=edges)
        ax.tick_params(labelsize=8)
        heat = PcolorImage(ax, cmap=plots.BELIEF, alpha=0.6, **moving)  # faster than imshow
        heat.set_clim(0, 1)
        border = LineCollection([], colors=plots.INK, linewidths=0.9, **moving)
        sheet = LineCollection([], colors=plots.G, linewidths=0.7, alpha=0.8, **moving)
        (real,) = ax.plot([], [], ".", color=plots.REAL, markersize=4, alpha=0.5, markeredgewidth=0, **moving)
        (fake,) = ax.plot([], [], "x", color=plots.FAKE, markersize=4, alpha=0.8, markeredgewidth=1, **moving)
        arrows = LineCollection([], colors=plots.INK, linewidths=1, alpha=0.8, **moving)
        for artist in (heat, border, sheet, arrows):
            ax.add_artist(artist)
        self.title = ax.set_title("", fontsize=10, loc="left", **moving)
        look = {"fontsize": 9, "ha": "center", "va": "center", "weight": "bold", **moving}
        look["bbox"] = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
        says_real, says_fake = (ax.text(0, 0, word, color=plots.INK, **look) for word in ("real", "fake"))
        self._places = {}  # of these words: row and column of the belief, without its rim
        self.layers = {  # from the bottom to the top
            "heat": (heat, lambda belief: heat.set_data(*[np.linspace(*edges, len(belief) + 1)] * 2, belief)),
            "border": (border, border.set_segments),
            "sheet": (sheet, sheet.set_segments),
            "real": (real, lambda points: real.set_data(*points.T)),
            "fake": (fake, lambda points: fake.set_data(*points.T)),
            "arrows": (arrows, arrows.set_segments),
            "says real": (says_real, lambda sure: self._place(says_real, sure)),
            "says fake": (says_fake, lambda sure: self._place(says_fake, sure)),
        }

    def _make_curves(self, floor, panels):
        self.curves, self.panels = {}, {}
        share = 0.99 / len(panels)
        for number, panel in enumerate(panels):
            unit, limits, curves = PANELS[panel]
            ax = self.panels[panel] = self.figure.add_axes((0.63, 0.08 + number * share, 0.345, share - 0.13))
            ax.spines[["top", "right"]].set_visible(False)
            ax.tick_params(labelsize=8)
            ax.set_ylabel(unit, fontsize=8)
            ax.set(yscale="log" if unit == "nats" else "linear", ylim=limits)
            for name, label, color, line in curves:
                (self.curves[name],) = ax.plot([], [], line, color=color, label=label, linewidth=1.5, animated=True)
        self.panels["divergence"].axhline(floor, color=plots.INK, linestyle=":", label="JSD, real to real")
        self.panels["loss"].hlines((math.log(4), math.log(2)), 0, 1e6, plots.INK, ":", label="1.39, 0.69", linewidths=1)
        self.panels["loss"].set_xlabel("step", fontsize=8, labelpad=0)
        for ax in self.panels.values():
            ax.legend(fontsize=8, frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(-0.02, 0.96), borderpad=0)

    def _draw_what_moves(self, limits):
        """Axes, ticks and legends are drawn again only where the limits of a curve changed."""
        if limits != self._drawn_for:
            for ax in self.panels.values():
                ax.set_xlim(0, limits[0])
            self.panels["loss"].set_ylim(*limits[1:])
            self.canvas.draw()
            self._background, self._drawn_for = self.canvas.copy_from_bbox(self.figure.bbox), limits
        self.canvas.restore_region(self._background)
        for artist in (*(artist for artist, _ in self.layers.values()), *self.curves.values(), self.title):
            artist.axes.draw_artist(artist)


def _limits(history):
    """The last step, and the losses without the 2 % of either side that would squash the others, rounded outwards to
    powers of two: so they seldom change.
    """

    def beyond(value):
        return 2.0 ** math.ceil(math.log2(value)) if value > 1 else float(value > 0)

    losses = [*history["d_loss"][-CURVE_POINTS:], *history["g_loss"][-CURVE_POINTS:]]
    low, high = np.quantile(losses, (0.02, 0.98))
    return max(200.0, beyond(history["steps"][-1])), -beyond(-low), beyond(max(high, 0.1))
