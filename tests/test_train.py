"""The step against an update derived by hand in NumPy, and everything that the loop promises."""

import copy
import itertools
import math
import re
import signal

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from gan_edu import losses, models, train
from gan_edu.losses import GANLoss, Term, penalty

# A linear pair, small enough to differentiate by hand: G(z) = a z + b, D(x) = w x + c


RATE = 0.1
START = {"a": 0.7, "b": -0.4, "w": 0.9, "c": 0.2}


class Line(nn.Module):
    """slope * x + offset, `(N, 1)` to `(N, 1)`, in float64."""

    latent_dim = 1

    def __init__(self, slope, offset):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope, dtype=torch.float64))
        self.offset = nn.Parameter(torch.tensor(offset, dtype=torch.float64))

    def forward(self, x):
        return self.slope * x + self.offset


def linear_gan(loss="non_saturating", rate=RATE, start=START, **settings):
    g, d = Line(start["a"], start["b"]), Line(start["w"], start["c"])
    sgd = [torch.optim.SGD(network.parameters(), rate) for network in (g, d)]
    return train.GAN(g, d, loss, *sgd, device="cpu", **settings)


def linear_weights(gan):
    g, d = gan.generator, gan.discriminator
    return np.array([p.item() for p in (g.slope, g.offset, d.slope, d.offset)])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# dL/d(logit) of every sample, times N: D's for real logits r, D's for fake logits f, G's for fake logits f
SLOPES = {
    "non_saturating": (lambda r, f: -sigmoid(-r), lambda r, f: sigmoid(f), lambda r, f: -sigmoid(-f)),
    "minimax": (lambda r, f: -sigmoid(-r), lambda r, f: sigmoid(f), lambda r, f: -sigmoid(f)),
    "least_squares": (lambda r, f: r - 1, lambda r, f: f, lambda r, f: f - 1),
    "hinge": (lambda r, f: -1.0 * (r < 1), lambda r, f: 1.0 * (f > -1), lambda r, f: -np.ones_like(f)),
    "wasserstein": (lambda r, f: -np.ones_like(r), lambda r, f: np.ones_like(f), lambda r, f: -np.ones_like(f)),
    "relativistic": (lambda r, f: -sigmoid(f - r), lambda r, f: sigmoid(f - r), lambda r, f: -sigmoid(r - f)),
}


def by_hand(loss, batches, updates, r1=0.0, every=1):
    """The weights a, b, w, c after each step, from derivatives worked out on paper; R1 of a line is w^2."""
    on_real, on_fake, on_fake_g = SLOPES[loss]
    a, b, w, c = START.values()
    for step, (x, z) in enumerate(batches):
        fake = a * z + b

        def logits(w, c, x=x, fake=fake):
            return w * x + c, w * fake + c

        real_slopes, fake_slopes = on_real(*logits(w, c)), on_fake(*logits(w, c))
        w_gradient = (real_slopes * x).mean() + (fake_slopes * fake).mean()
        w_gradient += every * r1 * 2 * w if step % every == 0 else 0.0
        c_gradient = real_slopes.mean() + fake_slopes.mean()
        new_w, new_c = w - RATE * w_gradient, c - RATE * c_gradient
        judge = (new_w, new_c) if updates == "alternating" else (w, c)
        g_slopes = on_fake_g(*logits(*judge))
        a, b = a - RATE * (g_slopes * judge[0] * z).mean(), b - RATE * (g_slopes * judge[0]).mean()
        w, c = new_w, new_c
        yield np.array([a, b, w, c])


def linear_batches(steps, n=16, seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.normal(1.5, 0.5, (n, 1)), rng.normal(size=(n, 1))) for _ in range(steps)]


