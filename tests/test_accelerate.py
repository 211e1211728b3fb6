"""The fast step against the plain one: the same update, to rounding, for everything that `accelerate` changes."""

import copy
import gc

import pytest
import torch
from recorded_graph import STAND_INS, Stream
from torch import nn
from torch.utils._pytree import tree_leaves

from gan_edu import accelerate, models, train
from gan_edu.data import Batches
from gan_edu.losses import Term, get_loss, penalty

FP32 = 1e-5  # relative norm, as the course promises
BF16 = 0.2  # the largest of 128 measured was 0.11: eight seeds of the cases below, both players


pytestmark = pytest.mark.usefixtures("one_thread")


class WithCondition(nn.Module):
    """A network of images or noise that adds a picture, or a number of it, to what it sees."""

    def __init__(self, network):
        super().__init__()
        self.network, self.latent_dim = network, getattr(network, "latent_dim", None)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x, condition):
        shown = condition if x.dim() == 4 else condition.flatten(1)[:, : x.shape[1]]
        return self.network(x + self.scale * shown)


PAIRS = {
    "dcgan": (
        lambda: models.DCGANGenerator(8, latent_dim=8, width=8),
        lambda: models.DCGANDiscriminator(8, width=8),
        (1, 8, 8),
    ),
    "dcgan with batch norm in D": (
        lambda: models.DCGANGenerator(8, latent_dim=8, width=8),
        lambda: models.DCGANDiscriminator(8, width=8, batch_norm=True),
        (1, 8, 8),
    ),
    "subpixel": (
        lambda: models.SubpixelGenerator(28, latent_dim=8, width=8),
        lambda: models.SubpixelDiscriminator(28, width=8),
        (1, 28, 28),
    ),
    "tutorial": (models.TutorialGenerator, models.TutorialDiscriminator, (1, 28, 28)),
}


def game(pair="dcgan", seed=0, n=64, conditional=False, optimizer=torch.optim.Adam, **settings):
    """A GAN, a batch of real images, noise and a condition, all of this seed; no Dropout."""
    torch.manual_seed(seed)
    build_g, build_d, shape = PAIRS[pair]
    g, d = build_g(), build_d()
    for layer in d.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    g, d = (WithCondition(network) if conditional else network for network in (g, d))
    rates = [optimizer(network.parameters(), 2e-4) for network in (g, d)]
    gan = train.GAN(g, d, "non_saturating", *rates, device="cpu", **settings)
    real, noise = torch.rand(n, *shape) * 2 - 1, torch.randn(n, gan.latent_dim or g.network.latent_dim)
    return gan, real, noise, torch.randn(n, *shape) if conditional else None


def gradients(gan):
    """All gradients of each player as one vector: what the last move was made along."""
    players = (gan.generator, gan.discriminator)
    return [torch.cat([p.grad.flatten().double() for p in player.parameters()]) for player in players]


def off(found, expected):
    """The difference in relative norm."""
    return float((found - expected).norm() / expected.norm())


def weights(network):
    return torch.cat([parameter.detach().flatten().double() for parameter in network.parameters()])


# The same update


CASES = {
    "dcgan alternating": ({}, {}),
    "dcgan simultaneous": ({"updates": "simultaneous"}, {}),
    "dcgan with R1": ({"d_terms": [penalty("r1", 1.0)]}, {}),
    "dcgan with batch norm in D": ({}, {"pair": "dcgan with batch norm in D"}),
    "dcgan with a condition": ({"d_terms": [penalty("r1", 1.0)]}, {"conditional": True}),
    "subpixel alternating": ({"d_terms": [penalty("r1", 1.0)]}, {"pair": "subpixel"}),
    "subpixel simultaneous": ({"updates": "simultaneous"}, {"pair": "subpixel"}),
    "tutorial simultaneous": ({"updates": "simultaneous"}, {"pair": "tutorial", "n": 16}),
}
every_case = pytest.mark.parametrize(("settings", "how"), CASES.values(), ids=CASES)


