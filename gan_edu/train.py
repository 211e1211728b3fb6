"""The game: two players, one step of it, and the loop. Taught in chapter 03.

`train_step` is Algorithm 1 of Goodfellow et al. (2014) for one batch; everything else in this module serves it.
"""

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from gan_edu import checkpoints
from gan_edu.losses import GANLoss, Term, get_loss

UPDATES = ("alternating", "simultaneous")
PLAYERS = ("generator", "discriminator", "ema", "g_optimizer", "d_optimizer")
COUNTS = ("steps", "d_moves", "g_moves")


class StepLosses(NamedTuple):
    """The losses of both players in one step, without their terms: scalar tensors on the device, without a graph."""

    discriminator: Tensor
    generator: Tensor


class TrainingDiverged(FloatingPointError):
    """A loss became NaN or infinite."""


class GAN:
    """Two networks, two optimizers, a loss, and the prior that noise is drawn from.

    generator: maps noise (N, latent_dim) to samples; `generator(noise, condition)` where there is a condition
    discriminator: maps samples to logits (N,) or (N, K); `discriminator(samples, condition)` likewise
    loss: a name in `losses.LOSSES` or a `GANLoss`
    g_optimizer, d_optimizer: optimizers of the two networks' parameters; by default Adam with learning rate 2e-4 and
        betas (0.5, 0.999), as in DCGAN (Radford et al. 2016)
    updates: "alternating" (D moves, then G against the moved D: the 2014 paper) or "simultaneous" (both gradients
        from one forward pass, before either moves)
    d_terms, g_terms: `losses.Term`s that are added to the loss of D and of G
    ema: the decay, in [0, 1), of a moving average of G's weights that `sample` then uses; None for no average
    ema_warmup: begin with a smaller decay, (1 + t) / (10 + t) after t steps, so that G's first, random weights are
        forgotten soon
    latent_dim: by default the generator's own `latent_dim`
    device: "auto" is CUDA where there is one, else the CPU

    Raises ValueError for an unknown loss or kind of updates, or an optimizer of other parameters than its player's.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        loss: str | GANLoss = "non_saturating",
        g_optimizer: torch.optim.Optimizer | None = None,
        d_optimizer: torch.optim.Optimizer | None = None,
        updates: str = "alternating",
        d_terms: tuple[Term, ...] | list[Term] = (),
        g_terms: tuple[Term, ...] | list[Term] = (),
        ema: float | None = None,
        ema_warmup: bool = False,
        latent_dim: int | None = None,
        device: str | torch.device = "auto",
    ):
        if updates not in UPDATES:
            raise ValueError(f"updates is {updates!r}; choose one of {', '.join(UPDATES)}")
        if ema is not None and not 0 <= ema < 1:
            raise ValueError(f"ema is {ema}; it is a decay in [0, 1), for example 0.995, or None")
        self.device = pick_device(device)
        self.generator = generator.to(self.device)
        self.discriminator = discriminator.to(self.device)
        self.loss = get_loss(loss)
        self.g_optimizer = _optimizer_of(self.generator, g_optimizer, "g_optimizer")
        self.d_optimizer = _optimizer_of(self.discriminator, d_optimizer, "d_optimizer")
        self.updates = updates
        self.d_terms, self.g_terms = tuple(d_terms), tuple(g_terms)
        self.ema_decay, self.ema_warmup = ema, ema_warmup
        self.ema_moves = torch.zeros((), device=self.device)  # on the device, so that a captured graph counts too
        self.ema = None if ema is None else copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.latent_dim = getattr(generator, "latent_dim", None) if latent_dim is None else latent_dim
        if self.latent_dim is None:
            raise ValueError("the generator has no `latent_dim`: say how much noise it takes, GAN(..., latent_dim=2)")
        self.steps = 0  # `train_step`s so far
        self.d_moves, self.g_moves = 0, 0  # of each player; terms with `every` > 1 follow them
        self.one_batch = False  # do real samples and fakes pass through D as one batch, where D moves alone?
        self.precision = "float32"  # of the networks in a step; set by `accelerate`, and kept with a checkpoint

    def sample_noise(self, n: int) -> Tensor:
        """`n` draws from the prior, a standard normal: (n, latent_dim), of the generator's dtype."""
        return torch.randn(n, self.latent_dim, device=self.device, dtype=next(self.generator.parameters()).dtype)

    def generate(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        """G(noise), with its graph."""
        return self.generator(noise) if condition is None else self.generator(noise, condition)

    def judge(self, samples: Tensor, condition: Tensor | None = None) -> Tensor:
        """D(samples): logits (N,) or (N, K). Raises ValueError where D gives anything else."""
        logits = self.discriminator(samples) if condition is None else self.discriminator(samples, condition)
        if logits.dim() not in (1, 2) or len(logits) != len(samples):
            raise ValueError(
                f"the discriminator turned samples of shape {tuple(samples.shape)} into {tuple(logits.shape)}; it must "
                f"give logits for each sample: ({len(samples)},) or ({len(samples)}, K). Flatten its last layer"
            )
        return logits.to(torch.promote_types(logits.dtype, torch.float32))  # a loss needs more digits than bf16 has

    @torch.no_grad()
    def sample(self, n: int = 64, noise: Tensor | None = None, condition: Tensor | None = None) -> Tensor:
        """`n` samples, or those of the given noise, from the averaged generator if there is one, in evaluation mode."""
        generator = self.generator if self.ema is None else self.ema
        noise = self.sample_noise(n) if noise is None else noise
        was_training = generator.training
        generator.eval()
        try:
            return generator(noise) if condition is None else generator(noise, condition)
        finally:
            generator.train(was_training)

    @torch.no_grad()
    def update_ema(self) -> None:
        """The average follows the generator: ema <- decay * ema + (1 - decay) * weights; statistics are copied."""
        if self.ema is None:
            return
        share = 1 - self.ema_decay
        if self.ema_warmup:
            share = (9 / (10 + self.ema_moves)).clamp(min=share)
        for average, weight in zip(self.ema.parameters(), self.generator.parameters(), strict=True):
            average.lerp_(weight, share)
        for average, buffer in zip(self.ema.buffers(), self.generator.buffers(), strict=True):
            average.copy_(buffer)
        self.ema_moves += 1

    def state_dict(self) -> dict:
        """All that a game has learnt, for a checkpoint: weights, averages, optimizers and counts."""
        players = {name: getattr(self, name).state_dict() for name in PLAYERS if getattr(self, name) is not None}
        counts = {name: getattr(self, name) for name in COUNTS}
        return {**players, **counts, "ema_moves": self.ema_moves, "precision": self.precision}

    def load_state_dict(self, state: dict) -> None:
        """Stand where another game of the same kind stood, in place. Raises ValueError where networks differ."""
        try:
            for name in ("generator", "discriminator") if self.ema is None else ("generator", "discriminator", "ema"):
                getattr(self, name).load_state_dict(state[name])
        except (RuntimeError, KeyError):
            raise ValueError(f"the saved game has another {name} than this one") from None
        _load_optimizer(self.g_optimizer, state["g_optimizer"])
        _load_optimizer(self.d_optimizer, state["d_optimizer"])
        vars(self).update({name: state[name] for name in (*COUNTS, "precision")})
        self.ema_moves.copy_(state["ema_moves"])


def train_step(gan: GAN, real: Tensor, noise: Tensor | None = None, condition: Tensor | None = None) -> StepLosses:
    """One step of the game on a batch of real samples: (N, ...) like the generator's output.

    Noise is drawn from the prior where none is given; both players use the same. Nothing waits for the device.
    Raises ValueError where the generator's samples are not shaped like the real ones.
    """
    noise = gan.sample_noise(len(real)) if noise is None else noise
    fake = gan.generate(noise, condition)
    if fake.shape != real.shape:
        raise ValueError(f"the generator makes samples of shape {tuple(fake.shape)}, the data are {tuple(real.shape)}")
    if gan.updates == "alternating":
        d_loss = discriminator_step(gan, real, fake.detach(), condition)
        g_loss = generator_step(gan, real, fake, condition)
    else:
        d_loss, g_loss = _simultaneous_step(gan, real, fake, condition)
    gan.update_ema()
    gan.steps += 1
    return StepLosses(d_loss, g_loss)


def discriminator_step(gan: GAN, real: Tensor, fake: Tensor, condition: Tensor | None = None) -> Tensor:
    """D moves once; returns its loss before the move, a scalar tensor. `fake` needs no graph."""
    loss, objective = discriminator_objective(gan, real, fake, condition)
    differentiate(objective, gan.d_optimizer)
    move(gan.d_optimizer)
    gan.d_moves += 1
    return loss.detach()


def generator_step(gan: GAN, real: Tensor, fake: Tensor, condition: Tensor | None = None) -> Tensor:
    """G moves once; returns its loss before the move, a scalar tensor. `fake` carries the graph back to G."""
    if not fake.requires_grad:
        raise ValueError("fake has no graph, so G cannot learn from it: pass gan.generate(noise), without detach")
    loss, objective = generator_objective(gan, real, fake, condition)
    differentiate(objective, gan.g_optimizer)
    move(gan.g_optimizer)
    gan.g_moves += 1
    return loss.detach()


def _simultaneous_step(gan, real, fake, condition):
    """Both gradients from one forward pass, then both moves."""
    logits = _logits(gan, real, fake, condition)
    d_loss, d_objective = discriminator_objective(gan, real, fake.detach(), condition, logits)
    g_loss, g_objective = generator_objective(gan, real, fake, condition, logits)
    differentiate(d_objective, gan.d_optimizer, retain_graph=True)
    differentiate(g_objective, gan.g_optimizer)
    move(gan.d_optimizer)
    move(gan.g_optimizer)
    gan.d_moves += 1
    gan.g_moves += 1
    return d_loss.detach(), g_loss.detach()


Logits = tuple[Tensor | None, Tensor]  # of real samples and of fakes


def discriminator_objective(
    gan: GAN, real: Tensor, fake: Tensor, condition: Tensor | None = None, logits: Logits | None = None
) -> tuple[Tensor, Tensor]:
    """(D's loss, that loss with D's terms), scalar tensors, of the given logits or those computed here."""
    if logits is None:
        logits = (_logits_of_one_batch if gan.one_batch else _logits)(gan, real, fake, condition)
    loss = gan.loss.discriminator(*logits)
    return loss, loss + _terms(gan, gan.d_terms, gan.d_moves, real, fake, condition)


def generator_objective(
    gan: GAN, real: Tensor, fake: Tensor, condition: Tensor | None = None, logits: Logits | None = None
) -> tuple[Tensor, Tensor]:
    """(G's loss, that loss with G's terms), scalar tensors, of the given logits or those computed here."""
    if logits is None:
        logits = _logits(gan, real if gan.loss.compares else None, fake, condition)
    real_logits, fake_logits = logits
    loss = gan.loss.generator(fake_logits, real_logits)
    return loss, loss + _terms(gan, gan.g_terms, gan.g_moves, real, fake, condition)


def _logits(gan, real, fake, condition):
    return None if real is None else gan.judge(real, condition), gan.judge(fake, condition)


def _logits_of_one_batch(gan, real, fake, condition):
    both = gan.judge(torch.cat([real, fake]), None if condition is None else torch.cat([condition, condition]))
    return both[: len(real)], both[len(real) :]


def _terms(gan, terms, moves, real, fake, condition):
    judge = partial(gan.judge, condition=condition)
    due = [term for term in terms if moves % term.every == 0]
    return sum(term.every * term.weight * term.function(judge, real, fake, condition) for term in due)


def differentiate(objective: Tensor, optimizer: torch.optim.Optimizer, retain_graph: bool = False) -> None:
    """Put the objective's gradient on the parameters of this one optimizer, and on no others."""
    optimizer.zero_grad(set_to_none=True)
    learning = [parameter for parameter in _parameters(optimizer) if parameter.requires_grad]
    objective.backward(inputs=learning, retain_graph=retain_graph)


def move(optimizer: torch.optim.Optimizer) -> None:
    """Move one player along the gradient that `differentiate` left."""
    optimizer.step()
    torch.clear_autocast_cache()  # under autocast it holds copies of the weights from before the move


def _parameters(optimizer):
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _optimizer_of(network, optimizer, name):
    if optimizer is None:
        return torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
    if not set(_parameters(optimizer)) <= set(network.parameters()):
        raise ValueError(f"{name} holds parameters that are not its player's: were the two swapped?")
    return optimizer


def _load_optimizer(optimizer, state):
    """In place, where a captured graph goes on reading, and in the memory layout of each parameter."""
    groups = [group for group in optimizer.param_groups for _ in group["params"]]
    for i, (parameter, group) in enumerate(zip(_parameters(optimizer), groups, strict=True)):
        saved, own = state["state"].get(i, {}), optimizer.state[parameter]
        for name in [name for name in saved if name not in own]:
            beside = parameter.device if group.get("fused") or group.get("capturable") else "cpu"
            whole = saved[name].shape == parameter.shape and name != "step"  # else one number for the parameter
            own[name] = torch.empty_like(parameter) if whole else torch.empty((), device=beside)
        for name, value in own.items():
            value.copy_(saved[name]) if name in saved else value.zero_()
    for group, saved in zip(optimizer.param_groups, state["param_groups"], strict=True):
        set_rate(group, float(saved["lr"]))


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device of that name; "auto" is CUDA where there is one, else the CPU. Raises ValueError without CUDA."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(device)
    except RuntimeError:
        raise ValueError(f'there is no device "{device}"; take "auto", "cpu" or "cuda"') from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f'device is "{device}", but PyTorch finds no CUDA device here; take "cpu" or "auto"')
    return device