@pytest.mark.parametrize("updates", train.UPDATES)
@pytest.mark.parametrize("loss", losses.LOSSES)
def test_the_step_is_the_update_derived_by_hand(loss, updates):
    gan, batches = linear_gan(loss, updates=updates), linear_batches(6)
    for (x, z), expected in zip(batches, by_hand(loss, batches, updates), strict=True):
        train.train_step(gan, torch.from_numpy(x), torch.from_numpy(z))
        np.testing.assert_allclose(linear_weights(gan), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("updates", train.UPDATES)
@pytest.mark.parametrize("every", [1, 3])
def test_a_penalty_and_a_lazy_one_are_the_update_derived_by_hand(every, updates):
    gan, batches = linear_gan(updates=updates, d_terms=[penalty("r1", 0.3, every)]), linear_batches(7)
    for (x, z), expected in zip(batches, by_hand("non_saturating", batches, updates, 0.3, every), strict=True):
        train.train_step(gan, torch.from_numpy(x), torch.from_numpy(z))
        np.testing.assert_allclose(linear_weights(gan), expected, atol=1e-7)  # penalties are float32


def test_the_two_kinds_of_update_and_the_order_of_the_players_can_be_told_apart():
    batches = linear_batches(3)
    alternating, simultaneous = (list(by_hand("non_saturating", batches, updates))[-1] for updates in train.UPDATES)
    assert np.abs(alternating[:2] - simultaneous[:2]).max() > 1e-4  # so the tests above can tell them apart


@pytest.mark.parametrize("updates", train.UPDATES)
def test_the_losses_returned_are_those_before_each_players_move_without_terms_and_without_a_graph(updates):
    gan, ((x, z),) = linear_gan(updates=updates, d_terms=[penalty("r1", 5.0)]), linear_batches(1)
    w, c, fake = START["w"], START["c"], START["a"] * z + START["b"]
    found = train.train_step(gan, torch.from_numpy(x), torch.from_numpy(z))
    d_loss = np.log1p(np.exp(-(w * x + c))).mean() + np.log1p(np.exp(w * fake + c)).mean()
    if updates == "alternating":
        w, c = linear_weights(gan)[2:]
    g_loss = np.log1p(np.exp(-(w * fake + c))).mean()
    assert found.discriminator.item() == pytest.approx(d_loss, abs=1e-12)
    assert found.generator.item() == pytest.approx(g_loss, abs=1e-12)
    assert not any(loss.requires_grad or loss.dim() for loss in found)


def test_alternating_circles_and_simultaneous_spirals_out_as_the_bilinear_game_says():
    # D(x) = w x, G = b, real 0, the Wasserstein loss: w^2 + b^2 - rate w b is conserved, or w^2 + b^2 grows.
    for updates in train.UPDATES:
        gan = linear_gan("wasserstein", start={"a": 0.0, "b": 0.0, "w": 1.0, "c": 0.0}, updates=updates)
        for _ in range(50):
            train.train_step(gan, torch.zeros(4, 1, dtype=torch.float64), torch.zeros(4, 1, dtype=torch.float64))
        _, b, w, _ = linear_weights(gan)
        if updates == "alternating":
            assert w * w + b * b - RATE * w * b == pytest.approx(1.0, abs=1e-12)
        else:
            assert w * w + b * b == pytest.approx((1 + RATE**2) ** 50, rel=1e-12)


# The step: who sees what, who changes what


def mlp_gan(seed=0, **settings):
    torch.manual_seed(seed)
    return train.GAN(models.MLPGenerator(hidden=8), models.MLPDiscriminator(hidden=8), device="cpu", **settings)


def points(n=16):
    while True:
        yield torch.randn(n, 2) + 1


def convolutional_gan():
    torch.manual_seed(0)
    g, d = models.DCGANGenerator(8, latent_dim=4, width=4), models.DCGANDiscriminator(8, width=4, batch_norm=True)
    return train.GAN(g, d, device="cpu"), torch.rand(6, 1, 8, 8) * 2 - 1


def state(network):
    return copy.deepcopy(network.state_dict())


def same(before, after):
    return all(torch.equal(before[name], after[name]) for name in before)


def test_a_step_of_d_changes_d_alone():
    gan, real = convolutional_gan()
    fake = gan.generate(gan.sample_noise(6))
    g_before, d_before = state(gan.generator), state(gan.discriminator)
    train.discriminator_step(gan, real, fake)  # with its graph, to make it hard
    assert same(g_before, state(gan.generator))  # weights and batch norm's statistics
    assert all(p.grad is None for p in gan.generator.parameters())
    assert not any(torch.equal(d_before[name], p) for name, p in gan.discriminator.named_parameters())


def test_a_step_of_g_changes_g_alone():
    gan, real = convolutional_gan()
    g_before, d_before = state(gan.generator), copy.deepcopy(dict(gan.discriminator.named_parameters()))
    train.generator_step(gan, real, gan.generate(gan.sample_noise(6)))
    assert same(d_before, dict(gan.discriminator.named_parameters()))
    assert all(p.grad is None for p in gan.discriminator.parameters())
    assert not any(torch.equal(g_before[name], p) for name, p in gan.generator.named_parameters())


@pytest.mark.parametrize("updates", train.UPDATES)
def test_terms_of_d_see_fakes_without_a_graph_and_terms_of_g_with_one(updates):
    seen = {}

    def spy(player):
        def note(judge, real, fake, condition):
            seen[player] = fake.requires_grad, condition
            assert judge(real).shape == (16,)  # the condition is bound already
            return 0.0

        return [Term("spy", note, 1.0)]

    gan = mlp_gan(updates=updates, d_terms=spy("D"), g_terms=spy("G"))
    train.train_step(gan, next(points()))
    assert seen == {"D": (False, None), "G": (True, None)}


def test_a_term_of_g_is_added_with_its_weight():
    # With the term's gradient alone (a loss of zero): d/db of 0.5 * mean fake is 0.5, of a it is 0.5 * mean z.
    nothing = GANLoss("nothing", lambda r, f: 0 * f.sum() + 0 * r.sum(), lambda f, r: 0 * f.sum())
    gan = linear_gan(nothing, g_terms=[Term("mean", lambda judge, real, fake, c: fake.mean(), 0.5)])
    ((x, z),) = linear_batches(1)
    train.train_step(gan, torch.from_numpy(x), torch.from_numpy(z))
    expected = [START["a"] - RATE * 0.5 * z.mean(), START["b"] - RATE * 0.5]
    np.testing.assert_allclose(linear_weights(gan)[:2], expected, rtol=1e-12)


def test_lazy_terms_are_computed_every_fourth_step_and_count_four_times():
    computed = []

    def term(judge, real, fake, condition):
        computed.append(gan.d_moves)
        return judge(real).sum() * 0 + 1.0

    gan = linear_gan(d_terms=[Term("lazy", term, 0.5, every=4)])
    values = []
    for x, z in linear_batches(9):
        real, fake = torch.from_numpy(x), gan.generate(torch.from_numpy(z)).detach()
        loss, objective = train.discriminator_objective(gan, real, fake)
        values.append((objective - loss).item())
        gan.d_moves += 1
    assert computed == [0, 4, 8]
    assert values == pytest.approx([2.0, 0, 0, 0, 2.0, 0, 0, 0, 2.0])


def test_gradients_left_over_from_elsewhere_do_not_count():
    gan, other, real = mlp_gan(), mlp_gan(), next(points())
    noise = torch.randn(16, 2)
    for p in [*gan.generator.parameters(), *gan.discriminator.parameters()]:
        p.grad = torch.full_like(p, 100.0)
    train.train_step(gan, real, noise)
    train.train_step(other, real, noise)
    assert same(state(gan.generator), state(other.generator))
    assert same(state(gan.discriminator), state(other.discriminator))


def test_condition_reaches_both_networks_and_the_terms():
    seen = []

    class Conditional(nn.Module):
        latent_dim = 2

        def __init__(self, player, outputs):
            super().__init__()
            self.player, self.net = player, nn.Linear(2, outputs)

        def forward(self, x, condition):
            seen.append((self.player, condition))
            return self.net(x)

    condition = torch.arange(4)
    term = Term("spy", lambda judge, real, fake, c: seen.append(("term", c)) or judge(real).sum() * 0, 1.0)
    gan = train.GAN(Conditional("G", 2), Conditional("D", 1), d_terms=[term], device="cpu")
    history = train.train(gan, itertools.repeat((torch.ones(4, 2), condition)), 2, d_steps=2, progress=False)
    assert len(history.generator) == 2
    assert {player for player, _ in seen} == {"G", "D", "term"}
    assert all(given is condition for _, given in seen)
    assert gan.sample(4, condition=condition).shape == (4, 2)


@pytest.mark.parametrize("updates", train.UPDATES)
def test_several_logits_for_each_sample_are_as_good_as_one(updates):
    torch.manual_seed(0)
    gan = train.GAN(models.MLPGenerator(), nn.Linear(2, 5), "relativistic", updates=updates, device="cpu")
    before = state(gan.generator)
    found = train.train_step(gan, next(points()))
    assert all(loss.shape == () and loss.isfinite() for loss in found) and not same(before, state(gan.generator))


class Watch(TorchDispatchMode):
    """Counts the operations by which Python reads a tensor's value, and so waits for the device."""

    reads = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.reads += operation is torch.ops.aten._local_scalar_dense.default
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("updates", train.UPDATES)
def test_the_step_never_waits_for_the_device(updates, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("the step reads a tensor's value")

    def step(loss):  # SGD: Adam keeps its own step counter on the CPU and reads it there
        gan = linear_gan(loss, updates=updates, ema=0.9, d_terms=[penalty("r1", 0.1)])
        ((x, z),) = linear_batches(1)
        with Watch() as watch:
            train.train_step(gan, torch.from_numpy(x), torch.from_numpy(z))
        return watch.reads

    for name in ("tolist", "numpy", "cpu"):
        monkeypatch.setattr(torch.Tensor, name, forbidden)
    assert step("non_saturating") == 0
    honest = losses.LOSSES["non_saturating"]
    reader = GANLoss("reader", lambda r, f: honest.on_discriminator(r, f) * float(f.mean() < 99), honest.on_generator)
    assert step(reader) > 0  # the watch sees what it should


# Determinism, the average, sampling


@pytest.mark.parametrize("updates", train.UPDATES)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(updates):
    def run(seed):
        gan = mlp_gan(seed, updates=updates, ema=0.9)
        train.train(gan, points(), 20, d_steps=2, progress=False)
        return {**state(gan.generator), **{f"d.{k}": v for k, v in state(gan.discriminator).items()}}

    assert same(run(1), run(1)) and not same(run(1), run(2))


def test_the_moving_average_is_its_closed_form():
    gan, decay, thetas = linear_gan(ema=0.8), 0.8, []
    thetas.append(linear_weights(gan)[:2])
    for x, z in linear_batches(5):
        train.train_step(gan, torch.from_numpy(x), torch.from_numpy(z))
        thetas.append(linear_weights(gan)[:2])
    expected = decay**5 * thetas[0] + (1 - decay) * sum(decay ** (5 - i) * thetas[i] for i in range(1, 6))
    averages = [p.item() for p in gan.ema.parameters()]
    np.testing.assert_allclose(averages, expected, rtol=1e-12)
    noise = torch.ones(3, 1, dtype=torch.float64)
    np.testing.assert_allclose(gan.sample(noise=noise), np.full((3, 1), sum(expected)), rtol=1e-12)
    gan.generate(noise).sum().backward()  # the average takes no part in the graph
    assert not any(p.requires_grad or p.grad is not None for p in gan.ema.parameters())


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_the_moving_average_warms_up_by_its_closed_form(decay):
    # After t steps the decay is min(decay, (1 + t) / (10 + t)); 0.5 is reached at t = 8.
    gan = linear_gan(ema=decay, ema_warmup=True)
    expected = linear_weights(gan)[:2]
    for t, (x, z) in enumerate(linear_batches(20)):
        train.train_step(gan, torch.from_numpy(x), torch.from_numpy(z))
        now = min(decay, (1 + t) / (10 + t))
        expected = now * expected + (1 - now) * linear_weights(gan)[:2]
        averages = [p.item() for p in gan.ema.parameters()]
        np.testing.assert_allclose(averages, expected, atol=1e-6)  # the share is a number of float32
    assert gan.ema_moves.item() == 20


def test_without_a_warm_up_the_first_average_is_the_random_start_and_with_one_it_is_not():
    far = {}
    for warm in (False, True):
        gan, ((x, z),) = linear_gan(ema=0.999, ema_warmup=warm, rate=0.5), linear_batches(1)
        start = linear_weights(gan)[:2]
        train.train_step(gan, torch.from_numpy(x), torch.from_numpy(z))
        average = np.array([p.item() for p in gan.ema.parameters()])
        moved = linear_weights(gan)[:2] - start
        far[warm] = (average - start) @ moved / (moved @ moved)  # 0 is the start, 1 the weights of now
    assert far == {False: pytest.approx(0.001), True: pytest.approx(0.9)}


def test_the_average_copies_the_statistics_of_batch_norm_and_samples_in_evaluation_mode():
    gan, real = convolutional_gan()
    gan = train.GAN(gan.generator, gan.discriminator, ema=0.99, device="cpu")
    train.train_step(gan, real)
    buffers, averaged = dict(gan.generator.named_buffers()), dict(gan.ema.named_buffers())
    assert same(buffers, averaged) and int(averaged["project.2.num_batches_tracked"]) == 1
    noise = torch.randn(6, 4)
    before = state(gan.ema)
    torch.testing.assert_close(gan.sample(noise=noise)[:1], gan.sample(noise=noise[:1]))  # no matter the neighbours
    assert same(before, state(gan.ema)) and gan.generator.training and not gan.ema.training


def test_sampling_without_an_average_leaves_the_mode_and_the_statistics_as_they_were():
    gan, _ = convolutional_gan()
    before = state(gan.generator)
    samples = gan.sample(5)
    assert samples.shape == (5, 1, 8, 8) and not samples.requires_grad
    assert gan.generator.training and same(before, state(gan.generator))
    gan.generator.eval()
    gan.sample(5)
    assert not gan.generator.training


# The loop


def counted(batches, taken, stop_at=None):
    for batch in batches:
        if len(taken) == stop_at:
            raise KeyboardInterrupt
        taken.append(batch)
        yield batch


@pytest.mark.parametrize("d_steps", [1, 3])
def test_every_move_of_d_has_fresh_data_and_fresh_noise(d_steps, monkeypatch):
    gan, taken, drawn, moves = mlp_gan(), [], [], []
    draw, step = gan.sample_noise, train.discriminator_step
    monkeypatch.setattr(gan, "sample_noise", lambda n: drawn.append(draw(n)) or drawn[-1])
    for module in (train.step, train.loop):
        monkeypatch.setattr(module, "discriminator_step", lambda *given: moves.append(given[1]) or step(*given))
    history = train.train(gan, counted(points(), taken), 4, d_steps=d_steps, progress=False)
    assert len(taken) == len(drawn) == len(moves) == 4 * d_steps and gan.steps == 4
    assert all(real is batch for real, batch in zip(moves, taken, strict=True))
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(drawn, 2))
    assert history.discriminator.shape == history.generator.shape == (4,) and not history.interrupted


def test_the_history_holds_the_losses_of_the_steps():
    gan, other, batches = mlp_gan(), mlp_gan(), list(itertools.islice(points(), 5))
    torch.manual_seed(1)
    history = train.train(gan, iter(batches), 5, progress=False)
    torch.manual_seed(1)
    expected = [train.train_step(other, batch) for batch in batches]
    np.testing.assert_array_equal(history.discriminator, [loss.discriminator for loss in expected])
    np.testing.assert_array_equal(history.generator, [loss.generator for loss in expected])


def test_snapshots_come_at_even_steps_from_one_batch_of_noise():
    gan = mlp_gan()
    evaluated = []
    history = train.train(
        gan,
        points(),
        10,
        snapshots=3,
        snapshot_size=7,
        evaluate=lambda given: evaluated.append(given.steps) or given is gan,
        progress=False,
    )
    assert history.steps == evaluated == [0, 5, 10] and history.scores == [True] * 3
    assert [sample.shape for sample in history.samples] == [(7, 2)] * 3
    assert not torch.equal(history.samples[0], history.samples[2])
    frozen = linear_gan(rate=0.0)
    history = train.train(frozen, itertools.repeat(torch.ones(4, 1)), 10, snapshots=3, progress=False)
    assert len({tuple(sample.flatten().tolist()) for sample in history.samples}) == 1  # the same noise each time


def test_rates_fall_along_half_a_cosine_from_where_they_stand():
    gan, rates = linear_gan(rate=0.2), []

    def batches():
        while True:
            rates.append([o.param_groups[0]["lr"] for o in (gan.g_optimizer, gan.d_optimizer)])
            yield torch.ones(4, 1, dtype=torch.float64)

    train.train(gan, batches(), 8, final_rate=0.1, progress=False)
    expected = [0.2 * (0.1 + 0.9 * (1 + math.cos(math.pi * step / 8)) / 2) for step in range(8)]
    assert rates == [pytest.approx([rate, rate]) for rate in expected]
    assert gan.g_optimizer.param_groups[0]["lr"] == 0.2  # a run leaves the rates as it found them,
    gan.d_optimizer.param_groups[0]["lr"] = 0.5
    rates.clear()
    train.train(gan, batches(), 2, progress=False)  # and the next one starts from those that it finds
    assert rates == [[0.2, 0.5]] * 2


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_run_within_a_hundred_steps(bad):
    taken = []

    def batches():
        for step in itertools.count():
            yield torch.full((4, 1), bad if step == 30 else 1.0, dtype=torch.float64)

    gan = linear_gan("least_squares", rate=0.01)
    told = r"diverged at step 30: D's and G's losses are \[(nan|inf).*Lower the learning"
    with pytest.raises(train.TrainingDiverged, match=told):
        train.train(gan, counted(batches(), taken), 1000, progress=False)
    assert len(taken) == 100
    with pytest.raises(train.TrainingDiverged, match="step 30"):  # a short run looks at its end
        train.train(linear_gan("least_squares", rate=0.01), batches(), 40, progress=False)


@pytest.mark.parametrize("after", [0, 7])
def test_ctrl_c_ends_the_run_with_what_was_learnt_so_far(after):
    gan, other, taken = mlp_gan(), mlp_gan(), []
    torch.manual_seed(1)
    history = train.train(gan, counted(points(), taken, stop_at=after), 100, snapshots=101, progress=False)
    assert history.interrupted and gan.steps == after
    assert history.discriminator.shape == history.generator.shape == (after,)
    assert np.isfinite(history.generator).all() and history.steps == list(range(after + 1))
    torch.manual_seed(1)
    if after:
        whole = train.train(other, points(), after, snapshots=101, progress=False)
        assert not whole.interrupted and same(state(gan.generator), state(other.generator))


# Bad input: one clear error


def test_unknown_loss_and_unknown_updates_name_the_choices():
    with pytest.raises(ValueError, match="no loss 'focal'; choose one of minimax, non_saturating"):
        mlp_gan(loss="focal")
    with pytest.raises(ValueError, match="updates is 'both'; choose one of alternating, simultaneous"):
        mlp_gan(updates="both")


@pytest.mark.parametrize("decay", [1.0, -0.1, 999])
def test_a_decay_outside_its_range_is_refused(decay):
    with pytest.raises(ValueError, match=r"ema is .* decay in \[0, 1\)"):
        mlp_gan(ema=decay)


def test_swapped_optimizers_are_refused():
    g, d = models.MLPGenerator(), models.MLPDiscriminator()
    optimizers = torch.optim.Adam(d.parameters()), torch.optim.Adam(g.parameters())
    with pytest.raises(ValueError, match="g_optimizer holds parameters that are not its player's"):
        train.GAN(g, d, "hinge", *optimizers, device="cpu")
    with pytest.raises(ValueError, match="d_optimizer holds parameters that are not its player's"):
        train.GAN(g, d, d_optimizer=optimizers[1], device="cpu")


def test_a_discriminator_without_logits_for_each_sample_is_refused():
    for shape in [(4, 1, 1, 1), (1,), ()]:
        d = nn.Linear(2, 1)
        d.forward = lambda x, shape=shape: torch.zeros(shape)
        gan = train.GAN(models.MLPGenerator(), d, device="cpu")
        with pytest.raises(ValueError, match=r"of shape \(4, 2\) into .*\(4,\) or \(4, K\). Flatten its last layer"):
            train.train_step(gan, torch.zeros(4, 2))


def test_data_of_another_shape_than_the_samples_are_refused_before_anybody_moves():
    gan = mlp_gan()
    before = state(gan.discriminator)
    with pytest.raises(ValueError, match=r"makes samples of shape \(4, 2\), the data are \(4, 3\)"):
        train.train_step(gan, torch.zeros(4, 3))
    assert same(before, state(gan.discriminator)) and gan.steps == 0


def test_g_cannot_learn_from_fakes_without_a_graph():
    gan = mlp_gan()
    with pytest.raises(ValueError, match="fake has no graph.*without detach"):
        train.generator_step(gan, next(points()), gan.generate(gan.sample_noise(16)).detach())


@pytest.mark.parametrize("name", ["steps", "d_steps", "snapshot_size"])
def test_counts_below_one_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 0; it must be at least 1"):
        train.train(mlp_gan(), points(), **{"steps": 1, name: 0}, progress=False)


def test_devices():
    gan = mlp_gan()
    assert gan.device == torch.device("cpu") == gan.sample_noise(3).device
    assert train.pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match='device is "cuda", but PyTorch finds no CUDA device'):
            train.pick_device("cuda")


