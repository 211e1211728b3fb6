"""A pretended GPU: CPU tensors that say they are on cuda:0, and raise where devices mix, as CUDA would.

    python tests/pretend_gpu.py notebooks/05_dcgan_on_digits.ipynb     # all cells of a chapter, as a reader with a GPU

No test can tell what a GPU computes without one. But most of what breaks a reader with a GPU is a tensor that was left
on the CPU, and that can be seen anywhere: under `pretended_gpu()` each tensor knows where it would be, `torch.cuda`
answers as if there were one card, and CUDA graphs are those of `recorded_graph`. `shortened()` makes everything small
by its settings (steps, batches, widths) and skips nothing.
"""

import argparse
import ast
import contextlib
import functools
import inspect
import io
import os
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import torch
import torch._dynamo  # an optimizer would import it, and it lists what stands in torch.cuda then
from recorded_graph import STAND_INS
from torch import Tensor
from torch.overrides import TorchFunctionMode

GPU, CPU = torch.device("cuda", 0), torch.device("cpu")


# --- tensors that know where they would be ----------------------------------------------------------------------------


def on_gpu(x) -> bool:
    """Is this a tensor that says it is on the GPU?"""
    return isinstance(x, Tensor) and x.__dict__.get("_on_gpu", False)


def put(x: Tensor, gpu: bool = True) -> Tensor:
    """The tensor itself, which from now on says so."""
    x.__dict__["_on_gpu"] = gpu
    return x


def tensors_in(x) -> list[Tensor]:
    """Those in nested tuples, lists and dictionaries. (PyTorch's own `tree_leaves` would be most of the time spent.)"""
    if isinstance(x, Tensor):
        return [x]
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, tuple | list) else ()
    return [tensor for part in parts for tensor in tensors_in(part)]


def is_cuda(device) -> bool:
    return not isinstance(device, int) and torch.device(device).type == "cuda"


def mixed(name, on, off) -> RuntimeError:
    shapes = f"{[tuple(x.shape) for x in on][:3]} on cuda:0, {[tuple(x.shape) for x in off][:3]} on cpu"
    return RuntimeError(f"Expected all tensors to be on the same device, but {name} got {shapes}")


# These take tensors of two devices on CUDA too: they copy between them, or do not compute.
MAY_MIX = {"copy_", "set_", "_has_compatible_shallow_copy_type", "swap_tensors", "backward", "grad", "_make_subclass"}
MAY_MIX |= {"is_same_size", "register_hook", "requires_grad_", "__deepcopy__", "detach", "data_ptr"}
# And these take not even a number (a tensor without dimensions) from the CPU.
STRICT = {"stack", "cat", "equal", "linear", "matmul", "__matmul__"}


