"""Every picture that the notebooks draw. The same colour, marker and line for the same thing everywhere.

Functions that take an `ax` draw into it and return nothing; `panels` makes the axes; `show` puts the figure under a
cell, and under it one sentence that says what is to be seen: a caption for everybody, which nbval compares too. What
is no picture but stands under a cell as well: `table` and `source`.
"""

import inspect
import io
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation
from PIL import Image
from torch import Tensor
from torch.nn import functional

from gan_edu import metrics

# From the palette of Okabe and Ito (2008), told apart by colour-blind readers; markers and lines tell the rest in grey.
REAL, FAKE, D, G, INK = "#0072B2", "#D55E00", "#AA4499", "#009E73", "#333333"
BELIEF = LinearSegmentedColormap.from_list("belief", (FAKE, "white", REAL))  # what D says: from fake to real
SKY, OCHRE, OLIVE = "#2F8FC6", "#B87A00", "#777733"  # the palette's sky and orange, darkened: contrast above 3 on white
LINES = {
    "D": (D, "-"),
    "G": (G, "--"),
    "real": (REAL, "-"),
    "fake": (FAKE, "--"),
    "p": (REAL, "-"),  # the densities of the data and of G's samples
    "q": (FAKE, "--"),
}
CYCLE = ((INK, "-"), (OCHRE, "--"), (SKY, "-."), (OLIVE, ":"), (INK, (0, (5, 1, 1, 1, 1, 1))), (OCHRE, (0, (1, 1))))


def panels(columns: int = 1, rows: int = 1, width: float = 3.2, height: float = 2.6) -> tuple:
    """A figure and its axes: one where rows and columns are 1, else an array. Sizes are inches for each panel."""
    figure = Figure(figsize=(width * columns, height * rows), dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns)
    for ax in figure.axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
        ax.xaxis.label.set_size(9)
        ax.yaxis.label.set_size(9)
    return figure, axes


class Place:
    """A place under the cell in which `show` can draw again and again, while a GAN trains."""

    def __init__(self):
        self.picture, self.caption = (display({"text/plain": "..."}, raw=True, display_id=True) for _ in range(2))


def show(figure: Figure, caption: str, place: Place | None = None) -> None:
    """Display the figure, sharp on dense screens, and under it its caption: one sentence on what the picture shows."""
    bundle = {"image/png": b64encode(png(figure, 200)).decode(), "text/plain": caption}
    width = {"image/png": {"width": round(figure.get_figwidth() * 100)}}
    picture, words = (display, display) if place is None else (place.picture.update, place.caption.update)
    picture(bundle, metadata=width, raw=True)
    words({"text/markdown": f"*{caption}*"}, raw=True)


