"""Right answers to the exercises of chapter 07, written otherwise than the folded solutions."""

RIGHT = {
    "check_eigenvalues_in_turns": [
        (
            "the formula with cmath",
            """
import cmath
def eigenvalues_in_turns(h):
    half = 1 - h**2 / 8
    root = cmath.sqrt(half**2 - 1)
    return [half + root, half - root]
""",
        ),
        (
            "G first, then D: the same eigenvalues",
            """
def eigenvalues_in_turns(h):
    g_move = torch.tensor([[1, h / 2], [0, 1]])
    d_move = torch.tensor([[1, 0], [-h / 2, 1]])
    values = torch.linalg.eigvals(d_move @ g_move)
    return values[0], values[1]
""",
        ),
        (
            "by autograd of a step",
            """
def eigenvalues_in_turns(h):
    def step(w):
        theta, psi = w
        psi = psi - h * torch.sigmoid(theta * psi) * theta
        return torch.stack([theta + h * torch.sigmoid(theta * psi) * psi, psi])
    home = torch.zeros(2, dtype=torch.float64)
    return torch.linalg.eigvals(torch.autograd.functional.jacobian(step, home))
""",
        ),
        (
            "the roots of the characteristic polynomial",
            """
def eigenvalues_in_turns(h):
    import numpy
    return numpy.roots([1, h**2 / 4 - 2, 1])
""",
        ),
    ],
    "check_critical_gamma": [
        (
            "with its derivation's names",
            """
def critical_gamma(h):
    a = h / 2
    return (2 * a - a**2) / h
""",
        ),
        (
            "a search over penalties",
            """
def critical_gamma(h):
    sizes = {}
    for i in range(1, 1500):
        gamma = i / 1000
        step = torch.tensor([[1 - h**2 / 4, h / 2 * (1 - h * gamma)], [-h / 2, 1 - h * gamma]], dtype=torch.float64)
        sizes[torch.linalg.eigvals(step).abs().max().item()] = gamma
    return sizes[min(sizes)]
""",
        ),
        (
            "as a tensor",
            """
def critical_gamma(h):
    return 1 - torch.tensor(h, dtype=torch.float64) / 4
""",
        ),
    ],
    "check_sick_games": [
        ("a tuple", "my_diagnoses = ('momentum', 'strong', 'order', 'loss')"),
        ("by number", "my_diagnoses = {1: 'momentum', 2: 'strong', 3: 'order', 4: 'loss'}"),
        ("in capitals", "my_diagnoses = 'Momentum STRONG order loss '.split()"),
    ],
}
