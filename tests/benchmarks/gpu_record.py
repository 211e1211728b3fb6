"""What a machine with a GPU should do, in four calls of at most nine minutes each; writes JSON and pictures.

    CUDA_VISIBLE_DEVICES=0 python -m pytest tests/test_accelerate.py -k on_a_gpu      # first: is it right there?
    (what to carry and what to learn from it: CONTRIBUTING.md, "The first hour with a card")
    GAN_EDU_DATA=data python tests/benchmarks/gpu_record.py speed --out figures/gpu
    GAN_EDU_DATA=data python tests/benchmarks/gpu_record.py digits --out figures/gpu
    python tests/benchmarks/gpu_record.py colour --pictures data/cifar10/train --out figures/gpu
    GAN_EDU_DATA=data python tests/benchmarks/gpu_record.py tune --out figures/gpu
    python tests/benchmarks/gpu_record.py speed --small --device cpu --out build/gpu    # a miniature, anywhere

`speed`: the tutorial's whole training, 50 epochs; its step eagerly, accelerated, and as a CUDA graph; model FLOP
utilisation: the share that it reaches of the device's measured matrix product in the step's precision, and with --peak
of what the data sheet promises in bfloat16; at last, because an attached profiler slows down what comes after it, the
share of the time in which no kernel runs (launch-bound), None where the profiler fails. (The product in float32 may
round to TF32 where convolutions may.) `digits`: the fast pair on MNIST for a minute. `colour`: the same on a folder of
pictures, whose subfolders are the classes, for what loading and judging leave of eight minutes. `tune`: `recipes.WIDE`
and its neighbours, seed by seed, until the eight minutes are over. Whatever is found is written as soon as it is known,
so a call that is cut off has told what it had. The package need not be installed, but what it imports must be there:
torch, torchvision, numpy, matplotlib, scikit-learn, tqdm, pillow.
"""

import argparse
import importlib.util
import itertools
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean

try:
    import quality
    import reporting
    import torch
    from contestants import PAIRS, SETUP, Game, make, measure_floor, seconds
    from judges import JUDGES, SMALL, Course, Judge, Scale, fid_metric, usual_fid
    from reporting import block, save, share, spread
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile
    from train_step import operations_per_image

    from gan_edu import accelerate, data, plots, recipes, train
except ImportError as error:
    needed = "torch torchvision numpy sklearn matplotlib tqdm PIL".split()
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    sys.exit(f"this machine lacks {', '.join(missing) or error.name}, which gan_edu imports ({error})")

LOOKS = 1.3  # growth of the time between two looks
CALL = 480.0  # seconds that a call may take, all in all, where training takes what is left
JUDGING = 60.0  # of them, for trying the speed out, for looks and for scores at the end


# --- speed ------------------------------------------------------------------------------------------------------------


def ways(images: data.Images, device: torch.device, batch_size: int | None) -> dict[str, Game]:
    """The tutorial's game, played in three ways; on the CPU there is no third."""
    found = {
        "eager": make("b", images, 0, device, batch_size),
        "accelerated": make("c", images, 0, device, batch_size, graph=False),
    }
    if device.type == "cuda":
        found["accelerated, one CUDA graph"] = make("c", images, 0, device, batch_size)
    return found


def kernels(game: Game, steps: int) -> tuple[float, list[dict]]:
    """The seconds a step that the device computes, overlaps counted twice, and the ten dearest kernels.

    On the CPU, where nothing is launched, operators stand for kernels. Raises RuntimeError where the profiler saw none.
    """
    cuda = game.gan.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * cuda]) as profiler:
        seconds(game, steps)
    kind = DeviceType.CUDA if cuda else DeviceType.CPU
    events = [e for e in profiler.key_averages() if e.device_type == kind and not getattr(e, "is_user_annotation", 0)]
    if not events:
        raise RuntimeError("the profiler saw no kernel: how long the device computes is not known")
    cost = {e.key: (e.self_device_time_total if cuda else e.self_cpu_time_total) / 1e6 / steps for e in events}
    calls = {e.key: e.count / steps for e in events}
    dearest = sorted(cost, key=cost.get, reverse=True)[:10]
    return sum(cost.values()), [{"name": k[:90], "seconds": cost[k], "calls": calls[k]} for k in dearest]


def launch_bound(step: float, busy: float) -> float:
    """The share of a step's time in which the device computes nothing and waits for the next launch."""
    return max(0.0, 1 - busy / step)


