"""The exercises of chapter 4: four sick runs, one loop with all four illnesses, and a GAN from an empty cell.

Steps and loops are told by the weights that they lead to. Every typical mistake is played here as well, from the same
start on the same batches; where an answer's weights are those of a mistake, its hint names that mistake.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain, cycle, product
from types import CodeType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_pre_hook

from gan_edu import data, metrics, models, train
from gan_edu.exercises.core import NotAttempted, Wrong, call, close, exercise, require, require_diagnoses, same_move

STEPS, BATCH, TRAINING_STEPS, SECONDS = 5, 64, 600, 20  # the last two are for one training of the capstone
SGD, ADAM = partial(torch.optim.SGD, lr=0.05), partial(torch.optim.Adam, lr=4e-3, betas=(0.5, 0.99))


class Players(NamedTuple):
    """Two networks with their optimizers, in the order in which the reader's step takes them."""

    g: torch.nn.Module
    d: torch.nn.Module
    g_optimizer: torch.optim.Optimizer
    d_optimizer: torch.optim.Optimizer

    def weights(self) -> tuple[Tensor, Tensor]:
        """All weights of G, and all of D, each as one vector."""
        return tuple(torch.cat([p.detach().flatten() for p in net.parameters()]) for net in (self.g, self.d))


def _networks() -> tuple[torch.nn.Module, torch.nn.Module]:
    """The same at each call. D has strong opinions: at 1/2 the two losses of G have one gradient."""
    torch.manual_seed(0)
    g, d = models.MLPGenerator(hidden=16), models.MLPDiscriminator(hidden=16)
    d.net[-1].weight.data.mul_(20)
    return g, d


def _players(optimizer: Callable, networks: tuple | None = None, owners: str = "gd") -> Players:
    """`owners`: whose weights G's optimizer holds, and whose D's: "g", "d", or "b" for both players'."""
    g, d = networks or _networks()
    held = {"g": [g], "d": [d], "b": [g, d]}
    return Players(g, d, *(optimizer(chain(*(net.parameters() for net in held[owner]))) for owner in owners))


def _batches() -> list[tuple[Tensor, Tensor]]:
    """Real points and noise for each step, (BATCH, 2) each."""
    torch.manual_seed(1)
    return [(data.ring().sample(BATCH), torch.randn(BATCH, 2)) for _ in range(STEPS)]


def _same(start: tuple, found: tuple, right: tuple) -> bool:
    """Did both players arrive at the same place? A rounding may turn the sign of one of Adam's many moves."""
    return all(same_move(*vectors, tolerance=0.02) for vectors in zip(start, found, right, strict=True))


# --- the right step and the mistakes ----------------------------------------------------------------------------------


def _d_loss(d, real, fake):
    return softplus(-d(real)).mean() + softplus(d(fake)).mean()


def _turned(d, real, fake):
    return _d_loss(d, fake, real)


def _g_loss(d, fake):
    return softplus(-d(fake)).mean()


def _help(d, fake):
    return softplus(d(fake)).mean()


def _minimax(d, fake):
    return -softplus(d(fake)).mean()


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


