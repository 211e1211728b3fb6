"""What the prose of chapter 04 takes for granted about its pictures, and ways to write the capstone that must pass."""

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
    assert _is_blue_for_real_and_orange_for_fake(GANPlayground("ring").figure().axes[0].images[0])


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
    return d_loss, g_loss


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
    def mended_noise(generator, discriminator, batches, draw_noise, steps):
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

    mark = exercises.check_mended_noise(mended_noise)
    assert mark.solved, mark.hint
