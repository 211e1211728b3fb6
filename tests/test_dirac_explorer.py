"""The explorer of chapter 07, driven without a browser."""

import math

import pytest
import torch
from matplotlib.collections import LineCollection

from gan_edu import dirac
from gan_edu.playground import DiracExplorer
from gan_edu.playground.dirac import STEPS, bands, disc, orbit
from gan_edu.plots import panels


def test_every_control_changes_picture_and_text():
    explorer = DiracExplorer(updates="simultaneous")
    for name, value in {
        "rate": 0.5,
        "gamma": 0.3,
        "beta": 0.2,
        "updates": "alternating",
        "loss": "non_saturating",
    }.items():
        picture, text = bytes(explorer.picture.value), explorer.text.value
        assert picture.startswith(b"\x89PNG")
        explorer.controls[name].value = value
        assert explorer.values[name] == value
        assert bytes(explorer.picture.value) != picture and explorer.text.value != text


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({}, "circles"),
        ({"updates": "simultaneous"}, "leaves"),
        ({"gamma": 0.3}, "comes home"),
        ({"loss": "non_saturating"}, "creeps home"),
        ({"loss": "non_saturating", "beta": 0.5}, "settles"),
        ({"rate": 3.8, "gamma": 2.0}, "leaves"),
        ({"loss": "non_saturating", "rate": 3.8, "gamma": 2.0}, "leaves;"),  # no loss brakes D's own step
        ({"updates": "simultaneous", "rate": 4.0, "beta": 0.9}, "leaves"),
    ],
)
def test_it_says_what_the_game_does_and_the_run_does_it(rules, said):
    text = DiracExplorer(**rules).text.value
    assert said in text
    steps = int(text.split("after ")[1].split(" steps")[0])
    assert 0 < steps <= STEPS
    radius = dirac.run(dirac.Rules(**rules), steps)[-1].norm().item()
    assert f"run {radius:.3g}" in text and math.isfinite(radius)


def test_the_prediction_in_the_text_is_that_of_theory_where_the_game_is_near_home():
    text = DiracExplorer(rate=0.1, gamma=0.3).text.value
    expected = math.exp(400 * math.log(1 - 0.1 * 0.3) / 2)  # |z|^2 is the determinant, 1 - h gamma
    assert f"predicted {expected:.3g}" in text


def test_a_rule_that_there_is_not_is_refused():
    with pytest.raises(TypeError):
        DiracExplorer(momentum=0.5)
    with pytest.raises(ValueError, match="h is 5"):
        DiracExplorer(rate=5)


def test_keys_and_names_are_those_of_every_explorer():
    explorer = DiracExplorer()
    assert "gan-explorer" in explorer.widget._dom_classes and "gan-said" in explorer.text._dom_classes
    assert all(control.tooltip for control in explorer.controls.values())


def test_the_still_and_the_line_for_those_who_cannot_run_it(capsys):
    explorer = DiracExplorer()
    explorer.still("The explorer as it stands before anything was moved.")
    bundle = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == "The Dirac explorer: run this cell to set how the game is played"


def test_the_pieces_draw_what_they_are_given():
    _, (left, middle, right) = panels(3)
    path = dirac.run(dirac.Rules(), 20)
    orbit(left, path)
    (line,) = (drawn for drawn in left.collections if isinstance(drawn, LineCollection))
    assert len(line.get_segments()) == 20 and left.get_xlim()[1] >= path.abs().max()
    disc(middle, {"one": torch.tensor([0.5 + 0.5j]), "two": torch.tensor([1.0 + 0j])})
    assert [line.get_label() for line in middle.lines] == ["one", "two"]
    bands(right, torch.arange(3), [torch.ones(3), torch.zeros(3)])
    assert len(right.lines) == 2
