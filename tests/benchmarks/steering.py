"""What chapter 11 claims, over three seeds: labels, path lengths, inversion, a code that nobody labelled; and MNIST.

    python tests/benchmarks/steering.py --out figures/steering.json
    GAN_EDU_DATA=data python tests/benchmarks/steering.py --parts mnist --out figures/steering.json

Every run is written when it ends; what the file holds already is not run again. GANs for digits see one half of
scikit-learn's digits; the judge, a classifier, sees the other half and no sample. `spread` is the mean distance between
two samples of a class, as a share of that between real digits; `precision`, `recall` and `frechet` (as a multiple of
that between the two halves) compare with the half that the GAN saw.
"""

import functools
import json
import math
import sys
from pathlib import Path

import reporting
import torch
from filelock import FileLock
from torch import Tensor, nn
from torch.nn import functional

from gan_edu import accelerate, data, losses, metrics, models, recipes, train

DIGITS = data.digits()
ORDER = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
SEEN, HELD = (
    DIGITS._replace(images=DIGITS.images[part], labels=DIGITS.labels[part]) for part in (ORDER[:898], ORDER[898:1796])
)


def play(generator, discriminator, batches, steps, rates=(4e-3, 2e-3), slow=(), terms=()):
    """The game of the chapter; the weights `slow` move at a tenth of G's rate, `terms` are in both players' losses."""
    ids = {id(weight) for weight in slow}
    quick = [weight for weight in generator.parameters() if id(weight) not in ids]
    groups = [{"params": quick}] + ([{"params": list(slow), "lr": rates[0] / 10}] if slow else [])
    adams = [
        torch.optim.Adam(weights, rate, (0.0, 0.99))
        for weights, rate in zip((groups, discriminator.parameters()), rates, strict=True)
    ]
    terms_of_d = [losses.penalty("r1", 0.5, every=4), *terms]
    more = {"d_terms": terms_of_d, "g_terms": terms, "ema": 0.995, "ema_warmup": True, "device": "cpu"}
    gan = train.GAN(generator, discriminator, "non_saturating", *adams, **more)
    reporting.whole(train.train(gan, batches, steps, final_rate=recipes.FINAL_RATE, progress=False))
    return gan


# --- labels -----------------------------------------------------------------------------------------------------------


class NoLabel(nn.Module):
    """A discriminator that is given a label, and does not look."""

    def __init__(self, size, channels, width):
        super().__init__()
        self.net = models.DCGANDiscriminator(size, channels, width)

    def forward(self, images, labels):
        return self.net(images)


class LabelAdded(NoLabel):
    """Concatenation in front of a linear last layer: the label's code can only add a number to the logit."""

    def __init__(self, size, channels, width):
        super().__init__(size, channels, width)
        self.added = nn.Embedding(10, 1)

    def forward(self, images, labels):
        return self.net(images) + self.added(labels).squeeze(1)


READERS = {
    "projection": models.ProjectionDiscriminator,
    "concatenation": models.ConcatDiscriminator,
    "a number added": LabelAdded,
    "no label": NoLabel,
}


class Judge:
    """Scores of samples with labels, against real pictures that a GAN saw; a classifier of others reads them."""

    def __init__(self, seen: data.Images, held: data.Images, steps: int, n: int):
        self.classifier = metrics.train_classifier(held.images, held.labels, steps=steps)
        self.real, self.labels, self.held = seen.images[:n], seen.labels[:n], held.images[:n]
        self.own = self.right(self.real, self.labels)
        self.spread = metrics.class_spread(self.real, self.labels)

    def right(self, samples: Tensor, labels: Tensor) -> float:
        """The share that the classifier takes for what was asked for."""
        return (self.classifier(samples).argmax(1) == labels).double().mean().item()

    def by_label(self, samples: Tensor, labels: Tensor) -> dict:
        spread = metrics.class_spread(samples, labels) / self.spread
        return {"accuracy": self.right(samples, labels), "spread": spread}

    def by_manifold(self, samples: Tensor) -> dict:
        precision, recall = metrics.precision_recall(self.real, samples)
        apart = metrics.frechet_distance(self.real, self.held)
        multiple = metrics.frechet_distance(self.real, samples) / apart
        return {"precision": precision, "recall": recall, "frechet": multiple}

    def of_real(self, labels: Tensor) -> dict:
        """Of the held-out pictures; but the classifier has seen those, and reads the others."""
        spread = metrics.class_spread(self.held, labels) / self.spread
        return {"accuracy": self.own, "spread": spread} | self.by_manifold(self.held)

    def __call__(self, gan: train.GAN, labelled: bool = True) -> dict:
        torch.manual_seed(1)
        even = torch.arange(1000) % 10
        found = self.by_label(gan.sample(1000, condition=even), even) if labelled else {}
        asked = self.labels if labelled else None  # the classes as often as in the data
        return found | self.by_manifold(gan.sample(len(self.real), condition=asked))


