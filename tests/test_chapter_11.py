"""What chapter 11 proves: labels that both players see, walks and their lengths, a generator with a way in at w."""

import json
import math
import statistics
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image
from torch import nn
from torch.nn import functional

from gan_edu import accelerate, data, metrics, models, recipes, train
from gan_edu.__main__ import main
from gan_edu.models import (
    ConcatDiscriminator,
    ConditionalGenerator,
    ModulatedConv,
    ProjectionDiscriminator,
    StyleGenerator,
)
from gan_edu.playground import SteeringExplorer

pytestmark = pytest.mark.usefixtures("one_thread")
PAIRS = ("dcgan", "subpixel")
READERS = (ProjectionDiscriminator, ConcatDiscriminator)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


# --- told a class -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [8, 28, 32])
@pytest.mark.parametrize("pair", PAIRS)
def test_every_size_and_pair_takes_labels_and_keeps_its_shapes(size, pair):
    labels = torch.tensor([0, 3, 3, 6])
    generator = ConditionalGenerator(size, 3, latent_dim=5, width=4, classes=7, pair=pair)
    images = generator(torch.randn(4, 5), labels)
    assert generator.latent_dim == 5 and images.shape == (4, 3, size, size) and images.abs().max() <= 1
    for reader in READERS:
        assert reader(size, 3, width=4, classes=7, pair=pair)(images, labels).shape == (4,)


@pytest.mark.parametrize("pair", PAIRS)
def test_the_generator_is_that_of_the_pair_on_noise_and_code(pair):
    generator = ConditionalGenerator(8, 1, latent_dim=5, width=4, classes=3, pair=pair).eval()
    plain = {"dcgan": models.DCGANGenerator, "subpixel": models.SubpixelGenerator}[pair](8, 1, 10, 4)
    assert sum(p.numel() for p in generator.parameters()) == sum(p.numel() for p in plain.parameters()) + 3 * 5
    noise, labels = torch.randn(6, 5), torch.arange(6) % 3
    by_hand = generator.net(torch.cat([noise, generator.codes.weight[labels]], 1))
    assert torch.equal(generator(noise, labels), by_hand)
    assert not torch.allclose(generator(noise, labels), generator(noise, (labels + 1) % 3), rtol=1e-2, atol=0)


@pytest.mark.parametrize("pair", PAIRS)
def test_projection_is_a_row_for_each_class_on_the_features_of_the_pair(pair):
    projection = ProjectionDiscriminator(8, 1, width=4, classes=3, pair=pair)
    plain = {"dcgan": models.DCGANDiscriminator, "subpixel": models.SubpixelDiscriminator}[pair](8, 1, 4)
    features = projection.shared.in_features
    assert sum(p.numel() for p in projection.parameters()) == sum(p.numel() for p in plain.parameters()) + 3 * features
    images, labels = torch.randn(6, 1, 8, 8), torch.arange(6) % 3
    # its rows begin at 0: at first it is the discriminator of the pair
    weights = [*(value for name, value in projection.state_dict().items() if name != "rows.weight")]
    plain.load_state_dict(dict(zip(plain.state_dict(), weights, strict=True)))
    torch.testing.assert_close(projection(images, labels), plain(images))
    nn.init.normal_(projection.rows.weight)
    seen = projection.trunk(images)
    assert seen.shape == (6, features)
    expected = [projection.shared(seen[i])[0] + seen[i] @ projection.rows.weight[labels[i]] for i in range(6)]
    torch.testing.assert_close(projection(images, labels), torch.stack(expected))


def test_the_log_ratio_of_two_softmax_models_is_a_projection():
    """log p(y | x) / q(y | x) is linear in the features, with a row for each y, but for a part without y."""
    random = torch.Generator().manual_seed(0)
    features = torch.randn(50, 4, generator=random, dtype=torch.float64)
    p_rows, q_rows = torch.randn(2, 3, 4, generator=random, dtype=torch.float64)
    ratio = (features @ p_rows.T).log_softmax(1) - (features @ q_rows.T).log_softmax(1)
    rest = ratio - features @ (p_rows - q_rows).T  # what is left must not depend on y
    torch.testing.assert_close(rest, rest[:, :1].expand(-1, 3))


