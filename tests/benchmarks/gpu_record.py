"""What a machine with a GPU should do, in three calls of at most nine minutes each; writes JSON and pictures.

    GAN_EDU_DATA=data python tests/benchmarks/gpu_record.py speed --out figures/gpu
    GAN_EDU_DATA=data python tests/benchmarks/gpu_record.py digits --out figures/gpu
    python tests/benchmarks/gpu_record.py colour --pictures data/cifar10/train --out figures/gpu
    python tests/benchmarks/gpu_record.py speed --small --device cpu --out build/gpu    # a miniature, anywhere

`speed`: the tutorial's step eagerly, accelerated, and as a CUDA graph, and its whole training, 50 epochs; the share of
the time in which no kernel runs (launch-bound), and what share of the device's matrix product the step reaches.
`digits`: the fast pair on MNIST for a minute. `colour`: the same on a folder of pictures, whose subfolders are the
classes, for six minutes. The package need not be installed, but what it imports must be there.
"""

import argparse
import importlib.util
import json
import math
import sys
from pathlib import Path

try:
    import quality
    import torch
    from contestants import PAIRS, Game, floor, make, play, seconds
    from judges import SMALL, Course, Judge, Scale
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile
    from train_step import block, command, machine, operations_per_image, shares, spread

    from gan_edu import data, plots, train
    from gan_edu.accelerate import accelerate
except ImportError as error:
    needed = "torch torchvision numpy sklearn matplotlib IPython tqdm PIL".split()
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    sys.exit(f"this machine lacks {', '.join(missing) or error.name}, which gan_edu imports ({error})")

SETUP = 8  # steps before the clock starts: they load libraries and capture, for terms due every fourth step twice
LOOKS = 1.3  # growth of the time between two looks


# --- speed ------------------------------------------------------------------------------------------------------------


def ways(images: data.Images, device: torch.device, batch_size: int | None) -> dict[str, Game]:
    """The tutorial's game, played in three ways; on the CPU there is no third."""
    gan, batches = PAIRS["c"](images, 0, device)
    batches.batch_size = batch_size or batches.batch_size
    step = accelerate(gan, batches, graph=False)
    found = {"eager": make("b", images, 0, device, batch_size), "accelerated": Game(gan, batches, step)}
    if device.type == "cuda":
        found["accelerated, one CUDA graph"] = make("c", images, 0, device, batch_size)
    return found


def kernels(game: Game, steps: int) -> tuple[float, list[dict]]:
    """The seconds a step that the device computes, overlaps counted twice, and the ten dearest kernels.

    On the CPU, where nothing is launched, operators stand for kernels.
    """
    cuda = game.gan.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * cuda]) as profiler:
        seconds(lambda: play(game), steps, game.gan.device)
    kind = DeviceType.CUDA if cuda else DeviceType.CPU
    events = [e for e in profiler.key_averages() if e.device_type == kind and not getattr(e, "is_user_annotation", 0)]
    cost = {e.key: (e.self_device_time_total if cuda else e.self_cpu_time_total) / 1e6 / steps for e in events}
    calls = {e.key: e.count / steps for e in events}
    dearest = sorted(cost, key=cost.get, reverse=True)[:10]
    return sum(cost.values()), [{"name": k[:90], "seconds": cost[k], "calls": calls[k]} for k in dearest]


def launch_bound(step: float, busy: float) -> float:
    """The share of a step's time in which the device computes nothing and waits for the next launch."""
    return max(0.0, 1 - busy / step)


def compare_ways(games: dict[str, Game], rounds: int, aim: float, steps: int) -> dict[str, dict]:
    """Seconds a step of each way, interleaved; and how much of them the kernels of the launched ones take."""
    device = next(iter(games.values())).gan.device
    blocks, times = {}, {name: [] for name in games}
    for name, game in games.items():
        setup = seconds(lambda game=game: play(game), SETUP if device.type == "cuda" else 1, device)
        blocks[name] = block(seconds(lambda game=game: play(game), 2, device) / 2, aim)
        print(f"{name}: the first steps, with libraries, compilation and capture, took {setup:.1f} s", flush=True)
    for _ in range(rounds):
        for name, game in games.items():
            times[name].append(seconds(lambda game=game: play(game), blocks[name], device) / blocks[name])
    busy, dearest = {}, {}
    for name in ("eager", "accelerated"):
        busy[name], dearest[name] = kernels(games[name], steps)
    busy["accelerated, one CUDA graph"] = busy["accelerated"]  # the same kernels, launched at once
    found = {}
    for name in games:
        step = spread(times[name])
        found[name] = {
            "seconds_per_step": step,
            "images_per_second": games[name].batches.batch_size / step["median"],
            "kernel_seconds_per_step": busy[name],
            "launch_bound_share": launch_bound(step["median"], busy[name]),
            "kernels": dearest.get(name),
        }
    return found


def whole_training(images: data.Images, device: torch.device, steps: int, batch_size: int | None) -> dict:
    """All steps of the tutorial's training, accelerated: seconds without set-up and capture, and those beside."""
    game = make("c", images, 0, device, batch_size)
    watch = quality.Watch(game, [], None, 0, uncounted=SETUP if device.type == "cuda" else 1)
    train.train(game.gan, game.batches, watch.uncounted + steps, step=watch, progress=False)
    return {"steps": steps, "seconds": watch.seconds(wait=True), "setup_seconds": watch.setup, "gan": game.gan}


