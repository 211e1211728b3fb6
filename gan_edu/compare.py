"""Ten years of GANs on one page: same digits, same networks, equal budgets for tuning. Taught in chapter 08.

As in Lucic et al. (2018), every method gets the same number of random settings, and the best of them is trained again
from other seeds. The first setting of each method has the same rates, so has the second, and so on: only what a method
alone has, the weight of its penalty or its clipping, is drawn from a range of its own.
"""

import functools
import json
import math
import multiprocessing
import os
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn.utils.parametrizations import spectral_norm

from gan_edu import checkpoints, data, metrics, models, train
from gan_edu.losses import penalty

STEPS, SETTINGS, SEEDS, JUDGED = 500, 8, 5, 890  # G's updates; settings a method; seeds of the best; pictures judged


class Method(NamedTuple):
    """What one paper changed: its loss, its penalties, what it does to D, and the range of its own weight."""

    loss: str
    penalties: tuple[str, ...] = ()
    d: str = ""  # "batch norm", "spectral norm" or "clip": the weights, to at most `weight`
    weights: tuple[float, float] = (1.0, 1.0)  # drawn between them, evenly in the logarithm


METHODS = {
    "minimax (2014)": Method("minimax"),
    "non-saturating (2014)": Method("non_saturating"),
    "DCGAN (2016)": Method("non_saturating", d="batch norm"),
    "LSGAN (2017)": Method("least_squares"),
    "WGAN (2017)": Method("wasserstein", d="clip", weights=(0.01, 0.3)),
    "WGAN-GP (2017)": Method("wasserstein", ("gradient_penalty",), weights=(0.1, 30.0)),
    "SN + hinge (2018)": Method("hinge", d="spectral norm"),
    "R1 (2018)": Method("non_saturating", ("r1",), weights=(0.01, 10.0)),
    "R3 (2024)": Method("relativistic", ("r1", "r2"), weights=(0.01, 10.0)),
}


class Setting(NamedTuple):
    """What is tuned: both players' learning rate, Adam's beta1, D's moves for one of G, the method's own weight."""

    rate: float
    beta1: float
    d_steps: int
    weight: float


def setting(method: str, k: int) -> Setting:
    """The `k`-th random setting of a method, the same on every machine."""
    draw = random.Random(k)
    low, high = METHODS[method].weights
    rate, beta1, d_steps, place = 10 ** draw.uniform(-3.5, -2), draw.uniform(0, 0.9), draw.choice((1, 3)), draw.random()
    return Setting(rate, beta1, d_steps, low * (high / low) ** place)


def build(method: str, setting: Setting, seed: int = 0) -> train.GAN:
    """A new GAN for 8x8 digits, ready to train: 16 wide on both sides, with G's moving average."""
    torch.manual_seed(seed)
    loss, penalties, d, _ = METHODS[method]
    pair = models.DCGANGenerator(8, 1, 16, 16), models.DCGANDiscriminator(8, 1, 16, batch_norm=d == "batch norm")
    if d == "spectral norm":
        for layer in pair[1].modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                spectral_norm(layer)
    optimizers = [torch.optim.Adam(player.parameters(), setting.rate, (setting.beta1, 0.99)) for player in pair]
    if d == "clip":  # after each of D's moves
        weights, most = list(pair[1].parameters()), setting.weight
        optimizers[1].register_step_post_hook(lambda *_: [w.data.clamp_(-most, most) for w in weights])
    terms = [penalty(name, setting.weight) for name in penalties]
    return train.GAN(*pair, loss, *optimizers, d_terms=terms, ema=0.99, device="cpu")


@functools.cache
def _judge():
    """A classifier of the digits, features of the real ones, and what a perfect generator would score."""
    digits = data.digits()
    classifier = metrics.train_classifier(digits.images, digits.labels)
    real = metrics.features(classifier, digits.images)
    return classifier, real, metrics.real_against_real(real, JUDGED)