def fast_and_plain_gradients(precision, settings, how, seed=0):
    """Gradients of both players and losses, of one step from the same weights, noise, and real images."""
    (plain, real, noise, condition), (fast, *_) = (game(seed=seed, **how, **settings) for _ in range(2))
    expected = train.train_step(plain, real, noise, condition)
    found = accelerate.accelerate(fast, precision=precision)(fast, real, noise, condition)
    return gradients(fast), gradients(plain), found, expected


@every_case
def test_the_fast_step_computes_the_same_update_as_the_plain_one(settings, how):
    found, expected, losses, plain_losses = fast_and_plain_gradients("float32", settings, how)
    assert [off(*pair) < FP32 for pair in zip(found, expected, strict=True)] == [True, True]
    torch.testing.assert_close(losses, plain_losses, rtol=FP32, atol=FP32)


@every_case
def test_in_bfloat16_the_update_is_the_same_within_the_digits_that_it_has(settings, how):
    found, expected, losses, plain_losses = fast_and_plain_gradients("bfloat16", settings, how)
    distances = [off(*pair) for pair in zip(found, expected, strict=True)]
    assert max(distances) < BF16 and min(distances) > FP32  # rounded, so it was bfloat16; but not more than that
    assert all(loss.dtype == torch.float32 and not loss.requires_grad and loss.dim() == 0 for loss in losses)
    torch.testing.assert_close(losses, plain_losses, rtol=0.01, atol=0.01)


def test_in_bfloat16_losses_have_the_digits_of_float32():
    gan, real, noise, _ = game()
    d_loss, _ = accelerate.accelerate(gan, precision="bfloat16")(gan, real, noise)
    assert d_loss.bfloat16().float() != d_loss  # so no loss was ever held in 8 bits
    with torch.autocast("cpu", torch.bfloat16):
        assert gan.judge(real).dtype == torch.float32
    assert all(p.dtype == p.grad.dtype == torch.float32 for p in gan.discriminator.parameters())


def test_twenty_steps_of_the_fast_step_end_where_the_plain_ones_do():
    ends = []
    for fast in (False, True):
        gan, real, _, _ = game("subpixel", optimizer=torch.optim.SGD, ema=0.9)  # Adam would enlarge rounding
        step = accelerate.accelerate(gan, precision="float32") if fast else train.train_step
        for _ in range(20):
            step(gan, real, torch.randn(64, 8, generator=torch.Generator().manual_seed(gan.steps)))
        ends.append([weights(network) for network in (gan.generator, gan.discriminator, gan.ema)])
    assert [off(*pair) < FP32 for pair in zip(*ends, strict=True)] == [True] * 3


# Fused Adam


@pytest.mark.parametrize("already", [0, 5], ids=["new", "with moments from before"])
def test_fused_adam_is_adam(already):
    ends = []
    for fast in (False, True):
        gan, real, _, _ = game()
        random = torch.Generator().manual_seed(1)
        for step in range(20 + already):
            if fast and step == already:
                accelerate.fused_adam(gan)
                assert all(group["fused"] for group in gan.g_optimizer.param_groups + gan.d_optimizer.param_groups)
            for optimizer in (gan.g_optimizer, gan.d_optimizer):  # given gradients, so that rounding cannot feed back
                for parameter in optimizer.param_groups[0]["params"]:
                    parameter.grad = torch.randn(parameter.shape, generator=random)
                optimizer.step()
        ends.append([weights(gan.generator), weights(gan.discriminator)])
        steps = {float(state["step"]) for state in gan.d_optimizer.state.values()}
        assert steps == {20 + already}
    assert [off(*pair) < 1e-6 for pair in zip(*ends, strict=True)] == [True, True]
    start = weights(game()[0].generator)
    assert off(start, ends[0][0]) > 1e-3  # they went somewhere


def test_moments_follow_their_weights_into_the_new_memory_layout():
    gan, real, noise, _ = game("subpixel")
    train.train_step(gan, real, noise)
    accelerate.accelerate(gan)
    state = gan.d_optimizer.state
    assert {m.stride() == p.stride() for p, s in state.items() for n, m in s.items() if n != "step"} == {True}
    assert any(p.is_contiguous(memory_format=torch.channels_last) and not p.is_contiguous() for p in state)


