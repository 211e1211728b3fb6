"""What chapter 16 relies on: shares of noise, guesses that are known in closed form, and the sampler."""

import math

import pytest
import torch

from gan_edu import models
from gan_edu.playground import DiffusionExplorer


def gaussian_guess(mean, width):
    """The best guess for data N(mean, width^2): the mean of a normal variable, given a noisy look at it."""

    def guess(x, t):
        a, s = models.levels(t)
        return mean + a * width**2 / (a**2 * width**2 + s**2) * (x - a * mean)

    return guess


def test_shares_of_noise_keep_the_variance_of_unit_data():
    t = torch.linspace(0, 1, 11)
    a, s = models.levels(t)
    assert torch.allclose(a**2 + s**2, torch.ones(11, 1))
    x, noise = torch.randn(2, 200_000, 1, generator=torch.Generator().manual_seed(0))
    for time in (0.0, 0.3, 0.5, 1.0):
        assert models.noised(x, torch.full((200_000,), time), noise).var().item() == pytest.approx(1, abs=0.02)


def test_noise_comes_at_the_end_and_is_gone_at_the_start():
    x, noise = torch.randn(2, 5, 3)
    assert torch.equal(models.noised(x, torch.zeros(5), noise), x)
    assert torch.allclose(models.noised(x, torch.ones(5), noise), noise, atol=1e-6)
    half = models.noised(x, torch.full((5,), 0.5), noise)
    assert torch.allclose(half, (x + noise) / math.sqrt(2), atol=1e-6)


@pytest.mark.parametrize(("mean", "width"), [(0.0, 1.0), (1.5, 0.5), (-1.0, 2.0)])
def test_with_the_best_guess_noise_becomes_the_data(mean, width):
    noise = torch.randn(4000, 1, generator=torch.Generator().manual_seed(0))
    made = models.ddim(gaussian_guess(mean, width), noise, 400)
    assert torch.allclose(made, mean + width * noise, atol=0.05)  # the flow of a Gaussian is this line
    assert made.shape == noise.shape


def test_one_step_is_the_guess_from_noise_alone():
    noise = torch.randn(6, 4)
    assert torch.allclose(models.ddim(gaussian_guess(0.7, 0.5), noise, 1), torch.full((6, 4), 0.7), atol=1e-5)
    torch.manual_seed(0)
    network = models.Denoiser(4, width=8)
    with torch.no_grad():
        assert torch.allclose(models.ddim(network, noise, 1), network(noise, torch.ones(6)), atol=1e-6)


def test_more_steps_come_nearer():
    noise = torch.randn(1000, 1, generator=torch.Generator().manual_seed(0))
    off = [(models.ddim(gaussian_guess(1.0, 0.5), noise, n) - 1 - 0.5 * noise).abs().mean() for n in (2, 8, 32)]
    assert off[0] > 2 * off[1] > 4 * off[2]


def test_the_sampler_asks_once_a_step_at_falling_times_and_leaves_no_graph():
    asked = []

    def guess(x, t):
        asked.append(t[0].item())
        return 0 * x

    noise = torch.randn(3, 2, requires_grad=True)
    assert not models.ddim(guess, noise, 4).requires_grad
    assert asked == pytest.approx([1, 0.75, 0.5, 0.25])


def test_a_denoiser_guesses_what_it_sees_where_nothing_is_noise():
    torch.manual_seed(0)
    network, x = models.Denoiser(6, width=16), torch.randn(5, 6)
    assert torch.allclose(network(x, torch.zeros(5)), x)
    assert not torch.allclose(network(x, torch.full((5,), 0.5)), network(x, torch.full((5,), 0.6)))
    with pytest.raises(ValueError, match=r"Denoiser takes \(N, 6\)"):
        network(torch.randn(5, 7), torch.zeros(5))


def test_a_denoiser_of_the_default_size_has_as_many_weights_as_the_chapter_says():
    assert sum(weight.numel() for weight in models.Denoiser().parameters()) == 81 * 256 + 2 * 257 * 256 + 257 * 64


def test_a_denoiser_learns_the_best_guess_of_a_gaussian():
    torch.manual_seed(0)
    network = models.Denoiser(1, width=32)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(400):
        x, t = 0.5 + 0.3 * torch.randn(256, 1), torch.rand(256)
        seen = models.noised(x, t, torch.randn(256, 1))
        optimizer.zero_grad()
        (network(seen, t) - x).square().mean().backward()
        optimizer.step()
    seen, t = torch.linspace(-1.5, 1.5, 50)[:, None], torch.full((50,), 0.6)
    with torch.no_grad():
        assert (network(seen, t) - gaussian_guess(0.5, 0.3)(seen, t)).abs().mean() < 0.05


def test_the_explorer_shows_the_pass_it_is_asked_for():
    picture = torch.linspace(-2, 2, 64)
    explorer = DiffusionExplorer(lambda x, t: picture.expand(len(x), -1), passes=8, shown=0)
    assert explorer.text.value == "Pass 1 of 8: pixels of its 16 guesses differ by 0.00 from their mean"
    before = explorer.picture.value
    explorer.controls["shown"].value = 1
    assert explorer.text.value.startswith("Pass 8 of 8") and explorer.picture.value != before
    explorer.controls["passes"].value = 1
    assert explorer.text.value.startswith("Pass 1 of 1")
    with pytest.raises(ValueError, match="passes is 65"):
        DiffusionExplorer(lambda x, t: x, passes=65)
