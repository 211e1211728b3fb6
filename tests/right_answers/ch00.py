"""Right answers to the exercises of chapter 00, written otherwise than the folded solutions."""

RIGHT = {
    "check_logit": [
        ("a difference of logarithms", "def my_logit(p):\n    return torch.log(p) - torch.log(1 - p)"),
        ("torch's own", "my_logit = torch.logit"),
        ("minus the log of the other odds", "def my_logit(p):\n    return -(1 / p - 1).log()"),
        ("log1p", "def my_logit(p):\n    return p.log() - torch.log1p(-p)"),
        ("in place", "def my_logit(p):\n    return p.div_(1 - p).log_()"),
        ("one by one", "import math\ndef my_logit(p):\n    return torch.tensor([math.log(x / (1 - x)) for x in p])"),
    ],
    "check_five_questions": [
        ("rounded", "my_answers = [15.2, 0.144, -0.5, 3, 0.75]"),
        ("a tuple of fractions", "import math\nmy_answers = (91 / 6, math.log(2 / 3**0.5), -1 / 2, 3.0, 3 / 4)"),
        ("a tensor", "my_answers = torch.tensor([15.1667, 0.1438, -0.5, 3, 0.75])"),
        ("a NumPy array", "import numpy\nmy_answers = numpy.array([15.17, 0.1438, -0.5, 3, 0.75])"),
    ],
}
