"""One step of the game: Algorithm 1 of Goodfellow et al. (2014), for one batch."""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from gan_edu.losses import Term
from gan_edu.train.game import GAN


class StepLosses(NamedTuple):
    """The losses of both players in one step, without their terms: scalar tensors on the device, without a graph."""

    discriminator: Tensor
    generator: Tensor


def train_step(gan: GAN, real: Tensor, noise: Tensor | None = None, condition: Tensor | None = None) -> StepLosses:
    """One step of the game on a batch of real samples: (N, ...) like the generator's output.

    Noise is drawn from the prior where none is given; both players use the same. Nothing waits for the device.
    Raises ValueError where the generator's samples are not shaped like the real ones.
    """
    noise = gan.sample_noise(len(real)) if noise is None else noise
    fake = gan.generate(noise, condition)
    if fake.shape != real.shape:
        raise ValueError(f"the generator makes samples of shape {tuple(fake.shape)}, the data are {tuple(real.shape)}")
    if gan.updates == "alternating":
        d_loss = discriminator_step(gan, real, fake.detach(), condition)
        g_loss = generator_step(gan, real, fake, condition)
    else:
        d_loss, g_loss = simultaneous_step(gan, real, fake, condition)
    gan.update_ema()
    gan.steps += 1
    return StepLosses(d_loss, g_loss)


def discriminator_step(gan: GAN, real: Tensor, fake: Tensor, condition: Tensor | None = None) -> Tensor:
    """D moves once; returns its loss before the move, a scalar tensor. `fake` needs no graph."""
    loss, objective = discriminator_objective(gan, real, fake, condition)
    differentiate(objective, gan.d_optimizer)
    move(gan.d_optimizer)
    gan.d_moves += 1
    return loss.detach()


def generator_step(gan: GAN, real: Tensor, fake: Tensor, condition: Tensor | None = None) -> Tensor:
    """G moves once; returns its loss before the move, a scalar tensor. `fake` carries the graph back to G."""
    if not fake.requires_grad:
        raise ValueError("fake has no graph, so G cannot learn from it: pass gan.generate(noise), without detach")
    loss, objective = generator_objective(gan, real, fake, condition)
    differentiate(objective, gan.g_optimizer)
    move(gan.g_optimizer)
    gan.g_moves += 1
    return loss.detach()


def simultaneous_step(gan: GAN, real: Tensor, fake: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Both gradients from one forward pass, then both moves; returns both losses before them, D's and G's."""
    logits = _logits(gan, real, fake, condition)
    d_loss, d_objective = discriminator_objective(gan, real, fake.detach(), condition, logits)
    g_loss, g_objective = generator_objective(gan, real, fake, condition, logits)
    differentiate(d_objective, gan.d_optimizer, retain_graph=True)
    differentiate(g_objective, gan.g_optimizer)
    move(gan.d_optimizer)
    move(gan.g_optimizer)
    gan.d_moves += 1
    gan.g_moves += 1
    return d_loss.detach(), g_loss.detach()


Logits = tuple[Tensor | None, Tensor]  # of real samples and of fakes


def discriminator_objective(
    gan: GAN, real: Tensor, fake: Tensor, condition: Tensor | None = None, logits: Logits | None = None
) -> tuple[Tensor, Tensor]:
    """(D's loss, that loss with D's terms), scalar tensors, of the given logits or those computed here."""
    if logits is None:
        logits = (_logits_of_one_batch if gan.one_batch else _logits)(gan, real, fake, condition)
    loss = gan.loss.discriminator(*logits)
    return loss, loss + _terms(gan, gan.d_terms, gan.d_moves, real, fake, condition)


def generator_objective(
    gan: GAN, real: Tensor, fake: Tensor, condition: Tensor | None = None, logits: Logits | None = None
) -> tuple[Tensor, Tensor]:
    """(G's loss, that loss with G's terms), scalar tensors, of the given logits or those computed here."""
    if logits is None:
        logits = _logits(gan, real if gan.loss.compares else None, fake, condition)
    real_logits, fake_logits = logits
    loss = gan.loss.generator(fake_logits, real_logits)
    return loss, loss + _terms(gan, gan.g_terms, gan.g_moves, real, fake, condition)


def _logits(gan, real, fake, condition):
    return None if real is None else gan.judge(real, condition), gan.judge(fake, condition)


def _logits_of_one_batch(gan, real, fake, condition):
    both = gan.judge(torch.cat([real, fake]), None if condition is None else torch.cat([condition, condition]))
    return both[: len(real)], both[len(real) :]


def _terms(gan, terms, moves, real, fake, condition):
    judge = partial(gan.judge, condition=condition)
    return sum(t.every * t.weight * t.function(judge, real, fake, condition) for t in due(terms, moves))


def due(terms: tuple[Term, ...], moves: int) -> tuple[Term, ...]:
    """Those of a player's terms that are computed in its next move, after so many."""
    return tuple(term for term in terms if moves % term.every == 0)


def differentiate(objective: Tensor, optimizer: torch.optim.Optimizer, retain_graph: bool = False) -> None:
    """Put the objective's gradient on the parameters of this one optimizer, and on no others."""
    optimizer.zero_grad(set_to_none=True)
    learning = [weight for group in optimizer.param_groups for weight in group["params"] if weight.requires_grad]
    with torch.autocast(objective.device.type, enabled=False):  # each operation goes back in its own precision
        objective.backward(inputs=learning, retain_graph=retain_graph)


def move(optimizer: torch.optim.Optimizer) -> None:
    """Move one player along the gradient that `differentiate` left."""
    optimizer.step()
    torch.clear_autocast_cache()  # under autocast it holds copies of the weights from before the move