def speed(arguments: argparse.Namespace, device: torch.device) -> dict:
    """The record of the tutorial's networks."""
    small = arguments.small
    images, batch_size = quality.pictures(small), 8 if small else None
    measure = floor(256 if small else 8192, device)
    floors = [measure() for _ in range(2 if small else 10)]
    bounds = {name: spread([found[name] for found in floors]) for name in floors[0]}
    games = ways(images, device, batch_size)
    measured = compare_ways(games, *((2, 0.1, 2) if small else (10, 1.0, 20)))
    operations = operations_per_image(*PAIRS["c"](images, 0, device))
    middle = {name: found["median"] for name, found in bounds.items()}
    for found in measured.values():
        found["share_of_floor"] = shares(found["images_per_second"], operations, middle)
        if arguments.peak:
            found["model_flop_utilisation"] = found["images_per_second"] * operations / (arguments.peak * 1e12)
    size = games["eager"].batches.batch_size
    steps = 4 if small else math.ceil(arguments.epochs * len(images.images) / size)
    whole = whole_training(images, device, steps, batch_size)
    sheet(whole.pop("gan"), arguments.out / "speed_samples.png")
    settings = {"batch_size": size, "operations_per_image": operations, "precision": games["accelerated"].gan.precision}
    print(f"{steps} steps, {steps * size:,} images: {whole['seconds']:.2f} s, set-up {whole['setup_seconds']:.2f} s")
    return {**settings, "floor": bounds, "ways": measured, "whole_training": whole}


# --- quality ----------------------------------------------------------------------------------------------------------


def sheet(gan: train.GAN, path: Path) -> None:
    """100 samples as a picture."""
    figure, ax = plots.panels(width=6, height=6)
    plots.images(ax, quality.draw(gan, 100).cpu(), columns=10)
    path.write_bytes(plots.png(figure))


def train_and_record(images: data.Images, scale: Scale, arguments: argparse.Namespace, device) -> dict:
    """Train the fast pair for `arguments.seconds`; scores over time and at the end, film strip, losses, samples."""
    judges = [Judge(images, seed, scale, device) for seed in arguments.seeds]
    course = Course(judges, arguments.seconds, until_within=False, seed=0)
    when = quality.moments(arguments.seconds / 60, arguments.seconds, scale.growth)
    uncounted = SETUP if device.type == "cuda" else 0
    game, history, watch = quality.train_ours(
        "d", images, 0, when, course, scale, device, snapshots=8, uncounted=uncounted
    )
    found = course.end()
    name, out = arguments.record, arguments.out
    sheet(game.gan, out / f"{name}_samples.png")
    (out / f"{name}_film.png").write_bytes(plots.png(plots.film_strip(history)))
    figure, ax = plots.panels()
    plots.losses(ax, history, smooth=max(1, len(history.generator) // 100))
    (out / f"{name}_losses.png").write_bytes(plots.png(figure))
    figure = quality.figure_of({"d": [found]}, {"d": course.samples.cpu()}, images.images)
    (out / f"{name}_distance.png").write_bytes(plots.png(figure))
    scores = quality.summary(found["final"])
    for score, value in scores.items():
        print(f"{score:20s}{value['median']:10.4g}   ({value['least']:.4g} to {value['most']:.4g})")
    settings = {**scale._asdict(), "classifier_seeds": arguments.seeds, "setup_seconds": watch.setup}
    parameters = {
        player: sum(p.numel() for p in getattr(game.gan, player).parameters())
        for player in ("generator", "discriminator")
    }
    return {"settings": settings, "parameters": parameters, "summary": scores, **found}


def digits(arguments: argparse.Namespace, device: torch.device) -> dict:
    """The record of MNIST: Fréchet distance within a minute, each digit's share."""
    scale = SMALL if arguments.small else Scale(growth=LOOKS)
    return train_and_record(quality.pictures(arguments.small), scale, arguments, device)


def colour(arguments: argparse.Namespace, device: torch.device) -> dict:
    """The record of a folder of pictures in colour, 32x32."""
    if arguments.small:
        print("a miniature: crops of two photographs, few steps and samples; its scores mean nothing")
        return train_and_record(data.photo_patches(700), SMALL, arguments, device)
    images = data.image_folder(arguments.pictures)
    scale = Scale(classifier_steps=5_000, growth=LOOKS)  # photographs are harder to tell apart than digits
    return train_and_record(images, scale, arguments, device)


RECORDS = {"speed": speed, "digits": digits, "colour": colour}
SECONDS = {"speed": None, "digits": 60.0, "colour": 360.0}


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("record", choices=RECORDS)
    parser.add_argument("--out", type=Path, required=True, help="a folder for JSON and pictures")
    parser.add_argument("--pictures", type=Path, help="a folder or .zip of pictures in colour")
    parser.add_argument("--seconds", type=float, help=f"of training; by default {SECONDS}")
    parser.add_argument("--epochs", type=int, default=50, help="of the tutorial's training")
    parser.add_argument("--peak", type=float, help="TFLOP/s that the data sheet promises in the step's precision")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of the classifiers")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="a miniature that shows that everything runs")
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser.parse_args(argv)
    if arguments.record == "colour" and not (arguments.pictures or arguments.small):
        parser.error("colour needs --pictures")
    arguments.seconds = arguments.seconds or SECONDS[arguments.record]
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.backends.cudnn.benchmark = True  # for all contestants: shapes never change
    device = train.pick_device(arguments.device)
    about = {"command": command(__file__, argv), "machine": machine(device, torch.get_num_threads())}
    result = {**about, "miniature": arguments.small, **RECORDS[arguments.record](arguments, device)}
    path = arguments.out / f"{arguments.record}.json"
    path.write_text(json.dumps(result, indent=1))
    print(f"wrote {path.name} and its pictures")
    return result


if __name__ == "__main__":
    main()
