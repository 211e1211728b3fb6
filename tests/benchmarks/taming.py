"""What each remedy of chapter 8 buys: a sick game, each remedy as one change of it, and a tame game, over seeds.

    python tests/benchmarks/taming.py --out figures/taming.json

Every run is written when it ends; what the file holds already is not played again. The game is that of the chapter
(tests/test_chapter_08.py compares the two), the data are the ring of 8 and the grid of 25. A run covers a mode, and a
sample is good, as `metrics.mode_coverage` says, on 2,000 samples of the averaged G where there is an average.
"""

import argparse
import functools
import json
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn.functional import leaky_relu, pad, softplus
from torch.nn.utils.parametrizations import spectral_norm

from gan_edu import data, metrics, models, train
from gan_edu.losses import GANLoss, penalty

PLAIN = {
    "D": lambda: models.MLPDiscriminator(depth=3),
    "loss": "non_saturating",
    "updates": "simultaneous",
    "rates": (1e-3, 1e-3),  # of G, of D
    "betas": (0.5, 0.999),
    "d_steps": 1,
    "d_terms": [],
    "ema": None,
    "final_rate": 1.0,
}


class Noise(nn.Module):
    """Adds noise of this width to all that D sees."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, x):
        return x + self.width * torch.randn_like(x)


class Crowd(nn.Module):
    """Gives each sample one number more: how widely its batch is spread."""

    def forward(self, x):
        spread = x.std(0).mean()
        return torch.cat([x, spread.expand(len(x), 1)], 1)


def with_spectral_norm(network):
    """The largest singular value of every layer becomes 1."""
    for layer in network.net[::2]:
        spectral_norm(layer)
    return network


def smoothed(r, f):
    """D's loss where the target of a real sample is 0.9."""
    return (0.9 * softplus(-r) + 0.1 * softplus(r)).mean() + softplus(f).mean()


SMOOTH = GANLoss("smoothed", smoothed, lambda f, r: softplus(-f).mean())
R1, R2 = penalty("r1", 0.25), penalty("r2", 0.25)
GP = penalty("gradient_penalty", 10)
REMEDIES = {
    "plain": {},
    "in turns": {"updates": "alternating"},
    "two rates": {"rates": (1e-3, 4e-3)},
    "no momentum": {"betas": (0.0, 0.999)},
    "EMA": {"ema": 0.98},
    "crowd": {"D": lambda: nn.Sequential(Crowd(), models.MLPDiscriminator(3, depth=3))},
    "noise": {"D": lambda: nn.Sequential(Noise(0.2), models.MLPDiscriminator(depth=3))},
    "smoothing": {"loss": SMOOTH},
    "pairs": {"loss": "relativistic"},
    "R1": {"d_terms": [R1]},
    "R2": {"d_terms": [R2]},
    "spectral norm": {"D": lambda: with_spectral_norm(models.MLPDiscriminator(depth=3))},
    "WGAN-GP": {"loss": "wasserstein", "d_terms": [GP], "d_steps": 5, "betas": (0.0, 0.9)},
    "pairs, R1, R2": {"loss": "relativistic", "d_terms": [R1, R2]},
}


class Times(nn.Module):
    """Multiplies D's logit."""

    def forward(self, logits):
        return 8 * logits


SETTINGS = {  # other settings of some remedies, for the deeper notebook
    "two rates: D twice as fast": {"rates": (1e-3, 2e-3)},
    "two rates: D 16 times as fast": {"rates": (1e-3, 16e-3)},
    "R1: a tenth of the weight": {"d_terms": [penalty("r1", 0.025)]},
    "R1: ten times the weight": {"d_terms": [penalty("r1", 2.5)]},
    "spectral norm: logits times 8": {
        "D": lambda: nn.Sequential(with_spectral_norm(models.MLPDiscriminator(depth=3)), Times())
    },
    "noise: a quarter as wide": {"D": lambda: nn.Sequential(Noise(0.05), models.MLPDiscriminator(depth=3))},
    "EMA: a longer memory": {"ema": 0.995},
    "EMA, in turns": {"ema": 0.98, "updates": "alternating"},
}
TAME = {
    "updates": "alternating",
    "rates": (4e-3, 4e-3),
    "betas": (0.0, 0.99),
    "d_terms": [penalty("r1", 0.025)],
    "ema": 0.99,
    "final_rate": 0.05,
}
MIXES = {  # several remedies at once, and what each part of the tame game is worth
    "in turns and crowd": {**REMEDIES["in turns"], **REMEDIES["crowd"]},
    "two rates and R1": {**REMEDIES["two rates"], **REMEDIES["R1"]},
    "in turns, four times as fast": {"updates": "alternating", "rates": (4e-3, 4e-3)},
    "tame": TAME,
    "tame, no turns": {**TAME, "updates": "simultaneous"},
    "tame, no R1": {**TAME, "d_terms": []},
    "tame, with momentum": {**TAME, "betas": (0.5, 0.99)},
    "tame, slow": {**TAME, "rates": (1e-3, 1e-3)},
}


