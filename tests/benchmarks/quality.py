"""How good samples are after so many seconds of training, on MNIST: the tutorial in TensorFlow, the same, and ours.

    GAN_EDU_DATA=data python tests/benchmarks/quality.py --out build/quality
    python tests/benchmarks/quality.py --small --only d --out build/quality     # seconds, enlarged 8x8 digits, no MNIST

(a) TensorFlow's tutorial, (c) its networks accelerated, (d) the fast pair accelerated; one after the other, on all
threads. The clock runs while a GAN trains and stands still while samples are scored. Not counted, for any of them:
building the networks and the first two steps, which trace, load libraries and fill buffers (`setup_seconds` in the
JSON). Nor, for (c) and (d), a few seconds with a game that is thrown away, which measure how many steps fit into the
budget: (d) must know that number, because its learning rates fall along a cosine.

The yardstick is real-against-real: the Fréchet distance between two disjoint sets of real pictures, as many as there
are samples, on features. Every run is scored by three judges of different architecture, one of them no network
(`judges.py`), at the same moments, each a quarter later than the one before. So the time to a score is known as an
interval: from the last look outside to the first one inside. The ratio of (d) to (a) takes the end of (d)'s and the
beginning of (a)'s, hence is never flattered. On a busy machine compare steps instead, which are reported too, and
multiply them by the seconds of a step.
"""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count, takewhile
from pathlib import Path
from statistics import mean, median

import numpy as np
import reporting
import torch
from contestants import (
    NAMES,
    SETUP,
    Game,
    make,
    seconds,
    synchronize,
    tensorflow_worker,
    with_tensorflow,
    without_absent,
)
from judges import JUDGES, SMALL, WITHIN, Course, Judge, Scale, fid_metric, usual_fid
from reporting import block, spread
from torch import Tensor
from torch.nn import functional

from gan_edu import data, plots, recipes, train

FILL = 0.95  # the share of a budget that steps are planned for: a machine is not always equally fast
Look = Callable[[float, int, Tensor], bool]  # after these seconds and steps, at these samples: is it enough?


def pictures(small: bool) -> data.Images:
    """MNIST; or, where seconds must do, scikit-learn's digits enlarged to 28x28, which are no substitute for it."""
    if not small:
        return data.mnist()
    print("a miniature: digits of 8x8 enlarged to 28x28, not MNIST, few steps and samples; its scores mean nothing")
    digits = data.digits()
    return digits._replace(images=functional.interpolate(digits.images, 28, mode="bilinear"))


def moments(first: float, last: float, growth: float) -> list[float]:
    """When to look, in seconds: each `growth` times as late as the one before, and at last."""
    return [*takewhile(lambda moment: moment < last, (first * growth**i for i in count())), last]


# --- contestants ------------------------------------------------------------------------------------------------------


def draw(gan: train.GAN, n: int) -> Tensor:
    """`n` samples, of the same noise at each look, which takes none of training's random numbers."""
    noise = torch.randn(n, gan.latent_dim, generator=torch.Generator().manual_seed(n)).to(gan.device)
    return torch.cat([gan.sample(noise=part) for part in noise.split(500)])


class Watch:
    """A step that keeps the time of training alone: at given moments the clock stands still for a look.

    The first `uncounted` steps go into `setup` instead; the clock starts after them.
    """

    def __init__(self, game: Game, moments: list[float], look: Look, samples: int, uncounted: int = SETUP):
        self.game, self.moments, self.look, self.samples = game, list(moments), look, samples
        self.uncounted, self.steps, self.setup, self.ended = uncounted, 0, 0.0, False
        self.began = time.perf_counter()

    def __call__(self, gan: train.GAN, real: Tensor, noise=None, condition=None) -> train.StepLosses:
        losses = self.game.step(gan, real, noise, condition)
        self.steps += 1
        if self.steps == self.uncounted:
            self.setup = self.seconds(wait=True)
            self.began = time.perf_counter()
        elif self.moments and self.steps > self.uncounted and self.seconds() >= self.moments[0]:
            self.stand_still()
        return losses

    def seconds(self, wait: bool = False) -> float:
        """Of training so far; `wait` for what the device has yet to do."""
        if wait:
            synchronize(self.game.gan.device)
        return time.perf_counter() - self.began

    def stand_still(self) -> None:
        """Look; where that is enough, or the last moment is over, end the training as Ctrl-C would."""
        trained = self.seconds(wait=True)
        self.moments = [moment for moment in self.moments if moment > trained]
        enough = self.look(trained, self.steps, draw(self.game.gan, self.samples))
        self.began = time.perf_counter() - trained
        if enough or not self.moments:
            self.ended = True
            raise KeyboardInterrupt


