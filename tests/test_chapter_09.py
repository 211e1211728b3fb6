"""What chapter 09 proves: the zero of every score, the frauds that beat real data, and the explorer that shows them."""

import json
import math
import subprocess
import sys

import pytest
import torch
from conftest import ROOT
from torchmetrics.image.fid import _compute_fid

from gan_edu import data, exercises, metrics
from gan_edu.playground import ScoresExplorer


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_moments(x, mean, covariance):
    """The rows of `x`, moved and stretched to exactly this mean and covariance."""
    x = x - x.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(torch.cov(x.T)), x.T, upper=False)
    return (torch.linalg.cholesky(covariance) @ white).T + mean


def law(variances) -> float:
    """The Fréchet distance of two n-samples of one normal distribution with these variances, times n."""
    v = torch.as_tensor(variances, dtype=torch.float64)
    harmonic = 2 * v[:, None] * v / (v[:, None] + v)
    return (2 * v.sum() + (harmonic.sum() + v.sum()) / 2).item()


# --- zeros ------------------------------------------------------------------------------------------------------------


def test_frechet_distance_is_the_closed_form_and_that_of_torchmetrics_to_a_millionth():
    for seed, d in enumerate((3, 20)):
        a, b = randn(d, d, seed=seed), randn(d, d, seed=seed + 10)
        cov_a, cov_b = a @ a.T + torch.eye(d), b @ b.T + torch.eye(d)
        x = with_moments(randn(200, d, seed=seed + 20), torch.zeros(d).double(), cov_a)
        y = with_moments(randn(150, d, seed=seed + 30), torch.ones(d).double(), cov_b)
        # The trace of the root of a product is the sum of the roots of its eigenvalues, which are positive.
        root = torch.linalg.eigvals(cov_a @ cov_b).real.sqrt().sum()
        exact = (d + cov_a.trace() + cov_b.trace() - 2 * root).item()
        assert metrics.frechet_distance(x, y) == pytest.approx(exact, rel=1e-6)
        theirs = _compute_fid(x.mean(0), torch.cov(x.T), y.mean(0), torch.cov(y.T)).item()
        assert metrics.frechet_distance(x, y) == pytest.approx(theirs, rel=1e-6)


SPECTRA = [  # variances, n, runs
    ([1.0] * 16, 200, 200),
    ([1.0] * 64, 200, 30),
    ([4.0, 1.0, 0.25, 0.01], 400, 1000),
    ([0.9**i for i in range(40)], 300, 60),
]


@pytest.mark.parametrize(("variances", "n", "runs"), SPECTRA)
def test_the_law_of_bias_is_within_five_percent_of_what_is_measured(variances, n, runs):
    widths, torch_random = torch.tensor(variances).double().sqrt(), torch.Generator().manual_seed(0)
    sets = torch.randn(2 * runs, n, len(widths), generator=torch_random, dtype=torch.float64) * widths
    found = torch.tensor([metrics.frechet_distance(*pair) for pair in sets.split(2)]).mean().item()
    assert found == pytest.approx(law(variances) / n, rel=0.05)


@pytest.mark.parametrize("d", [1, 4, 64])
def test_the_law_for_equal_widths_counts_what_wobbles(d):
    assert law([1.0] * d) == pytest.approx(2 * d + d * (d + 1) / 2)


def test_the_kernel_distance_is_unbiased_at_every_n():
    for n, runs in ((5, 4000), (20, 1000)):
        sets = randn(2 * runs, n, 4, seed=n)
        values = torch.tensor([metrics.kernel_distance(*pair) for pair in sets.split(2)])
        assert values.mean().abs() < 3 * values.std() / math.sqrt(runs)


@pytest.mark.parametrize("d", [2, 64])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_perfect_density_and_coverage_are_one_and_one_minus_two_to_minus_k_in_any_dimension(d, k):
    pairs = [(randn(400, d, seed=s), randn(400, d, seed=s + 50)) for s in range(6)]
    density, coverage = torch.tensor([metrics.density_coverage(*pair, k=k) for pair in pairs]).mean(0)
    assert density == pytest.approx(1, abs=0.07)
    assert coverage == pytest.approx(1 - 2.0**-k, abs=0.03)


def test_perfect_precision_falls_with_the_dimension():
    found = [metrics.precision_recall(randn(1000, d), randn(1000, d, seed=1)).precision for d in (2, 16, 64, 256)]
    assert found == pytest.approx([0.98, 0.79, 0.62, 0.52], abs=0.04)


# --- frauds -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def halves():
    """The training set and other real digits of the chapter."""
    digits = data.digits().images
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    return digits[order[:898]], digits[order[898:1796]]