@functools.cache
def digits_judge() -> Judge:
    return Judge(SEEN, HELD, 600, 898)


def digits(name: str, seed: int, steps: int) -> dict:
    """A GAN whose D reads labels in this way; one without labels; or what no GAN made."""
    judge, recipe = digits_judge(), recipes.RECIPES[8]
    torch.manual_seed(seed)
    if name == "real digits, held out":
        return judge.of_real(HELD.labels)
    if name == "one mean digit a class":
        means = torch.stack([SEEN.images[SEEN.labels == k].mean(0) for k in range(10)])[SEEN.labels]
        return judge.by_label(means, SEEN.labels) | judge.by_manifold(means)
    if name == "unconditional":
        pair = models.DCGANGenerator(8, 1, 16, recipe.g_width), models.DCGANDiscriminator(8, 1, recipe.d_width)
        return judge(play(*pair, data.Batches(SEEN.images, seed=seed), steps), False)
    pair = models.ConditionalGenerator(8, 1, 16, recipe.g_width), READERS[name](8, 1, recipe.d_width)
    return judge(play(*pair, data.Batches(SEEN.images, SEEN.labels, seed=seed), steps))


@functools.cache
def mnist_judge() -> Judge:
    return Judge(data.mnist(), data.mnist(train=False), 1000, 2000)


def mnist(name: str, seed: int, steps: int) -> dict:
    """The command line's recipe on MNIST, with labels or without; the judge learnt from the test set."""
    if name == "real digits, held out":
        held = data.mnist(train=False)
        return mnist_judge().of_real(held.labels[:2000])
    recipe = recipes.FAST._replace(conditional=name == "projection")
    gan, batches = recipes.pictures(data.mnist(), recipe, seed, "cpu")
    step = accelerate.accelerate(gan, batches)
    reporting.whole(train.train(gan, batches, steps, step=step, final_rate=recipes.FINAL_RATE, progress=False))
    return mnist_judge()(gan, name == "projection")


# --- walks ------------------------------------------------------------------------------------------------------------


def spherical(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """From a to b at t (N, 1), around and not across."""
    angle = torch.acos(functional.cosine_similarity(a, b, dim=1))[:, None]
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def ring(n: int) -> Tensor:
    """Points spread evenly between circles of radius 0.6 and 1."""
    radius, angle = (0.36 + 0.64 * torch.rand(n)).sqrt(), 2 * math.pi * torch.rand(n)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)


def corner(n: int) -> Tensor:
    """Points in the square from -1 to 1 without its upper right quarter."""
    points = 2 * torch.rand(3 * n, 2) - 1
    return points[(points < 0).any(1)][:n]


HOLES = {  # the data, and where a point is inside of what they lack, a little off its rim
    "ring": (ring, lambda x: x.norm(dim=1) < 0.55),
    "corner": (corner, lambda x: (x > 0.05).all(1) & (x < 1).all(1)),
}


class OnSphere(nn.Module):
    """Keeps the direction of the noise and nothing of its length."""

    def forward(self, noise):
        return functional.normalize(noise) * noise.shape[1] ** 0.5


