"""The playground of chapter 04, driven without a browser; pause is pressed in a live kernel."""

import asyncio
import html
import math
import re
import time

import ipywidgets as widgets
import pytest
import torch
from jupyter_client.manager import start_new_kernel

from gan_edu import data, losses
from gan_edu.playground import GANPlayground, explorer, panel, program, views

SMALL = {"hidden": 16, "depth": 1}


@pytest.fixture
def playground():
    return GANPlayground(**SMALL)


def weights(network):
    return torch.cat([parameter.detach().flatten().clone() for parameter in network.parameters()])


def moved(playground, action):
    """Which players an action moves: (D, G)."""
    players = playground.gan.discriminator, playground.gan.generator
    before = [weights(player) for player in players]
    action()
    return tuple(not torch.equal(weights(player), old) for player, old in zip(players, before, strict=True))


def click(playground, name):
    playground.controls[name].click()


def test_buttons_move_who_they_say(playground):
    assert moved(playground, lambda: click(playground, "step")) == (True, True)
    assert moved(playground, lambda: click(playground, "step_discriminator")) == (True, False)
    assert moved(playground, lambda: click(playground, "step_generator")) == (False, True)
    assert playground.steps == 3 and playground.history["steps"] == [0, 1, 2, 3]


def test_reset_goes_back_to_the_weights_of_the_seed(playground):
    start = weights(playground.gan.generator)
    playground.step(3)
    click(playground, "reset")
    assert torch.equal(weights(playground.gan.generator), start)
    assert playground.steps == 0 and playground.history["steps"] == [0]
    playground.controls["seed"].value = 1
    assert not torch.equal(weights(playground.gan.generator), start)


@pytest.mark.parametrize("name", panel.OVERLAYS)
def test_each_overlay_changes_the_picture(playground, name):
    playground.step()
    before = playground.frame()
    assert before.startswith(b"\x89PNG")
    playground.controls[name].value = not playground.controls[name].value
    assert playground.frame() != before
    playground.controls[name].value = not playground.controls[name].value
    assert playground.frame() == before


def test_rate_zero_keeps_a_player_still_and_takes_effect_at_once(playground):
    playground.controls["g_rate"].value = 0.0
    assert moved(playground, playground.step) == (True, False)
    playground.controls["d_rate"].value = 0.0
    assert moved(playground, playground.step) == (False, False)
    playground.controls["g_rate"].value = 1e-3
    assert moved(playground, playground.step) == (False, True)
    assert playground.steps == 3  # and nothing was reset on the way


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_every_loss_plays_on_from_the_weights_there_are(playground, loss):
    playground.controls["loss"].value = loss
    playground.step()
    assert playground.gan.loss is losses.LOSSES[loss]
    real, fake = playground._real[:5], playground._fake[:5]
    arrows = views.arrows(fake, views.push(playground.gan, real, fake))
    assert arrows.shape == (5, 5, 2) and arrows.isfinite().all()
    belief = views.belief(playground.gan, real, fake)
    assert belief.shape == (50, 50) and 0 <= belief.min() and belief.max() <= 1
    (corner,) = views.belief(playground.gan, real, fake, torch.tensor([[1.6, -1.6]]))
    assert corner == pytest.approx(belief[0, -1].item())  # rows are y, upwards


def test_penalty_and_weight_reach_the_game(playground):
    for name in losses.PENALTIES:
        playground.controls["penalty"].value = name
        playground.controls["penalty_weight"].value = 2.5
        assert [(term.name, term.weight) for term in playground.gan.d_terms] == [(name, 2.5)]
        playground.step()
    playground.controls["penalty"].value = "none"
    assert playground.gan.d_terms == ()


def test_d_steps_are_moves_of_d_in_one_step():
    """With SGD and G at rate 0, three D steps of rate r move D thrice."""
    one, three = (GANPlayground(**SMALL, d_steps=n, g_rate=0.0, optimizer="SGD", d_rate=1e-5) for n in (1, 3))
    moves = []
    for playground in (one, three):
        before = weights(playground.gan.discriminator)
        playground.step()
        moves.append((weights(playground.gan.discriminator) - before).norm().item())
    assert 2 < moves[1] / moves[0] < 4


