"""Images per second of one training step, five ways, on this machine.

    python tests/benchmarks/train_step.py --out speed.json
    python tests/benchmarks/train_step.py --tensorflow path/to/python   # where it lives in another environment
    python tests/benchmarks/train_step.py --busy            # the fast pair beside none, one and two busy neighbours

(a) TensorFlow's DCGAN tutorial (extra `bench`; left out where there is no TensorFlow), (b) the same networks in plain
eager PyTorch, (c) the same networks with `accelerate`, which computes in bfloat16 where the device can, (c32) the same
in float32, as (a) does, (d) the fast pair with `accelerate`, in batches of its own size.

What is timed is a step and the fetching of its batch, for all. Each contestant lives in a process of its own, and so
does the floor: what the device reaches in a matrix product and a copy. They take turns, a block of steps each a round,
beginning with another one every round, so that a slow minute of the machine is everybody's; only one computes at a
time. Ratios are taken within each round; a share of the floor is that of the product in the contestant's own precision.
About four minutes on two cores.

With `--busy` the fast pair alone is timed, on one thread and on all, whose waiting for each other spins, as OpenMP does
by itself, or sleeps, as the course lets it (`gan_edu/__init__.py`), while no, one or two other processes compute.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import reporting
from contestants import (
    HERE,
    NAMES,
    PAIRS,
    SETUP,
    random_images,
    tensorflow_worker,
    with_tensorflow,
    without_absent,
)
from reporting import block, share, spread
from torch.utils.flop_counter import FlopCounterMode
from workers import Worker

from gan_edu.data import Batches
from gan_edu.train import GAN, pick_device, train_step

RATIOS = ("c/a", "c32/a", "c/b", "d/a", "d/c")
WORKERS = {"b": ["b"], "c": ["c"], "c32": ["c", "--precision", "float32"], "d": ["d"]}  # arguments of contestants.py
NETWORKS = {"a": "b", "c32": "c"}  # whose networks these contestants have


def ratios(rounds: list[dict[str, float]], pairs: tuple[str, ...] = RATIOS) -> dict[str, dict[str, float]]:
    """The spread of each ratio "c/a" over the rounds {contestant: images/s}; without those of absent contestants."""
    present = [pair for pair in pairs if set(pair.split("/")) <= set(rounds[0])]
    found = {}
    for pair in present:
        above, below = pair.split("/")
        found[pair] = spread([speeds[above] / speeds[below] for speeds in rounds])
    return found


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


def start(names: list[str], arguments: argparse.Namespace, folder: str, stack: ExitStack) -> dict[str, Worker]:
    """All workers, ready; the floor's among them."""
    script, batch_size = str(HERE / "contestants.py"), arguments.batch_size
    here = ["--threads", str(arguments.threads), "--device", arguments.device]
    batch = ["--batch-size", str(batch_size)] if batch_size else []
    workers = {"floor": stack.enter_context(Worker(script, "floor", *["--small"] * arguments.small, *here))}
    for name in names:
        if name == "a":
            python = with_tensorflow(arguments.tensorflow)
            worker = tensorflow_worker(random_images(), folder, python, arguments.threads, batch_size)
        else:
            worker = Worker(script, *WORKERS[name], *here, *batch)
        workers[name] = stack.enter_context(worker)
    for worker in workers.values():
        worker.hello()
    return workers


def race(workers: dict[str, Worker], rounds: int, aim: float) -> tuple[list[dict], list[dict]]:
    """Rounds of {contestant: images/s} in the order in which they were measured, and, if it runs, of the floor."""
    names, blocks = [name for name in workers if name != "floor"], {}
    for name in names:
        workers[name].ask(do="time", steps=SETUP)  # what is compiled, allocated or captured at first does not count
        blocks[name] = block(workers[name].ask(do="time", steps=2)["seconds"] / 2, aim)
    speeds, floors = [], []
    for i in range(rounds):
        speeds.append({})
        for name in rotated(names, i):
            images = blocks[name] * workers[name].hello()["batch_size"]
            speeds[-1][name] = images / workers[name].ask(do="time", steps=blocks[name])["seconds"]
        floors += [workers["floor"].ask(do="measure")] if "floor" in workers else []
        print(f"\rround {i + 1} of {rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return speeds, floors


def rotated(names: list[str], places: int) -> list[str]:
    """The names in the same order, beginning so many places later."""
    places %= len(names)
    return names[places:] + names[:places]


# --- a busy neighbour -------------------------------------------------------------------------------------------------

ALONE, SPINNING, SLEEPING = "one thread", "all threads, spinning", "all threads, sleeping"


# It ends with its input: a benchmark that is killed leaves no neighbour behind.
COMPUTE = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0))).start()
while True:
    pass
