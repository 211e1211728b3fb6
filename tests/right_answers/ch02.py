"""Right answers to the exercises of chapter 02, written otherwise than the folded solutions."""

RIGHT = {
    "check_stable_loss": [
        ("log-sigmoid", """
def my_discriminator_loss(real_logits, fake_logits):
    return -F.logsigmoid(real_logits).mean() - F.logsigmoid(-fake_logits).mean()
"""),
        ("cross-entropy from logits", """
def my_discriminator_loss(real_logits, fake_logits):
    bce = F.binary_cross_entropy_with_logits
    real_loss = bce(real_logits, torch.ones_like(real_logits))
    fake_loss = bce(fake_logits, torch.zeros_like(fake_logits))
    return real_loss + fake_loss
"""),
        ("as modules, one batch", """
def my_discriminator_loss(real_logits, fake_logits):
    logits = torch.cat([real_logits, fake_logits])
    labels = torch.cat([torch.ones(len(real_logits)), torch.zeros(len(fake_logits))])
    return 2 * torch.nn.BCEWithLogitsLoss()(logits, labels)
"""),
        ("logaddexp", """
def my_discriminator_loss(real_logits, fake_logits):
    zero = torch.zeros(())
    return (torch.logaddexp(zero, -real_logits).mean() + torch.logaddexp(zero, fake_logits).mean())
"""),
        ("a loop", """
def my_discriminator_loss(real_logits, fake_logits):
    total = 0
    for logit in real_logits:
        total = total + F.softplus(-logit) / len(real_logits)
    for logit in fake_logits:
        total = total + F.softplus(logit) / len(fake_logits)
    return total
"""),
        ("the package's", """
from gan_edu import losses
def my_discriminator_loss(real_logits, fake_logits):
    return losses.discriminator_loss(real_logits, fake_logits)
"""),
        ("shape (1,)", """
def my_discriminator_loss(real_logits, fake_logits):
    return (F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean())[None]
"""),
    ],
    "check_least_squares": [
        ("two passes", """
def my_least_squares(discriminator, real, fake):
    r, f = discriminator(real), discriminator(fake)
    d_loss = ((r - 1).square().mean() + f.square().mean()) / 2
    g_loss = (f - 1).square().mean() / 2
    return d_loss, g_loss
"""),
        ("labels given another axis", """
def my_least_squares(discriminator, real, fake):
    logits = discriminator(torch.cat([real, fake]))
    labels = torch.cat([torch.ones(len(real), 1), torch.zeros(len(fake), 1)])
    d_loss = F.mse_loss(logits, labels)
    g_logits = discriminator(fake)
    g_loss = F.mse_loss(g_logits, torch.ones_like(g_logits)) / 2
    return [d_loss, g_loss]
"""),
        ("the lines mended in place", """
def my_least_squares(discriminator, real, fake):
    logits = discriminator(torch.cat([real, fake])).flatten()
    labels = torch.cat([torch.ones(len(real)), torch.zeros(len(fake))])
    d_loss = ((logits - labels) ** 2).mean()
    g_loss = 0.5 * torch.mean((1 - discriminator(fake)) ** 2)
    return d_loss, g_loss
"""),
        ("fakes detached for D", """
def my_least_squares(discriminator, real, fake):
    r, f = discriminator(real)[:, 0], discriminator(fake.detach())[:, 0]
    d_loss = 0.5 * (torch.mean((r - 1) ** 2) + torch.mean(f**2))
    return d_loss, 0.5 * torch.mean((discriminator(fake)[:, 0] - 1) ** 2)
"""),
        ("the package's", """
from gan_edu.losses import LOSSES
def my_least_squares(discriminator, real, fake):
    pair = LOSSES["least_squares"]
    r, f = discriminator(real), discriminator(fake)
    return pair.discriminator(r, f), pair.generator(f)
"""),
    ],
    "check_smoothed_logit": [
        ("two logarithms", """
def my_smoothed_logit(p, q):
    return torch.log(0.9 * p) - torch.log(0.1 * p + q)
"""),
        ("logit of the best probability", """
def my_smoothed_logit(p, q):
    s = 0.9 * p / (p + q)
    return torch.log(s / (1 - s))
"""),
        ("torch.logit", """
def my_smoothed_logit(p, q):
    return torch.special.logit(0.9 * p / (p + q))
"""),
        ("a list, number by number", """
import math
def my_smoothed_logit(p, q):
    return [math.log(0.9 * a / (0.1 * a + b)) for a, b in zip(p.tolist(), q.tolist())]
"""),
        ("by the ratio, flipped", """
def my_smoothed_logit(p, q):
    return -((0.1 * p + q) / (0.9 * p)).log()
"""),
    ],
}  # fmt: skip
