"""Typical wrong answers to the exercises of chapter 05, each with a part of the hint that it must get."""

_DOUBLING = "def doubling(kernel):\n    return {}\n"
_STD = "import math\n\n\ndef keeping_std(fan_in, slope):\n    return {}\n"
_GENERATOR = """
def mended_generator():
    return nn.Sequential(
        nn.Linear(100, 7 * 7 * 128, bias=False),
        nn.Unflatten(1, (128, 7, 7)),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.ConvTranspose2d(128, 64, {kernel}, stride=2, padding=1, bias=False),
        {norm}
        nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1),
        {end}
    )
"""


def _generator(kernel="4", norm="nn.BatchNorm2d(64),", end="nn.Tanh(),"):
    return _GENERATOR.format(kernel=kernel, norm=norm, end=end)


WRONG = {
    "check_doubling": [
        ("cut once", _DOUBLING.format("(kernel - 2, 0)"), "counts twice"),
        ("rounded down", _DOUBLING.format("((kernel - 1) // 2, 0)"), "Even kernels are right"),
        ("one row always", _DOUBLING.format("((kernel - 1) // 2, 1)"), "Odd kernels are right"),
        (
            "too much at the end",
            _DOUBLING.format("(kernel // 2, 2 * (kernel // 2) - kernel + 2)"),
            "smaller than the stride",
        ),
        ("none at all", _DOUBLING.format("(0, 0)"), "solve 2 (n - 1)"),
        ("no padding at all for small ones", _DOUBLING.format("(kernel // 2 - 2, 0)"), "negative"),
        ("swapped", _DOUBLING.format("(kernel % 2, (kernel - 1) // 2)"), "swapped"),
        ("one number", _DOUBLING.format("kernel // 2"), "two whole numbers"),
        ("half a row", _DOUBLING.format("((kernel - 2) / 2, 0)"), "two whole numbers"),
    ],
    "check_keeping_std": [
        ("variance", _STD.format("2 / ((1 + slope**2) * fan_in)"), "the variance of the weights"),
        ("linear", _STD.format("math.sqrt(1 / fan_in)"), "mean square 1"),
        ("plain ReLU", _STD.format("math.sqrt(2 / fan_in)"), "right for ReLU"),
        ("slope not squared", _STD.format("math.sqrt(2 / ((1 + slope) * fan_in))"), "square of the slope"),
        (
            "variance of x",
            _STD.format("1 / math.sqrt(fan_in * ((1 + slope**2) / 2 - (1 - slope) ** 2 / (2 * math.pi)))"),
            "mean is not zero",
        ),
        ("upside down", _STD.format("math.sqrt((1 + slope**2) / 2 * fan_in)"), "Upside down"),
        ("divided", _STD.format("math.sqrt((1 + slope**2) / (2 * fan_in))"), "wrong side"),
        ("a constant", _STD.format("0.02"), "depends on the fan-in"),
        ("no root of the fan-in", _STD.format("math.sqrt(2 / (1 + slope**2)) / fan_in"), "sum of n products"),
    ],
    "check_mended_generator": [
        ("as printed", _generator(end="nn.ReLU(), nn.Tanh(),"), "middle grey"),
        ("sigmoid", _generator(end="nn.Sigmoid(),"), "sigmoid"),
        ("leaky", _generator(end="nn.LeakyReLU(0.2), nn.Tanh(),"), "held back"),
        ("hard", _generator(end="nn.Hardtanh(),"), "Hardtanh"),
        ("no tanh", _generator(end="nn.Identity(),"), "leave [-1, 1]"),
        ("another kernel", _generator(kernel="3"), "(64, 1, 28, 28)"),
        ("without a norm", _generator(norm="nn.Identity(),"), "batch norms"),
    ],
}