def test_each_player_moves_as_often_as_it_is_told():
    playground = GANPlayground(**SMALL, d_steps=3, g_steps=2)
    playground.step(2)
    assert (playground.gan.d_moves, playground.gan.g_moves, playground.steps) == (6, 4, 2)


def test_adam_keeps_its_averages_when_a_rate_changes(playground):
    playground.step(2)
    playground.controls["d_rate"].value = 1e-3
    states = playground.gan.d_optimizer.state.values()
    assert states and all(state["step"] == 2 for state in states)
    assert [group["lr"] for group in playground.gan.d_optimizer.param_groups] == [1e-3]


def test_updates_and_the_optimizer_of_each_player_reach_the_game(playground):
    playground.controls["updates"].value = "simultaneous"
    playground.controls["g_optimizer"].value = "SGD"
    assert playground.gan.updates == "simultaneous"
    assert isinstance(playground.gan.g_optimizer, torch.optim.SGD)
    assert isinstance(playground.gan.d_optimizer, torch.optim.Adam)
    assert moved(playground, playground.step) == (True, True)


def test_what_both_players_have_can_be_set_for_both_or_for_one():
    playground = GANPlayground(hidden=8, depth=2, g_hidden=32, optimizer="SGD")
    widths = {name: network.net[0].out_features for name, network in playground.gan.networks().items()}
    assert widths == {"generator": 32, "discriminator": 8}
    assert [len(network.net) for network in playground.gan.networks().values()] == [5, 5]  # two layers, each with ReLU
    assert all(isinstance(optimizer, torch.optim.SGD) for optimizer in playground.gan.optimizers().values())


@pytest.mark.parametrize("name, value", [("g_hidden", 8), ("d_depth", 2), ("latent_dim", 1), ("prior", "uniform")])
def test_network_and_noise_start_a_new_game(playground, name, value):
    playground.step(2)
    playground.controls["sheet"].value = True
    playground.controls[name].value = value
    assert playground.steps == 0
    assert playground.gan.latent_dim == playground.settings["latent_dim"]
    assert playground.gan.generator.net[0].out_features == playground.settings["g_hidden"]
    if name == "prior":
        assert playground._noise.abs().max() <= 1


@pytest.mark.parametrize("name", panel.NEW_GAME["data"][1])
def test_every_distribution_fits_the_picture(playground, name):
    playground.controls["data"].value = name
    assert playground._real.abs().max() < 1.6
    playground.step()
    assert 0 < playground.history["jsd"][-1] <= 0.694
    assert playground.controls["text"].disabled == (name != program.LETTERS)
    assert playground.controls["drawing"].disabled == (name != program.DRAWING)


def test_letters_have_holes_and_their_text_is_checked():
    o = data.letters("o").points
    assert o.norm(dim=1).min() > 0.3  # nothing in the hole
    assert o.abs().max() == pytest.approx(1)
    playground = GANPlayground(data=program.LETTERS, text="ox", **SMALL)
    assert playground._real[:, 0].min() > -1.01
    playground.controls["text"].value = "  "
    assert "no letters" in playground._message.value
    playground.controls["loss"].value = "hinge"  # the game of before is still there
    assert playground.gan.loss.name == "hinge"


@pytest.mark.parametrize(
    ("drawing", "points"),
    [
        ("0.5 -1", [[0.5, -1]]),
        ("-.5 1, 1.5   0,", [[-0.5, 1], [1.5, 0]]),
        ("", [[0, 0]]),  # where the eraser took the last one, one is left in the middle
        ("nan 1, 1.2.3, hello", [[0, 0]]),
        ("5 5, 1 -1, 0 -1.6", [[1, -1]]),  # what lies outside the picture is left out
        ("5 5", [[0, 0]]),
    ],
)
def test_what_is_drawn_becomes_the_data(drawing, points):
    playground = GANPlayground(data=program.DRAWING, drawing="1 1, 0 0", **SMALL)
    assert "<b>Step 0: 0 of 2 modes.</b>" in playground._status.value
    assert "Press or drag in the picture" in playground._message.value
    playground.step(2)
    playground.controls["drawing"].value = drawing
    found = 0 if points == [[0, 0]] else len(points)
    assert f"Points found: {found}; if none, 0 0 is taken" in playground._message.value
    assert playground.steps == 0 and playground.target.centers.tolist() == points
    assert str([tuple(map(float, point)) for point in points]) in playground.code()
    playground.start_from("healthy")  # which keeps what was drawn
    assert playground.controls["drawing"].value == drawing and "Press Play" in playground._message.value


