"""What chapter 12 shows: the price of sharpness, the field of a logit, two translators as one generator, known maps."""

import json
import subprocess
import sys

import pytest
import torch
from conftest import ROOT
from torch import nn
from torch.nn.functional import softplus

from gan_edu import data, losses, metrics, models, train
from gan_edu.playground import SharpenExplorer

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


# --- the price of sharpness -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mixture", [data.ring(), data.grid(), data.ring(modes=3, std=0.3)])
def test_a_draw_costs_twice_the_least_error_and_a_share_of_it_one_plus_its_square(mixture):
    points = mixture.sample(200_000)
    across, up = mixture.centers.T
    odds = (-((points[:, :1] - across) ** 2) / (2 * mixture.std**2)).softmax(1)
    mean = odds @ up
    drawn = up[torch.multinomial(odds, 1)[:, 0]] + mixture.std * torch.randn(len(points))
    least = (points[:, 1] - mean).square().mean()
    for share in (0.0, 0.3, 0.5, 1.0):
        error = (points[:, 1] - torch.lerp(mean, drawn, share)).square().mean()
        assert error / least == pytest.approx(1 + share**2, rel=0.02)


# --- networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize(("size", "depth"), [(8, 2), (8, 3), (28, 2), (12, 1)])
def test_a_unet_keeps_the_size_and_its_range_and_hears_noise_and_condition(size, depth, skips):
    G = models.UNetGenerator(2, 3, width=4, depth=depth, latent_dim=5, skips=skips)
    noise, picture = torch.randn(6, 5), torch.randn(6, 2, size, size)
    made = G(noise, picture)
    assert made.shape == (6, 3, size, size) and made.abs().max() <= 1
    assert not torch.equal(made, G(torch.randn(6, 5), picture))
    assert not torch.equal(made, G(noise, torch.randn(6, 2, size, size)))


def test_a_unet_without_noise_takes_a_condition_or_a_picture_where_noise_stands():
    G, picture = models.UNetGenerator(width=4), torch.randn(3, 1, 8, 8)
    assert torch.equal(G(torch.empty(3, 0), picture), G(picture))


def test_only_skips_carry_a_pixel_past_the_bottleneck():
    for skips in (True, False):
        G = models.UNetGenerator(width=4, depth=2, skips=skips)
        nn.init.zeros_(G.down[0][0].weight)  # nothing of the picture goes down
        picture = torch.randn(1, 1, 8, 8, requires_grad=True)
        G(picture).sum().backward()
        assert bool(picture.grad.abs().sum() > 0) is skips