NEVER_CLEARED = "No gradient is ever cleared, so each backward() adds to what is left of the last: call zero_grad()."
TOO_EARLY = (
    "D's gradients are cleared too early: G's backward() runs through D and leaves gradients there, which your next "
    "step adds to D's. Clear them right before D's backward()."
)
STEP_MISTAKES: dict[str, dict] = {  # hint -> what the mistake changes in the step
    NEVER_CLEARED: {"cleared": ""},
    "D's gradients are never cleared: d_optimizer.zero_grad() before D's backward().": {"cleared": "g"},
    "G's gradients are never cleared: g_optimizer.zero_grad() before G's backward().": {"cleared": "d"},
    TOO_EARLY: {"clear_at": "after each step"},
    "G moves along the sum of both losses: D's backward() ran into G, because the fakes were not detached, and nothing "
    "cleared what it left there.": {"clear_at": "the start", "detach": False},
    "D's backward() ran into G: detach the fakes, and clear G's gradients.": {"cleared": "d", "detach": False},
    "G's backward() ran through D before D stepped: D moves first, then compute G's loss.": {
        "order": "gd", "d_loss": lambda d, real, fake: _d_loss(d, real, fake) + _g_loss(d, fake),
    },
    "G was moved first, and D saw the fakes of the moved G. Here D moves first.": {"order": "gd", "fresh_fake": True},
    "G learns against the D from before its move: compute G's loss after d_optimizer.step().": {"order": "gd"},
    "G's loss is the saturating one, -softplus(D(fake)): take softplus(-D(fake)).": {"g_loss": _minimax},
    "G helps D: its loss must fall as D takes the fakes for real; a fake's target is 1 in G's loss.": {"g_loss": _help},
    "D's targets are swapped: 1 for real, 0 for fake; G wants 1 for its fakes. Yours cooperate.": {"d_loss": _turned},
    "All targets are turned round, for both players. A game as well, but here a high logit means real.": {
        "d_loss": _turned, "g_loss": _help,
    },
    "A sigmoid too many: D returns logits, and a loss `with_logits` squashes them. Leave out torch.sigmoid.": {
        "d_loss": lambda d, real, fake: _squashed_twice(d(real), 1.0) + _squashed_twice(d(fake), 0.0),
        "g_loss": lambda d, fake: _squashed_twice(d(fake), 1.0),
    },
    "The optimizers are swapped: after D's backward() steps d_optimizer, after G's g_optimizer.": {
        "owners": {"d": "g", "g": "d"}, "fresh_fake": True,
    },
    "Is G's loss a mean? Yours is the sum over the batch.": {"g_loss": lambda d, fake: softplus(-d(fake)).sum()},
    "D's loss is halved: its two means are added, not averaged.": {"d_loss": lambda *all: _d_loss(*all) / 2},
    "D learns from the real batch alone: add its loss on the fakes.": {"d_loss": lambda d, real, _: _g_loss(d, real)},
    "D learns from the fakes alone: add its loss on the real batch.": {"d_loss": lambda d, real, fake: _help(d, fake)},
}  # fmt: skip


def _which_player(start: tuple, found: tuple, right: tuple) -> str:
    """What can be said of weights that no known mistake leads to."""
    if torch.equal(found[0], start[0]):
        return "G stands still: its loss needs fakes with their graph (no detach, no no_grad), then backward(), step()."
    if torch.equal(found[1], start[1]):
        return "D stands still: it needs a backward() of its own loss and then d_optimizer.step()."
    if same_move(start[1], found[1], right[1], 0.02):
        return "D's weights are right, G's are not: go through G's move line by line."
    return "D's weights are off: is its loss the sum of softplus(-D(real)) and softplus(D(fake)), each as a mean?"


# --- sick runs --------------------------------------------------------------------------------------------------------

WORDS = ("optimizer", "clearing", "noise", "sign", "detach", "momentum")  # what a reader may answer
PATIENTS = ("noise", "sign", "optimizer", "clearing")  # what ails the patients 1 to 4
SIGNS = {
    "noise": "on the noise that it was trained on all is well, and only there.",
    "sign": "both losses fall to nearly zero together, which no two opponents can do.",
    "optimizer": "G's samples stay where they were born, to the last digit, while G's loss moves: who moves on it?",
    "clearing": "the logits of real points grow and grow, to 2,000. Momentum forgets; what never forgets?",
}


def sick_run(patient: int, steps: int = 600, seed: int = 0) -> dict[str, Tensor]:
    """Train a GAN on the ring with what ails a patient from 1 to 4; 0 is in good health. Returns the curves "D" and "G"
    (losses), "real" and "fake" (mean logits), all (steps,); and points (n, 2): "before" and "after" of one noise,
    "trained_on" of the last step's noise, "fresh" of new noise.
    """
    ill = PATIENTS[patient - 1] if patient else "healthy"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        networks = g, d = models.MLPGenerator(16, depth=3), models.MLPDiscriminator(depth=3)
        adam = partial(torch.optim.Adam, lr=2e-3, betas=(0.0, 0.99))
        players = _players(adam, networks, "dd" if ill == "optimizer" else "gd")
        changes = {"clearing": {"cleared": ""}, "sign": {"g_loss": _help}}.get(ill, {})
        points, once, probe, seen = data.ring().sample(10_000), torch.randn(16, 16), torch.randn(300, 16), []
        shown = {"before": g(probe).detach()}
        for _ in range(steps):
            real = points[torch.randint(len(points), (128,))]
            noise = once if ill == "noise" else torch.randn(128, 16)
            with torch.no_grad():
                fake = g(noise)
                losses = _d_loss(d, real, fake), changes.get("g_loss", _g_loss)(d, fake)
                seen.append(torch.stack([*losses, d(real).mean(), d(fake).mean()]))
            _step(players, real, noise, **changes)
        shown |= {name: g(z).detach() for name, z in (("after", probe), ("trained_on", noise))}
        shown["fresh"] = g(torch.randn(300, 16)).detach()
        return shown | dict(zip(("D", "G", "real", "fake"), torch.stack(seen).T, strict=True))


