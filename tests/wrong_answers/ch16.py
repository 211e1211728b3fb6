"""Typical wrong answers to the exercises of chapter 16, each with a part of the hint that it must get."""


def _step(line):
    return f"def one_step(seen, guess, a, s, a2, s2):\n    return {line}\n"


def _perfect(line):
    return f"""
def perfect(seen, digits, a, s):
    squared = (seen[:, None] - a * digits).square().sum(2)
    return {line}
"""


def _balance(line, keep=True):
    return f"""
def balance(pixels, judge, last):
    up = torch.autograd.grad(pixels, last, retain_graph=True)[0].norm()
    down = torch.autograd.grad(judge, last, retain_graph={keep})[0].norm()
    return {line}
"""


WRONG = {
    "check_one_step": [
        ("what is seen as noise", _step("a2 * guess + s2 * seen"), "first find the noise"),
        ("not divided", _step("a2 * guess + s2 * (seen - a * guess)"), "s times it"),
        ("all of the guess off", _step("a2 * guess + s2 * (seen - guess) / s"), "only a times the guess"),
        ("the same time", _step("a * guess + s * (seen - a * guess) / s"), "for the next time"),
        ("swapped", _step("s2 * guess + a2 * (seen - a * guess) / s"), "swapped"),
        ("no noise", _step("a2 * guess"), "noise of the next time"),
        ("at once", _step("guess"), "jumps to the guess"),
        ("divided by a", _step("seen / a"), "nothing may be divided by a"),
        ("one sample", _step("(a2 * guess + s2 * (seen - a * guess) / s)[0]"), "(5, 64)"),
        ("a sign", _step("a2 * guess - s2 * (seen - a * guess) / s"), "a2 times the guess and s2 times"),
    ],
    "check_perfect": [
        ("the nearest", _perfect("digits[squared.argmin(1)]"), "one nearest"),
        ("the mean", _perfect("digits.mean(0).expand_as(seen)"), "whatever is seen"),
        ("no shrinking", _perfect("(-torch.cdist(seen, digits)**2 / (2 * s**2)).softmax(1) @ digits"), "with a times"),
        ("no variance", _perfect("(-squared / 2).softmax(1) @ digits"), "divide by its variance"),
        ("no 2", _perfect("(-squared / s**2).softmax(1) @ digits"), "has a 2 there"),
        ("not squared", _perfect("(-squared.sqrt() / (2 * s**2)).softmax(1) @ digits"), "must be squared"),
        ("still shrunk", _perfect("(-squared / (2 * s**2)).softmax(1) @ (a * digits)"), "the samples themselves"),
        ("the wrong sign", _perfect("(squared / (2 * s**2)).softmax(1) @ digits"), "mind the sign"),
        (
            "exp of what is too small",
            """
def perfect(seen, digits, a, s):
    weights = (-(seen[:, None] - a * digits).square().sum(2) / (2 * s**2)).exp()
    return weights @ digits / weights.sum(1, keepdim=True)
""",
            "softmax",
        ),
        ("over the wrong axis", _perfect("(-squared / (2 * s**2)).softmax(0) @ digits"), "over their sum"),
        ("one guess", _perfect("((-squared / (2 * s**2)).softmax(1) @ digits)[0]"), "(7, 6)"),
    ],
    "check_balance": [
        ("upside down", _balance("(down / (up + 1e-4)).detach()"), "Upside down"),
        ("the losses", _balance("(pixels / (judge.abs() + 1e-4)).detach()"), "compare their gradients"),
        ("squares", _balance("up**2 / (down**2 + 1e-4)"), "not their squares"),
        ("not divided", _balance("up"), "Divide by"),
        ("nothing added", _balance("up / down"), "1e-4"),
        ("a graph that is gone", _balance("up / (down + 1e-4)", keep=False), "retain_graph"),
        (
            "a way to lower the loss",
            """
def balance(pixels, judge, last):
    up = torch.autograd.grad(pixels, last, retain_graph=True, create_graph=True)[0].norm()
    down = torch.autograd.grad(judge, last, retain_graph=True)[0].norm()
    return up / (down + 1e-4)
""",
            "Detach it",
        ),
        (
            "backward",
            """
def balance(pixels, judge, last):
    pixels.backward(retain_graph=True)
    up = last.grad.norm()
    last.grad = None
    judge.backward(retain_graph=True)
    return up / (last.grad.norm() + 1e-4)
""",
            "not `backward`",
        ),
    ],
}
