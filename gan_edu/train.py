"""The game: two players, one step of it, and the loop. Taught in chapter 03.

`train_step` is Algorithm 1 of Goodfellow et al. (2014) for one batch; everything else in this module serves it.
"""

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from gan_edu.losses import GANLoss, Term, get_loss

UPDATES = ("alternating", "simultaneous")


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
        self.ema_decay = ema
        self.ema = None if ema is None else copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.latent_dim = getattr(generator, "latent_dim", None) if latent_dim is None else latent_dim
        if self.latent_dim is None:
            raise ValueError("the generator has no `latent_dim`: say how much noise it takes, GAN(..., latent_dim=2)")
        self.steps = 0  # `train_step`s so far
        self.d_moves, self.g_moves = 0, 0  # of each player; terms with `every` > 1 follow them

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
        return logits

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
        for average, weight in zip(self.ema.parameters(), self.generator.parameters(), strict=True):
            average.lerp_(weight, 1 - self.ema_decay)
        for average, buffer in zip(self.ema.buffers(), self.generator.buffers(), strict=True):
            average.copy_(buffer)


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
    real_logits, fake_logits = _logits(gan, real, fake, condition) if logits is None else logits
    loss = gan.loss.discriminator(real_logits, fake_logits)
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
    snapshots: int = 0,
    snapshot_size: int = 64,
    snapshot_condition: Tensor | None = None,
    evaluate: Callable[[GAN], Any] | None = None,
    final_rate: float = 1.0,
    progress: bool = True,
) -> History:
    """Play `steps` steps on an endless iterator of real batches, or of (real, condition); returns their History.

    d_steps: D's moves for each of G's; the extra ones have fresh data and fresh noise
    snapshots: how many times, evenly spread from before the first step to after the last one, samples of the same
        `snapshot_size` draws of noise (with that many rows of `snapshot_condition`, where there are conditions) are
        kept, and `evaluate(gan)` is called
    final_rate: learning rates fall along half a cosine to this share of what they were at the start, which is also
        where they stand again after the run

    Ctrl-C, or a notebook's stop button, ends the run with what was learnt so far. Raises TrainingDiverged where a
    loss is NaN or infinite; that is looked for every hundred steps, and before a snapshot. Raises ValueError where
    the batches end, or are on another device than the GAN.
    """
    _check_counts(steps=steps, d_steps=d_steps, snapshot_size=snapshot_size)
    losses = torch.full((steps, 2), torch.nan, device=gan.device)
    history, batches = History(), iter(batches)
    moments = set(np.linspace(steps, 0, snapshots).round().astype(int).tolist())
    fixed = (gan.sample_noise(snapshot_size) if snapshots else None, snapshot_condition)
    rates = [(group, group["lr"]) for o in (gan.g_optimizer, gan.d_optimizer) for group in o.param_groups]
    done = 0
    bar = tqdm(total=steps, disable=not progress, leave=False)
    try:
        _snapshot(history, gan, 0, moments, *fixed, evaluate)
        for step in range(steps):
            _set_rates(rates, _cosine(step / steps, final_rate))
            losses[step] = torch.stack(_turn(gan, batches, d_steps))
            done = step + 1
            if done % 100 == 0 or done == steps or done in moments:
                _check_finite(losses, done)
                bar.update(done - bar.n)
            _snapshot(history, gan, done, moments, *fixed, evaluate)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        bar.close()
        _set_rates(rates, 1.0)
    history.discriminator, history.generator = losses[:done].T.cpu().numpy()
    return history


def _turn(gan, batches, d_steps):
    """D's moves but the last, each on fresh data and noise, then one step of both."""
    for _ in range(d_steps - 1):
        real, condition = _next(batches, gan.device)
        with torch.no_grad():
            fake = gan.generate(gan.sample_noise(len(real)), condition)
        discriminator_step(gan, real, fake, condition)
    real, condition = _next(batches, gan.device)
    return train_step(gan, real, condition=condition)


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


def _snapshot(history, gan, step, moments, noise, condition, evaluate):
    if step not in moments:
        return
    samples = gan.sample(noise=noise, condition=condition).cpu()
    score = None if evaluate is None else evaluate(gan)
    history.steps.append(step)  # all three or none, also where Ctrl-C comes in between
    history.samples.append(samples)
    history.scores.append(score)


def _set_rates(rates, share):
    for group, rate in rates:
        group["lr"] = rate * share


def _cosine(progress, final):
    return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2


def _check_finite(losses, done):
    broken = ~losses[:done].isfinite().all(1)
    if broken.any():
        step = int(broken.nonzero()[0])
        d_loss, g_loss = losses[step].tolist()
        raise TrainingDiverged(
            f"training diverged at step {step}: D's loss is {d_loss}, G's loss is {g_loss}. Lower the learning rates, "
            'add a penalty (d_terms=[penalty("r1", 0.5)]), or take a loss that is bounded below, and start again'
        )


def _check_counts(**counts):
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} is {count}; it must be at least 1")
