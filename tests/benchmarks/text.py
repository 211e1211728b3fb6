"""What chapter 15 claims, over three seeds: gradients through a letter, two GANs and a likelihood model on a language.

    python tests/benchmarks/text.py --out figures/text.json

Each run is written when it ends; what the file holds already is not made again.

`gradient`: G's gradient estimated from 64 strings, against the exact one by all 4,096: `bias` and `noise` as multiples
of its length, `turn` the cosine between the mean estimate and it; `right` is how good G is, taught for `ripe` steps.
`language`: the exact share of `right` strings, KL from the language, as how many equally likely strings the right ones
are (`number`), how many of the 88 have less than a tenth of their fair part (`lost`), and all four at each of
TEMPERATURES. `names`: names of colours;
`real chunks`, the share of the samples' stretches of three letters that real names hold; `copies`, the share of samples
that are real names; `different`, the share of different ones among 1,000.
"""

import sys
from functools import partial
from pathlib import Path

import reporting
import torch
from torch import Tensor
from torch.nn import functional

from gan_edu import data, losses, metrics, models, recipes, train

REAL = data.brackets().images
EVERY = torch.eye(4)[torch.cartesian_prod(*[torch.arange(4)] * 6)]  # (4096, 6, 4)
TEMPERATURES = [round(0.2 * 1.15**i, 3) for i in range(19)]  # from 0.2 to 2.5
NAMES, COLOURS = data.colour_names(14)
LETTERS = data.END + " abcdefghijklmnopqrstuvwxyz"


def adam(network, rate, betas=(0.0, 0.99)):
    return torch.optim.Adam(network.parameters(), rate, betas)


