"""The same step, as fast as the device allows. Taught in chapter 06.

`accelerate` changes where numbers lie, and in how many digits and launches they are computed: the step it returns is
`train_step`. (Only the masks of Dropout come from other random numbers.)
"""

import copy
import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_edu import checkpoints
from gan_edu.data import Batches
from gan_edu.train import COUNTS, GAN, StepLosses, due, train_step

PRECISIONS = ("float32", "bfloat16")


def accelerate(
    gan: GAN, batches: Batches | None = None, precision: str = "auto", graph: bool | None = None
) -> Callable[..., StepLosses]:
    """Make the step of this GAN fast; call it like `train_step`, or pass it on as `train(gan, batches, step=...)`.

    All of `TRICKS` are applied, in place, to the GAN and its batches.

    precision: "float32"; "bfloat16", in which convolutions and matrix products then compute (weights, losses and
        optimizers stay in float32); or "auto", by what the device can do in hardware: `pick_precision`. It is kept as
        `gan.precision`, also in a checkpoint, so that a run goes on in the precision that it began with
    graph: capture the whole step as a CUDA graph, launched at once; by default where the GAN lives on a GPU and both
        optimizers are Adam, whose rate can lie on the device (another's would be frozen in the graph)

    A graph repeats what was recorded: a term that draws from NumPy or Python would draw the same for ever. It cannot be
    recorded while somebody holds a tensor whose graph leads to the weights, such as `fake = gan.generate(noise)`.

    Raises ValueError for an unknown precision, or for a graph without a GPU or without Adam. The step raises
    RuntimeError where a graph cannot be recorded, and leaves the GAN as it was.
    """
    if precision not in ("auto", *PRECISIONS):
        raise ValueError(f"precision is {precision!r}; choose auto, {' or '.join(PRECISIONS)}")
    adam = all(isinstance(optimizer, torch.optim.Adam) for optimizer in gan.optimizers().values())
    graph = gan.device.type == "cuda" and adam if graph is None else graph
    if graph and gan.device.type != "cuda":
        raise ValueError(f"a CUDA graph needs a GPU, but the GAN is on {gan.device}")
    if graph and not adam:
        raise ValueError("a CUDA graph needs Adam for both players: other optimizers' rates would be frozen in it")
    for trick in TRICKS.values():
        trick(gan)
    gan.precision = pick_precision(gan.device) if precision == "auto" else precision
    if batches is not None:
        batches.to_bytes()
    return CapturedStep(gan) if graph else fast_step


def channels_last(gan: GAN) -> None:
    """Keep the channels of a pixel side by side in memory, the layout that convolutions read fastest."""
    for network in gan.networks().values():
        network.to(memory_format=_layout(gan.device))


def _layout(device):
    """Channels last, but not on GPUs before Ampere, whose float32 convolutions are slower in it (PyTorch 44943)."""
    old = device.type == "cuda" and pick_precision(device) == "float32"
    return torch.contiguous_format if old else torch.channels_last


def quick_dropout(gan: GAN) -> None:
    """Take cheaper random numbers for the masks of Dropout, where the CPU draws them."""
    if gan.device.type != "cpu":
        return
    for module in [module for network in gan.networks().values() for module in network.modules()]:
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, QuickDropout(child.p).train(child.training))


def one_batch(gan: GAN) -> None:
    """Send real samples and fakes through D together when it moves, unless batch norm would mix them."""
    gan.one_batch = not any(isinstance(module, _BatchNorm) for module in gan.discriminator.modules())


def fused_adam(gan: GAN) -> None:
    """Let Adam move all weights of a player in one launch."""
    _set_adam(gan, fused=True, foreach=False)


TRICKS = {
    "channels last": channels_last,
    "quick Dropout": quick_dropout,
    "fused Adam": fused_adam,
    "one batch": one_batch,
}


def _set_adam(gan, **flags):
    """Set flags of both players' Adam, and bring what it remembers to where it then looks for it."""
    for optimizer in gan.optimizers().values():
        if isinstance(optimizer, torch.optim.Adam):
            for group in optimizer.param_groups:
                group.update(flags)
            for parameter, state in optimizer.state.items():
                for name, value in state.items():  # the count of steps, and averages in the layout of the weights
                    value = value.to(parameter.device)
                    fits = name == "step" or value.stride() == parameter.stride()
                    state[name] = value if fits else torch.empty_like(parameter).copy_(value)


def pick_precision(device: torch.device) -> str:
    """bfloat16 where the device multiplies such matrices in hardware, else float32."""
    if device.type == "cuda":
        capable = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        used = torch.backends.cpu.get_cpu_capability()  # which may be less than the CPU has
        features = getattr(torch.cpu, "get_capabilities", dict)()  # since PyTorch 2.11
        capable = used.startswith("AVX512") and features.get("avx512_bf16", False)
    return "bfloat16" if capable else "float32"


def fast_step(gan: GAN, real: Tensor, noise: Tensor | None = None, condition: Tensor | None = None) -> StepLosses:
    """`train_step` in the precision of the GAN, which its arguments and results do not show."""
    real = real.contiguous(memory_format=_layout(gan.device)) if real.ndim == 4 else real
    with torch.autocast(gan.device.type, torch.bfloat16, enabled=gan.precision == "bfloat16"):
        return train_step(gan, real, noise, condition)


