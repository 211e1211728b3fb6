"""The exercises of chapter 04: a GAN from an empty cell, and four broken loops.

Answers are told by the weights that they lead to. Every typical mistake is played here as well, from the same start on
the same batches; where an answer's weights are those of a mistake, its hint names that mistake.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, cycle
from types import CodeType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from gan_edu import data, metrics, models, train
from gan_edu.exercises.core import NotAttempted, Wrong, call, close, exercise, require

STEPS, BATCH, SECONDS = 5, 64, 20  # the seconds are for one training of the capstone
Batches = list[tuple[Tensor, Tensor]]  # pairs of real points and noise, (BATCH, 2) each


class Players(NamedTuple):
    """Two networks with their optimizers, in the order in which the reader's step takes them."""

    g: torch.nn.Module
    d: torch.nn.Module
    g_optimizer: torch.optim.Optimizer
    d_optimizer: torch.optim.Optimizer


class Weights(NamedTuple):
    """All weights of each player as one vector."""

    g: Tensor
    d: Tensor


def _networks() -> tuple[torch.nn.Module, torch.nn.Module]:
    """The same at each call. D has strong opinions: at 1/2 the two losses of G have one gradient."""
    torch.manual_seed(0)
    g, d = models.MLPGenerator(hidden=16), models.MLPDiscriminator(hidden=16)
    d.net[-1].weight.data.mul_(20)
    return g, d


def _players(optimizer: Callable) -> Players:
    g, d = _networks()
    return Players(g, d, optimizer(g.parameters()), optimizer(d.parameters()))


def _weights(g: torch.nn.Module, d: torch.nn.Module) -> Weights:
    return Weights(*(torch.cat([p.detach().flatten() for p in network.parameters()]) for network in (g, d)))


def _batches(steps: int = STEPS) -> Batches:
    torch.manual_seed(1)
    return [(data.ring().sample(BATCH), torch.randn(BATCH, 2)) for _ in range(steps)]


def _apart(a: Tensor, b: Tensor, start: Tensor) -> float:
    """How far apart two vectors of weights are, as a share of the way from the start to `b`."""
    return float((a - b).norm() / (b - start).norm().clamp(min=1e-12))


def _same(a: Weights, b: Weights, start: Weights) -> bool:
    """Did both players arrive at the same place? A rounding may turn the sign of one of Adam's many moves."""
    return all(_apart(*vectors) < 0.02 for vectors in zip(a, b, start, strict=True))


# --- the right step and the mistakes ----------------------------------------------------------------------------------


def _d_loss(d, real, fake):
    return softplus(-d(real)).mean() + softplus(d(fake)).mean()


def _g_loss(d, fake):
    return softplus(-d(fake)).mean()


def _squashed_twice(logits, target):
    return binary_cross_entropy_with_logits(torch.sigmoid(logits), torch.full_like(logits, target))


def _step(
    players: Players,
    real: Tensor,
    noise: Tensor,
    d_loss: Callable = _d_loss,
    g_loss: Callable = _g_loss,
    order: str = "dg",
    cleared: str = "dg",
    clear_at: str = "before each backward",
    detach: bool = True,
    fresh_fake: bool = False,
    owners: dict[str, str] | None = None,
) -> None:
    """The step of the 2014 paper with one batch of noise, or, with other settings, what a mistake makes of it."""
    g, d = players.g, players.d
    optimizers = {"g": players.g_optimizer, "d": players.d_optimizer}
    if clear_at == "the start":
        for player in cleared:
            optimizers[player].zero_grad()
    fake = g(noise)
    for player in order:
        if fresh_fake:
            fake = g(noise)
        loss = d_loss(d, real, fake.detach() if detach else fake) if player == "d" else g_loss(d, fake)
        if clear_at == "before each backward" and player in cleared:
            optimizers[player].zero_grad()
        loss.backward(retain_graph=True)
        moving = optimizers[(owners or {}).get(player, player)]
        moving.step()
        if clear_at == "after each step":
            moving.zero_grad()


def _play(step: Callable, players: Players, batches: Batches) -> Weights:
    """The weights after one step on each of the batches."""
    for real, noise in batches:
        step(players, real, noise)
    return _weights(players.g, players.d)


