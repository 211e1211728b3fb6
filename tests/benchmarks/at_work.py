"""What chapter 17 claims, over three seeds: an attack, mazes, patients, returns, handwriting, a rare digit, fakes.

    python tests/benchmarks/at_work.py --out figures/at_work.json

Each run is written when it ends; what the file holds already is not made again.

`attack`: a GAN on N digits; at each of `curve`'s steps how often a training digit outranks another one (AUC) by D(x)
(`by D`) and by the distance to the nearest of 5,000 samples (`by samples`), and the Fréchet distance to digits not
trained on, in multiples of that between real digits. `mazes`: the share that is `solvable`, how many `ways` 1,000 hold,
the share that is a training maze (`copies`), the share of floor (`open`). `patients`: the AUC of logistic regression
that learnt from synthetic rows, on held-out real ones (`use`), and the AUC of the attack by distance (`leak`).
`returns`: kurtosis, and the mean autocorrelation of |r| over ten days (`clustering`); `path`: sixteen stretches
of that GAN. `sheet`: the share of asked digits that a classifier reads right. `rare`: what share of samples it reads as
the rare digit. `detector`: the share of real digits and fakes that a detector taught on one generator's fakes tells
right, on each of six generators' fakes.
"""

import sys
from functools import cache, partial
from itertools import product
from pathlib import Path

import reporting
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from gan_edu import data, losses, metrics, models, recipes, train
from gan_edu.models.mlp import perceptron

DIGITS = data.digits()
PIXELS = DIGITS.images.flatten(1)
CURVE = 9  # snapshots of an attack


def network(inputs: int, width: int, outputs: int, *end: nn.Module) -> nn.Sequential:
    return nn.Sequential(*perceptron(inputs, width, 2, outputs, partial(nn.LeakyReLU, 0.2)), *end)


def game(pair, rows, steps: int, rates=(1e-3, 5e-4), seed: int = 0, final_rate: float = 1.0, watch=None, **settings):
    """A trained GAN."""
    adams = [torch.optim.Adam(net.parameters(), rate, (0.0, 0.99)) for net, rate in zip(pair, rates, strict=True)]
    gan = train.GAN(*pair, "non_saturating", *adams, device="cpu", **settings)
    batches = data.Batches(rows, batch_size=min(64, len(rows)), seed=seed)
    more = {"snapshots": CURVE, "snapshot_size": 1, "evaluate": watch} if watch else {}
    reporting.whole(train.train(gan, batches, steps, final_rate=final_rate, progress=False, **more))
    return gan


# --- was this digit in the training set? ------------------------------------------------------------------------------

ATTACKS = {  # name: digits, width, weight of R1, steps
    "50": (50, 128, 0.0, 2000),
    "200": (200, 128, 0.0, 2000),
    "890": (890, 128, 0.0, 2000),
    "50, R1": (50, 128, 0.5, 2000),
    "50, small": (50, 32, 0.0, 2000),
}


def leaks(inside: Tensor, outside: Tensor, samples: Tensor) -> float:
    """The AUC of the attack by the distance to the nearest sample."""
    near, far = (metrics.nearest(rows, samples).distances for rows in (inside, outside))
    return metrics.auc(-near, -far)


def of_attack(name: str, seed: int) -> dict:
    n, width, r1, steps = ATTACKS[name]
    torch.manual_seed(seed)
    order = torch.randperm(len(PIXELS))
    inside, outside, others = PIXELS[order[:n]], PIXELS[order[n : 2 * n]], PIXELS[order[n:]]
    zero, curve = metrics.real_against_real(PIXELS, 890), []

    def watch(gan):
        with torch.no_grad():
            samples = gan.generator(torch.randn(5000, 16))
            by_d = metrics.auc(gan.discriminator(inside), gan.discriminator(outside))
        distance = metrics.frechet_distance(others, samples) / zero
        found = {"by D": by_d, "by samples": leaks(inside, outside, samples), "frechet": distance}
        curve.append({"step": gan.steps, **found})
        return 0

    pair = network(16, width, 64, nn.Tanh()), network(64, width, 1, nn.Flatten(0))
    terms = [losses.penalty("r1", r1)] if r1 else []
    game(pair, inside, steps, seed=seed, watch=watch, d_terms=terms, latent_dim=16)
    return curve[-1] | {"curve": curve}


