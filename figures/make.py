"""Make the pictures of the README and of chapter 06.

python figures/make.py digits                  noise becomes digits, half a minute
python figures/make.py colour FOLDER_OR_ZIP    a recipe on colour pictures, in folders by class: ten minutes
"""

import argparse
import json
from pathlib import Path

import torch

from gan_edu import accelerate, data, metrics, plots, recipes, train

HERE = Path(__file__).parent
MOMENTS = (0, 1, 2, 4, 8, 40)  # of 41 snapshots: most happens early


def noise_becomes_digits():
    """The same noise at six moments of the training of `python -m gan_edu train digits`, and real digits beside it."""
    digits, recipe = data.digits(), recipes.RECIPES[8]
    gan, batches = recipes.pictures(digits, recipe)
    history = train.train(gan, batches, recipe.steps, snapshots=41, final_rate=recipes.FINAL_RATE)
    figure, axes = plots.panels(7, width=1.6, height=1.9)
    for ax, i in zip(axes, MOMENTS, strict=False):
        plots.images(ax, history.samples[i][:16], columns=4, title=f"step {history.steps[i]:,}")
    plots.images(axes[-1], digits.images[:16], columns=4, title="real digits")
    return figure


def colour(pictures: data.Images, steps: int):
    """The recipe of chapter 06 on colour pictures: samples beside real ones, and what a classifier's features say."""
    images, n = pictures.images, min(5000, len(pictures.images) // 2)
    gan, batches = recipes.pictures(pictures, recipes.FAST)
    step = accelerate.accelerate(gan, batches)
    train.train(gan, batches, steps, step=step, final_rate=recipes.FINAL_RATE)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    held, training = order[: len(order) // 10], order[len(order) // 10 :]
    classifier = metrics.train_classifier(images[training], pictures.labels[training], steps=3000)
    features, samples = metrics.features(classifier, images), gan.sample(n).cpu()
    unit = metrics.real_against_real(features, n)
    distance = metrics.frechet_distance(features[order[:n]], metrics.features(classifier, samples))
    shares = torch.bincount(classifier(samples).argmax(1), minlength=len(pictures.classes)) / n
    right = (classifier(images[held]).argmax(1) == pictures.labels[held]).double().mean()
    record = {
        "command": f"python figures/make.py colour PICTURES --steps {steps}",
        "device": str(gan.device),
        "precision": gan.precision,
        "pictures": len(images),
        "classifier is right on held-out pictures": round(right.item(), 3),
        "Fréchet distance / real against real": round(distance / unit, 1),
        "most frequent class among the samples": round(shares.max().item(), 3),
    }
    figure, axes = plots.panels(2, width=4, height=4)
    plots.images(axes[0], samples[:64], title=f"samples after {steps:,} steps")
    plots.images(axes[1], images[order[:64]], title="real pictures")
    return figure, record


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["digits", "colour"])
    parser.add_argument("pictures", nargs="?", help="for colour: a folder or .zip, with a folder for each class")
    parser.add_argument("--steps", type=int, default=6000, help="of the training on colour")
    options = parser.parse_args()
    if options.what == "digits":
        figure = noise_becomes_digits()
    else:
        figure, record = colour(data.load(options.pictures), options.steps)
        (HERE / "colour.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (HERE / f"{options.what}.png").write_bytes(plots.png(figure))
    print(f"wrote {HERE.name}/{options.what}.png")


if __name__ == "__main__":
    main()
