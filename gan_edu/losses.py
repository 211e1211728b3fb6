"""The adversarial losses and their penalties, as plain functions of logits. Taught in chapters 02 and 08.

A logit is the discriminator's unbounded output: `sigmoid(logit)` is its belief that the input is real. Logits have the
shape (N,), or (N, K) where a discriminator gives several for each sample; every loss is the mean over all of them.
With `r` for logits of real data and `f` for logits of fakes (the name RpGAN is from On Relativistic f-Divergences,
ICML 2020):

| name             | D minimizes                           | G minimizes         | source                           |
|------------------|---------------------------------------|---------------------|----------------------------------|
| `minimax`        | E softplus(-r) + E softplus(f)        | -E softplus(f)      | Goodfellow et al. 2014, eq. 1    |
| `non_saturating` | E softplus(-r) + E softplus(f)        | E softplus(-f)      | Goodfellow et al. 2014, sec. 3   |
| `least_squares`  | (E (r - 1)^2 + E f^2) / 2             | E (f - 1)^2 / 2     | Mao et al. 2017, eq. 9           |
| `hinge`          | E relu(1 - r) + E relu(1 + f)         | -E f                | Lim and Ye 2017; Miyato 2018     |
| `wasserstein`    | E f - E r                             | -E f                | Arjovsky et al. 2017             |
| `relativistic`   | E softplus(f - r)                     | E softplus(r - f)   | Jolicoeur-Martineau 2019 (RpGAN) |
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus


@dataclass(frozen=True)
class GANLoss:
    """A pair of losses, one for each player; both are minimized.

    discriminator(real_logits, fake_logits) -> scalar tensor
    generator(fake_logits, real_logits=None) -> scalar tensor; `real_logits` matter only where `compares` is true

    Raises ValueError where logits are not (N,) or (N, K), or, for a loss that compares, where their shapes differ.
    """

    name: str
    on_discriminator: Callable[[Tensor, Tensor], Tensor]
    on_generator: Callable[[Tensor, Tensor | None], Tensor]
    compares: bool = False  # are real and fake logits paired by position?

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        self._check(real_logits, fake_logits)
        return self.on_discriminator(real_logits, fake_logits)

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        self._check(real_logits, fake_logits)
        return self.on_generator(fake_logits, real_logits)

    def _check(self, real_logits, fake_logits):
        shapes = [None if logits is None else tuple(logits.shape) for logits in (real_logits, fake_logits)]
        if any(shape is not None and len(shape) not in (1, 2) for shape in shapes):
            raise ValueError(
                f"logits have the shapes {shapes[0]} (real) and {shapes[1]} (fake); a discriminator gives logits of "
                "shape (N,) or (N, K), one row for each sample"
            )
        if self.compares and real_logits is None:
            raise ValueError(f"G's {self.name} loss compares fakes with real samples: give it real_logits as well")
        if self.compares and shapes[0] != shapes[1]:  # (N, 1) - (N,) would silently be (N, N)
            raise ValueError(
                f"the {self.name} loss pairs real and fake logits by position, but their shapes are {shapes[0]} and "
                f"{shapes[1]}: give it as many real samples as fakes, with logits of one shape"
            )


def _cross_entropy_discriminator(real_logits, fake_logits):
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


LOSSES: dict[str, GANLoss] = {
    loss.name: loss
    for loss in (
        GANLoss("minimax", _cross_entropy_discriminator, lambda f, r: -softplus(f).mean()),
        GANLoss("non_saturating", _cross_entropy_discriminator, lambda f, r: softplus(-f).mean()),
        GANLoss(
            "least_squares",
            lambda r, f: ((r - 1).square().mean() + f.square().mean()) / 2,
            lambda f, r: (f - 1).square().mean() / 2,
        ),
        GANLoss("hinge", lambda r, f: relu(1 - r).mean() + relu(1 + f).mean(), lambda f, r: -f.mean()),
        GANLoss("wasserstein", lambda r, f: f.mean() - r.mean(), lambda f, r: -f.mean()),
        GANLoss(
            "relativistic",
            lambda r, f: softplus(f - r).mean(),
            lambda f, r: softplus(r - f).mean(),
            compares=True,
        ),
    )
}


def get_loss(loss: str | GANLoss) -> GANLoss:
    """The loss of that name, or the loss itself. Raises ValueError that lists the names there are."""
    if isinstance(loss, GANLoss):
        return loss
    if loss not in LOSSES:
        raise ValueError(f"there is no loss {loss!r}; choose one of {', '.join(LOSSES)}, or pass a GANLoss of your own")
    return LOSSES[loss]


# The two losses under the names of the article that the course grew out of: its code is the non-saturating pair.
discriminator_loss = LOSSES["non_saturating"].discriminator
generator_loss = LOSSES["non_saturating"].generator


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """E ||grad_x D(x)||^2 over real data, a scalar; its usual weight is gamma / 2 (Mescheder et al. 2018, eq. 9).

    `discriminator` maps samples (N, ...) to logits; each sample's logit must depend on that sample alone, so no
    batch norm in training mode.
    """
    return _input_gradients(discriminator, real).square().sum(1).mean()


def r2_penalty(discriminator: Callable[[Tensor], Tensor], fake: Tensor) -> Tensor:
    """E ||grad_x D(x)||^2 over fakes, a scalar; its usual weight is gamma / 2 (Mescheder et al. 2018, eq. 10)."""
    return r1_penalty(discriminator, fake)


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """E (||grad_x D(x)|| - 1)^2 on points drawn uniformly between real and fake (Gulrajani et al. 2017, eq. 3).

    `real` and `fake` are paired by position and have one shape (N, ...), else ValueError. `generator` draws the
    points. The usual weight is 10.
    """
    if real.shape != fake.shape:
        raise ValueError(f"real and fake must have one shape, not {tuple(real.shape)} and {tuple(fake.shape)}")
    t = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device, generator=generator)
    gradients = _input_gradients(discriminator, real + t * (fake - real))
    return (torch.linalg.vector_norm(gradients, dim=1) - 1).square().mean()


def _input_gradients(discriminator, x):
    """grad_x D(x) of each sample, (N, features), of the mean where D gives several logits.

    At least in float32, because squares of small numbers vanish in less.
    """
    with torch.autocast(x.device.type, enabled=False):
        x = x.detach().to(torch.promote_types(x.dtype, torch.float32)).requires_grad_(True)
        logits = discriminator(x).reshape(len(x), -1).mean(1)
        (gradients,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradients.flatten(1)


class Term(NamedTuple):
    """One more term of a player's loss: a penalty, an L1 distance, a cycle.

    It adds `weight * function(discriminator, real, fake, condition)` to the loss; where `every` > 1 it is computed in
    every `every`-th move of its player only and counts `every` times ("lazy" regularization, Karras et al. 2020,
    section 3.1): for gradient descent the same on average, for Adam, which remembers squares of gradients, not quite.
    `discriminator` is a function of samples alone: the condition is bound to it already.
    """

    name: str
    function: Callable[[Callable[[Tensor], Tensor], Tensor, Tensor, Tensor | None], Tensor]
    weight: float
    every: int = 1


PENALTIES: dict[str, Callable] = {  # as functions that a Term can hold
    "r1": lambda discriminator, real, fake, condition: r1_penalty(discriminator, real),
    "r2": lambda discriminator, real, fake, condition: r2_penalty(discriminator, fake),
    "gradient_penalty": lambda discriminator, real, fake, condition: gradient_penalty(discriminator, real, fake),
}


def l1(weight: float) -> Term:
    """How far fakes are from the real samples, which are paired with them: one more term of G's loss (Isola 2017)."""
    return Term("l1", lambda discriminator, real, fake, condition: (fake - real).abs().mean(), weight)


