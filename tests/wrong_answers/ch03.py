"""Typical wrong answers to the exercises of chapter 03, each with a part of the hint that it must get."""

_MOVE = """
def move_discriminator(generator, discriminator, d_optimizer, real, noise):
    fake = generator(noise){detach}
    loss = losses.discriminator_loss({logits})
    {clear}
    loss.backward()
    {step}
    return loss.detach(){tail}
"""
_RIGHT = {
    "detach": ".detach()",
    "logits": "discriminator(real), discriminator(fake)",
    "clear": "d_optimizer.zero_grad()",
    "step": "d_optimizer.step()",
    "tail": "",
}


def _move(**changes):
    return _MOVE.format(**{**_RIGHT, **changes})


_STEP = """
def mended_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    fake = generator(noise)
    d_loss = losses.discriminator_loss(discriminator(real), discriminator(fake.detach()))
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()
    g_loss = losses.generator_loss(discriminator(fake))
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.detach(), g_loss.detach()
"""


def _step(*changes):
    source = _STEP
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


_SHARE = "def share_of_gradient(s):\n    return {}\n"

WRONG = {
    "check_move_discriminator": [
        ("no detach", _move(detach=""), "left a gradient on G"),
        ("old gradients", _move(clear="pass"), "old gradients"),
        ("no step", _move(step="pass"), "has not moved"),
        ("swapped logits", _move(logits="discriminator(fake), discriminator(real)"), "swapped"),
        ("uphill", _move(step="[p.grad.neg_() for p in discriminator.parameters()]; d_optimizer.step()"), "uphill"),
        ("the loss after its end", _move(tail=" * 0"), "return D's loss"),
        ("the loss with its graph", _move().replace("loss.detach()", "loss"), "holds its graph"),
        (
            "G's loss",
            _move().replace(
                "losses.discriminator_loss(discriminator(real), discriminator(fake))",
                "losses.generator_loss(discriminator(fake))",
            ),
            "along G's loss",
        ),
    ],
    "check_mended_step": [
        (
            "as printed",
            _step(
                ("    d_optimizer.zero_grad()\n", ""),
                ("    d_optimizer.step()\n", "    d_optimizer.step()\n    d_optimizer.zero_grad()\n"),
            ),
            "gradients are left on D",
        ),
        (
            "detach in both",
            _step(("discriminator(fake))\n    g_", "discriminator(fake.detach()))\n    g_")),
            "G stands still",
        ),
        ("no detach", _step(("fake.detach()", "fake")), "freed its graph"),
        ("G never cleared", _step(("    g_optimizer.zero_grad()\n", "")), "G's old gradients"),
        (
            "at once",
            _step(
                ("    d_optimizer.step()\n", ""),
                ("    g_optimizer.step()\n", "    d_optimizer.step()\n    g_optimizer.step()\n"),
                ("    g_loss.backward()\n", "    g_loss.backward(inputs=list(generator.parameters()))\n"),
            ),
            "before its move",
        ),
    ],
    "check_share_of_gradient": [
        ("the slope of the sum", _SHARE.format("2 * s - 1"), "slope of the sum"),
        ("D's part alone", _SHARE.format("s / (s - 1)"), "D's part alone"),
        ("the sign", _SHARE.format("(2 * s - 1) / (1 - s)"), "the sign is not"),
        ("minimax", _SHARE.format("0.0"), "Zero is the answer"),
        ("something else", _SHARE.format("1 - s"), "Add the slopes"),
        ("upside down", _SHARE.format("(1 - s) / (1 - 2 * s)"), "Upside down"),
    ],
}