def steps_per_second(game: Game, aim: float) -> float:
    """The speed of a game that is thrown away, measured for `aim` seconds."""
    seconds(game, SETUP)
    n = block(seconds(game, 4) / 4, aim)
    return n / seconds(game, n)


def train_ours(
    name: str,
    images: data.Images,
    seed: int,
    when: list[float],
    course: Course,
    scale: Scale,
    device: str = "auto",
    snapshots: int = 0,
) -> tuple[Game, train.History]:
    """Train contestant "c" or "d" until the last of the moments `when`; the course sees all."""
    speed = steps_per_second(make(name, images, seed, device, scale.batch_size), scale.pilot)
    game = make(name, images, seed, device, scale.batch_size)
    steps = SETUP + max(1, int(FILL * when[-1] * speed))
    final_rate = recipes.FINAL_RATE if name == "d" else 1.0  # the tutorial's rates stay
    watch = Watch(game, when, course.look, scale.samples)
    settings = {"snapshots": snapshots, "final_rate": final_rate, "progress": False}
    history = train.train(game.gan, game.batches, steps, step=watch, **settings)
    if history.interrupted and not watch.ended:
        raise KeyboardInterrupt  # somebody pressed Ctrl-C
    if not history.interrupted:
        course.look(watch.seconds(wait=True), watch.steps, draw(game.gan, scale.samples))
    course.setup = watch.setup
    return game, history


def train_tensorflow(
    python: str, images: data.Images, seed: int, when: list[float], course: Course, scale: Scale, threads: int
) -> None:
    """Train contestant "a" in a worker; the course sees its samples at the moments `when`."""
    with tempfile.TemporaryDirectory() as folder:
        samples = str(Path(folder) / "samples.npy")
        with tensorflow_worker(images, folder, python, threads, scale.batch_size, seed) as worker:
            course.setup = worker.ask(do="time", steps=SETUP)["seconds"]
            trained = {"seconds": 0.0}
            for moment in when:
                if moment <= trained["seconds"]:
                    continue  # a step took longer than from one moment to the next
                trained = worker.ask(do="train", until=moment)
                worker.ask(do="sample", n=scale.samples, seed=seed, path=samples)
                if course.look(**trained, samples=torch.from_numpy(np.load(samples))):
                    return


# --- what is reported -------------------------------------------------------------------------------------------------


def arrival(looks: list[dict], unit: str, multiple: float = WITHIN) -> dict[str, float | None]:
    """Between which "seconds" or "steps" the mark was reached: the last look outside before it, the first one inside.

    Medians over runs and judges; 0 outside where no look was, None inside where none was.
    """
    curves, outside, inside = {}, [], []
    for look in looks:
        curves.setdefault((look["seed"], look["judge"]), []).append(look)
    for curve in curves.values():
        before = list(takewhile(lambda look: look["multiple"] > multiple, curve))
        after = curve[len(before) :]
        outside.append(before[-1][unit] if before else 0)
        inside.append(after[0][unit] if after else math.inf)
    last = median(inside)
    return {"outside": median(outside), "inside": last if math.isfinite(last) else None}