# --- mazes ------------------------------------------------------------------------------------------------------------

MAZES = data.mazes(20_000).images
RULES = {"examples alone": 0.0, "and the rule": 0.3}


def judged(mazes: Tensor, reference: Tensor = MAZES) -> dict:
    hard = torch.where(mazes > 0, 1.0, -1.0)
    through = data.solvable(hard)
    copies = (metrics.nearest(hard, reference).distances < 1).double().mean().item()
    ways = len(data.shortest(hard)[through].flatten(1).unique(dim=0))
    found = {"solvable": through.double().mean().item(), "ways": ways, "copies": copies}
    return found | {"open": (hard > 0).double().mean().item()}


def of_mazes(name: str, seed: int, steps: int = 800) -> dict:
    torch.manual_seed(seed)
    pair = (
        network(16, 128, 36, nn.Tanh(), nn.Unflatten(1, (1, 6, 6))),
        nn.Sequential(nn.Flatten(), network(36, 128, 1, nn.Flatten(0))),
    )
    rule = losses.Term("rule", lambda D, real, fake, _: data.walls_in_the_way(fake).mean(), RULES[name], every=2)
    gan = game(pair, MAZES, steps, (2e-3, 2e-3), seed, recipes.FINAL_RATE, ema=0.99, ema_warmup=True, latent_dim=16,
               d_terms=[losses.penalty("r1", 0.5, every=4)], g_terms=[rule] if RULES[name] else [])  # fmt: skip
    return judged(gan.sample(1000))


# --- patients ---------------------------------------------------------------------------------------------------------


def between_neighbours(rows: Tensor, labels: Tensor, n: int, k: int = 5) -> tuple[Tensor, Tensor]:
    """Rows somewhere between a row and one of its k nearest of the same label (SMOTE, Chawla et al. 2002)."""
    far = torch.cdist(rows, rows) + 1e6 * (labels[:, None] != labels)
    one = torch.randint(len(rows), (n,))
    other = far.topk(k + 1, largest=False).indices[one, torch.randint(1, k + 1, (n,))]
    return torch.lerp(rows[one], rows[other], torch.rand(n, 1)), labels[one]


