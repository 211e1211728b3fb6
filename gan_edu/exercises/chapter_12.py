"""The exercises of chapter 12: a share for a budget, the field of a logit, the loss of two translators."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gan_edu.exercises.core import Wrong, call, close, exercise, require


def _number(answer, what: str) -> float:
    answer = torch.as_tensor(answer, dtype=torch.float64)
    require(answer.numel() == 1, f"Return one number, {what}, not {answer.numel()}.")
    return answer.item()


SHARES = {  # wrong shares for a budget, by the hint that each deserves
    "The error grows with the square of the share: take the root.": lambda budget: budget - 1,
    "Even a share of 0 costs 1, the pixel answer's own error: take that off the budget first.": math.sqrt,
    "That is the share of the pixel answer; asked is that of the sharp one.": lambda budget: 1 - math.sqrt(budget - 1),
    "That is what a share costs, 1 + t^2. Asked is the way back: the share for a price.": lambda budget: 1 + budget**2,
    "One square too many: budget = 1 + t^2, and so t is a plain root.": lambda budget: (budget - 1) ** 2,
}


@exercise("12.1 A share for a budget")
def check_share(share) -> str:
    """The t with 1 + t^2 = budget."""
    for budget in (1.04, 1.25, 1.81, 2.0, 1.0):
        right = math.sqrt(budget - 1)
        answer = _number(call(share, budget), "the share")
        if close(answer, right):
            continue
        for hint, mistake in SHARES.items():
            require(not close(answer, mistake(budget)), hint)
        raise Wrong(f"For a budget of {budget:g} yours is {answer:.3f}, which costs {1 + answer**2:.2f}.")
    return "A tenth more error buys a share of 0.32."


def _field(layers: list[tuple[int, int]]) -> int:
    field = 1
    for kernel, stride in reversed(layers):
        field = (field - 1) * stride + kernel
    return field


def _jumped_early(layers):
    field = jump = 1
    for kernel, stride in layers:
        jump *= stride
        field += (kernel - 1) * jump
    return field


def _times_stride(layers):
    field = 1
    for kernel, stride in reversed(layers):
        field = field * stride + kernel
    return field


FIELDS = {  # wrong ways to count, by the hint that each deserves
    "Walk the other way: from the logit, the last layer, back to the picture.": lambda layers: _field(layers[::-1]),
    "The strides are missing: two neighbours behind a layer of stride 2 are 2 pixels apart before it.": (
        lambda layers: _field([(kernel, 1) for kernel, _ in layers])
    ),
    "Kernels overlap: from f stops of stride s the first takes k pixels, each further one only s more.": _times_stride,
    "That is the sum of the kernels; a further layer adds k - 1 steps, and how far these reach depends on strides.": (
        lambda layers: sum(kernel for kernel, _ in layers)
    ),
    "The stride of a layer spreads the stops of the layers behind it, not its own kernel.": _jumped_early,
    "Begin with 1, the logit itself: a single layer of kernel 4 sees 4.": lambda layers: _field(layers) - 1,
    "You begin with one logit too many: a single layer of kernel 4 sees 4.": lambda layers: _field([*layers, (2, 1)]),
    "That is the product of the strides: how far neighbouring logits are apart, not how far each sees.": (
        lambda layers: math.prod(stride for _, stride in layers)
    ),
}


@exercise("12.2 How far does a logit see?")
def check_field(field) -> str:
    """The edge of the patch that one logit sees."""
    nets = [(3, 1), (5, 2), (3, 3), (2, 1)], [(7, 3), (2, 2)], [(4, 1)], [(4, 2)] * 3 + [(4, 1)] * 2
    for layers in nets:  # on the first one all mistakes differ
        right = _field(layers)
        answer = _number(call(field, list(layers)), "the edge in pixels")
        if close(answer, right):
            continue
        for hint, mistake in FIELDS.items():
            require(not close(answer, mistake(layers)), hint)
        raise Wrong(f"For the layers {layers} yours is {answer:g}, and {right} is right.")
    return "The last one was the famous 70."


def _objective(there, back, judge_a, judge_b, a, b, weight):
    fake_b, fake_a = there(a), back(b)
    cycle = (back(fake_b) - a).abs().mean() + (there(fake_a) - b).abs().mean()
    return softplus(-judge_b(fake_b)).mean() + softplus(-judge_a(fake_a)).mean() + weight * cycle


def _slips(there, back, judge_a, judge_b, a, b, weight) -> dict[str, Tensor]:
    """Wrong losses of two translators, by the hint that each deserves."""
    fake_b, fake_a = there(a), back(b)
    again_a, again_b = back(fake_b), there(fake_a)
    fooled = softplus(-judge_b(fake_b)).mean() + softplus(-judge_a(fake_a)).mean()
    errors = again_a - a, again_b - b
    first, second = (error.abs().mean() for error in errors)
    return {
        "Only one way round is closed: b, there and back, must come home as well.": fooled + weight * first,
        "Only one way round is closed: a, there and back, must come home as well.": fooled + weight * second,
        "The weight is missing.": fooled + first + second,
        "The weight belongs to the cycle alone, not to the game.": weight * (fooled + first + second),
        "Squares: the cycle is an L1 distance, the mean of absolute differences.": (
            fooled + weight * sum(error.square().mean() for error in errors)
        ),
        "The sign is D's: softplus(f) falls when the fakes are found out. Translators want high logits.": (
            softplus(judge_b(fake_b)).mean() + softplus(judge_a(fake_a)).mean() + weight * (first + second)
        ),
        "That is the minimax loss of G; the non-saturating one is softplus(-f).": (
            weight * (first + second) - softplus(judge_b(fake_b)).mean() - softplus(judge_a(fake_a)).mean()
        ),
        "The judges are swapped: there(a) is to look like b, so judge_b judges it.": (
            softplus(-judge_a(fake_b)).mean() + softplus(-judge_b(fake_a)).mean() + weight * (first + second)
        ),
        "The judges see pictures that went there and back. They judge the translations.": (
            softplus(-judge_a(again_a)).mean() + softplus(-judge_b(again_b)).mean() + weight * (first + second)
        ),
        "There is no pair to compare with: a is to come back from its own translation, not to equal back(b).": (
            fooled + weight * ((fake_a - a).abs().mean() + (fake_b - b).abs().mean())
        ),
        "Where is the game? Nothing asks the translations to look like the other domain.": weight * (first + second),
        "Where is the cycle? Nothing ties a translation to its own input.": fooled,
        "Sums: take the mean over all pixels.": fooled + weight * sum(error.abs().sum() for error in errors),
    }


@exercise("12.3 The loss of two translators")
def check_translators(translators_loss) -> str:
    """What two translators minimize together, and its gradient for both."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        nets = [nn.Conv2d(1, 1, 3, padding=1) for _ in range(2)]
        nets += [nn.Sequential(nn.Flatten(), nn.Linear(16, 3)) for _ in range(2)]
        a, b = torch.randn(2, 5, 1, 4, 4)
    given = (*nets, a, b, 7.0)
    answer, right = call(translators_loss, *given), _objective(*given)
    require(isinstance(answer, Tensor), "Return a tensor, which still knows its graph: no .item(), no float().")
    require(answer.numel() == 1, "Return one number for both translators: add the parts.")
    if not close(answer.reshape(()), right):
        for hint, mistake in _slips(*given).items():
            require(not close(answer.reshape(()), mistake), hint)
        raise Wrong(f"On a small example yours is {answer.item():.4f}, and {right.item():.4f} is right.")
    weights = [*nets[0].parameters(), *nets[1].parameters()]
    require(answer.requires_grad, "The number is right, but nothing can be learnt from it: something was detached.")
    gradients = torch.autograd.grad(answer, weights, allow_unused=True)
    for found, wanted in zip(gradients, torch.autograd.grad(right, weights), strict=True):
        same = found is not None and close(found, wanted)
        require(same, "The number is right, the gradient is not: something was detached on the way to a translator.")
    return "One number, one backward pass, and both translators move."
