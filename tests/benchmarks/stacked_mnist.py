"""Stacked MNIST: three digits as the colours of one picture, 1,000 kinds; how many does a GAN find, how evenly?

    GAN_EDU_DATA=data python tests/benchmarks/stacked_mnist.py            # about ten minutes of one slow core
    python tests/benchmarks/stacked_mnist.py --small --out build/stacked  # seconds, enlarged 8x8 digits, no MNIST

Chapter 9 shows what it writes: figures/stacked_mnist.json and, with some samples, figures/stacked_mnist.png. Three
methods play with the same networks, rates and batches and equally many moves of G (and of D, which the paper of
WGAN-GP moves five times); they differ in loss and penalty. They take turns, a round of steps each, so that a run that
is stopped early is still a fair comparison. After each round a classifier names the digit in each colour of 26,000
samples. As in the papers one hit counts a kind as found; the stricter count asks for a tenth of the fair share, 2.6
hits. KL is KL(found || uniform). It has a floor: even a perfect sampler scores about 999 / (2 * 26,000) = .019, and
real triples more, as digits are not equally common. To fit into ten minutes of one slow core the digits are halved to
14x14, with a border of one pixel: papers have 28x28.

Source: Metz et al. 2017 (Unrolled GANs), 3.3; samples and training triples as in Lin et al. 2018 (PacGAN).
"""

import argparse
import json
import math
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.utils import make_grid, save_image

from gan_edu import data, metrics, train
from gan_edu.losses import penalty
from gan_edu.models import SubpixelDiscriminator, SubpixelGenerator, dcgan

SIZE = 16
dcgan.SMALLEST_EDGE.setdefault(SIZE, 4)  # the pairs know 8, 28 and 32 pixels; 16 is 4 doubled twice
KINDS, SAMPLES, TRIPLES, BATCH = 1000, 26_000, 128_000, 64
WIDTHS = {"G": 24, "D": 16}
EMA, FINAL_RATE = 0.995, 0.05
RATE, BETAS = 2e-3, (0.0, 0.99)  # of Adam, for both players in all methods
METHODS = {  # loss, terms of D as (penalty, weight)
    "non-saturating": ("non_saturating", []),
    "WGAN-GP": ("wasserstein", [("gradient_penalty", 10.0)]),
    "R3": ("relativistic", [("r1", 0.05), ("r2", 0.05)]),
}


def mnist(part: str, small: bool) -> data.Images:
    """MNIST, halved; or, where seconds must do, scikit-learn's digits enlarged, which are no substitute for it."""
    if not small:
        full = data.mnist(train=part == "train")
        return full._replace(images=functional.pad(functional.avg_pool2d(full.images, 2), (1, 1, 1, 1), value=-1.0))
    digits = data.digits()
    half = slice(0, 1200) if part == "train" else slice(1200, None)
    images = functional.interpolate(digits.images, SIZE, mode="bilinear")
    return data.Images(images[half], digits.labels[half], digits.classes)


def triples(n: int, images: int, seed: int) -> Tensor:
    """Which three pictures each triple is made of: indices (n, 3)."""
    return torch.randint(images, (n, 3), generator=torch.Generator().manual_seed(seed))


def stack(images: Tensor, index: Tensor) -> Tensor:
    """Pictures (N, 1, 16, 16) and indices (M, 3) to triples (M, 3, 16, 16)."""
    return images[index].squeeze(2)


@torch.no_grad()
def kinds(classifier: metrics.Classifier, pictures: Tensor) -> Tensor:
    """The kind of each triple (N, 3, 16, 16), a number below 1,000: one digit for each colour."""
    digits = torch.cat([classifier(part.flatten(0, 1)[:, None]).argmax(1) for part in pictures.split(500)])
    return digits.view(-1, 3) @ torch.tensor([100, 10, 1])


def score(kind: Tensor) -> dict:
    """Kinds found with one hit, with a tenth of the fair share, and KL(found || uniform) in nats."""
    counts = torch.bincount(kind, minlength=KINDS).double()
    share = counts[counts > 0] / counts.sum()
    return {
        "modes": int((counts >= 1).sum()),
        "modes_with_a_tenth": int((counts >= 0.1 * len(kind) / KINDS).sum()),
        "kl": (share * (share * KINDS).log()).sum().item(),
    }


