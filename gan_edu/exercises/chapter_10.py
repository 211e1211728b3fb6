"""The exercises of chapter 10, and its ward: GANs that are one line away from a healthy one, and tests that cost.

A patient is the source of `train_digits` with one line changed, and is trained when somebody first looks at it. The
changes, the remedies and the decision table are data: `ward.toml`.
"""

import copy
import functools
import inspect
import tomllib
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils import parameters_to_vector

from gan_edu import data, metrics, plots
from gan_edu.exercises.core import Wrong, call, close, exercise, require, require_diagnoses
from gan_edu.losses import r1_penalty

STEPS, KEPT = 300, 297  # of a run; pictures that no run is trained on


# --- the healthy run, in plain PyTorch --------------------------------------------------------------------------------


def network(*widths, norm=nn.Identity, last):
    """Linear layers of these widths, with `norm` and a LeakyReLU between them, and `last` at the end."""
    layers = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), norm(after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-2], last)


def cost(logits, labels):
    """The mean cross-entropy of logits, where a label is 1 for "real" and 0 for "fake"."""
    return softplus((1 - 2 * labels) * logits).mean()


def size(network):
    """The size of the gradient that lies on all weights of a network."""
    gradients = [w.grad.flatten() for w in network.parameters() if w.grad is not None]
    return torch.cat(gradients).norm().item() if gradients else 0.0


def train_digits(digits, seed=0, steps=STEPS):
    """Train a small GAN on pictures (N, 64); returns all that it holds."""
    torch.manual_seed(seed)
    pictures = digits[:1500]
    G = network(16, 128, 128, 64, norm=nn.BatchNorm1d, last=nn.Tanh())
    D = network(64, 128, 128, 1, last=nn.Flatten(0))
    average = copy.deepcopy(G).eval().requires_grad_(False)
    g_adam = torch.optim.Adam(G.parameters(), lr=2e-3, betas=(0.0, 0.99))
    d_adam = torch.optim.Adam(D.parameters(), lr=4e-3, betas=(0.0, 0.99))
    labels = torch.cat([torch.ones(64), torch.zeros(64)])  # first the real ones, then the fakes
    start, probe, film, chart = copy.deepcopy((G, D)), torch.randn(KEPT, 16), [], []
    for step in range(steps):
        real = pictures[torch.randint(len(pictures), (64,))]
        noise = torch.randn(64, 16)
        fake = G(noise)

        logits = D(torch.cat([real, fake.detach()]))
        d_loss = cost(logits, labels)
        d_adam.zero_grad()
        (d_loss + 0.05 * r1_penalty(D, real)).backward()
        d_push = size(D)
        d_adam.step()

        alone = D(fake)
        g_loss = cost(alone, labels[:64])
        g_adam.zero_grad()
        g_loss.backward()
        g_adam.step()

        for kept, now in zip(average.parameters(), G.parameters(), strict=True):
            kept.lerp_(now, 0.02)
        for kept, now in zip(average.buffers(), G.buffers(), strict=True):
            kept.copy_(now)
        means = logits[:64].mean(), logits[64:].mean(), alone.mean()
        chart.append([*(mean.item() for mean in (d_loss, g_loss, *means)), d_push, size(G)])
        if step % 20 == 0:
            film.append(average(probe))
    return SimpleNamespace(**locals())


SOURCE = inspect.getsource(train_digits)

# --- patients ---------------------------------------------------------------------------------------------------------

_WARD = tomllib.loads(Path(__file__).with_name("ward.toml").read_text(encoding="utf-8"))
PATIENTS = {
    name: SimpleNamespace(**{"fine": False, "sign": "", **patient}) for name, patient in _WARD["patients"].items()
}
CAUSES = tuple(name for name, patient in PATIENTS.items() if not patient.fine)
RULES = tuple(map(tuple, _WARD["table"]["rules"]))  # (cause, test, quantity, sign, bound)


def cause_of(name: str) -> str:
    """What ails a patient: "healthy" for one that is only odd."""
    return "healthy" if PATIENTS[name].fine else name