@pytest.mark.parametrize("pair", PAIRS)
def test_concatenation_gives_the_label_as_a_map_of_ones(pair):
    reader = ConcatDiscriminator(8, 2, width=4, classes=3, pair=pair)
    images = torch.randn(2, 2, 8, 8)
    maps = torch.zeros(2, 3, 8, 8)
    maps[0, 2], maps[1, 0] = 1, 1
    expected = reader.net(torch.cat([images, maps], 1))
    assert torch.equal(reader(images, torch.tensor([2, 0])), expected)


@pytest.mark.parametrize("reader", READERS)
def test_image_and_label_meet_in_a_product_and_not_in_a_sum(reader):
    """d(x, y) - d(x, y') - d(x', y) + d(x', y') is 0 for a sum a(x) + b(y), which could teach no class."""
    judge = reader(8, 1, width=8).double()
    for weight in judge.parameters():
        nn.init.normal_(weight, std=0.3)
    x, y = torch.randn(2, 1, 1, 8, 8, dtype=torch.float64), torch.tensor([[1], [2]])
    crossed = judge(x[0], y[0]) - judge(x[0], y[1]) - judge(x[1], y[0]) + judge(x[1], y[1])
    assert crossed.abs().item() > 1e-3


@pytest.mark.parametrize("labels", [torch.zeros(3).long(), torch.zeros(4, 1).long(), torch.zeros(4)])
def test_labels_of_another_shape_or_kind_are_refused_in_one_line(labels):
    with pytest.raises(ValueError, match=r"ConditionalGenerator takes labels \(4,\), whole numbers"):
        ConditionalGenerator(8, 1, 5, 4)(torch.randn(4, 5), labels)
    for reader in READERS:
        with pytest.raises(ValueError, match=r"takes labels \(4,\), whole numbers"):
            reader(8, 1, 4)(torch.randn(4, 1, 8, 8), labels)


def small_game(reader=ProjectionDiscriminator, seed=0):
    torch.manual_seed(seed)
    return train.GAN(ConditionalGenerator(8, 1, 5, 4), reader(8, 1, 4), ema=0.9, device="cpu")


@pytest.mark.parametrize("reader", READERS)
def test_an_accelerated_step_carries_labels(reader):
    digits = data.digits()
    plain, fast = small_game(reader), small_game(reader)
    real, labels, noise = digits.images[:8], digits.labels[:8], torch.randn(8, 5)
    expected = train.train_step(plain, real, noise, labels)
    found = accelerate.accelerate(fast, precision="float32")(fast, real, noise, labels)
    torch.testing.assert_close(found, expected)
    for a, b in zip(fast.generator.parameters(), plain.generator.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
    other = train.train_step(small_game(reader), real, noise, (labels + 1) % 10)
    assert reader is ProjectionDiscriminator or other.discriminator != expected.discriminator


def test_snapshots_are_of_the_classes_that_were_asked_for_and_a_forgotten_label_is_told():
    digits, gan = data.digits(), small_game()
    batches = data.Batches(digits.images, digits.labels, batch_size=8)
    asked = {"snapshots": 2, "snapshot_size": 6, "snapshot_condition": torch.arange(6)}
    history = train.train(gan, batches, 2, progress=False, **asked)
    assert [len(samples) for samples in history.samples] == [6, 6]
    with pytest.raises(ValueError, match=r"ConditionalGenerator takes a condition as well: .*condition=labels"):
        gan.sample(3)
    with pytest.raises(ValueError, match="ConditionalGenerator takes a condition as well"):
        train.train(small_game(), data.Batches(digits.images, batch_size=8), 2, progress=False)


# --- what is measured -------------------------------------------------------------------------------------------------


def test_class_spread_is_a_mean_of_distances_within_classes():
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0], [1.0, 1.0], [1.0, 3.0]])
    labels = torch.tensor([7, 7, 2, 2, 2])
    assert metrics.class_spread(points, labels) == pytest.approx((5 + (0 + 2 + 2) / 3) / 2)
    order = torch.tensor([4, 0, 2, 1, 3])
    assert metrics.class_spread(points[order], labels[order]) == pytest.approx(metrics.class_spread(points, labels))


