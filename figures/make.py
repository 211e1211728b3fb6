"""Make the pictures of the README and of chapters 00, 06 and 07.

python figures/make.py game                    the two players and who learns from whom, a second
python figures/make.py film                    the playground at play, a moving picture, a minute
python figures/make.py hopping                 a GAN that runs round its data, a moving picture, half a minute
python figures/make.py digits                  noise becomes digits, half a minute
python figures/make.py colour FOLDER_OR_ZIP    a recipe on colour pictures, in folders by class: ten minutes
"""

import argparse
import io
import json
from pathlib import Path

import torch
from PIL import Image

from gan_edu import accelerate, data, losses, metrics, models, plots, recipes, train
from gan_edu.playground import GANPlayground

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


def film(file: Path, frames: int = 48, steps: int = 15, width: int = 560):
    """The playground of chapter 04 as it plays: the first frames one step apart, then `steps`; written as a GIF."""
    playground, pictures = GANPlayground(g_rate=2e-3, d_rate=2e-3), []
    for frame in range(frames):
        picture = Image.open(io.BytesIO(playground.frame())).convert("RGB")
        pictures.append(
            picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS)
        )
        playground.step(steps if frame > 5 else 1)
    _write(file, pictures, [100] * (frames - 1) + [2500])


def hopping(file: Path, terms: list):
    """Chapter 07's game at once on the ring, with these terms for D: 200 points of G, two steps apart, as a GIF."""
    torch.manual_seed(0)
    ring, pictures = data.ring(), []
    pair = models.MLPGenerator(), models.MLPDiscriminator()
    adams = [torch.optim.Adam(net.parameters(), 4e-3, (0.0, 0.99)) for net in pair]
    gan = train.GAN(*pair, "non_saturating", *adams, "simultaneous", terms, device="cpu")
    real, noise = ring.sample(300), torch.randn(200, 2)
    for step in range(1, 301):
        train.train_step(gan, ring.sample(128))
        if step > 200 and step % 2 == 0:
            figure, ax = plots.panels(width=3, height=3)
            plots.points(ax, real, gan.generate(noise).detach(), limit=1.9)
            ax.set(xticks=[], yticks=[])
            plots.label(ax, title=f"step {step}")
            pictures.append(Image.open(io.BytesIO(plots.png(figure))).convert("RGB"))
    _write(file, pictures, 120)


def _write(file, pictures, pause):
    palette = pictures[-1].quantize(96)  # of one frame for all, or colours would flicker
    pictures = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    pictures[0].save(file, save_all=True, append_images=pictures[1:], duration=pause, loop=0)


BOXES = {  # what passes through the game: place, colour, words
    "noise": (0.0, 0.0, plots.INK, "noise $z$"),
    "generator": (1.7, 0.0, plots.G, "generator $G$"),
    "fake": (3.4, 0.0, plots.FAKE, "fake\n$G(z)$"),
    "data": (1.7, 1.5, plots.INK, "data"),
    "real": (3.4, 1.5, plots.REAL, "real $x$"),
    "discriminator": (5.3, 0.75, plots.D, "discriminator $D$"),
    "logit": (7.2, 0.75, plots.INK, "real or fake?"),
}
FLOWS = ("noise generator", "generator fake", "fake discriminator", "data real", "real discriminator",
         "discriminator logit")  # fmt: skip

WAY_TO_G = (("logit", "discriminator", -0.6), ("discriminator", "fake", -0.35), ("fake", "generator", -0.6))


def game():
    """The two players, what passes between them, and the two ways back along which they learn."""
    figure, ax = plots.panels(width=8.4, height=3.3)
    boxes = {}
    for name, (x, y, color, words) in BOXES.items():
        style = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": color, "linewidth": 2}
        boxes[name] = ax.text(x, y, words, ha="center", va="center", fontsize=10, bbox=style)
    for start, end in map(str.split, FLOWS):
        arrow(ax, boxes[start], boxes[end], plots.INK, "-")
    arrow(ax, boxes["logit"], boxes["discriminator"], plots.D, "--", bend=0.6)
    for start, end, bend in WAY_TO_G:
        arrow(ax, boxes[start], boxes[end], plots.G, "--", bend)
    ax.text(6.3, 1.75, "D learns to answer right", color=plots.D, ha="center", fontsize=10)
    ax.text(5.0, -0.75, "G learns, through D, to make D answer wrong", color=plots.G, ha="center", fontsize=10)
    ax.set(xlim=(-0.7, 8.0), ylim=(-1.4, 2.0))
    ax.set_axis_off()
    return figure


def arrow(ax, start, end, color, line, bend=0.0):
    """An arrow from one box to another, bent where it is a way back."""
    patches = {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch(), "shrinkA": 4, "shrinkB": 4}
    shape = {"arrowstyle": "-|>", "color": color, "linestyle": line, "linewidth": 1.6, "mutation_scale": 14}
    places = end.get_position(), start.get_position()
    ax.annotate("", *places, arrowprops=shape | patches | {"connectionstyle": f"arc3,rad={bend}"})


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
    parser.add_argument("what", choices=["game", "film", "hopping", "digits", "colour"])
    parser.add_argument("pictures", nargs="?", help="for colour: a folder or .zip, with a folder for each class")
    parser.add_argument("--steps", type=int, default=6000, help="of the training on colour")
    options = parser.parse_args()
    if options.what == "film":
        film(HERE / "playground.gif")
        return print(f"wrote {HERE.name}/playground.gif")
    if options.what == "hopping":
        for name, terms in {"hopping": [], "hopping_stopped": [losses.penalty("r1", 0.3)]}.items():
            hopping(HERE / f"{name}.gif", terms)
            print(f"wrote {HERE.name}/{name}.gif")
        return None
    if options.what != "colour":
        figure = {"game": game, "digits": noise_becomes_digits}[options.what]()
    else:
        figure, record = colour(data.load(options.pictures), options.steps)
        (HERE / "colour.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (HERE / f"{options.what}.png").write_bytes(plots.png(figure, 160))
    print(f"wrote {HERE.name}/{options.what}.png")


if __name__ == "__main__":
    main()
