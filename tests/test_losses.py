"""The losses and penalties against PyTorch's own, closed forms worked out by hand, and finite differences."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits

from gan_edu import losses
from gan_edu.losses import LOSSES, PENALTIES, GANLoss, Term, gradient_penalty, penalty, r1_penalty, r2_penalty

NAMES = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic")
each_loss = pytest.mark.parametrize("name", NAMES)
log1p, exp = math.log1p, math.exp


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_there_are_these_six_losses_and_each_knows_its_name():
    assert tuple(LOSSES) == NAMES
    assert [loss.name for loss in LOSSES.values()] == list(NAMES)
    assert [name for name in NAMES if LOSSES[name].compares] == ["relativistic"]


# Parity with PyTorch


def cross_entropy(logits, label):
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


@pytest.mark.parametrize("shape", [(7,), (7, 1), (7, 3)])
def test_discriminator_loss_is_cross_entropy_on_reals_plus_cross_entropy_on_fakes(shape):
    real, fake = randn(*shape), randn(*shape, seed=1)
    expected = cross_entropy(real, 1.0) + cross_entropy(fake, 0.0)
    for function in (
        losses.discriminator_loss,
        LOSSES["minimax"].discriminator,
        LOSSES["non_saturating"].discriminator,
    ):
        torch.testing.assert_close(function(real, fake), expected)


def test_generator_losses_are_cross_entropies_with_the_label_real_and_with_minus_the_label_fake():
    fake = randn(9)
    for function in (losses.generator_loss, LOSSES["non_saturating"].generator):
        torch.testing.assert_close(function(fake), cross_entropy(fake, 1.0))
    torch.testing.assert_close(LOSSES["minimax"].generator(fake), -cross_entropy(fake, 0.0))


def test_the_articles_names_are_the_non_saturating_pair():
    assert losses.discriminator_loss == LOSSES["non_saturating"].discriminator
    assert losses.generator_loss == LOSSES["non_saturating"].generator


# Closed forms, by hand, at real logits (2, -1) and fake logits (0, 3)

CLOSED_FORMS = {
    "minimax": (
        (log1p(exp(-2)) + log1p(exp(1)) + log1p(1) + log1p(exp(3))) / 2,
        -(log1p(1) + log1p(exp(3))) / 2,
    ),
    "non_saturating": (
        (log1p(exp(-2)) + log1p(exp(1)) + log1p(1) + log1p(exp(3))) / 2,
        (log1p(1) + log1p(exp(-3))) / 2,
    ),
    "least_squares": ((1 + 4 + 0 + 9) / 4, (1 + 4) / 4),
    "hinge": ((0 + 2 + 1 + 4) / 2, -1.5),
    "wasserstein": (1.5 - 0.5, -1.5),
    "relativistic": ((log1p(exp(-2)) + log1p(exp(4))) / 2, (log1p(exp(2)) + log1p(exp(-4))) / 2),
}


@each_loss
@pytest.mark.parametrize("shape", [(2,), (2, 1), (1, 2)])
def test_closed_forms(name, shape):
    real = torch.tensor([2.0, -1.0], dtype=torch.float64).reshape(shape)
    fake = torch.tensor([0.0, 3.0], dtype=torch.float64).reshape(shape)
    d_loss, g_loss = LOSSES[name].discriminator(real, fake), LOSSES[name].generator(fake, real)
    assert (d_loss.item(), g_loss.item()) == pytest.approx(CLOSED_FORMS[name], rel=1e-12)


# Slopes at a real logit of 1/2 and a fake logit of -2: D's in the real and in the fake logit, G's in the fake logit.


def sigmoid(a):
    return 1 / (1 + exp(-a))


SLOPES = {
    "minimax": (-sigmoid(-0.5), sigmoid(-2), -sigmoid(-2)),
    "non_saturating": (-sigmoid(-0.5), sigmoid(-2), -sigmoid(2)),
    "least_squares": (-0.5, -2.0, -3.0),
    "hinge": (-1.0, 0.0, -1.0),
    "wasserstein": (-1.0, 1.0, -1.0),
    "relativistic": (-sigmoid(-2.5), sigmoid(-2.5), -sigmoid(2.5)),
}


@each_loss
def test_slopes_by_hand(name):
    real = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([-2.0], dtype=torch.float64, requires_grad=True)
    d_slopes = torch.autograd.grad(LOSSES[name].discriminator(real, fake), (real, fake))
    (g_slope,) = torch.autograd.grad(LOSSES[name].generator(fake, real), fake)
    assert [slope.item() for slope in (*d_slopes, g_slope)] == pytest.approx(SLOPES[name], rel=1e-12)


@each_loss
def test_gradients_against_finite_differences(name):
    real, fake = randn(5).requires_grad_(), randn(5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(LOSSES[name].discriminator, (real, fake))
    assert torch.autograd.gradcheck(lambda f, r: LOSSES[name].generator(f, r), (fake, real))


@each_loss
def test_both_players_win_where_they_should(name):
    """D's loss falls as it tells reals from fakes; G's loss falls as its fakes look more real."""
    low, high = torch.full((4,), -0.5), torch.full((4,), 0.5)
    loss = LOSSES[name]
    assert loss.discriminator(high, low) < loss.discriminator(low, high)
    assert loss.generator(high, low) < loss.generator(low, low)


def test_minimax_is_zero_sum_and_non_saturating_is_not():
    """What G's loss gains by moving the fakes, D's loses; so the two sum to what the reals cost alone."""
    real, fakes = randn(6), [randn(6, seed=seed) for seed in (1, 2)]

    def sums(name):
        return [LOSSES[name].discriminator(real, fake) + LOSSES[name].generator(fake) for fake in fakes]

    torch.testing.assert_close(sums("minimax"), [cross_entropy(real, 1.0)] * 2)
    first, second = sums("non_saturating")
    assert abs(first - second) > 1e-2


def test_relativistic_ignores_a_constant_and_pairs_by_position():
    real, fake = randn(6), randn(6, seed=1)
    loss = LOSSES["relativistic"]
    torch.testing.assert_close(loss.discriminator(real + 5, fake + 5), loss.discriminator(real, fake))
    torch.testing.assert_close(loss.generator(fake + 5, real + 5), loss.generator(fake, real))
    order = torch.tensor([1, 2, 3, 4, 5, 0])
    assert not torch.allclose(loss.discriminator(real, fake), loss.discriminator(real, fake[order]))
    torch.testing.assert_close(loss.discriminator(real, fake), loss.discriminator(real[order], fake[order]))


# Shapes and sizes


@st.composite
def logits(draw):
    """Real and fake logits of one shape, (N,) or (N, K), with entries up to 1e4."""
    n = draw(st.integers(1, 6))
    shape = draw(st.sampled_from([(n,), (n, 1), (n, 3)]))
    numbers = st.floats(-1e4, 1e4, width=32)
    size = math.prod(shape)
    real, fake = (draw(st.lists(numbers, min_size=size, max_size=size)) for _ in range(2))
    return tuple(torch.tensor(values, dtype=torch.float32).reshape(shape) for values in (real, fake))


@each_loss
@settings(max_examples=60, deadline=None)
@given(logits())
def test_values_and_gradients_are_finite_and_the_shape_does_not_matter(name, pair):
    real, fake = (tensor.clone().requires_grad_() for tensor in pair)
    loss = LOSSES[name]
    values = loss.discriminator(real, fake), loss.generator(fake, real)
    for value in values:
        assert value.shape == () and value.isfinite()
        gradients = torch.autograd.grad(value, (real, fake), allow_unused=True)
        assert all(gradient is None or gradient.isfinite().all() for gradient in gradients)
    flat = loss.discriminator(real.flatten(), fake.flatten()), loss.generator(fake.flatten(), real.flatten())
    torch.testing.assert_close(torch.stack(values), torch.stack(flat))


def test_what_is_large_is_still_right():
    """Where a probability would be rounded to 0 or 1, the loss is the logit and its slope is 1."""
    real, fake = torch.tensor([-1e4], requires_grad=True), torch.tensor([1e4], requires_grad=True)
    d_loss = losses.discriminator_loss(real, fake)
    assert d_loss.item() == 2e4
    assert [gradient.item() for gradient in torch.autograd.grad(d_loss, (real, fake))] == [-1, 1]
    assert losses.generator_loss(-fake).item() == 1e4


@each_loss
def test_counts_may_differ_unless_pairs_are_compared(name):
    real, fake = randn(6), randn(4, seed=1)
    if name == "relativistic":
        for call in (lambda: LOSSES[name].discriminator(real, fake), lambda: LOSSES[name].generator(fake, real)):
            with pytest.raises(ValueError, match=r"pairs.*\(6,\) and \(4,\)"):
                call()
    else:
        assert LOSSES[name].discriminator(real, fake).isfinite()
        torch.testing.assert_close(LOSSES[name].generator(fake, real), LOSSES[name].generator(fake))


def test_relativistic_refuses_what_would_be_broadcast_and_a_missing_side():
    loss = LOSSES["relativistic"]
    with pytest.raises(ValueError, match=r"\(5, 1\) and \(5,\)"):
        loss.discriminator(randn(5, 1), randn(5))
    with pytest.raises(ValueError, match="real_logits"):
        loss.generator(randn(5))


@each_loss
@pytest.mark.parametrize("shape", [(), (2, 3, 4), (2, 1, 4, 4)])
def test_logits_of_other_shapes_are_refused(name, shape):
    with pytest.raises(ValueError, match=r"\(N,\) or \(N, K\)"):
        LOSSES[name].discriminator(randn(*shape), randn(*shape))
    with pytest.raises(ValueError, match=r"\(N,\) or \(N, K\)"):
        LOSSES[name].generator(randn(*shape), randn(*shape))


# Names


def test_get_gives_the_loss_of_that_name_or_the_loss_itself():
    own = GANLoss("own", lambda r, f: f.mean() - r.mean(), lambda f, r: -f.mean())
    assert losses.get_loss("hinge") is LOSSES["hinge"] and losses.get_loss(own) is own


def test_unknown_names_list_those_that_are_allowed():
    with pytest.raises(ValueError, match=r"'lsgan'.*" + ", ".join(NAMES)):
        losses.get_loss("lsgan")
    with pytest.raises(ValueError, match=r"'r3'.*" + ", ".join(PENALTIES)):
        penalty("r3", 1.0)


# Penalties against closed forms

WEIGHT = torch.tensor([3.0, -4.0])  # of length 5


def linear(x):
    return x @ WEIGHT


def quadratic(x):
    """(N, 1); its gradient at x is x."""
    return x.square().sum(1, keepdim=True) / 2


def test_r1_and_r2_of_a_linear_discriminator_are_its_squared_length():
    x = randn(10, 2).float()
    for function in (r1_penalty, r2_penalty):
        assert function(linear, x).item() == pytest.approx(25)


def test_r1_of_a_quadratic_discriminator_is_the_mean_square_of_the_data():
    x = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert r1_penalty(quadratic, x).item() == pytest.approx((25 + 1) / 2)
    images = x.reshape(2, 1, 1, 2)
    assert r1_penalty(lambda x: quadratic(x.flatten(1)), images).item() == pytest.approx((25 + 1) / 2)


def test_gradient_penalty_of_linear_discriminators_and_of_the_right_slope():
    real, fake = randn(8, 2).float(), randn(8, 2, seed=1).float()
    assert gradient_penalty(lambda x: linear(x) / 5, real, fake).item() == pytest.approx(0, abs=1e-12)
    assert gradient_penalty(linear, real, fake).item() == pytest.approx((5 - 1) ** 2)


def test_gradient_penalty_looks_between_real_and_fake_uniformly():
    """Real at a distance of 0, fake of 1: the slope of the quadratic at t is t, and E (t - 1)^2 is 1/3."""
    n = 20_000
    real, fake = torch.zeros(n, 2), torch.tensor([[0.6, 0.8]]).expand(n, 2)
    value = gradient_penalty(quadratic, real, fake, torch.Generator().manual_seed(0)).item()
    assert value == pytest.approx(1 / 3, abs=0.01)
    again = gradient_penalty(quadratic, real, fake, torch.Generator().manual_seed(0)).item()
    other = gradient_penalty(quadratic, real, fake, torch.Generator().manual_seed(1)).item()
    assert value == again != other


def test_gradient_penalty_draws_one_point_for_each_pair_of_images():
    """One t for all pixels: on the way from 0 to a constant picture all pixels stay alike."""
    seen = []

    def discriminator(x):
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    gradient_penalty(discriminator, torch.zeros(4, 3, 2, 2), torch.ones(4, 3, 2, 2))
    pixels = seen[0].flatten(1)
    assert (pixels == pixels[:, :1]).all() and len(pixels[:, 0].unique()) == 4


def test_gradient_penalty_refuses_unequal_shapes():
    with pytest.raises(ValueError, match=r"\(4, 2\) and \(3, 2\)"):
        gradient_penalty(linear, torch.zeros(4, 2), torch.zeros(3, 2))


def test_penalties_reach_the_weights_by_a_second_derivative():
    weight = WEIGHT.clone().requires_grad_()
    x = randn(6, 2).float()
    (gradient,) = torch.autograd.grad(r1_penalty(lambda x: x @ weight, x), weight)
    torch.testing.assert_close(gradient, 2 * WEIGHT)
    (gradient,) = torch.autograd.grad(gradient_penalty(lambda x: x @ weight, x, x), weight)
    torch.testing.assert_close(gradient, 2 * (5 - 1) * WEIGHT / 5)


def test_penalties_leave_their_input_without_a_gradient():
    x = torch.randn(3, 2, requires_grad=True)
    weight = WEIGHT.clone().requires_grad_()
    r1_penalty(lambda x: x @ weight, x).backward()
    assert x.grad is None and weight.grad is not None


def test_penalties_are_float32_under_bfloat16_autocast():
    """In bfloat16 the product would be bfloat16; squares of small gradients need the digits."""
    weight = torch.tensor([[1.001], [0.0]])
    x = torch.ones(4, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert (x @ weight).dtype == torch.bfloat16
        for value in (r1_penalty(lambda x: x @ weight, x), r1_penalty(lambda x: x @ weight, x.bfloat16())):
            assert value.dtype == torch.float32
            assert value.item() == pytest.approx(1.001**2, rel=1e-5)  # bfloat16 would round 1.001 to 1
        assert gradient_penalty(lambda x: x @ weight, x, x).dtype == torch.float32


# Terms


def test_a_penalty_as_a_term_is_called_with_what_a_step_knows():
    real, fake = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    values = {name: penalty(name, 2.0).function(quadratic, real, fake, None).item() for name in ("r1", "r2")}
    assert values == pytest.approx({"r1": 1.0, "r2": 9.0})
    term = penalty("gradient_penalty", 10.0)
    assert term.function(linear, real, fake, None).item() == pytest.approx(16)


def test_penalty_makes_a_term_with_its_weight_and_rhythm():
    assert penalty("r1", 0.5) == Term("r1", PENALTIES["r1"], 0.5, every=1)
    assert penalty("r2", 0.1, every=16) == Term("r2", PENALTIES["r2"], 0.1, every=16)
    assert set(PENALTIES) == {"r1", "r2", "gradient_penalty"}