# --- what a review found ----------------------------------------------------------------------------------------------


def test_a_lazy_term_counts_the_moves_of_its_player_not_the_steps():
    computed = []

    def term(judge, real, fake, condition):
        computed.append(gan.d_moves)
        return judge(real).sum() * 0

    gan = mlp_gan(d_terms=[Term("lazy", term, 1.0, every=4)])
    for _ in range(8):
        train.discriminator_step(gan, next(points()), torch.randn(16, 2))
    assert computed == [0, 4] and gan.d_moves == 8 and gan.g_moves == gan.steps == 0


def test_under_autocast_the_generator_plays_against_the_moved_discriminator():
    gan = mlp_gan()
    real = next(points())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fake = gan.generate(torch.randn(16, 2))
        train.discriminator_step(gan, real, fake.detach())
        within = gan.judge(real)  # as G's step would see it
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(within, gan.judge(real))


def test_under_autocast_a_penalty_moves_d_by_its_gradient_in_float32():
    judge = nn.Linear(1, 1, bias=False)
    nn.init.constant_(judge.weight, 1.001)  # in bfloat16 that is 1
    gan = train.GAN(nn.Linear(2, 1), judge, d_terms=[penalty("r1", 1.0)], latent_dim=2, device="cpu")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        train.discriminator_step(gan, torch.zeros(8, 1), torch.zeros(8, 1))  # at 0 the loss itself has no slope
    assert judge.weight.grad.item() == pytest.approx(2 * 1.001, rel=1e-5)  # R1 is the squared weight