def summary(scores: list[dict]) -> dict:
    """The spread, over runs and judges, of each score, and of the least and the most frequent class."""
    names = ("seconds", "steps", "frechet", "multiple", "kernel_distance", "precision", "recall")
    columns = {name: [score[name] for score in scores] for name in names}
    by_run = {}
    for score in scores:
        by_run.setdefault(score["seed"], []).append(score["multiple"])
    columns["multiple, mean of the judges"] = [mean(multiples) for multiples in by_run.values()]
    shares = [score["class_shares"] for score in scores if "class_shares" in score]
    columns["rarest class"], columns["most frequent class"] = map(min, shares), map(max, shares)
    return {name: spread(list(values)) for name, values in columns.items()}


def race_to_the_mark(courses: dict[str, list[dict]]) -> dict:
    """Seconds and steps that each contestant needs to the mark, and the ratio of (d)'s most to (a)'s least seconds."""
    found = {}
    for name, runs in courses.items():
        looks = [look for run in runs for look in run["looks"]]
        found[name] = {unit: arrival(looks, unit) for unit in ("seconds", "steps")}
        found[name]["given_seconds"] = max(look["seconds"] for look in looks)
        lasts = [run["looks"][-1] for run in runs]
        found[name]["seconds_per_step"] = median(last["seconds"] / (last["steps"] - SETUP) for last in lasts)
        found[name]["setup_seconds_not_counted"] = median(run["setup_seconds"] for run in runs)
    result = {"multiple": WITHIN, "contestants": found}
    if {"a", "d"} <= set(found):
        most, least = found["d"]["seconds"]["inside"], found["a"]["seconds"]["outside"]
        result["d/a is at most"] = most / least if most and least else None
    return result


def table(result: dict) -> str:
    """The report for people: medians, and from least to most."""
    lines = []
    for name, rows in result["summary"].items():
        for when, scores in rows.items():
            lines.append(f"({name}) {NAMES[name]}, {when}:")
            for score, value in scores.items():
                lines.append(f"    {score:30s}{value['median']:10.4g}   ({value['least']:.4g} to {value['most']:.4g})")
    race = result["race"]
    for name, found in race["contestants"].items():
        time, steps = found["seconds"], found["steps"]
        reached = f"not in {found['given_seconds']:.0f} s"
        if time["inside"]:
            reached = f"in {time['outside']:.1f} to {time['inside']:.1f} s"
            reached += f", {steps['outside']:.0f} to {steps['inside']:.0f} steps"
        lines.append(f"({name}) comes within {race['multiple']} times real-against-real {reached}")
        lines.append(
            f"    {found['seconds_per_step']:.3g} s a step; not counted: {found['setup_seconds_not_counted']:.1f} s"
        )
    for name, found in result["usual_fid"].items():
        lines.append(f"({name}) " + ", ".join(f"{score} {value:.1f}" for score, value in found.items()))
    if race.get("d/a is at most"):
        lines.append(f"(d) needs at most 1/{1 / race['d/a is at most']:.0f} of the time of (a)")
    return "\n".join(lines)


# What the figure calls them: by the letters of chapter 06's race, where both (a) and (c) here are its (a).
TITLES = {"a": "(a) TensorFlow's tutorial", "c": "(a) in our fast step", "d": "(d) our networks and recipe"}


def figure_of(courses: dict[str, list[dict]], samples: dict[str, Tensor], real: Tensor):
    """Above the distance over time of every run; below 64 samples of each contestant's first run beside real ones."""
    figure, axes = plots.panels(len(samples) + 1, rows=2, width=2.3, height=2.6)
    wide = figure.add_subplot(axes[0, 0].get_gridspec()[0, :])
    wide.spines[["top", "right"]].set_visible(False)
    for ax in axes[0]:
        ax.remove()
    for (name, runs), (color, style) in zip(courses.items(), plots.CYCLE, strict=False):
        for run in runs:
            by_moment = {}
            for look in run["looks"]:
                by_moment.setdefault(look["seconds"], []).append(look["multiple"])
            times, values = list(by_moment), [median(found) for found in by_moment.values()]
            label = TITLES[name] if run is runs[0] else None
            wide.loglog(times, values, color=color, linestyle=style, marker=".", label=label)
    wide.legend(fontsize=9, frameon=False, loc="lower right")
    plots.label(wide, "seconds of training", "times real against real")
    for ax, (name, pictures) in zip(axes[1], {**samples, "real": real}.items(), strict=True):
        plots.images(ax, pictures[:64], title=TITLES.get(name, name))
    return figure


