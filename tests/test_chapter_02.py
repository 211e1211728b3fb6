"""What chapter 02 added to the pictures."""

import torch
from matplotlib.colors import to_rgb

from gan_edu import plots


def test_spread_draws_the_median_of_the_runs_and_their_range():
    _, ax = plots.panels()
    runs = {"calm": torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 9.0]]), "wild": torch.tensor([[-5.0, 0.0], [5.0, 0.0]])}
    plots.spread(ax, range(2), runs, x="step", y="length")
    assert [line.get_ydata().tolist() for line in ax.lines] == [[2, 2], [0, 0]]
    lowest_and_highest = [(1, 9), (-5, 5)]
    for band, line, expected in zip(ax.collections, ax.lines, lowest_and_highest, strict=True):
        heights = band.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == expected
        assert to_rgb(line.get_color()) == tuple(band.get_facecolor()[0, :3])
    assert ax.get_xlabel() == "step" and [text.get_text() for text in ax.get_legend().get_texts()] == list(runs)
