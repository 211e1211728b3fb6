"""The exercises of chapter 15: a straight-through letter, two slips in a baseline, and a colour for a name."""

import torch
from torch.nn import functional

from gan_edu.exercises.core import call, close, exercise, require


@exercise("15.1 A letter with a shadow")
def check_shadow(shadow) -> str:
    """The value of the letter, the gradient of its soft shadow."""
    torch.manual_seed(0)
    logits = torch.randn(5, 4, requires_grad=True)
    slopes = torch.randn(5, 4)

    def values():
        return functional.one_hot(logits.argmax(1), 4).float(), (2 * logits).softmax(1)

    hard, soft = values()
    made = torch.as_tensor(call(shadow, hard.clone(), soft))
    require(made.shape == hard.shape, f"It should be as large as both, (5, 4); yours is {tuple(made.shape)}.")
    forward, kept = close(made, hard), made.requires_grad
    require(not close(made, soft), "Forward it is the soft shadow: D would see that no letter is whole.")
    require(forward or not close(made, hard + soft), "Forward it is the sum of both: take the soft one off, detached.")
    require(forward, "Forward it should be the hard letter, to the last digit.")
    require(kept, "Forward it is right, but no gradient leads back: the soft shadow's own must not be detached.")
    (found,) = torch.autograd.grad((made * slopes).sum(), logits, allow_unused=True)
    (right,) = torch.autograd.grad((values()[1] * slopes).sum(), logits)
    require(found is not None and found.any(), "Forward it is right, but backward the soft ones cancel: detach one.")
    require(not close(found, -right), "Backward it has the wrong sign: which of the two soft shadows is detached?")
    require(close(found, right), "Forward it is right; backward it should be the gradient of the soft shadow alone.")
    return "One line, and the straight-through writer learns by it."


@exercise("15.2 Two slips in a baseline")
def check_mended_score(mended) -> str:
    """A loss whose gradient is REINFORCE's, with the mean of the others as the baseline."""
    torch.manual_seed(0)
    for n in (6, 3):
        given, chances = (3 + torch.rand(n)).requires_grad_(), (-3 * torch.rand(n)).requires_grad_()
        scores = torch.as_tensor(call(mended, given, chances))
        require(given.requires_grad, "In place it also cuts the caller's costs: use what `detach()` returns.")
        require(scores.numel() == 1, f"Return one number, the mean over the batch; yours has {scores.numel()}.")
        require(scores.requires_grad, "No gradient flows back: log_q itself must not be detached.")
        to_costs, to_chances = torch.autograd.grad(scores.squeeze(), (given, chances), allow_unused=True)
        costs = given.detach()
        others = costs - (costs.sum() - costs) / (n - 1)
        require(to_chances is not None and to_chances.any(), "No gradient reaches log_q, the only way to G's weights.")
        for wrong, hint in (
            (close(to_chances, costs / n), "There is no baseline: every cost is positive, so every string is blamed."),
            (to_costs is not None and not close(to_costs.sum(), torch.tensor(0.0), 1e-5), "A gradient still flows into "
             "the costs, and through them into D: they stand in two places, and only one of them is detached."),
            (to_costs is not None and to_costs.any(), "A gradient still flows into the costs, and through them into D: "
             "`detach()` changes nothing by itself, use what it returns."),
            (close(to_chances, (costs - (costs.sum() - costs) / n) / n), "The others are n - 1: divide by that."),
            (close(to_chances, others) or close(to_chances, costs - costs.mean()), "Take the mean, not the sum."),
            (close(to_chances, -others / n), "Costs are to fall, so the loss is cost times log q, without a minus."),
            (close(to_chances, (costs - costs.mean()) / n), "Each string's own cost is in its baseline, which shrinks "
             "the gradient by (n - 1) / n: take the mean of the others."),
            (not close(to_chances, others / n), "The gradient to log_q should be (cost - mean of the others) / n."),
        ):  # fmt: skip
            require(not wrong, hint)
    return "Without any baseline the gradient would be right on average too, and noisier."


@exercise("15.3 A colour for a name")
def check_colour_for(colour_for) -> str:
    """The mean colour under Bayes' rule, all colours equally likely before the name was heard."""
    random = torch.Generator().manual_seed(0)
    for shift in (0.0, -200.0):
        colours, log_q = 2 * torch.rand(50, 3, generator=random) - 1, 2 * torch.randn(50, generator=random) + shift
        weights = log_q.double().softmax(0)
        right = weights @ colours.double()
        found = torch.as_tensor(call(colour_for, log_q.clone(), colours.clone()))
        require(found.shape == (3,), f"One colour, three numbers, (3,); yours has the shape {tuple(found.shape)}.")
        for wrong, hint in (
            (not found.isfinite().all() or (shift and (not found.any() or close(found, colours.mean(0)))), "exp of -200"
             " is 0 in float32, and long names are that improbable: take `softmax`, or subtract the largest first."),
            (close(found, colours[log_q.argmax()]), "That is the single best colour; average over all of them."),
            (close(found, colours.mean(0)), "That is the mean of all colours, whatever the name."),
            (close(found, log_q.exp() @ colours), "Weights must sum to 1: divide by the sum of the probabilities."),
            (close(found, right / 50) or close(found, right * 50), "A mean stands where a sum should be."),
            (close(found, (-log_q).softmax(0) @ colours) or close(found, -right), "There is a minus too many."),
            (close(found, log_q @ colours), "log_q is a logarithm: weights are probabilities, exp of it."),
            (not close(found, right, 1e-3), "Weight each colour by the probability of the name there, over their sum."),
        ):  # fmt: skip
            require(not wrong, hint)
    return "Nobody taught the writer this direction: Bayes' rule turned its probability around."
