"""The Dirac-GAN, a game of two numbers (Mescheder, Geiger, Nowozin 2018, section 2). Taught in chapter 07.

The data are the single point 0, G makes the single point theta, and D's logit of a point x is psi x, so that the fake
has the logit f = psi theta. G wants to move along its pull times psi, D along its push times -theta (`FORCES`): every
game turns about its only solution, theta = psi = 0. What brings it home, or drives it away, is told by the
eigenvalues of one step, here by autograd of the step itself.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gan_edu.losses import LOSSES


class Rules(NamedTuple):
    """How the game is played.

    loss: a name in `FORCES`; updates: "alternating" (D, then G against the moved D) or "simultaneous"
    rate: the step size h of both players; gamma: the weight of R1, which adds (gamma / 2) psi^2 to D's loss
    beta: momentum as Adam keeps it: a step goes along m, where m <- beta m + (1 - beta) gradient
    """

    loss: str = "minimax"
    updates: str = "alternating"
    rate: float = 0.1
    gamma: float = 0.0
    beta: float = 0.0

    @property
    def age(self) -> float:
        """How old, in steps, the news is that a move answers, on average: of the momentum, and of the order."""
        return self.beta / (1 - self.beta) + (self.updates == "simultaneous") / 2


def _sigmoid(s):
    return (1 + (s / 2).tanh()) / 2 if isinstance(s, Tensor) else (1 + math.tanh(s / 2)) / 2


# By loss: how strongly the fake's logit f pulls G, and how strongly it pushes D. For numbers, and for tensors.
FORCES = {
    "minimax": (_sigmoid, _sigmoid),
    "non_saturating": (lambda s: _sigmoid(-s), _sigmoid),
    "wasserstein": (lambda s: 1.0, lambda s: 1.0),
}


def field(weights: Tensor, loss: str = "minimax", gamma: float = 0.0) -> Tensor:
    """Where each player wants to go, down its own loss: from (theta, psi), (..., 2), to (..., 2), by autograd."""
    with torch.enable_grad():
        inputs = weights if weights.requires_grad else weights.clone().requires_grad_()
        theta, psi = inputs.reshape(-1, 2).unbind(1)
        real, fake = 0 * psi, psi * theta  # the logits of the points 0 and theta
        to_theta = LOSSES[loss].generator(fake, real) * len(fake)  # the losses are means
        to_psi = LOSSES[loss].discriminator(real, fake) * len(fake) + gamma / 2 * psi.square().sum()
        pull = torch.autograd.grad(to_theta, theta, create_graph=True)[0]
        push = torch.autograd.grad(to_psi, psi, create_graph=True)[0]
        wanted = -torch.stack([pull, push], 1).reshape(weights.shape)
    return wanted if weights.requires_grad else wanted.detach()


def jacobian(loss: str = "minimax", gamma: float = 0.0) -> Tensor:
    """How the field changes around the solution: (2, 2), float64."""
    return torch.autograd.functional.jacobian(lambda w: field(w, loss, gamma), torch.zeros(2, dtype=torch.float64))


def step(state, rules: Rules):
    """One step: from (theta, psi, G's averaged gradient, D's), numbers or tensors, to the next."""
    theta, psi, of_g, of_d = state
    pull, push = FORCES[rules.loss]
    of_d = rules.beta * of_d + (1 - rules.beta) * (push(psi * theta) * theta + rules.gamma * psi)
    moved = psi - rules.rate * of_d
    met = moved if rules.updates == "alternating" else psi  # the D that G answers
    of_g = rules.beta * of_g - (1 - rules.beta) * pull(met * theta) * met
    return theta - rules.rate * of_g, moved, of_g, of_d


def run(rules: Rules, steps: int, start: tuple[float, float] = (1.0, 0.0)) -> Tensor:
    """The path of (theta, psi), before the first step and after each: (steps + 1, 2), float64."""
    state, path = (*start, 0.0, 0.0), [start]
    for _ in range(steps):
        state = step(state, rules)
        path.append(state[:2])
    return torch.tensor(path, dtype=torch.float64)


def run_adam(rate: float, betas: tuple[float, float], steps: int, start: tuple[float, float] = (1.0, 0.0)) -> Tensor:
    """The same for the minimax loss in turns, where both players move by Adam (Kingma and Ba 2015, Algorithm 1)."""
    (theta, psi), path = start, [start]
    moments = {"G": (0.0, 0.0), "D": (0.0, 0.0)}

    def move(player, gradient, t):
        m, v = moments[player]
        m, v = betas[0] * m + (1 - betas[0]) * gradient, betas[1] * v + (1 - betas[1]) * gradient**2
        moments[player] = m, v
        return rate * m / (1 - betas[0] ** t) / (math.sqrt(v / (1 - betas[1] ** t)) + 1e-8)

    for t in range(1, steps + 1):
        psi -= move("D", _sigmoid(psi * theta) * theta, t)
        theta += move("G", _sigmoid(psi * theta) * psi, t)
        path.append((theta, psi))
    return torch.tensor(path, dtype=torch.float64)


def eigenvalues(rules: Rules) -> Tensor:
    """The eigenvalues of one step near the solution, largest first: two, or four with momentum; complex128."""
    start = torch.zeros(4, dtype=torch.float64)
    matrix = torch.autograd.functional.jacobian(lambda state: torch.stack(step(state, rules)), start)
    values = torch.linalg.eigvals(matrix)
    return values[values.abs().argsort(descending=True)][: 4 if rules.beta else 2]


def predicted_radius(rules: Rules, steps: int, radius: float = 1.0) -> Tensor:
    """The distance from the solution that theory expects, averaged over a turn: (steps + 1,), float64.

    In a step it grows by (log |z|) r - b r^3, where z is the largest eigenvalue, and b is h / 16 for the non-saturating
    loss, which brakes far from the solution, and else 0.
    """
    growth = 2 * eigenvalues(rules)[0].abs().log().item()
    brake = rules.rate / 8 * radius**2 if rules.loss == "non_saturating" else 0.0
    n = torch.arange(steps + 1, dtype=torch.float64)
    return radius * ((growth * n).exp() / (1 + brake * (torch.expm1(growth * n) / growth if growth else n))).sqrt()