def test_each_fraud_does_what_it_advertises(halves):
    seen, fresh = halves
    frauds = exercises.frauds(seen, fresh)
    assert metrics.frechet_distance(seen, frauds["A"]) < 1e-6 < 0.2 < metrics.frechet_distance(seen, fresh)
    spoilt = torch.cat([-seen[:1], seen[1:]])
    assert metrics.precision_recall(seen, frauds["B"]).precision == 0
    assert metrics.precision_recall(spoilt, frauds["B"]).precision == 1
    assert metrics.density_coverage(spoilt, frauds["B"], k=3).density == pytest.approx(1 / 3)
    real, pale = (metrics.density_coverage(seen, made, k=3) for made in (fresh, frauds["C"]))
    assert pale.density > 1.4 * real.density and pale.coverage > real.coverage
    assert metrics.precision_recall(seen, frauds["C"]).recall < 0.6


@pytest.mark.parametrize("seed", range(3))
def test_copies_beat_real_data_in_five_scores_and_authenticity_tells(halves, seed):
    seen, fresh = halves
    copies = seen[torch.randint(898, (898,), generator=torch.Generator().manual_seed(seed))]
    assert metrics.frechet_distance(seen, copies) < metrics.frechet_distance(seen, fresh)
    for metric in (metrics.precision_recall, metrics.density_coverage):
        assert all(copy > real for copy, real in zip(metric(seen, copies), metric(seen, fresh), strict=True))
    assert metrics.authenticity(seen, copies) == 0 and 0.45 < metrics.authenticity(seen, fresh) < 0.6


# --- the explorer -----------------------------------------------------------------------------------------------------


def test_every_slider_changes_picture_and_text_and_reset_is_the_level():
    explorer = ScoresExplorer()
    assert explorer.text.value.endswith("Better than real digits: none")
    for name, value in {"outlier": 1.0, "contrast": 0.5, "copies": 0.5, "noise": 0.5}.items():
        picture, text, before = bytes(explorer.picture.value), explorer.text.value, explorer.values[name]
        explorer.controls[name].value = value
        assert bytes(explorer.picture.value) != picture
        assert (explorer.text.value != text) or name == "outlier"  # which does nothing while there is no garbage
        explorer.controls[name].value = before
    assert explorer.text.value.endswith("Better than real digits: none")


@pytest.mark.parametrize(
    ("settings", "better"),
    [
        ({"noise": 1.0}, "authenticity"),
        ({"noise": 1.0, "outlier": 1.0}, "precision, authenticity"),
        ({"contrast": -1.0}, "authenticity"),
        ({"contrast": 0.8}, "precision, density, coverage"),
        ({"copies": 1.0}, "Fréchet, precision, recall, density, coverage"),
    ],
)
def test_the_explorer_says_which_scores_are_cheated(settings, better):
    assert ScoresExplorer(**settings).text.value.endswith(f"Better than real digits: {better}")


def test_the_explorer_refuses_what_its_sliders_cannot_show():
    with pytest.raises(ValueError, match="copies is 2"):
        ScoresExplorer(copies=2)


# --- Stacked MNIST ----------------------------------------------------------------------------------------------------


def test_the_benchmark_runs_and_its_record_has_what_the_chapter_shows(tmp_path):
    script = ROOT / "tests" / "benchmarks" / "stacked_mnist.py"
    command = [sys.executable, script, "--small", "--out", tmp_path / "stacked"]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True, timeout=300)
    record = json.loads((tmp_path / "stacked.json").read_text())
    assert (tmp_path / "stacked.png").stat().st_size > 1000
    assert set(record["methods"]) == {"non-saturating", "WGAN-GP", "R3"}
    assert [look["step"] for look in record["methods"]["R3"]] == [2, 4]
    assert set(record["floor"]) == {"a perfect uniform sampler", "real train triples", "real test triples"}


def test_the_committed_record_is_beside_its_floor():
    record = json.loads((ROOT / "figures" / "stacked_mnist.json").read_text())
    uniform, real = record["floor"]["a perfect uniform sampler"], record["floor"]["real test triples"]
    assert uniform["modes"] == real["modes"] == 1000 and record["classifier_accuracy"] > 0.97
    assert uniform["kl"] == pytest.approx(999 / 52_000, abs=0.003)  # three standard deviations
    assert uniform["kl"] < real["kl"] < 0.03
    for looks in record["methods"].values():
        assert all(
            0 <= look["modes_with_a_tenth"] <= look["modes"] <= 1000 and look["kl"] > real["kl"] for look in looks
        )