def test_other_optimizers_are_left_as_they_are():
    gan, real, noise, _ = game(optimizer=torch.optim.SGD)
    accelerate.accelerate(gan)(gan, real, noise)
    assert not gan.g_optimizer.param_groups[0]["fused"]


# Real and fake in one batch


def test_one_batch_is_for_discriminators_without_batch_norm():
    found = {}
    for pair in PAIRS:
        gan = game(pair, n=1)[0]
        assert not gan.one_batch  # never without being asked
        accelerate.one_batch(gan)
        found[pair] = gan.one_batch
    assert found == {name: "batch norm" not in name for name in PAIRS}


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("loss", ["non_saturating", "relativistic"])
def test_one_pass_of_both_is_two_passes(loss, conditional):
    gan, real, noise, condition = game("subpixel", conditional=conditional)
    gan.loss = get_loss(loss)
    fake = gan.generate(noise, condition).detach()
    calls = []
    gan.discriminator.register_forward_hook(lambda module, given, out: calls.append(len(out)))
    results = []
    for gan.one_batch in (False, True):
        value, _ = train.discriminator_objective(gan, real, fake, condition)
        gan.discriminator.zero_grad()
        value.backward()
        results.append((value, torch.cat([p.grad.flatten() for p in gan.discriminator.parameters()])))
    assert calls == [64, 64, 128]
    (two, two_gradients), (one, one_gradients) = results
    assert one.item() == pytest.approx(two.item(), rel=1e-6) and off(one_gradients, two_gradients) < 1e-5


# Dropout


def test_quick_dropout_drops_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    n = 1_000_000
    for p in (0.1, 0.3, 0.5, 0.9):
        out = accelerate.QuickDropout(p)(torch.ones(n))
        assert out.unique().tolist() == pytest.approx([0, 1 / (1 - p)], rel=1e-4)
        spread = (p * (1 - p) / n) ** 0.5
        assert (out == 0).float().mean().item() == pytest.approx(p, abs=5 * spread)
        assert out.double().mean().item() == pytest.approx(1, abs=5 * spread / (1 - p))


def test_quick_dropout_drops_neighbours_independently():
    torch.manual_seed(0)
    kept = (accelerate.QuickDropout(0.3)(torch.ones(1_000_000)) != 0).double() - 0.7
    for distance in (1, 2, 3, 4, 8):  # four values share one random number of 64 bits
        assert abs((kept[distance:] * kept[:-distance]).mean().item()) < 5 * 0.21 / 1e3


def test_quick_dropout_takes_a_fresh_mask_each_time_and_obeys_the_seed():
    dropout, x = accelerate.QuickDropout(0.5), torch.ones(1000)
    torch.manual_seed(3)
    first, second = dropout(x), dropout(x)
    assert not torch.equal(first, second)
    torch.manual_seed(3)
    assert torch.equal(dropout(x), first)


def test_quick_dropout_is_the_identity_in_evaluation_mode():
    x = torch.randn(100)
    assert torch.equal(accelerate.QuickDropout(0.5).eval()(x), x)


@pytest.mark.parametrize("p", [0.0, 1e-6, 1 - 1e-6, 1.0])
def test_quick_dropout_at_the_ends_of_its_range_is_plain_dropout(p):
    x = torch.ones(1000)  # 1e-6 is rounded to none of 2^16 values, 1 - 1e-6 to all of them
    assert torch.equal(accelerate.QuickDropout(p)(x), nn.functional.dropout(x, round(p)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(5, 3, 7, 9), (1, 1, 1, 1), (4, 6, 1, 5)])
def test_quick_dropout_takes_any_layout_and_size(shape, dtype):
    x = torch.ones(shape, dtype=dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    out = accelerate.QuickDropout(0.25)(x)
    assert out.shape == x.shape and out.dtype == dtype and out.stride() == x.stride()
    out.sum().backward()
    assert torch.equal(x.grad, out)  # of ones, the mask itself: what was dropped has no gradient
    assert set(out.unique().tolist()) <= {0.0, torch.tensor(4 / 3, dtype=dtype).item()}


def test_accelerate_replaces_dropout_wherever_it_stands_and_keeps_share_and_mode():
    gan = game("tutorial", n=1)[0]
    gan.discriminator.extra = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Dropout(0.4)), nn.Dropout2d(0.1)).eval()
    accelerate.accelerate(gan)
    layers = [m for m in gan.discriminator.modules() if isinstance(m, nn.Dropout | nn.Dropout2d)]
    assert [type(m) for m in layers] == [accelerate.QuickDropout] * 3 + [nn.Dropout2d]
    assert [(m.p, m.training) for m in layers[1:]] == [(0.0, True), (0.4, False), (0.1, False)]


