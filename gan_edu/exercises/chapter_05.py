"""The exercises of chapter 5: kernels that double an edge, a DCGAN of one's own, and the bug of a sick run."""

import operator
from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, nn

from gan_edu.exercises.core import Wrong, call, exercise, require

KERNELS = range(2, 9)
WITH_WEIGHTS = (nn.Linear, nn.modules.conv._ConvNd)
POOLING = (nn.MaxPool2d, nn.AvgPool2d)


def _whole(answer, kernel) -> tuple[int, int]:
    """(padding, output_padding) as two ints."""
    require(isinstance(answer, tuple | list) and len(answer) == 2, f"Return two whole numbers, not {answer!r}.")
    try:
        return operator.index(answer[0]), operator.index(answer[1])
    except TypeError:
        raise Wrong(f"Not {answer!r}, for kernel {kernel}: PyTorch wants whole numbers. Divide by //.") from None


@exercise("5.1 Twice as large, with any kernel")
def check_doubling(doubling):
    """The padding and output padding of seven kernels: allowed by PyTorch, and the edge comes out doubled."""
    given = {k: _whole(call(doubling, k), k) for k in KERNELS}
    edges = {k: 8 + k - 2 * padding + extra for k, (padding, extra) in given.items()}  # of an edge of 5
    wrong, answers = [k for k in KERNELS if edges[k] != 10], list(given.values())
    first, extras = (wrong or [2])[0], [extra for _, extra in answers]
    once, swapped = [(k - 2, 0) for k in KERNELS], [(k % 2, (k - 1) // 2) for k in KERNELS]
    for made, hint in (
        (answers == swapped, "The numbers are right, but swapped: return (padding, output_padding), in this order."),
        (min(map(min, answers)) < 0, "Neither padding nor output_padding can be negative."),
        (answers == once, "The padding is cut off at both ends, so it counts twice: k - 2 is 2 * padding - the rest."),
        (max(extras) > 1, "PyTorch takes an output_padding only if it is smaller than the stride: 0 or 1."),
        (wrong == [3, 5, 7], "Even kernels are right. For odd ones k - 2 is odd: padding alone misses by one."),
        (wrong == [2, 4, 6, 8], "Odd kernels are right. For even ones k - 2 is even: twice a padding takes all away."),
        (wrong, f"Kernel {first} with {given[first]} makes {edges[first]} pixels of 5, not 10: solve the formula."),
    ):
        require(not made, hint)
    return "Even kernels need no output padding: one reason why DCGANs like the 4."


@torch.no_grad()
def _run(net: nn.Module, batch: Tensor) -> Tensor:
    """The network's output in training mode, with the same random numbers each time."""
    torch.manual_seed(1)
    return net.train()(batch)


def _layers(net: nn.Module, batch: Tensor) -> list[nn.Module]:
    """Layers with weights, and norms, in the order in which the batch passes them."""
    used = []
    for module in net.modules():
        if isinstance(module, WITH_WEIGHTS) or "Norm" in type(module).__name__:
            module.register_forward_hook(lambda module, *_: used.append(module))
    _run(net, batch)
    convolutions = sum(isinstance(layer, WITH_WEIGHTS[1]) for layer in used)
    require(convolutions >= 2, f"A DCGAN has at least two convolutions in each network; here one has {convolutions}.")
    return used[:]  # the hooks stay


@torch.no_grad()
def _grow(layer: nn.Module, factor: float, share: float = 1.0) -> None:
    for parameter in layer.parameters():
        axis = int(isinstance(layer, nn.ConvTranspose2d) and parameter.dim() > 1)
        parameter.narrow(axis, 0, round(share * parameter.shape[axis])).mul_(factor)


def _notices(net: nn.Module, layer: nn.Module, batch: Tensor, share: float = 1.0) -> bool:
    """Does the output change when weights grow tenfold? Not where batch norm follows, whoever wrote it."""
    before = _run(net, batch)
    _grow(layer, 10, share)
    after = _run(net, batch)
    _grow(layer, 0.1, share)
    return bool((after - before).norm() > 0.1 * before.norm())


@torch.no_grad()
def _is_linear(function, x: Tensor) -> bool:
    """Is it a linear function plus a constant? Then what x and -x move cancels out."""
    up, down, middle = function(x), function(-x), function(0 * x)
    return bool((up + down - 2 * middle).norm() < 1e-3 * (up - down).norm())


def _check_pictures(net: nn.Module, noise: Tensor, shape: tuple[int, ...], why: str = "Why?") -> None:
    """Pictures (N, *shape) with values all over [-1, 1], a norm behind each hidden layer and none at the end?"""
    images = _run(net, noise)
    require(images.shape[1:] == shape, f"The images are {tuple(images.shape)}, not {(len(noise), *shape)}.")
    layers, weights = _layers(net, noise), deepcopy(net.state_dict())
    last = [layer for layer in layers if isinstance(layer, WITH_WEIGHTS)][-1]
    _grow(last, -1)  # what a random bias prefers cancels out
    both = torch.cat([images, _run(net, noise)])
    dark, light = (-both).relu().mean(), both.relu().mean()
    require(both.min() <= 0, "Every pixel is positive: a sigmoid ends in [0, 1], but the data are in [-1, 1].")
    require(dark > 0, f"No pixel is darker than 0, the middle grey, and most of a digit is black, -1. {why}")
    require(_notices(net, last, noise), "Batch norm at the output takes the data's own brightness away: leave it out.")
    for _ in range(60):  # to where tanh is at 0.9
        _grow(last, 1.2 if _run(net, noise).abs().max() < 0.9 else 0.9)
    _grow(last, 1.5)
    cut = (_run(net, noise).abs() == 1).any()
    _grow(last, 50)
    end = _run(net, noise).abs().max()
    for made, hint in (
        (end > 1, "The images leave [-1, 1] when weights grow: something must bound them."),
        (end < 0.95, f"However large the weights, no pixel passes {end:.2f}; the data reach 1. Bounded twice?"),
        (cut, "A hard cut at -1 and 1 has a slope of exactly 0 outside: such pixels learn nothing. Take tanh."),
        (dark < 0.5 * light, "Better, but dark pixels are still held back: white comes much easier than black."),
    ):
        require(not made, hint)
    net.load_state_dict(weights)
    hidden = [a for a, b in pairwise(layers) if isinstance(a, WITH_WEIGHTS) and isinstance(b, WITH_WEIGHTS)]
    bare = ", ".join(type(layer).__name__ for layer in hidden if _notices(net, layer, noise, 0.5))
    require(not bare, f"Each hidden layer of G needs batch norm behind it; these have none: {bare}.")
    net.eval()
    require(not _is_linear(lambda z: net(z).atanh(), noise), "G has no activation before its end: put in ReLU.")


def _check_judgement(net: nn.Module, images: Tensor) -> None:
    """A logit for each image, of any size, and no norm where the images come in?"""
    n, given = len(images), tuple(_run(net, images).shape)
    require(given in ((n,), (n, 1)), f"D should give a logit for each of {n} images, ({n},) or ({n}, 1), not {given}.")
    layers = _layers(net, images)
    last = [layer for layer in layers if isinstance(layer, WITH_WEIGHTS)][-1]
    require(isinstance(layers[1], WITH_WEIGHTS), "A norm where D sees the images takes their contrast away: drop it.")
    _grow(last, 1e4)
    judged = _run(net, 1e4 * images).abs().max()
    require(judged > 1, "D's answer stays small however large its weights: return a bare logit.")
    require(not _is_linear(net.eval(), images), "D is linear: convolutions with nothing between them are one.")


@exercise("5.2 A DCGAN of your own")
def check_my_pair(my_pair):
    """Two networks: their pictures and logits, and a gradient that reaches every parameter."""
    torch.manual_seed(0)
    pair = call(my_pair)
    require(isinstance(pair, tuple | list) and len(pair) == 2, "Return the two networks, (generator, discriminator).")
    require(all(isinstance(net, nn.Module) for net in pair), "Both must be networks: MyGenerator(), and not the class.")
    noise, images = torch.randn(16, 100), torch.rand(16, 3, 32, 32) * 2 - 1
    takes = [layer.in_channels for layer in pair[0].modules() if isinstance(layer, WITH_WEIGHTS[1])]
    require(takes[:1] != [3], "The order is (generator, discriminator): yours are swapped.")
    named = [(f"{who}'s {n}", p) for who, net in zip("GD", pair, strict=True) for n, p in net.named_parameters()]
    frozen = ", ".join(name for name, parameter in named if not parameter.requires_grad)
    require(not frozen, f"Frozen, so that it never learns: {frozen}.")
    _check_pictures(deepcopy(pair[0]), noise, (3, 32, 32))
    pair[1].train()(pair[0].train()(noise)).mean().backward()
    missed = ", ".join(name for name, p in named if p.grad is None or (p.dim() > 1 and not p.grad.any()))
    require(not missed, f"No gradient reaches {missed}. Is it used, and is nothing detached or rounded on the way?")
    _check_judgement(pair[1], images)
    odd = {f"{type(m).__name__} in G" for m in pair[0].modules() if isinstance(m, nn.LeakyReLU)}
    odd |= {f"{type(m).__name__} in D" for m in pair[1].modules() if isinstance(m, (nn.ReLU, *POOLING))}
    odd |= {"a hidden Linear in D"} if sum(isinstance(m, nn.Linear) for m in pair[1].modules()) > 1 else set()
    note = f" (The guidelines do without {', '.join(sorted(odd))}; compare, if you like.)" if odd else ""
    return f"They fit, and every weight learns. Now let them play, as the solution does.{note}"


@exercise("5.3 Find the bug")
def check_mended_generator(mended_generator):
    """The images of the mended network: their shape, how dark they get, and their range with large weights."""
    torch.manual_seed(0)
    net = call(mended_generator)
    require(isinstance(net, nn.Module), f"Return the network, an nn.Sequential, not a {type(net).__name__}.")
    two_left = sum(isinstance(layer, nn.ReLU) for layer in net.modules()) == 2
    _check_pictures(net, torch.randn(64, 16), (1, 8, 8), "You removed another ReLU." if two_left else "Why?")
    return "The last layer must be able to make every value that the data have."