@functools.cache
def digits() -> Tensor:
    """The 1,797 digits of 8x8 pixels as (N, 64), shuffled."""
    images = data.digits().images.flatten(1)
    return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]


def sick(name: str):
    """`train_digits` with the line of this patient changed."""
    namespace, patient = dict(globals()), PATIENTS[name]
    exec(SOURCE.replace(patient.old, patient.new) if patient.old else SOURCE, namespace)
    return namespace["train_digits"]


def run_of(name: str, seed: int = 0, steps: int = STEPS) -> SimpleNamespace:
    """The run of a patient, trained at the first call; the reader's random numbers stay as they are."""
    return _run_of(name, seed, steps)  # a cache takes a default and the same number, given, for two things


@functools.cache
def _run_of(name, seed, steps):
    with torch.random.fork_rng(devices=[]):
        return sick(name)(digits(), seed, steps)


# --- tests ------------------------------------------------------------------------------------------------------------

CHART = ("D", "G", "real", "fake", "alone", "d_push", "g_push")  # the columns of a run's chart


def kept_aside(run) -> Tensor:
    """The pictures that nobody was trained on, scaled as this run's are."""
    return digits()[-KEPT:] if run.pictures.min() < 0 else (digits()[-KEPT:] + 1) / 2


@torch.no_grad()
def numbers(run) -> dict[str, float]:
    """All that the tests measure of a run; what moves is the mean of the last 50 steps."""
    judge, chart, aside = copy.deepcopy(run.D).eval(), torch.tensor(run.chart), kept_aside(run)
    delivered, raw = run.average(run.probe), copy.deepcopy(run.G)(run.probe)
    weights = [parameters_to_vector(net.parameters()) for net in (*run.start, run.G, run.D)]
    g_moved, d_moved = (((weights[i + 2] - weights[i]).norm() / weights[i].norm()).item() for i in (0, 1))
    return dict(zip(CHART, chart[-50:].mean(0).tolist(), strict=True)) | {
        "largest": chart[:, :2].max().item(),
        "low": run.pictures.min().item(),
        "distance": metrics.frechet_distance(aside, delivered),
        "raw": metrics.frechet_distance(aside, raw),
        "spread": (delivered.std(0).mean() / aside.std(0).mean()).item(),
        "different": len(run.noise.unique(dim=0)),
        "axes": run.logits.dim(),
        "least": run.logits.min().item(),
        "most": run.logits.max().item(),
        "g_moved": g_moved,
        "d_moved": d_moved,
        "seen": judge(run.pictures[:KEPT]).mean().item(),
        "aside": judge(aside).mean().item(),
    }


def _samples(run):
    figure, axes = plots.panels(3, width=2.6, height=1.6)
    sheets = {"data": run.pictures, "samples, delivered": run.average(run.probe), "last fakes of G": run.fake.detach()}
    for ax, (title, sheet) in zip(axes, sheets.items(), strict=True):
        plots.images(ax, sheet[:32].view(-1, 1, 8, 8), title=title)
    return figure


def _over_time(run, *panels):
    """A panel for each of {name: column of the chart}, means of ten steps."""
    chart = dict(zip(CHART, torch.tensor(run.chart).view(-1, 10, 7).mean(1).T, strict=True))
    figure, axes = plots.panels(len(panels), width=3.4, height=2.3)
    for ax, (title, lines) in zip(np.atleast_1d(axes), panels, strict=True):
        plots.curves(ax, range(0, len(run.chart), 10), {n: chart[c] for n, c in lines.items()}, x="step", title=title)
    return figure


def _curves(run):
    return _over_time(run, ("loss", {"D": "D", "G": "G"}), ("mean logit", {"real": "real", "fake": "fake"}))


def _gradients(run):
    figure = _over_time(run, ("size of the gradient", {"D": "d_push", "G": "g_push"}))
    figure.axes[0].set_yscale("symlog", linthresh=1e-4)
    return figure


def _histogram(sets):
    figure, ax = plots.panels(width=5, height=2.4)
    looks = zip((plots.REAL, plots.FAKE, plots.INK), ("-", "--", ":"), strict=True)
    for (name, logits), (color, style) in zip(sets.items(), looks, strict=True):
        ax.hist(logits.detach().flatten(), 20, histtype="step", color=color, ls=style, lw=1.6, label=name)
    plots.label(ax, "logit", "how many", legend=True)
    return figure


