"""The metrics against closed forms, brute force and other implementations."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torchmetrics.image.kid import poly_mmd

from gan_edu import data, metrics


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def exact_gaussian(n, mean, covariance, seed=0):
    """`n` samples whose mean and covariance are exactly the given ones, through whitening."""
    x = randn(n, len(mean), seed=seed)
    x = x - x.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(x.T @ x / (n - 1)), x.T, upper=False)
    return (torch.linalg.cholesky(covariance) @ white).T + mean


# Mode coverage


@pytest.mark.parametrize(("mixture", "modes"), [(data.ring(), 8), (data.grid(), 25)])
def test_coverage_is_full_on_the_centres_and_on_the_mixture_itself(mixture, modes):
    assert metrics.mode_coverage(mixture.centers, mixture.centers, mixture.std) == (modes, 1.0)
    samples = mixture.sample(2000, torch.Generator().manual_seed(0))
    found = metrics.mode_coverage(samples, mixture.centers, mixture.std)
    assert found.modes == modes
    # Within 3 std in the plane: the Rayleigh distribution says 1 - exp(-9/2) = 98.9 %.
    assert found.good == pytest.approx(1 - math.exp(-4.5), abs=0.01)


def test_coverage_counts_the_modes_that_are_there_and_three_std_is_the_border():
    ring = data.ring(std=0.05)
    samples = torch.cat([ring.centers[:3], ring.centers[:3] * (1 + 2.9 * 0.05), ring.centers[3:6] * (1 + 3.1 * 0.05)])
    assert metrics.mode_coverage(samples, ring.centers, ring.std) == (3, pytest.approx(6 / 9))
    for share in (0, 0.1):
        assert metrics.mode_coverage(torch.zeros(50, 2), ring.centers, ring.std, share=share) == (0, 0.0)


def test_a_few_stray_samples_do_not_count_as_a_mode_unless_asked():
    ring = data.ring()
    collapsed = torch.cat([ring.centers[:1].repeat(993, 1), ring.centers[1:]])
    assert metrics.mode_coverage(collapsed, ring.centers, ring.std).modes == 1
    assert metrics.mode_coverage(collapsed, ring.centers, ring.std, share=0).modes == 8
    # The border: a tenth of the fair part, 1000 / 8 / 10 = 12.5 samples.
    for count, modes in ((12, 1), (13, 2)):
        samples = torch.cat([ring.centers[:1].repeat(1000 - count, 1), ring.centers[1:2].repeat(count, 1)])
        assert metrics.mode_coverage(samples, ring.centers, ring.std).modes == modes


# Fréchet distance


def test_frechet_distance_of_two_gaussians_is_the_closed_form():
    # Commuting covariances: |m_a - m_b|^2 + sum (sqrt(variance_a) - sqrt(variance_b))^2.
    variance_a, variance_b = torch.tensor([1.0, 4.0, 9.0]).double(), torch.tensor([4.0, 4.0, 1.0]).double()
    mean_b = torch.tensor([1.0, -2.0, 0.5]).double()
    a = exact_gaussian(100, torch.zeros(3).double(), variance_a.diag())
    b = exact_gaussian(80, mean_b, variance_b.diag(), seed=1)
    assert metrics.frechet_distance(a, b) == pytest.approx(5.25 + 1 + 0 + 4, rel=1e-9)


def test_frechet_distance_agrees_with_scipys_matrix_root():
    a, b = randn(200, 10) @ randn(10, 10, seed=2), randn(150, 10, seed=1) @ randn(10, 10, seed=3) + 1
    cov_a, cov_b = np.cov(a.numpy().T), np.cov(b.numpy().T)
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    expected = (a.mean(0) - b.mean(0)).square().sum().item() + np.trace(cov_a + cov_b - 2 * root)
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)
    assert metrics.frechet_distance(b, a) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("n", [5, 500])
def test_frechet_distance_to_itself_is_zero_also_where_the_covariance_is_singular(n):
    images = randn(n, 1, 8, 8)  # 5 images span at most 4 of the 64 directions
    assert metrics.frechet_distance(images, images) == pytest.approx(0, abs=1e-9)
    assert metrics.frechet_distance(images, images + 0.5) == pytest.approx(64 * 0.25, rel=1e-9)


def test_frechet_distance_in_one_dimension_needs_no_special_case():
    a = exact_gaussian(50, torch.zeros(1).double(), torch.eye(1).double())
    assert metrics.frechet_distance(a, 3 * a + 1) == pytest.approx(1 + 4, rel=1e-9)


# Kernel distance


def test_kernel_distance_equals_the_plain_double_loop():
    a, b = randn(7, 3), randn(5, 3, seed=1) + 0.3

    def kernel(x, y):
        return (float(x @ y) / 3 + 1) ** 3

    within_a = sum(kernel(a[i], a[j]) for i in range(7) for j in range(7) if i != j) / (7 * 6)
    within_b = sum(kernel(b[i], b[j]) for i in range(5) for j in range(5) if i != j) / (5 * 4)
    between = sum(kernel(x, y) for x in a for y in b) / (7 * 5)
    assert metrics.kernel_distance(a, b) == pytest.approx(within_a + within_b - 2 * between, rel=1e-10)


def test_kernel_distance_agrees_with_torchmetrics_across_chunks():
    a, b = randn(600, 4), randn(600, 4, seed=1) * 1.5
    assert metrics.kernel_distance(a, b) == pytest.approx(poly_mmd(a, b).item(), rel=1e-9)


def test_kernel_distance_is_unbiased_and_so_negative_about_half_the_time():
    values = torch.tensor(
        [metrics.kernel_distance(randn(30, 4, seed=s), randn(30, 4, seed=s + 1000)) for s in range(300)]
    )
    standard_error = values.std() / math.sqrt(300)
    assert values.mean().abs() < 3 * standard_error
    assert 0.3 < (values < 0).double().mean() < 0.8
    # The biased estimator, diagonal included, is off by far more than that: it could not pass here.
    assert metrics.kernel_distance(randn(300, 4), randn(300, 4, seed=1) + 1) > 100 * standard_error


# Precision and recall, nearest neighbours


def manifold_share(points, reference, k):
    """Kynkäänniemi et al. 2019, equation 1, word for word."""
    hits = 0
    for point in points:
        for i, center in enumerate(reference):
            radius = sorted(math.dist(center, other) for j, other in enumerate(reference) if j != i)[k - 1]
            if math.dist(point, center) <= radius:
                hits += 1
                break
    return hits / len(points)


@pytest.mark.parametrize("k", [1, 3])
def test_precision_and_recall_agree_with_brute_force(k):
    real, fake = randn(40, 2), 0.7 * randn(30, 2, seed=1) + 0.5
    found = metrics.precision_recall(real, fake, k=k)
    assert found.precision == pytest.approx(manifold_share(fake.tolist(), real.tolist(), k))
    assert found.recall == pytest.approx(manifold_share(real.tolist(), fake.tolist(), k))
    assert 0 < found.precision < 1 and 0 < found.recall < 1


def test_precision_and_recall_are_zero_for_disjoint_sets_and_one_for_the_same():
    real = randn(600, 1, 4, 4)
    assert metrics.precision_recall(real, real + 100) == (0, 0)
    assert metrics.precision_recall(real, real) == (1, 1)


def test_a_dropped_mode_costs_recall_and_spilled_samples_cost_precision():
    left, right = randn(200, 2), randn(200, 2, seed=1) + 50
    both = torch.cat([left, right])
    assert metrics.precision_recall(both, left) == (1, 0.5)
    assert metrics.precision_recall(left, both) == (0.5, 1)


def test_copies_of_points_with_equal_twins_count_as_inside():
    # k twins make a ball of radius 0; rounding must not push an exact copy out of it, wherever the data lies.
    real = (randn(50, 20) + 100).float().repeat_interleave(5, dim=0)
    assert metrics.precision_recall(real, real[::7]).precision == 1
    assert metrics.nearest(real[::7], real).distances.max() == 0


def density_and_coverage(real, fake, k):
    """Naeem et al. 2020, equations 3 and 4, word for word; the border counts as inside."""
    memberships, covered = 0, 0
    for i, center in enumerate(real):
        radius = sorted(math.dist(center, other) for j, other in enumerate(real) if j != i)[k - 1]
        inside = sum(math.dist(point, center) <= radius for point in fake)
        memberships, covered = memberships + inside, covered + (inside > 0)
    return memberships / (k * len(fake)), covered / len(real)


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize(("reals", "fakes"), [(40, 30), (30, 300)])  # 300: more than one chunk
def test_density_and_coverage_agree_with_brute_force(k, reals, fakes):
    real, fake = randn(reals, 2), 0.7 * randn(fakes, 2, seed=1) + 0.5
    found = metrics.density_coverage(real, fake, k=k)
    assert found == pytest.approx(density_and_coverage(real.tolist(), fake.tolist(), k))
    assert 0 < found.density and 0 < found.coverage <= 1


def test_density_counts_each_ball_and_coverage_each_real():
    # On a line at 0, 1, 10: balls of k = 1 reach 1, 1 and 9 far. The fake at 0.5 lies in two, those at 11 in one.
    real, fake = torch.tensor([[0.0], [1.0], [10.0]]), torch.tensor([[0.5], [11.0], [11.0], [30.0]])
    assert metrics.density_coverage(real, fake, k=1) == (pytest.approx((2 + 1 + 1 + 0) / 4), 1.0)
    assert metrics.density_coverage(real, fake[1:], k=1) == (pytest.approx(2 / 3), pytest.approx(1 / 3))


def test_density_and_coverage_of_the_same_set_of_copies_and_of_garbage():
    real = randn(600, 1, 4, 4)
    assert metrics.density_coverage(real, real + 100) == (0, 0)
    assert metrics.density_coverage(real, real, k=5) == (pytest.approx(6 / 5), 1)  # its own ball, and five more
    twins = real[:40].repeat_interleave(6, dim=0)  # balls of radius 0: only the border is inside
    assert metrics.density_coverage(twins, twins[::6]) == (pytest.approx(6 / 5), 1)


def test_authenticity_agrees_with_brute_force():
    seen, samples = randn(300, 1, 2, 2), randn(280, 1, 2, 2, seed=1)
    rows, hits = seen.flatten(1).tolist(), 0
    for sample in samples.flatten(1).tolist():
        distance, i = min((math.dist(sample, row), i) for i, row in enumerate(rows))
        hits += distance > min(math.dist(rows[i], other) for j, other in enumerate(rows) if j != i)
    assert metrics.authenticity(seen, samples) == pytest.approx(hits / 280)
    assert 0.4 < hits / 280 < 0.7


def test_copies_are_not_authentic_and_garbage_is():
    seen = randn(100, 3)
    assert metrics.authenticity(seen, seen[::2]) == 0
    assert metrics.authenticity(seen, seen + 1e-9) == 0
    assert metrics.authenticity(seen, seen + 1000) == 1


def test_nearest_finds_copies_and_agrees_with_brute_force_across_chunks():
    reference = randn(600, 1, 3, 3)
    samples = torch.cat([reference[[5, 599, 0]], randn(300, 1, 3, 3, seed=1)])
    distances, indices = metrics.nearest(samples, reference)
    assert indices[:3].tolist() == [5, 599, 0] and distances[:3].tolist() == [0, 0, 0]
    expected = (samples.flatten(1)[:, None] - reference.flatten(1)).norm(dim=2).min(dim=1)
    torch.testing.assert_close(distances, expected.values)
    assert torch.equal(indices, expected.indices)


# A classifier's features


@pytest.fixture(scope="module")
def digits():
    """The digits, a classifier trained on the first 1,300 of them, and the random state around its training."""
    images, labels, _ = data.digits()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    classifier = metrics.train_classifier(images[:1300], labels[:1300], steps=300)
    return images, labels, classifier, before, torch.get_rng_state()


def test_classifier_reads_digits_that_it_has_not_seen(digits):
    images, labels, classifier, *_ = digits
    accuracy = (classifier(images[1300:]).argmax(1) == labels[1300:]).double().mean().item()
    assert accuracy > 0.9
    assert not classifier.training and not any(weight.requires_grad for weight in classifier.parameters())


def test_training_a_classifier_follows_its_seed_and_leaves_the_callers_random_numbers_alone(digits):
    images, labels, _, before, after = digits
    assert torch.equal(before, after)
    torch.manual_seed(6)
    one, same, other = (metrics.train_classifier(images, labels, seed=seed, steps=3) for seed in (0, 0, 1))
    for weight, twin, stranger in zip(one.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(weight, twin) and not torch.equal(weight, stranger)


def test_features_are_what_the_logits_are_made_of_whatever_the_batches(digits):
    images, _, classifier, *_ = digits
    images = images[:70].clone().requires_grad_()
    found = metrics.features(classifier, images, batch_size=32)
    assert found.shape == (70, 64) and not found.requires_grad
    torch.testing.assert_close(classifier.head(found), classifier(images))


def test_features_tell_digits_from_noise_and_halves_of_the_digits_hardly_from_each_other(digits):
    images, _, classifier, *_ = digits
    real = metrics.features(classifier, images)
    noise = metrics.features(classifier, 2 * randn(800, 1, 8, 8).float().sigmoid() - 1)
    assert metrics.frechet_distance(real[:800], noise) > 20 * metrics.real_against_real(real, n=800)


@pytest.mark.parametrize(("channels", "size"), [(1, 8), (1, 9), (3, 8), (1, 28), (3, 32), (3, 35)])
def test_classifier_takes_any_size_from_eight_pixels_on(channels, size):
    images, labels = randn(20, channels, size, size).float(), torch.arange(20) % 4
    classifier = metrics.train_classifier(images, labels, steps=2, batch_size=8)
    assert classifier(images).shape == (20, 4)
    assert metrics.features(classifier, images).shape == (20, 64)


@pytest.mark.parametrize(
    ("images", "labels"),
    [((9, 1, 8, 9), (9,)), ((9, 8, 8), (9,)), ((9, 1, 8, 8), (9, 1)), ((9, 1, 8, 8), (8,)), ((9, 1, 8, 8), None)],
)
def test_classifier_names_images_or_labels_of_the_wrong_shape(images, labels):
    with pytest.raises(ValueError, match=r"\(N, C, H, H\) with labels \(N,\), got"):
        metrics.train_classifier(torch.zeros(images), None if labels is None else torch.zeros(labels).long())


def test_real_against_real_is_the_mean_over_disjoint_halves():
    rows = torch.tensor([[0.0], [1.0], [10.0], [14.0]]).double()
    # Four rows have three pairs of halves: (0 1 | 10 14), (0 10 | 1 14), (0 14 | 1 10); by the closed form in one
    # dimension, (difference of means)^2 + (difference of standard deviations)^2, they are this far apart:
    spread = math.sqrt(0.5)  # the standard deviation of x and x + d is d * sqrt(1/2)
    exact = [11.5**2 + (3 * spread) ** 2, 2.5**2 + (3 * spread) ** 2, 1.5**2 + (5 * spread) ** 2]
    singles = [metrics.real_against_real(rows, n=2, pairs=1, seed=seed) for seed in range(30)]
    for value in singles:
        assert min(abs(value - e) for e in exact) < 1e-9
    assert len({round(value, 6) for value in singles}) == 3
    assert metrics.real_against_real(rows, n=2, pairs=2000) == pytest.approx(sum(exact) / 3, rel=0.1)


def test_real_against_real_refuses_what_it_cannot_split():
    for n, pairs in ((1, 10), (6, 10), (5, 0)):
        with pytest.raises(ValueError, match=f"n={n}, 10 rows and pairs={pairs}"):
            metrics.real_against_real(randn(10, 2), n=n, pairs=pairs)
    assert metrics.real_against_real(randn(10, 2), n=5) > 0


# Errors and precision, for all of them

PAIRS = [
    metrics.frechet_distance,
    metrics.kernel_distance,
    metrics.precision_recall,
    metrics.nearest,
    metrics.density_coverage,
    metrics.authenticity,
]


@pytest.mark.parametrize("metric", PAIRS)
def test_shapes_that_do_not_match_are_named(metric):
    with pytest.raises(ValueError, match=r"\(10, 1, 8, 8\) and \(10, 1, 4, 4\)"):
        metric(torch.zeros(10, 1, 8, 8), torch.zeros(10, 1, 4, 4))
    with pytest.raises(ValueError, match=r"\(10,\)"):
        metric(torch.zeros(10), torch.zeros(10))


@pytest.mark.parametrize("metric", PAIRS)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused(metric, value):
    bad = randn(10, 2)
    bad[3, 1] = value
    for pair in ((bad, randn(10, 2)), (randn(10, 2), bad)):
        with pytest.raises(ValueError, match="finite"):
            metric(*pair)


@pytest.mark.parametrize(("metric", "n"), list(zip(PAIRS, [1, 1, 3, 0, 5, 1], strict=True)))
def test_too_few_samples_are_refused_and_one_more_is_enough(metric, n):
    with pytest.raises(ValueError, match=f"more than {n} samples"):
        metric(randn(n, 2), randn(10, 2))
    metric(randn(n + 1, 2), randn(10, 2))


def test_settings_out_of_range_are_refused():
    x = randn(10, 2)
    for call in (
        lambda: metrics.precision_recall(x, x, k=0),
        lambda: metrics.density_coverage(x, x, k=0),
        lambda: metrics.mode_coverage(x, x, std=0),
        lambda: metrics.mode_coverage(x, x, std=1, share=2),
        lambda: metrics.mode_coverage(x, torch.zeros(4, 3), std=1),
        lambda: metrics.mode_coverage(torch.zeros(10, 3), torch.zeros(4, 3), std=1),
    ):
        with pytest.raises(ValueError, match="got"):
            call()


def test_float32_input_is_computed_in_float64_and_gradients_are_left_out():
    a = (randn(100, 2) + 1000).float().requires_grad_()
    b = (randn(100, 2, seed=1) + 1000).float()
    for metric in (metrics.frechet_distance, metrics.kernel_distance):
        assert metric(a, b) == metric(a.detach().double(), b.double())
    assert not metrics.nearest(a, b).distances.requires_grad
