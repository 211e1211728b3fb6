"""Train a GAN, compare ten years of them, or check that this machine can.

examples:
  python -m gan_edu check                                  does this machine do? (a few seconds)
  python -m gan_edu train digits --out runs/digits         handwritten digits, without a network, in under a minute
  python -m gan_edu train mnist --out runs/mnist           the real thing: downloads 10 MB once
  python -m gan_edu train ~/Pictures/cats --steps 5000     your own pictures, a folder or a .zip, made 32x32
  python -m gan_edu train digits --seed 1 --samples s.npz  1,000 samples as numbers: samples (1000, 1, 8, 8) in [-1, 1]
  python -m gan_edu train moving_digits --out runs/moving  clips of digits that travel and bounce: also samples.gif
  python -m gan_edu train names.txt --out runs/names       your own text, one string a line: also samples.txt
  python -m gan_edu train digits --conditional --samples s.npz   100 of each class, and in `labels` which is which

  python -m gan_edu compare --minutes 20                   ten years of GANs on one page, tuned with equal care

  torchrun --standalone --nproc-per-node 2 -m gan_edu train mnist     one training on two processes: chapter 18

  python -m gan_edu train mnist --resume                   goes on with a run that was stopped, bit for bit
  python -m gan_edu train mnist --resume --steps 9000      makes it longer, also when it was finished

Ctrl-C ends a run early: what was learnt so far is written, and --resume goes on from that step. A run is never written
over: a folder that holds one takes --resume, or you name another --out. Chapters 05 and 06 of the course explain what
happens. New pictures, in Python, from the generator that was written (load only files you trust):
  import torch, torchvision
  from gan_edu import models
  generator = models.load_generator("runs/digits/generator.pt")
  pictures = generator(torch.randn(64, generator.latent_dim))  # of a conditional run: generator(noise, labels)
  torchvision.utils.save_image(pictures, "new.png", normalize=True, value_range=(-1, 1))
"""

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path

import matplotlib.style
import numpy as np
import torch

from gan_edu import accelerate, checkpoints, compare, data, machine, plots, recipes, runs, train
from gan_edu.train import parallel


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, 128 and its number after a signal (Ctrl-C: 130), else 2.

    Before 2 comes one line that says what was wrong.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a name of a file may hold what a terminal cannot print
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    usual, warnings.formatwarning = warnings.formatwarning, lambda message, *where, **more: f"warning: {message}\n"
    try:
        return options.command(options)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (ValueError, OSError, MemoryError, train.TrainingDiverged) as error:
        print("error:", " ".join(str(error).split()) or type(error).__name__, file=sys.stderr)
        return 2
    finally:
        warnings.formatwarning = usual