def _logits(run):
    return _histogram({"real": run.logits[:64], "fake": run.logits[64:], "the same fakes alone": run.alone})


def _held_out(run):
    judge = copy.deepcopy(run.D).eval()
    sets = {"trained on": run.pictures[:KEPT], "fakes": run.average(run.probe), "kept aside": kept_aside(run)}
    return _histogram({name: judge(pictures) for name, pictures in sets.items()})


# name: (price, its picture, what it reads)
TESTS = {
    "samples": (1, _samples, "data from {low:.0f}; {different} noises; distance {distance:.0f}, of G itself {raw:.0f}"),
    "curves": (1, _curves, "D's loss {D:.2f}, G's {G:.2f}; the largest of all {largest:.1f}"),
    "logits": (2, _logits, "real {real:.2f}, fake {fake:.2f}, alone {alone:.2f}; {least:.2f}..{most:.2f}; {axes} axes"),
    "gradients": (2, _gradients, "G's {g_push:.4f}, D's {d_push:.4f}; G moved by {g_moved:.2f}, D by {d_moved:.2f}"),
    "held-out": (3, _held_out, "D's mean logit: trained on {seen:.2f}, kept aside {aside:.2f}"),
}


def value(found: dict[str, float], quantity: str) -> float:
    """A number of `numbers` by its name, or the difference of two."""
    first, _, second = quantity.partition(" - ")
    return found[first] - (found[second] if second else 0.0)


def passes(found: dict[str, float], rule: tuple) -> bool:
    """Does a run pass the bound of a rule?"""
    _, _, quantity, sign, bound = rule
    return value(found, quantity) > bound if sign == ">" else value(found, quantity) < bound


def diagnose(found: dict[str, float]) -> str:
    """The first cause of the decision table whose bound is passed; "healthy" where none is."""
    return next((rule[0] for rule in RULES if passes(found, rule)), "healthy")


class Ward:
    """Patients by number, and a budget for tests: `order(3, "logits")` pays, shows, and reads the test aloud."""

    def __init__(self, patients: tuple[str, ...], budget: int = 12, seed: int = 0, steps: int = STEPS):
        self.patients, self.budget, self.left, self.paid = patients, budget, budget, set()
        self.settings = {"seed": seed, "steps": steps}

    def test(self, patient: int, test: str) -> tuple[Figure, str]:
        """Pay for a test, once; its picture, and what it reads, beside the healthy run's. Raises ValueError where
        there is no such test or patient, or too little money.
        """
        if test not in TESTS or patient not in range(1, len(self.patients) + 1):
            raise ValueError(f"patients are 1 to {len(self.patients)}; tests are {', '.join(TESTS)}")
        price, draw, words = TESTS[test]
        price = 0 if (patient, test) in self.paid else price
        if price > self.left:
            raise ValueError(f"{test} costs {price}, and {self.left} of {self.budget} are left")
        self.left -= price
        self.paid.add((patient, test))
        run = run_of(self.patients[patient - 1], **self.settings)
        found, usual = (words.format(**numbers(r)) for r in (run, run_of("healthy", **self.settings)))
        said = f"Patient {patient}, {test}: {found}. Healthy: {usual}. ({self.left} of {self.budget} coins left.)"
        return draw(run), said

    def order(self, patient: int, test: str) -> None:
        """Order a test: its picture under the cell, what it reads, and what is left of the budget."""
        try:
            plots.show(*self.test(patient, test))
        except ValueError as error:
            print(error)

    def name(self, patient: int, cause: str) -> str:
        """The verdict on a diagnosis; where it is right, the line that was changed, and the remedy."""
        truth = self.patients[patient - 1]
        if cause != cause_of(truth):
            return f"Not so: {PATIENTS[cause_of(truth)].sign or 'read the tests of this patient again.'}"
        own = PATIENTS[truth]
        changed = f"`{own.old}` became `{own.new}`" if own.old else "No line was changed"
        return f"Right. {changed}. Remedy: {own.remedy}."