def new_game(name: str) -> train.GAN:
    """Both networks from seed 0, the method's loss, penalties and optimizers."""
    loss, terms = METHODS[name]
    torch.manual_seed(0)
    players = SubpixelGenerator(SIZE, 3, 64, WIDTHS["G"]), SubpixelDiscriminator(SIZE, 3, WIDTHS["D"])
    adams = [torch.optim.Adam(player.parameters(), RATE, BETAS) for player in players]
    terms = [penalty(*term) for term in terms]
    return train.GAN(*players, loss, *adams, d_terms=terms, ema=EMA, ema_warmup=True, device="cpu")


def play(gan: train.GAN, images: Tensor, index: Tensor, until: int, steps: int) -> None:
    """Steps up to number `until`; rates fall along half a cosine to FINAL_RATE at number `steps`."""
    random = torch.Generator()
    for step in range(gan.steps, until):
        random.manual_seed(step)  # the same batches for each method
        real = stack(images, index[torch.randint(len(index), (BATCH,), generator=random)])
        share = FINAL_RATE + (1 - FINAL_RATE) * (1 + math.cos(math.pi * step / steps)) / 2
        for optimizer in gan.optimizers().values():
            train.set_rate(optimizer.param_groups[0], share * RATE)
        train.train_step(gan, real)


def draw(gan: train.GAN, n: int) -> Tensor:
    """`n` samples, of the same noise at each look."""
    noise = torch.randn(n, gan.latent_dim, generator=torch.Generator().manual_seed(n))
    return torch.cat([gan.sample(noise=part) for part in noise.split(500)])


def floors(classifier: metrics.Classifier, parts: dict[str, data.Images], n: int) -> dict:
    """What perfect generators score: one that is uniform over the kinds, and those that draw real triples."""
    uniform = torch.randint(KINDS, (n,), generator=torch.Generator().manual_seed(1))
    real = {f"real {part} triples": kinds(classifier, stack(found.images, triples(n, len(found.images), 2)))
            for part, found in parts.items()}  # fmt: skip
    return {name: score(kind) for name, kind in {"a perfect uniform sampler": uniform, **real}.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", default="figures/stacked_mnist", help="the two files' name, without an ending")
    parser.add_argument("--steps", type=int, default=2000, help="moves of G, for each method")
    parser.add_argument("--rounds", type=int, default=4, help="how often samples are scored")
    parser.add_argument("--only", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--small", action="store_true", help="a miniature for a test of this script")
    args = parser.parse_args()
    torch.set_num_threads(1)
    steps, rounds, n = (4, 2, 1000) if args.small else (args.steps, args.rounds, SAMPLES)
    parts = {part: mnist(part, args.small) for part in ("train", "test")}
    images, test = parts["train"].images, parts["test"]
    classifier = metrics.train_classifier(images, parts["train"].labels, steps=30 if args.small else 1000)
    with torch.no_grad():
        right = torch.cat([classifier(part).argmax(1) for part in test.images.split(500)]) == test.labels
    index = triples(TRIPLES, len(images), 0)
    games = {name: new_game(name) for name in args.only}
    record = {
        "command": "GAN_EDU_DATA=data python tests/benchmarks/stacked_mnist.py",
        "settings": {
            "steps": steps,
            "samples": n,
            "batch": BATCH,
            "widths": WIDTHS,
            "size": SIZE,
            "rate": RATE,
            "betas": BETAS,
            "methods": METHODS,
        },
        "classifier_accuracy": right.double().mean().item(),
        "floor": floors(classifier, parts, n),
        "methods": {name: [] for name in games},
    }
    rows = {"real": stack(images, triples(12, len(images), 3))}
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    for until in [steps * i // rounds for i in range(1, rounds + 1)]:
        for name, gan in games.items():
            began = time.process_time()
            play(gan, images, index, until, steps)
            trained = time.process_time() - began
            samples = draw(gan, n)
            rows[name] = samples[:12]
            look = {"step": until, **score(kinds(classifier, samples)), "cpu_seconds": round(trained)}
            record["methods"][name].append(look)
            out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
            print(name, look, flush=True)
        pictures = torch.cat([(row + 1) / 2 for row in rows.values()])
        save_image(make_grid(pictures, nrow=12, padding=2, pad_value=1.0), out.with_suffix(".png"))


if __name__ == "__main__":
    main()
