"""The explorer of chapter 01, driven without a browser."""

import math

import pytest
import torch

from gan_edu.playground import MinimaxExplorer
from gan_edu.playground.minimax import BUMPS, draw, log_density, play
from gan_edu.plots import panels


def test_a_slider_changes_picture_and_text():
    explorer = MinimaxExplorer(mean=3.0)
    for control, value in ((explorer.mean, 0.5), (explorer.width, 2.0), (explorer.data, "two bumps")):
        picture, text = bytes(explorer.picture.value), explorer.text.value
        assert picture.startswith(b"\x89PNG")
        control.value = value
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


def test_it_is_shown_with_a_line_for_those_who_cannot_run_it():
    bundle = MinimaxExplorer()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == "The minimax explorer: run this cell to move the densities"