# Precision, layout, bytes


def test_precision_is_refused_unless_known_and_auto_follows_the_device():
    gan = game()[0]
    with pytest.raises(ValueError, match="precision is 'float16'; choose auto, float32 or bfloat16"):
        accelerate.accelerate(gan, precision="float16")
    assert gan.precision == "float32" and not gan.one_batch  # nothing was changed
    for precision in accelerate.PRECISIONS:
        accelerate.accelerate(gan, precision=precision)
        assert gan.precision == precision
    accelerate.accelerate(gan)
    assert gan.precision == accelerate.pick_precision(gan.device)


@pytest.mark.parametrize(
    ("used", "has", "expected"),
    [
        ("AVX512", {"avx512_bf16": True}, "bfloat16"),
        ("AVX512_BF16", {"avx512_bf16": True}, "bfloat16"),
        ("AVX512", {"avx512_bf16": False}, "float32"),
        ("AVX2", {"avx512_bf16": True}, "float32"),  # PyTorch was told not to use it
        ("DEFAULT", {}, "float32"),  # another architecture
    ],
)
def test_auto_asks_what_the_cpu_can_do_and_no_stopwatch(used, has, expected, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: used)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    assert accelerate.pick_precision(torch.device("cpu")) == expected


def test_the_precision_of_a_saved_game_wins():
    saved, other = game()[0], game()[0]
    accelerate.accelerate(saved, precision="bfloat16")
    step = accelerate.accelerate(other, precision="float32")
    other.load_state_dict(copy.deepcopy(saved.state_dict()))
    assert saved.state_dict()["precision"] == other.precision == "bfloat16"
    _, real, noise, _ = game()
    expected = accelerate.fast_step(saved, real, noise)
    assert step(other, real, noise) == expected


def test_networks_and_what_they_see_are_channels_last():
    gan, real, noise, _ = game("subpixel", ema=0.9)
    seen = []
    convolutions = [m for m in gan.discriminator.modules() if isinstance(m, nn.Conv2d)]
    convolutions[-1].register_forward_hook(lambda m, given, out: seen.extend([*given, out]))
    accelerate.accelerate(gan)(gan, real, noise)
    networks = (gan.generator, gan.discriminator, gan.ema)
    kernels = [p for network in networks for p in network.parameters() if p.dim() == 4]
    assert kernels and all(x.is_contiguous(memory_format=torch.channels_last) for x in (*kernels, *seen))


def test_accelerate_keeps_images_as_bytes():
    images = torch.arange(256.0).repeat(4, 1).reshape(16, 1, 8, 8) / 127.5 - 1
    batches = Batches(images, batch_size=4)
    accelerate.accelerate(game()[0], batches)
    assert batches.tensors[0].dtype == torch.uint8


def test_a_graph_without_a_gpu_is_refused():
    with pytest.raises(ValueError, match="a CUDA graph needs a GPU, but the GAN is on cpu"):
        accelerate.accelerate(game()[0], graph=True)


def test_the_fast_step_trains_points_too():
    gan = train.GAN(models.MLPGenerator(hidden=8), models.MLPDiscriminator(hidden=8), device="cpu")
    batches = Batches(torch.randn(64, 2), batch_size=16)
    step = accelerate.accelerate(gan, batches)
    history = train.train(gan, batches, 5, d_steps=2, step=step, progress=False)
    assert history.generator.shape == (5,) and (gan.steps, gan.d_moves, gan.g_moves) == (5, 10, 5)


# A CUDA graph, played on the CPU: `recorded_graph`


@pytest.fixture
def cuda_on_the_cpu(monkeypatch):
    for name, stand_in in STAND_INS.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(Stream, "current", Stream())