def plane(name: str, seed: int, steps: int) -> dict:
    """Path length, and the share of the ways that is in the hole, where one walks in z or behind each layer of G."""
    make, in_hole = HOLES[name]
    torch.manual_seed(seed)
    widths = [8, 64, 64, 64, 64, 64]
    parts = [nn.Sequential(nn.Linear(a, b), nn.LeakyReLU(0.2)) for a, b in zip(widths, widths[1:], strict=False)]
    generator = nn.Sequential(OnSphere(), *parts, nn.Linear(64, 2))
    generator.latent_dim = 8
    discriminator = models.MLPDiscriminator(depth=3)
    adams = [torch.optim.Adam(net.parameters(), 3e-3, (0.0, 0.99)) for net in (generator, discriminator)]
    r1 = losses.penalty("r1", 0.025)
    gan = train.GAN(generator, discriminator, "non_saturating", *adams, d_terms=[r1], ema=0.99, device="cpu")
    batches = data.Batches(make(10_000), batch_size=128, seed=seed)
    reporting.whole(train.train(gan, batches, steps, final_rate=0.05, progress=False))
    return ways(gan.ema, in_hole)


@torch.no_grad()
def ways(generator: nn.Sequential, in_hole, n: int = 5000) -> dict:
    """{where one walks: [path length, share of the ways in the hole]}; the last is a straight line between points."""
    torch.manual_seed(1)
    a, b, t = torch.randn(n, 8), torch.randn(n, 8), 0.99 * torch.rand(n, 1)
    walks = {"z": lambda t: generator(spherical(a, b, t))}
    for depth in range(1, len(generator) + 1):
        front, back = generator[:depth], generator[depth:]
        walks[str(depth - 1)] = functools.partial(
            lambda t, back, ends: back(torch.lerp(*ends, t)), back=back, ends=(front(a), front(b))
        )
    return {
        name: [metrics.path_length(walk, t), in_hole(walk(t)).double().mean().item()] for name, walk in walks.items()
    }


def style(name: str, seed: int, steps: int) -> dict:
    """The small style-based generator on digits: how good, how straight, and what can be found again in it."""
    torch.manual_seed(seed)
    generator, discriminator = models.StyleGenerator(8, 1, 16, 32), models.DCGANDiscriminator(8, 1, 48)
    batches = data.Batches(SEEN.images, seed=seed)
    slow = [*generator.bend.parameters()]
    gan = play(generator, discriminator, batches, steps, rates=(2e-3, 2e-3), slow=slow)
    found, g = digits_judge()(gan, False), gan.ema
    torch.manual_seed(1)
    a, b, t = torch.randn(2000, 16), torch.randn(2000, 16), 0.99 * torch.rand(2000, 1)
    with torch.no_grad():
        ends = g.mapping(a), g.mapping(b)
        found["path z"] = metrics.path_length(lambda t: g(spherical(a, b, t)), t)
        found["path w"] = metrics.path_length(lambda t: g.synthesis(torch.lerp(*ends, t)), t)
    for space, draw, start in (
        ("z", g, torch.randn(30, 16)),
        ("w", g.synthesis, g.average.expand(30, -1)),
        ("w of each layer", g.synthesis, g.average.expand(30, len(g.layers), -1)),
    ):
        for kind, pictures in strangers(30).items():
            found[f"{kind}, {space}"] = left(draw, start, pictures)
    return found


def strangers(n: int) -> dict[str, Tensor]:
    """Pictures that no GAN saw: held-out digits, the same with their pixels shuffled, and noise."""
    random = torch.Generator().manual_seed(0)
    digits = HELD.images[:n]
    order = torch.rand(n, 64, generator=random).argsort(1)
    shuffled = digits.flatten(1).gather(1, order).view_as(digits)
    return {"digits": digits, "shuffled": shuffled, "noise": 2 * torch.rand(digits.shape, generator=random) - 1}


def left(draw, start: Tensor, pictures: Tensor, steps: int = 150) -> float:
    """What share of the pictures' squared distance from the mean digit is left after a descent from the start."""
    code = start.detach().clone().requires_grad_()
    adam = torch.optim.Adam([code], 0.1)
    for _ in range(steps):
        error = (draw(code) - pictures).square().sum()
        adam.zero_grad()
        error.backward()
        adam.step()
    return (error / (pictures - SEEN.images.mean(0)).square().sum()).item()


