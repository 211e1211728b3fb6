"""What the prose of chapter 4 takes for granted about its pictures, and ways to write the capstone that must pass."""

import pytest
import torch
from matplotlib.colors import to_hex

from gan_edu import exercises, plots
from gan_edu.playground import GANPlayground


def _is_blue_for_real_and_orange_for_fake(image) -> bool:
    colors = [to_hex(image.cmap(image.norm(belief))).upper() for belief in (1.0, 0.0)]
    return colors == [plots.REAL, plots.FAKE]


def test_a_sure_discriminator_is_blue_where_it_says_real():
    _, ax = plots.panels()
    plots.heat_map(ax, lambda points: torch.full((len(points),), 20.0))
    assert _is_blue_for_real_and_orange_for_fake(ax.images[0])


def test_the_playground_uses_the_same_colours():
    assert _is_blue_for_real_and_orange_for_fake(GANPlayground("ring")._picture.figure.axes[0].images[0])


def _bce(logits, target):
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def _no_grad_and_bce(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    with torch.no_grad():
        fake = generator(noise)
    d_optimizer.zero_grad()
    d_loss = _bce(discriminator(real), 1.0) + _bce(discriminator(fake), 0.0)
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad(set_to_none=False)
    g_loss = _bce(discriminator(generator(noise)), 1.0)
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


def _inputs(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    fake = generator(noise)
    logits = discriminator(torch.cat([real, fake]))  # one batch for both
    d_loss = _bce(logits[: len(real)], 1.0) + _bce(logits[len(real) :], 0.0)
    d_loss.backward(retain_graph=True, inputs=list(discriminator.parameters()))
    d_optimizer.step()
    g_loss = _bce(discriminator(fake), 1.0)
    g_loss.backward(inputs=list(generator.parameters()))
    g_optimizer.step()
    d_optimizer.zero_grad()
    g_optimizer.zero_grad()
    return d_loss.detach(), g_loss.detach()


def _autograd(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    def move(network, optimizer, loss):
        parameters = list(network.parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        optimizer.step()
        return loss.detach()

    d_loss = _bce(discriminator(real), 1.0) + _bce(discriminator(generator(noise).detach()), 0.0)
    d_loss = move(discriminator, d_optimizer, d_loss)
    return d_loss, move(generator, g_optimizer, _bce(discriminator(generator(noise)), 1.0))


@pytest.mark.parametrize("step", [_no_grad_and_bce, _inputs, _autograd], ids=lambda step: step.__name__)
def test_other_valid_steps_are_solved(step):
    mark = exercises.check_my_step(step)
    assert mark.solved, mark.hint


def test_noise_drawn_anew_for_each_player_is_solved_too():
    def mended_loop(generator, discriminator, batches, draw_noise, steps):
        adam = {"lr": 4e-3, "betas": (0.5, 0.99)}
        g_optimizer = torch.optim.Adam(generator.parameters(), **adam)
        d_optimizer = torch.optim.Adam(discriminator.parameters(), **adam)
        for _ in range(steps):
            d_optimizer.zero_grad()
            fake = generator(draw_noise(64)).detach()
            (_bce(discriminator(next(batches)), 1.0) + _bce(discriminator(fake), 0.0)).backward()
            d_optimizer.step()
            g_optimizer.zero_grad()
            _bce(discriminator(generator(draw_noise(64))), 1.0).backward()
            g_optimizer.step()
        return generator

    mark = exercises.check_mended_loop(mended_loop)
    assert mark.solved, mark.hint


# --- the four patients show what their pictures are taken for ---------------------------------------------------------


@pytest.fixture(scope="module")
def patients():
    return [exercises.sick_run(number, steps=300) for number in range(5)]


def test_a_healthy_run_moves_g_and_keeps_both_losses_up(patients):
    assert (patients[0]["after"] - patients[0]["before"]).norm(dim=1).min() > 0
    assert min(patients[0][name][-50:].mean() for name in ("D", "G")) > 0.3


def test_of_frozen_noise_the_trained_fakes_are_another_thing_than_fresh_ones(patients):
    assert len(patients[1]["trained_on"]) == 16 and len(patients[1]["fresh"]) == 300


def test_of_a_missing_minus_both_losses_go_to_zero(patients):
    assert max(patients[2][name][-1] for name in ("D", "G")) < 0.05


def test_of_the_wrong_optimizer_g_does_not_move_and_its_loss_stays_low(patients):
    assert torch.equal(patients[3]["before"], patients[3]["after"])
    assert patients[3]["G"][-1] < 1


def test_of_gradients_never_cleared_the_logits_run_away(patients):
    assert patients[4]["real"].abs().max() > 10 * patients[0]["real"].abs().max()


def test_a_sick_run_leaves_the_readers_random_numbers_alone():
    before = torch.get_rng_state()
    exercises.sick_run(1, steps=2)
    assert torch.equal(before, torch.get_rng_state())
