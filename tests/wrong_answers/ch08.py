"""Typical wrong answers to the exercises of chapter 08, each with a part of the hint that must name the mistake."""

LAZY = """
def lazy_r1(D, real, gamma, step, every):
    if step % every:
        return {rest}
    x = real.clone().requires_grad_(True)
    (slopes,) = torch.autograd.grad({output}, x, create_graph={graph})
    return {value}
"""
VALUE = "gamma / 2 * every * slopes.square().sum(1).mean()"


def _lazy(value=VALUE, output="D(x).sum()", graph="True", rest="0"):
    return LAZY.format(value=value, output=output, graph=graph, rest=rest)


STRETCH = """
def stretch(weight):
    v = torch.ones(weight.shape[1])
    for _ in range({rounds}):
        v = weight.T @ (weight @ v)
        v = v / v.norm()
    return {value}
"""
MENDED = """
from torch.nn.functional import softplus
def mended_losses(G, D, augment, real, noise):
    fake = {fake}
    d_loss = softplus(-D({real})).mean() + softplus(D({for_d})).mean()
    return d_loss, softplus(-D({for_g})).mean()
"""


def _mended(fake="G(noise)", real="augment(real)", for_d="augment(fake.detach())", for_g="augment(fake)"):
    return MENDED.format(fake=fake, real=real, for_d=for_d, for_g=for_g)


WRONG = {
    "check_lazy_r1": [
        ("not lazy enough", _lazy("gamma / 2 * slopes.square().sum(1).mean()"), "left out in all the other steps"),
        ("the half", _lazy("gamma * every * slopes.square().sum(1).mean()"), "the half is missing"),
        ("the length", _lazy("gamma / 2 * every * slopes.norm(dim=1).mean()"), "the length itself"),
        ("mean over both", _lazy("gamma / 2 * every * slopes.square().mean()"), "a mean over both"),
        ("the sum", _lazy("gamma / 2 * every * slopes.square().sum()"), "not the sum"),
        ("of a mean", _lazy(output="D(x).mean()"), "divides it by the batch"),
        ("of the probability", _lazy(output="D(x).sigmoid().sum()"), "Differentiate D's logits"),
        ("no graph", _lazy(graph="False"), "create_graph=True"),
        ("None between", _lazy(rest="None"), "not None"),
        (
            "always due",
            _lazy().replace("if step % every:", "if False:"),
            "is not due when every is 8",
        ),
        ("never due", _lazy().replace("if step % every:", "if True:"), "16 % 8 is 0"),
        (
            "not lazy at all",
            _lazy("(step % every == 0) * gamma / 2 * every * slopes.square().sum(1).mean()").replace(
                "if step % every:", "if False:"
            ),
            "but not lazy",
        ),
        ("no gradient yet", _lazy().replace(".requires_grad_(True)", ""), "real.clone().requires_grad_(True)"),
        ("something else", _lazy("every * slopes.abs().sum(1).mean()"), "it should be"),
    ],
    "check_stretch": [
        ("the square", STRETCH.format(rounds=100, value="(weight.T @ (weight @ v)).norm()"), "Take the length of W v"),
        ("Frobenius", "def stretch(weight):\n    return weight.norm()", "root of the sum of all squares"),
        ("the largest entry", "def stretch(weight):\n    return weight.abs().max()", "largest entry"),
        ("of v", STRETCH.format(rounds=100, value="v.norm()"), "divided by"),
        ("one round", STRETCH.format(rounds=1, value="(weight @ v).norm()"), "More rounds?"),
        (
            "never divided",
            STRETCH.format(rounds=100, value="(weight @ v).norm()").replace("v = v / v.norm()", "pass"),
            "divide the vector by its length",
        ),
        (
            "divided by its sum",
            STRETCH.format(rounds=100, value="(weight @ v).norm()").replace("v.norm()\n    ret", "v.sum()\n    ret"),
            "is v's length not 1",
        ),
        ("the least", "def stretch(weight):\n    return torch.linalg.svdvals(weight)[-1]", "the least stretch"),
        ("all of them", "def stretch(weight):\n    return torch.linalg.svdvals(weight)", "one number"),
        (
            "never back",
            STRETCH.format(rounds=100, value="(weight @ v).norm()").replace("weight.T @ (weight @ v)", "weight @ v"),
            "go back by W.T",
        ),
        ("too large", "def stretch(weight):\n    return weight.abs().sum()", "No vector is stretched by more"),
    ],
    "check_mended_losses": [
        ("the sick one", _mended(for_d="fake.detach()", for_g="fake"), "how it tells them"),
        ("D alone", _mended(for_g="fake"), "augment them for G as well"),
        ("fakes alone", _mended(real="real"), "turned round"),
        ("no help", _mended(real="real", for_d="fake.detach()", for_g="fake"), "no help for little data"),
        ("cut off", _mended(for_g="augment(fake.detach())"), "No gradient reaches G"),
        ("one loss", _mended().replace("return d_loss, ", "return "), "two losses"),
        ("helps D", _mended().replace("softplus(-D(augment(fake)))", "softplus(D(augment(fake)))"), "G's loss is off"),
        ("no detach", _mended(for_d="augment(fake)"), "its gradient reaches G"),
        (
            "the other order",
            _mended().replace("return d_loss, ", "return ").rstrip() + ", d_loss",
            "D's loss comes first",
        ),
        ("twice for D", _mended(for_d="augment(augment(fake.detach()))"), "augmented twice"),
        ("twice for G", _mended(for_g="augment(augment(fake))"), "augmented twice"),
        ("swapped", _mended(real="augment(fake)", for_d="augment(real)"), "D's loss is off"),
    ],
}
