"""The loop: step after step, with snapshots, falling rates, Ctrl-C, and a checkpoint to go on from."""

import copy
import math
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from gan_edu import checkpoints
from gan_edu.train import parallel
from gan_edu.train.game import GAN, set_rate
from gan_edu.train.step import StepLosses, discriminator_step, train_step
from gan_edu.train.symptoms import probe, tell


class TrainingDiverged(FloatingPointError):
    """A loss became NaN or infinite."""


@dataclass
class History:
    """What `train` saw: losses of every step, and at each snapshot its step, samples of fixed noise, and a score."""

    discriminator: np.ndarray = field(default_factory=lambda: np.empty(0))  # (steps,)
    generator: np.ndarray = field(default_factory=lambda: np.empty(0))  # (steps,)
    steps: list[int] = field(default_factory=list)
    samples: list[Tensor] = field(default_factory=list)  # each on the CPU
    scores: list[Any] = field(default_factory=list)
    interrupted: int = 0  # the number of the signal that ended the run early: 2 is Ctrl-C


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
        stopped (on CUDA only with deterministic algorithms). More steps than it was planned for make it longer: rates
        then follow the longer cosine

    Every 300 steps it looks for signs of an illness, and warns once of each: `symptoms.Symptom`.

    Ctrl-C, a notebook's stop button, SIGTERM or a closed terminal let the step end, save the checkpoint, and end the
    run with what was learnt so far; a second Ctrl-C ends it at once, unsaved. Raises TrainingDiverged where a
    loss is NaN or infinite; that is looked for every hundred steps, and before a snapshot or a save. Raises ValueError
    where the batches end, or are on another device than the GAN, where the checkpoint is none or of another run, and
    for counts below 1; TypeError where a score is not plain data, which a checkpoint needs.
    """
    _check_counts(steps=steps, d_steps=d_steps, snapshot_size=snapshot_size, save_every=save_every)
    if checkpoint is not None and not hasattr(batches, "state_dict"):
        raise ValueError("a checkpoint keeps the place in the batches, which these do not tell: pass data.Batches")
    run = _Run(gan, batches, steps, snapshots, snapshot_size, snapshot_condition, evaluate, final_rate, d_steps)
    if checkpoint is not None and Path(checkpoint).exists():
        run.load_state_dict(checkpoints.load(checkpoint, *run.PARTS), checkpoint)
    try:
        stopped = run.play(step, checkpoint, save_every, progress)
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error):
            raise MemoryError(f"out of memory on {gan.device}: take a smaller batch_size or a smaller width") from error
        raise
    except KeyboardInterrupt:  # in the middle of a step, which nobody could go on from
        stopped = signal.SIGINT
    finally:
        run.set_rates(1.0)
    run.history.interrupted = int(stopped)
    run.history.discriminator, run.history.generator = run.losses[: run.done].T.cpu().numpy()
    return run.history


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The list of signals to stop that came so far; the second raises KeyboardInterrupt. Ignored ones stay ignored."""
    received = []

    def note(number, frame):
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt

    stops = ("SIGINT", "SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    kept = signal.SIG_IGN, None
    before = {n: signal.signal(n, note) for n in signal.Signals if n.name in stops and signal.getsignal(n) not in kept}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Run:
    """Where a training run stands: all that the loop needs to go on from there."""

    PARTS = ("plan", "gan", "batches", "run", "random")

    def __init__(self, gan, batches, steps, snapshots, size, condition, evaluate, final_rate, d_steps):
        self.gan, self.batches, self.iterator = gan, batches, iter(batches)
        self.steps, self.d_steps, self.final_rate, self.evaluate = steps, d_steps, final_rate, evaluate
        self.done, self.history, self.told = 0, History(), set()
        self.losses = torch.full((steps, 2), torch.nan, device=gan.device)
        self.moments = sorted(set(np.linspace(steps, 0, snapshots).round().astype(int).tolist()))
        self.noise = gan.sample_noise(size) if snapshots else None
        self.condition = condition
        self.rates = [float(group["lr"]) for group in self.groups()]

    def groups(self):
        return [group for optimizer in self.gan.optimizers().values() for group in optimizer.param_groups]

    def set_rates(self, share):
        for group, rate in zip(self.groups(), self.rates, strict=True):
            set_rate(group, rate * share)

    def play(self, step, checkpoint, save_every, progress):
        """Step after step to the last, or to the first signal to stop; returns its number, or 0."""
        bar = tqdm(total=self.steps, initial=self.done, disable=not progress, leave=False)
        with bar, _signals() as received:
            while True:
                self.snapshot()
                stop = parallel.most(received[0] if received else 0)  # a signal to one process stops all
                ends = self.done == self.steps or stop
                if checkpoint is not None and (self.done % save_every == 0 or ends) and not parallel.rank():
                    checkpoints.save(checkpoint, self.state_dict())  # also before the first step: to fail early
                if ends:
                    return stop if self.done < self.steps else 0
                self.turn(step)
                if self.done % 100 == 0 or self.done == self.steps or self.done in self.moments:
                    self.check_finite()
                    bar.update(self.done - bar.n)

    def turn(self, step):
        """D's moves but the last, each on fresh data and noise, then one step of both."""
        self.set_rates(self.final_rate + (1 - self.final_rate) * (1 + math.cos(math.pi * self.done / self.steps)) / 2)
        batches = [_next(self.iterator, self.gan.device) for _ in range(self.d_steps)]
        if self.done == 0:
            _look(self.gan, *batches[0])
        for real, condition in batches[:-1]:
            with torch.no_grad():
                fake = self.gan.generate(self.gan.sample_noise(len(real)), condition)
            discriminator_step(self.gan, real, fake, condition)
        real, condition = batches[-1]
        self.losses[self.done] = torch.stack(step(self.gan, real, condition=condition))
        self.done += 1
        if self.done % 300 == 0 and real.is_floating_point():
            tell(self.gan, real, condition, self.told)

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
        gan = self.gan
        rules = ("betas", "momentum", "eps", "weight_decay")
        return {
            "steps": self.steps,
            "d_steps": self.d_steps,
            "final_rate": self.final_rate,
            "snapshots": self.moments,
            "snapshot_size": 0 if self.noise is None else len(self.noise),
            "batch_size": getattr(self.batches, "batch_size", None),
            "loss": gan.loss.name,
            "updates": gan.updates,
            "terms": [(term.name, term.weight, term.every) for term in (*gan.d_terms, *gan.g_terms)],
            "optimizers": [type(optimizer).__name__ for optimizer in gan.optimizers().values()],
            "rules": [[group[rule] for rule in rules if rule in group] for group in self.groups()],
            "ema": gan.ema_decay,
            "ema_warmup": gan.ema_warmup,
        }

    def state_dict(self):
        self.check_finite()  # nobody could go on from there
        kept = {name: getattr(self.history, name) for name in ("steps", "samples", "scores")}
        return {
            "plan": self.plan(),
            "gan": self.gan.state_dict(),
            "batches": self.batches.state_dict(),
            "run": {"done": self.done, "losses": self.losses, "noise": self.noise, "rates": self.rates, **kept},
            "random": checkpoints.random_state(),
        }

    def load_state_dict(self, state, path):
        saved, own, run = state["plan"], self.plan(), state["run"]
        may_differ = {"steps", "snapshots"} if self.steps >= run["done"] and self.steps != saved.get("steps") else ()
        if differing := [name for name in own if saved.get(name) != own[name] and name not in may_differ]:
            pairs = ", ".join(f"{name} = {saved.get(name)}, here it is {own[name]}" for name in differing)
            raise ValueError(f"{path} is of another run: {pairs}. Go on with its settings, or save to another file")
        self.gan.load_state_dict(state["gan"])
        self.batches.load_state_dict(state["batches"])
        self.done, self.rates = run["done"], run["rates"]
        self.losses[: self.done] = run["losses"][: self.done].to(self.losses.device)
        self.noise = None if run["noise"] is None else run["noise"].to(self.gan.device)
        self.history = History(steps=run["steps"], samples=run["samples"], scores=run["scores"])
        checkpoints.set_random_state(state["random"])


def _next(batches, device):
    """The next (real, condition); the condition is None where batches hold real samples alone."""
    try:
        batch = next(batches)
    except StopIteration:
        raise ValueError("the batches ended: pass an endless iterator, such as data.Batches") from None
    real, condition = batch if isinstance(batch, tuple | list) and len(batch) == 2 else (batch, None)
    if not isinstance(real, Tensor):
        raise ValueError(f"a batch is a tensor, or (tensor, condition), not {type(real).__name__}: pass data.Batches")
    if real.device.type != device.type:
        raise ValueError(f"batches are on {real.device}, the GAN is on {device}: Batches(..., device=gan.device)")
    return real, condition


@torch.no_grad()
def _look(gan, real, condition):
    """Say once what would spoil the run without stopping it. What a network can give is seen far from usual inputs."""
    for name in ("generator", "discriminator"):
        if not any(parameter.requires_grad for parameter in getattr(gan, name).parameters()):
            raise ValueError(f"the {name} is frozen and cannot learn: call gan.{name}.requires_grad_(True)")
    if not real.is_floating_point():
        return
    fake = gan.sample(noise=1e6 * probe(gan, len(real)), condition=condition)
    bounded, low, high = fake.abs().max() <= 1, real.min().item(), real.max().item()
    if (bounded or real.ndim == 4) and max(-low, high) > 1.001:
        warnings.warn(f"the data reach from {low:.3g} to {high:.3g}: scale them to [-1, 1], as samples", stacklevel=6)
    elif bounded and fake.min() < 0 <= low:
        warnings.warn("data have no negative values, samples have, as after a tanh: take 2 * data - 1", stacklevel=6)
    still = copy.copy(gan)
    still.discriminator = copy.deepcopy(gan.discriminator).eval()
    logits = torch.cat([still.judge(samples, condition) for samples in (real, 1e6 * real, -1e6 * real)])
    if logits.min() >= 0 and logits.max() <= 1:
        warnings.warn("D's outputs lie in [0, 1], as after a sigmoid: return logits, which losses take", stacklevel=6)


def _check_counts(**counts):
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} is {count}; it must be at least 1")