STEP_MISTAKES: dict[str, Callable] = {  # hint -> the step that deserves it
    "Gradients are never cleared, so each backward() adds to what is left of the last: call zero_grad() on each "
    "optimizer before its backward().": partial(_step, cleared=""),
    "D's gradients are never cleared: d_optimizer.zero_grad() before D's backward().": partial(_step, cleared="g"),
    "G's gradients are never cleared: g_optimizer.zero_grad() before G's backward().": partial(_step, cleared="d"),
    "D's gradients are cleared too early. G's backward() runs through D and leaves gradients there, which your next "
    "step adds to D's: clear them right before D's backward().": partial(_step, clear_at="after each step"),
    "G moves along the sum of both losses: D's backward() ran into G, because the fakes were not detached, and nothing "
    "cleared what it left there.": partial(_step, clear_at="the start", detach=False),
    "G was moved first, and D saw the fakes of the moved G. Here D moves first.": partial(
        _step, order="gd", fresh_fake=True
    ),
    "G learns against the D from before its move: compute G's loss after d_optimizer.step().": partial(
        _step, order="gd"
    ),
    "G's loss is the saturating one, -softplus(D(fake)): take the non-saturating softplus(-D(fake)).": partial(
        _step, g_loss=lambda d, fake: -softplus(d(fake)).mean()
    ),
    "G helps D: its loss must fall as D takes the fakes for real, so the target of a fake is 1 in G's loss.": partial(
        _step, g_loss=lambda d, fake: softplus(d(fake)).mean()
    ),
    "D's targets are swapped: 1 for real and 0 for fake; G then wants 1 for its fakes. Yours cooperate.": partial(
        _step, d_loss=lambda d, real, fake: _d_loss(d, fake, real)
    ),
    "All targets are turned round, for both players. A game as well, but here a high logit means real.": partial(
        _step, d_loss=lambda d, real, fake: _d_loss(d, fake, real), g_loss=lambda d, fake: softplus(d(fake)).mean()
    ),
    "A sigmoid too many: D returns logits, and a loss `with_logits` squashes them. Leave out torch.sigmoid.": partial(
        _step,
        d_loss=lambda d, real, fake: _squashed_twice(d(real), 1.0) + _squashed_twice(d(fake), 0.0),
        g_loss=lambda d, fake: _squashed_twice(d(fake), 1.0),
    ),
    "The optimizers are swapped: after D's backward() steps d_optimizer, after G's g_optimizer.": partial(
        _step, owners={"d": "g", "g": "d"}, fresh_fake=True
    ),
    "D's loss is halved: its two means are added, not averaged.": partial(
        _step, d_loss=lambda d, real, fake: _d_loss(d, real, fake) / 2
    ),
    "D learns from the real batch alone: add its loss on the fakes.": partial(
        _step, d_loss=lambda d, real, fake: softplus(-d(real)).mean()
    ),
    "D learns from the fakes alone: add its loss on the real batch.": partial(
        _step, d_loss=lambda d, real, fake: softplus(d(fake)).mean()
    ),
}


def _diagnose(found: Weights, start: Weights, mistakes: dict[str, Weights]) -> str | None:
    """The hint of the mistake that leads to just these weights, if there is one."""
    return next((hint for hint, weights in mistakes.items() if _same(found, weights, start)), None)


def _with_clear_errors(function: Callable, *arguments):
    """The result, or None; PyTorch's two best-known complaints about a GAN's step are put into the game's own words."""
    try:
        return call(function, *arguments)
    except NotAttempted:
        return None  # a stub, or a return forgotten: the weights will tell
    except RuntimeError as error:
        if "second time" in str(error):
            raise Wrong(
                "D's backward() walked through G and freed its graph, so G's backward() finds nothing: let D judge "
                "fake.detach()."
            ) from None
        if "inplace" in str(error):
            raise Wrong(
                "A network moved between a loss and its backward(): compute G's loss after D's step, and let each "
                "optimizer step right after its own player's backward()."
            ) from None
        raise


