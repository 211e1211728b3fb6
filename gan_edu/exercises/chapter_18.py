"""The exercises of chapter 18: average, weigh unequal shares, and the logs of four sick runs; programs on two ranks."""

import inspect
import json
import threading
from unittest import mock

import torch
from torch import distributed, nn

from gan_edu.exercises.core import call, close, exercise, require, require_diagnoses
from gan_edu.train import parallel

HEAD = """
import torch
from functools import partial
from torch import distributed, nn
from gan_edu import data, losses, models, train
from gan_edu.train import parallel
"""


def on_ranks(programs: dict[str, str], ranks: int = 2) -> dict[str, list]:
    """What each program leaves in `result` on each rank, or the message of its RuntimeError; new processes run them.

    A program is Python source, below the imports of HEAD, and what it leaves is plain data. A rank waits 3 seconds for
    the others. Where processes cannot be started, or need two minutes for all, RuntimeError says what they printed.
    """
    programs = {name: HEAD + program for name, program in programs.items()}
    said = parallel.launch(f"{inspect.getsource(_each)}\n_each({programs!r}, {ranks})", ranks, timeout=120)
    lines = [[line for line in rank.splitlines() if line.startswith("result ")] for rank in said]
    if any(len(rank) != len(programs) for rank in lines):
        raise RuntimeError(f"the processes did not end as they should: {[rank[-300:] for rank in said]}")
    return {name: [json.loads(rank[i][7:]) for rank in lines] for i, name in enumerate(programs)}


def _each(programs, ranks):
    import json
    import os
    from datetime import timedelta

    import torch
    from torch import distributed

    torch.set_num_threads(1)
    rank, place = int(os.environ["RANK"]), (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
    store = distributed.TCPStore(*place, ranks, rank == 0)
    for name, program in programs.items():
        own, space = distributed.PrefixStore(name, store), {}
        more = {"store": own, "rank": rank, "world_size": ranks, "timeout": timedelta(seconds=3)}
        distributed.init_process_group("gloo", **more)
        try:
            exec(program, space)
        except RuntimeError as error:
            space["result"] = str(error)
        print("result", json.dumps(space["result"]), flush=True)
        own.set(f"done {rank}", "")
        own.wait([f"done {i}" for i in range(ranks)], timedelta(seconds=60))  # before the connection is closed
        distributed.destroy_process_group()


def _on_two_threads(function, weights: list[list[nn.Parameter]]) -> list:
    """What the function returns of each rank's weights; its messages pass between two threads."""
    here, meet, sent, made, errors = threading.local(), threading.Barrier(2, timeout=2), {}, {}, []
    count = [0, 0]

    def all_reduce(tensor, op=distributed.ReduceOp.SUM, group=None, async_op=False):
        require(op == distributed.ReduceOp.SUM, "gloo only adds: take the sum, and divide it.")
        sent[here.rank] = tensor.detach().clone()
        count[here.rank] += 1
        meet.wait()
        require(sent[0].shape == sent[1].shape, "The ranks are out of step: they add up tensors of different shapes.")
        total = sent[0] + sent[1]
        meet.wait()
        tensor.data.copy_(total)
        return mock.Mock()

    def run(rank):
        here.rank = rank
        try:
            made[rank] = call(function, weights[rank])
        except Exception as error:
            errors.append(error)
            meet.abort()

    fakes = {
        "all_reduce": all_reduce,
        "get_world_size": lambda *_: 2,
        "is_initialized": lambda: True,
        "get_rank": lambda *_: here.rank,
    }
    with mock.patch.multiple(distributed, **fakes):
        threads = [threading.Thread(target=run, args=(rank,)) for rank in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for error in [error for error in errors if not isinstance(error, threading.BrokenBarrierError)]:
        raise error
    told = f"One rank waits for ever: rank 0 sent {count[0]}, rank 1 sent {count[1]}."
    require(not errors, f"{told} Every rank sends for every weight: zeros where it has no gradient.")
    return [made[0], made[1]]


@exercise("18.1 No gradient")
def check_mean_gradients(mean_gradients) -> str:
    """The mean of each gradient over both ranks; None counts as zeros."""
    given = [[torch.tensor([1.0, 2.0]), torch.tensor([[4.0]]), None], [torch.tensor([3.0, -2.0]), None, None]]
    right = [torch.tensor([2.0, 0.0]), torch.tensor([[2.0]]), torch.zeros(3)]
    weights = [[nn.Parameter(torch.full_like(mean, 7.0)) for mean in right] for _ in given]
    for weight, grad in zip(sum(weights, []), sum(given, []), strict=True):
        weight.grad = grad
    for found in _on_two_threads(mean_gradients, weights):
        require(isinstance(found, list | tuple) and len(found) == 3, "Return a list: one gradient for each weight.")
        require(
            all(isinstance(grad, torch.Tensor) for grad in found), "Some gradient is None still: return zeros there."
        )
        shapes = all(grad.shape == mean.shape for grad, mean in zip(found, right, strict=True))
        require(shapes, "Each gradient has the shape of its weight, and stands where its weight does.")
        for factor, hint in ((2, "These are sums: divide by the number of ranks."), (0.5, "Divided once too often.")):
            require(not all(close(a, factor * b) for a, b in zip(found, right, strict=True)), hint)
        near = all(close(a, b) for a, b in zip(found, right, strict=True))
        require(near, "Some gradient is not the mean of both ranks'. Is each added up, and each divided once?")
    return "The same gradients on every rank, so the same move."


@exercise("18.2 Shares of unequal size")
def check_share_of_loss(share_of_loss) -> str:
    """The mean over ranks of what it gives is the mean over all rows."""
    for sizes in ((4, 12), (5, 5), (1, 2, 6)):
        rows = [torch.arange(float(size)).add(i).requires_grad_() for i, size in enumerate(sizes)]
        n, ranks, whole = sum(sizes), len(sizes), torch.cat(rows).mean().item()
        losses = [torch.as_tensor(call(share_of_loss, own, n, ranks)) for own in rows]
        require(all(loss.ndim == 0 for loss in losses), "A loss is one number: add up the rows.")
        given = torch.stack(losses)
        require(given.requires_grad, "The loss must keep its graph: no .item(), no float().")
        mean = given.mean().item()
        for wrong, hint in (
            (sum(x.mean().item() for x in rows) / ranks, "Each rank's own mean: a row of the small share counts more."),
            (whole / ranks, "The average over ranks divides once more: undo that, times the number of ranks."),
            (whole * n / ranks, "These are sums of rows: divide by all the rows there are."),
        ):
            require(close(wrong, whole) or not close(mean, wrong), hint)
        require(
            close(mean, whole),
            f"For shares of {sizes} rows the mean over ranks is {mean:.3f}; it should be {whole:.3f}.",
        )
    return "Every row counts the same, whoever holds it."


WORDS = ("same rows", "another start", "no average", "a rank ended")
SIGNS = {
    "same rows": "two ranks have other data and other noise. Would their losses agree to the last digit?",
    "another start": "look at step 0: where do the weights begin?",
    "no average": "they begin together. What keeps two ranks together, step by step?",
    "a rank ended": "compare how many steps each has told.",
}
PATIENTS = ("no average", "a rank ended", "same rows", "another start")


@exercise("18.3 Four logs")
def check_logs(my_diagnoses) -> str:
    """What ails each run, in order."""
    require_diagnoses(my_diagnoses, PATIENTS, WORDS, SIGNS)
    return "All four, from two numbers a step: print them on every rank."