@pytest.mark.parametrize(("layers", "field"), [(0, 7), (1, 16), (2, 34), (3, 70)])
def test_a_logit_sees_the_patch_of_the_paper(layers, field):
    D = models.PatchDiscriminator(width=2, layers=layers).double()
    picture = torch.randn(1, 1, 128, 128, dtype=torch.float64, requires_grad=True)
    logits = D(picture)[0]
    side = round(len(logits) ** 0.5)
    logits[side // 2 * side + side // 2].backward()
    assert picture.grad[0, 0].abs().sum(0).count_nonzero() == field
    assert picture.grad[0, 0].abs().sum(1).count_nonzero() == field


def test_a_patch_discriminator_sees_its_condition_and_gives_a_logit_for_each_patch():
    D = models.PatchDiscriminator(3, width=4)
    picture, condition = torch.randn(2, 1, 28, 28), torch.randn(2, 2, 28, 28)
    assert D(picture, condition).shape == (2, 144)  # 28 -> 14 -> 13 -> 12
    assert not torch.equal(D(picture, condition), D(picture, -condition))


# --- two translators as one generator ---------------------------------------------------------------------------------


def translators(a=1, b=2):
    there, back = nn.Conv2d(a, b, 1), nn.Conv2d(b, a, 1)
    G = models.PairGenerator(there, back, (a, b))
    of_b, of_a = (nn.Sequential(nn.Conv2d(channels, 1, 1), nn.Flatten()) for channels in (b, a))
    D = models.PairDiscriminator(of_b, of_a, (a, b))
    return G, D


def test_one_step_of_a_pair_is_cyclegan_written_out():
    G, D = translators()
    a, b = torch.randn(4, 1, 3, 3), torch.randn(4, 2, 3, 3)
    fake_b, fake_a = G.there(a), G.back(b)
    again = torch.cat([G.there(fake_a) - b, G.back(fake_b) - a], 1)
    game = torch.cat([softplus(-D.of_b(fake_b)), softplus(-D.of_a(fake_a))], 1).mean()
    expected = torch.autograd.grad(game + 10 * again.abs().mean(), list(G.parameters()))
    sgd = [torch.optim.SGD(net.parameters(), 1.0) for net in (G, D)]
    sgd[1].param_groups[0]["lr"] = 0.0  # D stays, so that G's gradient can be written out
    gan = train.GAN(G, D, "non_saturating", *sgd, g_terms=[losses.cycle(G, 10)], device="cpu")
    before = [weight.clone() for weight in G.parameters()]
    train.cycle_step(gan, torch.cat([b, a], 1))
    for old, new, slope in zip(before, G.parameters(), expected, strict=True):
        torch.testing.assert_close(old - new, slope, atol=1e-6, rtol=1e-5)


def test_swap_makes_the_input_of_a_pair_from_its_output():
    G, _ = translators()
    a, b = torch.randn(4, 1, 3, 3), torch.randn(4, 2, 3, 3)
    assert torch.equal(G.swap(torch.cat([b, a], 1)), torch.cat([a, b], 1))
    assert torch.equal(G(G.swap(torch.cat([b, a], 1))), torch.cat([G.there(a), G.back(b)], 1))


def test_l1_is_the_mean_absolute_difference_of_pairs():
    real, fake = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.5, 4.0]])
    term = losses.l1(3.0)
    assert term.weight == 3 and term.function(None, real, fake, None) == 1.25


def test_pictures_may_stand_where_noise_stood_and_no_noise_is_no_error_until_it_is_drawn():
    G, D = translators()
    gan = train.GAN(G, D, device="cpu")
    assert gan.sample(noise=torch.randn(2, 3, 3, 3)).shape == (2, 3, 3, 3)
    with pytest.raises(ValueError, match="say how much noise it takes"):
        gan.sample(2)
    pictures = torch.rand(64, 3, 4, 4) * 2 - 1
    gan = train.GAN(G, D, device="cpu", prior=lambda n: G.swap(pictures[:n]))
    history = train.train(gan, data.Batches(pictures, batch_size=8), 3, snapshots=2, progress=False)
    assert gan.steps == 3 and history.samples[0].shape == (64, 3, 4, 4)


def test_a_translator_of_pairs_without_noise_is_trained_like_any_gan():
    given, wanted = torch.rand(2, 32, 1, 8, 8) * 2 - 1
    gan = train.GAN(models.UNetGenerator(width=2), models.PatchDiscriminator(2, width=2), device="cpu")
    train.train(gan, data.Batches(wanted, given, batch_size=8), 2, progress=False)
    assert gan.sample(4, condition=given[:4]).shape == (4, 1, 8, 8)


# --- known maps -------------------------------------------------------------------------------------------------------