def test_class_spread_unmasks_one_picture_for_each_class():
    images, labels, _ = data.digits()
    means = torch.stack([images[labels == k].mean(0) for k in range(10)])
    classifier = metrics.train_classifier(images, labels, steps=150)
    assert (classifier(means).argmax(1) == torch.arange(10)).double().mean() >= 0.9  # accuracy praises them
    assert metrics.class_spread(means[labels], labels) == 0 < metrics.class_spread(images, labels)


def test_class_spread_of_normal_classes_is_the_closed_form():
    """Two draws of N(m, s^2 I) in d dimensions are 2 s Gamma((d+1)/2) / Gamma(d/2) apart on average."""
    d, widths = 16, (0.5, 2.0)
    points = torch.cat([width * torch.randn(1000, d) + 10 * width for width in widths])
    labels = torch.arange(2).repeat_interleave(1000)
    ratio = math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))
    assert metrics.class_spread(points, labels) == pytest.approx(2 * ratio * sum(widths) / 2, rel=0.01)


@pytest.mark.parametrize("labels", [torch.zeros(3), torch.tensor([0, 0, 0, 1])])
def test_class_spread_asks_for_two_of_each_class_and_a_label_for_each(labels):
    with pytest.raises(ValueError, match="two samples or more of each class"):
        metrics.class_spread(torch.randn(4, 2), labels)


def test_path_length_of_lines_and_circles_is_their_squared_speed():
    places = torch.rand(500, 1, dtype=torch.float64)
    ends = torch.randn(2, 500, 6, dtype=torch.float64)
    line = metrics.path_length(lambda t: torch.lerp(*ends, t), places)
    squares = (ends[1] - ends[0]).square().sum(1).sort().values[5:-5]
    assert line == pytest.approx(squares.mean().item(), rel=1e-6)
    circle = metrics.path_length(lambda t: torch.cat([(3 * t).cos(), (3 * t).sin()], 1), places, step=1e-4)
    assert circle == pytest.approx(9, rel=1e-4)


def test_path_length_leaves_out_the_two_ends_alone():
    def walk(t):  # every hundredth way is ten thousand times as fast, another does not move
        speed = torch.ones(len(t), 1, dtype=t.dtype)
        speed[::100], speed[1::100] = 1e4, 0
        return speed * t

    assert metrics.path_length(walk, torch.rand(1000, 1, dtype=torch.float64)) == pytest.approx(1)


@pytest.mark.parametrize("d", [16, 100])
def test_half_way_a_straight_line_is_as_short_as_the_closed_form_says(d):
    a, b = torch.randn(2, 20_000, d)
    mean = math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))  # E |N(0, I)| = sqrt(2) of this, N(0, I/2) has this
    assert ((a + b) / 2).norm(dim=1).mean().item() == pytest.approx(mean, rel=0.01)
    assert mean == pytest.approx((d / 2) ** 0.5, rel=0.02)


# --- style ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("demodulate", [True, False])
def test_a_modulated_convolution_is_one_with_weights_of_its_own_for_each_sample(demodulate):
    """Karras et al. 2020, equations 1 and 3, sample by sample."""
    layer = ModulatedConv(3, 5, 3, w_dim=4, demodulate=demodulate).double()
    nn.init.normal_(layer.bias)
    x, w = torch.randn(6, 3, 7, 7, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64)
    for found, picture, code in zip(layer(x, w), x, w, strict=True):
        weight = layer.weight * layer.scale(code)[None, :, None, None]
        if demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        torch.testing.assert_close(found, functional.conv2d(picture[None], weight, layer.bias, padding=1)[0])


def test_demodulation_keeps_the_variance_whatever_the_scales():
    layer = ModulatedConv(32, 64, 3, w_dim=4)
    x = torch.randn(200, 32, 8, 8)
    for scale in (0.1, 1.0, 30.0):
        inside = layer(x, scale * torch.randn(200, 4))[..., 1:-1, 1:-1]  # at the border zeros take part
        assert inside.var().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("size", "layers"), {8: 3, 28: 3, 32: 4}.items())