def table(header: Sequence[str], rows: Iterable[Sequence], digits: int = 3) -> None:
    """Display a table: text to the left, numbers to the right, floats with so many digits behind the point."""
    # z: a number that rounds to zero has no sign, which is chance
    cells = [[f"{cell:z.{digits}f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    rule = ["---:" if all(_is_number(row[i]) for row in cells) else ":---" for i in range(len(header))]
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in (header, rule, *cells)]
    display({"text/markdown": "\n".join(lines), "text/plain": "\n".join(lines)}, raw=True)


def source(*objects, fold: str = "") -> None:
    """Display the source code of functions or classes, in colour; folded below the line `fold`, where one is given."""
    code = "\n\n".join(inspect.getsource(thing).rstrip() for thing in objects)
    shown = f"```python\n{code}\n```"
    folded = f"<details><summary>{fold}</summary>\n\n{shown}\n\n</details>"
    display({"text/markdown": folded if fold else shown, "text/plain": code}, raw=True)


def png(figure: Figure, dpi: int = 100) -> bytes:
    """The figure as the bytes of a PNG file, so many pixels to an inch of its size."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def label(ax: Axes, x: str = "", y: str = "", title: str = "", legend: bool = False) -> None:
    """Name the axes and the panel; where asked, a legend below the axes, where it hides nothing."""
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_title(title, fontsize=10)
    if legend:
        below = ax.transAxes + ScaledTranslation(0, -(34 if x else 20) / 72, ax.figure.dpi_scale_trans)
        ax.legend(fontsize=8, frameon=False, loc="upper center", ncols=2, bbox_to_anchor=(0.5, 0), bbox_transform=below)


def curves(ax: Axes, x, lines: dict, /, **labels) -> None:
    """One line for each entry of {name: y}; the names in LINES have the colour that they have everywhere."""
    others = iter(CYCLE)
    for name, y in lines.items():
        color, style = LINES.get(name) or next(others)
        ax.plot(_array(x), _array(y), label=name, linewidth=1.6, color=color, linestyle=style)
    label(ax, legend=len(lines) > 1, **labels)


def spread(ax: Axes, x, runs: dict, /, **labels) -> None:
    """Several runs of each {name: (runs, N)}: their median as a line, from the lowest to the highest as a band."""
    values = {name: _array(y) for name, y in runs.items()}
    curves(ax, x, {name: np.median(y, axis=0) for name, y in values.items()}, **labels)
    for line, y in zip(ax.lines[-len(values) :], values.values(), strict=True):
        ax.fill_between(_array(x), y.min(0), y.max(0), color=line.get_color(), alpha=0.2, linewidth=0)


def densities(ax: Axes, x: Tensor, p: Tensor, q: Tensor | None = None, /, **labels) -> None:
    """Over the places x (N,): the data's density as filled heaps, and the generator's, if given, as a dashed line."""
    ax.fill_between(_array(x), _array(p), color=REAL, alpha=0.3, linewidth=0, label="p (data)")
    if q is not None:
        ax.plot(_array(x), _array(q), color=FAKE, linestyle="--", linewidth=1.6, label="q (fakes)")
    ax.set_yticks([])
    label(ax, **labels)


def beside(ax: Axes, scores: dict[str, float], levels: dict[str, float], limit: float = 2.0) -> None:
    """A bar for each {name: score}, and across it a line at its level, what real data score; cut off at the limit."""
    for row, (name, score) in enumerate(scores.items()):
        ax.barh(-row, min(score, limit), 0.6, color=FAKE, alpha=0.6)
        ax.plot([min(levels[name], limit)] * 2, [-row - 0.4, -row + 0.4], color=REAL, linewidth=3)
        ax.text(limit * 1.03, -row, f"{score:.2f}", va="center", fontsize=9)
    ax.set(yticks=[-row for row in range(len(scores))], yticklabels=scores, xlim=(0, limit))
    label(ax, title="bars: the fakes; lines: real digits")


def losses(ax: Axes, history, smooth: int = 1) -> None:
    """Both players' losses over the steps of a `train.History`, averaged over windows of `smooth` steps."""
    n = len(history.discriminator) // smooth * smooth
    windows = {"D": history.discriminator, "G": history.generator}
    means = {name: np.reshape(values[:n], (-1, smooth)).mean(1) for name, values in windows.items()}
    curves(ax, np.arange(n // smooth) * smooth, means, x="step", y="loss")


def points(ax: Axes, real: Tensor | None = None, fake: Tensor | None = None, limit: float | None = None) -> None:
    """Samples in the plane, each (N, 2): real ones as blue dots, fakes as orange crosses; axes from -limit to limit."""
    if real is not None:
        ax.scatter(*_array(real).T, s=5, color=REAL, alpha=0.5, linewidths=0, label="real")
    if fake is not None:
        ax.scatter(*_array(fake).T, s=9, color=FAKE, marker="x", alpha=0.7, linewidths=0.8, label="fake")
    ax.set_aspect("equal")
    if limit is not None:
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit))


def clouds(fakes: dict, real: Tensor | None = None, limit: float = 1.6) -> Figure:
    """A row of panels, one for each entry of {title: fakes (N, 2)}, the same real points behind all of them."""
    figure, axes = panels(len(fakes), width=2.3, height=2.6)
    for ax, (title, fake) in zip(np.atleast_1d(axes), fakes.items(), strict=True):
        points(ax, real, fake, limit)
        ax.set(xticks=[], yticks=[])
        label(ax, title=title)
    return figure


@torch.no_grad()
def heat_map(ax: Axes, judge: Callable[[Tensor], Tensor], limit: float = 1.6, device="cpu") -> None:
    """What D believes in the plane: sigmoid of its logits, blue for real (full colour from 3/4 on), a line at 1/2."""
    axis = torch.linspace(-limit, limit, 60, device=device)
    grid = torch.cartesian_prod(axis, axis).flip(1)  # rows are y
    belief = torch.sigmoid(judge(grid)).reshape(60, 60)
    ax.imshow(_array(belief), extent=[-limit, limit] * 2, origin="lower", cmap=BELIEF, vmin=0.25, vmax=0.75, alpha=0.6)
    if belief.min() < 0.5 < belief.max():
        ax.contour(_array(axis), _array(axis), _array(belief), levels=[0.5], colors=INK, linewidths=0.8)


@torch.no_grad()
def bent(generator: Callable[[Tensor], Tensor], latent_dim: int = 2, reach: float = 2.0, lines: int = 15) -> Tensor:
    """Where G puts the lines of a square grid of noise from -reach to reach: (2 * lines, 60, 2); one for 1-D noise."""
    if latent_dim == 1:
        return generator(torch.linspace(-reach, reach, 600)[:, None])[None]
    axis, fine = torch.linspace(-reach, reach, lines), torch.linspace(-reach, reach, 60)
    a, b = torch.meshgrid(axis, fine, indexing="ij")
    noise = torch.cat([torch.stack([a, b], -1), torch.stack([b, a], -1)])
    return generator(noise.flatten(0, 1)).view_as(noise)


def sheet(ax: Axes, generator: Callable[[Tensor], Tensor], lines: int = 15, reach: float = 2.0) -> None:
    """G as a bent sheet: where it puts a square grid of two-dimensional noise from -reach to reach."""
    for line in _array(bent(generator, 2, reach, lines)):
        ax.plot(*line.T, color=G, linewidth=0.6, alpha=0.8)
    ax.set_aspect("equal")


def images(ax: Axes, batch: Tensor, columns: int = 8, title: str = "") -> None:
    """A batch (N, C, H, W) in [-1, 1], C 1 or 3, as a sheet of pictures, row by row; an incomplete row is left out.

    Raises ValueError for a batch of another shape.
    """
    if batch.dim() != 4 or batch.shape[1] not in (1, 3):
        raise ValueError(f"images must be (N, 1, H, W) or (N, 3, H, W), not {tuple(batch.shape)}")
    ax.imshow(_sheet(batch, columns), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(title, fontsize=10)


def strip(ax: Axes, clips: Tensor, title: str = "") -> None:
    """Clips (N, T, C, H, W) in [-1, 1] as a film strip: a row for each clip, time goes to the right."""
    images(ax, clips.flatten(0, 1), clips.shape[1], title)


def gif(clips: Tensor, columns: int = 8, zoom: int = 4, pause: int = 150) -> bytes:
    """Clips (N, T, C, H, W) in [-1, 1], side by side in rows, as the bytes of one GIF that plays for ever.

    zoom: the edge of a pixel on the screen; pause: how long a frame stands, in thousandths of a second
    """
    sheets = [(255 * _sheet(frames, columns)).astype(np.uint8) for frames in clips.unbind(1)]
    first, *later = [Image.fromarray(sheet.repeat(zoom, 0).repeat(zoom, 1)) for sheet in sheets]
    first.save(buffer := io.BytesIO(), "GIF", save_all=True, append_images=later, duration=pause, loop=0)
    return buffer.getvalue()


def film(clips: Tensor, caption: str, columns: int = 8, zoom: int = 4) -> None:
    """Display clips as a film that plays, and under it its caption."""
    source = f"data:image/gif;base64,{b64encode(gif(clips, columns, zoom)).decode()}"
    display({"text/html": f'<img alt="{caption}" src="{source}">', "text/plain": caption}, raw=True)
    display({"text/markdown": f"*{caption}*"}, raw=True)


def spectrograms(sounds: Tensor) -> Tensor:
    """Sounds (N, T) as pictures (N, 1, 32, frames) in [-1, 1]: time goes right, low tones are below, loud is bright.

    One scale for all: silence, which has a log-mel of -2.3, is black.
    """
    mel = metrics.log_mel(sounds)[:, None].flip(2)
    return ((mel + 2.3) / 3 - 1).clamp(-1, 1)


def listen(sounds: dict[str, Tensor], caption: str, rate: int = 8000) -> None:
    """Display a player for each {name: sound (T,), or several (N, T) with rests}, and spectrograms, and the caption."""
    from IPython.display import HTML, Audio  # only here: a machine without a browser need not have them

    rests = {name: functional.pad(torch.atleast_2d(sound), (0, rate // 8)).flatten() for name, sound in sounds.items()}
    figure, axes = panels(len(sounds), width=8 / len(sounds), height=1.8)
    for ax, (name, sound) in zip(np.atleast_1d(axes), rests.items(), strict=True):
        images(ax, spectrograms(sound[None]), 1, name)
        ax.set_aspect("auto")
        display(HTML(name), Audio(_array(sound.clamp(-1, 1)), rate=rate, normalize=False))
    show(figure, caption)


def strips(rows: dict[str, Tensor], caption: str, first: int = 10) -> None:
    """Show the first pictures of each {name: batch (N, C, H, W)} as a row behind its name, and the caption below."""
    figure, axes = panels(1, len(rows), width=7, height=0.72)
    for ax, (name, batch) in zip(np.atleast_1d(axes), rows.items(), strict=True):
        images(ax, batch[:first], first)
        ax.text(-1, batch.shape[2] / 2, name, ha="right", va="center", fontsize=9)
    show(figure, caption)


def numbers(ax: Axes, values: Tensor, groups: Tensor, title: str = "") -> None:
    """A small map (rows, columns) of whole numbers as squares that show them; equal `groups` have one colour.

    Where a number is NaN, none is shown; where a group is NaN, no colour.
    """
    ax.imshow(_array(groups), cmap="Pastel1", vmin=0, vmax=8)
    for (row, column), number in np.ndenumerate(_array(values)):
        ax.text(column, row, "" if np.isnan(number) else int(number), ha="center", va="center")
    ax.set_axis_off()
    ax.set_title(title, fontsize=10)


def stamps(ax: Axes, kernel: int, inputs: int = 5, stride: int = 2) -> None:
    """A transposed convolution in one dimension: a row of squares for the stamp of each input pixel, numbered by the
    kernel's weights, in one colour where they meet the same output pixels; at the bottom how many meet in a column.
    """
    weights = np.full((inputs + 1, (inputs - 1) * stride + kernel), np.nan)
    for row in range(inputs):
        weights[row, row * stride : row * stride + kernel] = range(kernel)
    colours = weights % stride
    weights[-1] = np.isfinite(weights).sum(0)
    numbers(ax, weights, colours)


def walk(ax: Axes, walked: Sequence[str], title: str = "") -> None:
    """The chain from noise to the loss, and a backward pass as arrows below it, from the right through the boxes in
    `walked`, which are filled; its last name is the loss's. Where the walk ends before G, a wall stands.
    """
    chain = (("z", INK), ("G", G), ("fake", FAKE), ("D", D), ("logit", INK), (walked[-1], INK))
    for x, (name, color) in enumerate(chain):
        inside, box = name in walked, {"boxstyle": "round,pad=0.4", "edgecolor": color, "linewidth": 1.5}
        box["facecolor"] = color if inside else "white"
        ax.text(x, 0, name, ha="center", va="center", color="white" if inside else color, bbox=box, fontsize=10)
        ax.annotate("", (x + 0.7, 0), (x + 0.3, 0), arrowprops={"arrowstyle": "->", "color": "0.5"} if x < 5 else None)
        if inside and x < 5:
            ax.annotate("", (x, -0.75), (x + 1, -0.75), arrowprops={"arrowstyle": "->", "color": color, "linewidth": 2})
    ax.plot([2.5] * 2, [-1.1, 0.6], color=INK, linewidth=0 if "G" in walked else 4)
    ax.set(xlim=(-0.5, 5.6), ylim=(-1.2, 0.7))
    ax.set_axis_off()
    ax.set_title(title, fontsize=10, loc="left")


def words(ax: Axes, strings: Sequence[str], good: Callable | None = None, columns: int = 4, title: str = "") -> None:
    """Strings in columns, row by row; those that are not `good` in the colour of fakes, behind a cross."""
    for i, string in enumerate(strings):
        bad = good is not None and not good(string)
        look = {"color": FAKE if bad else INK, "family": "monospace", "fontsize": 9}
        ax.text(i % columns, -(i // columns), ("✗ " if bad else "") + string, **look)
    ax.set(xlim=(-0.1, columns), ylim=(-((len(strings) - 1) // columns) - 0.5, 0.9))
    ax.set_axis_off()
    ax.set_title(title, fontsize=10, loc="left")


def pages(written: dict, good: Callable | None = None, columns: int = 4, height: float = 2.0) -> Figure:
    """A panel of `words` for each {title: strings}, side by side."""
    figure, axes = panels(len(written), width=9 / len(written), height=height)
    for ax, (title, strings) in zip(np.atleast_1d(axes), written.items(), strict=True):
        words(ax, strings, good, columns, title)
    return figure


def mazes(ax: Axes, mazes: Tensor, ways: Tensor, columns: int = 6, title: str = "") -> None:
    """Mazes (N, 1, size, size) in a wall, in rows of `columns`; a dot on each tile of the ways (N, size, size)."""
    images(ax, functional.pad(mazes, (1, 1, 1, 1), value=-1.0), columns, title)
    for i, way in enumerate(ways.cpu()):
        down, right = way.nonzero().T + 1 + (len(way) + 3) * torch.tensor([[i // columns], [i % columns]])
        ax.plot(right, down, "o", color=FAKE, markersize=4)


def film_strip(history, columns: int = 8, rows: int = 2) -> Figure:
    """The pictures that G made of fixed noise at each snapshot of a `train.History`."""
    figure, axes = panels(len(history.steps), width=1.6, height=1.9)
    for ax, step, batch in zip(np.atleast_1d(axes), history.steps, history.samples, strict=True):
        images(ax, batch[: columns * rows], columns, f"step {step:,}")
    return figure


def _is_number(text: str) -> bool:
    return text.lstrip("-+<>~ ").replace(",", "").rstrip("%× ").replace(".", "", 1).replace("e-", "").isdigit()


def _sheet(batch: Tensor, columns: int) -> np.ndarray:
    """A batch (N, C, H, W) as one picture (height, width) or (height, width, 3) with values in [0, 1]."""
    columns = min(columns, len(batch))
    rows = len(batch) // columns
    tiles = functional.pad(batch[: rows * columns].clamp(-1, 1) / 2 + 0.5, (0, 1, 0, 1), value=1.0)
    tiles = tiles.unflatten(0, (rows, columns)).permute(0, 3, 1, 4, 2)  # rows, height, columns, width, channels
    return _array(tiles.flatten(2, 3).flatten(0, 1)[:-1, :-1].squeeze(2))


def _array(values) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