class PretendedTensors(TorchFunctionMode):
    """Every call of PyTorch passes here: where would its arguments be, may they meet, and where is the result?"""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name, owner = getattr(function, "__name__", str(function)), getattr(function, "__self__", None)
        special = getattr(self, f"_{name}", None) if name in SPECIAL else None
        if name in ("__get__", "__set__"):
            return self._attribute(function, name, getattr(owner, "__name__", ""), args)
        if special is not None:
            return special(function, *args, **kwargs)
        return self._call(function, name, args, kwargs)

    def _attribute(self, function, access, name, args):
        here = on_gpu(args[0])
        if access == "__get__" and name in ("device", "is_cuda", "is_cpu"):
            return {"device": GPU if here else function(*args), "is_cuda": here, "is_cpu": not here}[name]
        result = function(*args)
        if access == "__set__" and name == "data":
            put(args[0], on_gpu(args[1]))
        for tensor in tensors_in(result) if here else ():
            put(tensor)
        return result

    def _numpy(self, function, x, *args, **kwargs):
        if on_gpu(x) and not kwargs.get("force"):
            raise TypeError(
                "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory "
                "first."
            )
        return function(x, *args, **kwargs)

    ___array__ = ___dlpack__ = _numpy

    def _cpu(self, function, x, *args, **kwargs):
        return put(x.clone(memory_format=torch.preserve_format), False) if on_gpu(x) else x

    def _cuda(self, function, x, *args, **kwargs):
        return x if on_gpu(x) else put(x.clone(memory_format=torch.preserve_format))

    def _get_device(self, function, x):
        return 0 if on_gpu(x) else -1

    def _to(self, function, x, *args, **kwargs):
        """`x.to(device, dtype, non_blocking, copy)`, in any of its forms."""
        device, rest = kwargs.pop("device", None), []
        for argument in args:
            if isinstance(argument, Tensor):
                device, argument = GPU if on_gpu(argument) else CPU, argument.dtype
            if isinstance(argument, str | torch.device | int) and not isinstance(argument, bool):
                device = argument
            elif isinstance(argument, torch.dtype):
                rest.append(argument)
        kwargs.pop("non_blocking", None)
        there = on_gpu(x) if device is None else isinstance(device, int) or is_cuda(device)
        result = function(x, *rest, **kwargs) if rest or kwargs else x
        if result is x and there != on_gpu(x):
            result = x.clone(memory_format=torch.preserve_format)
        return put(result, there)

    def ___reduce_ex__(self, function, x, *args):
        """What is saved does not know that it was pretended; `checkpoints.load` brings everything to the CPU."""
        here = x.__dict__.pop("_on_gpu", False)
        try:
            return function(x, *args)
        finally:
            put(x, here)

    def ___getitem__(self, function, x, index):
        if not on_gpu(x) and any(map(on_gpu, tensors_in(index))):
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        return self._placed(function, (x, index), {}, on_gpu(x))

    def ___setitem__(self, function, x, index, value):
        by_tensor = bool(tensors_in(index))
        if not on_gpu(x) and any(map(on_gpu, tensors_in(index))):
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        if by_tensor and isinstance(value, Tensor) and value.dim() and on_gpu(value) != on_gpu(x):
            raise mixed("index_put_", [x] if on_gpu(x) else [value], [value] if on_gpu(x) else [x])
        return function(x, index, value)

    def _call(self, function, name, args, kwargs):
        there, generator = None, kwargs.get("generator")
        if kwargs.get("device") is not None:
            there = is_cuda(kwargs["device"])
            kwargs["device"] = CPU if there else kwargs["device"]
        given = tensors_in((args, kwargs))
        on, off = [x for x in given if on_gpu(x)], [x for x in given if not on_gpu(x)]
        draws_there = there or (there is None and on and ("_like" in name or name.endswith("_")))
        if draws_there and generator is not None and generator.device.type == "cpu":
            raise RuntimeError(f"{name}: Expected a 'cuda' device type for generator but found 'cpu'")
        if on and off and there is None and name not in MAY_MIX and not name.startswith(("_foreach", "_fused")):
            if name in STRICT or any(x.dim() for x in off):
                raise mixed(name, on, off)
        return self._placed(function, args, kwargs, bool(on) if there is None else there)

    def _placed(self, function, args, kwargs, there):
        """The result, put where it would be; what comes back as it was given stays where it is."""
        result = function(*args, **kwargs)
        if there:
            given = set(map(id, tensors_in((args, kwargs))))
            for tensor in tensors_in(result):
                if id(tensor) not in given:
                    put(tensor)
        return result


SPECIAL = {"numpy", "cpu", "cuda", "get_device", "to", "__array__", "__dlpack__", "__reduce_ex__"}
SPECIAL |= {"__getitem__", "__setitem__"}


# --- torch.cuda, as if there were one card ----------------------------------------------------------------------------


class Event:
    """Stands for `torch.cuda.Event`."""

    def __init__(self, **how):
        self.time = None

    def record(self, stream=None):
        self.time = time.perf_counter()

    def elapsed_time(self, end):
        return 1000 * (end.time - self.time)

    def synchronize(self):
        pass

    def query(self):
        return True


def nothing(*args, **kwargs):
    pass


def _card():
    """Names in `torch.cuda`, and what stands in for them."""
    memory = 4 * 2**30
    properties = types.SimpleNamespace(
        name="a pretended GPU", major=8, minor=0, total_memory=memory, multi_processor_count=20
    )
    answers = {
        "is_available": True, "is_initialized": True, "device_count": 1, "current_device": 0,
        "get_device_name": properties.name, "get_device_capability": (8, 0), "get_device_properties": properties,
        "is_bf16_supported": True, "mem_get_info": (memory, memory), "max_memory_allocated": 2**20,
        "memory_allocated": 2**20, "max_memory_reserved": 2**20, "memory_reserved": 2**20, "get_rng_state_all": [],
        "get_arch_list": ["sm_80"],
    }  # fmt: skip
    stand_ins = {name: (lambda *args, _answer=answer, **kwargs: _answer) for name, answer in answers.items()}
    silent = ("synchronize", "empty_cache", "manual_seed", "manual_seed_all", "_lazy_init", "set_rng_state", "init")
    silent += ("reset_peak_memory_stats", "set_rng_state_all", "set_device")
    stand_ins |= dict.fromkeys(silent, nothing)
    stand_ins["get_rng_state"] = lambda device=None: torch.zeros(16, dtype=torch.uint8)
    return stand_ins | STAND_INS | {"Event": Event}


def _new_parameter(original):
    """`nn.Parameter(data)` lies where its data does."""

    def new(cls, data=None, requires_grad=True):
        made = original(cls, data, requires_grad)
        return put(made, on_gpu(data))

    return new


def _load(original):
    """`torch.load` whose `map_location` may be the pretended GPU."""

    def load(file, map_location=None, **how):
        there = map_location is not None and not callable(map_location) and is_cuda(map_location)
        found = original(file, map_location="cpu", **how)
        for tensor in tensors_in(found) if there else ():
            put(tensor)
        return found

    return load


