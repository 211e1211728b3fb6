"""The exercises of chapter 07: the step in turns, the penalty that brakes best, four changed games."""

import torch

from gan_edu import dirac
from gan_edu.exercises.core import Wrong, call, close, exercise, require, require_diagnoses


def _pair(answer) -> torch.Tensor:
    """The two eigenvalues of an answer, in whatever it holds them, as complex128 (2,)."""
    try:
        values = torch.tensor([complex(value) for value in answer], dtype=torch.complex128)
    except (TypeError, ValueError, RuntimeError):
        values = torch.empty(0)
    require(len(values) == 2, "Return the two eigenvalues: two complex numbers, in any order, and nothing else.")
    require(not values.isnan().any(), "A number below 0 has no real root, and so you got nan: use cmath.")
    return values


def _same(found, expected) -> bool:
    return any(torch.allclose(found, order.to(found), atol=1e-4) for order in (expected, expected.flip(0)))


def _in_turns(a, sign=-1.0) -> torch.Tensor:
    """The eigenvalues of D's move psi += sign a theta, followed by G's, theta += a psi."""
    return torch.linalg.eigvals(torch.tensor([[1 + sign * a**2, a], [sign * a, 1.0]], dtype=torch.float64))


@exercise("7.1 The step in turns")
def check_eigenvalues_in_turns(eigenvalues_in_turns) -> str:
    """1 - h^2/8 +- sqrt((1 - h^2/8)^2 - 1), where the root is imaginary and where it is real."""
    for h in (5.0, 0.2, 1.0, 3.0):
        try:
            answer = _pair(call(eigenvalues_in_turns, h))
        except ValueError as e:
            require(h < 4 or "domain" not in str(e), f"At h = {h:g} the eigenvalues are real: use cmath.")
            raise
        right, turn = _in_turns(h / 2), torch.tensor([0.5j, -0.5j]) * h
        if _same(answer, right):
            continue
        beyond = 1 - h**2 / 8 + abs((1 - h**2 / 8) ** 2 - 1) ** 0.5 * torch.tensor([1j, -1j])
        mistakes = {
            "Those belong to the step at once, I + h J. In turns G multiplies the psi that D has moved.": 1 + turn,
            "That is h J, the wish; the step adds it to where the players stand.": turn,
            "That is J, without the step.": turn / h,
            "sigma(0) = 1/2: near home each move is h / 2 times the other's weight, not h.": _in_turns(h),
            "A sign is lost: D moves against theta, psi' = psi - (h/2) theta.": _in_turns(h / 2, 1.0),
            "Each move alone has the eigenvalues 1 and 1; multiply the two matrices first.": torch.ones(2),
            "Those are two steps at once, (I + h J) twice. A step in turns moves each player once.": (1 + turn) ** 2,
            "Those are half-steps: each player moves by h once in a step.": _in_turns(h / 4),
            "Those are the sizes |z|; the eigenvalues themselves are asked for.": right.abs(),
            "Those are the real parts alone, half the trace: the root is missing.": torch.full((2,), 1 - h**2 / 8),
            "That is right up to h = 4 only; beyond, the root is real.": beyond,
        }
        for hint, mistake in mistakes.items():
            require(not _same(answer, mistake.to(torch.complex128)), hint)
        det = answer.prod()
        far = f"Their product is {det.abs():.3g} in size, and must be 1, the determinant. (h = {h:g})"
        require(abs(det - 1) < 1e-3, far)
        raise Wrong(f"Their product is 1, but their sum, the trace, must be 2 - h^2 / 4. (h = {h:g})")
    return "On the unit circle up to h = 4; beyond, one of them leaves it."


@exercise("7.3 The penalty that brakes best")
def check_critical_gamma(critical_gamma) -> str:
    """1 - h / 4."""
    for h in (1.5, 0.2, 1.0):
        answer = torch.as_tensor(call(critical_gamma, h), dtype=torch.float64).squeeze()
        require(answer.dim() == 0 and answer.isfinite(), f"Return the positive root, a finite number, not {answer}.")
        mistakes = {
            "That is right at once and for tiny steps; in turns it depends on h.": 1.0,
            "That is h gamma; divide it by h.": h - h**2 / 4,
            "That is the other root: with a gamma below 0 the penalty becomes a reward.": -1 - h / 4,
            "That is where steps in turns stop coming home at all, 2 h gamma + h^2/4 = 4.": 2 / h - h / 8,
            "That is where h gamma = 2; before that one eigenvalue has long become large.": 2 / h,
            "There the determinant 1 - h gamma is 0: no memory in one direction, and slow in the other.": 1 / h,
            "That is the size |z| that the best penalty reaches; gamma itself is asked for.": 1 - h / 2,
            "The sign before h / 4 is turned: h gamma = 2 (h/2) - (h/2)^2.": 1 + h / 4,
            "sigma(0) = 1/2: near home each move is h / 2 times the other's weight, not h.": 2 - h,
        }
        for hint, mistake in mistakes.items():
            require(not close(answer, mistake, 5e-3) or close(answer, 1 - h / 4, 5e-3), hint)
        if not close(answer, 1 - h / 4, 5e-3):
            size, best = (dirac.eigenvalues(dirac.Rules(rate=h, gamma=g))[0].abs() for g in (answer, 1 - h / 4))
            raise Wrong(f"At h = {h:g} your {answer:.3g} gives |z| = {size:.3f}; {best:.3f} is possible.")
    return "At gamma = 1 - h/4 both eigenvalues are 1 - h/2: less penalty still turns, more of it crawls."


WORDS = ("order", "momentum", "loss", "strong", "weak", "rate")
PATIENTS = {  # what ails each, and what it changes of a game that creeps home
    "momentum": {"beta": 0.5},
    "strong": {"gamma": 6.0},
    "order": {"updates": "simultaneous"},
    "loss": {"loss": "minimax"},
}
SIGNS = {
    "momentum": "it settles at 2 sqrt(h age). What age gives 0.63, and who makes it?",
    "strong": "it comes home without turning even once. A game that is braked too little turns.",
    "order": "it settles at 2 sqrt(h age). What age gives 0.45, and who makes it?",
    "loss": "it stays where it began. The non-saturating loss would brake out there, a penalty anywhere.",
}


def sick_game(patient: int, steps: int = 1500) -> torch.Tensor:
    """The path of a patient from 1 to 4, (steps + 1, 2); 0 is in good health."""
    return dirac.run(dirac.Rules("non_saturating", rate=0.1)._replace(**[{}, *PATIENTS.values()][patient]), steps)


@exercise("7.2 Four changed games")
def check_sick_games(my_diagnoses) -> str:
    """One word for each patient."""
    if isinstance(my_diagnoses, list | tuple):
        my_diagnoses = ["order" if str(word).strip().lower() == "at once" else word for word in my_diagnoses]
    require_diagnoses(my_diagnoses, PATIENTS, WORDS, SIGNS)
    return "Four of four. The radius told two of them apart, the path the other two."
