"""The exercises of chapter 03: D's move, a bug in ten lines, and what two missing lines leave of a gradient."""

import torch

from gan_edu import losses, models
from gan_edu.exercises.core import Wrong, call, close, exercise, require

RATE = 0.1


def _pair(seed: int):
    """A generator, a discriminator and plain gradient descent for each, the same for the same seed."""
    torch.manual_seed(seed)
    networks = models.MLPGenerator(hidden=8), models.MLPDiscriminator(hidden=8)
    return *networks, *(torch.optim.SGD(network.parameters(), RATE) for network in networks)


def _flat(tensors) -> torch.Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def _d_gradient(discriminator, real, fake):
    loss = losses.discriminator_loss(discriminator(real), discriminator(fake.detach()))
    return loss.detach(), _flat(torch.autograd.grad(loss, list(discriminator.parameters())))


@exercise("3.1 D's move, in plain PyTorch")
def check_move_discriminator(move):
    """One move of D from old gradients on both networks: right weights, an untouched G, the loss returned."""
    g, d, _, d_optimizer = _pair(0)
    real, noise, stale = torch.randn(16, 2) + 1, torch.randn(16, 2), 0.5
    for parameter in [*g.parameters(), *d.parameters()]:
        parameter.grad = torch.full_like(parameter, stale)
    before, g_before = _flat(d.parameters()), _flat(g.parameters())
    loss, gradient = _d_gradient(d, real, g(noise))
    _, swapped = _d_gradient(d, g(noise).detach(), real)
    g_loss = losses.generator_loss(d(g(noise).detach()))
    other = _flat(torch.autograd.grad(g_loss, list(d.parameters()), materialize_grads=True))
    answer = call(move, g, d, d_optimizer, real, noise)
    moved = before - _flat(d.parameters())

    require(close(_flat(g.parameters()), g_before), "G has moved. D's move changes D alone: step d_optimizer only.")
    require(moved.abs().max() > 0, "D has not moved: after backward() the optimizer must make its step.")
    require(
        not close(moved, RATE * (gradient + stale)),
        "D's old gradients were added to the new ones: clear them before backward().",
    )
    require(not close(moved, -RATE * gradient), "D moved uphill: it minimizes discriminator_loss, so leave its sign.")
    require(
        not close(moved, RATE * swapped), "Real and fake are swapped: discriminator_loss(real logits, fake logits)."
    )
    require(
        not close(moved, RATE * other),
        "D moved along G's loss and has learnt to take fakes for real: its own is discriminator_loss.",
    )
    require(
        close(moved, RATE * gradient), "D moved, but not along the gradient of its loss on this real and this noise."
    )
    left = [
        p.grad for p in g.parameters() if p.grad is not None and not bool((p.grad == stale).all() | (p.grad == 0).all())
    ]
    require(not left, "D's loss has left a gradient on G: cut the fakes off from G before D judges them.")
    require(close(answer, loss), "The move is right, but return D's loss before the move.")
    require(
        not (isinstance(answer, torch.Tensor) and answer.requires_grad),
        "All is right but one thing: the returned loss still holds its graph, and so its memory. Return loss.detach().",
    )
    return "G never noticed that D has learnt."


def _reference_steps(batches):
    """The weights of G and of D, and both losses, after each step made as in the 2014 paper."""
    g, d, g_optimizer, d_optimizer = _pair(1)
    for real, noise in batches:
        fake = g(noise)
        d_optimizer.zero_grad()
        d_loss = losses.discriminator_loss(d(real), d(fake.detach()))
        d_loss.backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        g_loss = losses.generator_loss(d(fake))
        g_loss.backward()
        g_optimizer.step()
        yield _flat(g.parameters()), _flat(d.parameters()), d_loss.detach(), g_loss.detach()


def _call_step(step, *arguments):
    try:
        return call(step, *arguments)
    except RuntimeError as error:
        if "second time" in str(error):
            raise Wrong(
                "D's backward() walked through G and freed its graph, so G's backward() has nothing left: keep the "
                "detach of line 2."
            ) from None
        raise