@contextlib.contextmanager
def pretended_gpu() -> Iterator[None]:
    """Within, this machine has a GPU of 4 GB."""
    from gan_edu.train import game

    def forget():
        for function in (game._automatic_device, game._why_not):
            function.cache_clear()

    with contextlib.ExitStack() as stack:
        for name, stand_in in _card().items():
            stack.enter_context(mock.patch.object(torch.cuda, name, stand_in))
        stack.enter_context(mock.patch.object(torch, "load", _load(torch.load)))
        new = _new_parameter(torch.nn.Parameter.__new__)
        stack.enter_context(mock.patch.object(torch.nn.Parameter, "__new__", new))
        none = lambda check_available=False: None  # noqa: E731  (optimizers ask it for the one that is really there)
        stack.enter_context(mock.patch.object(torch.accelerator, "current_accelerator", none))
        forget()
        stack.callback(forget)
        stack.enter_context(PretendedTensors())
        yield


# --- small, by settings -----------------------------------------------------------------------------------------------


def at_most(function, **limits):
    """The function, with each of these arguments no larger than its limit."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def small(*args, **kwargs):
        given = signature.bind(*args, **kwargs)
        for name, limit in limits.items():
            if isinstance(given.arguments.get(name, signature.parameters[name].default), int):
                given.arguments[name] = min(limit, given.arguments.get(name, signature.parameters[name].default))
        return function(*given.args, **given.kwargs)

    return small


@contextlib.contextmanager
def shortened(steps: int = 20, batch_size: int = 32) -> Iterator[None]:
    """Within, trainings have few steps and small batches, and the pair for large cards is narrow."""
    from gan_edu import data, metrics, playground, recipes, train

    narrow = {"g_width": 8, "d_width": 8, "batch_size": batch_size}
    limits = [
        (train, "train", {"steps": steps}),
        (metrics, "train_classifier", {"steps": steps, "batch_size": batch_size}),
        (data.Batches, "__init__", {"batch_size": batch_size}),
        (playground.GANPlayground, "step", {"n": steps}),
    ]
    with contextlib.ExitStack() as stack:
        for owner, name, limit in limits:
            stack.enter_context(mock.patch.object(owner, name, at_most(getattr(owner, name), **limit)))
        for wide in (recipes.WIDE, recipes.MIDDLE):
            stack.enter_context(mock.patch.dict(wide, narrow))
        yield


class FewSteps(ast.NodeTransformer):
    """`STEPS = 3_000`, or another name that ends so, becomes `STEPS = 20`."""

    def __init__(self, steps):
        self.steps = steps

    def visit_Assign(self, node):
        for target in node.targets:
            several = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            for name, value in zip(target.elts, node.value.elts, strict=True) if several else [(target, node.value)]:
                number = isinstance(value, ast.Constant) and isinstance(value.value, int)
                if number and isinstance(name, ast.Name) and name.id.upper().endswith("STEPS"):
                    value.value = min(value.value, self.steps)
        return node


# --- a chapter --------------------------------------------------------------------------------------------------------


def code_cells(path: Path) -> list[str]:
    import nbformat

    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def run_cells(sources: list[str], steps: int = 20) -> str:
    """Run cells as a notebook would; returns what went wrong in the first one that fails, or ""."""
    from IPython.core.interactiveshell import InteractiveShell

    shell, said = InteractiveShell.instance(), io.StringIO()
    shell.ast_transformers = [FewSteps(steps)]
    shell.showtraceback = nothing  # told below, in fewer lines
    for number, source in enumerate(sources, 1):
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            result = shell.run_cell(source, store_history=False)
        if error := result.error_before_exec or result.error_in_exec:
            return tell(number, source, error)
    return ""


def tell(number: int, source: str, error: BaseException) -> str:
    """The cell, its line, and the last line of the package on the way to the error."""
    frames = traceback.extract_tb(error.__traceback__)
    cell = [f"  its line {frame.lineno}: {frame.line}" for frame in frames if "ipython-input" in frame.filename][-1:]
    ours = [frame for frame in frames if "gan_edu" in Path(frame.filename).parts]
    package = [f"  {Path(frame.filename).name}, line {frame.lineno}: {frame.line}" for frame in ours[-1:]]
    first = source.strip().splitlines()[0]
    lines = [f"cell [{number}], which begins with `{first}`:", *cell, *package, f"  {type(error).__name__}: {error}"]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--steps", type=int, default=20, help="that a training has at most")
    parser.add_argument("--cpu", action="store_true", help="shortened alike, but without the pretended GPU")
    arguments = parser.parse_args()
    import matplotlib

    matplotlib.use("Agg")
    sources = code_cells(arguments.notebook)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        os.environ["GAN_EDU_PROGRESS"] = str(Path(folder) / "progress.json")
        stack.enter_context(shortened(arguments.steps))
        if not arguments.cpu:
            stack.enter_context(pretended_gpu())
        failed = run_cells(sources, arguments.steps)
    print(failed or f"{arguments.notebook.name}: all {len(sources)} cells run")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
