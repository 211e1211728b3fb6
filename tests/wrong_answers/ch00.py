"""Typical wrong answers to the exercises of chapter 00, each with a part of the hint that it must get."""

WRONG = {
    "check_logit": [
        ("log p", "def my_logit(p):\n    return torch.log(p)", "compares p with its opposite"),
        ("flipped", "def my_logit(p):\n    return torch.log((1 - p) / p)", "sign is flipped"),
        ("sigmoid", "def my_logit(p):\n    return torch.sigmoid(p)", "asked is its inverse"),
        ("odds", "def my_logit(p):\n    return p / (1 - p)", "odds"),
        ("one number", "def my_logit(p):\n    return torch.log(p / (1 - p)).sum()", "one logit for each"),
        ("bits", "def my_logit(p):\n    return torch.log2(p / (1 - p))", "base 2"),
        ("base 10", "def my_logit(p):\n    return torch.log10(p / (1 - p))", "base 10"),
        ("math.log", "import math\ndef my_logit(p):\n    return math.log(p / (1 - p))", "which takes a whole tensor"),
        ("doubled", "def my_logit(p):\n    return 2 * torch.log(p / (1 - p))", "Solve p ="),
    ],
    "check_five_questions": [
        ("square of the mean", "my_answers = [12.25, 0.1438, -0.5, 3, 0.75]", "square of the mean"),
        (
            "bits, and where to read",
            "my_answers = [15.167, 0.2075, -0.5, 3, 0.75]",
            "natural logarithm; read chapter 3",
        ),
        ("KL the other way", "my_answers = [15.167, 0.1308, -0.5, 3, 0.75]", "KL(q || p)"),
        ("no detach", "my_answers = [15.167, 0.1438, -0.5, 6, 0.75]", "without detach"),
        ("sign", "my_answers = [15.167, 0.1438, 0.5, 3, 0.75]", "check the sign"),
        ("slope of 1 - sigmoid", "my_answers = [15.2, 0.144, -0.25, 3, 0.75]", "divides it by its value"),
        ("text", "my_answers = ['15.2', 0.144, -0.5, 3, 0.75]", "quotation marks"),
        ("one left open", "my_answers = [15.2, 0.144, -0.5, 3, None]", "no answer yet"),
        ("negative", "my_answers = [15.167, -0.1438, -0.5, 3, 0.75]", "never negative"),
        ("not weighted", "my_answers = [15.167, 0.2877, -0.5, 3, 0.75]", "weighted by its p"),
        ("all constant", "my_answers = [15.167, 0.1438, -0.5, 0, 0.75]", "the other is not"),
        ("the value", "my_answers = [15.167, 0.1438, -0.5, 9, 0.75]", "y itself"),
        ("odds", "my_answers = [15.167, 0.1438, -0.5, 3, 3]", "the odds"),
        ("per cent", "my_answers = [15.167, 0.1438, -0.5, 3, 75]", "not per cent"),
        ("three missed", "my_answers = [1, 1, -0.5, 1, 0.75]", "Read there first"),
        ("only two", "my_answers = [15.167, 0.1438]", "list of five"),
        ("an unknown mistake", "my_answers = [15.167, 0.1438, -0.5, 3, 9]", "read chapter 3"),
    ],
}
