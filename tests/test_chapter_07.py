"""What chapter 07 proves on the game of two numbers: each closed form beside its run, and the verdicts of the table."""

import math

import pytest
import torch

from gan_edu import data, dirac, losses, metrics, models, train
from gan_edu.dirac import Rules

HOME = (1e-3, 0.0)  # so near the solution that the game is linear
ORDERS = ("alternating", "simultaneous")


def last_turn(path: torch.Tensor, rate: float) -> float:
    """The root of the mean squared distance over the last turn, which takes 4 pi / rate steps."""
    return path[-round(4 * math.pi / rate) :].norm(dim=1).square().mean().sqrt().item()


def growth(rules: Rules) -> float:
    """How much the log of the distance gains in a step, from a run near the solution."""
    turn = round(4 * math.pi / rules.rate)
    squared = dirac.run(rules, 4 * turn, HOME).norm(dim=1).square()
    return (squared[-turn:].mean() / squared[-2 * turn : -turn].mean()).log().item() / 2 / turn


# --- the game ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", dirac.FORCES)
def test_the_field_is_what_the_losses_of_the_package_want(loss):
    weights = torch.randn(200, 2, generator=torch.Generator().manual_seed(0)).double()
    theta, psi = weights.T
    pull, push = dirac.FORCES[loss]
    by_hand = torch.stack([pull(theta * psi) * psi, -push(theta * psi) * theta - 0.3 * psi], dim=1)
    assert torch.allclose(dirac.field(weights, loss, gamma=0.3), by_hand, atol=1e-12)


@pytest.mark.parametrize("loss", ("minimax", "non_saturating"))
def test_the_jacobian_by_hand(loss):
    by_hand = torch.tensor([[0.0, 0.5], [-0.5, -0.7]], dtype=torch.float64)
    assert torch.allclose(dirac.jacobian(loss, gamma=0.7), by_hand)


def test_one_step_in_turns_and_one_at_once():
    for order, met in (("alternating", -0.1), ("simultaneous", 0.0)):  # the psi that G meets
        _, (theta, psi) = dirac.run(Rules(updates=order, rate=0.2), 1).tolist()
        assert psi == pytest.approx(-0.1) and theta == pytest.approx(1 + 0.2 * met / (1 + math.exp(-met)))


def test_adam_is_that_of_pytorch():
    weights = [torch.tensor([w], dtype=torch.float64, requires_grad=True) for w in (1.0, 0.0)]
    theta, psi = weights
    g, d = (torch.optim.Adam([w], lr=0.05, betas=(0.5, 0.9)) for w in weights)
    for _ in range(50):
        for player, sign in ((d, 1), (g, -1)):
            loss = sign * torch.nn.functional.softplus(psi * theta).sum()
            player.zero_grad()
            loss.backward()
            player.step()
    ours = dirac.run_adam(0.05, (0.5, 0.9), 50)[-1]
    assert torch.allclose(ours, torch.cat([w.detach() for w in weights]), rtol=1e-6)


# --- closed forms, each within 2 % of its run -------------------------------------------------------------------------


def test_eigenvalues_of_the_step():
    for h in (0.3, 1.0, 3.9):
        once, turns = (dirac.eigenvalues(Rules(updates=order, rate=h)).abs() for order in reversed(ORDERS))
        assert once.tolist() == pytest.approx([math.sqrt(1 + h**2 / 4)] * 2)
        assert turns.tolist() == pytest.approx([1.0, 1.0])
    assert dirac.eigenvalues(Rules(rate=4.1))[0].abs() > 1.3


@pytest.mark.parametrize("h", (0.05, 0.2))
def test_minimax_circles_in_turns_and_leaves_at_once(h):
    path = dirac.run(Rules(rate=h), 20_000)
    assert last_turn(path, h) == pytest.approx(1, rel=0.02)
    path = dirac.run(Rules(updates="simultaneous", rate=h), 300, HOME)
    assert path[-1].norm().item() == pytest.approx(HOME[0] * (1 + h**2 / 4) ** 150, rel=0.02)


@pytest.mark.parametrize("h", (0.1, 0.2, 0.4))
def test_non_saturating_creeps_home_in_turns_and_settles_at_once(h):
    path = dirac.run(Rules("non_saturating", rate=h), 10_000)
    assert last_turn(path, h) == pytest.approx(math.sqrt(8 / (10_000 * h)), rel=0.02)
    path = dirac.run(Rules("non_saturating", "simultaneous", rate=h), 20_000)
    assert last_turn(path, h) == pytest.approx(math.sqrt(2 * h), rel=0.02)


@pytest.mark.parametrize("gamma", (0.1, 0.3, 0.8))
def test_both_bounds_of_the_step_with_a_penalty(gamma):
    bounds = {"simultaneous": 4 * gamma, "alternating": 4 * (math.sqrt(1 + gamma**2) - gamma)}
    for order, bound in bounds.items():
        for share, comes_home in ((0.98, True), (1.02, False)):
            radius = dirac.run(Rules("minimax", order, share * bound, gamma), 4000, HOME).norm(dim=1)
            assert (radius[-1] < radius[0]).item() == comes_home, (order, share)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("beta", (-0.9, -0.5, -0.3, 0.0, 0.3, 0.5, 0.8))
