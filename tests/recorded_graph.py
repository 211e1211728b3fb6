"""A CUDA graph, played on the CPU: what it recorded is done again, on the very same tensors and with the same numbers.

`STAND_INS` holds what takes the place of the names in `torch.cuda` that `accelerate.CapturedStep` uses. They are as
strict as CUDA where that matters: a recording runs on a stream that has waited for the one outside; nothing in it may
wait for the device; and where it fails, PyTorch leaves its stream as the current one.
"""

import contextlib
import gc

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class RecordedGraph:
    """Stands for `torch.cuda.CUDAGraph`: keeps operations with the tensors they read and write."""

    def __init__(self):
        self.operations, self.replays = [], 0
        self.stream = None  # it was recorded on
        self.collected = None  # could garbage be collected while it was recorded? A dead graph among it would end that

    def replay(self):
        self.replays += 1
        with torch.no_grad(), torch._C.DisableTorchFunction():
            for operation, args, kwargs, results in self.operations:
                fresh = tree_leaves(operation(*args, **kwargs))
                aliases = [returned.alias_info is not None for returned in operation._schema.returns]
                if not any(aliases):  # views and operations in place have written where they should already
                    for place, value in zip(tree_leaves(results), fresh, strict=True):
                        if isinstance(place, torch.Tensor):
                            place.copy_(value)


class Recorder(TorchDispatchMode):
    """Stands for `torch.cuda.graph`: what happens within is recorded, and leaves no trace."""

    def __init__(self, graph, stream=None):
        super().__init__()
        self.graph, self.stream, self.changed = graph, stream or Stream(), []

    def __enter__(self):
        assert self.stream.waits_for, "what was warmed up on another stream may still be writing what is read here"
        self.outside, Stream.current = Stream.current, self.stream
        self.graph.collected, self.graph.stream = gc.isenabled(), self.stream
        self.random = torch.get_rng_state()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        with torch.no_grad(), torch._C.DisableTorchFunction():
            for tensor, before in reversed(self.changed):
                tensor.copy_(before)
        torch.set_rng_state(self.random)
        if error[0] is None:  # else `capture_end` raises, and the line that leaves the stream is never reached
            Stream.current = self.outside

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if operation is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")  # it would have to wait
        self.changed += [(tensor, tensor.clone()) for tensor in written(operation, args, kwargs)]
        results = operation(*args, **kwargs)
        self.graph.operations.append((operation, args, kwargs, results))
        return results


def written(operation, args, kwargs):
    """The tensors that an operation writes to, by its schema; batch norm's hides that it moves its statistics."""
    named = dict(zip((a.name for a in operation._schema.arguments), args, strict=False)) | kwargs
    places = [named.get(a.name) for a in operation._schema.arguments if a.alias_info and a.alias_info.is_write]
    if operation is torch.ops.aten.native_batch_norm.default and named["training"]:
        places += [named["running_mean"], named["running_var"]]
    return [leaf for leaf in tree_leaves(places) if isinstance(leaf, torch.Tensor)]


class Stream:
    """Stands for `torch.cuda.Stream`: knows whom it waited for."""

    current: "Stream"

    def __init__(self, device=None):
        self.waits_for = []

    def wait_stream(self, other):
        self.waits_for.append(other)

    def synchronize(self):
        pass


Stream.current = Stream()


@contextlib.contextmanager
def on_stream(stream):
    """Stands for `torch.cuda.stream`."""
    before, Stream.current = Stream.current, stream
    try:
        yield
    finally:
        Stream.current = before


STAND_INS = {
    "CUDAGraph": RecordedGraph,
    "graph": Recorder,
    "Stream": Stream,
    "current_stream": lambda device=None: Stream.current,
    "stream": on_stream,
    "device": lambda device: contextlib.nullcontext(),
}