# --- a code that nobody labelled --------------------------------------------------------------------------------------


class Guesser(nn.Module):
    """A discriminator that does not look at the code, and guesses it from the same features: InfoGAN's Q."""

    def __init__(self, width: int, codes: int = 10):
        super().__init__()
        self.judge = models.ProjectionDiscriminator(8, 1, width, codes)
        self.guess_of = nn.Linear(self.judge.shared.in_features, codes)

    def forward(self, images, code=None):
        return self.judge.shared(self.judge.trunk(images)).squeeze(1)

    def guess(self, images):
        return self.guess_of(self.judge.trunk(images))


def code(name: str, seed: int, steps: int) -> dict:
    """What ten codes become that G is rewarded for making readable; a classifier says which digits they draw."""
    torch.manual_seed(seed)
    generator, discriminator = models.ConditionalGenerator(8, 1, 16, 32), Guesser(48)

    def unread(judge, real, fake, codes):
        return functional.cross_entropy(discriminator.guess(fake), codes)

    batches = data.Batches(SEEN.images, torch.arange(898) % 10, seed=seed)
    gan = play(generator, discriminator, batches, steps, terms=[losses.Term("information", unread, 1.0)])
    torch.manual_seed(1)
    codes = torch.arange(1000) % 10
    samples = gan.sample(1000, condition=codes)
    read = digits_judge().classifier(samples).argmax(1)
    table = torch.zeros(10, 10).index_put((codes, read), torch.ones(1000), accumulate=True)
    guessed = (discriminator.guess(samples).argmax(1) == codes).double().mean().item()
    return {"guessed": guessed, "pure": table.amax(1).sum().item() / 1000, "table": table.int().tolist()}


PARTS = {  # the function, its names, its steps
    "digits": (digits, [*READERS, "unconditional", "real digits, held out", "one mean digit a class"], 2000),
    "plane": (plane, [*HOLES], 600),
    "style": (style, ["style"], 600),
    "code": (code, ["code"], 600),
    "mnist": (mnist, ["projection", "unconditional", "real digits, held out"], 1500),
}
SHORT = {"a number added": 500, "no label": 500}  # which learn no class, however long
ONCE = {"real digits, held out", "one mean digit a class"}


def main() -> None:
    parser = reporting.parser(__doc__)
    parser.add_argument("--parts", nargs="*", default=[part for part in PARTS if part != "mnist"], choices=PARTS)
    parser.add_argument("--names", nargs="*", help="of the runs in these parts; all by default")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, help="for a try; by default what each part needs")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for part in options.parts:
        run, names, steps = PARTS[part]
        for name in options.names or names:
            for seed in options.seeds[:1] if name in ONCE else options.seeds:
                if str(seed) not in load(options.out).get(part, {}).get(name, {}):
                    found = run(name, seed, options.steps or SHORT.get(name, steps))
                    add(options.out, part, name, seed, found)
                    print(part, name, seed, found, flush=True)
    options.out.with_suffix(".lock").unlink(missing_ok=True)


def load(path: Path) -> dict:
    return json.loads(path.read_text()) if path.exists() else {}


def add(path: Path, part: str, name: str, seed: int, found: dict) -> None:
    """Write one run beside what the file holds, also where two processes do."""
    with FileLock(path.with_suffix(".lock")):
        result = load(path) or reporting.about(__file__, sys.argv[1:], torch.device("cpu"), 1)
        runs = result.setdefault(part, {}).setdefault(name, {})
        runs[str(seed)] = rounded(found)
        if part == "digits":
            result["judge"] = rounded(digits_judge().own)
        reporting.write(result, path)


def rounded(found):
    """Every number with four digits."""
    if isinstance(found, dict):
        return {name: rounded(value) for name, value in found.items()}
    if isinstance(found, list):
        return [rounded(value) for value in found]
    return float(f"{found:.4g}")


if __name__ == "__main__":
    main()