def test_a_style_generator_draws_every_size_by_way_of_w(size, layers):
    generator = StyleGenerator(size, 3, latent_dim=5, width=4, w_dim=6, depth=2).eval()
    noise = torch.randn(4, 5)
    images, w = generator(noise), generator.mapping(noise)
    assert images.shape == (4, 3, size, size) and images.abs().max() <= 1 and w.shape == (4, 6)
    assert len(generator.layers) == layers
    torch.testing.assert_close(generator.synthesis(w), images)
    torch.testing.assert_close(generator.synthesis(w[:, None].expand(-1, layers, -1)), images)
    torch.testing.assert_close(generator(3 * noise), images)  # only the direction of the noise counts


def test_mixing_takes_the_first_layers_from_one_and_the_others_from_the_other():
    generator = StyleGenerator(8, 1, 5, 4, 6, 2).eval()
    coarse, fine = torch.randn(2, 3, 6)
    ways = generator.mix(coarse, fine, 1)
    assert torch.equal(ways[:, 0], coarse) and torch.equal(ways[:, 1], fine) and torch.equal(ways[:, 2], fine)
    for layers, one in ((3, coarse), (0, fine)):
        torch.testing.assert_close(generator.synthesis(generator.mix(coarse, fine, layers)), generator.synthesis(one))
    each = generator.mix(coarse, fine, torch.tensor([[0], [1], [3]]))
    assert torch.equal(each[0], fine[:1].expand(3, -1)) and torch.equal(each[2], coarse[2:].expand(3, -1))


def test_the_last_layer_reads_the_last_w_and_the_first_the_first():
    generator = StyleGenerator(8, 1, 5, 4, 6, 2).eval()
    w = torch.randn(1, 3, 6).requires_grad_()
    (slope,) = torch.autograd.grad(generator.synthesis(w).sum(), w)
    assert (slope.abs().sum(2) > 0).all()


def test_training_mixes_and_follows_the_average_and_evaluation_does_neither():
    generator = StyleGenerator(8, 1, 5, 4, 6, 2)
    noise = torch.randn(64, 5)
    w = generator.mapping(noise).detach()
    generator(noise)
    torch.testing.assert_close(generator.average, 0.005 * w.mean(0))
    mixed = generator(noise)
    generator.eval()
    before = generator.average.clone()
    alone = generator(noise)
    assert torch.equal(generator.average, before)
    same = torch.isclose(mixed, alone, atol=1e-6).flatten(1).all(1).double().mean()
    assert 0.35 < same < 0.85  # three of five samples keep their own w in all three layers


def test_truncation_goes_from_the_average_to_w():
    generator = StyleGenerator(8, 1, 5, 4, 6, 2)
    generator.average.copy_(torch.randn(6))
    w = torch.randn(3, 6)
    torch.testing.assert_close(generator.truncate(w, 1.0), w)
    torch.testing.assert_close(generator.truncate(w, 0.0), generator.average.expand(3, -1))
    middle = (w + generator.average) / 2
    torch.testing.assert_close(generator.truncate(w, 0.5), middle)


def test_a_style_generator_plays_the_same_step_and_its_average_reaches_the_ema():
    gan = train.GAN(StyleGenerator(8, 1, 5, 4, 6, 2), models.DCGANDiscriminator(8, 1, 4), ema=0.9, device="cpu")
    before = {name: weight.clone() for name, weight in gan.generator.named_parameters()}
    batches = data.Batches(data.digits().images, batch_size=16)
    train.train(gan, batches, 3, progress=False)
    still = [name for name, weight in gan.generator.named_parameters() if torch.equal(weight, before[name])]
    assert not still and torch.equal(gan.ema.average, gan.generator.average) and gan.ema.average.any()


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(recipes.RECIPES, 8, recipes.RECIPES[8]._replace(g_width=4, d_width=4))


def run(out, *more):
    return main(["train", "digits", "--out", str(out), *map(str, more)])


