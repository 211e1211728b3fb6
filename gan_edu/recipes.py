"""Settings that were found by experiment, so that the notebooks and the command line train the same GAN."""

from typing import NamedTuple

import torch

from gan_edu.accelerate import pick_precision
from gan_edu.data import Batches, Images, Mixture
from gan_edu.losses import likelihood, penalty
from gan_edu.models import (
    ClipDiscriminator,
    ClipGenerator,
    ConditionalGenerator,
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    ProjectionDiscriminator,
    StringDiscriminator,
    StringGenerator,
    SubpixelDiscriminator,
    SubpixelGenerator,
    TutorialDiscriminator,
    TutorialGenerator,
    WaveDiscriminator,
    WaveGenerator,
)
from gan_edu.train import GAN

FINAL_RATE = 0.05  # to this share of what they were, learning rates fall along a cosine
PLANE_STEPS = 1500


def plane(mixture: Mixture, seed: int = 0, device: str = "auto") -> tuple[GAN, Batches]:
    """A new GAN for points in the plane, and its shuffled batches.

    Trained for PLANE_STEPS steps with rates that fall to FINAL_RATE, it finds all modes of `data.ring`. Weights and
    noise follow from the seed, on the CPU, unless something else draws from PyTorch's global generator in between.
    """
    torch.manual_seed(seed)
    pair = MLPGenerator(depth=3), MLPDiscriminator(depth=3)
    gan = _game(*pair, (4e-3, 4e-3), betas=(0.0, 0.99), d_terms=[penalty("r1", 0.025)], ema=0.99, device=device)
    points = mixture.sample(10_000, torch.Generator().manual_seed(seed))
    return gan, Batches(points, batch_size=128, device=gan.device, seed=seed)


def _game(generator, discriminator, rates, betas=(0.9, 0.999), eps=1e-8, **settings):
    """A GAN whose players move by Adam, with rates (of G, of D)."""
    players = zip((generator, discriminator), rates, strict=True)
    optimizers = [torch.optim.Adam(player.parameters(), rate, betas, eps) for player, rate in players]
    return GAN(generator, discriminator, g_optimizer=optimizers[0], d_optimizer=optimizers[1], **settings)


PAIRS = {
    "dcgan": (DCGANGenerator, DCGANDiscriminator),
    "subpixel": (SubpixelGenerator, SubpixelDiscriminator),
    "clips": (ClipGenerator, ClipDiscriminator),
    "sounds": (WaveGenerator, WaveDiscriminator),
    "strings": (StringGenerator, StringDiscriminator),
    "tutorial": (  # whose width is fixed
        lambda size, channels, **_: TutorialGenerator(size, channels),
        lambda size, channels, **_: TutorialDiscriminator(size, channels),
    ),
}


# What the axes of one sample are, by how many a batch has: so the networks' own arguments call them.
FORMS = {
    2: ("length",),
    3: ("length", "letters"),
    4: ("channels", "size", "size"),
    5: ("frames", "channels", "size", "size"),
}


def form(images: Images) -> dict[str, int]:
    """The arguments of a pair that follow from the data's shape: {"channels": 1, "size": 8} for digits."""
    return dict(zip(FORMS[images.images.ndim], images.images.shape[1:], strict=True))


def of_generator(images: Images, recipe: "Recipe") -> dict[str, int | str]:
    """The arguments that a recipe's generator is built with, and built with again when it is loaded."""
    asked = form(images) | {"width": recipe.g_width}
    asked |= {"latent_dim": recipe.latent_dim} if recipe.latent_dim else {}  # strings know theirs
    return asked | ({"classes": len(images.classes), "pair": recipe.pair} if recipe.conditional else {})


class Recipe(NamedTuple):
    """How a pair is built and trained."""

    steps: int
    g_width: int
    d_width: int
    r1_weight: float  # gamma / 2
    g_rate: float = 4e-3
    d_rate: float = 2e-3
    ema: float = 0.995
    batch_size: int = 64
    latent_dim: int = 16
    betas: tuple[float, float] = (0.0, 0.99)
    loss: str = "non_saturating"
    r1_every: int = 4
    ema_warmup: bool = False
    pair: str = "dcgan"
    conditional: bool = False  # are both players told the class?
    likelihood: float = 0.0  # the weight of the likelihood in G's loss