def captured(gan):
    """The GAN as `accelerate` leaves it for a graph, and the step."""
    accelerate.accelerate(gan, precision="float32", graph=False)
    return accelerate.CapturedStep(gan)


def everything(gan):
    """All tensors that a game consists of."""
    leaves = tree_leaves(gan.state_dict())
    return [leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]


def equal(a, b):
    return all(torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y for x, y in zip(a, b, strict=True))


LAZY = {"d_terms": [penalty("r1", 1.0, every=4)]}


@pytest.mark.parametrize("updates", train.UPDATES)
def test_replays_are_the_steps_bit_for_bit(updates, cuda_on_the_cpu):
    runs = []
    for graph in (False, True):
        gan, real, _, _ = game("subpixel", updates=updates, ema=0.9, ema_warmup=True, **LAZY)
        step = captured(gan)
        step = step if graph else accelerate.fast_step
        torch.manual_seed(5)  # noise is drawn within the step
        losses = [step(gan, real + 0.01 * i) for i in range(9)]
        runs.append([losses, everything(gan)])
    (plain_losses, plain), (losses, found) = runs
    assert losses == plain_losses and equal(found, plain)
    assert len({tuple(map(float, pair)) for pair in losses}) == 9  # what was returned is kept, not overwritten


def test_there_is_one_graph_for_each_set_of_terms_that_are_due(cuda_on_the_cpu):
    computed = []

    def on_g(judge, real, fake, condition):
        computed.append(gan.g_moves)
        return fake.square().mean()

    gan, real, _, _ = game(d_terms=[penalty("r1", 1.0, every=4)], g_terms=[Term("small", on_g, 0.1, every=2)])
    step, cases = captured(gan), []
    for _ in range(8):
        before = {case: graph.replays for case, (graph, *_) in step.graphs.items()}
        step(gan, real)
        cases += [case[:2] for case, (graph, *_) in step.graphs.items() if graph.replays > before.get(case, 0)]
    due = [(gan.d_terms if move % 4 == 0 else (), gan.g_terms if move % 2 == 0 else ()) for move in range(8)]
    assert cases == due and len(step.graphs) == 3  # one replay each time, of the graph in which those terms are
    assert (gan.steps, gan.d_moves, gan.g_moves) == (8, 8, 8)
    assert computed == [0] * 4 + [2] * 4  # played three times and recorded once, for each graph that it is in


@pytest.mark.parametrize("change", [{"updates": "simultaneous"}, {"one_batch": False}, {"d_terms": ()}])
def test_a_changed_setting_is_recorded_anew(change, cuda_on_the_cpu):
    ends = []
    for graph in (False, True):
        gan, real, noise, _ = game("subpixel", **LAZY)
        step = captured(gan)
        step = step if graph else accelerate.fast_step
        step(gan, real, noise)
        vars(gan).update(change)
        ends.append([step(gan, real, noise), everything(gan)])
    (plain_losses, plain), (losses, found) = ends
    assert losses == plain_losses and equal(found, plain)
    assert len(step.graphs) == 2


def test_capturing_leaves_the_game_and_the_random_numbers_as_they_were(cuda_on_the_cpu):
    for moved in (0, 3):  # Adam has no moments yet, or some
        gan, real, _, _ = game(ema=0.9, **LAZY)
        step = captured(gan)
        for _ in range(moved):
            accelerate.fast_step(gan, real)
        before, random = everything(gan), torch.get_rng_state()
        graph, places, _ = step._capture(gan, (real, None, None))
        assert graph.replays == 0 and graph.operations and places[1:] == [None, None]
        assert graph.collected is False and gc.isenabled()
        assert torch.equal(torch.get_rng_state(), random)
        moments = [leaf for state in gan.d_optimizer.state.values() for leaf in state.values()]
        if moved:
            assert equal(everything(gan), before)
        else:
            assert all(not leaf.any() for leaf in moments)  # there are some now, of nothing
            assert equal(everything(gan.generator), before[: len(everything(gan.generator))])


