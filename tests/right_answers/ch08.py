"""Right answers to the exercises of chapter 08, written otherwise than the folded solutions."""

RIGHT = {
    "check_lazy_r1": [
        (
            "backward from a vector of ones",
            """
def lazy_r1(D, real, gamma, step, every):
    if step % every != 0:
        return torch.zeros(())
    x = real.detach().clone().requires_grad_()
    logits = D(x)
    grad = torch.autograd.grad(logits, x, torch.ones_like(logits), create_graph=True)[0]
    return every * gamma / 2 * (grad ** 2).sum(dim=1).mean()
""",
        ),
        (
            "with the package's penalty",
            """
from gan_edu import losses
def lazy_r1(D, real, gamma, step, every):
    due = step % every == 0
    return gamma / 2 * every * losses.r1_penalty(D, real) if due else 0
""",
        ),
        (
            "by torch.func, sample by sample",
            """
def lazy_r1(D, real, gamma, step, every):
    if step % every:
        return torch.tensor(0.0)
    slope = torch.func.grad(lambda x: D(x[None])[0])
    slopes = torch.stack([slope(x) for x in real])
    return 0.5 * gamma * every * slopes.norm(dim=1).square().sum() / len(real)
""",
        ),
    ],
    "check_stretch": [
        (
            "by W^T W alone",
            """
def stretch(weight):
    v = torch.ones(weight.shape[1]) + 0.1 * torch.randn(weight.shape[1])
    square = weight.T @ weight
    for _ in range(300):
        v = square @ v
        v = v / v.norm()
    return (v @ square @ v) ** 0.5
""",
        ),
        (
            "the matrix norm",
            """
def stretch(weight):
    return torch.linalg.matrix_norm(weight, ord=2).item()
""",
        ),
        (
            "from eigenvalues",
            """
def stretch(weight):
    return torch.linalg.eigvalsh(weight @ weight.T).max().sqrt()
""",
        ),
    ],
    "check_mended_losses": [
        (
            "D in front of the augmentation, once",
            """
import torch.nn.functional as F
def mended_losses(G, D, augment, real, noise):
    def judge(x):
        return D(augment(x))
    fake = G(noise)
    d_loss = F.softplus(-judge(real)).mean() + F.softplus(judge(fake.detach())).mean()
    return d_loss, F.softplus(-judge(fake)).mean()
""",
        ),
        (
            "with the losses of the package, as a list",
            """
from gan_edu import losses
def mended_losses(G, D, augment, real, noise):
    fake = augment(G(noise))
    return [losses.discriminator_loss(D(augment(real)), D(fake.detach())), losses.generator_loss(D(fake))]
""",
        ),
        (
            "as a sequence of layers, with cross-entropy",
            """
from torch import nn
import torch.nn.functional as F
def mended_losses(G, D, augment, real, noise):
    fake = augment(G(noise))
    r, f, g = D(augment(real)), D(fake.detach()), D(fake)
    bce = F.binary_cross_entropy_with_logits
    d_loss = bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))
    return d_loss, bce(g, torch.ones_like(g))
""",
        ),
    ],
}