@dataclass
class History:
    """What `train` saw: losses of every step, and at each snapshot its step, samples of fixed noise, and a score."""

    discriminator: np.ndarray = field(default_factory=lambda: np.empty(0))  # (steps,)
    generator: np.ndarray = field(default_factory=lambda: np.empty(0))  # (steps,)
    steps: list[int] = field(default_factory=list)
    samples: list[Tensor] = field(default_factory=list)  # each on the CPU
    scores: list[Any] = field(default_factory=list)
    interrupted: bool = False


def train(
    gan: GAN,
    batches: Iterable[Tensor | tuple[Tensor, Tensor]],
    steps: int,
    d_steps: int = 1,
    *,
    step: Callable[..., StepLosses] = train_step,
    snapshots: int = 0,
    snapshot_size: int = 64,
    snapshot_condition: Tensor | None = None,
    evaluate: Callable[[GAN], Any] | None = None,
    final_rate: float = 1.0,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    save_every: int = 500,
) -> History:
    """Play `steps` steps on an endless iterator of real batches, or of (real, condition); returns their History.

    d_steps: D's moves for each of G's; the extra ones have fresh data and fresh noise
    step: what a step is, called like `train_step`; `accelerate` makes a faster one (D's extra moves stay plain)
    snapshots: how many times, evenly spread from before the first step to after the last one, samples of the same
        `snapshot_size` draws of noise (with that many rows of `snapshot_condition`, where there are conditions) are
        kept, and `evaluate(gan)` is called
    final_rate: learning rates fall along half a cosine to this share of what they were at the start, which is also
        where they stand again after the run
    checkpoint: a file that the run is saved to, every `save_every` steps and at the end. Where it exists already, a
        run with the same settings goes on from there, bit for bit on the same machine, as if it had never
        stopped (on CUDA only with deterministic algorithms)

    Ctrl-C, or a notebook's stop button, ends the run with what was learnt so far. Raises TrainingDiverged where a
    loss is NaN or infinite; that is looked for every hundred steps, and before a snapshot. Raises ValueError where
    the batches end, or are on another device than the GAN, and where the checkpoint is none or of another run.
    """
    _check_counts(steps=steps, d_steps=d_steps, snapshot_size=snapshot_size, save_every=save_every)
    if checkpoint is not None and not hasattr(batches, "state_dict"):
        raise ValueError("a checkpoint keeps the place in the batches, which these do not tell: pass data.Batches")
    run = _Run(gan, batches, steps, snapshots, snapshot_size, snapshot_condition, evaluate, final_rate, d_steps)
    if checkpoint is not None and Path(checkpoint).exists():
        run.load_state_dict(checkpoints.load(checkpoint), checkpoint)
    try:
        with tqdm(total=steps, initial=run.done, disable=not progress, leave=False) as bar:
            while True:
                run.snapshot()
                if checkpoint is not None and (run.done % save_every == 0 or run.done == steps):
                    checkpoints.save(checkpoint, run.state_dict())  # also before the first step: to fail early
                if run.done == steps:
                    break
                run.turn(step)
                if run.done % 100 == 0 or run.done == steps or run.done in run.moments:
                    run.check_finite()
                    bar.update(run.done - bar.n)
    except KeyboardInterrupt:
        run.history.interrupted = True
    finally:
        run.set_rates(1.0)
    run.history.discriminator, run.history.generator = run.losses[: run.done].T.cpu().numpy()
    return run.history


