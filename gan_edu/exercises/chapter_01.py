"""Checkers of chapter 01: the minimax game."""

import math

import torch
from torch.distributions import Normal
from torch.nn.functional import softplus

from gan_edu.exercises.core import call, close, exercise, require


@exercise("1.1 The missing line")
def check_optimal_logit(optimal_logit) -> str:
    """log p_data(x) - log p_g(x) of two normals."""
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)
    mean, std, mean_g, std_g = torch.tensor([0.5, 0.8, -1.0, 2.0], dtype=torch.float64)
    answer = call(optimal_logit, x, mean, std, mean_g, std_g)
    squares = (x - mean_g) ** 2 / std_g**2 - (x - mean) ** 2 / std**2
    constant = torch.log(std_g / std)
    right = squares / 2 + constant
    require(getattr(answer, "shape", None) == x.shape, "Give one logit for each x: a tensor with the shape of x.")
    require(not close(answer, -right), "The sign is turned: the logit is positive where p_data is the larger density.")
    require(not close(answer, squares / 2), "The factors 1 / s in front of the densities differ: their log is missing.")
    require(not close(answer, squares / 2 - constant), "The factors 1 / s are upside down: wide densities are low.")
    require(not close(answer, squares + constant), "The exponents are halved: (x - mean)^2 / (2 s^2).")
    for width in (std, std_g):
        line = ((mean - mean_g) * x + (mean_g**2 - mean**2) / 2) / width**2
        require(not close(answer, line), "That straight line holds for equal widths; here the squares do not cancel.")
    require(not close(answer, torch.sigmoid(right)), "That is D*(x), a probability; its logit is asked for.")
    require(not close(answer, right.exp()), "That is the ratio p_data / p_g; take its logarithm.")
    require(close(answer, right), "Write log p_data(x) - log p_g(x), and take each log term by term.")
    return "A parabola: plain logistic regression on x could not draw it."


def _expected_value(p, q, logit_of):
    """V of the discriminator with these logits, by integration."""
    x = torch.linspace(-20, 20, 20_001, dtype=torch.float64)
    logits = logit_of(x)
    integrand = p.log_prob(x).exp() * softplus(-logits) + q.log_prob(x).exp() * softplus(logits)
    return -torch.trapezoid(integrand, x).item()


@exercise("1.2 Ten lines, one bug")
def check_mended_value_of(mended_value_of) -> str:
    """V(D*, G) estimated from samples, without the second sigmoid."""
    p, q = Normal(0.0, 1.0), Normal(3.0, 1.0)

    def best(x):
        return p.log_prob(x) - q.log_prob(x)

    torch.manual_seed(0)
    answer = float(call(mended_value_of, p, q, 20_000))
    right = _expected_value(p, q, best)
    twice = _expected_value(p, q, lambda x: torch.sigmoid(best(x)))
    turned = _expected_value(p, q, lambda x: -best(x))
    require(math.isfinite(answer), "V is infinite or NaN: somewhere the log of a 0 is taken. Subtract log densities.")
    require(
        not close(answer, twice, 0.05),
        "There are still two sigmoids: D returns a probability, and the loss, which expects logits, squashes it again.",
    )
    require(not close(answer, -right, 0.05), "That is D's loss; V is what D maximizes, so turn the sign.")
    require(not close(answer, turned, 0.05), "Your D calls the fakes real: its logit is log p_data - log p_g.")
    require(close(answer, right, 0.05), f"For normals 3 apart V(D*, G) is {right:.2f}; your estimate is {answer:.2f}.")
    far = float(call(mended_value_of, p, Normal(8.0, 1.0), 1000))
    require(abs(far) < 0.05, f"Where the two are far apart V must be close to 0; yours is {far:.2f}.")
    return "The sigmoid is taken once, whether by the loss or by you, and V is what it must be."


@exercise("1.3 Three real samples for each fake")
def check_best_reply(best_reply) -> str:
    """r p / (r p + (1 - r) q)."""
    p, q = torch.tensor([0.3, 0.1, 0.25, 0.02]), torch.tensor([0.3, 0.4, 0.05, 0.6])
    for share in (0.75, 0.2):
        answer = call(best_reply, p, q, share)
        a, b = share * p, (1 - share) * q
        right = a / (a + b)
        require(getattr(answer, "shape", None) == p.shape, "Give one belief for each x: a tensor with the shape of p.")
        require(not close(answer, p / (p + q)), "That is D* for as many real samples as fakes: the share changes it.")
        require(not close(answer, share * p / (p + q)), "The denominator is a + b, and a is share * p there, too.")
        require(not close(answer, a / (a + q)), "The fakes have a weight as well: their share is 1 - share.")
        require(not close(answer, b / (a + b)), "That is the probability of a fake; D is the belief in real.")
        swapped = (1 - share) * p / ((1 - share) * p + share * q)
        require(not close(answer, swapped), "The two shares are swapped: `share` is that of the real samples.")
        require(not close(answer, (a / b).log()), "That is the logit of D*; the belief itself is asked for.")
        require(close(answer, right), "Put a = share * p and b = (1 - share) * q into a / (a + b).")
    entropy = -sum(share * math.log(share) for share in (3 / 4, 1 / 4))
    return f"Where p = q it says 3/4 for three reals in four; D's mean loss there is the entropy, {entropy:.3f}."