def report(names: list[str], images: data.Images, arguments: argparse.Namespace, python: str | None) -> dict:
    """Train and score everything, seed by seed; draw the figure; all that was found as plain data."""
    scale, device = SMALL if arguments.small else Scale(), train.pick_device(arguments.device)
    judges = [Judge(judge, images, scale, device) for judge in JUDGES]
    courses, samples = {name: [] for name in names}, {}
    for seed in arguments.seeds:
        for name in names:
            course = run(name, images, seed, judges, arguments, scale, python)
            samples.setdefault(name, course.samples)
            courses[name].append(course.end())
            last = courses[name][-1]["final"][0]
            print(f"seed {seed} ({name}): {last['multiple']:.1f} times after {last['seconds']:.1f} s", flush=True)
    (arguments.out / "quality.png").write_bytes(plots.png(figure_of(courses, samples, images.images), 200))
    settings = {"seeds": arguments.seeds, "budget": arguments.budget, "tutorial_minutes": arguments.tutorial_minutes}
    return {
        "data": "a miniature, not MNIST" if arguments.small else "MNIST",
        "settings": {**scale._asdict(), **settings},
        "real_against_real": {judge.name: judge.real_against_real for judge in judges},
        "summary": {name: both_ends(runs) for name, runs in courses.items()},
        "race": race_to_the_mark(courses),
        "usual_fid": {name: usual_fid(images.images, drawn) for name, drawn in samples.items() if arguments.inception},
        "runs": courses,
    }


def both_ends(runs: list[dict]) -> dict:
    """The summaries of the scores at the budget and, for a run that went on after it, at the end."""
    ends = {end: [score for run in runs for score in run[end]] for end in ("at_budget", "final")}
    if ends["final"] == ends["at_budget"]:
        del ends["at_budget"]
    return {end: summary(scores) for end, scores in ends.items()}


def run(name, images, seed, judges, arguments, scale, python) -> Course:
    """One training run of one contestant."""
    course = Course(judges, arguments.budget, until_within=name != "d", seed=seed)
    budget, most = arguments.budget, 60 * arguments.tutorial_minutes
    when = moments(budget / 60, budget, scale.growth)
    if name != "d":
        when += moments(budget, max(budget, most), scale.growth)[1:]
    if name == "a":
        train_tensorflow(python, images, seed, when, course, scale, arguments.threads)
    else:
        train_ours(name, images, seed, when, course, scale, arguments.device)
    return course


def parse(argv: list[str]) -> argparse.Namespace:
    parser = reporting.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a folder for quality.json and quality.png")
    parser.add_argument("--only", nargs="+", choices="acd", default=list("acd"), metavar="LETTER")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of the GAN")
    parser.add_argument("--budget", type=float, default=60, help="seconds of training of (d); (a), (c) are scored then")
    parser.add_argument("--tutorial-minutes", type=float, default=30, help="that (a) and (c) may train at most")
    parser.add_argument("--inception", action="store_true", help="the usual FID too; fetches Inception's weights")
    parser.add_argument("--tensorflow", metavar="PYTHON", help="an interpreter that has TensorFlow, if not this one")
    parser.add_argument("--small", action="store_true", help="a miniature that shows that everything runs")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> dict:
    argv = sys.argv[1:] if argv is None else argv
    arguments = parse(argv)
    torch.set_num_threads(arguments.threads)
    python = with_tensorflow(arguments.tensorflow)
    names = without_absent(arguments.only, python)
    if arguments.inception:
        fid_metric()  # what it lacks is told now, not after the training
    arguments.out.mkdir(parents=True, exist_ok=True)
    found = report(names, pictures(arguments.small), arguments, python)
    device = train.pick_device(arguments.device)
    result = {**reporting.about(__file__, argv, device, arguments.threads), **found}
    reporting.write(result, arguments.out / "quality.json")
    print(table(result))
    return result


if __name__ == "__main__":
    main()
