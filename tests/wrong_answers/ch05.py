"""Typical wrong answers to the exercises of chapter 5, each with a part of the hint that it must get."""

_DOUBLING = "def doubling(kernel):\n    return {}\n"
_GENERATOR = """
def mended_generator():
    return nn.Sequential(
        nn.Linear(16, 64 * 2 * 2, bias=False),
        nn.Unflatten(1, (64, 2, 2)),
        {first}
        nn.ReLU(),
        nn.ConvTranspose2d(64, 32, {kernel}, stride=2, padding=1, bias=False),
        {norm}
        nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1),
        {end}
    )
"""
_PAIR = """
class Lost(nn.Module):
    def forward(self, x):
        return x.detach()


class Norm(nn.Module):
    def forward(self, x):
        return (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)


def my_pair():
    g = nn.Sequential(
        nn.Linear(100, 64 * {edge} * {edge}),
        nn.Unflatten(1, (64, {edge}, {edge})),
        {norm}
        nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 4, 2, 1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.ConvTranspose2d(16, {channels}, 4, 2, 1),
        {end}
    )
    d = nn.Sequential(
        nn.Conv2d(3, 16, 4, 2, 1),
        {d_norm}
        nn.LeakyReLU(0.2),
        nn.Conv2d(16, 32, 4, 2, 1),
        nn.LeakyReLU(0.2),
        {last}
    )
    {before}
    return {answer}
"""
_FLAT = """
def my_pair():
    g = nn.Sequential(nn.Linear(100, 3 * 32 * 32), nn.Unflatten(1, (3, 32, 32)), nn.Tanh())
    return g, nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 1))
"""

_LINEAR_D = """
def my_pair():
    d = nn.Sequential(nn.Conv2d(3, 16, 4, 4), nn.Conv2d(16, 32, 4, 2, 1), nn.Flatten(), nn.Linear(512, 1))
    up = [nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU(), nn.ConvTranspose2d(32, 3, 4, 2, 1)]
    start = [nn.Linear(100, 64 * 8 * 8), nn.Unflatten(1, (64, 8, 8)), nn.BatchNorm2d(64), nn.ReLU()]
    return nn.Sequential(*start, *up, nn.Tanh()), d
"""
_WRONG_ONE = """
def mended_generator():
    layers = [nn.Linear(16, 64 * 2 * 2), nn.Unflatten(1, (64, 2, 2))]
    for before, after in ((64, 32), (32, 1)):
        layers += [nn.BatchNorm2d(before), nn.ReLU()]
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)]
    {lines}
    return nn.Sequential(*layers, {end} nn.Tanh())
"""


def _generator(first="nn.BatchNorm2d(64),", kernel="4", norm="nn.BatchNorm2d(32),", end="nn.Tanh(),"):
    return _GENERATOR.format(first=first, kernel=kernel, norm=norm, end=end)


def _pair(**changed):
    right = {
        "edge": 4,
        "norm": "nn.BatchNorm2d(64),",
        "channels": 3,
        "end": "nn.Tanh(),",
        "d_norm": "",
        "last": "nn.Flatten(), nn.Linear(32 * 8 * 8, 1),",
        "before": "",
        "answer": "g, d",
    }
    return _PAIR.format(**right | changed)


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
        ("none at all", _DOUBLING.format("(0, 0)"), "solve the formula"),
        ("no padding at all for small ones", _DOUBLING.format("(kernel // 2 - 2, 0)"), "negative"),
        ("swapped", _DOUBLING.format("(kernel % 2, (kernel - 1) // 2)"), "swapped"),
        ("one number", _DOUBLING.format("kernel // 2"), "two whole numbers"),
        ("a whole float", _DOUBLING.format("(float((kernel - 1) // 2), kernel % 2)"), "wants whole numbers"),
    ],
    "check_my_pair": [
        ("28 pixels", _pair(edge=7), "not (16, 3, 32, 32)"),
        ("grey", _pair(channels=1), "The images are (16, 1, 32, 32)"),
        ("swapped", _pair(answer="d, g"), "swapped"),
        ("one network", _pair(answer="g"), "Return the two networks"),
        ("a class", _pair(answer="nn.Sequential, d"), "not the class"),
        ("no norm", _pair(norm=""), "these have none: Linear"),
        ("norm at the output by hand", _pair(end="Norm(), nn.Tanh(),"), "Batch norm at the output"),
        ("norm at D's input", _pair(d_norm="nn.BatchNorm2d(16),"), "where D sees the images"),
        ("sigmoid for tanh", _pair(end="nn.Sigmoid(),"), "sigmoid"),
        ("no tanh", _pair(end=""), "leave [-1, 1]"),
        ("relu before tanh", _pair(end="nn.ReLU(), nn.Tanh(),"), "middle grey"),
        ("cut", _pair(end="nn.Hardtanh(),"), "hard cut"),
        ("probabilities", _pair(last="nn.Flatten(), nn.Linear(2048, 1), nn.Sigmoid(),"), "bare logit"),
        ("a map of logits", _pair(last="nn.Conv2d(32, 1, 8),"), "not (16, 1, 1, 1)"),
        ("frozen", _pair(before="d[0].requires_grad_(False)"), "Frozen, so that it never learns: D's 0.weight"),
        ("detached", _pair(d_norm="Lost(),"), "No gradient reaches G's 0.weight"),
        ("no convolution", _FLAT, "at least two convolutions"),
        ("a linear D", _LINEAR_D, "D is linear"),
        (
            "a linear G",
            _pair(before="g = nn.Sequential(*(m for m in g if not isinstance(m, nn.ReLU)))"),
            "G has no act",
        ),
        ("tanh twice", _pair(end="nn.Tanh(), nn.Tanh(),"), "no pixel passes 0.76"),
        ("noise not reshaped", _pair(before="g = nn.ConvTranspose2d(100, 3, 32)"), "begin with Linear and Unflatten"),
        ("a D for grey pictures", _pair(before="d[0] = nn.Conv2d(1, 16, 4, 2, 1)"), "Colour pictures have 3 channels"),
    ],
    "check_mended_generator": [
        ("as printed", _WRONG_ONE.format(lines="", end="nn.ReLU(),"), "middle grey"),
        ("the wrong ReLU", _WRONG_ONE.format(lines="del layers[3]", end="nn.ReLU(),"), "removed another ReLU"),
        ("all ReLUs", _WRONG_ONE.format(lines="del layers[6], layers[3]", end=""), "no activation"),
        ("tanh twice", _generator(end="nn.Tanh(), nn.Tanh(),"), "no pixel passes 0.76"),
        ("sigmoid", _generator(end="nn.Sigmoid(),"), "sigmoid"),
        ("leaky", _generator(end="nn.LeakyReLU(0.2), nn.Tanh(),"), "held back"),
        ("hard", _generator(end="nn.Hardtanh(),"), "hard cut"),
        ("no tanh", _generator(end="nn.Identity(),"), "leave [-1, 1]"),
        ("another kernel", _generator(kernel="3"), "not (64, 1, 8, 8)"),
        ("without a norm", _generator(norm="nn.Identity(),"), "these have none: ConvTranspose2d"),
        ("without the first norm", _generator(first="nn.Identity(),"), "these have none: Linear"),
    ],
}
