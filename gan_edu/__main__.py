"""The command line: `python -m gan_edu check` and `python -m gan_edu train DATASET_OR_FOLDER`."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from gan_edu import data, plots, recipes, train

EPILOG = """\
examples:
  python -m gan_edu check                                  does this machine do? (a few seconds)
  python -m gan_edu train digits --out runs/digits         handwritten digits, without a network, in under a minute
  python -m gan_edu train mnist --out runs/mnist           the real thing: downloads 10 MB once
  python -m gan_edu train ~/Pictures/cats --steps 5000     your own pictures, a folder or a .zip, cropped to 32x32
  python -m gan_edu train digits --seed 1 --samples s.npz  1,000 samples as numbers: samples (1000, 1, 8, 8) in [-1, 1]

Ctrl-C ends a run early and still writes what was learnt so far. Chapter 05 of the course explains what happens here.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or 2 after one line that says what was wrong."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (ValueError, OSError, RuntimeError, train.TrainingDiverged) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m gan_edu",
        description="Train a GAN, or check that this machine can.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="train a small GAN for a few seconds and say what this machine can do")
    check.set_defaults(command=_check)
    run = commands.add_parser(
        "train", help="train a GAN on a data set or a folder of pictures", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    run.set_defaults(command=_train)
    add = run.add_argument
    add("dataset", metavar="DATASET_OR_FOLDER", help=f"{', '.join(data.DATASETS)}, or a folder or .zip of pictures")
    add("--steps", type=int, help="steps of both players (default: what suits the size of the images)")
    add("--seed", type=int, default=0, help="same seed, same machine, same result (default: 0)")
    add("--device", default="auto", help="cpu, cuda, or auto: CUDA where there is one (default: auto)")
    add("--out", type=Path, metavar="FOLDER", help="write samples.png, progress.png, losses.png and generator.pt there")
    add("--samples", type=Path, metavar="FILE.npz", help="write 1,000 samples there, as `samples` in [-1, 1]")
    return parser


def _check(options) -> int:
    from gan_edu import machine

    print(machine.check())
    return 0


def _train(options) -> int:
    if options.samples and options.samples.suffix != ".npz":
        raise ValueError(f"--samples is {options.samples}; its name must end in .npz")
    images = data.load(options.dataset)
    size = images.images.shape[-1]
    recipe = recipes.RECIPES[size]
    steps = recipe.steps if options.steps is None else options.steps
    if steps < 1:
        raise ValueError(f"--steps is {steps}; it must be at least 1")
    gan, batches = recipes.dcgan(images, recipe, options.seed, options.device)
    for folder in (options.out, options.samples and options.samples.parent):
        if folder:  # fails now, not after the training, where it cannot be made
            folder.mkdir(parents=True, exist_ok=True)
    print(f"{len(images.images):,} images of {size}x{size}, {steps:,} steps on {gan.device}", flush=True)
    history = train.train(gan, batches, steps, snapshots=6, final_rate=recipes.FINAL_RATE)
    if history.interrupted:
        print(f"stopped after {len(history.discriminator):,} steps; what was learnt so far is kept")
    _write_results(options, gan, history)
    return 0


def _write_results(options, gan, history):
    samples = gan.sample(1000).cpu()
    if options.samples:
        _write(options.samples, lambda file: np.savez_compressed(file, samples=samples.numpy()))
    if options.out:
        sheet, ax = plots.panels(width=5, height=5)
        plots.images(ax, samples[:64])
        curves, ax = plots.panels(width=5, height=3)
        plots.losses(ax, history, smooth=max(1, len(history.discriminator) // 200))
        strip = plots.film_strip(history, columns=4, rows=4)
        for name, figure in (("samples.png", sheet), ("losses.png", curves), ("progress.png", strip)):
            _write(options.out / name, lambda file, figure=figure: file.write(plots.png(figure)))
        generator = gan.ema if gan.ema is not None else gan.generator
        _write(options.out / "generator.pt", lambda file: torch.save(generator.state_dict(), file))


def _write(path: Path, write: Callable) -> None:
    """Write a whole file or none: into a temporary one beside it, which then takes its name."""
    handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
    print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
