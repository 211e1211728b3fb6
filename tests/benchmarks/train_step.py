"""Images per second of one training step, four ways, on this machine.

    python tests/benchmarks/train_step.py --out speed.json
    python tests/benchmarks/train_step.py --tensorflow path/to/python   # where it lives in another environment

(a) TensorFlow's DCGAN tutorial (extra `bench`; left out where there is no TensorFlow), (b) the same networks in plain
eager PyTorch, (c) the same networks with `accelerate`, (d) the fast pair with `accelerate`, in batches of its own size.

Each lives in a process of its own, and so does the floor, what the device reaches in a matrix product and a copy. They
take turns, one block of steps each a round, so that a slow minute of the machine is everybody's; only one computes at a
time. Ratios are taken within each round. About three minutes on two cores.
"""

import argparse
import importlib.util
import json
import math
import os
import platform
import shlex
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import numpy as np
import torch
from contestants import NAMES, PAIRS, random_images
from torch.utils.flop_counter import FlopCounterMode
from workers import Worker

from gan_edu.data import Batches, Images
from gan_edu.train import GAN, pick_device, train_step

HERE = Path(__file__).parent
RATIOS = ("c/a", "c/b", "d/a", "d/c")


# --- arithmetic -------------------------------------------------------------------------------------------------------


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": median(values), "least": min(values), "most": max(values)}


def ratios(rounds: list[dict[str, float]], pairs: tuple[str, ...] = RATIOS) -> dict[str, dict[str, float]]:
    """The spread of each ratio "c/a" over the rounds {contestant: images/s}; without those of absent contestants."""
    present = [pair for pair in pairs if set(pair.split("/")) <= set(rounds[0])]
    found = {}
    for pair in present:
        above, below = pair.split("/")
        found[pair] = spread([speeds[above] / speeds[below] for speeds in rounds])
    return found


def shares(speed: float, operations: float, floor: dict[str, float]) -> dict[str, float]:
    """What share of each matrix product's FLOP/s the step reaches, at `operations` an image and `speed` images/s."""
    return {dtype: speed * operations / floor[dtype] for dtype in ("float32", "bfloat16")}


def block(seconds_per_step: float, aim: float) -> int:
    """How many steps fill a block of `aim` seconds; at least one."""
    return max(1, math.ceil(aim / seconds_per_step))


# --- what is measured -------------------------------------------------------------------------------------------------


class NoModules:
    """Instead of the counter's table by modules, whose hooks do not bear the gradient of a penalty."""

    parents = frozenset({"Global"})

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass


def operations_per_image(gan: GAN, batches: Batches, images: int = 16) -> float:
    """Floating-point operations of a step for an image, counted by PyTorch: a multiplication and an addition are two.

    Terms that are due every few moves count with their average.
    """
    steps = max([1, *(term.every for term in (*gan.d_terms, *gan.g_terms))])
    batches.batch_size = images
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = NoModules()
    with counter:
        for _ in range(steps):
            train_step(gan, next(batches))
    return counter.get_total_flops() / (steps * images)


