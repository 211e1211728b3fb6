"""Right answers to the exercises of chapter 1, written otherwise than the folded solutions: (label, source)."""

RIGHT = {
    "check_best_reply": [
        (
            "divided through",
            "def best_reply(p, q, share):\n    return 1 / (1 + (1 - share) / share * q / p)\n",
        ),
        (
            "the logit, shifted by a constant",
            """
import math
import torch
def best_reply(p, q, share):
    return torch.sigmoid(p.log() - q.log() + math.log(share / (1 - share)))
""",
        ),
        (
            "a loop that gives a list",
            """
def best_reply(p, q, share):
    beliefs = []
    for a, b in zip(p.tolist(), q.tolist()):
        beliefs.append(share * a / (share * a + (1 - share) * b))
    return beliefs
""",
        ),
        (
            "in place",
            """
def best_reply(p, q, share):
    p *= share
    q *= 1 - share
    return p.div_(p + q)
""",
        ),
        (
            "by search for the peak",
            """
import torch
def best_reply(p, q, share):
    y = torch.linspace(1e-5, 1 - 1e-5, 100_001, dtype=torch.float64)[:, None]
    height = share * p * y.log() + (1 - share) * q * (1 - y).log()
    return y[height.argmax(0), 0]
""",
        ),
    ],
    "check_optimal_logit": [
        (
            "by torch's normal",
            """
from torch.distributions import Normal
def optimal_logit(x, mean_p, width_p, mean_q, width_q):
    return Normal(mean_p, width_p).log_prob(x) - Normal(mean_q, width_q).log_prob(x)
""",
        ),
        (
            "one point at a time, with math",
            """
import math
import torch
def optimal_logit(x, mean_p, width_p, mean_q, width_q):
    logits = []
    for point in x:
        real = math.exp(-((point - mean_p) ** 2) / (2 * width_p**2)) / width_p
        fake = math.exp(-((point - mean_q) ** 2) / (2 * width_q**2)) / width_q
        logits.append(math.log(real / fake))
    return torch.tensor(logits)
""",
        ),
        (
            "a parabola by its three coefficients",
            """
import torch
def optimal_logit(x, m, s, n, t):
    square = (1 / t**2 - 1 / s**2) / 2
    line = m / s**2 - n / t**2
    constant = (n / t) ** 2 / 2 - (m / s) ** 2 / 2 + torch.log(t / s)
    return square * x**2 + line * x + constant
""",
        ),
        (
            "the log of the ratio of densities",
            """
import torch
def density(x, mean, width):
    return torch.exp(-0.5 * ((x - mean) / width) ** 2) / (width * (2 * torch.pi) ** 0.5)
def optimal_logit(x, mean_p, width_p, mean_q, width_q):
    return (density(x, mean_p, width_p) / density(x, mean_q, width_q)).log()
""",
        ),
    ],
    "check_mended_value_of": [
        (
            "logs of probabilities, no package",
            """
def mended_value_of(p, q, n):
    def belief(samples):
        a, b = p.log_prob(samples).exp(), q.log_prob(samples).exp()
        return a / (a + b)
    real, fake = p.sample((n,)), q.sample((n,))
    return (belief(real).log().mean() + (1 - belief(fake)).log().mean()).item()
""",
        ),
        (
            "the logit of the probability",
            """
import torch
from gan_edu.losses import LOSSES
def mended_value_of(p, q, n):
    def discriminator(samples):
        a, b = p.log_prob(samples).exp(), q.log_prob(samples).exp()
        return torch.logit(a / (a + b), eps=1e-7)
    real, fake = p.sample((n,)), q.sample((n,))
    return -LOSSES["minimax"].discriminator(discriminator(real), discriminator(fake)).item()
""",
        ),
        (
            "logsigmoid, a tensor as the result",
            """
from torch.nn.functional import logsigmoid
def mended_value_of(p, q, n):
    real, fake = p.rsample((n,)), q.rsample((n,))
    on_real = p.log_prob(real) - q.log_prob(real)
    on_fake = p.log_prob(fake) - q.log_prob(fake)
    return logsigmoid(on_real).mean() + logsigmoid(-on_fake).mean()
""",
        ),
        (
            "cross-entropy of PyTorch, twice its mean",
            """
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
def mended_value_of(p, q, n):
    samples = torch.cat([q.sample((n,)), p.sample((n,))])
    labels = torch.cat([torch.zeros(n), torch.ones(n)])
    logits = p.log_prob(samples) - q.log_prob(samples)
    return -2 * binary_cross_entropy_with_logits(logits, labels).item()
""",
        ),
    ],
}
