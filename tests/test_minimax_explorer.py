"""The explorer of chapter 01, driven without a browser."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch.distributions import Normal

from gan_edu.playground import MinimaxExplorer
from gan_edu.playground.minimax import BUMPS, MEANS, X, draw, log_density, play
from gan_edu.plots import panels

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "01_the_minimax_game.ipynb"


def test_a_slider_changes_picture_and_text():
    explorer = MinimaxExplorer(mean=3.0)
    for name, value in {"mean": 0.5, "width": 2.0, "data": "two bumps"}.items():
        picture, text = bytes(explorer.picture.value), explorer.text.value
        assert picture.startswith(b"\x89PNG")
        explorer.controls[name].value = value
        assert bytes(explorer.picture.value) != picture
        assert explorer.text.value != text


def test_value_is_least_where_the_densities_agree():
    p = log_density(BUMPS["one bump"], 1.0)
    agreed = play(p, log_density([0.0], 1.0))
    assert agreed.value.item() == pytest.approx(-math.log(4), abs=1e-9)
    assert agreed.jsd.item() == pytest.approx(0, abs=1e-9)
    assert torch.equal(agreed.best, torch.full_like(agreed.best, 0.5))
    for mean, width in ((0.1, 1.0), (-0.1, 1.0), (0.0, 1.1), (0.0, 0.9), (4.0, 1.0)):
        assert play(p, log_density([mean], width)).value > agreed.value
    explorer = MinimaxExplorer(mean=0.0)
    assert explorer.text.value.startswith("D* from 0.50 to 0.50;  V = -1.386")


@pytest.mark.parametrize("data", BUMPS)
@pytest.mark.parametrize(("mean", "width"), [(0.0, 0.4), (-6.0, 3.0), (6.0, 0.4), (1.3, 1.7)])
def test_value_is_twice_the_divergence_less_log_4(data, mean, width):
    game = draw(panels()[1], mean, width, data)
    assert game.value.item() == pytest.approx(2 * game.jsd.item() - math.log(4), abs=1e-6)
    assert 0 <= game.jsd.item() <= math.log(2)
    assert -math.log(4) <= game.value.item() <= 0


def test_far_apart_the_divergence_is_full():
    assert play(log_density([0.0], 1.0), log_density([12.0], 1.0)).jsd.item() == pytest.approx(math.log(2), abs=1e-6)


def test_every_control_has_a_name_and_a_tip():
    explorer = MinimaxExplorer()
    assert "gan-explorer" in explorer.widget._dom_classes and "gan-said" in explorer.text._dom_classes
    for control in explorer.controls.values():
        assert control.description and control.tooltip


def test_it_is_shown_with_a_line_for_those_who_cannot_run_it():
    bundle = MinimaxExplorer()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == "The minimax explorer: run this cell to move the densities"


def test_the_answers_to_the_tasks_in_the_notebook():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    (text,) = ["".join(cell["source"]) for cell in cells if "<summary>Answers</summary>" in "".join(cell["source"])]
    one, two = (log_density(bumps, 1.0) for bumps in BUMPS.values())
    for p, mean, width in ((one, 0.0, 1.0), (one, 0.0, 0.4), (two, 2.0, 0.4), (two, -2.0, 0.4), (two, 0.0, 0.4)):
        assert f"{play(p, log_density([mean], width)).value:.3f}" in text

    def valleys(width):
        values = play(two, Normal(MEANS[:, None], width).log_prob(X)).value
        return MEANS[1:-1][(values[1:-1] < values[:-2]) & (values[1:-1] < values[2:])].tolist()

    assert [len(valleys(width)) for width in (0.4, 1.2, 1.4)] == [2, 2, 1]
    assert valleys(1.4) == [pytest.approx(0)]
    assert "At width 1.2 there are two valleys still, at 1.4 a single one" in text
