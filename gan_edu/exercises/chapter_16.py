"""The exercises of chapter 16: one step out of the noise, a denoiser without training, and a weight that balances."""

import torch
from torch import nn

from gan_edu.exercises.core import call, close, exercise, require


@exercise("16.1 One step out of the noise")
def check_one_step(one_step) -> str:
    """From what is seen and what is guessed at (a, s) to what is seen at (a2, s2)."""
    random = torch.Generator().manual_seed(0)
    for a, s, a2, s2 in ((0.0, 1.0, 0.28, 0.96), (0.6, 0.8, 0.96, 0.28), (0.8, 0.6, 1.0, 0.0)):
        seen, guess, other = torch.randn(3, 5, 64, generator=random)
        found = torch.as_tensor(call(one_step, seen.clone(), guess.clone(), a, s, a2, s2))
        require(found.shape == seen.shape, f"As many as were seen, (5, 64); yours is {tuple(found.shape)}.")
        noise = (seen - a * guess) / s
        require(found.isfinite().all(), "At the start a is 0, where only noise is left: nothing may be divided by a.")
        for wrong, hint in (
            (a2 * guess + s2 * seen, "That mixes the guess with what is seen; first find the noise in what is seen."),
            (
                a2 * guess + s2 * (seen - a * guess),
                "The noise has size 1: what is left without the guess is s times it.",
            ),
            (a2 * guess + s2 * (seen - guess) / s, "What is seen holds only a times the guess: take that much off."),
            (a * guess + s * noise, "That puts back what was seen: mix for the next time, with a2 and s2."),
            (s2 * guess + a2 * noise, "The shares are swapped: a2 of the guess, s2 of the noise."),
            (a2 * guess, "The noise of the next time is missing."),
            (guess, "That jumps to the guess at once; go to the next time only, where s2 of the noise is left."),
        ):
            require(close(found, a2 * guess + s2 * noise) or not close(found, wrong), hint)
        require(close(found, a2 * guess + s2 * noise), "It should be a2 times the guess and s2 times the noise in it.")
    return "Nothing is drawn on the way: the same noise always becomes the same digit."


@exercise("16.2 A denoiser that never trained")
def check_perfect(perfect) -> str:
    """The mean of all training samples, weighted by how likely each is behind what is seen."""
    random = torch.Generator().manual_seed(0)
    for a, s, size in ((0.8, 0.6, 1.0), (0.28, 0.96, 1.0), (0.96, 0.28, 12.0)):
        data = size * torch.randn(30, 6, generator=random)
        seen = a * size * torch.randn(7, 6, generator=random) + s * torch.randn(7, 6, generator=random)
        found = torch.as_tensor(call(perfect, seen.clone(), data.clone(), a, s))
        require(found.shape == seen.shape, f"One guess for each that is seen, (7, 6); yours is {tuple(found.shape)}.")
        far = torch.cdist(seen.double(), a * data.double(), compute_mode="donot_use_mm_for_euclid_dist")
        right = (-far.square() / (2 * s**2)).softmax(1) @ data.double()
        nearest, unscaled = data[far.argmin(1)], torch.cdist(seen.double(), data.double()).square()
        require(found.isfinite().all(), "exp of a large negative number is 0, and 0 / 0 is no number: take `softmax`.")
        for wrong, hint in (
            (nearest, "That is the one nearest sample; average over all, each with its weight."),
            (data.mean(0).expand(7, 6), "That is the mean of all data, whatever is seen."),
            (
                (-unscaled / (2 * s**2)).softmax(1) @ data.double(),
                "Behind a sample x stands a x: compare with a times.",
            ),
            (
                (-far.square() / 2).softmax(1) @ data.double(),
                "The noise has size s: divide by its variance, s squared.",
            ),
            ((-far.square() / s**2).softmax(1) @ data.double(), "A normal density has a 2 there: exp(-d^2 / (2 s^2))."),
            ((-far / (2 * s**2)).softmax(1) @ data.double(), "The distance must be squared."),
            (a * right, "That is a times the clean sample: average the samples themselves."),
            (
                (far.square() / (2 * s**2)).softmax(1) @ data.double(),
                "Far samples got the large weights: mind the sign.",
            ),
        ):
            require(close(found, right, 1e-3) or not close(found, wrong, 1e-3), hint)
        require(close(found, right, 1e-3), "Weights: exp(-d^2 / (2 s^2)) over their sum, d from what is seen to a x.")
    return "No network can guess better. And yet: what would its samples be? Copies of the training set."


@exercise("16.3 A weight that balances")
def check_balance(balance) -> str:
    """How much louder the pixels' gradient is than the judge's, at the last layer; a number without a gradient."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    last, x = network[-1].weight, torch.randn(5, 3)
    for loud in (1.0, 30.0, 0.0):
        made = network(x)
        pixels, judge = (made - 1).square().mean(), loud * made.sin().mean()
        of_pixels, of_judge = (torch.autograd.grad(loss, last, retain_graph=True)[0] for loss in (pixels, judge))
        found = torch.as_tensor(call(balance, pixels, judge, last))
        up, down = of_pixels.norm(), of_judge.norm()
        require(found.numel() == 1, f"One number; yours has {found.numel()}.")
        require(found.isfinite().all(), "A judge without a gradient must not divide by 0: add 1e-4 below.")
        right = up / (down + 1e-4)
        for wrong, hint in (
            (down / (up + 1e-4), "Upside down: a judge that shouts must get a small weight."),
            (pixels / (judge.abs() + 1e-4), "That compares the losses; compare their gradients at the last layer."),
            (up.square() / (down.square() + 1e-4), "Take the lengths, not their squares."),
            (up, "Divide by the length of the judge's gradient."),
        ):
            same = close(found.reshape(()), right, 1e-3)
            require(same or not close(found.reshape(()), wrong, 1e-3), hint)
        require(close(found.reshape(()), right, 1e-3), "The pixels' gradient length over the judge's plus 1e-4.")
        require(last.grad is None, "Weights were given gradients: take `torch.autograd.grad`, not `backward`.")
        require(pixels.grad_fn is not None and _usable(pixels + judge, last), "Keep the graph: retain_graph=True.")
        require(not found.requires_grad, "Detach it: the weight is a number, and no way to lower the loss.")
    return "Both terms now push equally hard, whatever their units: VQGAN takes eight tenths of it."


def _usable(loss, weight) -> bool:
    """Is the graph still there?"""
    try:
        torch.autograd.grad(loss, weight, retain_graph=True)
    except RuntimeError:
        return False
    return True
