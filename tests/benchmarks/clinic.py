"""Every patient of chapter 10 over three seeds, and what each test reads: the decision table's proof.

    python tests/benchmarks/clinic.py --out figures/clinic.json
    python tests/benchmarks/clinic.py --recipes     # does `train` warn in the healthy runs of the course? It must not

The record holds the numbers of each run, and what the decision table says of it. About five minutes on one quiet core.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import torch

from gan_edu import data, recipes, train
from gan_edu.exercises.chapter_10 import PATIENTS, STEPS, cause_of, diagnose, digits, numbers, sick
from gan_edu.train.symptoms import Symptom


def record(seeds: list[int], names: list[str], steps: int) -> dict:
    """{patient: one dict of numbers for each seed}, and how often the decision table names another cause."""
    found, wrong = {name: [] for name in names}, 0
    for seed in seeds:
        for name in names:
            began = time.process_time()
            run = numbers(sick(name)(digits(), seed, steps))
            said, truth = diagnose(run), cause_of(name)
            wrong += said != truth
            found[name].append({key: float(f"{number:.4g}") for key, number in run.items()})
            seconds = time.process_time() - began
            print(f"seed {seed} {name}: {said}{'' if said == truth else ' WRONG'} ({seconds:.1f} s)", flush=True)
    return {"steps": steps, "seeds": seeds, "wrong": wrong, "patients": found}


def healthy_runs(pictures: data.Images, small: data.Images, steps: int):
    """(name, GAN, batches, settings of `train`) of each recipe of the course."""
    for mixture in (data.ring(), data.grid()):
        yield "plane", *recipes.plane(mixture, device="cpu"), 3 * steps
    yield "8x8 dcgan", *recipes.pictures(small, recipes.RECIPES[8], device="cpu"), 2 * steps
    yield "28x28 dcgan", *recipes.pictures(pictures, recipes.RECIPES[28], device="cpu"), steps
    yield "28x28 fast", *recipes.pictures(pictures, recipes.FAST, device="cpu"), steps
    yield "28x28 tutorial", *recipes.tutorial(pictures, device="cpu"), steps
    for name in ("moving_digits", "vowels", "brackets"):
        made = data.load(name)
        yield name, *recipes.pictures(made, recipes.suits(made), device="cpu"), steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--patients", nargs="*", default=list(PATIENTS))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--recipes", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.recipes:
        try:
            pictures = data.load("mnist")
        except data.images.DataNotFound:
            pictures = data.digits()
        for name, gan, batches, steps in healthy_runs(pictures, data.digits(), 300):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                train.train(gan, batches, steps, progress=False, final_rate=recipes.FINAL_RATE)
            told = [str(warning.message) for warning in caught if issubclass(warning.category, Symptom)]
            print(f"{name}, {steps} steps: {told or 'silent'}", flush=True)
        return
    found = record(list(range(arguments.seeds)), arguments.patients, arguments.steps)
    found["command"] = "python " + " ".join([Path(sys.argv[0]).as_posix(), *sys.argv[1:]])
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{found['wrong']} of {len(arguments.patients) * arguments.seeds} runs are named wrong")


if __name__ == "__main__":
    main()