# By the edge of the images in pixels. The DCGAN pair of chapter 05, and at 16 the clips of chapter 13:
CLIPS = {"latent_dim": 24, "batch_size": 32, "ema": 0.99, "ema_warmup": True, "pair": "clips"}
RECIPES = {
    8: Recipe(steps=2000, g_width=32, d_width=64, r1_weight=0.5),
    16: Recipe(steps=1500, g_width=32, d_width=32, r1_weight=0.5, **CLIPS),
    28: Recipe(steps=900, g_width=16, d_width=16, r1_weight=1.0, d_rate=4e-3, ema=0.99),
}
VOICE = {"latent_dim": 16, "batch_size": 32, "ema": 0.99, "ema_warmup": True, "pair": "sounds"}
SOUNDS = Recipe(steps=3500, g_width=128, d_width=16, r1_weight=0.4, g_rate=2e-3, d_rate=2e-3, **VOICE)
DICE = {"latent_dim": 0, "ema": 0.99, "ema_warmup": True, "pair": "strings", "likelihood": 1.0}
STRINGS = Recipe(steps=2000, g_width=64, d_width=64, r1_weight=0.05, g_rate=4e-3, d_rate=4e-3, **DICE)
# The fast pair of chapter 06, for images of 28x28 and 32x32:
FAST = Recipe(
    steps=2200,
    g_width=32,
    d_width=20,
    r1_weight=0.1,
    r1_every=8,
    g_rate=3e-3,
    latent_dim=64,
    ema_warmup=True,
    pair="subpixel",
)
# By count, on MNIST (28x28, 2,200 steps), with the penalty's share, WIDE is 139 GFLOP a step and 306 TFLOP in all,
# MIDDLE 35 and 77. On an NVIDIA H200 WIDE took 3.7 s and ended at 2.7 to 3.1 times real against real, or in 43 s at 1.3
# to 1.5; widths of 128 and 96 took 5.0 s and ended at 5.0 to 6.4, and with them twice the rates or another weight of R1
# ruined a run (three seeds each, mean of three judges: figures/gpu/tuning.json and digits*.json). No card without
# bfloat16 has tried MIDDLE: a T4 (8.1 TFLOP/s promised in float32) that reaches a quarter of that needs 38 s for it,
# and two and a half minutes for WIDE.
WIDE = {"g_width": 96, "d_width": 64, "batch_size": 256, "g_rate": 1.5e-3, "d_rate": 1e-3, "ema": 0.999}
MIDDLE = {"g_width": 64, "d_width": 48, "batch_size": 128, "g_rate": 2e-3, "d_rate": 1.5e-3, "ema": 0.998}


def fast(device: torch.device | str = "cpu") -> Recipe:
    """The recipe of the fast pair: small networks on a CPU, wide ones on a GPU with bfloat16, else MIDDLE."""
    device = torch.device(device)
    wider = WIDE if pick_precision(device) == "bfloat16" else MIDDLE
    return FAST if device.type == "cpu" else FAST._replace(**wider)


def suits(images: Images, device: torch.device | str = "cpu") -> Recipe:
    """The recipe for data of this shape."""
    axes, size = images.images.ndim, images.images.shape[-1]
    if axes == 2:
        return SOUNDS._replace(steps=SOUNDS.steps * 1280 // max(size, 1280))  # those of long sounds take longer
    return STRINGS if axes == 3 else RECIPES[size] if size <= 16 else fast(device)


def pictures(images: Images, recipe: Recipe, seed: int = 0, device: str = "auto") -> tuple[GAN, Batches]:
    """A new pair for pictures, clips, sounds or strings of this shape, and their shuffled batches; see `plane`.

    Where the recipe is conditional, the labels come with the batches. Raises ValueError where there are none.
    """
    if recipe.conditional and images.labels is None:
        raise ValueError("a conditional GAN needs labels, and these pictures have none: sort them into subfolders")
    torch.manual_seed(seed)
    pair = (ConditionalGenerator, ProjectionDiscriminator) if recipe.conditional else PAIRS[recipe.pair]
    asked = of_generator(images, recipe)
    generator = pair[0](**asked)
    asked.pop("latent_dim", None)  # D has no noise
    discriminator = pair[1](**asked | {"width": recipe.d_width})
    gan = _game(
        generator,
        discriminator,
        (recipe.g_rate, recipe.d_rate),
        betas=recipe.betas,
        loss=recipe.loss,
        d_terms=[penalty("r1", recipe.r1_weight, recipe.r1_every)] if recipe.r1_weight else [],
        g_terms=[likelihood(generator, recipe.likelihood)] if recipe.likelihood else [],
        ema=recipe.ema,
        ema_warmup=recipe.ema_warmup,
        device=device,
    )
    batch_size = min(recipe.batch_size, len(images.images))
    tensors = (images.images, images.labels) if recipe.conditional else (images.images,)
    return gan, Batches(*tensors, batch_size=batch_size, device=gan.device, seed=seed)


def tutorial(images: Images, seed: int = 0, device: str = "auto") -> tuple[GAN, Batches]:
    """TensorFlow's DCGAN tutorial: its pair, optimizers, batch size and simultaneous updates.

    Keras adds Adam's epsilon before it corrects the bias, PyTorch after it; that differs only for tiny gradients.
    """
    torch.manual_seed(seed)
    channels, size = images.images.shape[1:3]
    pair = TutorialGenerator(size, channels), TutorialDiscriminator(size, channels)
    gan = _game(*pair, (1e-4, 1e-4), eps=1e-7, updates="simultaneous", device=device)
    return gan, Batches(images.images, batch_size=256, device=gan.device, seed=seed)