class _Run:
    """Where a training run stands: all that the loop needs to go on from there."""

    def __init__(self, gan, batches, steps, snapshots, size, condition, evaluate, final_rate, d_steps):
        self.gan, self.batches, self.iterator = gan, batches, iter(batches)
        self.steps, self.d_steps, self.final_rate, self.evaluate = steps, d_steps, final_rate, evaluate
        self.done, self.history = 0, History()
        self.losses = torch.full((steps, 2), torch.nan, device=gan.device)
        self.moments = sorted(set(np.linspace(steps, 0, snapshots).round().astype(int).tolist()))
        self.noise = gan.sample_noise(size) if snapshots else None
        self.condition = condition
        self.rates = [float(group["lr"]) for group in self.groups()]

    def groups(self):
        return [group for o in (self.gan.g_optimizer, self.gan.d_optimizer) for group in o.param_groups]

    def set_rates(self, share):
        for group, rate in zip(self.groups(), self.rates, strict=True):
            set_rate(group, rate * share)

    def turn(self, step):
        """D's moves but the last, each on fresh data and noise, then one step of both."""
        self.set_rates(_cosine(self.done / self.steps, self.final_rate))
        for _ in range(self.d_steps - 1):
            real, condition = _next(self.iterator, self.gan.device)
            with torch.no_grad():
                fake = self.gan.generate(self.gan.sample_noise(len(real)), condition)
            discriminator_step(self.gan, real, fake, condition)
        real, condition = _next(self.iterator, self.gan.device)
        self.losses[self.done] = torch.stack(step(self.gan, real, condition=condition))
        self.done += 1

    def snapshot(self):
        if self.done not in self.moments or self.done in self.history.steps:
            return
        samples = self.gan.sample(noise=self.noise, condition=self.condition).cpu()
        score = None if self.evaluate is None else self.evaluate(self.gan)
        self.history.steps.append(self.done)  # all three or none, also where Ctrl-C comes in between
        self.history.samples.append(samples)
        self.history.scores.append(score)

    def check_finite(self):
        broken = (~self.losses[: self.done].isfinite().all(1)).nonzero()
        if len(broken):
            step = int(broken[0])
            raise TrainingDiverged(
                f"training diverged at step {step}: D's and G's losses are {self.losses[step].tolist()}. Lower the "
                'learning rates, add a penalty (d_terms=[penalty("r1", 0.5)]), or take a loss that is bounded below'
            )

    def plan(self):
        """What a saved run must share with this one."""
        gan, batches = self.gan, self.batches
        rules = ("betas", "momentum", "eps", "weight_decay")
        return {
            **{name: getattr(self, name) for name in ("steps", "d_steps", "final_rate")},
            **{"snapshots": self.moments, "snapshot_size": 0 if self.noise is None else len(self.noise)},
            **{"batch_size": getattr(batches, "batch_size", None), "loss": gan.loss.name, "updates": gan.updates},
            "terms": [(term.name, term.weight, term.every) for term in (*gan.d_terms, *gan.g_terms)],
            "optimizers": [type(optimizer).__name__ for optimizer in (gan.g_optimizer, gan.d_optimizer)],
            "rules": [[group[rule] for rule in rules if rule in group] for group in self.groups()],
            **{"ema": gan.ema_decay, "ema_warmup": gan.ema_warmup},
        }

    def state_dict(self):
        kept = {name: getattr(self.history, name) for name in ("steps", "samples", "scores")}
        return {
            "plan": self.plan(),
            "gan": self.gan.state_dict(),
            "batches": self.batches.state_dict(),
            "run": {"done": self.done, "losses": self.losses, "noise": self.noise, "rates": self.rates, **kept},
            "random": checkpoints.random_state(),
        }

    def load_state_dict(self, state, path):
        saved, own = state.get("plan", {}), self.plan()
        if differing := [name for name in own if saved.get(name) != own[name]]:
            pairs = ", ".join(f"{name} = {saved.get(name)}, here it is {own[name]}" for name in differing)
            raise ValueError(f"{path} is of another run: {pairs}")
        self.batches.load_state_dict(state["batches"])
        self.gan.load_state_dict(state["gan"])
        run = state["run"]
        self.done, self.rates = run["done"], run["rates"]
        self.losses.copy_(run["losses"])
        self.noise = None if run["noise"] is None else run["noise"].to(self.gan.device)
        self.history = History(steps=run["steps"], samples=run["samples"], scores=run["scores"])
        checkpoints.set_random_state(state["random"])


def set_rate(group: dict, rate: float) -> None:
    """Set the learning rate of an optimizer's group: in place where it is a tensor, which a captured graph reads."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def _next(batches, device):
    """The next (real, condition); the condition is None where batches hold real samples alone."""
    try:
        batch = next(batches)
    except StopIteration:
        raise ValueError("the batches ended: pass an endless iterator, such as data.Batches") from None
    real, condition = (batch, None) if isinstance(batch, Tensor) else batch
    if real.device.type != device.type:
        raise ValueError(f"batches are on {real.device}, the GAN is on {device}: Batches(..., device=gan.device)")
    return real, condition


def _cosine(progress, final):
    return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2


def _check_counts(**counts):
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} is {count}; it must be at least 1")
