"""What chapter 18 claims of two processes and of large batches.

    python tests/benchmarks/scaling.py --out figures/scaling.json

Each run is written when it ends; what the file holds already is not made again.

`drift`: the largest difference between the weights of two processes and of one (`two`), and between those of one and of
one whose batches' rows are shuffled (`shuffled`), after each of STEPS steps, in float32 and in float64.
`batch`: a ring of eight heaps, each run on the same number of samples, in batches of another size and at another rate;
the modes found and the share of good samples. `moves`: the same for MOVES steps each, whatever the size.
`messages`: the least seconds that two processes need to add up so many numbers. `work`: the least seconds of a step of
digits' networks of this width, alone and on two processes at once, and what `average` sends in it.
"""

import itertools
import json
import sys
import time
from functools import partial
from pathlib import Path

import reporting
import torch
from torch import distributed

from gan_edu import data, metrics, recipes, train
from gan_edu.train import parallel

HERE = Path(__file__).resolve()
STEPS = (1, 2, 5, 10, 20, 50, 100, 200)
SAMPLES, MOVES, BATCHES, RATES = 64_000, 500, (32, 128, 512, 2048), (2e-3, 4e-3, 8e-3)
MESSAGES, WIDTHS = [10**n for n in range(2, 8)], (8, 32, 96)


def on_two(call: str, timeout: float = 3000) -> dict:
    """What rank 0 prints where two processes call a function of this file."""
    here = [str(HERE.parent), str(HERE.parents[2])]
    said = parallel.launch(f"import sys; sys.path[:0] = {here}; import scaling; scaling.{call}", timeout=timeout)
    try:
        return json.loads(said[0].splitlines()[-1])
    except (IndexError, ValueError):
        sys.exit("\n".join(said))


# --- two processes against one ----------------------------------------------------------------------------------------


def drift(name: str, dtype: str) -> None:
    """Three games from one start: shared by both ranks, one process's on rank 0, one of shuffled rows on rank 1."""
    torch.set_num_threads(1)
    kind, images = getattr(torch, dtype), data.load(name)
    with parallel.group():
        games = [recipes.pictures(images, recipes.suits(images), device="cpu") for _ in range(2)]
        for gan, _ in games:
            for network in gan.networks().values():
                network.to(kind)
        (shared, batches), (alone, _) = games
        step, told = parallel.share(shared, train.train_step), {"steps": STEPS, "two": [], "shuffled": []}
        torch.manual_seed(0)
        for turn in range(1, STEPS[-1] + 1):
            real = next(batches).to(kind)
            noise = shared.sample_noise(len(real))
            step(shared, real, noise)
            rows = torch.arange(len(real)).view(-1, 2).T.flatten() if parallel.rank() else slice(None)
            train.train_step(alone, real[rows], noise[rows])
            if turn in STEPS:
                one, other = flat(alone), flat(alone)
                distributed.broadcast(one, 0)
                distributed.broadcast(other, 1)
                told["two"].append((flat(shared) - one).abs().max().item())
                told["shuffled"].append((other - one).abs().max().item())
        print(json.dumps(told))


def flat(gan) -> torch.Tensor:
    """All weights of both players."""
    return torch.cat([w.detach().flatten() for p in (gan.generator, gan.discriminator) for w in p.parameters()])


# --- large batches ----------------------------------------------------------------------------------------------------


def of_batch(batch: int, rate: float, seed: int, steps: int) -> dict:
    """A ring after so many steps on batches of this size."""
    ring = data.ring()
    gan, _ = recipes.plane(ring, seed, "cpu")
    for group in [group for optimizer in gan.optimizers().values() for group in optimizer.param_groups]:
        group["lr"] = rate
    gan.ema_decay, gan.ema_warmup = 0.95, True  # a run of 31 steps has no time for 0.99
    points = data.Batches(ring.sample(10_000, torch.Generator().manual_seed(seed)), batch_size=batch, seed=seed)
    reporting.whole(train.train(gan, points, steps, final_rate=recipes.FINAL_RATE, progress=False))
    coverage = metrics.mode_coverage(gan.sample(4000), ring.centers, ring.std)
    return {"batch": batch, "rate": rate, "steps": steps, "modes": coverage[0], "good": float(coverage[1])}


# --- time -------------------------------------------------------------------------------------------------------------


def least(do, repeats: int) -> float:
    """The least seconds of so many: what else the machine does can only add to them."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def messages() -> None:
    """How long both need to add up so many numbers."""
    torch.set_num_threads(1)
    with parallel.group():
        numbers = {n: torch.zeros(n) for n in MESSAGES}
        told = {n: least(partial(distributed.all_reduce, x), 60 if n < 10**6 else 12) for n, x in numbers.items()}
        print(json.dumps({"numbers": list(told), "seconds": list(told.values())}))


def work(width: int) -> None:
    """Steps of 64 and 32 digits without a word, then 64 shared (strong scaling), then 128 shared (weak)."""
    torch.set_num_threads(1)
    recipe = recipes.RECIPES[8]._replace(g_width=width, d_width=width, r1_weight=0.0)
    real, told = torch.rand(128, 1, 8, 8) * 2 - 1, {}
    with parallel.group():
        gan, _ = recipes.pictures(data.digits(), recipe, device="cpu")
        told["numbers"] = flat(gan).numel()
        for rows in (32, 64):
            distributed.barrier()
            told[f"alone {rows}"] = least(partial(train.train_step, gan, real[:rows]), 25)
        step = parallel.share(gan, train.train_step)
        for rows in (64, 128):
            told[f"shared {rows}"] = least(partial(step, gan, real[:rows]), 25)
        print(json.dumps(told))


def main() -> None:
    parser = reporting.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    ledger = reporting.Ledger(options.out, reporting.about(__file__, sys.argv[1:], torch.device("cpu"), 1))
    for name, dtype in (("digits", "float32"), ("digits", "float64")):
        ledger.once("drift", f"{name} {dtype}", 0, partial(on_two, f"drift('{name}', '{dtype}')"))
    for seed, batch, rate in itertools.product(range(options.seeds), BATCHES, RATES):
        ledger.once("batch", f"{batch} at {rate}", seed, partial(of_batch, batch, rate, seed, SAMPLES // batch))
    for seed, batch in itertools.product(range(options.seeds), BATCHES[:-1]):
        ledger.once("moves", batch, seed, partial(of_batch, batch, 4e-3, seed, MOVES))
    ledger.once("messages", "gloo", 0, partial(on_two, "messages()"))
    for width in WIDTHS:
        ledger.once("work", width, 0, partial(on_two, f"work({width})"))
    if (data.data_root() / "MNIST").exists():
        ledger.once("drift", "mnist float64", 0, partial(on_two, "drift('mnist', 'float64')"))


if __name__ == "__main__":
    main()