def _parser():
    look = {"description": __doc__, "formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = argparse.ArgumentParser(prog="python -m gan_edu", **look)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="train a small GAN for a few seconds and say what this machine can do")
    check.set_defaults(command=_check)
    run = commands.add_parser("train", help="train a GAN on a data set or a folder of pictures", **look)
    run.set_defaults(command=_train)
    add = run.add_argument
    add("dataset", metavar="DATASET_OR_FOLDER", help=f"{', '.join(data.DATASETS)}, a folder or .zip of pictures, "
        "a .npy or .npz with an array of them, or a .txt with a string in each line")  # fmt: skip
    add("--steps", type=int, help="steps of both players (default: what suits the size of the images)")
    add("--seed", type=int, help="same seed, same result, on the CPU of one machine (default: 0)")
    add("--device", default="auto", help="cpu, cuda, or auto: CUDA where there is one (default: auto)")
    add("--out", type=Path, metavar="FOLDER", help="write generator.pt, run.json (all settings), samples.png, "
        "progress.png, losses.png and checkpoint.pt there (default, where --samples is not given either: "
        "runs/DATASET)")  # fmt: skip
    add("--background", metavar="COLOUR", default="white", help="what transparency is laid on (default: white)")
    add("--conditional", action="store_true", help="tell both players the class (of pictures: the name of their "
        "subfolder), so that G draws what it is asked for; --samples then holds `labels`, too")  # fmt: skip
    add("--resume", action="store_true", help="go on with the run in the --out folder, from its checkpoint.pt")
    add("--samples", type=Path, metavar="FILE.npz", help="write 1,000 samples there, as `samples` in [-1, 1]")
    ten_years = commands.add_parser("compare", help="ten years of GANs on one page: tune, train, judge nine methods")
    ten_years.set_defaults(command=_compare)
    add = ten_years.add_argument
    add("--seeds", type=int, default=compare.SEEDS, help="runs of each method's best setting (default: %(default)s)")
    add("--settings", type=int, default=compare.SETTINGS, help="random settings for each method (default: %(default)s)")
    add("--minutes", type=float, default=float("inf"), help="try fewer settings where they would take longer")
    add("--out", type=Path, metavar="FOLDER", default=Path("runs"), help="write compare.json there, or go on with it")
    return parser


def _check(options) -> int:
    print(machine.check())
    return 0


def _compare(options) -> int:
    if min(options.settings, options.seeds) < 1 or not options.minutes > 0:
        raise ValueError("--settings and --seeds must be at least 1, --minutes more than 0")
    file = options.out / "compare.json"
    with runs.hold(options.out):
        for run in compare.compare(file, options.settings, options.seeds, options.minutes):
            print(f"{run['method']:24}setting {run['k']}, seed {run['seed']}: {run['distance']:8.1f}", flush=True)
    print(compare.page(compare.load(file)))
    return 0


@parallel.group()
def _train(options) -> int:
    if options.samples and (options.samples.suffix != ".npz" or options.samples.is_dir()):
        raise ValueError(f"--samples is {options.samples}; it must name a file that ends in .npz")
    if options.out and options.out.is_file():
        raise ValueError(f"--out is {options.out}, which is a file; it must name a folder")
    if options.steps is not None and options.steps < 1:
        raise ValueError(f"--steps is {options.steps}; it must be at least 1")
    if options.resume or not options.samples:
        options.out = options.out or Path("runs") / runs.name(options.dataset)
    if options.out:
        runs.saved(options.out, options.resume, options.seed, options.conditional)  # told before pictures are read
    if parallel.rank():
        parallel.most(0)  # waits until the first process has read, and downloaded, the pictures
    options.images = images = data.load(options.dataset, options.background)
    if not parallel.rank():
        parallel.most(0)
    options.kind = runs.KINDS[images.images.ndim]
    if options.conditional and options.kind.name != "images":
        raise ValueError(f"{options.kind.name} are not made by class: leave --conditional out")
    if options.conditional and images.labels is None:
        raise ValueError(f"{options.dataset} has no labels for --conditional: sort it into subfolders by class")
    device = train.pick_device(options.device)
    if options.samples:  # fails now, not after the training, where nothing can be written
        options.samples.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=options.samples.parent).close()
    with runs.hold(options.out) if options.out and not parallel.rank() else nullcontext():
        return _run(options, images, device)