def run(data, steps, seed=0, **change):
    """The plain game with a change, played on the data; returns the GAN."""
    game = SimpleNamespace(**{**PLAIN, **change})
    torch.manual_seed(seed)
    pair = models.MLPGenerator(depth=3), game.D()
    players = zip(pair, game.rates, strict=True)
    adams = [torch.optim.Adam(net.parameters(), rate, game.betas) for net, rate in players]
    settings = {"updates": game.updates, "d_terms": game.d_terms, "ema": game.ema}
    gan = train.GAN(*pair, game.loss, *adams, device="cpu", **settings)
    batches = iter(lambda: data.sample(128), None)  # fresh points for ever
    train.train(gan, batches, steps, game.d_steps, final_rate=game.final_rate, progress=False)
    return gan


def score(mixture, steps, seed, change):
    """What a run covers, as plain numbers, and of the first three seeds also 200 of its points."""
    try:
        samples = run(mixture, steps, seed, **change).sample(2000)
        modes, good = metrics.mode_coverage(samples, mixture.centers, mixture.std)
    except (train.TrainingDiverged, ValueError):
        return {"modes": 0, "good": 0.0, "points": []}
    shown = [[round(number, 2) for number in point] for point in samples[:200].tolist()]
    return {"modes": modes, "good": round(good, 4), "points": shown if seed < 3 else []}


class Augment(nn.Module):
    """A shift by up to one pixel and a little light, of each picture its own."""

    def forward(self, x):
        n, edge = len(x), torch.arange(8)
        x = x + 0.4 * (torch.rand(n, 1, 1, 1) - 0.5)
        x = pad(x, (1, 1, 1, 1), value=-1.0)
        down, right = torch.randint(0, 3, (2, n, 1))
        here = torch.arange(n)[:, None, None]
        return x[here, 0, (down + edge)[:, :, None], (right + edge)[:, None, :]][:, None]


def draw(images, see, seed=0):
    """A GAN for digits whose D sees everything through `see`, and D without it."""
    torch.manual_seed(seed)
    G = nn.Sequential(models.MLPGenerator(16, 64, 128), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    D = nn.Sequential(nn.Flatten(), models.MLPDiscriminator(64, 128))
    adams = [torch.optim.Adam(net.parameters(), 2e-3, (0.0, 0.99)) for net in (G, D)]
    settings = {"d_terms": [penalty("r1", 0.05)], "ema": 0.99, "latent_dim": 16, "device": "cpu"}
    gan = train.GAN(G, nn.Sequential(see, D), "non_saturating", *adams, **settings)
    return gan, D, data.Batches(images, batch_size=64, seed=seed)


DIGITS = data.digits()
ORDER = torch.randperm(len(DIGITS.images), generator=torch.Generator().manual_seed(0))
FEW, MANY, HELD = (DIGITS.images[rows] for rows in (ORDER[:200], ORDER[:899], ORDER[899:]))
DIGIT_STEPS, LOOKS = 1600, 8
DIGIT_JOBS = [
    (len(images), name, images, see)
    for images in (FEW, MANY)
    for name, see in (("plain", nn.Identity()), ("augmented", Augment()))
]


@functools.cache
def judge():
    """Features of any pictures, of the held-out digits, and what a perfect generator would score."""
    classifier = metrics.train_classifier(DIGITS.images, DIGITS.labels)
    features = functools.partial(metrics.features, classifier)
    return features, features(HELD), metrics.real_against_real(features(DIGITS.images), len(HELD))


def score_digits(images, see, seed):
    """What a run draws: distances as multiples of real against real, D's mean logits, and the near copies."""
    features, real, perfect = judge()
    gan, D, batches = draw(images, see, seed)
    path = []
    for _ in range(LOOKS):
        train.train(gan, batches, DIGIT_STEPS // LOOKS, progress=False)
        fakes = gan.sample(len(HELD))
        with torch.no_grad():
            logits = [D(x).mean().item() for x in (FEW, HELD)]
        path.append([gan.steps, *logits, metrics.frechet_distance(real, features(fakes)) / perfect])
    quality = metrics.precision_recall(real, features(fakes))
    shown = (fakes[:32] * 100).round().int().tolist()
    found = {"distance": path[-1][3], "precision": quality.precision, "recall": quality.recall, "path": path}
    return {**found, "pictures": [] if seed else shown}


MIXTURES = {"ring": data.ring(), "grid": data.grid()}
STEPS = {"ring": 1000, "grid": 4000}
JOBS = (  # (data, name, change, steps, seeds)
    *(("ring", name, change, 500, 10) for name, change in (REMEDIES | MIXES).items()),
    ("ring", "plain", {}, STEPS["ring"], 10),
    ("ring", "tame", TAME, STEPS["ring"], 10),
    *(("ring", name, change, 500, 3) for name, change in SETTINGS.items()),
    ("grid", "tame", TAME, STEPS["grid"], 10),
    ("grid", "plain", {}, STEPS["grid"], 10),
)


class Block(nn.Module):
    """x + a correction that begins at zero, without any normalization."""

    def __init__(self, width):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.last = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x):
        return x + self.last(leaky_relu(self.first(leaky_relu(x, 0.2)), 0.2))


def modern_pair(width=16):
    """(generator, discriminator) for pictures (N, 1, 8, 8), from 16 numbers."""
    up = nn.Upsample(scale_factor=2, mode="bilinear")
    start = nn.Linear(16, width * 4), nn.Unflatten(1, (width, 2, 2))
    G = nn.Sequential(*start, Block(width), up, Block(width), up, Block(width))
    G.extend([nn.Conv2d(width, 1, 3, padding=1), nn.Tanh()])
    D = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), Block(width), nn.AvgPool2d(2))
    D.extend([Block(width), nn.AvgPool2d(2), Block(width), nn.Flatten()])
    D.append(nn.Linear(width * 4, 1))
    return G, D


