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


_AT_ONCE = """
def step_at_once(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    f = discriminator(generator(noise))
    d_loss = losses.discriminator_loss(discriminator(real), f)
    g_loss = losses.generator_loss(f)
    d_optimizer.zero_grad()
    g_optimizer.zero_grad()
    d_loss.backward(inputs=list(discriminator.parameters()), retain_graph=True)
    g_loss.backward(inputs=list(generator.parameters()))
    d_optimizer.step()
    g_optimizer.step()
    return d_loss.detach(), g_loss.detach()
"""


def _at_once(*changes):
    source = _AT_ONCE
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


_D_LOSS = "losses.discriminator_loss(discriminator(real), discriminator(fake.detach()))"
_G_LOSS = "losses.generator_loss(discriminator(fake))"
_CLEAR_D, _CLEAR_G = "    d_optimizer.zero_grad()\n", "    g_optimizer.zero_grad()\n"

WRONG = {
    "check_move_discriminator": [
        ("no detach", _move(detach=""), "left a gradient on G"),
        ("old gradients", _move(clear="pass"), "old gradients"),
        ("no step", _move(step="pass"), "never made its step"),
        (
            "step before backward",
            _move(clear="d_optimizer.zero_grad(); d_optimizer.step()", step="pass"),
            "came before backward",
        ),
        ("G frozen for ever", _move(clear="d_optimizer.zero_grad(); generator.requires_grad_(False)"), "still frozen"),
        (
            "D under no_grad",
            _move(logits="discriminator(real), discriminator(fake).detach()"),
            "put only G under no_grad",
        ),
        ("cleared too late", _move(step="d_optimizer.zero_grad(); d_optimizer.step()"), "cleared between"),
        ("swapped logits", _move(logits="discriminator(fake), discriminator(real)"), "swapped"),
        ("uphill", _move(step="[p.grad.neg_() for p in discriminator.parameters()]; d_optimizer.step()"), "uphill"),
        ("halved", _move().replace("    loss.back", "    loss = loss / 2\n    loss.back"), "half as far"),
        ("sigmoid", _move(logits="discriminator(real).sigmoid(), discriminator(fake).sigmoid()"), "a sigmoid too many"),
        ("other noise", _move().replace("generator(noise)", "generator(torch.randn(16, 2))"), "noise of this call"),
        ("the loss after its end", _move(tail=" * 0"), "return D's loss"),
        ("the loss with its graph", _move().replace("loss.detach()", "loss"), "holds its graph"),
        ("other data", _move(logits="discriminator(real[:8]), discriminator(fake[:8])"), "not along the gradient"),
        (
            "G's loss",
            _move().replace(
                "losses.discriminator_loss(discriminator(real), discriminator(fake))",
                "losses.generator_loss(discriminator(fake))",
            ),
            "the other player's loss",
        ),
    ],
    "check_mended_step": [
        (
            "as printed",
            _step(
                (_CLEAR_D, ""), ("    d_optimizer.step()\n", "    d_optimizer.step()\n    d_optimizer.zero_grad()\n")
            ),
            "line 7",
        ),
        (
            "detach in both",
            _step(("discriminator(fake))\n    g_", "discriminator(fake.detach()))\n    g_")),
            "G stands still: no backward",
        ),
        ("no detach", _step(("fake.detach()", "fake")), "share a graph"),
        (
            "D frozen for ever",
            _step(("    g_loss = losses", "    discriminator.requires_grad_(False)\n    g_loss = losses")),
            "D's weights are still frozen",
        ),
        ("G never cleared", _step((_CLEAR_G, "")), "G: the first step is right"),
        ("D never cleared", _step((_CLEAR_D, "")), "D: the first step is right"),
        (
            "nothing cleared before G",
            _step(
                ("fake.detach()))", "fake))"),
                ("d_loss.backward()", "d_loss.backward(retain_graph=True)"),
                (_CLEAR_G, ""),
                (_CLEAR_D, _CLEAR_D + _CLEAR_G),
            ),
            "G: moved along the sum",
        ),
        (
            "G cleared late",
            _step((_CLEAR_G, ""), ("    g_optimizer.step", _CLEAR_G + "    g_optimizer.step")),
            "G stands still: its gradients were cleared",
        ),
        ("no step of G", _step(("    g_optimizer.step()\n", "")), "G stands still: its optimizer"),
        ("minimax", _step((_G_LOSS, "losses.LOSSES['minimax'].generator(discriminator(fake))")), "minimax loss"),
        (
            "fresh noise",
            _step((_G_LOSS, _G_LOSS.replace("fake", "generator(torch.randn(16, 2))"))),
            "noise of this call",
        ),
        ("halved", _step((_D_LOSS, _D_LOSS + " / 2")), "D: moved half"),
        ("sigmoid in G", _step((_G_LOSS, "losses.generator_loss(discriminator(fake).sigmoid())")), "G: got a sigmoid"),
        ("losses with graphs", _step(("d_loss.detach(), g_loss.detach()", "d_loss, g_loss")), "holds its graph"),
        (
            "losses swapped",
            _step(("d_loss.detach(), g_loss.detach()", "g_loss.detach(), d_loss.detach()")),
            "in this order",
        ),
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
    "check_step_at_once": [
        (
            "two plain walks",
            _at_once(("inputs=list(discriminator.parameters()), ", ""), ("inputs=list(generator.parameters())", "")),
            "D: moved along the sum",
        ),
        ("in turns", _STEP.replace("mended_step", "step_at_once"), "a step in turns"),
        ("never cleared", _at_once((_CLEAR_D, ""), (_CLEAR_G, "")), "D: the first step is right"),
        ("the graph freed", _at_once((", retain_graph=True", "")), "walk 1 needs retain_graph=True"),
        (
            "D answers the moved G",
            _at_once(
                ("    d_loss.backward(inputs=list(discriminator.parameters()), retain_graph=True)\n", ""),
                (
                    "    d_optimizer.step()\n    g_optimizer.step()\n",
                    "    g_optimizer.step()\n    f = discriminator(generator(noise).detach())\n"
                    "    d_loss = losses.discriminator_loss(discriminator(real), f)\n"
                    "    d_optimizer.zero_grad()\n    d_loss.backward()\n    d_optimizer.step()\n",
                ),
            ),
            "the G that had already moved",
        ),
        ("only D", _at_once(("    g_optimizer.step()\n", "")), "G stands still"),
        ("one loss", _at_once(("d_loss.detach(), g_loss", "g_loss")), "D's loss and G's loss"),
    ],
}
