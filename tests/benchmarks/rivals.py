"""What chapter 16 claims, over three seeds: three machines under one budget, one-step students, and autoencoders.

    python tests/benchmarks/rivals.py --out figures/rivals.json

Each run is written when it ends; what the file holds already is not made again. All networks are multilayer perceptrons
for scikit-learn's 8x8 digits as vectors (N, 64); what they draw is cut to [-1, 1].

`machine`: a GAN, a VAE and a diffusion model with about as many weights, trained for about as many multiplications:
`operations`, of matrix products alone, 2 for a multiplication and an addition; `weights` counts all that is trained.
`student`: one pass, begun at the diffusion model's weights, which copies what it draws in 64 passes; with `copy` and
`judge` a discriminator is beside it, with `judge alone` there is nothing to copy. `autoencoder`: 64 numbers through
four; `pixels` is the mean squared error.
`frechet` is a multiple of real against real, on the features of three classifiers, the mean; 898 samples each.
"""

import copy
import math
import sys
from functools import cache, partial
from pathlib import Path

import reporting
import torch
from torch import Tensor, nn
from torch.optim import swa_utils
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from gan_edu import data, losses, metrics, models, train
from gan_edu.models.mlp import perceptron
from gan_edu.train.game import set_rate

DIGITS = data.digits()
X = DIGITS.images.flatten(1)
N, BATCH, LATENT, WIDTH = 898, 64, 16, 256
HALF = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))[:N]
PASSES = (1, 2, 4, 8, 16, 32, 64)
SHOWN = 36  # samples of each machine that are kept


# --- scores -----------------------------------------------------------------------------------------------------------


@cache
def judges() -> list[tuple]:
    """Three classifiers, with their features of real digits and the distance of real digits from others."""
    found = []
    for seed in range(3):
        judge = metrics.train_classifier(DIGITS.images, DIGITS.labels, seed)
        real = metrics.features(judge, DIGITS.images)
        found.append((judge, real, metrics.real_against_real(real, N)))
    return found


def scores(samples: Tensor) -> dict:
    """Fréchet distance, precision, recall and authenticity of samples (N, 64)."""
    samples = samples.detach().clamp(-1, 1)
    found = {"frechet": 0.0, "precision": 0.0, "recall": 0.0}
    for judge, real, zero in judges():
        mine = metrics.features(judge, samples.view(-1, 1, 8, 8))
        balls = metrics.precision_recall(real, mine)
        distance = metrics.frechet_distance(real[HALF], mine[:N]) / zero
        for name, value in zip(found, (distance, *balls), strict=True):
            found[name] += value / 3
    return found | {"authenticity": metrics.authenticity(X, samples)}


def kept(samples: Tensor, seed: int) -> dict:
    """The first samples as grey levels from 0 to 16, of the first seed."""
    if seed:
        return {}
    return {"samples": ((samples[:SHOWN].clamp(-1, 1) + 1) * 8).round().byte().tolist()}


class Counter(TorchDispatchMode):
    """Counts the operations of matrix products. PyTorch's own counter stumbles over a penalty's double backward."""

    total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **kwargs or {})
        count = flop_registry.get(function._overloadpacket)
        self.total += count(*args, **kwargs or {}, out_val=made) if count else 0
        return made


def weights(*networks: nn.Module) -> int:
    return sum(weight.numel() for network in networks for weight in network.parameters())


# --- training ---------------------------------------------------------------------------------------------------------


