"""What a run shows of itself when it is ill. Taught in chapter 10."""

import warnings

import torch
from torch import Tensor

from gan_edu import checkpoints
from gan_edu.train.game import GAN

SIGNED = {"minimax", "non_saturating", "hinge"}  # the losses for which the sign of a logit means something


class Symptom(UserWarning):
    """A run shows a sign of an illness; the message says where to look."""


def probe(gan: GAN, n: int) -> Tensor:
    """`n` inputs of G that cost the run none of its random numbers."""
    dice = checkpoints.random_state()
    noise = gan.prior(n).to(gan.device)
    checkpoints.set_random_state(dice)
    return noise


@torch.no_grad()
def tell(gan: GAN, real: Tensor, condition: Tensor | None, told: set[str]) -> None:
    """Warn of each symptom that was not `told` yet in this run, after a step on this batch; the run stays as it is.

    It waits for the device, so `train` looks every few hundred steps only.
    """
    modes = {module: module.training for network in gan.networks().values() for module in network.modules()}
    noise, dice = probe(gan, len(real)), checkpoints.random_state()  # some networks draw even in evaluation mode
    for module in modes:
        module.training = False  # batch norm neither learns from a look nor sees one sample through the others
    try:
        fake = gan.generate(noise, condition)
        logits = torch.cat([gan.judge(real, condition), gan.judge(fake, condition)])
    finally:
        for module, mode in modes.items():
            module.training = mode
        checkpoints.set_random_state(dice)
    grads = [weight.grad for weight in gan.generator.parameters() if weight.grad is not None]
    # A step may end by clearing them; then Adam remembers whether there were any.
    pushed = any(grad.any() for grad in grads) if grads else any(gan.g_optimizer.state.values())
    outside = (fake.abs() > 1.1).float().mean() if real.ndim == 4 and real.abs().max() <= 1.001 else 0
    alike = fake.float().std(0, correction=0).mean() < 0.03 * real.float().std(0, correction=0).mean()
    one_sign = len(real) > 7 and gan.loss.name in SIGNED and (logits.min() > 0.5 or logits.max() < -0.5)
    seen = {
        "G gets no gradient: is the fake detached in G's loss, or D so sure that the loss is flat?": not pushed,
        "samples are all alike, whatever the noise: look at G's gradient, D's logits and the rates": alike,
        "samples lie outside [-1, 1], where the data are: does G end in a tanh?": outside > 0.1,
        "D's logits have one sign for real and fake: look at its labels, its rate and its last layer": one_sign,
    }
    for message in [message for message, found in seen.items() if found and message not in told]:
        told.add(message)
        warnings.warn(message, Symptom, stacklevel=6)  # at the line that calls `train`