class CapturedStep:
    """The step of one GAN as a CUDA graph: recorded at the first call, later launched as one.

    A graph reads and writes fixed places in memory. So what it is given is copied to where it reads, and the losses
    that come back are copies. Each set of terms that are due together, and each change of the settings of the GAN and
    its optimizers, makes a graph of its own, of which the last GRAPHS are kept; a new learning rate needs none. What
    is changed inside of a layer (the share of a Dropout) it does not see: then make a new step. The `grad` of a weight
    belongs to the graph that was recorded last. Raises ValueError for another GAN.
    """

    def __init__(self, gan: GAN):
        self.gan, self.graphs, self.rates = gan, {}, []
        self._settle(gan)

    def __call__(
        self, gan: GAN, real: Tensor, noise: Tensor | None = None, condition: Tensor | None = None
    ) -> StepLosses:
        if gan is not self.gan:
            raise ValueError("this step was made for another GAN: call accelerate(gan) for this one")
        given = (real, noise, condition)
        self._settle(gan)
        case = self._case(gan, given)
        if case not in self.graphs:
            recorded = self._capture(gan, given)
            case = self._case(gan, given)  # by now Adam has its averages
            while len(self.graphs) >= GRAPHS:
                self.graphs.pop(next(iter(self.graphs)))
            self.graphs[case] = (*recorded, list(_parts(gan)))  # held, so that nothing else takes over their ids
        graph, places, losses, _ = self.graphs[case]
        for place, tensor in zip(places, given, strict=True):
            if place is not None:
                place.copy_(tensor)
        graph.replay()
        vars(gan).update({name: getattr(gan, name) + 1 for name in COUNTS})
        return StepLosses(*(loss.clone() for loss in losses))

    def _settle(self, gan):
        """Adam as a graph needs it, also after it was loaded: its rates on the device, each in one place for ever."""
        groups = _groups(gan)
        if not all(group["capturable"] for group in groups):
            _set_adam(gan, capturable=True, fused=True, foreach=False)
        self.rates += [torch.tensor(float(group["lr"]), device=gan.device) for group in groups[len(self.rates) :]]
        for group, rate in zip(groups, self.rates, strict=True):
            if group["lr"] is not rate:
                group["lr"] = rate.fill_(group["lr"])

    def _case(self, gan, given):
        """What a graph takes as it was when it was recorded, though it may be changed between two steps."""
        return (
            due(gan.d_terms, gan.d_moves),
            due(gan.g_terms, gan.g_moves),
            (gan.precision, gan.updates, gan.loss, gan.one_batch, gan.ema_decay, gan.ema_warmup),
            tuple(value for group in _groups(gan) for value in group.values() if not isinstance(value, list)),
            tuple((id(part), getattr(part, "training", getattr(part, "requires_grad", None))) for part in _parts(gan)),
            tuple(None if tensor is None else (tensor.shape, tensor.dtype) for tensor in given),
        )

    def _capture(self, gan, given):
        """Play a few steps, so that libraries are loaded and buffers exist; take them back; then record one."""
        places = [None if tensor is None else tensor.clone() for tensor in given]
        before, random = copy.deepcopy(gan.state_dict()), checkpoints.random_state()
        counts = {name: before[name] for name in COUNTS}
        graph = torch.cuda.CUDAGraph()
        with _recording(gan.device) as stream:
            try:
                for _ in range(3):
                    vars(gan).update(counts)  # so that the same terms are due each time
                    fast_step(gan, *places)
            finally:  # also where a step failed or Ctrl-C came
                gan.load_state_dict(before)
                checkpoints.set_random_state(random)
            try:
                with torch.cuda.graph(graph, stream=stream):
                    losses = fast_step(gan, *places)
            except Exception as error:
                told = f"the step cannot be recorded as a CUDA graph ({type(error).__name__}: {error})"
                raise RuntimeError(f"{told}; accelerate(gan, graph=False) plays it launch by launch") from error
            finally:
                vars(gan).update(counts)  # recording counts a step, but plays none
        return graph, places, losses


GRAPHS = 16  # a lazy penalty makes two; more come of settings that were changed


def _groups(gan):
    return [group for optimizer in gan.optimizers().values() for group in optimizer.param_groups]


def _parts(gan):
    """What a graph takes part in and somebody may exchange: layers, weights, and what Adam remembers of them."""
    for network in gan.networks().values():
        yield from network.modules()
    for optimizer in gan.optimizers().values():
        for weight in (weight for group in optimizer.param_groups for weight in group["params"]):
            yield from (weight, *optimizer.state.get(weight, {}).values())


@contextmanager
def _recording(device) -> Iterator[torch.cuda.Stream]:
    """A stream for warm-up and recording, beside the one outside, which comes back and waits whatever happens.

    No garbage is collected meanwhile: a dead graph that is found then would end the recording (PyTorch issue 161037).
    """
    outside, stream, collects = torch.cuda.current_stream(device), torch.cuda.Stream(device), gc.isenabled()
    stream.wait_stream(outside)
    gc.collect()
    gc.disable()
    try:
        with torch.cuda.device(device), torch.cuda.stream(stream), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*capturable.*")  # before the graph Adam moves without one
            yield stream
    finally:
        outside.wait_stream(stream)
        if collects:
            gc.enable()


class QuickDropout(nn.Dropout):
    """Dropout whose mask takes 16 random bits for each value, where PyTorch's takes a number of its own.

    The share that is dropped is rounded to a multiple of 2^-16.
    """

    def forward(self, x: Tensor) -> Tensor:
        dropped = round(self.p * 2**16)  # of 2^16 equally likely values
        if not self.training or dropped in (0, 2**16):  # nothing, or all
            return nn.functional.dropout(x, round(self.p), self.training)
        bits = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device).random_(-(2**63), None)
        mask = torch.empty_like(x)
        values = bits.view(torch.int16).as_strided(mask.shape, mask.stride())  # uniform from -2^15 to 2^15 - 1
        torch.ge(values, dropped - 2**15, out=mask)
        return x * mask.div_(1 - dropped / 2**16)