"""


@contextmanager
def neighbours(n: int):
    """So many processes that do nothing but compute."""
    processes = [subprocess.Popen([sys.executable, "-c", COMPUTE], stdin=subprocess.PIPE) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            process.stdin.close()
            process.wait()


def busy(arguments: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """Median images/s of each way to wait, beside 0, 1 and 2 neighbours; the ways take turns."""
    spins = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    sleeps = spins | {"OMP_WAIT_POLICY": "passive"}
    ways = {ALONE: (1, sleeps), SPINNING: (arguments.threads, spins), SLEEPING: (arguments.threads, sleeps)}
    batch = ["--batch-size", str(arguments.batch_size)] if arguments.batch_size else []
    found = {way: [] for way in ways}
    with ExitStack() as stack:
        workers = {}
        for way, (threads, environment) in ways.items():
            here = ["d", "--threads", str(threads), "--device", "cpu", *batch]
            worker = Worker(str(HERE / "contestants.py"), *here, environment=environment)
            workers[way] = stack.enter_context(worker)
            workers[way].ask(do="time", steps=SETUP)
        for n in range(3):
            with neighbours(n):
                speeds, _ = race(workers, arguments.rounds, arguments.seconds)
            for way in ways:
                found[way].append(spread([speed[way] for speed in speeds]))
    return found


def busy_table(found: dict) -> str:
    """The report of `busy` for people, and what the course promises of it."""
    lines = [f"{'images/s beside so many neighbours':36s}" + "".join(f"{n:9d}" for n in range(3))]
    lines += [f"{way:36s}" + "".join(f"{x['median']:9.0f}" for x in speeds) for way, speeds in found.items()]
    quiet = max(speeds[0]["median"] for speeds in found.values())
    kept = [
        found[SLEEPING][0]["median"] / quiet,
        *(x["median"] / found[ALONE][0]["median"] for x in found[SLEEPING][1:]),
    ]
    lines.append(f"sleeping, of the best when quiet: {kept[0]:.2f}")
    lines.append("sleeping, of one quiet thread, beside one and two neighbours: {:.2f}, {:.2f}".format(*kept[1:]))
    return "\n".join(lines)


# --- what is reported -------------------------------------------------------------------------------------------------


def report(hellos: dict[str, dict], speeds: list[dict], floors: list[dict], operations: dict[str, float]) -> dict:
    """Everything that was measured, as plain data."""
    floor = {name: spread([measured[name] for measured in floors]) for name in floors[0]}
    found = {}
    for name, hello in hellos.items():
        speed = spread([round_[name] for round_ in speeds])
        bound = floor[hello["precision"]]["median"]
        found[name] = {
            "what": NAMES[name],
            "images_per_second": speed,
            "operations_per_image": operations[name],
            "share_of_floor": share(speed["median"], operations[name], bound),
            **hello,
        }
    return {"contestants": found, "ratios": ratios(speeds), "floor": floor, "rounds": speeds}


def table(result: dict) -> str:
    """The report for people."""
    lines = ["", f"{'images/s':36s}{'median':>9s}{'least':>9s}{'most':>9s}   batch  GFLOP/image  of the floor in"]
    for name, found in result["contestants"].items():
        speed = "".join(f"{value:9.0f}" for value in found["images_per_second"].values())
        cost = f"{found['batch_size']:8d}{found['operations_per_image'] / 1e9:13.3f}"
        lines.append(
            f"{f'({name})':6s}{found['what']:30s}{speed}{cost}{found['share_of_floor']:8.0%}  {found['precision']}"
        )
    lines.append("")
    for pair, ratio in result["ratios"].items():
        lines.append(f"{pair}: {ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})")
    units = {"float32": "GFLOP/s", "bfloat16": "GFLOP/s", "copy": "GB/s"}
    for name, value in result["floor"].items():
        least, most = value["least"] / 1e9, value["most"] / 1e9
        lines.append(f"floor, {name}: {value['median'] / 1e9:.0f} {units[name]} ({least:.0f} to {most:.0f})")
    return "\n".join(lines)


def parse(argv: list[str]) -> argparse.Namespace:
    parser = reporting.parser(__doc__)
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    parser.add_argument("--tensorflow", metavar="PYTHON", help="an interpreter that has TensorFlow, if not this one")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1.5, help="of a block of steps")
    parser.add_argument("--batch-size", type=int, help="for all, instead of each one's own")
    parser.add_argument("--busy", action="store_true", help="the fast pair beside none, one and two busy neighbours")
    parser.add_argument("--small", action="store_true", help="a floor of small matrices, for a miniature")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> dict:
    argv = sys.argv[1:] if argv is None else argv
    arguments = parse(argv)
    device = pick_device(arguments.device)
    if arguments.busy:
        found = busy(arguments)
        result = {**reporting.about(__file__, argv, pick_device("cpu"), arguments.threads), "busy": found}
        print(busy_table(found))
        if arguments.out:
            reporting.write(result, arguments.out)
        return result
    names = without_absent(arguments.only, with_tensorflow(arguments.tensorflow))
    images = random_images()
    operations = {name: operations_per_image(*PAIRS[NETWORKS.get(name, name)](images, 0, device)) for name in names}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        workers = start(names, arguments, folder, stack)
        hellos = {name: workers[name].hello() for name in names}
        speeds, floors = race(workers, arguments.rounds, arguments.seconds)
    about = reporting.about(__file__, argv, device, arguments.threads)
    result = {**about, **report(hellos, speeds, floors, operations)}
    print("\n".join(f"{name}: {value}" for name, value in result["machine"].items() if value), table(result), sep="\n")
    if arguments.out:
        reporting.write(result, arguments.out)
    return result


if __name__ == "__main__":
    main()
