"""The playground's settings as a program: the text that the reader can keep is the text that the playground runs."""

import re

POINT = "(-?[0-9]*[.]?[0-9]+) +(-?[0-9]*[.]?[0-9]+)"  # a drawing is some of these: "x y, x y"
LETTERS, DRAWING, OWN = "your letters", "your drawing", "your points"
TARGETS = {
    "ring": "data.ring()",
    "grid": "data.grid()",
    "one Gaussian": "data.ring(1, radius=0.5, std=0.2)",
    "two Gaussians": "data.ring(2, std=0.1)",
    "line": "data.letters('/')",
    "two rings": "data.letters('oo')",
    LETTERS: "data.letters({text!r})",
    DRAWING: "data.Mixture(torch.tensor({drawn}), std=0.05)",
    OWN: "data.Cloud(data.fit(points))  # `points` is the (N, 2) tensor that you gave to the playground",
}
PRIORS = {"normal": "torch.randn(n, {latent_dim})", "uniform": "2 * torch.rand(n, {latent_dim}) - 1"}
OPTIMIZERS = {
    "Adam (0, 0.99)": "torch.optim.Adam({network}.parameters(), lr={rate}, betas=(0.0, 0.99))",
    "Adam (0.5, 0.999)": "torch.optim.Adam({network}.parameters(), lr={rate}, betas=(0.5, 0.999))",
    "Adam (0.9, 0.999)": "torch.optim.Adam({network}.parameters(), lr={rate}, betas=(0.9, 0.999))",
    "SGD": "torch.optim.SGD({network}.parameters(), lr={rate})",
}

IMPORTS = """\
import torch

from gan_edu import data, losses, models, train
"""

START = """
torch.manual_seed({seed})
target = {target}
generator = models.MLPGenerator(latent_dim={latent_dim}, hidden={g_hidden}, depth={g_depth})
discriminator = models.MLPDiscriminator(hidden={d_hidden}, depth={d_depth})

def prior(n):
    return {prior_code}
"""

GAME = """
gan = train.GAN(
    generator, discriminator, loss="{loss}", updates="{updates}", d_terms=[{terms}], device="cpu",
    g_optimizer={g_optimizer},
    d_optimizer={d_optimizer},
)
d_steps, g_steps, batch_size = {d_steps}, {g_steps}, 128

def move_discriminator():
    train.discriminator_step(gan, target.sample(batch_size), gan.generate(prior(batch_size)).detach())

def move_generator():
    train.generator_step(gan, target.sample(batch_size), gan.generate(prior(batch_size)))

def play_step():
    for _ in range(d_steps - 1):
        move_discriminator()
    both = train.train_step(gan, target.sample(batch_size), noise=prior(batch_size))
    for _ in range(g_steps - 1):
        move_generator()
    return both
"""

LOOP = """
for step in range({steps}):
    last = play_step()

samples = gan.sample(noise=prior(1000))
print(f"losses: D {{last.discriminator:.3f}}, G {{last.generator:.3f}}")
"""
WARNING = "# The settings of now for all steps: on the way they were others, or a player moved alone.\n"
WHOLE = (IMPORTS, START, GAME, LOOP)


def read_points(drawing: str) -> list[tuple[float, float]]:
    """The points in the text of a drawing; whatever else it holds is left out, and what lies outside the picture."""
    return [(x, y) for x, y in (map(float, pair) for pair in re.findall(POINT, drawing)) if max(abs(x), abs(y)) <= 1.5]


def write(settings: dict, *parts: str, steps: int = 1000) -> str:
    """The given parts of the program with the settings filled in."""
    penalty = 'losses.penalty("{penalty}", {penalty_weight})'.format(**settings)
    filled = {
        "target": TARGETS[settings["data"]].format(**settings, drawn=read_points(settings["drawing"]) or [(0.0, 0.0)]),
        "prior_code": PRIORS[settings["prior"]].format(**settings),
        "g_optimizer": OPTIMIZERS[settings["g_optimizer"]].format(network="generator", rate=settings["g_rate"]),
        "d_optimizer": OPTIMIZERS[settings["d_optimizer"]].format(network="discriminator", rate=settings["d_rate"]),
        "terms": "" if settings["penalty"] == "none" else penalty,
        "steps": steps,
    }
    return "".join(parts).format(**settings | filled)