def test_samples_come_with_labels_and_every_class_equally_often(tmp_path, small):
    path = tmp_path / "s.npz"
    assert run(tmp_path / "run", "--conditional", "--steps", 3, "--samples", path) == 0
    with np.load(path) as file:
        samples, labels = file["samples"], file["labels"]
    assert samples.shape == (1000, 1, 8, 8) and labels.shape == (1000,) and labels.dtype == np.int64
    assert (np.bincount(labels) == 100).all()
    generator = models.load_generator(tmp_path / "run" / "generator.pt")
    drawn = generator(torch.zeros(2, generator.latent_dim), torch.tensor([3, 7]))
    assert drawn.shape == (2, 1, 8, 8) and not torch.equal(*drawn)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["recipe"]["conditional"] is True
    assert main(["train", "digits", "--steps", "2", "--samples", str(path)]) == 0
    with np.load(path) as file:
        assert set(file) == {"samples"}


def test_a_run_stays_conditional_with_and_without_the_flag(tmp_path, small):
    for name, steps in (("whole", 8), ("cut", 5), ("told", 5)):
        assert run(tmp_path / name, "--conditional", "--steps", steps) == 0
    assert run(tmp_path / "cut", "--resume", "--steps", 8) == 0
    assert run(tmp_path / "told", "--resume", "--conditional", "--steps", 8) == 0
    whole, cut, told = (models.load_generator(tmp_path / name / "generator.pt") for name in ("whole", "cut", "told"))
    assert type(cut) is type(told) is ConditionalGenerator
    for a, b, c in zip(whole.parameters(), cut.parameters(), told.parameters(), strict=True):
        assert torch.equal(b, c) and a.shape == b.shape


def test_resume_at_the_end_changes_nothing(tmp_path, small):
    assert run(tmp_path, "--conditional", "--steps", 4) == 0
    before = models.load_generator(tmp_path / "generator.pt").state_dict()
    assert run(tmp_path, "--resume") == 0
    after = models.load_generator(tmp_path / "generator.pt").state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def errors(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]


def test_a_run_without_labels_is_not_resumed_with_them(tmp_path, small, capsys):
    assert run(tmp_path, "--steps", 2) == 0
    before = (tmp_path / "run.json").read_bytes()
    assert run(tmp_path, "--resume", "--conditional") == 2
    (told,) = errors(capsys)
    assert "not --conditional" in told and (tmp_path / "run.json").read_bytes() == before
    assert run(tmp_path, "--resume", "--steps", 3) == 0


def test_a_run_of_before_goes_on_without_labels(tmp_path, small):
    assert run(tmp_path, "--steps", 2) == 0
    path = tmp_path / "run.json"
    saved = json.loads(path.read_text())
    del saved["recipe"]["conditional"]  # as it was written before chapter 11
    path.write_text(json.dumps(saved))
    assert run(tmp_path, "--resume", "--steps", 3) == 0


def pictures(folder, *names):
    rng = np.random.default_rng(0)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / name)
    return folder


def test_a_folder_without_classes_gets_one_line_and_nothing_is_left(tmp_path, capsys):
    folder = pictures(tmp_path / "flat", *(f"{i}.png" for i in range(4)))
    assert main(["train", str(folder), "--conditional", "--steps", "1", "--out", str(tmp_path / "run")]) == 2
    (told,) = errors(capsys)
    assert "no labels for --conditional" in told and "subfolders" in told and not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match="needs labels"):
        recipes.pictures(data.load(folder), recipes.FAST._replace(conditional=True), device="cpu")


def test_subfolders_are_classes(tmp_path):
    folder = pictures(tmp_path / "p", *(f"{kind}/{i}.png" for kind in ("cats", "dogs", "owls") for i in range(3)))
    path = tmp_path / "s.npz"
    assert main(["train", str(folder), "--conditional", "--steps", "1", "--samples", str(path)]) == 0
    with np.load(path) as file:
        assert file["samples"].shape == (1000, 3, 32, 32) and sorted(np.bincount(file["labels"])) == [333, 333, 334]