def test_old_news_pushes_outwards_in_proportion_to_its_age(order, beta):
    rules = Rules(updates=order, rate=0.02, beta=beta)
    law = rules.age * 0.02**2 / 4
    assert growth(rules) == pytest.approx(law, rel=0.02, abs=1e-8)
    assert dirac.eigenvalues(rules)[0].abs().log().item() == pytest.approx(law, rel=0.02, abs=1e-8)


def test_push_and_brake_are_equal_on_the_circle_where_it_settles():
    for order, beta in (("alternating", 0.5), ("simultaneous", 0.3)):
        rules = Rules("non_saturating", order, 0.05, beta=beta)
        radius = last_turn(dirac.run(rules, 20_000), 0.05)
        assert radius == pytest.approx(2 * math.sqrt(0.05 * rules.age), rel=0.02)


@pytest.mark.parametrize("beta1", (0.3, 0.5, 0.8))
@pytest.mark.parametrize(("rate", "start"), [(1e-3, 0.2), (2e-3, 0.4)])
def test_adam_settles_on_the_circle_of_its_two_betas(beta1, rate, start):
    law = 4 * rate * math.sqrt(beta1 / (1 - beta1) / (1 - 0.999))
    path = dirac.run_adam(rate, (beta1, 0.999), 40_000, (start, 0.0))
    assert path[-4000:].norm(dim=1).mean().item() == pytest.approx(law, rel=0.02)


def test_adam_without_momentum_comes_home():
    radius = dirac.run_adam(2e-3, (0.0, 0.99), 10_000, (0.5, 0.0)).norm(dim=1)
    assert radius[-100:].max() < 4e-3


@pytest.mark.parametrize(
    "rules",
    [
        Rules("non_saturating", rate=0.05, gamma=0.05),
        Rules("non_saturating", "simultaneous", 0.1, 0.02, 0.3),
        Rules("minimax", "alternating", 0.05, 0.02),
    ],
)
def test_the_predicted_radius_is_that_of_the_run(rules):
    radius, turn = dirac.run(rules, 1000).norm(dim=1), round(4 * math.pi / rules.rate)
    expected = dirac.predicted_radius(rules, 1000)
    for end in (300, 600, 1000):
        found, law = (r[end - turn : end].norm().item() for r in (radius, expected))
        assert found == pytest.approx(law, rel=0.03)


def test_the_penalty_that_brakes_best_in_turns():
    for h in (0.2, 1.0, 2.0):
        best = dirac.eigenvalues(Rules(rate=h, gamma=1 - h / 4)).abs()
        assert best.tolist() == pytest.approx([1 - h / 2] * 2, abs=1e-6)
        assert all(dirac.eigenvalues(Rules(rate=h, gamma=g - h / 4))[0].abs() > best[0] for g in (0.9, 1.1))


# --- networks ---------------------------------------------------------------------------------------------------------


def at_once(seed, loss="non_saturating", gamma=0.0, steps=300):
    """The chapter's game on the ring, moved at once: (gan, the middle of G's points after each step)."""
    torch.manual_seed(seed)
    ring, pair = data.ring(), (models.MLPGenerator(), models.MLPDiscriminator())
    adams = [torch.optim.Adam(net.parameters(), 4e-3, (0.0, 0.99)) for net in pair]
    terms = [losses.penalty("r1", gamma / 2)] if gamma else []
    gan, middles = train.GAN(*pair, loss, *adams, "simultaneous", terms, ema=0.98, device="cpu"), []
    for _ in range(steps):
        train.train_step(gan, ring.sample(128))
        middles.append(gan.generate(torch.randn(200, 2)).detach().mean(0))
    return gan, torch.stack(middles)


@pytest.mark.parametrize("seed", (0, 1))
def test_mode_hopping_is_a_lap_and_r1_ends_it(seed, one_thread):
    plain, braked = (at_once(seed, gamma=gamma)[1][100:] for gamma in (0.0, 0.6))
    turned = torch.angle(torch.complex(*plain.T)).diff().add(math.pi).remainder(2 * math.pi).sub(math.pi)
    assert abs(turned.sum().item()) / (2 * math.pi) > 4, "laps in 200 steps, all in one direction"
    assert plain.norm(dim=1).mean() > 0.7 and braked.norm(dim=1).mean() < 0.4


@pytest.mark.parametrize("seed", (0, 1))
def test_two_numbers_do_not_rank_the_losses(seed, one_thread):
    """At once minimax leaves the goal of two numbers, and on the ring it finds what the non-saturating loss loses."""
    ring, found = data.ring(), {}
    for loss in ("minimax", "non_saturating"):
        gan, _ = at_once(seed, loss, steps=400)
        found[loss] = metrics.mode_coverage(gan.sample(2000), ring.centers, ring.std).modes
    assert found["minimax"] >= 6 and found["non_saturating"] <= 2
