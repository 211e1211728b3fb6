"""Typical wrong answers to the exercises of chapter 01: (label, source, part of the hint)."""

WRONG = {
    "check_optimal_logit": [
        (
            "the densities change places",
            """
from torch.distributions import Normal
def optimal_logit(x, mean_data, std_data, mean_g, std_g):
    return Normal(mean_g, std_g).log_prob(x) - Normal(mean_data, std_data).log_prob(x)
""",
            "sign is turned",
        ),
        (
            "without the normalizing factors",
            """
def optimal_logit(x, mean_data, std_data, mean_g, std_g):
    return (x - mean_g) ** 2 / (2 * std_g**2) - (x - mean_data) ** 2 / (2 * std_data**2)
""",
            "their log is missing",
        ),
        (
            "the factors upside down",
            """
import math
def optimal_logit(x, mean_data, std_data, mean_g, std_g):
    squares = (x - mean_g) ** 2 / (2 * std_g**2) - (x - mean_data) ** 2 / (2 * std_data**2)
    return squares + math.log(std_data / std_g)
""",
            "upside down",
        ),
        (
            "the halves forgotten",
            """
import math
def optimal_logit(x, mean_data, std_data, mean_g, std_g):
    squares = (x - mean_g) ** 2 / std_g**2 - (x - mean_data) ** 2 / std_data**2
    return squares + math.log(std_g / std_data)
""",
            "halved",
        ),
        (
            "the straight line of equal widths",
            """
def optimal_logit(x, mean_data, std_data, mean_g, std_g):
    return (mean_data - mean_g) / std_data**2 * x + (mean_g**2 - mean_data**2) / (2 * std_data**2)
""",
            "equal widths",
        ),
        (
            "a probability",
            """
import torch
from torch.distributions import Normal
def optimal_logit(x, mean_data, std_data, mean_g, std_g):
    return torch.sigmoid(Normal(mean_data, std_data).log_prob(x) - Normal(mean_g, std_g).log_prob(x))
""",
            "a probability",
        ),
        (
            "the ratio without the log",
            """
from torch.distributions import Normal
def optimal_logit(x, mean_data, std_data, mean_g, std_g):
    return (Normal(mean_data, std_data).log_prob(x) - Normal(mean_g, std_g).log_prob(x)).exp()
""",
            "take its logarithm",
        ),
    ],
    "check_mended_value_of": [
        (
            "still two sigmoids",
            """
from gan_edu.losses import LOSSES
def mended_value_of(p_data, p_g, n):
    def discriminator(samples):
        p, q = p_data.log_prob(samples).exp(), p_g.log_prob(samples).exp()
        return p / (p + q)
    real, fake = p_data.sample((n,)), p_g.sample((n,))
    return -LOSSES["minimax"].discriminator(discriminator(real), discriminator(fake)).item()
""",
            "two sigmoids",
        ),
        (
            "the loss and not V",
            """
from gan_edu.losses import LOSSES
def mended_value_of(p_data, p_g, n):
    def discriminator(samples):
        return p_data.log_prob(samples) - p_g.log_prob(samples)
    real, fake = p_data.sample((n,)), p_g.sample((n,))
    return LOSSES["minimax"].discriminator(discriminator(real), discriminator(fake)).item()
""",
            "turn the sign",
        ),
        (
            "the logit of a fake",
            """
from gan_edu.losses import LOSSES
def mended_value_of(p_data, p_g, n):
    def discriminator(samples):
        return p_g.log_prob(samples) - p_data.log_prob(samples)
    real, fake = p_data.sample((n,)), p_g.sample((n,))
    return -LOSSES["minimax"].discriminator(discriminator(real), discriminator(fake)).item()
""",
            "calls the fakes real",
        ),
        (
            "the log of a zero",
            """
def mended_value_of(p_data, p_g, n):
    def discriminator(samples):
        return (p_data.log_prob(samples) > p_g.log_prob(samples)).float()
    real, fake = p_data.sample((n,)), p_g.sample((n,))
    return (discriminator(real).log().mean() + (1 - discriminator(fake)).log().mean()).item()
""",
            "log of a 0",
        ),
    ],
    "check_best_reply": [
        (
            "the share ignored",
            "def best_reply(p, q, share):\n    return p / (p + q)\n",
            "as many real samples as fakes",
        ),
        (
            "weighted above the line only",
            "def best_reply(p, q, share):\n    return share * p / (p + q)\n",
            "denominator is a + b",
        ),
        (
            "the fakes not weighted",
            "def best_reply(p, q, share):\n    return share * p / (share * p + q)\n",
            "weight as well",
        ),
        (
            "the shares swapped",
            "def best_reply(p, q, share):\n    return (1 - share) * p / ((1 - share) * p + share * q)\n",
            "shares are swapped",
        ),
        (
            "the belief in a fake",
            "def best_reply(p, q, share):\n    return (1 - share) * q / (share * p + (1 - share) * q)\n",
            "probability of a fake",
        ),
    ],
}
