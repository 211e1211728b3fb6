"""Train a GAN, or check that this machine can.

examples:
  python -m gan_edu check                                  does this machine do? (a few seconds)
  python -m gan_edu train digits --out runs/digits         handwritten digits, without a network, in under a minute
  python -m gan_edu train mnist --out runs/mnist           the real thing: downloads 10 MB once
  python -m gan_edu train ~/Pictures/cats --steps 5000     your own pictures, a folder or a .zip, made 32x32
  python -m gan_edu train digits --seed 1 --samples s.npz  1,000 samples as numbers: samples (1000, 1, 8, 8) in [-1, 1]

  python -m gan_edu train mnist --resume                   goes on with a run that was stopped, bit for bit

Ctrl-C ends a run early and still writes what was learnt so far. Chapters 05 and 06 of the course explain what happens.
The generator comes back with
  saved = torch.load("generator.pt")
  generator = getattr(gan_edu.models, saved["class"])(**saved["settings"])
  generator.load_state_dict(saved["weights"])
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from gan_edu import accelerate, checkpoints, data, machine, plots, recipes, train


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or 2 after one line that says what was wrong."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (ValueError, OSError, train.TrainingDiverged) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser():
    look = {"description": __doc__, "formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = argparse.ArgumentParser(prog="python -m gan_edu", **look)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="train a small GAN for a few seconds and say what this machine can do")
    check.set_defaults(command=_check)
    run = commands.add_parser("train", help="train a GAN on a data set or a folder of pictures", **look)
    run.set_defaults(command=_train)
    add = run.add_argument
    add("dataset", metavar="DATASET_OR_FOLDER", help=f"{', '.join(data.DATASETS)}, or a folder or .zip of pictures")
    add("--steps", type=int, help="steps of both players (default: what suits the size of the images)")
    add("--seed", type=int, default=0, help="same seed, same result, on the CPU of one machine (default: 0)")
    add("--device", default="auto", help="cpu, cuda, or auto: CUDA where there is one (default: auto)")
    add("--out", type=Path, metavar="FOLDER", help="write samples.png, progress.png, losses.png and generator.pt there "
        "(default, where --samples is not given either: runs/DATASET)")  # fmt: skip
    add("--resume", action="store_true", help="go on with the run in the --out folder, from its checkpoint.pt")
    add("--samples", type=Path, metavar="FILE.npz", help="write 1,000 samples there, as `samples` in [-1, 1]")
    return parser


def _check(options) -> int:
    print(machine.check())
    return 0


def _train(options) -> int:
    if options.samples and (options.samples.suffix != ".npz" or options.samples.is_dir()):
        raise ValueError(f"--samples is {options.samples}; it must name a file that ends in .npz")
    if options.out and options.out.is_file():
        raise ValueError(f"--out is {options.out}, which is a file; it must name a folder")
    if options.steps is not None and options.steps < 1:
        raise ValueError(f"--steps is {options.steps}; it must be at least 1")
    if options.resume or not options.samples:
        options.out = options.out or Path("runs") / Path(options.dataset).stem
    checkpoint = options.out and options.out / "checkpoint.pt"
    if options.resume and not checkpoint.exists():
        raise ValueError(f"there is no {checkpoint} to go on with: leave --resume out to begin")
    images = data.load(options.dataset)
    device = train.pick_device(options.device)
    for folder in (options.out, options.samples and options.samples.parent):
        if folder:  # fails now, not after the training, where nothing can be written
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
    if checkpoint and checkpoint.exists() and not options.resume:
        checkpoint.replace(checkpoint.with_suffix(".previous.pt"))
    size = images.images.shape[-1]
    tiny = size == 8  # chapter 05's; one thread, because on more, networks this small only lose time
    options.recipe = recipe = recipes.RECIPES[size] if tiny else recipes.fast(device)
    steps = checkpoints.load(checkpoint)["plan"]["steps"] if options.resume else recipe.steps
    steps = steps if options.steps is None else options.steps
    if tiny:
        torch.set_num_threads(1)
    gan, batches = recipes.pictures(images, recipe, options.seed, device)
    step = train.train_step if tiny else accelerate.accelerate(gan, batches)
    print(f"{len(images.images):,} images of {size}x{size}, {steps:,} steps on {gan.device}", flush=True)
    history = train.train(
        gan, batches, steps, step=step, snapshots=6, final_rate=recipes.FINAL_RATE, checkpoint=checkpoint
    )
    if history.interrupted:
        print(f"stopped after {len(history.discriminator):,} steps; what was learnt so far is written")
    _write_results(options, gan, history)
    return 0


def _write_results(options, gan, history):
    samples = gan.sample(1000).cpu()
    if not samples.isfinite().all():
        raise train.TrainingDiverged("the generator's samples are not finite; nothing was written")
    if options.samples:
        _write(options.samples, lambda file: np.savez_compressed(file, samples=samples.numpy()))
    if options.out:
        sheet, ax = plots.panels(width=5, height=5)
        plots.images(ax, samples[:64])
        curves, ax = plots.panels(width=5, height=3)
        plots.losses(ax, history, smooth=max(1, len(history.discriminator) // 200))
        figures = {"samples.png": sheet, "losses.png": curves}
        if history.steps:  # not where Ctrl-C came before the first
            figures["progress.png"] = plots.film_strip(history, columns=4, rows=4)
        for name, figure in figures.items():
            _write(options.out / name, lambda file, figure=figure: file.write(plots.png(figure)))
        _, channels, size, _ = samples.shape
        recipe = options.recipe
        settings = {"size": size, "channels": channels, "latent_dim": recipe.latent_dim, "width": recipe.g_width}
        saved = {"class": type(gan.ema).__name__, "settings": settings, "weights": gan.ema.state_dict()}
        _write(options.out / "generator.pt", lambda file: torch.save(saved, file))


def _write(path: Path, write: Callable) -> None:
    checkpoints.write_whole(path, write)
    print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