def test_frozen_parameters_stay_and_do_not_stop_the_step():
    gan = mlp_gan()
    frozen = next(gan.discriminator.parameters()).requires_grad_(False)
    before = frozen.clone()
    train.train_step(gan, next(points()))
    assert torch.equal(before, frozen)


def test_a_failing_sample_leaves_the_generator_in_training_mode():
    gan = mlp_gan()
    with pytest.raises(ValueError):
        gan.sample(noise=torch.randn(3, 99))
    assert gan.generator.training


@pytest.mark.parametrize("interrupted_call", [1, 2])
def test_ctrl_c_in_an_evaluation_keeps_steps_samples_and_scores_together(interrupted_call):
    calls = []

    def evaluate(gan):
        calls.append(gan.steps)
        if len(calls) == interrupted_call:
            raise KeyboardInterrupt
        return 0

    history = train.train(mlp_gan(), points(), 10, snapshots=3, evaluate=evaluate, progress=False)
    assert history.interrupted
    assert len(history.steps) == len(history.samples) == len(history.scores) == interrupted_call - 1


def test_ctrl_c_in_the_last_evaluation_is_told_too():
    def evaluate(gan):
        if gan.steps == 10:
            raise KeyboardInterrupt

    assert train.train(mlp_gan(), points(), 10, snapshots=3, evaluate=evaluate, progress=False).interrupted


