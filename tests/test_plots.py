"""Pictures say in words what they show, and put things where they belong."""

import inspect
import io
from base64 import b64decode

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image

from gan_edu import plots
from gan_edu.train import History


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setattr(plots, "display", lambda bundle, **options: bundles.append(bundle | options))
    return bundles


def test_a_figure_is_shown_sharp_with_its_caption_for_everybody(shown):
    figure, ax = plots.panels()
    plots.curves(ax, [0, 1], {"D": [1, 2], "G": [2, 1]}, x="step", y="loss")
    plots.show(figure, "two lines that cross")
    picture, caption = shown
    assert picture["text/plain"] == "two lines that cross" and caption["text/markdown"] == "*two lines that cross*"
    assert Image.open(io.BytesIO(b64decode(picture["image/png"]))).size == (640, 520)
    assert picture["metadata"] == {"image/png": {"width": 320}}


def test_a_table_puts_numbers_to_the_right(shown):
    plots.table(["loss", "slope", "share"], [["hinge", 1.0, "3 %"], ["minimax", -0.01834, "12 %"]])
    lines = shown[0]["text/markdown"].splitlines()
    assert lines[1] == "| :--- | ---: | ---: |" and lines[3] == "| minimax | -0.018 | 12 % |"
    plots.table(["KL(p || q)"], [[1]])
    assert shown[1]["text/markdown"].startswith(r"| KL(p \|\| q) |")


def test_zero_has_no_sign_in_a_table_whatever_side_rounding_left_it_on(shown):
    plots.table(["gap"], [[-0.0004], [0.0004], [-0.0006]])
    assert shown[0]["text/markdown"].splitlines()[2:] == ["| 0.000 |", "| 0.000 |", "| -0.001 |"]


def test_source_is_shown_in_colour_and_as_it_is(shown):
    plots.source(plots.table, plots.png)
    code = inspect.getsource(plots.table).rstrip() + "\n\n" + inspect.getsource(plots.png).rstrip()
    assert shown[0]["text/plain"] == code and shown[0]["text/markdown"] == f"```python\n{code}\n```"
    plots.source(plots.table, plots.png, fold="The rest")
    assert shown[1]["text/plain"] == code and f"The rest</summary>\n\n```python\n{code}\n" in shown[1]["text/markdown"]


def test_strips_name_each_row_and_show_its_first_pictures(shown):
    plots.strips({"given": torch.zeros(5, 1, 4, 4), "made": torch.ones(5, 3, 4, 4)}, "two rows", first=3)
    picture, caption = shown
    assert picture["text/plain"] == "two rows" and caption["text/markdown"] == "*two rows*"


def contrast_on_white(color: str) -> float:
    """The contrast ratio of WCAG 2 against white: 1 to 21."""
    channels = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 1.05 / (np.dot([0.2126, 0.7152, 0.0722], channels) + 0.05)


def test_every_line_is_seen_on_white():
    colours = {color for color, _ in (*plots.LINES.values(), *plots.CYCLE)}
    assert contrast_on_white("white") == pytest.approx(1) and contrast_on_white("black") == pytest.approx(21)
    assert min(map(contrast_on_white, colours)) >= 3


def test_a_legend_hides_no_line():
    figure, ax = plots.panels()
    plots.curves(ax, [0, 1], {"D": [1, 2], "G": [2, 1]}, x="step", y="loss")
    plots.png(figure)  # places what is drawn
    assert ax.get_legend().get_window_extent().y1 < ax.xaxis.label.get_window_extent().y0 + 1


def test_the_players_have_the_same_colours_everywhere():
    _, (first, second) = plots.panels(2)
    plots.curves(first, [0, 1], {"G": [0, 1], "D": [1, 0]})
    plots.losses(second, History(np.zeros(4), np.ones(4)))
    for ax in (first, second):
        colours = {line.get_label(): (line.get_color(), line.get_linestyle()) for line in ax.lines}
        assert colours == {"D": (plots.D, "-"), "G": (plots.G, "--")}


def test_the_heat_map_has_x_to_the_right_and_y_upwards():
    _, (first, second) = plots.panels(2)
    plots.heat_map(first, lambda points: 9 * points[:, 0])
    plots.heat_map(second, lambda points: 9 * points[:, 1])
    right, top = (ax.images[0].get_array() for ax in (first, second))
    assert right[:, -1].min() > 0.9 and right[:, 0].max() < 0.1
    assert top[-1].min() > 0.9 and top[0].max() < 0.1 and first.images[0].origin == "lower"


