"""Checkers of chapter 1: the minimax game."""

import math

import torch
from torch.distributions import Normal
from torch.nn.functional import softplus

from gan_edu.exercises.core import call, close, exercise, require


def _one_for_each(answer, like: torch.Tensor) -> torch.Tensor:
    """The answer as a tensor, also where it is a list or an array; one number for each entry of `like`."""
    answer = torch.as_tensor(answer, dtype=torch.float64).detach()
    require(answer.shape == like.shape, f"Give one number for each x: shape {tuple(like.shape)}.")
    return answer


@exercise("1.1 Three real samples for each fake")
def check_best_reply(best_reply) -> str:
    """r p / (r p + (1 - r) q)."""
    p, q = torch.tensor([0.3, 0.1, 0.25, 0.02]), torch.tensor([0.3, 0.4, 0.05, 0.6])
    for share in (0.75, 0.2):
        a, b = share * p, (1 - share) * q
        mistakes = {
            "That is D* for as many real samples as fakes: the share changes it.": p / (p + q),
            "The denominator is a + b, and a is share * p there, too.": share * p / (p + q),
            "The fakes have a weight as well: their share is 1 - share.": a / (a + q),
            "That is the probability of a fake; D is the belief in real.": b / (a + b),
            "The two shares are swapped: `share` is that of the real samples.": 1 / (1 + share * q / ((1 - share) * p)),
            "That is the logit of D*; the belief itself is asked for.": (a / b).log(),
            "That is a / b, the odds; the peak stands at a / (a + b).": a / b,
            "That is right where p = q only; p and q must count.": torch.full_like(p, share),
            "Use `share`, not a fixed 3: other batches have other shares.": 3 * p / (3 * p + q),
        }
        answer = _one_for_each(call(best_reply, p.clone(), q.clone(), share), p)
        for hint, wrong in mistakes.items():
            require(not close(answer, wrong) or close(answer, a / (a + b)), hint)
        require(close(answer, a / (a + b)), "Put a = share * p and b = (1 - share) * q into a / (a + b).")
    return "Where p = q it says 3/4 for three reals in four; D's mean loss there is that share's entropy, 0.562."


@exercise("1.2 Two widths")
def check_optimal_logit(optimal_logit) -> str:
    """log p(x) - log q(x) of two normals."""
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)
    mean, width, mean_q, width_q = torch.tensor([0.5, 0.8, -1.0, 2.0], dtype=torch.float64)
    far, near = (x - mean_q) ** 2 / 2, (x - mean) ** 2 / 2
    squares, constant = far / width_q**2 - near / width**2, torch.log(width_q / width)
    right = squares + constant
    lines = [((mean - mean_q) * x + (mean_q**2 - mean**2) / 2) / s**2 for s in (width, width_q)]
    mistakes = {
        "The sign is turned: the logit is positive where p is the larger density.": [-right],
        "The factors 1 / s in front of the densities differ: their log is missing.": [squares],
        "The factors 1 / s are upside down: wide densities are low.": [squares - constant],
        "The factor in front of a density is 1 / s, not 1 / s^2.": [squares + 2 * constant],
        "The exponents are halved: (x - mean)^2 / (2 s^2).": [2 * squares + constant],
        "Divide by the square of the width, 2 s^2: s itself is no variance.": [far / width_q - near / width + constant],
        "That straight line holds for equal widths; here the squares do not cancel.": lines,
        "That is D*(x), a probability; its logit is asked for.": [torch.sigmoid(right)],
        "That is the ratio p / q; take its logarithm.": [right.exp()],
    }
    answer = _one_for_each(call(optimal_logit, x, mean, width, mean_q, width_q), x)
    for hint, wrong in mistakes.items():
        require(not any(close(answer, value) for value in wrong), hint)
    line = close(answer, torch.lerp(answer[0], answer[-1], (x + 3) / 6)) and not close(answer[0], answer[-1])
    require(not line, "That is a straight line: it holds for equal widths only; here the squares do not cancel.")
    require(close(answer, right), "Write log p(x) - log q(x), and take each log term by term.")
    return "A parabola: its zeros are the two places where a sample tells D nothing."


@exercise("1.3 Ten lines, one bug")
def check_mended_value_of(mended_value_of) -> str:
    """V(D*, G) estimated from samples, without the second sigmoid."""
    p, q, x = Normal(0.0, 0.4), Normal(1.2, 0.9), torch.linspace(-20, 20, 20_001, dtype=torch.float64)
    real, fake, best = p.log_prob(x).exp(), q.log_prob(x).exp(), p.log_prob(x) - q.log_prob(x)
    parts = {
        "There are still two sigmoids: your D gives a probability to a loss that expects logits.": torch.sigmoid(best),
        "Your D calls the fakes real: its logit is log p - log q.": -best,
        "Your D gives the ratio p / q, the odds, for a logit: take the logarithm.": best.exp(),
        "A difference of densities is no logit: take log p - log q.": real - fake,
        "That is log D, not the logit, log D / (1 - D).": -softplus(-best),
    }
    right, *values = (-torch.trapezoid(real * softplus(-y) + fake * softplus(y), x) for y in (best, *parts.values()))
    torch.manual_seed(0)
    answer = float(call(mended_value_of, p, q, 20_000))
    require(math.isfinite(answer), "V is infinite or NaN: somewhere the log of a 0 is taken. Subtract log densities.")
    require(not close(answer, -right, 0.03), "That is D's loss; V is what D maximizes, so turn the sign.")
    require(not close(answer / 20_000, right, 0.03), "V is a mean over the samples of each kind, not a sum.")
    for hint, value in zip(parts, values, strict=True):
        require(not close(answer, value, 0.03), hint)
    require(close(answer, right, 0.03), f"For the p and q here V is {right:.2f}; your estimate is {answer:.2f}.")
    apart = abs(float(call(mended_value_of, p, Normal(8.0, 1.0), 1000)))
    require(apart < 0.05, "Where the two are far apart V must be close to 0; yours is not.")
    return "One sigmoid, yours or the loss's. With two, the loss of a D that is never wrong is stuck at 1.006."