def by_likelihood(generator, batches, steps: int, rate: float, decay: float = 0.1) -> None:
    """Train a generator to be surprised by real strings as little as it can."""
    optimizer = torch.optim.AdamW(generator.parameters(), rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, recipes.FINAL_RATE * rate)
    for _ in range(steps):
        batch = next(batches)
        loss = -generator.log_prob(*(batch if isinstance(batch, tuple) else (batch,))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


# --- the gradient -----------------------------------------------------------------------------------------------------

ESTIMATORS = {  # name: softness, or None for REINFORCE with or without a baseline
    "REINFORCE": (None, False),
    "with baseline": (None, True),
    **{f"straight-through {softness}": (softness, None) for softness in (1.0, 0.3, 0.1)},
}

RIPE = (25, 100, 400)  # steps of G, besides 200


def players(seed: int, ripe: int = 200) -> tuple:
    """G that has learnt by likelihood for so many steps, and D that has learnt this G well, frozen."""
    torch.manual_seed(seed)
    generator, discriminator = models.StringGenerator(6, 4, 16), models.StringDiscriminator(6, 4)
    by_likelihood(generator, data.Batches(REAL, batch_size=64, seed=seed), ripe, 1e-2)
    optimizer, q = adam(discriminator, 1e-2, (0.9, 0.999)), generator.log_prob(EVERY).exp().detach()
    for _ in range(300):
        fake = (q * functional.softplus(discriminator(EVERY))).sum()
        loss = functional.softplus(-discriminator(REAL)).mean() + fake
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return generator, discriminator.requires_grad_(False)


def of_gradient(name: str, seed: int, strings: int, ripe: int = 200, batch: int = 64, batches: int = 80) -> dict:
    """Bias from one mean over so many `strings`, noise from so many batches."""
    generator, discriminator = players(seed, ripe)
    cost = functional.softplus(-discriminator(EVERY))
    softness, baseline = ESTIMATORS[name]
    generator.softness = softness or 1.0

    def gradient(objective: Tensor) -> Tensor:
        return torch.cat([g.flatten() for g in torch.autograd.grad(objective, list(generator.parameters()))])

    def estimate(n: int) -> Tensor:
        noise = torch.randn(n, generator.latent_dim)
        if softness:
            return gradient(functional.softplus(-discriminator(generator(noise))).mean())
        _, term = losses.reinforce(generator, baseline=baseline)
        with torch.no_grad():
            fake = generator(noise)
        return gradient(term.function(discriminator, None, fake, None))

    exact = gradient((generator.log_prob(EVERY).exp() * cost).sum())
    torch.manual_seed(seed)
    mean = torch.stack([estimate(8192) for _ in range(max(1, strings // 8192))]).mean(0)
    single = torch.stack([estimate(batch) for _ in range(batches)])
    noise = (single - single.mean(0)).square().sum(1).mean().sqrt()
    size = exact.norm()
    turn = functional.cosine_similarity(mean, exact, dim=0)
    found = {"bias": ((mean - exact).norm() / size).item(), "noise": (noise / size).item(), "turn": turn.item()}
    return found | {"right": scores(generator)["right"], "ripe": ripe}


# --- the language -----------------------------------------------------------------------------------------------------


@torch.no_grad()
def scores(generator, temperature: float = 1.0) -> dict:
    """Exact, by all 88."""
    before, generator.temperature = generator.temperature, temperature
    q = generator.log_prob(REAL).double().exp()
    generator.temperature = before
    return judged(q)


def judged(q: Tensor) -> dict:
    p = torch.full_like(q, 1 / len(q))
    lost = int((q < 0.1 * p).sum())
    number = metrics.effective_number(q)
    return {"right": q.sum().item(), "kl": metrics.kl_divergence(p, q), "number": number, "lost": lost}


WAYS = {"straight-through": 1.0, "straight-through 0.3": 0.3, "REINFORCE": None, "likelihood": None}  # the softness


def of_language(name: str, seed: int, steps: int) -> dict:
    """The scores of one way to learn the language."""
    torch.manual_seed(seed)
    generator = models.StringGenerator(6, 4, softness=WAYS[name] or 1.0)
    batches = data.Batches(REAL, batch_size=64, seed=seed)
    if name == "likelihood":
        by_likelihood(generator, batches, steps, 1e-2, decay=0.0)
    else:
        loss, *terms = losses.reinforce(generator) if name == "REINFORCE" else ("non_saturating",)
        generator = game(generator, models.StringDiscriminator(6, 4), batches, steps, loss, terms, 0.05)
    curve = [scores(generator, temperature) for temperature in TEMPERATURES]
    with torch.no_grad():
        torch.manual_seed(1)
        written = data.decode(generator(torch.randn(60, generator.latent_dim)), data.BRACKETS)
    return scores(generator) | {"curve": curve, "samples": written}


def game(generator, discriminator, batches, steps, loss="non_saturating", terms=(), r1=0.05):
    """The averaged generator after a game."""
    gan = train.GAN(generator, discriminator, loss, adam(generator, 4e-3), adam(discriminator, 4e-3), g_terms=terms,
                    d_terms=[losses.penalty("r1", r1, every=4)], ema=0.99, ema_warmup=True, device="cpu")  # fmt: skip
    reporting.whole(train.train(gan, batches, steps, final_rate=recipes.FINAL_RATE, progress=False))
    return gan.ema


# --- names of colours -------------------------------------------------------------------------------------------------


def chunks(name: str) -> list[str]:
    return [f"^{name}$"[i : i + 3] for i in range(len(name))]


KNOWN = {chunk for name in NAMES for chunk in chunks(name)}
PURE = {"red": (1, 0, 0), "green": (0, 0.6, 0), "blue": (0, 0, 1), "brown": (0.4, 0.25, 0.1), "pink": (1, 0.7, 0.8),
        "yellow": (1, 1, 0), "grey": (0.5, 0.5, 0.5), "purple": (0.5, 0, 0.6)}  # fmt: skip


def of_names(name: str, seed: int, steps: int) -> dict:
    """A conditional writer of names, told the colour: by likelihood, by a GAN alone, or by both."""
    torch.manual_seed(seed)
    generator = models.StringGenerator(14, len(LETTERS), 64, condition=3, softness=0.3)
    batches = data.Batches(data.encode(NAMES, LETTERS, 14), COLOURS, batch_size=64, seed=seed)
    if name == "likelihood":
        by_likelihood(generator, batches, steps, 1e-2)
    else:
        judge = models.StringDiscriminator(14, len(LETTERS), 128, condition=3)
        terms = [losses.likelihood(generator)] if name == "both" else []
        generator = game(generator, judge, batches, steps, terms=terms, r1=0.5)
    torch.manual_seed(1)
    with torch.no_grad():
        told = COLOURS[torch.randint(len(COLOURS), (1000,))]
        made = data.decode(generator(torch.randn(1000, generator.latent_dim), told), LETTERS)
        pure = {colour: 2 * torch.tensor([value]).expand(6, 3).float() - 1 for colour, value in PURE.items()}
        kept = {c: data.decode(generator(torch.randn(6, generator.latent_dim), x), LETTERS) for c, x in pure.items()}
    return judged_names(made) | {"samples": kept}


def judged_names(made: list[str], known: set = KNOWN, real=NAMES) -> dict:
    parts = [chunk for string in made for chunk in chunks(string)]
    return {
        "real chunks": sum(part in known for part in parts) / max(1, len(parts)),
        "copies": sum(string in real for string in made) / len(made),
        "different": len(set(made)) / len(made),
    }


def main(arguments: list[str]) -> None:
    parser = reporting.parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("figures/text.json"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3000, help="of a writer of the language")
    parser.add_argument("--name-steps", type=int, default=400, help="of a writer of names")
    parser.add_argument("--strings", type=int, default=65_536, help="that a bias is measured from")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    about = reporting.about(__file__, arguments, torch.device("cpu"), 1)
    head = about | {"steps": options.steps, "temperatures": TEMPERATURES}
    ledger = reporting.Ledger(options.out, head, untold=("curve", "samples"))
    drawn = torch.randint(88, (3, 1000), generator=torch.Generator().manual_seed(0))
    ledger.result["real"] = [judged(torch.bincount(row, minlength=88) / 1000) for row in drawn]
    half = NAMES[::2]
    known = {chunk for name in half for chunk in chunks(name)}
    ledger.result["real names"] = judged_names(NAMES[1::2], known, half)  # one half against the other

    for seed in range(options.seeds):
        for name in WAYS:
            ledger.once("language", name, seed, partial(of_language, name, seed, options.steps))
        for name in ESTIMATORS:
            ledger.once("gradient", name, seed, partial(of_gradient, name, seed, options.strings))
        for ripe in RIPE:
            name = "straight-through 0.3"
            ledger.once(f"ripe {ripe}", name, seed, partial(of_gradient, name, seed, options.strings, ripe))
        for name in ("likelihood", "GAN", "both"):
            ledger.once("names", name, seed, partial(of_names, name, seed, options.name_steps))


if __name__ == "__main__":
    main(sys.argv[1:])
