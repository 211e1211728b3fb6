"""The playground's settings as a program: the text that the reader can keep is the text that the playground runs."""

LETTERS, OWN = "your letters", "your points"
TARGETS = {
    "ring": "data.ring()",
    "grid": "data.grid()",
    "one Gaussian": "data.ring(1, radius=0.5, std=0.2)",
    "two Gaussians": "data.ring(2, std=0.1)",
    "line": "data.letters('/')",
    "two rings": "data.letters('oo')",
    LETTERS: "data.letters({text!r})",
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
generator = models.MLPGenerator(latent_dim={latent_dim}, hidden={hidden}, depth={depth})
discriminator = models.MLPDiscriminator(hidden={hidden}, depth={depth})


def prior(n):
    return {prior_code}

"""

GAME = """
gan = train.GAN(
    generator,
    discriminator,
    loss="{loss}",
    g_optimizer={g_optimizer},
    d_optimizer={d_optimizer},
    updates="{updates}",
    d_terms=[{terms}],
    device="cpu",
)
"""

LOOP = """
d_steps, batch_size = {d_steps}, 128
for step in range({steps}):
    for _ in range(d_steps - 1):  # moves of D alone
        fake = gan.generate(prior(batch_size)).detach()
        train.discriminator_step(gan, target.sample(batch_size), fake)
    last = train.train_step(gan, target.sample(batch_size), noise=prior(batch_size))

samples = gan.sample(noise=prior(1000))
print(f"losses: D {{last.discriminator:.3f}}, G {{last.generator:.3f}}")
"""
WHOLE = (IMPORTS, START, GAME, LOOP)


def write(settings: dict, *parts: str, steps: int = 1000) -> str:
    """The given parts of the program with the settings filled in."""
    optimizer = OPTIMIZERS[settings["optimizer"]]
    penalty = 'losses.penalty("{penalty}", {penalty_weight})'.format(**settings)
    filled = {
        "target": TARGETS[settings["data"]].format(**settings),
        "prior_code": PRIORS[settings["prior"]].format(**settings),
        "g_optimizer": optimizer.format(network="generator", rate=settings["g_rate"]),
        "d_optimizer": optimizer.format(network="discriminator", rate=settings["d_rate"]),
        "terms": "" if settings["penalty"] == "none" else penalty,
        "steps": steps,
    }
    return "".join(parts).format(**settings, **filled)
