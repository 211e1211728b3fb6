"""Does ICNR's start help the fast pair? Sub-pixel convolutions whose four kernels are drawn each, or begin as one.

    GAN_EDU_DATA=data python tests/benchmarks/subpixel_start.py --out figures

With random kernels a generator begins with a checkerboard; ICNR (Aitken et al. 2017) lets the four kernels that draw
one square of 2x2 pixels start equal, so that the first picture is an enlarged small one. Both starts cost the same, so
the same steps are the same time: chapter 06's recipe, in float32, on MNIST, judged by the three judges of `quality.py`.
"""

import argparse
import sys
from pathlib import Path
from statistics import mean

import reporting
import torch
from judges import JUDGES, SMALL, Judge, Scale
from quality import draw, pictures
from torch import nn

from gan_edu import recipes, train
from gan_edu.models.subpixel import PixelShuffle


def kernels_as_one(generator: nn.Module) -> None:
    """ICNR: in each convolution before a `PixelShuffle`, the first of every four kernels takes the place of all."""
    layers = list(generator.modules())
    for layer, following in zip(layers, layers[1:], strict=False):
        if isinstance(layer, nn.Conv2d) and isinstance(following, PixelShuffle):
            layer.weight.data = layer.weight.data[::4].repeat_interleave(4, 0)


STARTS = {"random kernels": lambda generator: None, "ICNR": kernels_as_one}


def main(argv: list[str] | None = None) -> dict:
    """Train, judge, print and write `subpixel_start.json`; returns what it holds."""
    argv = sys.argv[1:] if argv is None else argv
    options = parse(argv)
    torch.set_num_threads(options.threads)
    images, device = pictures(options.small), train.pick_device(options.device)
    scale, steps = (SMALL, 4) if options.small else (Scale(), recipes.FAST.steps)
    judges = [Judge(name, images, scale, device) for name in JUDGES]
    runs = []
    for seed in options.seeds:
        for start, begin in STARTS.items():
            gan, batches = recipes.pictures(images, recipes.FAST, seed, device)
            begin(gan.generator)
            gan.ema.load_state_dict(gan.generator.state_dict())
            reporting.whole(train.train(gan, batches, steps, final_rate=recipes.FINAL_RATE, progress=False))
            samples = draw(gan, scale.samples)
            multiples = {judge.name: judge.distance(samples)["multiple"] for judge in judges}
            runs.append({"start": start, "seed": seed, "multiples": multiples, "mean": mean(multiples.values())})
            print(f"{start}, seed {seed}: {runs[-1]['mean']:.1f} times real against real", flush=True)
    about = reporting.about(__file__, argv, device, options.threads)
    result = {**about, "data": "a miniature" if options.small else "MNIST", "steps": steps, "runs": runs}
    reporting.write(result, options.out / "subpixel_start.json")
    return result


def parse(argv: list[str]) -> argparse.Namespace:
    parser = reporting.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the folder of subpixel_start.json")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--small", action="store_true", help="a miniature that shows that everything runs")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