# --- exercises --------------------------------------------------------------------------------------------------------

FOUR = ("detach", "buffers", "mirrored", "batchnorm")  # the patients of the first exercise


@exercise("10.1 Four patients, twelve coins")
def check_four_patients(my_diagnoses) -> str:
    """One word for each patient."""
    require_diagnoses(my_diagnoses, map(cause_of, FOUR), CAUSES, {name: own.sign for name, own in PATIENTS.items()})
    return " ".join(f"{patient}: {PATIENTS[name].remedy}." for patient, name in enumerate(FOUR, 1))


@exercise("10.2 An instrument of your own")
def check_spread(spread) -> str:
    """The mean over pixels of the standard deviation over samples, as a share of the data's."""
    dice = torch.Generator().manual_seed(0)
    real = torch.randn(200, 64, generator=dice) * torch.rand(64, generator=dice) + torch.randn(64, generator=dice)
    brighter, alike = (real[:1] + width * torch.randn(200, n, generator=dice) for width, n in ((2.0, 1), (0.02, 64)))
    sets, answers = (brighter, alike, 0.5 * real[:150], 2 * real + 1), []  # brighter: as whole pictures
    for samples in sets:
        answer = torch.as_tensor(call(spread, samples, real))
        require(answer.numel() == 1, f"One number is asked for, not {tuple(answer.shape)}: take the mean over pixels.")
        answers.append(answer.item())

    def like(formula):
        return close(answers, [formula(samples, real) for samples in sets], 0.02)

    mistakes = {
        "That is the spread over everything; copies have it too: dimension 0.": lambda s, r: s.std() / r.std(),
        "That is how the pixels of one picture differ, dimension 1.": lambda s, r: s.std(1).mean() / r.std(1).mean(),
        "That weighs by variances, which loud pixels rule.": lambda s, r: s.var(0).mean() / r.var(0).mean(),
        "That is data over samples: turn it round.": lambda s, r: r.std(0).mean() / s.std(0).mean(),
        "That depends on how bright the data are: divide by the data's.": lambda s, r: s.std(0).mean(),
        "Quiet pixels rule a mean of quotients: divide means.": lambda s, r: (s.std(0) / r.std(0)).mean(),
    }
    right = like(lambda s, r: s.std(0).mean() / r.std(0).mean())
    for hint, mistake in mistakes.items():
        require(right or not like(mistake), hint)
    require(right, "Not yet: the mean over pixels of .std(0), of samples and of real ones; one divided by the other.")
    return "Near 0: collapse. Near 1: as varied as the data, which does not yet mean like the data."


@exercise("10.3 A cost that cannot be fooled")
def check_mended_cost(mended_cost) -> str:
    """The same number whatever shape D gives its logits, and an error where the counts differ."""
    labels = torch.tensor([1.0, 1, 1, 1, 0, 0, 0, 0])
    flat = 3 * torch.randn(8, generator=torch.Generator().manual_seed(0))
    right = cost(flat, labels)
    for logits in (flat, flat[:, None], flat[:, None, None, None]):
        answer, shape = torch.as_tensor(call(mended_cost, logits, labels)), tuple(logits.shape)
        require(answer.dim() == 0, f"Return one number, the mean; for logits {shape} it has {tuple(answer.shape)}.")
        mistakes = {
            f"For logits {shape} each logit still meets all eight labels, 64 pairs.": cost(flat[:, None], labels),
            "Real and fake have changed sides: 1 is real.": cost(flat, 1 - labels),
            "That takes probabilities for logits: the loss has its own sigmoid.": cost(flat.sigmoid(), labels),
        }
        for hint, mistake in mistakes.items():
            require(not close(answer, mistake), hint)
        require(close(answer, right), f"For logits {shape} it is {answer.item():.4f}; {right.item():.4f} is right.")
    try:
        mended_cost(flat[:1], labels)
    except Exception:  # whatever it is called, it is told
        return "The same number for every shape, and an error instead of a silent guess."
    raise Wrong("One logit for eight labels passes in silence. Let it fail: reshape(labels.shape) does.")