def _names(code: CodeType) -> Iterator[str]:
    """Every global name and attribute that a function uses, also in the functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _require_plain(function: Callable) -> None:
    used = set(_names(function.__code__)) if hasattr(function, "__code__") else set()
    shortcuts = used & {"train_step", "discriminator_step", "generator_step", "recipes", "gan_edu"}
    require(not shortcuts, f"Without gan_edu: your code uses {', '.join(sorted(shortcuts))}. Write it out in PyTorch.")


def _require_loss_pair(answer, reference: train.StepLosses) -> None:
    require(answer is not None, "Your step works, but it returns None: return both losses, (d_loss, g_loss).")
    pair = isinstance(answer, tuple | list) and len(answer) == 2
    require(pair, "The weights are right. Return both losses as well: (d_loss, g_loss).")
    require(not all(map(close, answer, reference[::-1])), "The weights are right, but D's loss comes first, then G's.")
    require(
        all(map(close, answer, reference)),
        "The weights are right, the losses are not: return each as it was before its player moved.",
    )


def _reference(players: Players, batches: Batches) -> tuple[Weights, train.StepLosses]:
    """The weights that `train_step` leads to, and the losses of its last step."""
    gan = train.GAN(players.g, players.d, "non_saturating", players.g_optimizer, players.d_optimizer, device="cpu")
    for real, noise in batches:
        losses = train.train_step(gan, real, noise)
    return _weights(players.g, players.d), losses


@exercise("4.1 The step, from an empty cell")
def check_my_step(my_step):
    """Five steps from given weights: first with plain gradient descent, which hides nothing, then with Adam."""
    _require_plain(my_step)
    batches, start = _batches(), _weights(*_networks())
    optimizers = partial(torch.optim.SGD, lr=0.05), partial(torch.optim.Adam, lr=4e-3, betas=(0.5, 0.99))
    for optimizer in optimizers:
        right, losses = _reference(_players(optimizer), batches)
        players = _players(optimizer)
        for real, noise in batches:
            answer = _with_clear_errors(my_step, *players, real, noise)
        found = _weights(players.g, players.d)
        if answer is None and all(map(torch.equal, found, start)):
            raise NotAttempted
        if not _same(found, right, start):
            mistakes = {hint: _play(step, _players(optimizer), batches) for hint, step in STEP_MISTAKES.items()}
            raise Wrong(_diagnose(found, start, mistakes) or _which_player(found, right, start))
        _require_loss_pair(answer, losses)
    return "Five steps, and every weight is where gan_edu's own step would put it."


def _which_player(found: Weights, right: Weights, start: Weights) -> str:
    """What can be said of weights that no known mistake leads to."""
    if torch.equal(found.g, start.g):
        return (
            "G stands still. Its loss needs the fakes with their graph (no detach and no no_grad there), a backward(), "
            "and after it a step of g_optimizer."
        )
    if torch.equal(found.d, start.d):
        return "D stands still: it needs a backward() of its own loss and then d_optimizer.step()."
    if _apart(found.d, right.d, start.d) < _apart(found.g, right.g, start.g):
        return "D's weights are closer to the right ones than G's: look at G's move. Does it use the given noise?"
    return "D's weights are off: is its loss the sum of softplus(-D(real)) and softplus(D(fake)), each as a mean?"


# --- the loop ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
def _require_free_range(generator: Callable) -> None:
    """Noise a thousand times too large shows if the last layer keeps all samples in a box, which no seed can mend."""
    far = generator(1000 * torch.randn(2000, 2))
    for low in (0, -1):
        boxed = far.std() > 0.1 and low <= far.min() and far.max() <= 1
        require(
            not boxed,
            f"Your samples can never leave [{low}, 1], and the ring reaches beyond it. Is a sigmoid or a tanh the last "
            "layer of G? End with a linear one.",
        )


@exercise("4.2 The loop, from an empty cell")
def check_my_training(my_training):
    """The modes that the trained generator finds; an unlucky seed is forgiven once."""
    _require_plain(my_training)
    ring = data.ring()
    points = ring.sample(10_000, torch.Generator().manual_seed(0))
    for seed in (0, 1):
        began, dice = time.thread_time(), torch.get_rng_state()
        generator = _with_clear_errors(my_training, points.clone(), 1500, seed)
        seconds = time.thread_time() - began
        if generator is None and torch.equal(dice, torch.get_rng_state()):
            raise NotAttempted
        require(generator is not None, "Your code ran, but it returns None: return the trained generator.")
        require(callable(generator), "Return the trained generator: a network that maps noise (n, 2) to points (n, 2).")
        torch.manual_seed(2)
        with torch.no_grad():
            fake = generator(torch.randn(2000, 2))
        require(
            isinstance(fake, Tensor) and fake.shape == (2000, 2),
            f"From noise (2000, 2) the generator must make points (2000, 2), not {tuple(getattr(fake, 'shape', ()))}.",
        )
        require(seconds < SECONDS, f"Right or wrong, it took {seconds:.0f} s; {SECONDS} are allowed: smaller networks.")
        require(fake.isfinite().all(), "The generator makes NaN: a loss blew up. Lower the learning rates.")
        modes = metrics.mode_coverage(fake, ring.centers, ring.std).modes
        if modes >= 6:
            return f"{modes} of 8 modes, and not a line of it was ours."
    _require_free_range(generator)
    spread, distance = fake.std(0).norm(), fake.norm(dim=1).mean()
    require(
        spread > 0.3,
        f"{modes} of 8 modes: all samples sit close together. Your GAN has collapsed; momentum (Adam's first beta) of "
        "at most 0.5 and a D no slower than G help.",
    )
    require(distance < 3, f"{modes} of 8 modes: the samples ran far outside. Does G's loss push where D says real?")
    raise Wrong(
        f"{modes} of 8 modes, twice: the samples are spread out, but not on the modes. Does G train at all, on fresh "
        "noise and all steps? Are three hidden layers of 64 there, and rates of about 1e-3?"
    )


# --- four broken loops ------------------------------------------------------------------------------------------------


class Dice:
    """Draws the noise of `batches`, one after the other, and counts."""

    def __init__(self, batches: Batches):
        self.noise, self.drawn = [noise for _, noise in batches], 0

    def __call__(self, n: int) -> Tensor:
        require(n == BATCH, f"draw_noise({n}): take as many as there are real points, {BATCH}.")
        self.drawn += 1
        return self.noise[(self.drawn - 1) % len(self.noise)].clone()


def _adam(parameters: Iterable) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=4e-3, betas=(0.5, 0.99))


def _run_mended(loop: Callable, batches: Batches) -> tuple[Weights, Dice, bool]:
    """The reader's loop on given networks and batches: the weights afterwards, its dice, and did it return anything?"""
    g, d = _networks()
    dice = Dice(batches)
    result = _with_clear_errors(loop, g, d, cycle(real for real, _ in batches), dice, STEPS)
    return _weights(g, d), dice, result is not None