def machine(device: torch.device, threads: int) -> dict:
    """What a reader must know to compare the numbers with their own."""
    names = [line.split(": ")[1] for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def command(script: str, arguments: list[str]) -> str:
    """The command as a reader would type it; of paths elsewhere on this machine the last name alone."""
    shown = [Path(argument).name if Path(argument).is_absolute() else argument for argument in arguments]
    return shlex.join(["python", f"tests/benchmarks/{Path(script).name}", *shown])


def with_tensorflow(python: str | None) -> str | None:
    """The interpreter that has TensorFlow: the one that was named, or this one if it has, else None."""
    return python or (sys.executable if importlib.util.find_spec("tensorflow") else None)


def without_absent(names: list[str], python: str | None) -> list[str]:
    """The contestants that can run here; says so where (a) is not among them."""
    if "a" in names and python is None:
        print("(a) is left out: no TensorFlow here. Install the extra `bench`, or name an interpreter: --tensorflow")
    return [name for name in names if name != "a" or python]


def start(names: list[str], arguments: argparse.Namespace, folder: str, stack: ExitStack) -> dict[str, Worker]:
    """All workers, ready; the floor's among them."""
    threads = ["--threads", str(arguments.threads)]
    batch = ["--batch-size", str(arguments.batch_size)] if arguments.batch_size else []
    ours, here = str(HERE / "contestants.py"), [*threads, "--device", arguments.device]
    workers = {"floor": stack.enter_context(Worker(ours, "floor", "--edge", str(arguments.edge), *here))}
    for name in names:
        if name == "a":
            images = save_bytes(random_images(), folder)
            script, python = str(HERE / "tensorflow_tutorial.py"), with_tensorflow(arguments.tensorflow)
            worker = Worker(script, "--images", images, *threads, *batch, python=python)
        else:
            worker = Worker(ours, name, *here, *batch)
        workers[name] = stack.enter_context(worker)
    for worker in workers.values():
        worker.hello()
    return workers


def save_bytes(images: Images, folder: str) -> str:
    """Write pictures of one channel as bytes (N, H, W) for the tutorial's worker; returns the file's path."""
    path = str(Path(folder) / "images.npy")
    np.save(path, ((images.images[:, 0] + 1) * 127.5).round().byte().numpy())
    return path


def race(workers: dict[str, Worker], rounds: int, aim: float) -> tuple[list[dict], list[dict]]:
    """Rounds of {contestant: images/s}, and as many of the floor."""
    workers = dict(workers)
    floor = workers.pop("floor")
    blocks = {}
    for name, worker in workers.items():
        worker.ask(do="time", steps=2)  # what is compiled, allocated or captured at first does not count
        blocks[name] = block(worker.ask(do="time", steps=2)["seconds"] / 2, aim)
    speeds, floors = [], []
    for i in range(rounds):
        speeds.append({})
        for name, worker in workers.items():
            images = blocks[name] * worker.hello()["batch_size"]
            speeds[-1][name] = images / worker.ask(do="time", steps=blocks[name])["seconds"]
        floors.append(floor.ask(do="measure"))
        print(f"\rround {i + 1} of {rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return speeds, floors


# --- what is reported -------------------------------------------------------------------------------------------------


def report(hellos: dict[str, dict], speeds: list[dict], floors: list[dict], operations: dict[str, float]) -> dict:
    """Everything that was measured, as plain data."""
    floor = {name: spread([measured[name] for measured in floors]) for name in floors[0]}
    middle = {name: value["median"] for name, value in floor.items()}
    found = {}
    for name, hello in hellos.items():
        speed = spread([round_[name] for round_ in speeds])
        found[name] = {
            "what": NAMES[name],
            "images_per_second": speed,
            "operations_per_image": operations[name],
            "share_of_floor": shares(speed["median"], operations[name], middle),
            **hello,
        }
    return {"contestants": found, "ratios": ratios(speeds), "floor": floor, "rounds": speeds}


def table(result: dict) -> str:
    """The report for people."""
    lines = ["", f"{'images/s':36s}{'median':>9s}{'least':>9s}{'most':>9s}   batch  GFLOP/image  of fp32  of bf16  in"]
    for name, found in result["contestants"].items():
        speed = "".join(f"{value:9.0f}" for value in found["images_per_second"].values())
        share = "".join(f"{value:9.0%}" for value in found["share_of_floor"].values())
        cost = f"{found['batch_size']:8d}{found['operations_per_image'] / 1e9:13.3f}"
        lines.append(f"({name}) {found['what']:32s}{speed}{cost}{share}  {found['precision']}")
    lines.append("")
    for pair, ratio in result["ratios"].items():
        lines.append(f"{pair}: {ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})")
    units = {"float32": "GFLOP/s", "bfloat16": "GFLOP/s", "copy": "GB/s"}
    for name, value in result["floor"].items():
        least, most = value["least"] / 1e9, value["most"] / 1e9
        lines.append(f"floor, {name}: {value['median'] / 1e9:.0f} {units[name]} ({least:.0f} to {most:.0f})")
    return "\n".join(lines)


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    parser.add_argument("--tensorflow", metavar="PYTHON", help="an interpreter that has TensorFlow, if not this one")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), metavar="LETTER")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1.5, help="of a block of steps")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batch-size", type=int, help="for all, instead of each one's own")
    parser.add_argument("--edge", type=int, default=4096, help="of the matrices that measure the floor")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> dict:
    argv = sys.argv[1:] if argv is None else argv
    arguments = parse(argv)
    device = pick_device(arguments.device)
    names = without_absent(arguments.only, with_tensorflow(arguments.tensorflow))
    pairs = {name: name if name in PAIRS else "b" for name in names}  # (a) has the networks of (b)
    images = random_images()
    operations = {name: operations_per_image(*PAIRS[pair](images, 0, device)) for name, pair in pairs.items()}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        workers = start(names, arguments, folder, stack)
        hellos = {name: worker.hello() for name, worker in workers.items() if name != "floor"}
        speeds, floors = race(workers, arguments.rounds, arguments.seconds)
    about = {"command": command(__file__, argv), "machine": machine(device, arguments.threads)}
    result = {**about, **report(hellos, speeds, floors, operations)}
    print("\n".join(f"{name}: {value}" for name, value in result["machine"].items() if value), table(result), sep="\n")
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1))
    return result


if __name__ == "__main__":
    main()