def test_own_points_become_the_data():
    playground = GANPlayground(data=torch.tensor([[0.0, 0.0], [10.0, 0.0]]), **SMALL)
    assert playground._real.unique(dim=0).tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    playground.step()
    assert "<b>Step 1: JSD" in playground._status.value


@pytest.mark.parametrize("points", [torch.zeros(5, 3), torch.zeros(5, 2), torch.full((5, 2), torch.nan)])
def test_bad_points_are_refused(points):
    with pytest.raises(ValueError, match=r"points must be \(N, 2\)"):
        GANPlayground(data=points)


def test_unknown_settings_are_named():
    with pytest.raises(ValueError, match="no setting learning_rate; choose from data, .*g_rate"):
        GANPlayground(learning_rate=1.0)
    with pytest.raises(ValueError, match="loss is 'hing'; choose one of minimax"):
        GANPlayground(loss="hing")
    with pytest.raises(ValueError, match="g_rate is 5; choose one of 0.0"):
        GANPlayground(d_rate=0.1, rate=5)
    for name in ("ed", "ata", "g_seed"):  # short for nothing
        with pytest.raises(ValueError, match=f"no setting {name};"):
            GANPlayground(**{name: 1})


def test_divergences_of_known_histograms():
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.0, 1.0])
    assert views.divergences(p, q)[1] == pytest.approx(torch.tensor(2.0).log().item())
    assert views.divergences(p, p) == pytest.approx((0, 0))
    kl, _ = views.divergences(p, torch.tensor([0.25, 0.25, 0.5]))
    assert kl == pytest.approx(torch.tensor(2.0).log().item())


def test_arrows_point_where_the_generator_loss_falls(playground):
    """A discriminator that calls the right side real pushes every fake to the right."""
    for parameter in playground.gan.discriminator.parameters():
        parameter.data.zero_()
    first, last = playground.gan.discriminator.net[0], playground.gan.discriminator.net[-1]
    first.weight.data[0, 0] = last.weight.data[0, 0] = 1.0
    pushes = views.push(playground.gan, torch.zeros(4, 2), torch.zeros(4, 2) + 0.5)
    assert (pushes[:, 0] > 0).all() and pushes[:, 1].abs().max() == 0
    assert pushes[0, 0].item() == pytest.approx(1 / (1 + math.exp(0.5)))  # sigmoid(-f), where the logit f is x
    lines = views.arrows(torch.zeros(4, 2), pushes)
    ways = lines[:, 1] - lines[:, 0]
    assert (ways[:, 0] > 0).all() and ways[:, 1].abs().max() == 0


PROGRAMS = [
    {},
    {"data": "grid", "loss": "relativistic", "penalty": "gradient_penalty", "penalty_weight": 1.0, "d_steps": 3},
    {"data": program.LETTERS, "text": "it's", "prior": "uniform", "latent_dim": 1, "optimizer": "SGD", "seed": 3},
    {"loss": "hinge", "updates": "simultaneous", "penalty": "none", "d_rate": 1e-3, "hidden": 8, "depth": 2},
    {"data": program.DRAWING, "drawing": "0.5 0.5, -1 0", "g_steps": 3, "g_optimizer": "SGD", "g_depth": 2},
]


@pytest.mark.parametrize("settings", PROGRAMS)
def test_the_printed_program_ends_with_the_weights_of_the_playground(settings, capsys):
    playground = GANPlayground(**{**SMALL, **settings})
    torch.manual_seed(123)  # whatever the reader does with random numbers in between, changes nothing
    playground.step(4)
    playground.step(5)
    playground.controls["code"].value = True
    text = playground._text.value
    assert text == playground.code() and playground._text.layout.display is None
    space = {}
    exec(text, space)
    assert "losses: D" in capsys.readouterr().out
    assert torch.equal(weights(space["generator"]), weights(playground.gan.generator))
    assert torch.equal(weights(space["discriminator"]), weights(playground.gan.discriminator))
    assert space["gan"].loss is playground.gan.loss and space["gan"].updates == playground.gan.updates