def _mark_mended(found: Weights, right: list[Weights], mistakes: dict[str, Weights], returned: bool) -> None:
    """Passes right weights that were returned. The first of the mistakes is the loop as it was given."""
    start = _weights(*_networks())
    if any(_same(found, weights, start) for weights in right):
        require(returned, "The loop is mended, and it works, but it returns None: return generator.")
        return
    if not returned and (_same(found, next(iter(mistakes.values())), start) or _same(found, start, start)):
        raise NotAttempted
    raise Wrong(_diagnose(found, start, mistakes) or _which_player(found, right[0], start))


def _check_mended(loop: Callable, mistakes: dict[str, Callable[[Batches], Weights]], praise: str) -> str:
    """Right weights, or the hint of the mistake that leads to the weights found."""
    batches = _batches()
    found, _, returned = _run_mended(loop, batches)
    right, _ = _reference(_players(_adam), batches)
    _mark_mended(found, [right], {hint: play(batches) for hint, play in mistakes.items()}, returned)
    return praise


def _played(**changes) -> Callable[[Batches], Weights]:
    """A mistake that shows in the step alone."""
    return lambda batches: _play(partial(_step, **changes), _players(_adam), batches)


def _owning(g_owns: str, d_owns: str) -> Callable[[Batches], Weights]:
    """A mistake in what the optimizers hold: "g", "d", or both players' weights."""

    def play(batches):
        g, d = _networks()
        holders = {"g": [g], "d": [d], "gd": [g, d]}
        held = [chain(*(network.parameters() for network in holders[owns])) for owns in (g_owns, d_owns)]
        return _play(_step, Players(g, d, *map(_adam, held)), batches)

    return play