def test_divergence_is_told_before_a_snapshot_is_judged():
    def explode(real_logits, fake_logits):
        return real_logits.sum() * torch.inf

    def only_at_the_start(gan):
        assert gan.steps == 0

    gan = mlp_gan(loss=GANLoss("broken", explode, lambda f, r: f.mean()))
    with pytest.raises(train.TrainingDiverged, match="step 0"):
        train.train(gan, points(), 50, snapshots=11, evaluate=only_at_the_start, progress=False)


# --- the front door ---------------------------------------------------------------------------------------------------


class Pictures(nn.Module):
    """A small generator or discriminator of 8x8 pictures with an end of one's choice."""

    latent_dim = 4

    def __init__(self, inputs, outputs, end=None):
        super().__init__()
        self.net, self.outputs, self.end = nn.Linear(inputs, math.prod(outputs)), outputs, end

    def forward(self, x):
        x = self.net(x.flatten(1)).unflatten(1, self.outputs)
        return x if self.end is None else self.end(x)


def picture_gan(g_end=torch.tanh, d_end=None, **settings):
    torch.manual_seed(0)
    return train.GAN(Pictures(4, (1, 8, 8), g_end), Pictures(64, (1,), d_end), device="cpu", **settings)


REAL = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def warnings_of(gan, real, recwarn):
    train.train(gan, itertools.repeat(real), 3, d_steps=2, progress=False)
    return [str(warning.message) for warning in recwarn]