def test_warm_up_and_recording_share_a_stream_beside_the_one_outside(cuda_on_the_cpu, monkeypatch):
    gan, real, noise, _ = game(n=8)
    step, play, streams = captured(gan), accelerate.fast_step, []
    monkeypatch.setattr(accelerate, "fast_step", lambda *given: streams.append(Stream.current) or play(*given))
    graph, *_ = step._capture(gan, (real, noise, None))
    assert streams == [graph.stream] * 4 and graph.stream is not Stream.current
    assert Stream.current in graph.stream.waits_for and graph.stream in Stream.current.waits_for


def test_a_graph_reads_its_own_places_not_the_callers_tensors(cuda_on_the_cpu):
    gan, real, noise, _ = game()
    step = captured(gan)
    step(gan, real, noise)
    ((_, (place, *_), *_),) = step.graphs.values()
    given = real.clone()
    real.fill_(7.0)  # the caller may do what he likes with what he gave
    assert torch.equal(place, given)
    step(gan, given / 2, noise)
    assert torch.equal(place, given / 2) and len(step.graphs) == 1
    step(gan, given[:8], noise[:8])  # another shape is another graph
    assert len(step.graphs) == 2


def test_a_captured_step_follows_the_schedule_of_the_rates(cuda_on_the_cpu):
    ends = []
    for graph in (False, True):
        gan, real, _, _ = game()
        captured_step = captured(gan)
        batches = Batches(real, batch_size=8)
        step = captured_step if graph else accelerate.fast_step
        torch.manual_seed(0)
        train.train(gan, batches, 10, step=step, final_rate=0.0, progress=False)
        ends.append(everything(gan))
    assert equal(*ends)
    assert all(isinstance(group["lr"], torch.Tensor) for group in gan.g_optimizer.param_groups)
    frozen = game()[0]  # and where nobody learns, nothing moves: the rate is read in every replay
    step = captured(frozen)
    step(frozen, real)
    for group in frozen.g_optimizer.param_groups + frozen.d_optimizer.param_groups:
        train.set_rate(group, 0.0)
    before = weights(frozen.generator), weights(frozen.discriminator)
    step(frozen, real)
    assert torch.equal(weights(frozen.generator), before[0]) and torch.equal(weights(frozen.discriminator), before[1])


CHANGES = {
    "a rate": lambda gan: [group.update(lr=1e-2) for group in gan.g_optimizer.param_groups],
    "a rate as a tensor": lambda gan: [group.update(lr=torch.tensor(1e-2)) for group in gan.d_optimizer.param_groups],
    "betas": lambda gan: [group.update(betas=(0.9, 0.9)) for group in gan.g_optimizer.param_groups],
    "epsilon": lambda gan: [group.update(eps=0.1) for group in gan.d_optimizer.param_groups],
    "weight decay": lambda gan: [group.update(weight_decay=0.1) for group in gan.d_optimizer.param_groups],
    "the decay of the average": lambda gan: setattr(gan, "ema_decay", 0.1),
    "its warm-up": lambda gan: setattr(gan, "ema_warmup", True),
    "another average": lambda gan: setattr(gan, "ema", copy.deepcopy(gan.generator)),
    "frozen weights": lambda gan: next(gan.discriminator.parameters()).requires_grad_(False),
    "frozen statistics": lambda gan: [m.eval() for m in gan.generator.modules() if isinstance(m, nn.BatchNorm2d)],
    "another loss": lambda gan: setattr(gan, "loss", get_loss("hinge")),
    "the weight of a term": lambda gan: setattr(gan, "d_terms", (penalty("r1", 5.0),)),
    "Adam forgets": lambda gan: gan.g_optimizer.state.clear(),
    "Adam was loaded": lambda gan: gan.g_optimizer.load_state_dict(trained_optimizer()),
}


def trained_optimizer():
    """What an ordinary Adam remembers of such a G after ten steps with other rules: not fused, not capturable."""
    gan, real, noise, _ = game("subpixel", seed=3, n=8)
    for group in gan.g_optimizer.param_groups:
        group["betas"] = (0.5, 0.9)
    for _ in range(10):
        train.train_step(gan, real, noise)
    return copy.deepcopy(gan.g_optimizer.state_dict())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_captured_step_follows_every_change_of_settings(change, cuda_on_the_cpu):
    ends = []
    for graph in (False, True):
        gan, real, noise, _ = game("subpixel", n=8, ema=0.9, **LAZY)
        step = captured(gan)
        step = step if graph else accelerate.fast_step
        start = [step(gan, real, noise) for _ in range(2)]
        before = learners(gan)
        change(gan)
        if not graph:
            captured(gan)  # Adam as it stays in a captured step; one that was loaded would round otherwise
        losses = [step(gan, real, noise) for _ in range(4)]  # in the third R1 is due
        moved = [after - old for after, old in zip(learners(gan), before, strict=True)]
        ends.append([torch.tensor([*start, *losses]), *learners(gan), *moved])
    assert max(off(found, expected) for expected, found in zip(*ends, strict=True)) < 1e-6