def test_help_tells_of_it(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    told = capsys.readouterr().out
    assert "--conditional" in told and "generator(noise, labels)" in told and "100 of each class" in told


# --- the explorer -----------------------------------------------------------------------------------------------------


class Painter(nn.Module):
    """A picture whose one bright row is its class; noise dims it."""

    latent_dim = 4

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, noise, labels):
        pictures = -torch.ones(len(noise), 1, 8, 8)
        pictures[torch.arange(len(noise)), 0, labels] = (2 - noise.norm(dim=1, keepdim=True) / 4).tanh()
        return pictures * self.weight


def explorer(**settings):
    gan = train.GAN(Painter(), ProjectionDiscriminator(8, 1, 4), device="cpu")
    return SteeringExplorer(gan, "abcdefgh", lambda images: images.squeeze(1).mean(2), **settings)


def test_a_button_draws_its_class_and_the_text_says_what_is_read():
    shown = explorer()
    assert "asked for a; a classifier reads a. Of 24 other draws it takes 24 for a" in shown.text.value
    picture = bytes(shown.picture.value)
    shown.controls["draw"].value = 5
    assert "asked for f; a classifier reads f" in shown.text.value and bytes(shown.picture.value) != picture


@pytest.mark.parametrize(("name", "value"), {"right": -1.0, "up": 1.5, "length": 0.2}.items())
def test_every_slider_changes_the_picture(name, value):
    shown = explorer()
    picture = bytes(shown.picture.value)
    shown.controls[name].value = value
    assert bytes(shown.picture.value) != picture


def test_the_plane_is_spanned_by_two_directions_of_typical_length():
    plane = explorer().plane
    torch.testing.assert_close(plane @ plane.T, 4 * torch.eye(2), atol=1e-5, rtol=0)


def test_the_explorer_refuses_what_it_cannot_show_and_has_a_name_for_readers():
    with pytest.raises(ValueError, match="length is 3"):
        explorer(length=3)
    assert "run this cell" in explorer()._repr_mimebundle_()["text/plain"]


# --- what was measured over seeds -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record():
    return json.loads((ROOT / "figures" / "steering.json").read_text())


def median(runs, what):
    return statistics.median(run[what] for run in runs.values())


def test_projection_is_right_various_and_no_worse_than_without_labels(record):
    runs, plain = record["digits"]["projection"], record["digits"]["unconditional"]
    assert len(runs) == len(plain) == 3 and record["judge"] > 0.95
    assert all(run["accuracy"] >= 0.9 and run["spread"] >= 0.7 for run in runs.values())
    assert all(median(runs, what) >= median(plain, what) - 0.05 for what in ("precision", "recall"))
    (cheat,) = record["digits"]["one mean digit a class"].values()
    assert cheat["accuracy"] > 0.99 and cheat["spread"] == 0


def test_w_is_straighter_in_every_run_and_its_ways_cross_the_hole(record):
    for name in ("ring", "corner"):
        assert len(record["plane"][name]) == 3
        for run in record["plane"][name].values():
            (z, _), (w, _), (straight, _) = run["z"], run["4"], run["6"]
            assert straight < w <= 0.7 * z
    for run in record["plane"]["ring"].values():
        assert run["z"][1] < 0.05 < 0.15 < run["4"][1] < run["6"][1]


def test_on_digits_w_is_straighter_too_and_finds_digits_better_than_strangers(record):
    assert len(record["style"]["style"]) == 3
    for run in record["style"]["style"].values():
        assert run["path w"] <= 0.7 * run["path z"]
        for space in ("z", "w"):
            assert run[f"digits, {space}"] < 0.7 * min(run[f"shuffled, {space}"], run[f"noise, {space}"])
        assert run["digits, w"] < run["digits, z"]


def test_the_benchmark_writes_what_is_missing_and_nothing_twice(tmp_path):
    script, out = ROOT / "tests" / "benchmarks" / "steering.py", tmp_path / "steering.json"
    out.write_text(json.dumps({"plane": {"corner": {"0": "kept"}}}))
    command = [sys.executable, script, "--parts", "plane", "--seeds", "0", "--steps", "2", "--out", out]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True, timeout=300)
    written = json.loads(out.read_text())["plane"]
    assert written["corner"]["0"] == "kept" and set(written["ring"]["0"]) == {"z", *"0123456"}