SPOILED = {
    "fine": (picture_gan, REAL, None),
    "bytes as floats": (picture_gan, (REAL + 1) * 127.5, r"from 0.* to 255: scale them to \[-1, 1\]"),
    "standardized": (picture_gan, REAL * 1.7, r"scale them to \[-1, 1\]"),
    "no negative values": (picture_gan, (REAL + 1) / 2, r"no negative values.*2 \* data - 1"),
    "a sigmoid at both ends": (lambda: picture_gan(torch.sigmoid), (REAL + 1) / 2, None),
    "a sigmoid before logits": (
        lambda: picture_gan(d_end=torch.sigmoid),
        REAL,
        r"outputs lie in \[0, 1\].*return logits",
    ),
    "points": (mlp_gan, torch.randn(16, 2) * 5, None),
    "positive points": (mlp_gan, torch.rand(16, 2), None),
}


@pytest.mark.parametrize(("make", "real", "told"), SPOILED.values(), ids=SPOILED)
def test_what_spoils_a_run_is_told_once_in_one_line_and_does_not_stop_it(make, real, told, recwarn):
    found = warnings_of(make(), real, recwarn)
    assert len(found) == (told is not None)
    if told:
        (text,) = found
        assert re.search(told, text) and "\n" not in text and recwarn[0].filename == __file__


