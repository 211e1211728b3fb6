"""What chapter 13 claims, over three seeds: how many frames D must see, and how a GAN's clips of digits are judged.

    python tests/benchmarks/clips.py --out figures/clips.json

Each run is written when it ends; what the file holds already is not made again. GANs see clips of one half of
scikit-learn's digits; the judges, two classifiers, see clips of the other half, and no sample.

`point`: between two walls, D on k frames: Wasserstein-1 distances of position, speed and acceleration from other real
tracks, and the share of turns among places from which no wall is in reach. `digits`: `same`, the share of clips all of
whose frames are read as one class; `speed` and `turn`, Wasserstein-1 distances of the first and second difference of
the centroids, in pixels; `frechet`, on a clip classifier's features, and `single`, of single frames on the frame
classifier's, as multiples of what five other real sets have on average.
"""

import sys
from functools import partial
from pathlib import Path

import reporting
import torch
from torch import Tensor, nn

from gan_edu import data, losses, metrics, models, recipes, train
from gan_edu.models.mlp import perceptron

DIGITS = data.digits()
ORDER = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
SEEN, HELD = (DIGITS._replace(images=DIGITS.images[part], labels=DIGITS.labels[part])
              for part in (ORDER[:898], ORDER[898:1796]))  # fmt: skip
SHOWN = 6  # clips of a first seed that are kept


def w1(a: Tensor, b: Tensor) -> float:
    """The Wasserstein-1 distance of two sets of numbers, by 200 quantiles."""
    places = torch.linspace(0.0025, 0.9975, 200)
    quantiles = [torch.quantile(x.flatten()[:100_000], places) for x in (a, b)]
    return (quantiles[0] - quantiles[1]).abs().mean().item()


def play(generator, discriminator, batches, steps, rates, r1, ema, latent_dim=None):
    """The non-saturating game with a lazy R1 penalty."""
    adams = [torch.optim.Adam(net.parameters(), rate, (0.0, 0.99)) for net, rate in
             zip((generator, discriminator), rates, strict=True)]  # fmt: skip
    gan = train.GAN(generator, discriminator, "non_saturating", *adams, d_terms=[losses.penalty("r1", r1, every=4)],
                    ema=ema, ema_warmup=True, latent_dim=latent_dim, device="cpu")  # fmt: skip
    reporting.whole(train.train(gan, batches, steps, final_rate=recipes.FINAL_RATE, progress=False))
    return gan


# --- a point ----------------------------------------------------------------------------------------------------------

T, HIDDEN = 8, 48


def tracks(n: int, seed: int) -> Tensor:
    """Real tracks (n, 8)."""
    return data.bouncing(n, T, generator=torch.Generator().manual_seed(seed)).squeeze(2)


def window_judge(k: int) -> nn.Sequential:
    """A logit for every k neighbouring frames of tracks (N, 8)."""
    first, second = nn.Conv1d(1, HIDDEN, k), nn.Conv1d(HIDDEN, HIDDEN, 1)
    layers = [first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), nn.Conv1d(HIDDEN, 1, 1)]
    return nn.Sequential(nn.Unflatten(1, (1, T)), *layers, nn.Flatten())


def differences(x: Tensor) -> dict:
    """Distances from real tracks, and the share of turns where no real track turns: two steps or more from a wall."""
    step, found = x.diff(dim=1), {}
    inside = x[:, 1:-1].abs() < 1 - data.SPEEDS[1]
    turns = (step[:, 1:] * step[:, :-1] < 0)[inside].double().mean().item()
    real = tracks(4000, 1)
    for name in ("position", "speed", "acceleration"):
        found[name] = w1(real.abs(), x.abs()) if found else w1(real, x)
        real, x = real.diff(dim=1), x.diff(dim=1)
    return found | {"turns": turns}


def of_point(k: int, seed: int, steps: int) -> dict:
    """A GAN whose D sees k frames."""
    torch.manual_seed(seed)
    batches = iter(lambda: data.bouncing(64, T).squeeze(2), None)
    generator = perceptron(8, HIDDEN, 2, T, lambda: nn.LeakyReLU(0.2))
    gan = play(generator, window_judge(k), batches, steps, (4e-3, 4e-3), 0.05 * (T + 1 - k), 0.99, 8)
    return differences(gan.sample(4000))


# --- digits -----------------------------------------------------------------------------------------------------------


class Judge:
    """Scores of clips (N, 8, 1, 16, 16)."""

    def __init__(self, steps: int):
        clips, labels, _ = data.moving_digits(4000, seed=1, pictures=HELD)
        step = metrics.centroids(clips[:, :2]).diff(dim=1).squeeze(1)
        quarter = (step[:, 0] > 0).long() * 2 + (step[:, 1] > 0).long()  # where it starts to go
        self.frame = metrics.train_classifier(metrics.centred(clips[:, :1]), labels, steps=steps)
        self.clip = metrics.train_classifier(clips.squeeze(2), 4 * labels + quarter, steps=2 * steps)
        self.real, *others = (data.moving_digits(2000, seed=s, pictures=SEEN).images for s in (2, 3, 5, 6, 7, 8))
        self.known = self.features(self.real)
        apart = [self.distances(clips) for clips in others]
        self.zero = {name: sum(found[name] for found in apart) / len(apart) for name in self.known}

    def features(self, clips: Tensor) -> dict:
        frames = [metrics.features(self.frame, metrics.centred(part)) for part in clips.split(500)]
        return {"frechet": metrics.features(self.clip, clips.squeeze(2)), "single": torch.cat(frames)}

    def distances(self, clips: Tensor) -> dict:
        return {name: metrics.frechet_distance(self.known[name], x) for name, x in self.features(clips).items()}

    def __call__(self, clips: Tensor) -> dict:
        with torch.no_grad():
            read = torch.cat([self.frame(part).argmax(1) for part in metrics.centred(clips).split(500)])
        read, found = read.view(clips.shape[:2]), {}
        found["same"] = (read == read[:, :1]).all(1).double().mean().item()
        mine, real = metrics.centroids(clips), metrics.centroids(self.real)
        for name in ("speed", "turn"):
            mine, real = mine.diff(dim=1), real.diff(dim=1)
            found[name] = w1(mine.norm(dim=2), real.norm(dim=2))
        return found | {name: apart / self.zero[name] for name, apart in self.distances(clips).items()}


