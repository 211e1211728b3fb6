"""Right answers to the exercises of chapter 3, written otherwise than the folded solutions: (label, source)."""

RIGHT = {
    "check_move_discriminator": [
        (
            "detach, and gradients cleared first",
            """
def move_discriminator(generator, discriminator, d_optimizer, real, noise):
    d_optimizer.zero_grad()
    fake_logits = discriminator(generator(noise).detach())
    d_loss = losses.discriminator_loss(discriminator(real), fake_logits)
    d_loss.backward()
    d_optimizer.step()
    return d_loss.item()
""",
        ),
        (
            "softplus, two walks",
            """
import torch.nn.functional as F
def move_discriminator(generator, discriminator, d_optimizer, real, noise):
    fake = generator(noise).detach()
    discriminator.zero_grad()
    on_real = F.softplus(-discriminator(real)).mean()
    on_fake = F.softplus(discriminator(fake)).mean()
    on_real.backward()
    on_fake.backward()
    d_optimizer.step()
    return on_real.detach() + on_fake.detach()
""",
        ),
        (
            "binary cross-entropy, inputs=",
            """
from torch.nn.functional import binary_cross_entropy_with_logits as bce
def move_discriminator(generator, discriminator, d_optimizer, real, noise):
    r, f = discriminator(real), discriminator(generator(noise))
    loss = bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))
    d_optimizer.zero_grad()
    loss.backward(inputs=list(discriminator.parameters()))
    d_optimizer.step()
    return float(loss)
""",
        ),
        (
            "through G, cleared",
            """
def move_discriminator(generator, discriminator, d_optimizer, real, noise):
    loss = losses.discriminator_loss(discriminator(real), discriminator(generator(noise)))
    d_optimizer.zero_grad()
    loss.backward()
    d_optimizer.step()
    generator.zero_grad()
    return loss.item()
""",
        ),
        (
            "functional gradients",
            """
def move_discriminator(generator, discriminator, d_optimizer, real, noise):
    loss = losses.discriminator_loss(discriminator(real), discriminator(generator(noise)))
    weights = list(discriminator.parameters())
    for weight, gradient in zip(weights, torch.autograd.grad(loss, weights)):
        weight.grad = gradient
    d_optimizer.step()
    return loss.detach().clone()
""",
        ),
    ],
    "check_mended_step": [
        (
            "both cleared at the start and again in between, a list",
            """
def mended_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    fake = generator(noise)
    d_loss = losses.discriminator_loss(discriminator(real), discriminator(fake.detach()))
    for optimizer in (g_optimizer, d_optimizer):
        optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()
    g_loss = losses.generator_loss(discriminator(fake))
    g_loss.backward()
    g_optimizer.step()
    return [d_loss.item(), g_loss.item()]
""",
        ),
        (
            "both cleared at the end, as line 9 and one more",
            """
def mended_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    fake = generator(noise)
    d_loss = losses.discriminator_loss(discriminator(real), discriminator(fake.detach()))
    d_loss.backward()
    d_optimizer.step()
    g_loss = losses.generator_loss(discriminator(fake))
    g_loss.backward()
    g_optimizer.step()
    g_optimizer.zero_grad()
    d_optimizer.zero_grad()
    return d_loss.detach(), g_loss.detach()
""",
        ),
        (
            "inputs=, no detach, fakes made twice",
            """
def mended_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    d_loss = losses.discriminator_loss(discriminator(real), discriminator(generator(noise)))
    d_optimizer.zero_grad()
    d_loss.backward(inputs=list(discriminator.parameters()))
    d_optimizer.step()
    g_loss = losses.generator_loss(discriminator(generator(noise)))
    g_optimizer.zero_grad()
    g_loss.backward(inputs=list(generator.parameters()))
    g_optimizer.step()
    return d_loss.detach(), g_loss.detach()
""",
        ),
        (
            "the move of exercise 3.1, then G's with D frozen",
            """
def mended_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    with torch.no_grad():
        fake = generator(noise)
    d_loss = losses.discriminator_loss(discriminator(real), discriminator(fake))
    discriminator.zero_grad(set_to_none=True)
    d_loss.backward()
    d_optimizer.step()
    discriminator.requires_grad_(False)
    g_loss = losses.generator_loss(discriminator(generator(noise)))
    generator.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    discriminator.requires_grad_(True)
    return d_loss.detach(), g_loss.detach()
""",
        ),
    ],
    "check_step_at_once": [
        (
            "detached for D, cleared in between",
            """
def step_at_once(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    fake = generator(noise)
    g_loss = losses.generator_loss(discriminator(fake))
    g_optimizer.zero_grad()
    g_loss.backward()
    d_optimizer.zero_grad()
    d_loss = losses.discriminator_loss(discriminator(real), discriminator(fake.detach()))
    d_loss.backward()
    g_optimizer.step()
    d_optimizer.step()
    return d_loss.detach(), g_loss.detach()
""",
        ),
        (
            "functional gradients",
            """
def step_at_once(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    f, r = discriminator(generator(noise)), discriminator(real)
    d_loss, g_loss = losses.discriminator_loss(r, f), losses.generator_loss(f)
    moves = []
    for loss, network in ((d_loss, discriminator), (g_loss, generator)):
        weights = list(network.parameters())
        moves += zip(weights, torch.autograd.grad(loss, weights, retain_graph=True))
    for weight, gradient in moves:
        weight.grad = gradient
    d_optimizer.step()
    g_optimizer.step()
    return [d_loss.item(), g_loss.item()]
""",
        ),
        (
            "softplus, and G first",
            """
from torch.nn.functional import softplus
def step_at_once(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    f = discriminator(generator(noise))
    g_loss = softplus(-f).mean()
    d_loss = softplus(-discriminator(real)).mean() + softplus(f).mean()
    for optimizer in (d_optimizer, g_optimizer):
        optimizer.zero_grad()
    g_loss.backward(retain_graph=True, inputs=list(generator.parameters()))
    d_loss.backward(inputs=list(discriminator.parameters()))
    for optimizer in (g_optimizer, d_optimizer):
        optimizer.step()
    return (d_loss.detach(), g_loss.detach())
""",
        ),
    ],
}