def test_images_stand_row_by_row_with_black_at_minus_one():
    batch = torch.full((5, 1, 2, 2), -1.0)
    batch[1] = 1.0  # the second picture stands to the right of the first
    _, ax = plots.panels()
    plots.images(ax, batch, columns=2)
    picture = np.asarray(ax.images[0].get_array())
    assert picture.shape == (5, 5)  # two whole rows of two, a line between them; the fifth is left out
    assert picture[:2, :2].max() == 0 and picture[:2, 3:].min() == 1 and picture[3:, 3:].max() == 0


def test_colour_images_keep_their_channels():
    red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    _, ax = plots.panels()
    plots.images(ax, red, columns=1)
    assert np.asarray(ax.images[0].get_array()).reshape(-1, 3).tolist() == [[1, 0, 0]] * 16


def test_numbers_stand_in_their_squares():
    _, ax = plots.panels()
    plots.numbers(ax, torch.tensor([[3, 1], [4, 2]]), torch.tensor([[0, 0], [1, 1]]))
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places == {"3": (0, 0), "1": (1, 0), "4": (0, 1), "2": (1, 1)}
    assert np.asarray(ax.images[0].get_array()).tolist() == [[0, 0], [1, 1]]


def test_a_bent_sheet_is_where_the_generator_puts_the_grid():
    _, ax = plots.panels()
    plots.sheet(ax, lambda noise: noise + torch.tensor([10.0, 0.0]), lines=3, reach=1.0)
    points = np.concatenate([line.get_xydata() for line in ax.lines])
    assert len(ax.lines) == 6
    assert np.allclose(points.min(0), [9, -1]) and np.allclose(points.max(0), [11, 1])


def test_stamps_are_counted_where_they_overlap():
    _, ax = plots.panels()
    plots.stamps(ax, kernel=3, inputs=3)
    rows = np.array([text.get_text() for text in ax.texts]).reshape(4, 7).tolist()
    assert rows[:3] == [["0", "1", "2", *[""] * 4], ["", "", "0", "1", "2", "", ""], [*[""] * 4, "0", "1", "2"]]
    assert rows[3] == ["1", "1", "2", "1", "2", "1", "1"]
    colours = np.ma.filled(np.ma.asarray(ax.images[0].get_array()), np.nan)
    assert colours[0, :3].tolist() == [0, 1, 0]  # the weights 0 and 2 meet the same output pixels
    assert np.isnan(colours[3]).all()


def test_clouds_stand_in_a_row_over_the_same_real_points():
    real, fakes = torch.zeros(3, 2), {"a": torch.ones(2, 2), "b": -torch.ones(4, 2)}
    axes = plots.clouds(fakes, real, limit=2.0).axes
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    assert [[len(c.get_offsets()) for c in ax.collections] for ax in axes] == [[3, 2], [3, 4]]
    assert all(ax.get_xlim() == (-2.0, 2.0) for ax in axes)


def test_a_film_strip_has_a_frame_for_each_snapshot():
    history = History(np.zeros(1), np.zeros(1), [0, 5], [-torch.ones(4, 1, 2, 2), torch.ones(4, 1, 2, 2)], [None, None])
    figure = plots.film_strip(history, columns=2, rows=1)
    assert [ax.get_title() for ax in figure.axes] == ["step 0", "step 5"]
    assert [np.asarray(ax.images[0].get_array()).shape for ax in figure.axes] == [(2, 5), (2, 5)]


def test_a_backward_pass_is_drawn_as_far_as_it_walks():
    figure, (through, stopped) = plots.panels(rows=2)
    plots.walk(through, ("z", "G", "fake", "D", "logit", "loss"), "to the end")
    plots.walk(stopped, ("D", "logit", "loss"), "to the wall")
    for ax, filled, wall in ((through, 6, 0), (stopped, 3, 4)):
        boxes = [text for text in ax.texts if text.get_text()]
        assert [text.get_text() for text in boxes] == ["z", "G", "fake", "D", "logit", "loss"]
        assert sum(text.get_color() == "white" for text in boxes) == filled
        assert ax.lines[0].get_linewidth() == wall


def test_densities_draws_the_data_as_a_heap_and_the_fakes_as_a_line():
    _, ax = plots.panels()
    x, p, q = torch.arange(4.0), torch.tensor([0.0, 1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 2.0, 0.0])
    plots.densities(ax, x, p, q, title="before")
    assert ax.collections[0].get_paths()[0].vertices[:, 1].max() == 1  # filled up to p
    (line,) = ax.lines
    assert line.get_ydata().tolist() == q.tolist() and line.get_color() == plots.FAKE and line.get_linestyle() == "--"
    plots.densities(ax, x, p)
    assert len(ax.lines) == 1 and len(ax.collections) == 2