class Decoder(nn.Module):
    """As MoCoGAN: a network draws every frame anew, from the content and a code of the motion."""

    latent_dim = 24

    def __init__(self, width: int = 16):
        super().__init__()
        self.go = models.ClipGenerator(width=1)  # whose motion alone is used
        self.go.where = nn.Linear(48, 8)
        layers = [nn.Linear(24, 4 * width * 4, bias=False), nn.Unflatten(1, (4 * width, 2, 2))]
        for maps in (4 * width, 2 * width):
            layers += [nn.BatchNorm2d(maps), nn.ReLU()]
            layers += [nn.ConvTranspose2d(maps, maps // 2, 4, stride=2, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1), nn.Tanh()]
        self.draw = nn.Sequential(*layers).apply(models.dcgan_init)

    def forward(self, noise):
        codes = self.go.track(noise)
        content = noise[:, None, :16].expand(-1, codes.shape[1], -1)
        return self.draw(torch.cat([content, codes], 2).flatten(0, 1)).unflatten(0, codes.shape[:2])


class Only(nn.Module):
    """One of the two judges alone."""

    def __init__(self, which: str):
        super().__init__()
        self.both, self.which = models.ClipDiscriminator(), which

    def forward(self, clips):
        logits = self.both(clips)
        return logits[:, -1:] if self.which == "clip" else logits[:, :-1]


PAIRS = {  # name: (frames of a sample, its players)
    "content and motion": (8, models.ClipGenerator, models.ClipDiscriminator),
    "each frame alone": (1, lambda: models.ClipGenerator(frames=1), lambda: models.ClipDiscriminator(frames=1)),
    "no judge of clips": (8, models.ClipGenerator, lambda: Only("frame")),
    "no judge of frames": (8, models.ClipGenerator, lambda: Only("clip")),
    "every frame drawn anew": (8, Decoder, models.ClipDiscriminator),
}


def of_digits(name: str, seed: int, steps: int, judge: Judge) -> dict:
    """The scores of one pair's clips, and of a first seed some clips."""
    frames, make_generator, make_discriminator = PAIRS[name]
    clips = data.moving_digits(seed=10 + seed, pictures=SEEN).images
    batches = data.Batches(clips if frames == 8 else clips[:, :1], batch_size=32, seed=seed)
    torch.manual_seed(seed)
    gan = play(make_generator(), make_discriminator(), batches, steps, (4e-3, 2e-3), 0.5, 0.99)
    torch.manual_seed(1)
    parts = [gan.sample(250 * 8 // frames).unflatten(0, (250, -1)).flatten(1, 2) for _ in range(8)]
    samples = torch.cat(parts)
    kept = (100 * samples[:SHOWN]).round().int().tolist() if seed == 0 else []
    return judge(samples) | {"clips": kept} | (longer(gan) if name == "content and motion" else {})


@torch.no_grad()
def longer(gan: train.GAN) -> dict:
    """Three times as many frames as G has learnt: where its pictures lie in the last 8, and how fast they move."""
    gan.ema.frames = 24
    late = gan.ema.track(gan.sample_noise(1000))[:, 16:]
    real = data.bouncing(1000, 8, 2, torch.Generator().manual_seed(3))
    steps = [x.diff(dim=1).norm(dim=2) for x in (late, real)]
    return {"outside": (late.abs() > 1.2).any(2).double().mean().item(), "late speed": w1(*steps) * 4}


def main(arguments: list[str]) -> None:
    parser = reporting.parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("figures/clips.json"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600, help="of a GAN for clips")
    parser.add_argument("--point-steps", type=int, default=500, help="of a GAN for a point")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    about = reporting.about(__file__, arguments, torch.device("cpu"), 1)
    ledger = reporting.Ledger(options.out, about | {"steps": options.steps}, untold=("clips",))
    judge = Judge(max(20, 2 * options.steps // 3))
    real = data.moving_digits(2000, seed=4, pictures=SEEN).images
    ledger.result["real"] = {"digits": judge(real), "point": differences(tracks(4000, 2)), "kept":
                      (100 * real[:SHOWN]).round().int().tolist()}  # fmt: skip

    for seed in range(options.seeds):
        for k in (1, 2, 3, 4):
            ledger.once("point", k, seed, partial(of_point, k, seed, options.point_steps))
        for name in list(PAIRS)[:2]:
            ledger.once("digits", name, seed, partial(of_digits, name, seed, options.steps, judge))
    for seed in range(options.seeds):
        for name in list(PAIRS)[2:]:
            ledger.once("digits", name, seed, partial(of_digits, name, seed, options.steps, judge))


if __name__ == "__main__":
    main(sys.argv[1:])
