"""Typical wrong answers to the exercises of chapter 1: (label, source, part of the hint)."""

WRONG = {
    "check_optimal_logit": [
        (
            "the densities change places",
            """
from torch.distributions import Normal
def optimal_logit(x, mean, width, mean_q, width_q):
    return Normal(mean_q, width_q).log_prob(x) - Normal(mean, width).log_prob(x)
""",
            "sign is turned",
        ),
        (
            "without the normalizing factors",
            """
def optimal_logit(x, mean, width, mean_q, width_q):
    return (x - mean_q) ** 2 / (2 * width_q**2) - (x - mean) ** 2 / (2 * width**2)
""",
            "their log is missing",
        ),
        (
            "the factors upside down",
            """
import math
def optimal_logit(x, mean, width, mean_q, width_q):
    squares = (x - mean_q) ** 2 / (2 * width_q**2) - (x - mean) ** 2 / (2 * width**2)
    return squares + math.log(width / width_q)
""",
            "upside down",
        ),
        (
            "the halves forgotten",
            """
import math
def optimal_logit(x, mean, width, mean_q, width_q):
    squares = (x - mean_q) ** 2 / width_q**2 - (x - mean) ** 2 / width**2
    return squares + math.log(width_q / width)
""",
            "halved",
        ),
        (
            "the straight line of equal widths",
            """
def optimal_logit(x, mean, width, mean_q, width_q):
    return (mean - mean_q) / width**2 * x + (mean_q**2 - mean**2) / (2 * width**2)
""",
            "equal widths",
        ),
        (
            "a probability",
            """
import torch
from torch.distributions import Normal
def optimal_logit(x, mean, width, mean_q, width_q):
    return torch.sigmoid(Normal(mean, width).log_prob(x) - Normal(mean_q, width_q).log_prob(x))
""",
            "a probability",
        ),
        (
            "the ratio without the log",
            """
from torch.distributions import Normal
def optimal_logit(x, mean, width, mean_q, width_q):
    return (Normal(mean, width).log_prob(x) - Normal(mean_q, width_q).log_prob(x)).exp()
""",
            "take its logarithm",
        ),
        (
            "the width for its square",
            """
import torch
def optimal_logit(x, mean, width, mean_q, width_q):
    exponents = (x - mean_q) ** 2 / (2 * width_q) - (x - mean) ** 2 / (2 * width)
    return exponents + torch.log(width_q / width)
""",
            "no variance",
        ),
        (
            "the densities and not their logs",
            """
from torch.distributions import Normal
def optimal_logit(x, mean, width, mean_q, width_q):
    return Normal(mean, width).log_prob(x).exp() - Normal(mean_q, width_q).log_prob(x).exp()
""",
            "term by term",
        ),
        (
            "a line that fits neither width",
            """
def optimal_logit(x, mean, width, mean_q, width_q):
    return (mean - mean_q) / (width * width_q) * x + (mean_q**2 - mean**2) / (2 * width * width_q)
""",
            "equal widths only",
        ),
        (
            "the factor of a plane's normal",
            """
import math
def optimal_logit(x, mean, width, mean_q, width_q):
    squares = (x - mean_q) ** 2 / (2 * width_q**2) - (x - mean) ** 2 / (2 * width**2)
    return squares + 2 * math.log(width_q / width)
""",
            "not 1 / s^2",
        ),
    ],
    "check_mended_value_of": [
        (
            "still two sigmoids",
            """
from gan_edu.losses import LOSSES
def mended_value_of(p, q, n):
    def discriminator(samples):
        a, b = p.log_prob(samples).exp(), q.log_prob(samples).exp()
        return a / (a + b)
    real, fake = p.sample((n,)), q.sample((n,))
    return -LOSSES["minimax"].discriminator(discriminator(real), discriminator(fake)).item()
""",
            "two sigmoids",
        ),
        (
            "the loss and not V",
            """
from gan_edu.losses import LOSSES
def mended_value_of(p, q, n):
    def discriminator(samples):
        return p.log_prob(samples) - q.log_prob(samples)
    real, fake = p.sample((n,)), q.sample((n,))
    return LOSSES["minimax"].discriminator(discriminator(real), discriminator(fake)).item()
""",
            "turn the sign",
        ),
        (
            "the logit of a fake",
            """
from gan_edu.losses import LOSSES
def mended_value_of(p, q, n):
    def discriminator(samples):
        return q.log_prob(samples) - p.log_prob(samples)
    real, fake = p.sample((n,)), q.sample((n,))
    return -LOSSES["minimax"].discriminator(discriminator(real), discriminator(fake)).item()
""",
            "calls the fakes real",
        ),
        (
            "the log of a zero",
            """
def mended_value_of(p, q, n):
    def discriminator(samples):
        return (p.log_prob(samples) > q.log_prob(samples)).float()
    real, fake = p.sample((n,)), q.sample((n,))
    return (discriminator(real).log().mean() + (1 - discriminator(fake)).log().mean()).item()
""",
            "log of a 0",
        ),
        (
            "odds for logits",
            """
from gan_edu.losses import LOSSES
def mended_value_of(p, q, n):
    def discriminator(samples):
        return p.log_prob(samples).exp() / q.log_prob(samples).exp()
    real, fake = p.sample((n,)), q.sample((n,))
    return -LOSSES["minimax"].discriminator(discriminator(real), discriminator(fake)).item()
""",
            "the odds",
        ),
        (
            "half of V",
            """
from torch.nn.functional import logsigmoid
def mended_value_of(p, q, n):
    fake = q.sample((n,))
    return logsigmoid(q.log_prob(fake) - p.log_prob(fake)).mean().item()
""",
            "your estimate",
        ),
        (
            "a difference of densities for a logit",
            """
from gan_edu.losses import LOSSES
def mended_value_of(p, q, n):
    def discriminator(samples):
        return p.log_prob(samples).exp() - q.log_prob(samples).exp()
    real, fake = p.sample((n,)), q.sample((n,))
    return -LOSSES["minimax"].discriminator(discriminator(real), discriminator(fake)).item()
""",
            "difference of densities",
        ),
        (
            "log D for a logit",
            """
import torch
from gan_edu.losses import LOSSES
def mended_value_of(p, q, n):
    def discriminator(samples):
        log_p, log_q = p.log_prob(samples), q.log_prob(samples)
        return log_p - torch.logaddexp(log_p, log_q)
    real, fake = p.sample((n,)), q.sample((n,))
    return -LOSSES["minimax"].discriminator(discriminator(real), discriminator(fake)).item()
""",
            "log D, not the logit",
        ),
        (
            "a sum for a mean",
            """
from torch.nn.functional import logsigmoid
def mended_value_of(p, q, n):
    real, fake = p.sample((n,)), q.sample((n,))
    on_real = p.log_prob(real) - q.log_prob(real)
    on_fake = p.log_prob(fake) - q.log_prob(fake)
    return (logsigmoid(on_real).sum() + logsigmoid(-on_fake).sum()).item()
""",
            "not a sum",
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
        (
            "the odds",
            "def best_reply(p, q, share):\n    return share * p / ((1 - share) * q)\n",
            "the odds",
        ),
        (
            "the logit",
            "def best_reply(p, q, share):\n    return (share * p / ((1 - share) * q)).log()\n",
            "logit of D*",
        ),
        (
            "one number for all",
            "def best_reply(p, q, share):\n    return share\n",
            "one number for each x",
        ),
        (
            "the share at every x",
            "def best_reply(p, q, share):\n    return share + 0 * p\n",
            "p = q only",
        ),
        (
            "a fixed three to one",
            "def best_reply(p, q, share):\n    return 3 * p / (3 * p + q)\n",
            "not a fixed 3",
        ),
    ],
}