@exercise("4.1 Four patients")
def check_diagnoses(my_diagnoses):
    """One word for each patient."""
    require_diagnoses(my_diagnoses, PATIENTS, WORDS, SIGNS)
    return "Four of four, without a line of code: samples first, then losses, then logits."


# What may be wrong in a loop: hint -> what it changes. The first of each is right.
OWNERS = {
    "": "gd",
    "G never moves: whose weights does g_optimizer hold?": "dd",
    "Each optimizer holds the other player's weights.": "dg",
    "D never moves: d_optimizer holds G's weights.": "gg",
    "g_optimizer holds both players' weights, so that G's move bends D: give it G's alone.": "bd",
}
CLEARED = {
    "": {},
    NEVER_CLEARED: {"cleared": ""},
    "G's gradients are cleared, D's are not.": {"cleared": "g"},
    "D's gradients are cleared, G's are not.": {"cleared": "d"},
    TOO_EARLY: {"clear_at": "after each step"},
}
WISHES = {
    "": {},
    "G wants low logits for its fakes, as D does: they agree.": {"g_loss": _help},
    "G's loss is the minimax one, whose gradient dies when D is sure: the minus goes inside.": {"g_loss": _minimax},
    "D's loss was turned round as well, and calls fakes real: mend G's line alone.": {"d_loss": _turned},
    "D's loss was turned round instead of G's: high must mean real.": {"d_loss": _turned, "g_loss": _help},
}


def _loop(real: list[Tensor], for_d: list[Tensor], for_g: list[Tensor], owners: str = "gd", **changes) -> tuple:
    """The weights after a loop that shows D fakes of one noise and moves G on another, or on the same."""
    players = _players(ADAM, owners=owners)
    for x, d_noise, g_noise in zip(real, for_d, for_g, strict=True):
        _step(players, x, d_noise, order="d", **changes)
        _step(players, x, g_noise, order="g", **changes)
    return players.weights()


@exercise("4.2 One loop, four illnesses")
def check_mended_loop(mended_loop):
    """The weights of the mended loop on whatever noise it drew; or all that is left to mend."""
    real, players, fed = [x for x, _ in _batches()], _players(ADAM), []
    start = players.weights()
    players.g.register_forward_pre_hook(lambda _, inputs: fed.append(inputs[0].detach().clone()))
    try:
        call(mended_loop, players.g, players.d, cycle(real), lambda n: torch.randn(n, 2), STEPS)
    except Wrong:
        found, once = players.weights(), fed[:1] * STEPS
        if fed and _same(start, found, _loop(real, once, once, "dd", cleared="", g_loss=_help)):
            raise NotAttempted from None
        raise
    found, calls = players.weights(), len(fed) // STEPS
    made = f"G made fakes {len(fed)} times in {STEPS} steps: once a step for both players, or once for each."
    require(calls in (1, 2) and len(fed) == calls * STEPS, made)
    nobody = "Nobody moves now: a step() comes after its backward(), and between the two nothing is cleared."
    require(not all(map(torch.equal, found, start)), nobody)
    for_d, for_g = fed[::calls], fed[calls - 1 :: calls]
    stale = [all(torch.equal(noise, noises[0]) for noise in noises) for noises in (for_d, for_g)]
    whose = "both" if all(stale) else "one"
    noise = [f"One batch of noise serves {whose} of the players for ever."] * any(stale)
    games = sorted(product(OWNERS, CLEARED, WISHES), key=lambda hints: sum(map(bool, hints)))
    for (owners, cleared, wish), pair in product(games, ((for_d, for_g), (for_g, for_d))[:calls]):
        if _same(start, found, _loop(real, *pair, OWNERS[owners], **CLEARED[cleared], **WISHES[wish])):
            left = [*filter(bool, (owners, cleared, wish)), *noise]
            require(not left, f"{len(left)} to mend: " + " ".join(left))
            return "Healthy: own weights, clean gradients, fresh noise, and two players who disagree."
    raise Wrong(" ".join([_which_player(start, found, _loop(real, for_d, for_g)), *noise]))