def test_playing_leaves_the_readers_random_numbers_alone(playground):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    playground.step(2)
    assert torch.equal(torch.rand(1), expected)


def test_a_diverged_run_pauses_and_says_so():
    async def play():
        playground = GANPlayground(**SMALL, penalty="none")
        playground.play()
        with torch.no_grad():
            playground.gan.generator.net[0].weight.fill_(torch.nan)
        for _ in range(500):
            await asyncio.sleep(0.02)
            if not playground.playing:
                return playground

    playground = asyncio.run(play())
    assert not playground.playing and playground.diverged
    assert f"diverged by step {playground.steps}: D&#x27;s loss is nan" in playground._message.value
    picture, steps = playground.frame(), playground.steps
    playground.step()  # does nothing
    assert playground.steps == steps and playground.frame() == picture
    playground.reset()
    assert not playground.diverged and playground._message.value == ""


def test_slow_motion_shows_one_move_at_a_time():
    async def play():
        playground = GANPlayground(**SMALL, d_steps=2, g_steps=2)
        playground.controls["speed"].value = "slow motion"
        return [moved(playground, playground._next_move) for _ in range(5)]

    d_moves, g_moves = (True, False), (False, True)
    assert asyncio.run(play()) == [d_moves, d_moves, g_moves, g_moves, d_moves]


def test_the_words_beside_the_picture_say_who_moved_how_often_and_how_it_stands(playground):
    playground.step(3)
    click(playground, "step_discriminator")
    text = playground._status.value
    assert "<b>Move 4: 0 of 8 modes.</b> Moves: D 4, G 3." in text  # one player alone makes no whole step
    assert "D moved, G stayed" in text and "<b>D moves</b>" in text and "<b>G moves</b>" not in text
    before, after = playground.history["d_loss"][-2:]
    assert f"D's loss: {before:.3f} → {after:.3f}" in text
    click(playground, "step_generator")
    assert "G moved, D stayed" in playground._status.value and "<b>G moves</b>" in playground._status.value
    playground.controls["updates"].value = "simultaneous"
    click(playground, "step")
    assert "at once" in playground._status.value and "<b>Step 6:" in playground._status.value


def test_a_player_with_rate_zero_is_said_to_be_held(playground):
    playground.controls["g_rate"].value = 0.0
    for move, words in (("step", "D moved; G held still"), ("step_generator", "Nobody moved; G held still")):
        click(playground, move)
        assert f"{words} (rate 0)." in playground._status.value and "<b>G moves</b>" not in playground._status.value
    playground.controls["d_rate"].value = 0.0
    click(playground, "step")
    assert "Nobody moved; D and G held still (rate 0)." in playground._status.value
    playground.controls["g_rate"].value = 1e-3
    click(playground, "step")
    assert "G moved; D held still (rate 0)." in playground._status.value
    history = {"d_loss": [-0.00001, -0.1], "g_loss": [0.00001, -0.00001]}
    assert "D's loss: 0.000 → -0.100; G's: 0.000 → 0.000." in views.story("D", "D", history)  # no minus before a zero


def test_words_say_what_d_believes_and_how_hard_g_is_pushed(playground):
    """So that task 1 of the chapter, arrows that die and come back, can be done by ear."""
    playground.start_from("D too strong")
    playground.controls["d_hidden"].value = 64
    playground.step(120)
    believed = re.search(r"D believes real (.*), fakes (.*?)\. ", playground._status.value)
    assert float(believed[1]) > 0.9 and float(believed[2]) < 0.1

    def pushed():
        return float(re.search(r"Mean push: (.*)\.<", playground._status.value)[1])

    dead, logits = pushed(), playground.gan.judge(playground._fake[:40])
    playground.controls["loss"].value = "non_saturating"
    assert pushed() > 5 * max(dead, 0.01)
    x = playground._fake[:40].clone().requires_grad_(True)
    (slopes,) = torch.autograd.grad(playground.gan.judge(x).sum(), x)
    assert dead == pytest.approx((torch.sigmoid(logits)[:, None] * slopes).norm(dim=1).mean().item(), abs=6e-4)
    playground.controls["arrows"].value = False
    assert "Mean push" not in playground._status.value