def play(method: str, setting: Setting, seed: int = 0, steps: int = STEPS, looks: int = 5) -> dict:
    """Train the method with this setting and judge it: one run, as plain numbers.

    `distance` is the Fréchet distance as a multiple of real against real, 1 for a perfect generator; `path` holds
    (step, seconds of CPU, distance) at `looks` places. A run `failed` where a loss was not finite, where the average
    digit for ever would be nearer, or where nine tenths of the real digits have no fake near them (recall below 0.1).
    """
    classifier, real, perfect = _judge()
    gan = build(method, setting, seed)
    batches = data.Batches(data.digits().images, batch_size=64, seed=seed)
    path, spent = [], 0.0
    run = {"method": method, "seed": seed, "setting": setting._asdict(), "steps": steps}

    try:
        for part in range(1, looks + 1):
            began = time.process_time()
            history = train.train(gan, batches, steps * part // looks - gan.steps, setting.d_steps, progress=False)
            if history.interrupted:
                raise KeyboardInterrupt
            spent += time.process_time() - began
            fake = metrics.features(classifier, gan.sample(JUDGED))
            if not fake.isfinite().all():
                raise train.TrainingDiverged
            path.append((gan.steps, spent, metrics.frechet_distance(real[:JUDGED], fake) / perfect))
        quality = metrics.precision_recall(real[:JUDGED], fake)
    except train.TrainingDiverged:  # a loss, or a sample, is not finite
        return {**run, "distance": math.inf, "precision": 0.0, "recall": 0.0, "failed": True, "path": path}
    distance, average_digit = path[-1][2], torch.cov(real.double().T).trace().item() / perfect
    failed = distance > average_digit or quality.recall < 0.1
    return {**run, "distance": distance, **quality._asdict(), "failed": failed, "path": path}


def compare(
    file: Path, settings: int = SETTINGS, seeds: int = SEEDS, minutes: float = math.inf, steps: int = STEPS
) -> Iterator[dict]:
    """Play all runs of `steps` steps that `file` does not hold yet, on all cores; yields each when it is written there.

    First round by round one more setting of every method, so that budgets stay equal, for as long as `minutes` leave
    time for the rest; then the best setting of each method again from `seeds` other seeds.
    """
    runs, began = load(file) if file.exists() else [], time.monotonic()
    held = len(runs)
    spawn = multiprocessing.get_context("spawn")  # a fork of a process whose PyTorch has threads may hang
    with ProcessPoolExecutor(os.cpu_count(), spawn, torch.set_num_threads, (1,)) as pool:

        def missing(wanted):
            known = {(run["method"], run["k"], run["seed"]) for run in runs if run["steps"] == steps}
            waiting = {pool.submit(play, m, setting(m, k), s, steps): k for m, k, s in wanted if (m, k, s) not in known}
            for finished in as_completed(waiting):
                runs.append({"k": waiting[finished], **finished.result()})
                _write(file, runs)
                yield runs[-1]

        try:
            for k in range(settings):
                new = len(runs) - held
                rest = len(METHODS) * (1 + seeds) / new if new else 0  # of the time so far, with one more round
                if k and (time.monotonic() - began) / 60 * (1 + rest) > minutes:
                    break
                yield from missing([(name, k, 0) for name in METHODS])
            seeded = [(name, best(runs, name)["k"], seed) for name in METHODS for seed in range(1, seeds + 1)]
            yield from missing(seeded)
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C nobody waits for what has not begun


def load(file: Path) -> list[dict]:
    """The runs that `compare` wrote there. Raises ValueError for another file."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))["runs"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{file} was not written by compare: move it away") from None


def _write(file, runs):
    command = " ".join(["python -m gan_edu", *sys.argv[1:]])
    text = json.dumps({"command": command, "torch": torch.__version__, "runs": runs})
    checkpoints.write_whole(file, lambda opened: opened.write(text.encode()))


def tuning(runs: list[dict], method: str) -> list[dict]:
    """The method's runs with those random settings that every method has played, in the order of drawing."""
    played = Counter(run["k"] for run in runs if run["seed"] == 0)
    mine = (run for run in runs if run["method"] == method and run["seed"] == 0)
    return sorted((run for run in mine if played[run["k"]] == len(METHODS)), key=lambda run: run["k"])


def best(runs: list[dict], method: str) -> dict:
    """The run of the method's best setting."""
    return min(tuning(runs, method), key=lambda run: run["distance"])


def again(runs: list[dict], method: str) -> list[dict]:
    """The runs of the method's best setting from other seeds."""
    k = best(runs, method)["k"]
    return [run for run in runs if run["method"] == method and run["seed"] > 0 and run["k"] == k]


def expected_best(distances: list[float], k: int) -> float:
    """The mean of the least of `k` distances, drawn without putting back: what a budget of `k` settings buys.

    The i-th smallest of K is the least of the k in C(K - 1 - i, k - 1) of C(K, k) draws.
    """
    chances = [math.comb(len(distances) - 1 - i, k - 1) for i in range(len(distances))]
    some = zip(sorted(distances), chances, strict=True)
    return sum(distance * chance for distance, chance in some if chance) / math.comb(len(distances), k)


def at_equal_time(run: dict, seconds: float) -> float:
    """The distance where the run was last judged before `seconds` of CPU; infinite where that was not yet."""
    return next((distance for _, spent, distance in reversed(run["path"]) if spent <= seconds), math.inf)


HEADER = ("method", "best", "distance", "least", "largest", "same time", "precision", "recall", "failed")


def rows(runs: list[dict]) -> list[tuple]:
    """One row a method, as HEADER says: the best distance in tuning; then of its setting from other seeds the median,
    least and largest distance, the median at the time that the fastest method needs in all, mean precision and recall;
    and the share of all its runs that failed.
    """
    whole = [[run["path"][-1][1] for run in again(runs, name) if math.isfinite(run["distance"])] for name in METHODS]
    seconds = min((statistics.median(spent) for spent in whole if spent), default=0.0)
    return [(name, *_row(tuning(runs, name), again(runs, name), seconds)) for name in METHODS]


def _row(tuned, seeds, seconds):
    distances = [run["distance"] for run in seeds]
    spread = statistics.median(distances), min(distances), max(distances)
    same_time = statistics.median(at_equal_time(run, seconds) for run in seeds)
    means = (statistics.mean(run[what] for run in seeds) for what in ("precision", "recall"))
    failed = statistics.mean(run["failed"] for run in [*tuned, *seeds])
    return (min(run["distance"] for run in tuned), *spread, same_time, *means, failed)


def page(runs: list[dict]) -> str:
    """HEADER and the rows as text, a line each."""
    numbers = ["".join(f"{value:>10.2f}" for value in row[1:]) for row in rows(runs)]
    lines = [f"{name:24}{line}" for name, line in zip(METHODS, numbers, strict=True)]
    return "\n".join([f"{HEADER[0]:24}" + "".join(f"{word:>10}" for word in HEADER[1:]), *lines])
