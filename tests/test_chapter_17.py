"""What chapter 17 shows: the detective's game, the pictures of mazes, and what ails four sellers."""

import torch

from gan_edu import data, exercises, metrics, plots
from gan_edu.playground import MembershipGame

DIGITS = data.digits().images


def test_the_game_counts_only_at_the_last_tick_and_can_be_won():
    seen = torch.tensor([1, 0, 0, 1, 1, 0, 0, 0, 1, 1]).bool()
    game = MembershipGame(DIGITS[:10], seen, DIGITS[10:60])
    first = bytes(game.picture.value)
    assert game.text.value == "You picked none" and not game.controls["nearest"].value
    for i in (1, 4, 5, 9):
        game.controls[str(i)].value = True
        assert "right" not in game.text.value
    game.controls["10"].value = True
    assert game.text.value == "You picked 1, 4, 5, 9, 10: 5 of 5 are right" and bytes(game.picture.value) != first
    game.controls["10"].value, game.controls["2"].value = False, True
    assert game.text.value == "You picked 1, 2, 4, 5, 9: 4 of 5 are right"


def test_the_hint_is_the_nearest_sample():
    samples = torch.cat([DIGITS[100:140], DIGITS[:10].flip(0) * 0.9])
    game = MembershipGame(DIGITS[:10], torch.arange(10) < 5, samples)
    assert torch.equal(game.near, DIGITS[:10] * 0.9)
    before = bytes(game.picture.value)
    game.controls["nearest"].value = True
    assert bytes(game.picture.value) != before


def test_a_dot_stands_on_each_tile_of_a_way_and_on_no_wall():
    mazes = data.mazes(6).images
    figure, ax = plots.panels()
    plots.mazes(ax, mazes, data.shortest(mazes), columns=3)
    picture = ax.images[0].get_array()
    assert picture.shape == (17, 26) and len(ax.lines) == 6
    dots = torch.cat([torch.tensor(line.get_xydata()) for line in ax.lines]).long()
    assert len(dots) == data.shortest(mazes).sum() == len(dots.unique(dim=0))
    assert all(picture[y, x] == 1.0 for x, y in dots.tolist())


def test_each_seller_has_the_sign_that_the_hints_name():
    offers, real, facts = exercises.sellers(), data.returns(), []
    assert offers.shape == (4, 200, 64)
    for paths in (*offers, real):
        size = paths.abs() - paths.abs().mean()
        lags = [(size[:, :-lag] * size[:, lag:]).mean().item() for lag in range(1, 11)]
        facts.append((paths.pow(4).mean() / paths.pow(2).mean() ** 2, sum(lags) / 10 / size.pow(2).mean()))
    tails, clusters = (torch.tensor(column) for column in zip(*facts, strict=True))
    assert ((tails > 5.5) & (tails < 16.5)).tolist() == [True, True, True, False, True] and abs(tails[3] - 3) < 0.1
    assert ((clusters > 0.05) & (clusters < 0.14)).tolist() == [False, True, True, True, True] and clusters[0] < 0.02
    near = [metrics.nearest(paths, real).distances.min().item() for paths in offers]
    assert near[2] == 0 and min(near[:2] + near[3:]) > 3