def compare_ways(games: dict[str, Game], rounds: int, aim: float) -> dict[str, dict]:
    """Seconds a step of each way, interleaved."""
    blocks, times = {}, {name: [] for name in games}
    for name, game in games.items():
        print(f"{name}: {seconds(game, SETUP):.1f} s of set-up: libraries, choice of kernels, capture", flush=True)
        blocks[name] = block(seconds(game, 2) / 2, aim)
    for _ in range(rounds):
        for name, game in games.items():
            times[name].append(seconds(game, blocks[name]) / blocks[name])
    found = {}
    for name, game in games.items():
        step = spread(times[name])
        speed = game.batches.batch_size / step["median"]
        found[name] = {"precision": game.gan.precision, "seconds_per_step": step, "images_per_second": speed}
    return found


def profiled(game: Game, steps: int, step: float) -> dict:
    """What the profiler says of a game whose step takes so many seconds without it; None for what it does not say."""
    try:
        busy, dearest = kernels(game, steps)
    except Exception as error:  # it needs rights on the machine that a borrowed one may not give
        print(f"the profiler failed ({type(error).__name__}: {error})")
        return {"kernel_seconds_per_step": None, "launch_bound_share": None, "kernels": None}
    return {"kernel_seconds_per_step": busy, "launch_bound_share": launch_bound(step, busy), "kernels": dearest}


def utilisation(way: dict, operations: float, floor: dict[str, dict], peak: float | None) -> dict[str, float]:
    """Model FLOP utilisation of a way: of the measured product in its precision, and of the TFLOP/s promised."""
    speed = way["images_per_second"]
    found = {"of the measured product": share(speed, operations, floor[way["precision"]]["median"])}
    if peak and way["precision"] == "bfloat16":
        found["of the data sheet"] = share(speed, operations, peak * 1e12)
    return found


def whole_training(images: data.Images, device: torch.device, steps: int, batch_size: int | None) -> dict:
    """All steps of the tutorial's training, accelerated: seconds without set-up and capture, and those beside."""
    game = make("c", images, 0, device, batch_size)
    watch = quality.Watch(game, [], None, 0)
    train.train(game.gan, game.batches, watch.uncounted + steps, step=watch, progress=False)
    return {"steps": steps, "seconds": watch.seconds(wait=True), "setup_seconds": watch.setup, "gan": game.gan}


def speed(arguments: argparse.Namespace, device: torch.device, tell: Callable[[dict], None]) -> None:
    """The record of the tutorial's networks: training first, profile last."""
    small = arguments.small
    images, batch_size = quality.pictures(small), 8 if small else None
    operations = operations_per_image(*PAIRS["c"](images, 0, device))
    size = batch_size or PAIRS["c"](images, 0, device)[1].batch_size
    tell({"batch_size": size, "operations_per_image": operations})
    steps = 4 if small else math.ceil(arguments.epochs * len(images.images) / size)
    whole = whole_training(images, device, steps, batch_size)
    sheet(whole.pop("gan"), arguments.out / "speed_samples.png")
    print(f"{steps} steps, {steps * size:,} images: {whole['seconds']:.2f} s, set-up {whole['setup_seconds']:.2f} s")
    tell({"whole_training": whole})
    floors = [measure_floor(device, small) for _ in range(2 if small else 10)]
    floor = {name: spread([found[name] for found in floors]) for name in floors[0]}
    tell({"floor": floor})
    games = ways(images, device, batch_size)
    measured = compare_ways(games, *((2, 0.1) if small else (10, 1.0)))
    for name, found in measured.items():
        found["model_flop_utilisation"] = utilisation(found, operations, floor, arguments.peak)
        used = ", ".join(f"{value:.1%} {of}" for of, value in found["model_flop_utilisation"].items())
        print(f"{name}: {found['images_per_second']:,.0f} images/s, {used}", flush=True)
    tell({"ways": measured})
    for name, game in games.items():
        found = measured[name]
        found |= profiled(game, 2 if small else 20, found["seconds_per_step"]["median"])
        if found["launch_bound_share"] is not None:
            print(f"{name}: {found['launch_bound_share']:.0%} launch-bound")
        tell({"ways": measured})


# --- quality ----------------------------------------------------------------------------------------------------------


