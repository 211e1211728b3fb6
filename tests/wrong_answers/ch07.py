"""Typical wrong answers to the exercises of chapter 07, each with a part of the hint that it must get."""


def _of(*lines):
    return "\n    ".join(["def eigenvalues_in_turns(h):", *lines])


WRONG = {
    "check_eigenvalues_in_turns": [
        ("at once", _of("return 1 + 0.5j * h, 1 - 0.5j * h"), "belong to the step at once"),
        ("the wish", _of("return 0.5j * h, -0.5j * h"), "That is h J"),
        ("without the step", _of("return 0.5j, -0.5j"), "J, without the step"),
        (
            "without the half",
            _of("m = torch.tensor([[1 - h**2, h], [-h, 1.0]])", "return torch.linalg.eigvals(m)"),
            "sigma(0) = 1/2",
        ),
        (
            "both moves with a plus",
            _of("m = torch.tensor([[1 + h**2 / 4, h / 2], [h / 2, 1.0]])", "return torch.linalg.eigvals(m)"),
            "A sign is lost",
        ),
        ("each move alone", _of("return [1, 1]"), "multiply the two matrices"),
        ("two steps at once", _of("return (1 + 0.5j * h) ** 2, (1 - 0.5j * h) ** 2"), "Those are two steps"),
        (
            "half of the rate",
            _of("a = h / 4", "m = torch.tensor([[1 - a**2, a], [-a, 1.0]])", "return torch.linalg.eigvals(m)"),
            "half-steps",
        ),
        (
            "the sizes",
            _of("m = torch.tensor([[1 - h**2 / 4, h / 2], [-h / 2, 1.0]])", "return torch.linalg.eigvals(m).abs()"),
            "sizes |z|",
        ),
        ("one of them", _of("return 1 - h**2 / 8"), "two complex numbers, in any order"),
        (
            "a real root",
            _of("half = torch.tensor(1 - h**2 / 8)", "root = (half**2 - 1).sqrt()", "return half + root, half - root"),
            "no real root",
        ),
        (
            "the root of math",
            _of("half = 1 - h**2 / 8", "root = math.sqrt(half**2 - 1)", "return half + root, half - root"),
            "use cmath or a complex",
        ),
        (
            "the arc cosine of math",
            _of("turn = math.acos(1 - h**2 / 8)", "return complex(math.cos(turn), math.sin(turn)), 1j"),
            "At h = 5 the eigenvalues are real: use cmath",
        ),
        (
            "the trace halved once too often",
            _of("half = 1 - h**2 / 16", "root = (half**2 - 1 + 0j) ** 0.5", "return half + root, half - root"),
            "the trace, must be",
        ),
        ("stretched", _of("return 1.01 + 0.5j * h, 1.01 - 0.5j * h"), "and must be 1, the determinant"),
        ("the real parts", _of("return [1 - h**2 / 8] * 2"), "the root is missing"),
    ],
    "check_critical_gamma": [
        ("of a tiny step", "def critical_gamma(h):\n    return 1", "it depends on h"),
        ("h gamma", "def critical_gamma(h):\n    return h - h**2 / 4", "divide it by h"),
        ("the other root", "def critical_gamma(h):\n    return -1 - h / 4", "a reward"),
        ("the bound", "def critical_gamma(h):\n    return (4 - h**2 / 4) / (2 * h)", "stop coming home"),
        ("the determinant at -1", "def critical_gamma(h):\n    return 2 / h", "h gamma = 2"),
        ("the determinant at 0", "def critical_gamma(h):\n    return 1 / h", "no memory"),
        ("the size", "def critical_gamma(h):\n    return 1 - h / 2", "|z|"),
        ("a sign", "def critical_gamma(h):\n    return 1 + h / 4", "sign before h / 4"),
        ("without the half", "def critical_gamma(h):\n    return 2 - h", "sigma(0) = 1/2"),
        ("both roots", "def critical_gamma(h):\n    return [1 - h / 4, -1 - h / 4]", "the positive root"),
        ("no number", "def critical_gamma(h):\n    return float('nan')", "finite"),
        ("a guess", "def critical_gamma(h):\n    return 0.3", "is possible"),
    ],
    "check_sick_games": [
        ("one word", "my_diagnoses = 'momentum'", "Four words in a list"),
        ("a word of its own", "my_diagnoses = ['momentum', 'strong', 'order', 'data']", "data: not among"),
        ("braked too little", "my_diagnoses = ['momentum', 'weak', 'order', 'loss']", "without turning even once"),
        ("the radii swapped", "my_diagnoses = ['order', 'strong', 'momentum', 'loss']", "gives 0.63"),
        ("too fast", "my_diagnoses = ['momentum', 'strong', 'rate', 'loss']", "gives 0.45"),
        ("too weak a brake", "my_diagnoses = ['momentum', 'strong', 'order', 'weak']", "where it began"),
    ],
}