def cycle(generator, weight: float) -> Term:
    """How far pairs are from where two translations led them: one more term of G's loss (Zhu et al. 2017, eq. 2).

    `generator` is a `models.PairGenerator`. The fakes must come from the real pairs: `generator(generator.swap(real))`.
    """

    def there_and_back(discriminator, real, fake, condition):
        return (generator(generator.swap(fake)) - real).abs().mean()

    return Term("cycle", there_and_back, weight)


def likelihood(generator, weight: float = 1.0) -> Term:
    """How surprised G is by the real samples, -E log q(x): one more term of G's loss, for a G that has a `log_prob`."""

    def surprise(discriminator, real, fake, condition):
        return -generator.log_prob(real, condition).mean()

    return Term("likelihood", surprise, weight)


def reinforce(generator, loss: str | GANLoss = "non_saturating", baseline: bool = True) -> tuple[GANLoss, Term]:
    """A loss and a term of G for samples that pass no gradient: `GAN(G, D, loss, g_terms=[term])` takes both.

    The loss is the given one, without a gradient for G, and must not compare with real samples. G's gradient comes from
    the term, E c(x) grad log q(x): `c` is G's loss on each fake, less the mean of the other fakes' where there is a
    `baseline`. Its mean is the exact gradient. `generator.log_prob(samples, condition)` gives log q (N,).

    Source: Williams 1992; for strings that D judges whole, Yu et al. 2017 (SeqGAN).
    """
    loss = get_loss(loss)
    silent = GANLoss(f"{loss.name}, reinforce", loss.on_discriminator, lambda f, r: loss.on_generator(f.detach(), r))

    def score(discriminator, real, fake, condition):
        fake = fake.detach()
        with torch.no_grad():
            costs = torch.vmap(lambda logits: loss.on_generator(logits, None))(discriminator(fake))
        if baseline:  # the mean of the others is (sum - c) / (n - 1)
            costs = (costs - costs.mean()) * len(costs) / (len(costs) - 1)
        return (costs * generator.log_prob(fake, condition)).mean()

    return silent, Term("reinforce", score, 1.0)


def penalty(name: str, weight: float, every: int = 1) -> Term:
    """The penalty of that name as a term of D's loss: `GAN(..., d_terms=[penalty("r1", 0.5)])`. Raises ValueError."""
    if name not in PENALTIES:
        raise ValueError(f"there is no penalty {name!r}; choose one of {', '.join(PENALTIES)}")
    return Term(name, PENALTIES[name], weight, every)