def test_after_a_change_the_words_are_those_of_the_new_settings(playground):
    playground.start_from("D too strong")
    playground.step(3)
    assert "what becomes of its arrows?" in playground._message.value
    playground.controls["loss"].value = "hinge"
    text, real, fake = playground._status.value, playground.gan.judge(playground._real[:1000]), playground._fake
    d_loss = losses.LOSSES["hinge"].discriminator(real, playground.gan.judge(fake)).item()
    assert f"The same networks under new settings. D's loss: {d_loss:.3f}; G's:" in text
    assert playground._message.value == "" and playground.history["d_loss"][-1] == pytest.approx(d_loss)
    assert playground.history["steps"] == [0, 3]
    playground.gan.generator.net[0].weight.data.fill_(torch.nan)
    playground.step()
    playground.controls["loss"].value = "minimax"
    assert playground.diverged and "diverged by step" in playground._message.value  # which still holds


def test_the_program_says_when_it_is_not_the_game_that_was_played(playground):
    def warned():
        return playground.code().startswith("# The settings of now for all steps")

    playground.step(2)
    assert not warned()
    playground.controls["loss"].value = "hinge"
    assert warned()
    exec(playground.code(), {})  # it still runs
    playground.controls["loss"].value = "non_saturating"
    assert not warned()  # nothing was played under the other loss
    click(playground, "step_generator")
    assert warned()
    click(playground, "back")
    assert not warned()
    playground.controls["penalty_weight"].value = 1.0
    click(playground, "step")
    playground.controls["penalty_weight"].value = 0.025
    assert warned()
    click(playground, "reset")
    assert not warned()


@pytest.mark.parametrize(
    ("who", "framed"),
    [
        ("", []),
        ("D", ["fakes ✕", "D moves", "real ●"]),
        ("G", ["noise", "G moves", "fakes ✕", "D"]),
        ("D, then G", ["noise", "G moves", "fakes ✕", "D moves", "real ●"]),
    ],
)
def test_the_diagram_frames_what_takes_part(who, framed):
    boxes = re.findall(r"2px (solid|none);[^>]*>(.*?)</span>", views.diagram(who))
    assert len(boxes) == 5
    assert [re.sub("</?b>", "", text) for frame, text in boxes if frame == "solid"] == framed


def test_back_undoes_a_move_and_the_game_goes_on_as_it_went(playground):
    playground.step(3)
    pictures, d_losses = [], []
    for _ in range(2):
        click(playground, "step")
        click(playground, "step_discriminator")
        pictures.append(playground.frame())
        d_losses.append(playground.history["d_loss"][-2:])
        if len(pictures) == 1:
            click(playground, "back")
            assert "D moved, then G" in playground._status.value
            click(playground, "back")
            assert playground.steps == 3 and playground.gan.d_moves == 3 and playground.history["steps"] == [0, 3]
    assert pictures[0] == pictures[1] and d_losses[0] == d_losses[1]
    for _ in range(4):
        click(playground, "back")
    assert playground.steps == 0 and "no earlier state" in playground._message.value
    playground.step(5)
    fresh = GANPlayground(**SMALL)
    fresh.step(5)
    assert torch.equal(weights(playground.gan.generator), weights(fresh.gan.generator))


def test_back_keeps_the_settings_of_now(playground):
    playground.step()
    playground.controls["loss"].value = "hinge"
    click(playground, "back")
    assert playground.gan.loss is losses.LOSSES["hinge"] and playground.steps == 0
    assert moved(playground, playground.step) == (True, True)