def sheet(gan: train.GAN, path: Path) -> None:
    """100 samples as a picture."""
    figure, ax = plots.panels(width=6, height=6)
    plots.images(ax, quality.draw(gan, 100).cpu(), columns=10)
    save(figure, path)


def train_and_record(images: data.Images, scale: Scale, arguments: argparse.Namespace, device, tell) -> None:
    """Train the fast pair; scores over time and at the end, film strip, losses, samples."""
    judges = [Judge(judge, images, scale, device) for judge in JUDGES]
    budget = arguments.seconds or max(60.0, CALL - JUDGING - (time.perf_counter() - arguments.began))
    course = Course(judges, budget, until_within=False, seed=arguments.seed)
    when = quality.moments(budget / 60, budget, scale.growth)
    game, history = quality.train_ours("d", images, arguments.seed, when, course, scale, device, snapshots=8)
    settings = {**scale._asdict(), "training_seconds": budget}
    parameters = {
        player: sum(p.numel() for p in getattr(game.gan, player).parameters())
        for player in ("generator", "discriminator")
    }
    tell({"settings": settings, "parameters": parameters, "setup_seconds": course.setup, "looks": course.looks})
    found = course.end()
    tell({"summary": quality.summary(found["final"]), **found})
    name, out = arguments.name, arguments.out
    sheet(game.gan, out / f"{name}_samples.png")
    save(plots.film_strip(history), out / f"{name}_film.png")
    figure, ax = plots.panels()
    plots.losses(ax, history, smooth=max(1, len(history.generator) // 100))
    save(figure, out / f"{name}_losses.png")
    figure = quality.figure_of({"d": [found]}, {"d": course.samples.cpu()}, images.images)
    save(figure, out / f"{name}_distance.png")
    for score, value in quality.summary(found["final"]).items():
        print(f"{score:20s}{value['median']:10.4g}   ({value['least']:.4g} to {value['most']:.4g})")
    if arguments.inception:
        tell({"usual_fid": usual_fid(images.images, course.samples)})


def digits(arguments: argparse.Namespace, device: torch.device, tell: Callable[[dict], None]) -> None:
    """The record of MNIST: Fréchet distance within a minute, each digit's share."""
    scale = SMALL if arguments.small else Scale(growth=LOOKS)
    train_and_record(quality.pictures(arguments.small), scale, arguments, device, tell)


def colour(arguments: argparse.Namespace, device: torch.device, tell: Callable[[dict], None]) -> None:
    """The record of a folder of pictures in colour, 32x32."""
    if arguments.small:
        print("a miniature: crops of two photographs, few steps and samples; its scores mean nothing")
        train_and_record(data.photo_patches(700), SMALL, arguments, device, tell)
        return
    images = data.image_folder(arguments.pictures)
    scale = Scale(classifier_steps=5_000, growth=LOOKS)  # photographs are harder to tell apart than digits
    train_and_record(images, scale, arguments, device, tell)


# --- the recipe's neighbours ------------------------------------------------------------------------------------------

FIRST = recipes.WIDE | {"g_width": 128, "d_width": 96}  # the guess before there was a card, where the search began
TRIED = {
    "128/96": FIRST,
    "128/96, rates x2": FIRST | {"g_rate": 3e-3, "d_rate": 2e-3},
    "128/96, R1 .2": FIRST | {"r1_weight": 0.2},
    "96/64": recipes.WIDE,
    "MIDDLE, float32": recipes.MIDDLE | {"precision": "float32"},
    "128/96, rates /2": FIRST | {"g_rate": 7.5e-4, "d_rate": 5e-4},
    "128/96, EMA .998": FIRST | {"ema": 0.998},
    "128/96, R1 .05": FIRST | {"r1_weight": 0.05},
    "128/96, batch 128": FIRST | {"batch_size": 128},
    "128/96, rates x2, R1 .2": FIRST | {"g_rate": 3e-3, "d_rate": 2e-3, "r1_weight": 0.2},
    "MIDDLE": recipes.MIDDLE,
    "96/64, rates of MIDDLE": recipes.WIDE | {name: recipes.MIDDLE[name] for name in ("g_rate", "d_rate")},
}


def tried(settings: dict, seed: int, images: data.Images, judges: list[Judge], scale: Scale, device) -> dict:
    """The fast pair with these settings, trained as `recipes.FAST` says: its seconds, and what the judges say."""
    small = {"steps": 3, "g_width": 4, "d_width": 4, "batch_size": 16} if scale is SMALL else {}
    recipe = {name: value for name, value in (settings | small).items() if name != "precision"}
    gan, batches = recipes.pictures(images, recipes.FAST._replace(**recipe), seed, device)
    game = Game(gan, batches, accelerate.accelerate(gan, batches, settings.get("precision", "auto")))
    watch, steps = quality.Watch(game, [], None, 0), recipe.get("steps", recipes.FAST.steps)
    how = {"step": watch, "final_rate": recipes.FINAL_RATE, "progress": False}
    reporting.whole(train.train(gan, batches, watch.uncounted + steps, **how))
    taken, samples = watch.seconds(wait=True), quality.draw(gan, scale.samples)
    scores = {judge.name: judge.score(samples) for judge in judges}
    found = {"seconds": taken, "multiple": {name: score["multiple"] for name, score in scores.items()}}
    found["multiple, mean of the judges"] = mean(found["multiple"].values())
    return found | {"rarest class": min(scores["ours"]["class_shares"])}


def tune(arguments: argparse.Namespace, device: torch.device, tell: Callable[[dict], None]) -> None:
    """The record of `recipes.WIDE` and what was tried beside it, seed by seed."""
    scale, runs = SMALL if arguments.small else Scale(), []
    images, limit = quality.pictures(arguments.small), arguments.seconds or CALL - 20
    judges = [Judge(judge, images, scale, device) for judge in JUDGES]
    for seed, (name, settings) in itertools.product(range(3), TRIED.items()):
        if runs and time.perf_counter() - arguments.began > limit:
            return
        runs.append({"name": name, "seed": seed, **tried(settings, seed, images, judges, scale, device)})
        print(f"{name}: {runs[-1]['multiple, mean of the judges']:.2f} in {runs[-1]['seconds']:.1f} s", flush=True)
        tell({"runs": runs})


RECORDS = {"speed": speed, "digits": digits, "colour": colour, "tune": tune}


def parse(argv: list[str]) -> argparse.Namespace:
    parser = reporting.parser(__doc__)
    parser.set_defaults(device="cuda")
    parser.add_argument("record", choices=RECORDS)
    parser.add_argument("--out", type=Path, required=True, help="a folder for JSON and pictures")
    parser.add_argument("--pictures", type=Path, help="a folder or .zip of pictures in colour")
    what = "of training: by default 60 for digits, what is left for colour; of all settings: tune"
    parser.add_argument("--seconds", type=float, help=what)
    parser.add_argument("--seed", type=int, default=0, help="of digits and colour; another than 0 names the files")
    parser.add_argument("--epochs", type=int, default=50, help="of the tutorial's training")
    parser.add_argument("--peak", type=float, help="TFLOP/s that the data sheet promises in bfloat16")
    parser.add_argument("--inception", action="store_true", help="the usual FID too; fetches Inception's weights")
    parser.add_argument("--small", action="store_true", help="a miniature that shows that everything runs")
    arguments = parser.parse_args(argv)
    if arguments.record == "colour" and not (arguments.pictures or arguments.small):
        parser.error("colour needs --pictures")
    arguments.name = f"{arguments.record}_{arguments.seed}" if arguments.seed else arguments.record
    if arguments.record == "digits":
        arguments.seconds = arguments.seconds or 60.0
    return arguments


def main(argv: list[str] | None = None) -> dict:
    argv = sys.argv[1:] if argv is None else argv
    arguments = parse(argv)
    arguments.began = time.perf_counter()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(arguments.threads)
    device = train.pick_device(arguments.device)
    if arguments.inception:
        fid_metric()  # what it lacks is told now, not after the training
    cudnn, before = torch.backends.cudnn, torch.backends.cudnn.benchmark
    cudnn.benchmark = True  # shapes never change, so its search pays
    how = {"miniature": arguments.small, "cudnn_benchmark": True, "tf32_in_convolutions": cudnn.allow_tf32}
    result = {**reporting.about(__file__, argv, device, arguments.threads), **how}
    path = arguments.out / f"{arguments.name}.json"

    def tell(found: dict) -> None:
        result.update(found)
        reporting.write(result, path)

    try:
        RECORDS[arguments.record](arguments, device, tell)
    finally:
        cudnn.benchmark = before
    print(f"wrote {path.name} and its pictures")
    return result


if __name__ == "__main__":
    main()
