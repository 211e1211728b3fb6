"""One training on several processes, each on its share of every batch, under `torchrun`. Taught in chapter 18.

Every process, a *rank*, holds both players, draws the same batch and the same noise from the same seed, and takes its
own rows of them. Before a player moves, its gradients are averaged over all ranks, so that all make the same move: that
of one process with the whole batch. So a checkpoint is that of one process, too, and any number can go on with it.
"""

import os
import socket
import subprocess
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor, distributed
from torch.nn.modules.batchnorm import _BatchNorm

from gan_edu.train.game import GAN
from gan_edu.train.step import StepLosses

PATIENCE = timedelta(minutes=10)  # of a rank that waits for the others: one may have to download its pictures first
LOST = "peer", "imed out", "onnect", "NCCL"  # words of the errors of one that waited in vain


@contextmanager
def group() -> Iterator[None]:
    """Be one of the processes that torchrun started, as its environment says; alone, this does nothing.

    They talk by gloo, and by NCCL where each has a GPU of its own. Only rank 0 prints, also what is wrong on all.
    Raises ConnectionError where another rank ended, or was silent for as long as PATIENCE.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    gpus = torch.cuda.device_count()
    if gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % gpus)
    nccl = gpus >= int(os.environ["LOCAL_WORLD_SIZE"])
    distributed.init_process_group("cpu:gloo,cuda:nccl" if nccl else "gloo", timeout=PATIENCE)
    if rank():
        sys.stdout = open(os.devnull, "w")
        warnings.simplefilter("ignore")
    try:
        yield
    except Exception as error:
        lost = isinstance(error, RuntimeError) and any(word in str(error) for word in LOST)
        if rank() and (lost or not isinstance(error, RuntimeError | MemoryError)):
            raise SystemExit(2) from None
        if lost:
            raise ConnectionError("another process of this run has ended, or hangs") from error
        raise
    finally:
        distributed.destroy_process_group()


def rank() -> int:
    """Which of the processes this one is; alone, it is 0, the one that writes and prints."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def size() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def most(number: int) -> int:
    """The greatest of all ranks' numbers, by which all can do the same; alone, one's own."""
    if size() == 1:
        return number
    told = torch.tensor(number)
    distributed.all_reduce(told, distributed.ReduceOp.MAX)
    return int(told)


def average(optimizer: torch.optim.Optimizer, *_) -> None:
    """Replace the gradients it will move by their mean over all ranks: one message. No gradient counts as zero."""
    learning = [weight for group in optimizer.param_groups for weight in group["params"] if weight.requires_grad]
    for weight in learning:
        weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
    total = torch.cat([weight.grad.flatten() for weight in learning])
    distributed.all_reduce(total)  # the sum over the ranks, on each
    for weight, part in zip(learning, total.split([weight.numel() for weight in learning]), strict=True):
        weight.grad.copy_(part.view_as(weight) / size())


def share(gan: GAN, step: Callable[..., StepLosses]) -> Callable[..., StepLosses]:
    """Let this GAN move as one with those of the other ranks; returns its step, which all call with the whole batch.

    Weights become those of rank 0, batch norm counts the rows of all ranks, and an optimizer averages the gradients
    before it moves. The step takes every `size()`-th row of the batch and of its noise, beginning at row `rank()`, and
    returns the losses of the whole batch. What a network draws in the step, such as masks of Dropout, differs between
    ranks. D's extra moves in `train` are whole on each rank. The step raises ValueError where a batch has no equal
    shares. Alone, a GAN keeps its step.
    """
    if size() == 1:
        return step
    for network in gan.networks().values():
        for tensor in network.state_dict().values():
            distributed.broadcast(tensor, 0)
        for layer in network.modules():
            if isinstance(layer, _BatchNorm):
                layer.forward = types.MethodType(batch_norm, layer)
    for optimizer in gan.optimizers().values():
        optimizer.register_step_pre_hook(average)

    def shared(gan: GAN, real: Tensor, noise: Tensor | None = None, condition: Tensor | None = None) -> StepLosses:
        if len(real) % size():
            raise ValueError(f"a batch of {len(real)} has no equal shares for {size()} processes: take another number")
        noise = gan.sample_noise(len(real)) if noise is None else noise
        own = [None if rows is None else rows[rank() :: size()] for rows in (real, noise, condition)]
        with torch.random.fork_rng([gan.device] if gan.device.type == "cuda" else []):
            torch.manual_seed(gan.steps * size() + rank())
            losses = torch.stack(step(gan, *own)) / size()
        distributed.all_reduce(losses)
        return StepLosses(*losses)

    return shared


class Sum(torch.autograd.Function):
    """The sum of a tensor over all ranks, which the losses of all ranks look back through."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        """The sum, on each rank."""
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        """Every rank's part went into every rank's loss: its gradient is the sum of theirs."""
        return Sum.apply(grad)


def batch_norm(layer: _BatchNorm, x: Tensor) -> Tensor:
    """What a layer of batch norm makes of these rows, (N, C, ...), among the N rows of each of the other ranks.

    `nn.SyncBatchNorm` does the same, on GPUs alone.
    """
    if not layer.training:
        return type(layer).forward(layer, x)
    given, x = x.dtype, x.to(torch.promote_types(x.dtype, torch.float32))  # sums need more digits than bf16 has
    axes, shape = [0, *range(2, x.ndim)], (1, -1, *[1] * (x.ndim - 2))
    mean = Sum.apply(x.mean(axes)) / size()
    centred = x - mean.view(shape)
    variance = Sum.apply(centred.square().mean(axes)) / size()
    n = size() * x.numel() / x.shape[1]
    with torch.no_grad():
        layer.running_mean.lerp_(mean, layer.momentum)
        layer.running_var.lerp_(variance * n / (n - 1), layer.momentum)
        layer.num_batches_tracked += 1
    return (centred * (layer.weight / (variance + layer.eps).sqrt()).view(shape) + layer.bias.view(shape)).to(given)


def launch(source: str, processes: int = 2, timeout: float = 60) -> list[str]:
    """What each of several new processes prints, errors included, that run this source as torchrun would start them.

    They have one thread each. Those that are not done after `timeout` seconds are ended; what they printed is returned.
    """
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]  # a free one

    def run(rank):
        group = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
        group |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
        new = os.environ | {name: str(value) for name, value in group.items()}
        command, to = [sys.executable, "-c", source], {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        try:
            return subprocess.run(command, env=new, timeout=timeout, **to).stdout.decode()
        except subprocess.TimeoutExpired as late:
            return (late.output or b"").decode()

    with ThreadPoolExecutor(processes) as pool:
        return list(pool.map(run, range(processes)))