def test_without_a_change_there_is_no_new_graph_and_a_new_rate_needs_none(cuda_on_the_cpu):
    gan, real, noise, _ = game("subpixel", n=8, ema=0.9, **LAZY)
    step = captured(gan)
    for i in range(8):
        gan.g_optimizer.param_groups[0]["lr"] = 1e-3 * i
        step(gan, real, noise)
    assert len(step.graphs) == 2  # with R1 and without


def test_only_so_many_graphs_are_kept(cuda_on_the_cpu, monkeypatch):
    monkeypatch.setattr(accelerate, "GRAPHS", 3)
    gan, real, noise, _ = game(n=8, ema=0.9)
    step = captured(gan)
    for i in range(5):
        gan.ema_decay = 0.9 - 0.1 * i
        step(gan, real, noise)
    assert [case[2][4] for case in step.graphs] == pytest.approx([0.7, 0.6, 0.5])


class Trouble:
    """A term of D that goes wrong at its n-th computation: the fourth is the one that is recorded."""

    def __init__(self, at, error):
        self.at, self.error, self.calls = at, error, 0

    def __call__(self, judge, real, fake, condition):
        self.calls += 1
        if self.calls == self.at:
            if self.error is None:
                judge(real).mean().item()  # waits for the device, which no graph can
            else:
                raise self.error
        return judge(fake).square().mean()


@pytest.mark.parametrize(
    ("at", "error", "told"),
    [
        (2, ValueError("the term is wrong"), "the term is wrong"),
        (2, KeyboardInterrupt("stop"), "stop"),
        (4, KeyboardInterrupt("stop"), "stop"),
        (4, None, r"cannot be recorded as a CUDA graph \(.*capturing\); accelerate\(gan, graph=False\)"),
    ],
    ids=["warm-up", "Ctrl-C in the warm-up", "Ctrl-C in the recording", "recording"],
)
def test_after_a_failure_all_is_as_it_was(at, error, told, cuda_on_the_cpu):
    outside = Stream.current
    gan, real, noise, _ = game(n=8, ema=0.9)
    step = captured(gan)
    for _ in range(3):
        step(gan, real, noise)
    graphs = dict(step.graphs)
    gan.d_terms = (Term("trouble", Trouble(at, error), 1.0),)
    before, random = everything(gan), torch.get_rng_state()
    with pytest.raises(RuntimeError if error is None else type(error), match=told):
        step(gan, real, noise)
    assert equal(everything(gan), before) and torch.equal(torch.get_rng_state(), random)
    assert step.graphs == graphs and gc.isenabled()
    assert Stream.current is outside and outside.waits_for  # what was launched aside must have ended
    gan.d_terms = ()
    twin, *_ = game(n=8, ema=0.9)  # and it goes on
    twin_step = captured(twin)
    for _ in range(4):
        expected = twin_step(twin, real, noise)
    assert step(gan, real, noise) == expected


