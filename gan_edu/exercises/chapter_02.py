"""Checkers of chapter 02: a loss that survives large logits, soft labels, a least-squares pair with two bugs."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.overrides import TorchFunctionMode

from gan_edu.exercises.core import call, close, exercise, require


def _exclude(answer, mistakes):
    """Raise the hint of the first mistake whose value the answer has."""
    for value, hint in mistakes:
        require(not close(answer, value), hint)


@exercise("2.1 A loss that survives")
def check_stable_loss(my_discriminator_loss) -> str:
    """The value at small logits first, then value and gradient where probabilities are rounded to 0 and 1."""
    r, f = torch.tensor([2.0, -1.0, 0.5, 0.0]), torch.tensor([-2.0, 1.5, 0.3, -0.7])
    answer = call(my_discriminator_loss, r, f)
    require(isinstance(answer, Tensor), "Return a tensor, not a Python number: no .item(), it cuts the gradient off.")
    require(answer.numel() == 1, "Give one number: the mean over the reals plus the mean over the fakes.")
    right = softplus(-r).mean() + softplus(f).mean()
    mistakes = (
        (softplus(r).mean() + softplus(-f).mean(), "Real and fake are swapped: a real costs softplus(-r)."),
        (right / 2, "That is half of it: the two means are added, not averaged."),
        (softplus(-r).mean(), "The fakes are missing: add the mean of softplus(f)."),
        (softplus(f).mean(), "The reals are missing: add the mean of softplus(-r)."),
        (-right, "The sign is flipped: D minimizes its loss, so both parts are positive."),
        (len(r) * right, "That is a sum over the batch; take means, or the batch size counts."),
        (softplus(r).mean() + softplus(f).mean(), "The fakes are right, the sign of the reals is not: softplus(-r)."),
        (softplus(-r).mean() + softplus(-f).mean(), "The reals are right, the sign of the fakes is not: softplus(f)."),
        (2 * softplus(-r).mean() - right, "The reals are right; the fakes' part is added, not subtracted."),
    )
    _exclude(answer.reshape(()), mistakes)
    require(close(answer.reshape(()), right), "Even at small logits the value is not E softplus(-r) + E softplus(f).")
    for size in (20.0, 1e4):
        _check_large_logits(my_discriminator_loss, size)
    return "From a logit the loss can always be computed; from a probability only while it is not rounded."


def _check_large_logits(loss_function, size):
    """A D that is sure and wrong: the loss is twice the logit, and each sample still pulls with slope 1 / N."""
    r, f = torch.full((2,), -size, requires_grad=True), torch.full((2,), size, requires_grad=True)
    loss = loss_function(r, f).reshape(())
    # exp(20) is a number, and so is 1 - sigmoid(-20); only a probability next to 1 breaks there
    mistake = "an exp overflowed, or a probability became 0," if size > 88 else "a probability was rounded to 0 or 1"
    broken = f"Right at small logits, but at logits of {size:g} the loss is {loss.item()}: {mistake} before its log."
    require(loss.isfinite(), broken)
    clamped = f"At logits of {size:g} the loss must be {2 * size:g}, yours is {loss.item():g}: something clamps."
    require(close(loss, 2 * size), clamped)
    require(loss.requires_grad, "The loss has no gradient: no detach and no .item() here.")
    gradients = torch.autograd.grad(loss, (r, f), allow_unused=True)
    require(None not in gradients, "The loss has no gradient for one of the two: no detach and no .item() here.")
    for name, gradient, slope in (("reals", gradients[0], -0.5), ("fakes", gradients[1], 0.5)):
        wrong = f"The value is right, but at logits of {size:g} the gradient of the {name} is {gradient.tolist()}"
        require(close(gradient, [slope, slope]), f"{wrong} instead of {[slope, slope]}.")


@exercise("2.2 Labels that are a little soft")
def check_smoothed_logit(my_smoothed_logit) -> str:
    """The logit log(0.9 p / (0.1 p + q)), also where there are no fakes."""
    p, q = torch.tensor([0.3, 0.9, 0.05]), torch.tensor([0.4, 0.05, 0.6])
    answer = torch.as_tensor(call(my_smoothed_logit, p, q))
    require(answer.shape == p.shape, f"Give one logit for each place: shape {tuple(p.shape)}.")
    right = torch.log(0.9 * p / (0.1 * p + q))
    capped = "A cap at log 9 is right only without fakes; the 0.1 p also lowers the logit where q > 0."
    mistakes = (
        (torch.log(p / q), "That is the logit without smoothing, log(p / q)."),
        (torch.log(0.9 * p / q), "The other tenth is missing: a real also costs 0.1 softplus(l), as fakes do."),
        (0.9 * p / (p + q), "That is the best probability. Its logit is asked."),
        (torch.log(0.9 * p / (p + q)), "That is log s. The logit is log s - log(1 - s)."),
        (0.9 * torch.log(p / q), "The 0.9 weighs the softplus, not the logit."),
        (torch.log((0.9 * p + 0.1 * q) / (0.1 * p + 0.9 * q)), "Here the fakes are smoothed too; only reals are soft."),
        (torch.log(0.9 * p / (0.1 * p + 0.9 * q)), "Only reals are softened: a fake counts fully, q, not 0.9 q."),
        (torch.log(p / q).clamp(max=math.log(9)), capped),
        (right.exp(), "That is the ratio of the two weights; its logarithm is the logit."),
        (torch.log(p / (0.1 * p + q)), "The 0.9 is missing: softplus(-l) of a real counts nine tenths only."),
        (-right, "The sign is flipped: the logit grows with p."),
        (right / math.log(2), "That is a logarithm to the base 2; logits are natural logarithms."),
    )
    _exclude(answer, mistakes)
    require(close(answer, right), "Collect what multiplies softplus(-l) and what multiplies softplus(l), then compare.")
    largest = torch.as_tensor(my_smoothed_logit(torch.ones(1), torch.zeros(1)))
    require(close(largest, [math.log(9)]), "Right where both densities are positive, but at q = 0 it must be log 9.")
    return f"Where there are no fakes it is log 9 = {math.log(9):.2f}: D has no reason to grow its logits further."


@exercise("2.3 A run that learns nothing")
def check_least_squares(my_least_squares) -> str:
    """Both losses on a linear D with logits (N, 1), and that G's loss has a way back to the fakes."""
    torch.manual_seed(0)
    discriminator = nn.Linear(2, 1)
    real, fake = torch.randn(6, 2) + 1, torch.randn(6, 2).requires_grad_(True)
    with _Shapes() as made:
        answer = call(my_least_squares, discriminator, real, fake)
    require(isinstance(answer, (tuple, list)) and len(answer) == 2, "Return two losses: D's, then G's.")
    d_loss, g_loss = (torch.as_tensor(loss) for loss in answer)
    r, f = discriminator(real).squeeze(1), discriminator(fake).squeeze(1)
    labels = torch.cat([torch.ones(6), torch.zeros(6)])
    broadcast = (torch.cat([r, f])[:, None] - labels).square().mean()
    d_right, g_right = ((r - 1).square().mean() + f.square().mean()) / 2, (f - 1).square().mean() / 2
    d_swapped, g_old = (r.square().mean() + (f - 1).square().mean()) / 2, f.square().mean() / 2

    no_sigmoid = "Use the logit as it is: no sigmoid in least squares."
    require(not (close(d_loss, broadcast) and close(g_loss, g_old)), "Nothing has changed: both bugs are still there.")
    require(not (close(d_loss, g_right) and close(g_loss, d_right)), "Right, in the wrong order: D's comes first.")
    mistakes = (
        (broadcast, "D's loss still compares each logit with every label: print the shape of logits - labels."),
        (d_swapped, "D's labels are swapped: 1 for reals, 0 for fakes."),
        (2 * d_right, "D's loss is doubled: it is the mean over all 2N numbers."),
        (d_right / 2, "D's loss is halved: a mean over 2N numbers holds the 1/2 already."),
        (((r.sigmoid() - 1).square() + f.sigmoid().square()).mean() / 2, no_sigmoid),
    )
    _exclude(d_loss, mistakes)
    require(close(d_loss, d_right), "D's loss is not (E (r - 1)^2 + E f^2) / 2.")
    mistakes = (
        (g_old, "D is mended. G still pulls its fakes to 0, the label of the fakes, and so helps D."),
        (2 * g_right, "D is mended. G's loss lost its factor 1/2."),
        ((f.sigmoid() - 1).square().mean() / 2, f"D is mended. {no_sigmoid}"),
        (-g_old, "Flipping the sign sends fakes away from 0, also to minus infinity; the goal is 1."),
        ((r - 1).square().mean() / 2, "D is mended. G's loss must use the fakes."),
    )
    _exclude(g_loss, mistakes)
    require(close(g_loss, g_right), "D is mended, but G's loss is not E (f - 1)^2 / 2.")
    squares = {(6, 6), (12, 12)} & made.shapes
    require(not squares, "The values are right, but by luck: somewhere (N, 1) meets (N,). Squeeze the logits.")
    require(g_loss.requires_grad, "The values are right, but G's loss has no gradient: do not detach the fakes.")
    (gradient,) = torch.autograd.grad(g_loss, fake, allow_unused=True)
    require(gradient is not None, "The values are right, but no gradient reaches the fakes: do not detach them for G.")
    return "(2N, 1) - (2N,) is (2N, 2N), and no one warns you."


class _Shapes(TorchFunctionMode):
    """Notes the shape of every tensor that is computed, because a broadcast can hide in a right value."""

    def __init__(self):
        super().__init__()
        self.shapes = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.shapes.add(tuple(result.shape))
        return result
