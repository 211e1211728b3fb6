"""Typical wrong answers to the exercises of chapter 12, each with a part of the hint that it must get."""


def _share(line):
    return f"def share(budget):\n    return {line}\n"


def _field(*lines):
    return "\n    ".join(["def field(layers):", *lines])


def _loss(*lines):
    head = "def translators_loss(there, back, judge_a, judge_b, a, b, weight):"
    made = "fake_b, fake_a = there(a), back(b)"
    cycle = "cycle = F.l1_loss(back(fake_b), a) + F.l1_loss(there(fake_a), b)"
    fooled = "fooled = F.softplus(-judge_b(fake_b)).mean() + F.softplus(-judge_a(fake_a)).mean()"
    return "\n    ".join([head, made, cycle, fooled, *lines])


WRONG = {
    "check_share": [
        ("without the root", _share("budget - 1"), "take the root"),
        ("the budget's root", _share("budget**0.5"), "off the budget first"),
        ("the other share", _share("1 - (budget - 1) ** 0.5"), "that of the sharp one"),
        ("the price", _share("1 + budget**2"), "the way back"),
        ("two numbers", _share("torch.zeros(2)"), "Return one number"),
        ("a guess", _share("0.5"), "which costs 1.25"),
    ],
    "check_field": [
        (
            "from the picture on",
            _field("f = 1", "for k, s in layers:", "    f = (f - 1) * s + k", "return f"),
            "Walk the other way",
        ),
        ("no strides", _field("return 1 + sum(k - 1 for k, s in layers)"), "strides are missing"),
        (
            "no overlap",
            _field("f = 1", "for k, s in reversed(layers):", "    f = f * s + k", "return f"),
            "Kernels overlap",
        ),
        ("the sum of kernels", _field("return sum(k for k, s in layers)"), "sum of the kernels"),
        (
            "its own stride",
            _field("f = j = 1", "for k, s in layers:", "    j *= s", "    f += (k - 1) * j", "return f"),
            "behind it, not its own",
        ),
        (
            "from nothing",
            _field("f = j = 1", "for k, s in layers:", "    f += (k - 1) * j", "    j *= s", "return f - 1"),
            "Begin with 1",
        ),
        ("the product of strides", _field("return torch.tensor(layers)[:, 1].prod()"), "how far each sees"),
        ("a guess", _field("return 70"), "is right"),
    ],
    "check_translators": [
        ("one way round", _loss("return fooled + weight * F.l1_loss(back(fake_b), a)"), "b, there and back"),
        ("no weight", _loss("return fooled + cycle"), "weight is missing"),
        ("weight on all", _loss("return weight * (fooled + cycle)"), "cycle alone"),
        (
            "squares",
            _loss("return fooled + weight * (F.mse_loss(back(fake_b), a) + F.mse_loss(there(fake_a), b))"),
            "Squares",
        ),
        (
            "D's sign",
            _loss(
                "d = F.softplus(judge_b(fake_b)).mean() + F.softplus(judge_a(fake_a)).mean()",
                "return d + weight * cycle",
            ),
            "The sign is D's",
        ),
        (
            "judges swapped",
            _loss(
                "d = F.softplus(-judge_a(fake_b)).mean() + F.softplus(-judge_b(fake_a)).mean()",
                "return d + weight * cycle",
            ),
            "judge_b judges it",
        ),
        (
            "the wrong pictures judged",
            _loss(
                "d = F.softplus(-judge_a(back(fake_b))).mean() + F.softplus(-judge_b(there(fake_a))).mean()",
                "return d + weight * cycle",
            ),
            "They judge the translations",
        ),
        (
            "pairs that there are not",
            _loss("return fooled + weight * (F.l1_loss(fake_a, a) + F.l1_loss(fake_b, b))"),
            "no pair to compare with",
        ),
        ("no game", _loss("return weight * cycle"), "Where is the game"),
        ("no cycle", _loss("return fooled"), "Where is the cycle"),
        ("a number", _loss("return (fooled + weight * cycle).item()"), "knows its graph"),
        ("two numbers", _loss("return torch.stack([fooled, weight * cycle])"), "Return one number"),
        (
            "a detached translation",
            _loss("return fooled + weight * (F.l1_loss(back(fake_b.detach()), a) + F.l1_loss(there(fake_a), b))"),
            "the gradient is not",
        ),
        ("no gradient at all", _loss("return (fooled + weight * cycle).detach()"), "nothing can be learnt"),
        ("a guess", _loss("return 2 * fooled"), "is right"),
    ],
}
