"""The exercises of chapter 08: a lazy penalty by hand, an augmentation that leaks, a layer's largest stretch."""

import math

import torch
from torch import nn
from torch.nn.functional import softplus

from gan_edu import losses, models
from gan_edu.exercises.core import Wrong, call, close, exercise, require


def _number(answer) -> float:
    return float(answer.detach()) if isinstance(answer, torch.Tensor) else float(answer)


NEEDS = "`real` has no gradient yet: x = real.clone().requires_grad_(True), and differentiate D(x) by x."


@exercise("8.1 A lazy penalty, by hand")
def check_lazy_r1(lazy_r1) -> str:
    """gamma / 2 * every * E |grad D|^2 where the step is due, 0 where it is not; with a graph back to D's weights."""
    torch.manual_seed(0)
    d, real, gamma, every, asked = models.MLPDiscriminator(), torch.randn(32, 2), 0.6, 8, []
    x = real.clone().requires_grad_(True)
    (slopes,) = torch.autograd.grad(d(x).sum(), x)
    squared, length = slopes.square().sum(1).mean().item(), slopes.norm(dim=1).mean().item()
    right = gamma / 2 * every * squared
    try:
        term = call(lazy_r1, d, real, gamma, 16, every)
    except RuntimeError as error:
        raise (Wrong(NEEDS) if "does not require grad" in str(error) else error) from None
    require(torch.as_tensor(term).numel() == 1, "Return one number: the mean over the batch.")
    found = _number(term)
    mistakes = {
        "Step 16 is due when every is 8: 16 % 8 is 0.": 0.0,
        "Count it `every` times: it is left out in all the other steps.": right / every,
        "R1 is gamma / 2 times the mean square: the half is missing.": 2 * right,
        "Square the slope's length, |grad D|^2: you took the length itself.": right / squared * length,
        "Square each length before you take the mean.": right / squared * length**2,
        "Sum over x's coordinates, then take the mean over the batch: yours is a mean over both.": right / 2,
        "Take the mean over the batch, not the sum.": right * len(real),
        "Differentiate the sum of D(real), not its mean: that divides it by the batch.": right / len(real) ** 2,
    }
    for hint, mistake in mistakes.items():
        require(not close(found, mistake, 1e-4 * right), hint)
    due = f"Here it should be {right:.4f}, yours is {found:.4f}. Differentiate D's logits, not its loss or probability."
    require(close(found, right, 1e-3 * right), due)
    graph = "The value is right, but D cannot learn from it: autograd.grad(..., create_graph=True) keeps the graph."
    require(isinstance(term, torch.Tensor) and term.requires_grad, graph)
    both = term, gamma / 2 * every * losses.r1_penalty(d, real)
    got, expected = (torch.autograd.grad(loss, list(d.parameters()), allow_unused=True) for loss in both)
    pairs = [(a, b) for a, b in zip(got, expected, strict=True) if b is not None and b.abs().max() > 0]
    require(all(a is not None and torch.allclose(a, b, rtol=1e-3, atol=1e-6) for a, b in pairs), graph)
    d.register_forward_hook(lambda *_: asked.append(1))
    for n in (1, 4, 7, 9):
        rest = lazy_r1(d, real, gamma, n, every)
        require(rest is not None and not _number(rest), f"Step {n} is not due when every is 8: return 0, not {rest}.")
    require(not asked, "Right, but not lazy: you ask D for slopes in steps that are not due. Return 0 before that.")
    require(close(lazy_r1(d, real, gamma, 0, 1), right / every, 1e-3 * right), "With every = 1 each step counts once.")
    return "The same push on average, for a fraction of the price."


