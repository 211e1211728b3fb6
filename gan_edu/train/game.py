"""The players and what belongs to them: a `GAN` is two networks, two optimizers, a loss and a prior."""

import copy
import functools
import inspect
import sys
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from gan_edu.losses import GANLoss, Term, get_loss

UPDATES = ("alternating", "simultaneous")
COUNTS = ("steps", "d_moves", "g_moves")


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
    latent_dim: by default the generator's own `latent_dim`; asked for only when noise is drawn
    device: "auto" is the GPU where there is one that computes, else the CPU: `pick_device`
    prior: a function of n that draws n inputs of G, for example pictures of another domain; by default a standard
        normal (n, latent_dim)

    Raises ValueError for an unknown loss, kind of updates or device, an optimizer of other parameters than its
    player's, or a decay outside [0, 1).
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
        prior: Callable[[int], Tensor] | None = None,
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
        self.prior = self._normal if prior is None else prior
        self.steps = 0  # `train_step`s so far
        self.d_moves, self.g_moves = 0, 0  # of each player; terms with `every` > 1 follow them
        self.one_batch = False  # do real samples and fakes pass through D as one batch, where D moves alone?
        self.precision = "float32"  # of the networks in a step; set by `accelerate`, and kept with a checkpoint

    def sample_noise(self, n: int) -> Tensor:
        """`n` draws from the prior; the standard normal is (n, latent_dim), of the generator's dtype.

        Raises ValueError where that is asked of a generator without `latent_dim`, and none was given.
        """
        return self.prior(n).to(self.device)

    def _normal(self, n):
        if self.latent_dim is None:
            raise ValueError("the generator has no `latent_dim`: say how much noise it takes, GAN(..., latent_dim=2)")
        return torch.randn(n, self.latent_dim, device=self.device, dtype=next(self.generator.parameters()).dtype)

    def generate(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        """G(noise), with its graph."""
        return _call(self.generator, noise, condition)

    def judge(self, samples: Tensor, condition: Tensor | None = None) -> Tensor:
        """D(samples): logits (N,) or (N, K). Raises ValueError where D gives anything else."""
        logits = _call(self.discriminator, samples, condition)
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
            return _call(generator, noise, condition)
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

    def networks(self) -> dict[str, nn.Module]:
        """Both players and, where there is one, the average, by name."""
        players = {"generator": self.generator, "discriminator": self.discriminator}
        return players if self.ema is None else {**players, "ema": self.ema}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """G's optimizer and D's, by name."""
        return {"g_optimizer": self.g_optimizer, "d_optimizer": self.d_optimizer}

    def state_dict(self) -> dict:
        """All that a game has learnt, for a checkpoint: weights, averages, optimizers and counts."""
        parts = {**self.networks(), **self.optimizers()}
        counts = {name: getattr(self, name) for name in COUNTS}
        learnt = {name: part.state_dict() for name, part in parts.items()}
        return {**learnt, **counts, "ema_moves": self.ema_moves, "precision": self.precision}

    def load_state_dict(self, state: dict) -> None:
        """Stand where another game of the same kind stood, in place. Raises ValueError where networks differ."""
        try:
            for name, network in self.networks().items():
                network.load_state_dict(state[name])
        except (RuntimeError, KeyError):
            raise ValueError(f"the saved game has another {name} than this one") from None
        for name, optimizer in self.optimizers().items():
            _load_optimizer(optimizer, state[name])
        vars(self).update({name: state[name] for name in (*COUNTS, "precision")})
        self.ema_moves.copy_(state["ema_moves"])


def _call(network, x, condition):
    try:
        return network(x) if condition is None else network(x, condition)
    except (TypeError, RuntimeError, AttributeError) as error:
        if advice := _advice(network, x, condition):
            raise ValueError(f"{type(network).__name__} {advice}") from error
        raise


def _advice(network, x, condition):
    """What to do about a call that failed; None where that is not known."""
    if not isinstance(x, Tensor):
        return f"takes tensors, not {type(x).__name__}: torch.as_tensor(x, dtype=torch.float32)"
    if condition is not None and len(inspect.signature(network.forward).parameters) < 2:
        return "takes no condition: let the batches hold real samples alone, as Batches(images) does, without labels"
    needed = [p for p in inspect.signature(network.forward).parameters.values() if p.default is p.empty]
    if condition is None and len(needed) > 1:
        return "takes a condition as well: Batches(images, labels) to train, sample(condition=labels) to draw"
    own = next((parameter.dtype for parameter in network.parameters()), x.dtype)
    return None if x.dtype == own else f"computes in {own} but was given {x.dtype}: use data.to({own})"


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


def set_rate(group: dict, rate: float) -> None:
    """Set the learning rate of an optimizer's group: in place where it is a tensor, which a captured graph reads."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device of that name; "auto" is CUDA where there is a GPU that computes, else the CPU.

    A GPU that is counted need not compute: PyTorch may have left its generation behind, the driver may be too old, or
    others hold all of its memory. So one small operation is tried there, once; "auto" then says in a line why it takes
    the CPU. Apple's "mps" is taken where it is named. Raises ValueError for a device that there is not, or that fails.
    """
    if device == "auto":
        return _automatic_device()
    try:
        device = torch.device(device)
    except RuntimeError:
        raise ValueError(f'there is no device "{device}"; take "auto", "cpu" or "cuda"') from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f'device is "{device}", but PyTorch finds no CUDA device here; take "cpu" or "auto"')
    if device.type != "cpu" and (reason := _why_not(device)):
        raise ValueError(f'device is "{device}", but it does not compute: {reason}; take "cpu" or "auto"')
    return device


@functools.cache
def _automatic_device():
    with warnings.catch_warnings(record=True, action="always") as said:  # of an old driver; then no GPU is counted
        counted = torch.cuda.is_available()
    reason = _why_not("cuda") if counted else str(said[0].message) if said else ""
    if reason:
        print(f"gan_edu takes the CPU, because the GPU does not compute: {reason}", file=sys.stderr)
    return torch.device("cuda" if counted and not reason else "cpu")


@functools.cache
def _why_not(device):
    """Why this device cannot multiply two matrices, in one line; "" where it can."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of an old card, in many lines; the error says it in one
            (torch.ones(2, 2, device=device) @ torch.ones(2, 2, device=device)).sum().item()
        return ""
    except RuntimeError as error:
        return str(error).strip().partition("\n")[0]