# --- the step ---------------------------------------------------------------------------------------------------------


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
    pair = isinstance(answer, tuple | list) and len(answer) == 2
    require(pair, "The weights are right. Return both losses as well: (d_loss, g_loss).")
    require(not all(map(close, answer, reference[::-1])), "The weights are right, but D's loss comes first, then G's.")
    before = "The weights are right, the losses are not: return each as it was before its player moved."
    require(all(map(close, answer, reference)), before)
    graph = "All is right, but the losses that you return hold their graphs, which fill the memory: detach() them."
    require(not any(getattr(loss, "requires_grad", False) for loss in answer), graph)


@exercise("4.3 The step, from an empty cell")
def check_my_step(my_step):
    """Five steps from given weights: first with plain gradient descent, which hides nothing, then with Adam."""
    _require_plain(my_step)
    batches = _batches()
    for optimizer in (SGD, ADAM):
        gan, players = train.GAN(*_networks(), "non_saturating", device="cpu"), _players(optimizer)
        gan.g_optimizer = optimizer(gan.generator.parameters())
        gan.d_optimizer = optimizer(gan.discriminator.parameters())
        ours, first = Players(gan.generator, gan.discriminator, None, None), ()
        start, dice = players.weights(), torch.get_rng_state()
        for real, noise in batches:
            losses = train.train_step(gan, real, noise)
            answer = call(my_step, *players, real, noise)
            first = first or (players.weights(), ours.weights())  # later moves inherit the mistakes of the first
        found, right = players.weights(), ours.weights()
        if not _same(start, found, right):
            same_dice = torch.equal(dice, torch.get_rng_state())
            require(same_dice, "Your step draws random numbers: take the noise that is given.")
            for hint, mistake in STEP_MISTAKES.items():
                mistaken = _players(optimizer)
                for real, noise in batches:
                    _step(mistaken, real, noise, **mistake)
                require(not _same(start, found, mistaken.weights()), hint)
            raise Wrong(_which_player(start, *first))
        _require_loss_pair(answer, losses)
    return "Five steps, and every weight is where gan_edu's own step would put it."


# --- the loop ---------------------------------------------------------------------------------------------------------


def _keys(points: Tensor) -> Tensor:
    """A whole number (N,) for each of the points (N, 2), equal where the points are."""
    return points.detach().contiguous().clone().view(torch.int64).flatten()


class _Watch(ExitStack):
    """Sees, while a reader's loop runs, which noise reaches a G, which points reach any network, and who steps how."""

    def __enter__(self):
        self.noise, self.points, self.moves, self.betas, self.rate = [], [], {}, [0.0], 1.0
        self.dice = torch.Generator().manual_seed(0)  # of its own: the reader's random numbers stay as they are
        self.enter_context(register_module_forward_hook(self.see))
        self.enter_context(register_optimizer_step_pre_hook(self.count))
        return self

    def see(self, module, inputs, output):
        x = inputs[0] if inputs else None
        if isinstance(x, Tensor) and x.dim() == 2 and x.shape[1] == 2 and x.dtype == torch.float32:
            few = torch.randint(len(x), (256,), generator=self.dice) if len(x) > 256 else slice(None)
            (self.noise if getattr(output, "shape", None) == x.shape else self.points).append(_keys(x[few]))

    def count(self, optimizer, arguments, keywords):
        self.moves[id(optimizer)] = self.moves.get(id(optimizer), 0) + 1
        self.betas.append(max(group.get("betas", (0.0,))[0] for group in optimizer.param_groups))
        self.rate = min(self.rate, *(float(group["lr"]) for group in optimizer.param_groups))

    def require_moves(self, said: str, still: bool) -> None:
        """What is surely wrong in a failed training: nobody moved, or G did not, or too seldom, or with momentum."""
        require(self.moves, said + "no optimizer ever made a step. Is there a loop over `steps`?")
        require(not still, said + "after all steps G is where it was after one: whose are its optimizer's weights?")
        made, beta = min(self.moves.values()), max(self.betas)
        require(made >= 0.9 * TRAINING_STEPS, said + f"an optimizer made {made} steps of {TRAINING_STEPS}.")
        require(beta <= 0.5, said + f"Adam's first beta is {beta}, and momentum feeds the chase: take at most 0.5.")
        require(self.rate >= 5e-4, said + f"a learning rate is {self.rate:g}, too low to arrive: 4.2 took 4e-3.")

    def require_fresh(self, points: Tensor) -> None:
        """The same few noises or points for ever are refused; where nothing could be seen, nothing is said."""
        noises = len(torch.cat(self.noise).unique()) if len(self.noise) >= 100 else 1000
        require(noises >= 1000, f"Your G was trained on {noises} draws of noise: draw fresh noise in every step.")
        seen = int(torch.isin(_keys(points), torch.cat(self.points)).sum()) if self.points else 0
        hint = f"Only {seen} of the 10,000 points ever reached your D: draw a fresh batch in every step."
        require(seen >= 1000 or seen == 0, hint)  # none: points were scaled, or judged in another way