def copula(rows: Tensor, labels: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """For each label a Gaussian whose correlations are those of the ranks, with each column's own distribution."""
    made, told = [], []
    for label in labels.unique():
        own = rows[labels == label].double()
        normal = torch.special.ndtri((own.argsort(0).argsort(0).double() + 0.5) / len(own))
        joint = torch.corrcoef(normal.T) + 1e-6 * torch.eye(rows.shape[1])
        count = round(n * len(own) / len(rows))
        draws = torch.distributions.MultivariateNormal(torch.zeros(len(joint)).double(), joint).sample((count,))
        columns = zip(own.T, torch.special.ndtr(draws).T, strict=True)
        made.append(torch.stack([torch.quantile(column, share) for column, share in columns], 1))
        told.append(torch.full((count,), label))
    return torch.cat(made).float(), torch.cat(told)


def table_gan(rows: Tensor, labels: Tensor, n: int, steps: int = 600, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rows of a GAN that has the label as one more column, -1 or 1."""
    torch.manual_seed(seed)
    table = torch.cat([rows, 2.0 * labels[:, None] - 1], dim=1)
    pair = models.MLPGenerator(16, 31, hidden=128), models.MLPDiscriminator(31, hidden=128)
    gan = game(pair, table, steps, (1e-3, 1e-3), seed, recipes.FINAL_RATE, ema=0.99, ema_warmup=True,
               d_terms=[losses.penalty("r1", 0.5, every=4)])  # fmt: skip
    made = gan.sample(n)
    return made[:, :-1], (made[:, -1] > 0).long()


WAYS = {
    "real": lambda rows, labels, n: (rows, labels),
    "neighbours": between_neighbours,
    "copula": copula,
    "GAN": table_gan,
}


def of_patients(name: str, seed: int) -> dict:
    rows, labels, _ = data.patients()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    (seen, held), (told, truth) = ((part[order[:284]], part[order[284:]]) for part in (rows, labels))
    torch.manual_seed(seed)
    made, names = WAYS[name](seen, told, 1000)
    judge = LogisticRegression(max_iter=1000).fit(made, names)
    scores = torch.tensor(judge.decision_function(held))
    use = metrics.auc(scores[truth == 1], scores[truth == 0])
    return {"use": use, "leak": leaks(seen, held, made)}


# --- returns ----------------------------------------------------------------------------------------------------------


def two_facts(paths: Tensor) -> dict:
    """Of paths (N, T), all in one: kurtosis (3 for a Gaussian), and the mean autocorrelation of |r|, lags 1 to 10."""
    away = (paths - paths.mean()).double()
    size = away.abs() - away.abs().mean()
    lags = [(size[:, :-lag] * size[:, lag:]).mean() / size.square().mean() for lag in range(1, 11)]
    kurtosis = away.pow(4).mean() / away.square().mean() ** 2
    return {"kurtosis": kurtosis.item(), "clustering": (sum(lags) / 10).item()}


class Paths(nn.Module):
    """Noise (N, 104) to paths (N, 64): a slow volatility, and a shock for each day."""

    latent_dim = 64 + 4 * 10

    def __init__(self, width: int = 32):
        super().__init__()
        self.volatility = nn.Sequential(
            nn.Unflatten(1, (4, 10)), nn.Conv1d(4, width, 3), nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=8, mode="linear"), nn.Conv1d(width, width, 9, padding=4), nn.LeakyReLU(0.2),
            nn.Conv1d(width, 1, 1), nn.Flatten()
        )  # fmt: skip
        self.shock = nn.Sequential(
            nn.Unflatten(1, (1, 64)), nn.Conv1d(1, width, 1), nn.LeakyReLU(0.2), nn.Conv1d(width, 1, 1), nn.Flatten()
        )

    def forward(self, noise: Tensor) -> Tensor:
        return self.volatility(noise[:, 64:]).exp() * self.shock(noise[:, :64])


class PathJudge(nn.Module):
    """Paths (N, 64), and how large each return is, to logits (N,)."""

    def __init__(self, width: int = 32):
        super().__init__()
        layers = []
        for channels in (2, width, width):
            layers += [nn.Conv1d(channels, width, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(8 * width, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1), nn.Flatten(0)
        )

    def forward(self, paths: Tensor) -> Tensor:
        return self.net(torch.stack([paths, paths.abs()], dim=1) / 2)


def returns_gan(seed: int, steps: int = 500):
    torch.manual_seed(seed)
    return game((Paths(), PathJudge()), data.returns(), steps, (2e-3, 2e-3), seed, recipes.FINAL_RATE, ema=0.99,
                ema_warmup=True, d_terms=[losses.penalty("r1", 0.5, every=4)])  # fmt: skip


def of_returns(name: str, seed: int) -> dict:
    if name == "GAN":
        return two_facts(returns_gan(seed).sample(1000))
    torch.manual_seed(seed)
    days = data.returns(1).flatten()
    return two_facts(torch.cat([days[torch.randperm(len(days))].unfold(0, 64, 1) for _ in range(10)]))


def of_path(name: str, seed: int) -> dict:
    """Its first sixteen stretches, for a picture."""
    return {"days": [round(day, 2) for day in returns_gan(seed).sample(16).flatten().tolist()]}


def bootstrap(paths: Tensor, blocks: int = 16, draws: int = 2000) -> dict:
    """The 95 % intervals of both facts, by drawing as many days as there are in whole windows."""
    random = torch.Generator().manual_seed(0)
    found = [two_facts(paths[torch.randint(len(paths), (blocks,), generator=random)]) for _ in range(draws)]
    ends = torch.tensor([0.025, 0.975]).double()
    return {fact: torch.tensor([f[fact] for f in found]).double().quantile(ends).tolist() for fact in found[0]}


# --- handwriting, a rare digit, fakes ---------------------------------------------------------------------------------


@cache
def reader():
    """A classifier of digits, taught on one half."""
    return metrics.train_classifier(DIGITS.images[::2], DIGITS.labels[::2])


def of_sheet(name: str, seed: int, steps: int = 700) -> dict:
    recipe = recipes.RECIPES[8]._replace(steps=steps, g_width=16, d_width=32, ema=0.99, conditional=True)
    other = DIGITS._replace(images=DIGITS.images[1::2], labels=DIGITS.labels[1::2])  # which the reader has not seen
    gan, batches = recipes.pictures(other, recipe, seed, device="cpu")
    reporting.whole(train.train(gan, batches, steps, final_rate=recipes.FINAL_RATE, progress=False))
    asked = torch.arange(10).repeat(100)
    read = reader()(gan.sample(1000, condition=asked)).argmax(1)
    return {"right": (read == asked).double().mean().item()}


def of_rare(name: str, seed: int, steps: int = 2000) -> dict:
    rare = int(name)
    random = torch.Generator().manual_seed(seed)
    kept = (DIGITS.labels != rare) | (torch.rand(len(PIXELS), generator=random) < 0.1)
    torch.manual_seed(seed)
    pair = network(16, 128, 64, nn.Tanh()), network(64, 128, 1, nn.Flatten(0))
    gan = game(pair, PIXELS[kept], steps, seed=seed, latent_dim=16)
    read = reader()(gan.sample(5000).view(-1, 1, 8, 8)).argmax(1)
    shares = {"data": (DIGITS.labels[kept] == rare).double().mean().item()}
    return shares | {"generator": (read == rare).double().mean().item()}


KINDS = tuple(f"{kind} {number}" for kind in ("dense", "convolutions") for number in (1, 2, 3))


@cache
def fakes(kind: str, steps: int = 1200) -> Tensor:
    """2,000 fakes of a generator."""
    family, number = kind.split()
    torch.manual_seed(int(number))
    if family == "dense":
        pair = network(16, 128, 64, nn.Tanh()), network(64, 128, 1, nn.Flatten(0))
        return game(pair, PIXELS, steps, seed=int(number), latent_dim=16).sample(2000).view(-1, 1, 8, 8)
    recipe = recipes.RECIPES[8]._replace(g_width=16, d_width=32, ema=0.99)
    gan, batches = recipes.pictures(DIGITS, recipe, int(number), device="cpu")
    reporting.whole(train.train(gan, batches, 700, final_rate=recipes.FINAL_RATE, progress=False))
    return gan.sample(2000)


def of_detector(name: str, seed: int) -> dict:
    """Taught on half of the real digits and half of one generator's fakes; tried on the other halves."""
    fake, right = fakes(name)[:900], {}
    shown = torch.cat([DIGITS.images[::2], fake])
    labels = torch.cat([torch.ones(len(shown) - 900), torch.zeros(900)]).long()
    detector = metrics.train_classifier(shown, labels, seed)
    real = (detector(DIGITS.images[1::2]).argmax(1) == 1).double().mean()
    for kind in KINDS:
        caught = (detector(fakes(kind)[1000:]).argmax(1) == 0).double().mean()
        right[kind] = ((real + caught) / 2).item()
    return {"right": right}


def main(arguments: list[str]) -> None:
    parser = reporting.parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("figures/at_work.json"))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    head = reporting.about(__file__, arguments, torch.device("cpu"), 1)
    ledger = reporting.Ledger(options.out, head, untold=("curve", "days"))
    torch.manual_seed(0)
    tiles = (torch.rand(1000, 1, 6, 6) < (MAZES > 0).double().mean()) * 2.0 - 1
    ledger.result["real"] = {
        "mazes": judged(data.mazes(1000, seed=1).images),
        "random tiles": judged(tiles),
        "returns": two_facts(data.returns(1046)),
        "interval": bootstrap(data.returns()),
        "classifier": (reader()(DIGITS.images[1::2]).argmax(1) == DIGITS.labels[1::2]).double().mean().item(),
    }
    kinds = {"mazes": (RULES, of_mazes), "returns": (("shuffled", "GAN"), of_returns), "rare": (("4",), of_rare),
             "sheet": (("conditional",), of_sheet), "attack": (ATTACKS, of_attack)}  # fmt: skip
    for (kind, (names, score)), seed in product(kinds.items(), range(options.seeds)):
        for name in names:
            ledger.once(kind, name, seed, partial(score, name, seed))
    ledger.once("path", "GAN", 0, partial(of_path, "GAN", 0))
    for name, half in product(WAYS, range(10)):  # in ten halves, as each takes no time
        ledger.once("patients", name, half, partial(of_patients, name, half))
    for name in KINDS:  # whose generators have three seeds of their own
        ledger.once("detector", name, 0, partial(of_detector, name, 0))


if __name__ == "__main__":
    main(sys.argv[1:])