def _run(options, images, device) -> int:
    saved = runs.saved(options.out, options.resume, options.seed) if options.out else {}
    # A run goes on by its own recipe, also where it was another device's.
    fresh = recipes.suits(images, device)._replace(conditional=options.conditional)
    recipe = options.recipe = saved.get("recipe") or fresh
    tiny = recipe.pair != recipes.FAST.pair  # one thread, because on more, networks this small only lose time
    torch.set_num_threads(saved.get("threads", 1 if tiny else torch.get_num_threads()))  # sums of others are others
    seed = saved.get("seed", 0) if options.seed is None else options.seed
    gan, batches = recipes.pictures(images, recipe, seed, device)
    every = torch.arange(1000, device=gan.device) % max(1, len(images.classes))  # class in turn
    options.labels = every if recipe.conditional else None
    graph = None if parallel.size() == 1 else False
    step = parallel.share(gan, train.train_step if tiny else accelerate.accelerate(gan, batches, graph=graph))
    checkpoint = options.out and options.out / "checkpoint.pt"
    steps = options.steps
    steps = steps or (checkpoints.load(checkpoint, "plan", "run")["plan"]["steps"] if options.resume else recipe.steps)
    if parallel.rank():  # the first process alone writes
        options.out = options.samples = None
    if options.out and not options.resume:
        checkpoint.unlink(missing_ok=True)  # of a run that never made a step
    parallel.most(0)  # no other process looks for it before
    if options.out and options.resume == bool(saved):  # what is not known any more is not made up
        runs.write(options.out, saved or runs.settings(options.dataset, images, batches, seed, recipe, gan), steps)
    size = "x".join(map(str, images.images.shape[1:][-2:]))
    print(f"{len(images.images):,} {options.kind.name} of {size}, {steps:,} steps on {gan.device}", flush=True)
    try:
        shown = None if options.labels is None else options.labels[:64]
        asked = {"snapshots": 6, "snapshot_condition": shown, "final_rate": recipes.FINAL_RATE}
        asked |= {"step": step, "checkpoint": checkpoint, "progress": not parallel.rank()}
        history = train.train(gan, batches, steps, **asked)
    except OSError:  # the disk is full, say: the generator is smaller than a checkpoint
        if gan.steps:
            _write_generator(options, gan)
        raise
    if history.interrupted:
        done = options.out and checkpoints.load(checkpoint)["run"]["done"]
        goes_on = f"--resume goes on from step {done:,}; " if options.out else ""
        print(f"stopped after {len(history.discriminator):,} steps: {goes_on}what was learnt so far is written")
    _write_results(options, gan, history)
    return 128 + history.interrupted if history.interrupted and not parallel.rank() else 0


def _write_generator(options, gan):
    settings = recipes.of_generator(options.images, options.recipe)
    weights = {name: tensor.cpu() for name, tensor in gan.ema.state_dict().items()}
    saved = {"class": type(gan.ema).__name__, "settings": settings, "weights": weights}
    _write(options.out / "generator.pt", lambda file: torch.save(saved, file))


def _write_results(options, gan, history):
    """The generator first: it is what the run was for. What draws can fail in many ways, and costs nothing else."""
    samples, kind = gan.sample(1000, condition=options.labels).cpu(), options.kind
    if not samples.isfinite().all():
        raise train.TrainingDiverged("the generator's samples are not finite; nothing was written")
    if options.out:
        _write_generator(options, gan)
    if options.samples:
        numbers = kind.numbers(samples, options.images.classes)
        numbers |= {} if options.labels is None else {"labels": options.labels.cpu().numpy()}
        _write(options.samples, lambda file: np.savez_compressed(file, **numbers))
    if options.out:
        try:
            with matplotlib.style.context("default"):  # not the reader's: theirs may ask for LaTeX
                columns = min(len(options.images.classes), 16) if options.recipe.conditional else 8  # each a class
                history.samples = [kind.pictures(batch) for batch in history.samples]
                pictures = _pictures(kind.pictures(samples), history, columns)
                for name, content in (*pictures, *kind.files(samples, options.images.classes).items()):
                    _write(options.out / name, lambda file, content=content: file.write(content))
        except Exception as error:
            raise ValueError(f"generator.pt is written, but its pictures are not: {error}") from error


def _pictures(samples, history, columns):
    figure, ax = plots.panels(width=5, height=5)
    plots.images(ax, samples[: 8 * columns], columns)
    yield "samples.png", plots.png(figure)
    figure, ax = plots.panels(width=5, height=3)
    plots.losses(ax, history, smooth=max(1, len(history.discriminator) // 200))
    yield "losses.png", plots.png(figure)
    if history.steps:  # not where Ctrl-C came before the first
        yield "progress.png", plots.png(plots.film_strip(history, columns=4, rows=4))


def _write(path: Path, write: Callable) -> None:
    checkpoints.write_whole(path, write)
    print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
