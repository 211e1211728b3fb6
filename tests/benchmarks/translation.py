"""What chapter 12 claims of translators, over three seeds: sharpening, pairs, no pairs, smuggled colour.

    GAN_EDU_DATA=data python tests/benchmarks/translation.py --out figures/translation.json

Every run is written when it ends; what the file holds already is not played again. `--only` takes the jobs whose name
begins so; MNIST is left out where it is not. Scores are of held-out digits: the error is the mean square in pixels, a
hit is a translation whose nearest picture among all true translations is its own.
"""

import functools
import json
import math
import sys
import warnings
from pathlib import Path

import reporting
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate

from gan_edu import data, losses, metrics, models, train
from gan_edu.models.mlp import perceptron

warnings.simplefilter("ignore", train.Symptom)
SEEDS = (0, 1, 2)


# --- sharpening -------------------------------------------------------------------------------------------------------


class Sharpen(nn.Module):
    """Small pictures (N, 1, h, h) to large ones that keep them: a perceptron adds what is missing."""

    def __init__(self, size=8, factor=4, latent_dim=8, hidden=128):
        super().__init__()
        self.latent_dim, self.size, self.factor = latent_dim, size, factor
        self.net = perceptron((size // factor) ** 2 + latent_dim, hidden, 2, size * size, nn.ReLU)

    def forward(self, noise, small):
        x = self.net(torch.cat([small.flatten(1), noise], 1)).tanh().view(-1, 1, self.size, self.size)
        return x + interpolate(small - avg_pool2d(x, self.factor), scale_factor=self.factor)


class Judge(nn.Module):
    """A perceptron that judges the large picture alone: the small one is in it."""

    def __init__(self, size=8, hidden=128):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), models.MLPDiscriminator(size * size, hidden))

    def forward(self, large, small=None):
        return self.net(large)


def halves(images, labels, n):
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return [(images[rows], labels[rows]) for rows in (order[:n], order[n : 2 * n])]


DIGITS = data.digits()
(SEEN, SEEN_LABELS), (HELD, HELD_LABELS) = halves(DIGITS.images, DIGITS.labels, 898)


@functools.cache
def sets(name):
    """(seen, held, held labels, classifier, what the Fréchet distance is taken of) of "digits" or "mnist"."""
    if name == "digits":
        return SEEN, HELD, HELD_LABELS, classifier(), nn.Flatten()
    train_set, test_set = data.mnist(), data.mnist(train=False)
    read = metrics.train_classifier(train_set.images, train_set.labels)
    return train_set.images, test_set.images[:5000], test_set.labels[:5000], read, read.features


@functools.cache
def classifier():
    return metrics.train_classifier(SEEN, SEEN_LABELS, steps=600)


def scores(made, name):
    _, held, labels, read, features = sets(name)
    with torch.no_grad():
        error = (made - held).square().mean().item()
        distance = metrics.frechet_distance(features(held), features(made))
        right = (read(made).argmax(1) == labels).double().mean().item()
    return {"error": error, "psnr": 10 * math.log10(4 / error), "frechet": distance, "accuracy": right}


def pixel_answers(name, factor, seed, steps, hidden):
    seen, held, *_ = sets(name)
    torch.manual_seed(seed)
    G = Sharpen(held.shape[-1], factor, 0, hidden)
    adam = torch.optim.Adam(G.parameters(), 2e-3)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    batches = data.Batches(seen, batch_size=64, seed=seed)
    for _ in range(steps):
        large = next(batches)
        loss = (G(large.flatten(1)[:, :0], avg_pool2d(large, factor)) - large).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        falling.step()
    with torch.no_grad():
        return G(held.flatten(1)[:, :0], avg_pool2d(held, factor))


def drawn_answers(name, factor, seed, steps, hidden, weight):
    seen, held, *_ = sets(name)
    torch.manual_seed(seed)
    G, D = Sharpen(held.shape[-1], factor, 8, hidden), Judge(held.shape[-1], hidden)
    adams = [torch.optim.Adam(net.parameters(), 2e-3, (0.0, 0.99)) for net in (G, D)]
    pixels = losses.Term("pixels", lambda D, real, fake, condition: (fake - real).square().mean(), weight)
    terms = {"d_terms": [losses.penalty("r1", 0.05, every=4)], "g_terms": [pixels] if weight else []}
    gan = train.GAN(G, D, "non_saturating", *adams, ema=0.99, ema_warmup=True, device="cpu", **terms)
    small = torch.cat([avg_pool2d(part, factor) for part in seen.split(10_000)])
    reporting.whole(
        train.train(gan, data.Batches(seen, small, batch_size=64, seed=seed), steps, final_rate=0.05, progress=False)
    )
    small = avg_pool2d(held, factor)
    return [gan.sample(len(held), condition=small) for _ in range(2)]