def test_slant_moves_rows_as_far_as_it_says_and_leaves_the_middle():
    line = -torch.ones(1, 1, 8, 32)
    line[..., 16] = 1
    moved = (data.slant(line, 0.5) + 1)[0, 0]
    place = (moved * torch.arange(32)).sum(1) / moved.sum(1)
    expected = 16 - 0.5 * 16 * (torch.arange(8) - 3.5) / 4
    torch.testing.assert_close(place, expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(data.slant(line, 0.0), line)


def test_paint_gives_hues_that_can_be_read_again_and_keeps_the_light():
    grey, hues = torch.rand(200, 1, 4, 4) * 2 - 1, torch.rand(200)
    painted = data.paint(grey, hues)
    gap = (data.hue_of(painted) - hues).abs()
    assert torch.minimum(gap, 1 - gap).max() < 0.03  # the angle in the plane and the hue differ a little
    torch.testing.assert_close(painted.amax(1, keepdim=True), grey)
    pure = data.paint(torch.ones(3, 1, 1, 1), torch.tensor([0, 1 / 3, 2 / 3]))
    assert pure[:, :, 0, 0].argmax(1).tolist() == [0, 1, 2]


# --- explorer and record ----------------------------------------------------------------------------------------------


class Grow(nn.Module):
    """Four pixels to 8x8, with noise or without."""

    def __init__(self, latent_dim):
        super().__init__()
        self.latent_dim, self.size = latent_dim, nn.Parameter(torch.ones(1))

    def forward(self, noise, small):
        large = nn.functional.interpolate(small, scale_factor=4) * self.size
        return large + (noise[:, :1, None, None] / 4 if self.latent_dim else 0)


def test_every_slider_of_the_explorer_changes_picture_and_text():
    real, labels, _ = data.digits()
    gan = train.GAN(Grow(2), models.MLPDiscriminator(), device="cpu")
    reader = metrics.train_classifier(real[:100], labels[:100], steps=2)
    explorer = SharpenExplorer(Grow(0), gan, real[:50], reader)
    assert "law 1.00" in explorer.text.value and "error 1.00" in explorer.text.value
    for name, value in {"share": 0.5, "upper left": 1.0, "lower right": -1.0}.items():
        picture, text = bytes(explorer.picture.value), explorer.text.value
        explorer.controls[name].value = value
        assert bytes(explorer.picture.value) != picture
        assert explorer.text.value != text or name != "share"
    assert "law 1.25" in explorer.text.value
    with pytest.raises(ValueError, match="sharp is 2"):
        SharpenExplorer(Grow(0), gan, real[:50], reader, share=2)


def test_the_benchmark_runs_and_its_record_has_what_the_chapter_shows(tmp_path):
    script = ROOT / "tests" / "benchmarks" / "translation.py"
    command = [sys.executable, script, "--small", "--out", tmp_path / "translation.json"]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True, timeout=300)
    runs = json.loads((tmp_path / "translation.json").read_text())["runs"]
    assert len(runs["unpaired unet, seed 0"]["pictures"]) == 4
    assert [one["share"] for one in runs["digits x4, seed 0"]["mixed"]] == [0, 0.25, 0.5, 0.75, 1]


RUNS = json.loads((ROOT / "figures" / "translation.json").read_text(encoding="utf-8"))["runs"]
SEEDS = range(3)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_pixel_loss_wins_psnr_and_the_game_the_distance_by_a_factor_of_two(seed):
    run = RUNS[f"digits x4, seed {seed}"]
    bicubic, pixel, (drawn, *_) = run["bicubic"], run["pixel"], run["drawn"]
    assert pixel["psnr"] > max(drawn["psnr"], bicubic["psnr"])
    assert 2 * drawn["frechet"] < min(pixel["frechet"], bicubic["frechet"])
    assert drawn["error"] / pixel["error"] == pytest.approx(2, abs=0.35)
    assert pixel["accuracy"] > drawn["accuracy"]


@pytest.mark.parametrize("seed", SEEDS)
def test_pairs_translate_and_controls_do_not(seed):
    assert RUNS[f"pairs, skips, seed {seed}"]["hits"] >= 0.9 > 0.5 > RUNS[f"pairs, no skips, seed {seed}"]["hits"]
    assert RUNS["controls"]["identity"]["hits"] < 0.02 > RUNS[f"pairs, mismatched, seed {seed}"]["hits"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_closed_cycle_is_no_right_translation(seed):
    flat = RUNS[f"unpaired perceptron, seed {seed}"]
    assert flat["hits"] < 0.05 and flat["cycle"] < 0.4


def test_two_of_three_unpaired_games_translate_and_the_third_never_closes_its_cycle():
    found = [RUNS[f"unpaired unet, seed {seed}"] for seed in SEEDS]
    assert [run["hits"] >= 0.75 for run in found] == [run["cycle"] < 0.4 for run in found]
    assert sum(run["hits"] >= 0.75 for run in found) == 2


@pytest.mark.parametrize("seed", SEEDS)
def test_colour_is_smuggled_through_grey(seed):
    run = RUNS[f"smuggled, seed {seed}"]
    assert run["shaken"]["0"] < 0.05 < 0.2 < run["clean"] and run["accuracy"] > 0.9
