"""The exercises of chapter 08: a lazy penalty by hand, a layer's largest stretch, an augmentation that leaks."""

import math

import torch
from torch import nn
from torch.nn.functional import softplus

from gan_edu import losses, models
from gan_edu.exercises.core import call, close, exercise, require


def _number(answer) -> float:
    return float(answer.detach()) if isinstance(answer, torch.Tensor) else float(answer)


@exercise("8.1 A lazy penalty, by hand")
def check_lazy_r1(lazy_r1) -> str:
    """gamma / 2 * every * E |grad D|^2 where the step is due, 0 where it is not; with a graph back to D's weights."""
    torch.manual_seed(0)
    d, real, gamma, every = models.MLPDiscriminator(), torch.randn(32, 2), 0.6, 8
    x = real.clone().requires_grad_(True)
    (slopes,) = torch.autograd.grad(d(x).sum(), x)
    squared, length = slopes.square().sum(1).mean().item(), slopes.norm(dim=1).mean().item()
    right = gamma / 2 * every * squared
    term = call(lazy_r1, d, real, gamma, 16, every)
    require(torch.as_tensor(term).numel() == 1, "Return one number: the mean over the batch.")
    found = _number(term)
    mistakes = {
        "Step 16 is due when every is 8: 16 % 8 is 0.": 0.0,
        "Count it `every` times: it is left out in all the other steps.": right / every,
        "R1 is gamma / 2 times the mean square: the half is missing.": 2 * right,
        "That is gamma without its half, and without `every`.": 2 * right / every,
        "Square the slope's length, |grad D|^2: you took the length itself.": right / squared * length,
        "Sum over x's coordinates, then take the mean over the batch: yours is a mean over both.": right / 2,
        "Take the mean over the batch, not the sum.": right * len(real),
        "Differentiate D(real).sum(): each logit then gives its own sample's slope. A mean divides it by the batch.": (
            right / len(real) ** 2
        ),
    }
    for hint, mistake in mistakes.items():
        require(not close(found, mistake, 1e-4 * right), hint)
    require(close(found, right, 1e-3 * right), f"In a step that is due it should be {right:.4f}, yours is {found:.4f}.")
    graph = "The value is right, but D cannot learn from it: autograd.grad(..., create_graph=True) keeps the graph."
    require(isinstance(term, torch.Tensor) and term.requires_grad, graph)
    weights = list(d.parameters())
    expected = torch.autograd.grad(gamma / 2 * every * losses.r1_penalty(d, real), weights, allow_unused=True)
    got = torch.autograd.grad(term, weights, allow_unused=True)
    pairs = [(a, b) for a, b in zip(got, expected, strict=True) if b is not None and b.abs().max() > 0]
    require(all(a is not None and torch.allclose(a, b, rtol=1e-3, atol=1e-6) for a, b in pairs), graph)
    for step in (1, 4, 7, 9):
        rest = lazy_r1(d, real, gamma, step, every)
        none = f"Step {step} is not due when every is {every}: return 0 there, not None."
        require(rest is not None, none)
        require(_number(rest) == 0, f"Step {step} is not due when every is {every}: return 0 there.")
    often = _number(lazy_r1(d, real, gamma, 5, 1))
    require(close(often, right / every, 1e-3 * right), "With every = 1 each step is due, and counts once.")
    return "The same push on average, for a fraction of the price."


