"""The same step, as fast as the device allows. Taught in chapter 06.

`accelerate` changes where numbers lie and in how many digits and launches they are computed, never which: the step it
returns is `train_step`.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_edu import checkpoints
from gan_edu.data import Batches
from gan_edu.train import COUNTS, GAN, StepLosses, train_step

PRECISIONS = ("float32", "bfloat16")


def accelerate(gan: GAN, batches: Batches | None = None, precision: str = "auto", graph: bool | None = None) -> "Step":
    """Make the step of this GAN fast; call it like `train_step`, or pass it on as `train(gan, batches, step=...)`.

    Images are kept as bytes where that loses nothing, networks in the memory layout that convolutions read fastest
    (channels last); Adam moves all weights in one launch; real samples and fakes pass through D as one batch where no
    batch norm would mix them; Dropout takes cheaper random numbers on the CPU. Networks, optimizers and batches are
    changed in place.

    precision: "float32"; "bfloat16", in which convolutions and matrix products then compute (weights, losses and
        optimizers stay in float32); or "auto", by what the device can do in hardware: `pick_precision`. It is kept as
        `gan.precision`, also in a checkpoint, so that a run is repeated in the precision that it began with
    graph: capture the whole step as a CUDA graph, launched at once; by default where the GAN lives on a GPU

    Raises ValueError for an unknown precision, or for a graph without a GPU.
    """
    if precision not in ("auto", *PRECISIONS):
        raise ValueError(f"precision is {precision!r}; choose auto, {' or '.join(PRECISIONS)}")
    graph = gan.device.type == "cuda" if graph is None else graph
    if graph and gan.device.type != "cuda":
        raise ValueError(f"a CUDA graph needs a GPU, but the GAN is on {gan.device}")
    gan.precision = pick_precision(gan.device) if precision == "auto" else precision
    gan.one_batch = not any(isinstance(module, _BatchNorm) for module in gan.discriminator.modules())
    for network in (gan.generator, gan.discriminator, gan.ema):
        if network is not None:
            network.to(memory_format=torch.channels_last)
            if gan.device.type == "cpu":
                _replace_dropout(network)
    for optimizer in (gan.g_optimizer, gan.d_optimizer):
        _fuse(optimizer, capturable=graph)
    if batches is not None:
        batches.to_bytes()
    return CapturedStep() if graph else Step()


def pick_precision(device: torch.device) -> str:
    """bfloat16 where the device multiplies such matrices in hardware, else float32."""
    if device.type == "cuda":
        capable = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        used = torch.backends.cpu.get_cpu_capability()  # which may be less than the CPU has
        capable = used.startswith("AVX512") and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "bfloat16" if capable else "float32"


class Step:
    """`train_step` in the precision of the GAN, which its arguments and results do not show."""

    def __call__(
        self, gan: GAN, real: Tensor, noise: Tensor | None = None, condition: Tensor | None = None
    ) -> StepLosses:
        real = real.contiguous(memory_format=torch.channels_last) if real.ndim == 4 else real
        with torch.autocast(gan.device.type, torch.bfloat16, enabled=gan.precision == "bfloat16"):
            return train_step(gan, real, noise, condition)


class CapturedStep(Step):
    """The step as a CUDA graph: recorded at the first call, later launched as one, which leaves the host nothing to do.

    A graph reads and writes fixed places in memory. So what it is given is copied to where it reads, and the losses
    that come back are copies. Terms that are not due in every move make a graph for each case.
    """

    def __init__(self):
        self.graphs = {}

    def __call__(
        self, gan: GAN, real: Tensor, noise: Tensor | None = None, condition: Tensor | None = None
    ) -> StepLosses:
        given = (real, noise, condition)
        case = (
            tuple(gan.d_moves % term.every == 0 for term in gan.d_terms),
            tuple(gan.g_moves % term.every == 0 for term in gan.g_terms),
            tuple(None if tensor is None else tensor.shape for tensor in given),
        )
        if case not in self.graphs:
            self.graphs[case] = self._capture(gan, given)
        graph, places, losses = self.graphs[case]
        for place, tensor in zip(places, given, strict=True):
            if place is not None:
                place.copy_(tensor)
        graph.replay()
        for count in ("steps", "d_moves", "g_moves"):
            setattr(gan, count, getattr(gan, count) + 1)
        return StepLosses(*(loss.clone() for loss in losses))

    def _capture(self, gan, given):
        """Play a few steps, so that libraries are loaded and buffers exist; take them back; then record one."""
        places = [None if tensor is None else tensor.clone() for tensor in given]
        before, random = copy.deepcopy(gan.state_dict()), checkpoints.random_state()
        counts = {name: before[name] for name in COUNTS}
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                vars(gan).update(counts)  # so that the same terms are due each time
                super().__call__(gan, *places)
        torch.cuda.current_stream().wait_stream(stream)
        gan.load_state_dict(before)
        checkpoints.set_random_state(random)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            losses = super().__call__(gan, *places)
        vars(gan).update(counts)  # recording counts a step, but plays none
        return graph, places, losses


def _fuse(optimizer, capturable):
    """Let Adam move all weights in one launch; for a graph with its rate and its count of steps on the device."""
    if not isinstance(optimizer, torch.optim.Adam):
        return
    for group in optimizer.param_groups:
        group.update(fused=True, foreach=False, capturable=capturable)
        device = group["params"][0].device
        if capturable:
            group["lr"] = torch.tensor(float(group["lr"]), device=device)
        for parameter in group["params"]:
            for name, value in optimizer.state[parameter].items():
                like = value.to(device) if name == "step" else torch.empty_like(parameter).copy_(value)
                optimizer.state[parameter][name] = like


class QuickDropout(nn.Dropout):
    """Dropout whose mask takes 16 random bits for each value, where PyTorch's takes a number of its own.

    The share that is dropped is rounded to a multiple of 2^-16.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        bits = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device).random_(-(2**63), None)
        mask = torch.empty_like(x)
        values = bits.view(torch.int16).as_strided(mask.shape, mask.stride())  # uniform from -2^15 to 2^15 - 1
        torch.ge(values, round(self.p * 2**16) - 2**15, out=mask)
        return x * mask.div_(1 - self.p)


def _replace_dropout(network):
    for module in network.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, QuickDropout(child.p).train(child.training))