def sharpen(name, factor, seed, steps, weights):
    """Scores of the pixel answer, of drawn ones by the weight of the pixel loss, and of mixtures by their share."""
    hidden = 128 if name == "digits" else 256
    held = sets(name)[1]
    mean = pixel_answers(name, factor, seed, steps // 2, hidden)
    bicubic = interpolate(avg_pool2d(held, factor), scale_factor=factor, mode="bicubic").clamp(-1, 1)
    found = {"bicubic": scores(bicubic, name), "pixel": scores(mean, name), "drawn": [], "mixed": []}
    for weight in weights:
        drawn, again = drawn_answers(name, factor, seed, steps, hidden, weight)
        apart = (drawn - again).square().mean().item() / 2
        found["drawn"].append({"weight": weight, **scores(drawn, name), "apart": apart})
        if weight == weights[0]:
            mixtures = {share / 4: torch.lerp(mean, drawn, share / 4) for share in range(5)}
            found["mixed"] = [{"share": share, **scores(made, name)} for share, made in mixtures.items()]
            rows = [x[:10] for x in (avg_pool2d(held, factor), bicubic, mean, drawn, held)]
            found["pictures"] = [] if seed else [(row * 100).round().int().tolist() for row in rows]
    return found


# --- translation ------------------------------------------------------------------------------------------------------


def truth(images):
    """The known map: slanted, and white on black becomes black on white."""
    return -data.slant(images)


def marks(made, wanted, labels=HELD_LABELS):
    """The share of hits, and of classes that were kept, as a classifier of true translations reads them."""
    nearest, read = torch.cdist(made.flatten(1), wanted.flatten(1)).argmin(1), reader()
    with torch.no_grad():
        kept = (read(made).argmax(1) == labels).double().mean().item()
    return {"hits": (nearest == torch.arange(len(made))).double().mean().item(), "classes": kept}


@functools.cache
def reader():
    return metrics.train_classifier(truth(SEEN), SEEN_LABELS, steps=600)


def controls():
    found = {"truth": truth(HELD), "identity": HELD, "negative": -HELD}
    return {name: marks(made, truth(HELD)) for name, made in found.items()}


def paired(seed, steps, skips=True, weight=10.0, mismatched=False):
    torch.manual_seed(seed)
    G, D = models.UNetGenerator(skips=skips), models.PatchDiscriminator(2)
    adams = [torch.optim.Adam(net.parameters(), 2e-3, (0.5, 0.99)) for net in (G, D)]
    terms = {"d_terms": [losses.penalty("r1", 0.5, every=4)], "g_terms": [losses.l1(weight)] if weight else []}
    gan = train.GAN(G, D, "non_saturating", *adams, device="cpu", **terms)
    target = truth(SEEN[torch.randperm(len(SEEN))] if mismatched else SEEN)
    reporting.whole(train.train(gan, data.Batches(target, SEEN, seed=seed), steps, final_rate=0.05, progress=False))
    return marks(gan.sample(len(HELD), condition=HELD), truth(HELD))


def unet():
    return models.UNetGenerator(), models.PatchDiscriminator()


def flat():
    G = nn.Sequential(nn.Flatten(), perceptron(64, 128, 2, 64, nn.ReLU), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    return G, nn.Sequential(nn.Flatten(), perceptron(64, 128, 2, 1, nn.LeakyReLU))


PLAYERS = {"unet": (unet, 4e-3, 0.5, 0.1), "perceptron": (flat, 2e-3, 0.0, 0.05)}  # rate, momentum, weight of R1


def unpaired(seed, steps, players="unet", weight=10.0):
    make, rate, momentum, r1 = PLAYERS[players]
    torch.manual_seed(seed)
    (there, of_b), (back, of_a) = make(), make()
    G, D = models.PairGenerator(there, back), models.PairDiscriminator(of_b, of_a)
    adams = [torch.optim.Adam(net.parameters(), rate, (momentum, 0.99)) for net in (G, D)]
    pairs = data.Batches(torch.cat([truth(SEEN[449:]), SEEN[:449]], 1), seed=seed)  # no picture stands in both halves
    terms = {"d_terms": [losses.penalty("r1", r1, every=4)], "g_terms": [losses.cycle(G, weight)] if weight else []}
    prior = functools.partial(torch.zeros, 64, 2, 8, 8)
    gan = train.GAN(G, D, "non_saturating", *adams, ema=0.99, device="cpu", prior=lambda n: prior()[:n], **terms)

    reporting.whole(train.train(gan, pairs, steps, step=train.cycle_step, final_rate=0.05, progress=False))
    with torch.no_grad():
        made, again = gan.ema.there(HELD), gan.ema.back(gan.ema.there(HELD))
    found = marks(made, truth(HELD)) | {"cycle": (again - HELD).square().mean().sqrt().item()}
    rows = [x[:10] for x in (HELD, made, truth(HELD), again)]
    return found | {"pictures": [] if seed else [(row * 100).round().int().tolist() for row in rows]}


# --- smuggled colour --------------------------------------------------------------------------------------------------


def wrong_hue(images, hues):
    gap = (data.hue_of(images) - hues).abs()
    return torch.minimum(gap, 1 - gap).mean().item()


def flat_from(channels, to):
    net = perceptron(64 * channels, 128, 2, 64 * to, nn.ReLU)
    return nn.Sequential(nn.Flatten(), net, nn.Tanh(), nn.Unflatten(1, (to, 8, 8)))


def smuggle(seed, steps, strict=1.0, noise=0.0):
    """Colour to grey, told the true grey pictures, and back; errors of the hue that comes back, by what is done."""
    torch.manual_seed(seed)
    there, back = flat_from(3, 1), flat_from(1, 3)
    adam = torch.optim.Adam([*there.parameters(), *back.parameters()], 2e-3)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    batches = data.Batches(SEEN, batch_size=64, seed=seed)
    for _ in range(steps):
        grey = next(batches)
        colour = data.paint(grey, torch.rand(64))
        made = there(colour)
        again = back(made + noise * torch.randn_like(made))
        loss = strict * (made - grey).square().mean() + (again - colour).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        falling.step()
    hues, read = torch.rand(len(HELD), generator=torch.Generator().manual_seed(0)), classifier()
    with torch.no_grad():
        made = there(data.paint(HELD, hues))
        spread = there(data.paint(HELD[:1].expand(60, -1, -1, -1), torch.arange(60) / 60)).std(0).mean().item()
        shaken = {s: wrong_hue(back(made + s * torch.randn_like(made)), hues) for s in (0, 3 / 128, 0.1, 0.2, 0.4, 0.8)}
        clean = wrong_hue(back(HELD), hues)
        right = (read(made).argmax(1) == HELD_LABELS).double().mean().item()
    off = (made - HELD).square().mean().sqrt().item()
    return {"shaken": shaken, "clean": clean, "accuracy": right, "off": off, "signal": spread}


def jobs(small):
    """(name, what plays it)."""

    def few(steps):
        return 8 if small else steps

    def sharpening(name, factor, seed, steps, *weights):
        return functools.partial(sharpen, name, factor, seed, few(steps), weights)

    yield "controls", controls
    for seed in SEEDS[: 1 if small else 3]:
        yield f"digits x4, seed {seed}", sharpening("digits", 4, seed, 1500, 0.0)
        yield f"smuggled, seed {seed}", functools.partial(smuggle, seed, few(900))
        yield f"smuggled, noise in the loop, seed {seed}", functools.partial(smuggle, seed, few(900), 1.0, 0.1)
        yield f"pairs, skips, seed {seed}", functools.partial(paired, seed, few(150))
        yield f"pairs, no skips, seed {seed}", functools.partial(paired, seed, few(150), skips=False)
        yield f"pairs, mismatched, seed {seed}", functools.partial(paired, seed, few(100), mismatched=True)
        yield f"unpaired perceptron, seed {seed}", functools.partial(unpaired, seed, few(600), "perceptron")
        yield f"unpaired unet, seed {seed}", functools.partial(unpaired, seed, few(450))
    for seed in SEEDS[: 1 if small else 3]:
        yield f"mnist x4, seed {seed}", sharpening("mnist", 4, seed, 1500, 0.0)
        yield f"digits x2, seed {seed}", sharpening("digits", 2, seed, 1500, 3.0)
        yield f"pairs, no L1, seed {seed}", functools.partial(paired, seed, few(150), weight=0.0)


def rounded(found):
    """The same with four digits: enough for a table."""
    if isinstance(found, dict):
        return {str(key): rounded(value) for key, value in found.items()}
    if isinstance(found, list):
        return [rounded(value) for value in found]
    return float(f"{found:.4g}") if isinstance(found, float) else found


def main():
    parser = reporting.parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("figures/translation.json"))
    parser.add_argument("--only", default="", help="how the jobs' names begin")
    parser.add_argument("--small", action="store_true", help="a few steps of one seed, to see that it runs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name, play in jobs(arguments.small):
        runs = json.loads(arguments.out.read_text())["runs"] if arguments.out.exists() else {}
        if name in runs or not name.startswith(arguments.only) or (arguments.small and name.startswith("mnist")):
            continue
        try:
            runs[name] = rounded(play())
        except data.DataNotFound as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        device = torch.device("cpu")
        about = reporting.about(__file__, ["--out", "figures/translation.json"], device, 1)
        arguments.out.write_text(json.dumps({**about, "runs": runs}) + "\n", encoding="utf-8")
        told = {key: value for key, value in runs[name].items() if key != "pictures"}
        print(name, json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