@exercise("8.2 Find the leak")
def check_mended_losses(mended_losses) -> str:
    """Whatever reaches D is augmented, in both losses, and G's gradient flows through it."""
    torch.manual_seed(0)
    d, real, noise = models.MLPDiscriminator(), torch.randn(64, 2), torch.randn(64, 2)
    d.net[-1].weight.data.mul_(20)
    g, once = nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False)  # an augmentation without dice: losses compare
    once.weight.data, once.bias.data = 1.5 * torch.eye(2), torch.tensor([0.7, -0.4])
    see = [nn.Identity(), once, nn.Sequential(once, once)]  # augmented how often
    answer = call(mended_losses, g, d, see[1], real, noise)
    require(isinstance(answer, list | tuple) and len(answer) == 2, "Return two losses, (d_loss, g_loss).")
    d_loss, g_loss = answer
    on_real, for_g = ([softplus(-d(once(x))).mean() for once in see] for x in (real, g(noise)))
    on_fake = [softplus(d(once(g(noise)))).mean() for once in see]
    mistakes = {
        (1, 0): "D still sees augmented reals and plain fakes: that is how it tells them.",
        (0, 1): "Now the fakes alone are augmented in D's loss: the leak turned round.",
        (0, 0): "Now nothing is augmented in D's loss: no leak, and no help for little data either.",
        (1, 2): "In D's loss the fakes are augmented twice, the reals once.",
    }
    for (r, f), hint in mistakes.items():
        require(not close(d_loss, on_real[r] + on_fake[f], 1e-5), hint)
    right = on_real[1] + on_fake[1]
    require(not (close(d_loss, for_g[1], 1e-5) and close(g_loss, right, 1e-5)), "Swap them: D's loss comes first.")
    require(close(d_loss, right, 1e-5), "D's loss is off: softplus(-D(.)) on reals, softplus(D(.)) on fakes, means.")
    into_g = torch.autograd.grad(d_loss, g.weight, retain_graph=True, allow_unused=True)[0]
    require(into_g is None, "D's loss is right, but its gradient reaches G: D needs the fakes detached.")
    require(not close(g_loss, for_g[0], 1e-5), "D has never seen plain fakes: augment them for G as well.")
    require(not close(g_loss, for_g[2], 1e-5), "G's fakes are augmented twice: D has never seen that.")
    require(close(g_loss, for_g[1], 1e-5), "G's loss is off: softplus(-D(.)) on its augmented fakes, a mean.")
    cut = "No gradient reaches G: between G and its loss there must be no detach and no no_grad."
    require(g_loss.requires_grad, cut)
    (way,) = torch.autograd.grad(g_loss, g.weight, retain_graph=True, allow_unused=True)
    require(way is not None, cut)
    same = torch.allclose(way, *torch.autograd.grad(for_g[1], g.weight), rtol=1e-3, atol=1e-6)
    require(same, "G's gradient does not go through `augment` as it should.")
    return "What D sees is augmented, always; and G learns through it."


@exercise("8.3 How far can a layer stretch?")
def check_stretch(stretch) -> str:
    """The largest singular value, of tall, wide and square matrices."""
    torch.manual_seed(0)  # the answer's own first vector is no luck
    for seed, shape in enumerate(((64, 2), (64, 64), (1, 64), (8, 30))):
        weight = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
        try:
            answer = call(stretch, weight.clone())
        except RuntimeError as error:
            raise Wrong(f"{error}. v has weight.shape[1] numbers, W v weight.shape[0]: go back by W.T.") from None
        require(torch.as_tensor(answer).numel() == 1, "Return one number.")
        values, found = torch.linalg.svdvals(weight), _number(answer)
        right = values[0].item()
        require(math.isfinite(found), "It is not finite: divide the vector by its length in each round.")
        mistakes = {
            "That is its square: |W^T W v| grows by it twice. Take the length of W v once.": right**2,
            "That is the root of the sum of all squares, which no single vector reaches.": values.norm().item(),
            "That is the largest entry; a vector may use many entries at once.": weight.abs().max().item(),
            "That is the least stretch, or an average one: go on until the vector turns no more.": values[-1].item(),
            "That is 1, the length that you have just divided by: return the length of W v, with v of length 1.": 1.0,
        }
        for hint, mistake in mistakes.items():
            require(not close(found, mistake, 1e-3) or close(right, mistake, 1e-3), hint)
        unit = "Or is v's length not 1? v / v.norm()"
        require(found < right * 1.01, f"No vector is stretched by more than {right:.3f}; yours is {found:.3f}. {unit}")
        few = f"{found:.3f} for a {shape[0]}x{shape[1]} matrix; {right:.3f} is possible. More rounds? {unit}"
        require(found > right * 0.99, few)
    return "Spectral norm divides each layer by this number; PyTorch makes one round a step."