def test_on_an_old_gpu_the_layout_stays(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert accelerate._layout(torch.device("cuda")) == torch.contiguous_format  # a T4
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert accelerate._layout(torch.device("cuda")) == torch.channels_last
    assert accelerate._layout(torch.device("cpu")) == torch.channels_last


# A CUDA graph on a GPU


@pytest.fixture
def gpu(monkeypatch):
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    return torch.device("cuda")


def smooth(network):
    """The network with SiLU for (Leaky)ReLU: at a kink, rounding alone can turn a gradient by a thousandth."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU | nn.LeakyReLU):
                setattr(module, name, nn.SiLU())
    return network


def on(device, pair="subpixel", **settings):
    """A smooth game, real images and noise on that device. Adam's `eps` of 1 keeps rounding as small as it was."""
    gan, real, noise, _ = game(pair)
    g, d = (smooth(network).to(device) for network in (gan.generator, gan.discriminator))
    rates = [torch.optim.Adam(network.parameters(), 0.1, eps=1.0) for network in (g, d)]
    return train.GAN(g, d, "non_saturating", *rates, device=device, **settings), real.to(device), noise.to(device)


def moments(optimizer):
    """Adam's averages of gradients as one vector: where a graph leaves what it moved along."""
    return torch.cat([state["exp_avg"].flatten().double() for state in optimizer.state.values()])


def learners(gan):
    """The weights of G, D and the EMA, as vectors."""
    return [weights(network) for network in (gan.generator, gan.discriminator, gan.ema)]


def plays_the_same_steps(step, fast, plain, real, noise, rounding=FP32):
    """Is each of five captured steps the plain one, from where that stands? R1 is due in the first and in the fifth."""
    for _ in range(5):
        fast.load_state_dict(copy.deepcopy(plain.state_dict()))
        before = learners(plain)
        losses, expected = step(fast, real, noise), train.train_step(plain, real, noise)
        for found, right, start in zip(learners(fast), learners(plain), before, strict=True):
            assert off(found, right) < rounding and off(found - start, right - start) < 1e-3  # a move has fewer digits
        for name in ("g_optimizer", "d_optimizer"):
            assert off(moments(getattr(fast, name)), moments(getattr(plain, name))) < rounding
        torch.testing.assert_close(losses, expected, rtol=rounding, atol=0)
    assert len(step.graphs) == 2 and (fast.steps, fast.d_moves, fast.g_moves) == (5, 5, 5)


@pytest.mark.parametrize("updates", train.UPDATES)
@pytest.mark.parametrize("pair", ["subpixel", "tutorial"])
def test_on_a_gpu_the_captured_step_computes_the_same_update(pair, updates, gpu):
    plain, real, noise = on(gpu, pair, updates=updates, ema=0.9, **LAZY)
    fast, *_ = on(gpu, pair, updates=updates, ema=0.9, **LAZY)
    step = accelerate.accelerate(fast, precision="float32")
    assert isinstance(step, accelerate.CapturedStep)
    plays_the_same_steps(step, fast, plain, real, noise, rounding=1e-4)  # the two layouts run different algorithms


@pytest.mark.parametrize("updates", train.UPDATES)
def test_the_recorded_graph_computes_the_same_update(updates, cuda_on_the_cpu):
    plain, real, noise = on("cpu", updates=updates, ema=0.9, **LAZY)
    fast, *_ = on("cpu", updates=updates, ema=0.9, **LAZY)
    plays_the_same_steps(captured(fast), fast, plain, real, noise)


def test_on_a_gpu_images_become_bytes_there(gpu):
    images = torch.arange(256.0).repeat(4, 1).reshape(16, 1, 8, 8) / 127.5 - 1
    batches = Batches(images, batch_size=16, device=gpu)
    floats = Batches(images, batch_size=16, device=gpu)
    batches.to_bytes()
    (kept,) = batches.tensors
    assert kept.dtype == torch.uint8 and kept.device.type == "cuda"
    torch.testing.assert_close(next(batches), next(floats), rtol=0, atol=1e-6)


def test_on_a_gpu_losses_are_copies_noise_is_fresh_and_rates_are_followed(gpu):
    gan, real, _ = on(gpu, ema=0.9, ema_warmup=True)
    step = accelerate.accelerate(gan)
    losses = [step(gan, real) for _ in range(5)]
    assert len({float(pair.generator) for pair in losses}) == 5 and float(gan.ema_moves) == 5
    for group in gan.g_optimizer.param_groups + gan.d_optimizer.param_groups:
        train.set_rate(group, 0.0)
    before = weights(gan.generator)
    step(gan, real)
    assert torch.equal(weights(gan.generator), before)
    batches = Batches(real, batch_size=8, device=gpu)
    history = train.train(gan, batches, 6, step=step, final_rate=0.1, progress=False)
    assert len(set(history.generator.tolist())) == 6
