"""The exercises of chapter 05: kernels that double an edge, weights that keep the scale, and a bug in ten layers."""

import math

import torch
from torch import nn

from gan_edu.exercises.core import NotAttempted, Wrong, call, close, exercise, require

KERNELS = range(2, 9)


def _edge_after(kernel: int, padding: int, output_padding: int, edge: int = 5) -> int:
    """The edge that a transposed convolution of stride 2 makes of `edge`."""
    return 2 * (edge - 1) + kernel - 2 * padding + output_padding


@exercise("5.1 Twice as large, with any kernel")
def check_doubling(doubling):
    """The padding and output padding of seven kernels: allowed by PyTorch, and the edge comes out doubled."""
    answers = {}
    for kernel in KERNELS:
        answer = call(doubling, kernel)
        if isinstance(answer, tuple | list) and any(part is None for part in answer):
            raise NotAttempted
        whole = isinstance(answer, tuple | list) and len(answer) == 2 and all(int(part) == part for part in answer)
        require(whole, f"Return two whole numbers, (padding, output_padding); for kernel {kernel} that was {answer!r}.")
        answers[kernel] = answer

    def like(formula):
        return all(tuple(answers[kernel]) == formula(kernel) for kernel in KERNELS)

    require(
        not like(lambda k: (k % 2, (k - 1) // 2)),
        "The two numbers are right, but swapped: return (padding, output_padding), in this order.",
    )
    require(min(map(min, answers.values())) >= 0, "Neither padding nor output_padding can be negative.")
    require(
        not like(lambda k: (k - 2, 0)),
        "The padding is cut off at both ends, so it counts twice: k - 2 = 2 p - o.",
    )
    require(
        max(extra for _, extra in answers.values()) < 2,
        "PyTorch takes an output_padding only if it is smaller than the stride: 0 or 1.",
    )
    wrong = [kernel for kernel in KERNELS if _edge_after(kernel, *answers[kernel]) != 10]
    require(
        wrong != [3, 5, 7],
        "Even kernels are right. Odd ones are not: k - 2 is odd there, so padding alone misses by one. What adds one?",
    )
    require(
        wrong != [2, 4, 6, 8],
        "Odd kernels are right. Even ones are not: k - 2 is even there, and twice a padding takes all of it away.",
    )
    if wrong:
        kernel, (padding, extra) = wrong[0], answers[wrong[0]]
        raise Wrong(
            f"Kernel {kernel}, padding {padding}, output_padding {extra} turn an edge of 5 into "
            f"{_edge_after(kernel, padding, extra)}, not 10: solve 2 (n - 1) + k - 2 p + o = 2 n."
        )
    return "Even kernels need no output padding: one reason why DCGANs like the 4."


def _keeping_std(n, a):
    return math.sqrt(2 / ((1 + a**2) * n))


MISTAKEN_STD = (
    (lambda n, a: _keeping_std(n, a) ** 2, "That is the variance of the weights; the standard deviation is its root."),
    (
        lambda n, a: math.sqrt(1 / n),
        "That would do if x had mean square 1, but LeakyReLU shrinks the negative half: what is E[x^2] after it?",
    ),
    (
        lambda n, a: math.sqrt(2 / n),
        "That is right for ReLU (slope 0). A leaky one lets slope^2 of the negative half through.",
    ),
    (lambda n, a: math.sqrt(2 / ((1 + a) * n)), "Nearly: a mean square needs the square of the slope."),
    (
        lambda n, a: 1 / math.sqrt(n * ((1 + a**2) / 2 - (1 - a) ** 2 / (2 * math.pi))),
        "That takes the variance of x. Its mean is not zero; with random weights the mean square E[x^2] counts.",
    ),
    (
        lambda n, a: 1 / _keeping_std(n, a),
        "Upside down: that is the factor by which weights of standard deviation 1 stretch; divide 1 by it.",
    ),
    (
        lambda n, a: math.sqrt((1 + a**2) / (2 * n)),
        "E[x^2] is on the wrong side: n * std^2 * E[x^2] = 1, so the larger it is, the smaller the weights.",
    ),
)


@exercise("5.2 The scale that lasts")
def check_keeping_std(keeping_std):
    """The standard deviation of the weights, at several fan-ins and slopes."""
    cases = [(16, 0.2), (1024, 0.2), (1024, 0.0), (100, 1.0), (400, 0.5)]
    answers = [float(call(keeping_std, fan_in, slope)) for fan_in, slope in cases]

    def like(formula):
        return close(answers, [formula(n, a) for n, a in cases], 1e-3)

    for formula, hint in MISTAKEN_STD:
        require(not like(formula), hint)
    require(
        not close(answers, [answers[0]] * len(answers), 1e-3),
        "One number for all layers: but a sum of more products is larger, so the answer depends on the fan-in.",
    )
    require(
        like(_keeping_std),
        "Start from this: y is a sum of n products, so its variance is n * std^2 * E[x^2]. Set that to 1.",
    )
    first, widest = answers[:2]
    return (
        f"In D above that is {first:.2f} for the first layer and {widest:.3f} for one with a fan-in of 1,024: without "
        "batch norm every layer needs its own scale; with it, one 0.02 does for all."
    )


def _images(net: nn.Module, noise: torch.Tensor, factor: float) -> torch.Tensor:
    """The network's images, the weights and the bias of its last convolution times the factor, which stays."""
    layers = [module for module in net.modules() if isinstance(module, nn.ConvTranspose2d)]
    require(layers, "There is no transposed convolution left: keep lines 5 and 8.")
    with torch.no_grad():
        for parameter in layers[-1].parameters():
            parameter.mul_(factor)
        return net(noise)


@exercise("5.3 Find the bug in ten layers")
def check_mended_generator(mended_generator):
    """The images of the mended network: their shape, how dark they get, and their range with large weights."""
    torch.manual_seed(0)
    net, noise = call(mended_generator), torch.randn(64, 100)
    require(isinstance(net, nn.Module), f"Return the network, an nn.Sequential, not a {type(net).__name__}.")
    require(
        not any(isinstance(module, nn.Hardtanh) for module in net.modules()),
        "Hardtanh keeps the range, but outside of it its slope is exactly 0: such pixels learn nothing. Keep Tanh.",
    )
    images, mirrored = _images(net, noise, 1), _images(net, noise, -1)
    loud = _images(net, noise, 50)
    require(
        tuple(images.shape) == (64, 1, 28, 28),
        f"The images should be (64, 1, 28, 28), yours are {tuple(images.shape)}; the edges were right as printed.",
    )
    both = torch.cat([images, mirrored])  # what a random bias prefers cancels out
    dark, light = (-both).relu().mean(), both.relu().mean()
    require(loud.abs().max() <= 1, "The images leave [-1, 1] when weights grow: something must still bound them.")
    require(
        both.min() <= 0,
        "Every pixel is positive: a sigmoid ends in [0, 1], but the data are in [-1, 1]. Keep Tanh.",
    )
    require(dark > 0, "No pixel is darker than 0, the middle grey, and most of a digit is black, -1. What forbids it?")
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    require(norms == 2, f"{norms} batch norms, not 2: one after each hidden layer, none at the output.")
    require(dark > 0.5 * light, "Better, but dark pixels are still held back: white comes much easier than black.")
    return "The last layer must be able to make every value that the data have."