def _samples(generator) -> Tensor:
    kind = type(generator).__name__
    require(callable(generator), f"Return the trained generator, from noise (n, 2) to points (n, 2), not a {kind}.")
    with torch.no_grad():  # dice of its own: whoever does not seed must not be seeded here
        fake = generator(torch.randn(2000, 2, generator=torch.Generator().manual_seed(2)))
    shape = tuple(getattr(fake, "shape", ()))
    require(shape == (2000, 2), f"From noise (2000, 2) the generator must make points (2000, 2), not {shape}.")
    require(fake.isfinite().all(), "The generator makes NaN: a loss blew up. Lower the learning rates.")
    return fake


@exercise("4.4 The loop, from an empty cell")
def check_my_training(my_training):
    """The modes that the trained generator finds, and how it was trained; an unlucky seed is forgiven once."""
    _require_plain(my_training)
    ring = data.ring()
    points = ring.sample(10_000, torch.Generator().manual_seed(0))
    with _Watch() as watch:  # what two steps show is told before the long run
        short = [_samples(call(my_training, points.clone(), 2, 0)) for _ in range(2)]
    require(torch.equal(*short) or not watch.moves, "No two runs are alike: start with torch.manual_seed(seed).")
    for seed in (0, 1):
        began = time.thread_time()
        with _Watch() as watch:
            generator = call(my_training, points.clone(), TRAINING_STEPS, seed)
        require(time.thread_time() - began < SECONDS, f"It took more than {SECONDS} s: take smaller networks.")
        fake = _samples(generator)
        watch.require_fresh(points)
        modes = metrics.mode_coverage(fake, ring.centers, ring.std).modes
        if modes >= 6:
            require(watch.moves, f"{modes} of 8 modes, but no optimizer ever made a step: who learned this?")
            return f"{modes} of 8 modes, and not a line of it was ours."
        _require_free_range(generator)
        watch.require_moves(f"{modes} of 8 modes: ", still=torch.equal(fake, short[0]))
        used = set(_names(my_training.__code__)) if hasattr(my_training, "__code__") else {"grad"}
        cleared = used & {"zero_grad", "grad", "my_step", "move"}
        require(cleared, f"{modes} of 8 modes: are gradients cleared? No zero_grad() is called here.")
    said = f"{modes} of 8 modes, after another seed as well: "
    step = "Is D as fast as G, are gradients cleared? If so: what does the checker of 4.3 say of your step?"
    require(fake.norm(dim=1).mean() < 3, said + f"the samples ran far outside. {step}")
    require(fake.std(0).norm() > 0.3, said + f"all samples sit close together, a collapse. {step}")
    raise Wrong(said + f"spread out, but not on the modes. Are there three hidden layers of 64? {step}")


@torch.no_grad()
def _require_free_range(generator: Callable) -> None:
    """Noise a thousand times too large shows if the last layer keeps all samples in a box, which no seed can mend."""
    far = generator(1000 * torch.randn(2000, 2))
    for low in (0, -1):
        boxed = far.std(0).norm() > 0.1 and low <= far.min() and far.max() <= 1
        hint = f"Your samples can never leave [{low}, 1], the ring reaches beyond it. Is a sigmoid or a tanh the last "
        require(not boxed, hint + "layer of G? End with a linear one.")