@pytest.mark.parametrize("name", panel.PRESETS)
def test_a_preset_sets_everything_and_starts_one_game(name, monkeypatch):
    changes, steps, look_for = panel.PRESETS[name]
    playground = GANPlayground(**SMALL, loss="hinge", seed=3)
    games = []
    monkeypatch.setattr(playground, "reset", lambda: games.append(playground.settings))
    monkeypatch.setattr(playground, "step", games.append)
    playground.controls["preset"].value = name
    assert games == []  # a key in the menu must not end the game that is on
    click(playground, "start_from")
    assert games == [playground.settings, steps]
    for control, default in panel.DEFAULTS.items():
        assert playground.controls[control].value == panel.chosen(changes, control, default)
    assert playground._message.value == html.escape(look_for)
    assert playground.controls["preset"].value == name and len(games) == 2
    click(playground, "start_from")  # the same once more
    assert len(games) == 4


def test_settings_that_do_nothing_are_grey(playground):
    def grey():
        return [name for name, control in playground.controls.items() if getattr(control, "disabled", False)]

    assert grey() == ["text", "drawing"]
    playground.controls["penalty"].value = "none"
    assert grey() == ["text", "drawing", "penalty_weight"]
    playground.controls["g_rate"].value = 0.0
    assert grey() == ["text", "drawing", "g_optimizer", "penalty_weight"]
    playground.controls["g_rate"].value = 1e-3
    playground.controls["d_rate"].value = 0.0
    assert grey() == ["text", "drawing", "d_optimizer", "penalty", "penalty_weight"]
    playground.controls["data"].value = program.DRAWING
    assert grey()[0] == "text" and "drawing" not in grey()


def test_every_control_says_its_true_value_and_what_it_is(playground):
    """A slider over a list says the place in the list, "5" for a rate of 0.001; a menu says what it holds."""
    for name, control in playground.controls.items():
        assert control.tooltip, name
        assert not isinstance(control, widgets.SelectionSlider)
    assert playground.controls["d_rate"].label == "0.001"
    assert len({control.description for control in playground.controls.values()}) == len(playground.controls)
    keys = [key for _, _, key in panel.BUTTONS.values()]
    assert len(set(keys)) == len(keys)
    assert explorer.HANDS.count('"') == 6  # around alt, src and onerror: one more would end the program in the page


def test_words_stand_where_d_says_real_and_fake(playground):
    for parameter in playground.gan.discriminator.parameters():
        parameter.data.zero_()
    first, last = playground.gan.discriminator.net[0], playground.gan.discriminator.net[-1]
    first.weight.data[0, 0] = last.weight.data[0, 0] = 1.0  # the right half is real ...
    first.weight.data[1, 0], last.weight.data[0, 1] = -1.0, -1.0  # ... and the left half fake
    playground.draw()
    real, fake = (playground._picture.layers[f"says {word}"][0] for word in ("real", "fake"))
    assert real.get_visible() and fake.get_visible()
    assert real.get_position()[0] > 0.5 and fake.get_position()[0] < -0.5
    first.weight.data[1, 0] = 0.0  # now nowhere is fake
    playground.draw()
    assert real.get_visible() and not fake.get_visible()
    playground.controls["heat"].value = False
    assert not real.get_visible()


def test_a_word_stands_beside_the_fakes_and_stays_there(playground):
    picture, belief = playground._picture, torch.zeros(50, 50).numpy()  # it says fake everywhere ...
    for x in (0.0, -0.1, 0.1):
        heap = torch.tensor([[x, 0.0]]).repeat(100, 1).numpy()  # ... and all fakes are one heap
        picture.draw({"heat": belief, "fake": heap}, playground.history, "")
        word = picture.layers["says fake"][0]
        places = [*locals().get("places", []), word.get_position()]
        assert word.get_visible() and math.dist(word.get_position(), (x, 0)) > 0.8
    assert len(set(places)) == 1


def test_one_spike_does_not_squash_the_losses(playground):
    playground.history = {name: [0.5] * 300 for name in playground.history} | {"steps": list(range(300))}
    playground.history["d_loss"][7], playground.history["g_loss"][9] = 1000.0, -1000.0
    playground.draw()
    ax = playground._picture.panels["loss"]
    assert ax.get_ylim() == (0, 1)
    (ties,) = [sorted(path.vertices[0, 1] for path in lines.get_paths()) for lines in ax.collections]
    assert ties == pytest.approx([math.log(2), math.log(4)])