@exercise("8.2 How far can a layer stretch?")
def check_stretch(stretch) -> str:
    """The largest singular value, of tall, wide and square matrices."""
    for seed, shape in enumerate(((64, 2), (64, 64), (1, 64), (8, 30))):
        weight = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
        answer = call(stretch, weight.clone())
        require(torch.as_tensor(answer).numel() == 1, "Return one number.")
        values, found = torch.linalg.svdvals(weight), _number(answer)
        right = values[0].item()
        require(math.isfinite(found), "It is not finite: divide the vector by its length in each round.")
        mistakes = {
            "That is its square: |W^T W v| grows by it twice. Take the length of W v once.": right**2,
            "That is the root of the sum of all squares, which no single vector reaches.": values.norm().item(),
            "That is the largest entry; a vector may use many entries at once.": weight.abs().max().item(),
            "That is the least stretch, or an average one; go on with W^T W until the vector turns no more.": (
                values[-1].item()
            ),
            "That is 1, the length that you have just divided by: return the length of W v, with v of length 1.": 1.0,
        }
        for hint, mistake in mistakes.items():
            require(not close(found, mistake, 1e-3) or close(right, mistake, 1e-3), hint)
        require(found < right * 1.01, f"No vector is stretched by more than {right:.3f}; yours is {found:.3f}.")
        few = f"{found:.3f} for a {shape[0]}x{shape[1]} matrix; {right:.3f} is possible. More rounds?"
        require(found > right * 0.99, few)
    return "Spectral norm divides each layer by this number; PyTorch makes one round a step."


def leaky_losses(G, D, augment, real, noise):
    """D's loss and G's, (d_loss, g_loss), with an augmentation that leaks."""
    fake = G(noise)
    d_loss = softplus(-D(augment(real))).mean() + softplus(D(fake.detach())).mean()
    return d_loss, softplus(-D(fake)).mean()


@exercise("8.3 Find the leak")
def check_mended_losses(mended_losses) -> str:
    """Whatever reaches D is augmented, in both losses, and G's gradient flows through it."""
    torch.manual_seed(0)
    d, real, noise = models.MLPDiscriminator(), torch.randn(64, 2), torch.randn(64, 2)
    with torch.no_grad():
        d.net[-1].weight.mul_(20)
    shift = torch.tensor([0.7, -0.4])  # an augmentation without dice, so that losses can be compared
    g = nn.Linear(2, 2)
    answer = call(mended_losses, g, d, lambda x: 1.5 * x + shift, real, noise)
    require(isinstance(answer, list | tuple) and len(answer) == 2, "Return two losses, (d_loss, g_loss).")
    d_loss, g_loss = answer
    fake = g(noise)
    seen = {"plain": lambda x: x, "augmented": lambda x: 1.5 * x + shift}
    on_real = {name: softplus(-d(see(real))).mean() for name, see in seen.items()}
    on_fake = {name: softplus(d(see(fake))).mean() for name, see in seen.items()}
    for_g = {name: softplus(-d(see(fake))).mean() for name, see in seen.items()}

    def is_d(real, fake):
        return close(d_loss, on_real[real] + on_fake[fake], 1e-5)

    require(not is_d("augmented", "plain"), "D still sees augmented reals and plain fakes: that is how it tells them.")
    require(not is_d("plain", "augmented"), "Now the fakes alone are augmented in D's loss: the leak turned round.")
    nothing = "Now nothing is augmented in D's loss: no leak, and no help for little data either."
    require(not is_d("plain", "plain"), nothing)
    require(
        is_d("augmented", "augmented"), "D's loss is off: softplus(-D(.)) on reals, softplus(D(.)) on fakes, means."
    )
    half = "D is right. But G is judged on plain fakes, by a D that has never seen any: augment them for G as well."
    require(not close(g_loss, for_g["plain"], 1e-5), half)
    require(close(g_loss, for_g["augmented"], 1e-5), "G's loss is off: softplus(-D(.)) on its augmented fakes, a mean.")
    cut = "No gradient reaches G: between G and its loss there must be no detach and no no_grad."
    require(g_loss.requires_grad, cut)
    (way,) = torch.autograd.grad(g_loss, g.weight, retain_graph=True, allow_unused=True)
    require(way is not None, cut)
    (right,) = torch.autograd.grad(for_g["augmented"], g.weight)
    require(
        torch.allclose(way, right, rtol=1e-3, atol=1e-6), "G's gradient does not go through `augment` as it should."
    )
    return "What D sees is augmented, always; and G learns through it."