@pytest.mark.parametrize("size", [8, 28])
def test_the_networks_of_the_course_are_above_suspicion(size, recwarn):
    for seed in range(5):
        torch.manual_seed(seed)
        pairs = [(models.DCGANGenerator(size, width=4), models.DCGANDiscriminator(size, width=4)),
                 (models.SubpixelGenerator(size, width=4), models.SubpixelDiscriminator(size, width=4))]  # fmt: skip
        for pair in pairs:
            gan = train.GAN(*pair, device="cpu")
            train.train(gan, itertools.repeat(torch.rand(8, 1, size, size) * 2 - 1), 1, progress=False)
    assert not list(recwarn)


def test_looking_draws_no_random_numbers_and_changes_no_network():
    gan, _ = convolutional_gan()
    before, numbers = {name: state(network) for name, network in gan.networks().items()}, torch.get_rng_state()
    train.loop._look(gan, REAL[:6], None)
    assert torch.equal(numbers, torch.get_rng_state())
    assert all(same(before[name], state(network)) for name, network in gan.networks().items())
    assert gan.generator.training and gan.discriminator.training


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_frozen_player_is_refused(player):
    gan = mlp_gan()
    getattr(gan, player).requires_grad_(False)
    with pytest.raises(ValueError, match=rf"the {player} is frozen.*gan\.{player}\.requires_grad_\(True\)"):
        train.train(gan, points(), 3, d_steps=2, progress=False)


WRONG_BATCHES = {
    "a DataLoader of (image, label)": ([REAL, torch.zeros(16)], "takes no condition.*real samples alone"),
    "NumPy": (REAL.numpy(), "a batch is a tensor.*not ndarray"),
    "a dictionary": ({"image": REAL}, "a batch is a tensor.*not dict"),
    "three things": ((REAL, REAL, REAL), "a batch is a tensor"),
    "float64": (REAL.double(), r"computes in torch.float32 but was given torch.float64: use data\.to\(torch.float32\)"),
}


@pytest.mark.parametrize(("batch", "told"), WRONG_BATCHES.values(), ids=WRONG_BATCHES)
def test_batches_of_another_kind_say_in_one_sentence_what_to_do(batch, told):
    with pytest.raises(ValueError, match=told) as caught:
        train.train(picture_gan(), itertools.repeat(batch), 3, progress=False)
    assert "\n" not in str(caught.value)