def test_a_slow_machine_trains_a_share_of_each_frame(monkeypatch):
    async def play():
        playground, given = GANPlayground(**SMALL), []

        def step(n, seconds):
            given.append(seconds)
            time.sleep(0.3)  # what a slow machine draws in
            if len(given) == 3:
                playground.pause()

        monkeypatch.setattr(playground, "step", step)
        playground.play()
        while len(given) < 3:
            await asyncio.sleep(0.01)
        return given

    first, *then = asyncio.run(asyncio.wait_for(play(), 60))
    assert first == 0.04 and min(then) > 0.07


def test_a_panel_that_would_stay_empty_is_left_out(playground):
    assert "coverage" in playground._picture.panels
    playground.controls["data"].value = "two rings"
    playground.step()
    assert list(playground._picture.panels) == ["loss", "divergence"]
    assert playground._text.layout.display == "none"


def test_without_a_notebook_play_says_what_to_do(playground):
    playground.play()
    assert not playground.playing and "call step(n)" in playground._message.value


def test_only_one_playground_plays_at_a_time():
    async def play():
        first, second = GANPlayground(**SMALL), GANPlayground(**SMALL)
        first.play()
        second.play()
        states = first.playing, second.playing
        second.pause()
        return states

    assert asyncio.run(play()) == (False, True)


def test_play_and_pause_are_one_button_and_a_film_stops_when_it_is_shown_again():
    async def play():
        playground = GANPlayground(**SMALL, data="two rings")
        button, labels = playground.controls["play"], []
        for press in (button.click, button.click, button.click, playground._repr_mimebundle_):
            press()
            await asyncio.sleep(0.3)  # the label comes with the first frame
            labels.append((playground.playing, button.description[2:].strip()))
        return labels

    playing = (True, "Pause"), (False, "Play")
    assert asyncio.run(play()) == [*playing, *playing]


def test_a_film_says_how_many_steps_it_makes_and_leaves_the_program_alone():
    async def play():
        playground = GANPlayground(**SMALL)
        playground.controls["code"].value = True
        text = playground._text.value
        playground.play()
        while playground.steps < 2 or playground._made < 2:
            await asyncio.sleep(0.01)
        assert f"{playground._made} steps in this frame." in playground._status.value
        assert playground._text.value == text
        playground.pause()
        while playground._text.value == text:
            await asyncio.sleep(0.01)
        assert "in this frame" not in playground._status.value
        assert f"range({playground.steps})" in playground._text.value

    asyncio.run(asyncio.wait_for(play(), 60))


def test_a_page_without_kernel_shows_a_sentence_and_a_still(playground, capsys):
    bundle = playground._repr_mimebundle_()
    assert bundle["text/plain"] == "The GAN playground: run this cell to play"
    assert "application/vnd.jupyter.widget-view+json" in bundle
    playground.still("The ring, before the first step.")
    assert "The ring, before the first step." in capsys.readouterr().out


def test_pause_is_heard_while_it_plays_in_a_live_kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        setup = "from gan_edu.playground import GANPlayground\np = GANPlayground(hidden=16, depth=1)\np.play()"
        assert client.execute_interactive(setup, timeout=60)["content"]["status"] == "ok"

        def ask(expression):
            reply = client.execute_interactive("", user_expressions={"answer": expression}, timeout=20)
            return eval(reply["content"]["user_expressions"]["answer"]["data"]["text/plain"])

        time.sleep(0.5)
        early = ask("p.steps")  # another cell runs while it plays
        time.sleep(0.5)
        assert ask("p.playing") and ask("p.steps") > early
        assert "Pause" in ask("p.controls['play'].description")
        content = {"comm_id": ask("p.controls['play'].model_id"), "data": None}
        content["data"] = {"method": "custom", "content": {"event": "click"}}
        client.shell_channel.send(client.session.msg("comm_msg", content))
        deadline = time.time() + 5
        while ask("p.playing") and time.time() < deadline:
            time.sleep(0.1)
        assert not ask("p.playing")
        stopped = ask("p.steps")
        time.sleep(0.3)
        assert ask("p.steps") == stopped
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