def _check_first_step(g, d, g_start, d_start, expected, unmoved_d_gradient):
    """The hint for what went wrong in a step that started without any old gradients."""
    require(not close(_flat(d.parameters()), d_start), "D stands still: it needs its own backward() and step.")
    require(
        not close(_flat(g.parameters()), g_start),
        "G stands still: its loss must see the fakes with their graph, so no detach in line 6.",
    )
    require(
        not close(_flat(g.parameters()), g_start - RATE * unmoved_d_gradient),
        "G learnt against the D from before its move: compute G's loss after d_optimizer.step().",
    )
    require(
        close(_flat(d.parameters()), expected[1]), "D's weights are wrong after one step: is its loss still line 2?"
    )
    require(
        close(_flat(g.parameters()), expected[0]),
        "D is right after one step but G is not: does G move along its own loss alone?",
    )


@exercise("3.2 Find the bug in ten lines")
def check_mended_step(step):
    """Four steps on given batches: the weights after each, then the losses."""
    torch.manual_seed(2)
    batches = [(torch.randn(16, 2) + 1, torch.randn(16, 2)) for _ in range(4)]
    g, d, g_optimizer, d_optimizer = _pair(1)
    g_start, d_start = _flat(g.parameters()), _flat(d.parameters())
    g_loss = losses.generator_loss(d(g(batches[0][1])))
    against_unmoved = _flat(torch.autograd.grad(g_loss, list(g.parameters())))
    for index, (batch, expected) in enumerate(zip(batches, list(_reference_steps(batches)), strict=True)):
        answer = _call_step(step, g, d, g_optimizer, d_optimizer, *batch)
        if index == 0:
            _check_first_step(g, d, g_start, d_start, expected, against_unmoved)
        require(
            close(_flat(d.parameters()), expected[1]),
            "The first step is right, a later one is not: gradients are left on D from G's backward() (line 7) and "
            "are added to D's next ones. Clear them after line 7 and before line 3.",
        )
        require(
            close(_flat(g.parameters()), expected[0]),
            "G's old gradients are added to its new ones from step to step: clear them before line 7.",
        )
    right = isinstance(answer, tuple) and len(answer) == 2 and all(map(close, answer, expected[2:]))
    require(right, "The weights are right; return D's loss and G's loss, in this order, each before its player's move.")
    return "In every step each player now moves along the gradient of its own loss alone."


@exercise("3.3 What the bug leaves of the gradient")
def check_share_of_gradient(share):
    """The ratio (1 - 2 s) / (1 - s) at four beliefs; 0.3 comes first, since upside down it has no value at 0.5."""
    require(
        not close(float(call(share, 0.3)), 0.7 / 0.4),
        "Upside down: what G gets, divided by what it should get. Yours, at s = 0.3, is more than all of it.",
    )
    beliefs = (0.3, 0.2, 0.5, 0.8)
    answers = [float(call(share, s)) for s in beliefs]

    def like(formula):
        return close(answers, [formula(s) for s in beliefs])

    require(
        not like(lambda s: 2 * s - 1), "That is the slope of the sum; divide it by the slope of G's own loss, s - 1."
    )
    require(
        not like(lambda s: s / (s - 1)), "That compares D's part alone with G's: what G gets is the sum of the two."
    )
    require(
        not like(lambda s: (2 * s - 1) / (1 - s)),
        "The size is right, the sign is not: the slope of softplus(-f) is s - 1, which is negative.",
    )
    require(
        not like(lambda s: 0.0), "Zero is the answer for the minimax loss; here G's loss is the non-saturating one."
    )
    require(
        like(lambda s: (1 - 2 * s) / (1 - s)),
        "Add the slopes of softplus(f) and softplus(-f), each as a formula in s, then divide by the second.",
    )
    return "At s = 1/2 nothing is left, and beyond it G is pushed back."