def test_a_step_of_ones_own_loop_says_it_too():
    for real, told in ((REAL.double(), "use data.to"), (REAL.numpy(), "takes tensors, not ndarray")):
        with pytest.raises(ValueError, match=told):
            train.train_step(picture_gan(), real)
    with pytest.raises(ValueError, match="takes no condition"):
        train.train_step(picture_gan(), REAL, condition=torch.zeros(16))
    with pytest.raises(ValueError, match="but was given"):  # what the network itself says is left as it is
        mlp_gan().judge(torch.zeros(4, 3))


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 400000000000000 bytes"),
])  # fmt: skip
def test_out_of_memory_says_what_to_do(error):
    def full(*given, **named):
        raise error

    with pytest.raises(MemoryError, match="out of memory on cpu: take a smaller batch_size"):
        train.train(mlp_gan(), points(), 3, step=full, progress=False)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_a_signal_lets_the_step_end_and_leaves_the_handlers_as_they_were(how):
    before, gan = signal.getsignal(how), mlp_gan()

    def step(gan, real, **given):
        if gan.steps == 5:
            signal.raise_signal(how)
        return train.train_step(gan, real, **given)

    history = train.train(gan, points(), 100, step=step, progress=False)
    assert history.interrupted == how and len(history.generator) == gan.steps == 6
    assert signal.getsignal(how) is before


def test_a_second_ctrl_c_ends_the_run_at_once():
    def step(gan, real, **given):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("went on")

    assert train.train(mlp_gan(), points(), 100, step=step, progress=False).interrupted == signal.SIGINT


def test_signals_that_are_ignored_stay_ignored():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        history = train.train(mlp_gan(), points(), 3, evaluate=lambda gan: signal.raise_signal(signal.SIGTERM),
                              snapshots=2, progress=False)  # fmt: skip
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not history.interrupted and len(history.generator) == 3


def test_one_snapshot_is_the_last():
    assert train.train(mlp_gan(), points(), 5, snapshots=1, progress=False).steps == [5]


def test_batches_that_end_or_lie_elsewhere_are_told():
    with pytest.raises(ValueError, match="batches ended"):
        train.train(mlp_gan(), [next(points())] * 3, 5, progress=False)
    elsewhere = [torch.empty(16, 2, device="meta")]
    with pytest.raises(ValueError, match="device=gan.device"):
        train.train(mlp_gan(), elsewhere, 1, progress=False)


def test_networks_in_float64_train_with_a_penalty():
    generator, discriminator = models.MLPGenerator().double(), models.MLPDiscriminator().double()
    gan = train.GAN(generator, discriminator, d_terms=[losses.penalty("r1", 1.0)], device="cpu")
    train.train_step(gan, torch.randn(16, 2, dtype=torch.float64))
    assert gan.sample(4).dtype == torch.float64


# --- chapter 06: the step as an argument, and a game as a dictionary --------------------------------------------------


def test_train_plays_the_step_that_it_is_given():
    gan, seen = mlp_gan(), []

    def step(*given, **named):
        seen.append((given[0], given[1].shape, named))
        return train.train_step(*given, **named)

    history = train.train(gan, points(), 3, step=step, progress=False)
    assert seen == [(gan, (16, 2), {"condition": None})] * 3 and len(history.generator) == 3


def test_a_game_loaded_from_another_plays_on_like_it():
    settings = {"ema": 0.9, "ema_warmup": True, "d_terms": [penalty("r1", 0.1, every=3)]}
    played, other = mlp_gan(**settings), mlp_gan(seed=1, **settings)
    for _ in range(5):
        train.train_step(played, next(points()))
    before = [p.data_ptr() for p in other.generator.parameters()]
    other.load_state_dict(copy.deepcopy(played.state_dict()))
    assert before == [p.data_ptr() for p in other.generator.parameters()]  # in place: a captured graph reads there
    for _ in range(5):
        batch, noise = next(points()), torch.randn(16, played.latent_dim)
        assert train.train_step(played, batch, noise) == train.train_step(other, batch, noise)
    for name in ("generator", "discriminator", "ema"):
        assert same(state(getattr(played, name)), state(getattr(other, name)))
    assert (other.steps, other.d_moves, other.g_moves, other.ema_moves.item()) == (10, 10, 10, 10)


def test_a_new_game_loaded_into_a_played_one_makes_it_new():
    new, played = mlp_gan(), mlp_gan()
    for _ in range(3):
        train.train_step(played, next(points()))
    played.load_state_dict(copy.deepcopy(new.state_dict()))
    batch, noise = next(points()), torch.randn(16, new.latent_dim)
    for gan in (new, played):
        train.train_step(gan, batch, noise)
    assert same(state(new.generator), state(played.generator)) and new.steps == played.steps == 1  # no old moments


def test_a_game_with_other_networks_cannot_be_loaded():
    with pytest.raises(ValueError, match="the saved game has another generator"):
        convolutional_gan()[0].load_state_dict(mlp_gan().state_dict())
    with pytest.raises(ValueError, match="the saved game has another ema"):
        mlp_gan(ema=0.9).load_state_dict(mlp_gan().state_dict())


@pytest.mark.parametrize("kind", [float, torch.tensor], ids=["a number", "a tensor"])
def test_a_rate_is_set_where_it_is_read(kind):
    group = {"lr": kind(0.1)}
    place = group["lr"]
    train.set_rate(group, 0.25)
    assert float(group["lr"]) == 0.25 and (group["lr"] is place) == (kind is torch.tensor)