MODERN_STEPS = 1500


def score_modern(seed):
    """What the modern pair draws after MODERN_STEPS, with pairs, R1 and R2."""
    features, real, perfect = judge()
    torch.manual_seed(seed)
    G, D = modern_pair()
    adams = [torch.optim.Adam(net.parameters(), 4e-3, (0.0, 0.99)) for net in (G, D)]
    terms = [penalty(name, 0.25) for name in ("r1", "r2")]
    gan = train.GAN(G, D, "relativistic", *adams, d_terms=terms, ema=0.99, latent_dim=16, device="cpu")
    batches = data.Batches(MANY, batch_size=32, seed=seed)
    train.train(gan, batches, MODERN_STEPS, final_rate=0.1, progress=False)
    fakes = gan.sample(len(HELD))
    quality = metrics.precision_recall(real, features(fakes))
    distance = metrics.frechet_distance(real, features(fakes)) / perfect
    shown = (fakes[:32] * 100).round().int().tolist()
    return {"distance": distance, "precision": quality.precision, "recall": quality.recall, "pictures": shown}


def jobs():
    """(data, name, steps, seed, what scores it), the cheap ones first."""
    for images, name, pictures, see in DIGIT_JOBS:
        for seed in range(3):
            play = functools.partial(score_digits, pictures, see, seed)
            yield f"{images} digits", name, DIGIT_STEPS, seed, play
    yield "899 digits", "modern pair", MODERN_STEPS, 0, functools.partial(score_modern, 0)
    for where, name, change, steps, seeds in JOBS:
        for seed in range(seeds):
            yield where, name, steps, seed, functools.partial(score, MIXTURES[where], steps, seed, change)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("figures/taming.json"))
    parser.add_argument("--only", default="", help="a part of the data's name: ring, grid or digits")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for where, name, steps, seed, play in jobs():
        runs = json.loads(arguments.out.read_text())["runs"] if arguments.out.exists() else []
        known = [(run["data"], run["name"], run["steps"], run["seed"]) for run in runs]
        if arguments.only not in where or (where, name, steps, seed) in known:
            continue
        scored = play()
        runs.append({"data": where, "name": name, "steps": steps, "seed": seed, **scored})
        runs.sort(key=lambda run: run["seed"])  # so every game's seeds stand in order, whenever they were played
        command = "python tests/benchmarks/taming.py --out figures/taming.json"
        text = json.dumps({"command": command, "torch": torch.__version__, "runs": runs})
        arguments.out.write_text(text + "\n", encoding="utf-8")
        print(
            where, name, steps, seed, {key: scored[key] for key in scored if key not in ("points", "pictures", "path")}
        )


if __name__ == "__main__":
    main()