def average_of(network: nn.Module, loss, steps: int, rate: float) -> nn.Module:
    """The moving average of a network that descends along `loss()`, by Adam with a falling rate."""
    optimizer = torch.optim.Adam(network.parameters(), rate)
    average = swa_utils.AveragedModel(network, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, 0.05 * rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        schedule.step()
        average.update_parameters(network)
    return average.module


class Bounded(nn.Module):
    """A perceptron whose output is in (-1, 1), as the pixels are."""

    def __init__(self, inputs: int, depth: int = 2, activation=nn.SiLU):
        super().__init__()
        self.latent_dim, self.net = inputs, perceptron(inputs, WIDTH, depth, 64, activation)

    def forward(self, noise: Tensor) -> Tensor:
        return self.net(noise).tanh()


def game(generator, rate: float, r1: float, terms=(), ema=0.99) -> train.GAN:
    judge = models.MLPDiscriminator(64, WIDTH, 2)
    adams = [torch.optim.Adam(net.parameters(), 2 * rate if net is judge and terms else rate, (0.0, 0.99))
             for net in (generator, judge)]  # fmt: skip
    return train.GAN(generator, judge, "non_saturating", *adams, d_terms=[losses.penalty("r1", r1, every=4)],
                     g_terms=terms, ema=ema, ema_warmup=True, device="cpu")  # fmt: skip


def fall(gan: train.GAN, rates: list[float], share: float) -> None:
    """Rates fall along half a cosine while `share` goes from 0 to 1."""
    for optimizer, rate in zip(gan.optimizers().values(), rates, strict=True):
        for group in optimizer.param_groups:
            set_rate(group, rate * (0.05 + 0.95 * (1 + math.cos(math.pi * share)) / 2))


# --- three machines ---------------------------------------------------------------------------------------------------


def gan_machine(seed: int, steps: int):
    torch.manual_seed(seed)
    gan = game(Bounded(LATENT, activation=nn.ReLU), 2e-3, 0.25, ema=0.995)
    batches = data.Batches(X, batch_size=BATCH, seed=seed)
    reporting.whole(train.train(gan, batches, steps, final_rate=0.05, progress=False))
    return (lambda n: gan.sample(n)), (gan.generator, gan.discriminator)


SPREAD = 0.25  # of a pixel around the VAE's picture: its variance


def vae_machine(seed: int, steps: int):
    torch.manual_seed(seed)
    network = nn.ModuleList([perceptron(64, WIDTH, 2, 2 * LATENT, nn.SiLU), Bounded(LATENT)])
    batches = data.Batches(X, batch_size=BATCH, seed=seed)

    def loss():
        x = next(batches)
        mean, log_variance = network[0](x).chunk(2, dim=1)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        pixels = (x - network[1](z)).square().sum(1) / (2 * SPREAD)
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum(1) / 2
        return (pixels + divergence).mean()

    average = average_of(network, loss, steps, 3e-3)
    return (lambda n: average[1](torch.randn(n, LATENT))), (network,)


def diffusion_machine(seed: int, steps: int):
    torch.manual_seed(seed)
    network, batches = models.Denoiser(64, WIDTH), data.Batches(2 * X, batch_size=BATCH, seed=seed)

    def loss():
        x = next(batches)
        t = torch.rand(len(x), 2).mean(1).clamp(min=0.01)  # the middle of the way more often
        guess = network(models.noised(x, t, torch.randn_like(x)), t)
        return ((guess - x) / models.levels(t)[1]).square().mean()

    return average_of(network, loss, steps, 3e-3), (network,)


MACHINES = {"GAN": (gan_machine, 1.0), "VAE": (vae_machine, 1.95), "diffusion": (diffusion_machine, 2.06)}


def of_machine(name: str, seed: int, steps: int) -> dict:
    """A machine's scores; for diffusion those of 64 passes, and a curve over passes. `steps` are the GAN's."""
    make, times = MACHINES[name]
    steps = round(times * steps)
    with Counter() as counter:
        make(seed, 40)
    operations = counter.total / 40 * steps
    draw, networks = make(seed, steps)
    torch.manual_seed(1)
    found = {"steps": steps, "operations": operations, "weights": weights(*networks)}
    if name != "diffusion":
        with torch.no_grad():
            samples = draw(N)
        return found | {"passes": 1, **scores(samples), **kept(samples, seed)}
    TEACHERS[seed, steps] = draw
    noise = torch.randn(N, 64)
    made = {passes: models.ddim(draw, noise, passes, 2) / 2 for passes in PASSES}
    curve = [{"passes": passes, **scores(x)} for passes, x in made.items()]
    return found | curve[-1] | kept(made[64], seed) | {"curve": curve}


# --- students ---------------------------------------------------------------------------------------------------------

TEACHERS: dict[tuple, nn.Module] = {}  # by seed and steps


class Student(nn.Module):
    """One pass: the teacher's guess from nothing but noise."""

    def __init__(self, teacher: nn.Module):
        super().__init__()
        self.net, self.latent_dim = copy.deepcopy(teacher).requires_grad_(True), 64

    def forward(self, noise: Tensor) -> Tensor:
        return self.net(noise, torch.ones(len(noise), device=noise.device)) / 2


def teacher_of(seed: int, steps: int) -> nn.Module:
    if (seed, steps) not in TEACHERS:
        TEACHERS[seed, steps] = diffusion_machine(seed, steps)[0]
    return TEACHERS[seed, steps]


COPY = 6.0  # the weight of the copy's mean squared error beside D's word
STUDENTS = {"copy": (True, False), "copy and judge": (True, True), "judge alone": (False, True)}


def of_student(name: str, seed: int, steps: int, teacher_steps: int) -> dict:
    teacher = teacher_of(seed, teacher_steps)
    copies, judged = STUDENTS[name]
    torch.manual_seed(100 + seed)
    noise = torch.randn(4096, 64)
    pairs = data.Batches(noise, models.ddim(teacher, noise, 64, 2) / 2, batch_size=BATCH, seed=seed)
    real, answer = data.Batches(X, batch_size=BATCH, seed=seed), None

    def mimic(discriminator, real, fake, condition):
        return (fake - answer).square().mean()

    student = Student(teacher)
    gan = game(student, 1e-3, 0.1, [losses.Term("copy", mimic, COPY if copies else 0.0)])
    for step in range(steps):
        z, answer = next(pairs)
        fall(gan, [1e-3, 2e-3], step / steps)
        if judged:
            train.train_step(gan, next(real), z)
        else:
            alone(gan, mimic(None, None, student(z), None))
    torch.manual_seed(1)
    z = torch.randn(N, 64)
    samples = gan.sample(noise=z)
    error = (samples - models.ddim(teacher, z, 64, 2) / 2).square().mean().item()
    return {"steps": steps, "error": error, **scores(samples), **kept(samples, seed)}


def alone(gan: train.GAN, loss: Tensor) -> None:
    """G moves along a loss of its own."""
    train.differentiate(loss, gan.g_optimizer)
    train.move(gan.g_optimizer)
    gan.update_ema()


# --- autoencoders -----------------------------------------------------------------------------------------------------

CODE, PIXELS = 4, 2.0  # numbers between the halves; the weight of the pixels' error beside D's word
BEGIN = {"pixels": None, "judge at once": 0.0, "judge at half": 0.5}  # D begins after this share of the steps


def of_autoencoder(name: str, seed: int, steps: int, pixels: float) -> dict:
    torch.manual_seed(seed)
    network = nn.Sequential(perceptron(64, WIDTH, 2, CODE, nn.SiLU), Bounded(CODE))
    batches = data.Batches(X, batch_size=BATCH, seed=seed)

    def error(discriminator, real, fake, condition):
        return (fake - real).square().mean()

    gan, begin, course = game(network, 2e-3, 0.1, [losses.Term("pixels", error, pixels)]), BEGIN[name], []
    for step in range(steps):
        fall(gan, [2e-3, 4e-3], step / steps)
        x = next(batches)
        if begin is not None and step >= begin * steps:
            train.train_step(gan, x, x)
        else:
            alone(gan, pixels * error(None, x, network(x), None))
        if step % (steps // 20) == 0:
            with torch.no_grad():
                course.append((gan.ema(X) - X).square().mean().item())
    with torch.no_grad():
        made = gan.ema(X)
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(1))
    found = {"steps": steps, "weight": pixels, "pixels": (made - X).square().mean().item(), "course": course}
    return found | scores(made[order]) | kept(made[HALF], seed)


def main(arguments: list[str]) -> None:
    parser = reporting.parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("figures/rivals.json"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2000, help="of the GAN; the others take as many operations")
    parser.add_argument("--student-steps", type=int, default=800)
    parser.add_argument("--code-steps", type=int, default=1000, help="of an autoencoder")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    about = reporting.about(__file__, arguments, torch.device("cpu"), 1)
    ledger = reporting.Ledger(options.out, about, untold=("samples", "curve", "course"))
    others = sorted(set(range(len(X))) - set(HALF.tolist()))[:N]
    ledger.result["real"] = scores(X[others]) | kept(X[others], 0)
    teacher_steps = round(MACHINES["diffusion"][1] * options.steps)
    for seed in range(options.seeds):
        for name in MACHINES:
            ledger.once("machine", name, seed, partial(of_machine, name, seed, options.steps))
        for name in STUDENTS:
            run = partial(of_student, name, seed, options.student_steps, teacher_steps)
            ledger.once("student", name, seed, run)
        TEACHERS.clear()
        for name in BEGIN:
            ledger.once("autoencoder", name, seed, partial(of_autoencoder, name, seed, options.code_steps, PIXELS))


if __name__ == "__main__":
    main(sys.argv[1:])
