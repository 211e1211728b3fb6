"""Typical wrong answers to the exercises of chapter 02, each with a part of the hint that it must get."""


def _d_loss(expression):
    head = "def my_discriminator_loss(real_logits, fake_logits):\n    r, f = real_logits, fake_logits\n"
    return f"{head}    return {expression}"


def _logit(expression):
    return f"def my_smoothed_logit(p, q):\n    return {expression}"


def _least_squares(d_loss, g_loss):
    return f"""
def my_least_squares(discriminator, real, fake):
    r, f = discriminator(real).squeeze(1), discriminator(fake).squeeze(1)
    logits = discriminator(torch.cat([real, fake]))
    labels = torch.cat([torch.ones(len(real)), torch.zeros(len(fake))])
    return {d_loss}, {g_loss}
"""


D_RIGHT, G_RIGHT = "((r - 1).square().mean() + f.square().mean()) / 2", "(f - 1).square().mean() / 2"
BROADCAST = "(logits - labels).square().mean()"

WRONG = {
    "check_stable_loss": [
        ("log of the sigmoid", _d_loss("-torch.sigmoid(r).log().mean() - (1 - torch.sigmoid(f)).log().mean()"),
         "a probability was rounded"),
        ("clamped", _d_loss("-torch.sigmoid(r).log().clamp(min=-100).mean() - torch.log(1 - torch.sigmoid(f)).clamp("
                            "min=-100).mean()"), "something clamps"),
        ("an epsilon", _d_loss("-(torch.sigmoid(r) + 1e-20).log().mean() - (1 - torch.sigmoid(f) + 1e-20).log("
                                   ").mean()"), "yours is 66"),
        ("overflow", _d_loss("torch.log1p(torch.exp(-r)).mean() + torch.log1p(torch.exp(f)).mean()"),
         "an exp overflowed"),
        ("a number", _d_loss("(F.softplus(-r).mean() + F.softplus(f).mean()).item()"), "Return a tensor"),
        ("sign of the reals", _d_loss("F.softplus(r).mean() + F.softplus(f).mean()"), "sign of the reals"),
        ("sign of the fakes", _d_loss("F.softplus(-r).mean() + F.softplus(-f).mean()"), "sign of the fakes"),
        ("swapped", _d_loss("F.softplus(r).mean() + F.softplus(-f).mean()"), "swapped"),
        ("averaged", _d_loss("torch.cat([F.softplus(-r), F.softplus(f)]).mean()"), "added, not averaged"),
        ("reals only", _d_loss("F.softplus(-r).mean()"), "fakes are missing"),
        ("fakes only", _d_loss("F.softplus(f).mean()"), "reals are missing"),
        ("subtracted", _d_loss("F.softplus(-r).mean() - F.softplus(f).mean()"), "added, not subtracted"),
        ("maximized", _d_loss("F.logsigmoid(r).mean() + F.logsigmoid(-f).mean()"), "sign is flipped"),
        ("sum", _d_loss("(F.softplus(-r) + F.softplus(f)).sum()"), "sum over the batch"),
        ("no reduction", _d_loss("F.softplus(-r) + F.softplus(f)"), "Give one number"),
        ("hinge", _d_loss("F.relu(1 - r).mean() + F.relu(1 + f).mean()"), "Even at small logits"),
        ("detached", _d_loss("F.softplus(-r).mean() + F.softplus(f.detach()).mean()"), "has no gradient"),
    ],
    "check_smoothed_logit": [
        ("not smoothed", _logit("torch.log(p / q)"), "without smoothing"),
        ("a tenth lost", _logit("torch.log(0.9 * p / q)"), "tenth is missing"),
        ("probability", _logit("0.9 * p / (p + q)"), "best probability"),
        ("log probability", _logit("torch.log(0.9 * p / (p + q))"), "log s - log(1 - s)"),
        ("scaled logit", _logit("0.9 * torch.log(p / q)"), "weighs the softplus"),
        ("two-sided", _logit("torch.log((0.9 * p + 0.1 * q) / (0.1 * p + 0.9 * q))"), "smoothed too"),
        ("capped", _logit("torch.log(p / q).clamp(max=torch.tensor(9.0).log())"), "right only without fakes"),
        ("fakes softened", _logit("torch.log(0.9 * p / (0.1 * p + 0.9 * q))"), "a fake counts fully"),
        ("no logarithm", _logit("0.9 * p / (0.1 * p + q)"), "its logarithm"),
        ("nine tenths lost", _logit("torch.log(p / (0.1 * p + q))"), "0.9 is missing"),
        ("flipped", _logit("torch.log((0.1 * p + q) / (0.9 * p))"), "sign is flipped"),
        ("bits", _logit("torch.log2(0.9 * p / (0.1 * p + q))"), "base 2"),
        ("fakes counted twice", _logit("torch.log(0.9 * p / (0.1 * p + 2 * q))"), "Collect what multiplies"),
        ("an epsilon", _logit("torch.log(0.9 * p / q.clamp(min=1e-3) / (0.1 * p / q.clamp(min=1e-3) + 1))"),
         "at q = 0"),
        ("one number", _logit("torch.log(0.9 * p / (0.1 * p + q)).mean()"), "one logit for each"),
    ],
    "check_least_squares": [
        ("unchanged", _least_squares(BROADCAST, "f.square().mean() / 2"), "both bugs"),
        ("D still broadcast", _least_squares(BROADCAST, G_RIGHT), "every label"),
        ("G still wrong", _least_squares(D_RIGHT, "f.square().mean() / 2"), "helps D"),
        ("swapped labels", _least_squares("(r.square().mean() + (f - 1).square().mean()) / 2", G_RIGHT), "swapped"),
        ("doubled", _least_squares("(r - 1).square().mean() + f.square().mean()", G_RIGHT), "doubled"),
        ("halved", _least_squares("(logits.squeeze(1) - labels).square().mean() / 2", G_RIGHT), "halved"),
        ("G without its half", _least_squares(D_RIGHT, "(f - 1).square().mean()"), "lost its factor"),
        ("sigmoids", _least_squares("((r.sigmoid() - 1).square().mean() + f.sigmoid().square().mean()) / 2", G_RIGHT),
         "no sigmoid"),
        ("a sigmoid for G", _least_squares(D_RIGHT, "(f.sigmoid() - 1).square().mean() / 2"), "no sigmoid"),
        ("G flees", _least_squares(D_RIGHT, "-f.square().mean() / 2"), "minus infinity"),
        ("G on reals", _least_squares(D_RIGHT, "(r - 1).square().mean() / 2"), "use the fakes"),
        ("other loss", _least_squares(D_RIGHT, "-f.mean()"), "G's loss is not"),
        ("in the wrong order", _least_squares(G_RIGHT, D_RIGHT), "wrong order"),
        ("detached", _least_squares(D_RIGHT, "(discriminator(fake.detach()).squeeze(1) - 1).square().mean() / 2"),
         "reaches the fakes"),
        ("broadcast without harm", _least_squares(D_RIGHT, "(discriminator(fake) - torch.ones(len(fake))).square()."
                                                  "mean() / 2"), "by luck"),
        ("D alone", "def my_least_squares(discriminator, real, fake):\n    return discriminator(real).mean()",
         "two losses"),
        ("a mean of means", _least_squares("(r - 1).square().mean() - f.square().mean()", G_RIGHT), "D's loss is not"),
    ],
}  # fmt: skip