@exercise("4.3 The copied line")
def check_mended_optimizers(mended_optimizers):
    """Each optimizer holds its own player's weights."""
    mistakes = {
        "Nothing is mended: G never moves, both optimizers pull at D. Whose weights does g_optimizer hold?": _owning(
            "d", "d"
        ),
        "Now it is the other way round: each optimizer holds the other player's weights.": _owning("d", "g"),
        "Now D never moves: d_optimizer holds G's weights.": _owning("g", "g"),
        "g_optimizer holds both players' weights now, so that G's move bends D as well: give it G's alone.": _owning(
            "gd", "d"
        ),
        "d_optimizer holds both players' weights now: give it D's alone.": _owning("g", "gd"),
    }
    return _check_mended(mended_optimizers, mistakes, "Each optimizer holds the weights of its own player.")


@exercise("4.4 The loop that forgets nothing")
def check_mended_gradients(mended_gradients):
    """Both players' gradients are cleared at the right time."""
    mistakes = {
        "Nothing is mended: no gradient is ever cleared, so each move repeats all earlier ones.": _played(cleared=""),
        "G's are cleared, D's are not.": _played(cleared="g"),
        "D's are cleared, G's are not.": _played(cleared="d"),
        "Cleared too early: between D's step and D's next backward(), G's backward() leaves gradients on D. Clear "
        "right before each backward().": _played(clear_at="after each step"),
    }
    found, dice, _ = _run_mended(mended_gradients, _batches())
    require(
        not dice.drawn or not all(map(torch.equal, found, _weights(*_networks()))),
        "Nobody moves now: you clear between backward() and step(), so the step has nothing to go by.",
    )
    return _check_mended(mended_gradients, mistakes, "What a player acts on is the gradient of this step.")


@exercise("4.5 The same dice")
def check_mended_noise(mended_noise):
    """Fresh noise in every step: one batch for both players, or one for each."""
    batches = _batches(2 * STEPS)
    found, dice, returned = _run_mended(mended_noise, batches)
    require(dice.drawn > 0 or not returned, "Take the noise from draw_noise(n), in every step.")
    real, noise = [r for r, _ in batches], [z for _, z in batches]

    def play(d_noise, g_noise):
        """D's move on fakes of its noise, then G's on fakes of its own, in every step."""
        players = _players(_adam)
        for x, for_d, for_g in zip(real[:STEPS], d_noise, g_noise, strict=True):
            _step(players, x, for_d, order="d")
            _step(players, x, for_g, order="g")
        return _weights(players.g, players.d)

    once = [noise[0]] * STEPS
    right = [play(noise[:STEPS], noise[:STEPS]), play(noise[0::2], noise[1::2])]
    mistakes = {
        "Nothing is mended: the noise is drawn once, before the loop, and every step uses it again.": play(once, once),
        "G moves on fresh noise, but D is still shown the fakes of the first: use the fresh ones for both.": play(
            once, noise[1 : STEPS + 1]
        ),
        "D sees fakes of fresh noise, but G still moves on the first: use the fresh ones for both.": play(
            noise[1 : STEPS + 1], once
        ),
    }
    _mark_mended(found, right, mistakes, returned)
    return "New noise for each step: G must answer for the whole of its noise, not for one batch."


@exercise("4.6 Two happy players")
def check_mended_wish(mended_wish):
    """G wants its fakes to be taken for real."""

    def swapped(d, real, fake):
        return _d_loss(d, fake, real)

    mistakes = {
        "Nothing is mended: D wants low logits for fakes, and so does G. They agree, and G does not improve.": _played(
            g_loss=lambda d, fake: softplus(d(fake)).mean()
        ),
        "They are opponents now, but through the minimax loss, whose gradient dies when D is sure: put the minus "
        "inside softplus, not before it.": _played(g_loss=lambda d, fake: -softplus(d(fake)).mean()),
        "You turned D's loss round as well: D now calls the fakes real. Mend G's line alone.": _played(
            d_loss=swapped, g_loss=_g_loss
        ),
        "You turned D's loss instead of G's. They are opponents now, but a high logit must mean real.": _played(
            d_loss=swapped, g_loss=lambda d, fake: softplus(d(fake)).mean()
        ),
    }
    return _check_mended(mended_wish, mistakes, "What one player wants, the other does not.")
