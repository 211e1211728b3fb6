"""Typical wrong answers to the exercises of chapter 04, each with a part of the hint that it must get."""

_STEP = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    fake = generator(noise)
    d_loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake.detach())).mean()
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()
    g_loss = softplus(-discriminator(fake)).mean()
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.detach(), g_loss.detach()
"""
_LOOP = """
def {name}(generator, discriminator, batches, draw_noise, steps):
    adam = {{"lr": 4e-3, "betas": (0.5, 0.99)}}
    g_optimizer = torch.optim.Adam(generator.parameters(), **adam)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), **adam)
    for _ in range(steps):
        real, fake = next(batches), generator(draw_noise(64))
        d_optimizer.zero_grad()
        d_loss = softplus(-discriminator(real)).mean()
        (d_loss + softplus(discriminator(fake.detach())).mean()).backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        softplus(-discriminator(fake)).mean().backward()
        g_optimizer.step()
    return generator
"""
_TRAINING = """
def my_training(points, steps, seed):
    torch.manual_seed(seed)
    generator, discriminator = (
        nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
                      nn.Linear(64, outputs)) for outputs in (2, 1))
    g_optimizer = torch.optim.Adam(generator.parameters(), 4e-3)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), 1e-3)
    for _ in range(400):
        real, fake = points[torch.randint(len(points), (64,))], generator(torch.randn(64, 2))
        d_optimizer.zero_grad()
        (softplus(-discriminator(real)).mean() + softplus(discriminator(fake.detach())).mean()).backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        softplus(-discriminator(fake)).mean().backward()
        g_optimizer.step()
    return generator
"""


def _changed(source, *changes):
    for old, new in changes:
        assert source.count(old) >= 1, old
        source = source.replace(old, new)
    return source


def _step(*changes):
    return _changed(_STEP, *changes)


def _loop(name, *changes):
    return _changed(_LOOP.format(name=name), *changes)


_CLEAR_D, _CLEAR_G = "    d_optimizer.zero_grad()\n", "    g_optimizer.zero_grad()\n"
_START = "    fake = generator(noise)\n"
_G_FIRST = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    g_loss = softplus(-discriminator(generator(noise))).mean()
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    fake = generator(noise).detach()
    d_loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()
    return d_loss.detach(), g_loss.detach()
"""
_SIMULTANEOUS = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    fake = generator(noise)
    d_loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()
    g_loss = softplus(-discriminator(fake)).mean()
    d_optimizer.zero_grad()
    d_loss.backward(retain_graph=True, inputs=list(discriminator.parameters()))
    g_optimizer.zero_grad()
    g_loss.backward(inputs=list(generator.parameters()))
    d_optimizer.step()
    g_optimizer.step()
    return d_loss.detach(), g_loss.detach()
"""
_PROBABILITIES = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    def bce(samples, target):
        p = torch.sigmoid(discriminator(samples))
        return nn.functional.binary_cross_entropy_with_logits(p, torch.full_like(p, target))
    fake = generator(noise)
    d_loss = bce(real, 1.0) + bce(fake.detach(), 0.0)
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()
    g_loss = bce(fake, 1.0)
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.detach(), g_loss.detach()
"""
_LOSS_TOO_EARLY = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    fake = generator(noise)
    d_loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake.detach())).mean()
    g_loss = softplus(-discriminator(fake)).mean()
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.detach(), g_loss.detach()
"""
_PACKAGE = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    gan = train.GAN(generator, discriminator, "non_saturating", g_optimizer, d_optimizer)
    return train.train_step(gan, real, noise)
"""
_TARGETS_SWAPPED = (
    ("softplus(-discriminator(real)).mean() + softplus(discriminator(fake.detach()))",
     "softplus(discriminator(real)).mean() + softplus(-discriminator(fake.detach()))"),
)  # fmt: skip
_HELPS = ("softplus(-discriminator(fake))", "softplus(discriminator(fake))")
_MINIMAX = ("softplus(-discriminator(fake))", "-softplus(discriminator(fake))")

_NOISE_OUTSIDE = (
    ("    for _ in", "    noise = draw_noise(64)\n    for _ in"),
    ("generator(draw_noise(64))", "generator(noise)"),
)
_D_TURNED = (
    ("softplus(-discriminator(real))", "softplus(discriminator(real))"),
    ("softplus(discriminator(fake.detach()))", "softplus(-discriminator(fake.detach()))"),
)

WRONG = {
    "check_my_step": [
        ("nothing cleared", _step((_CLEAR_D, ""), (_CLEAR_G, "")), "never cleared, so each backward()"),
        ("D not cleared", _step((_CLEAR_D, "")), "D's gradients are never cleared"),
        ("G not cleared", _step((_CLEAR_G, "")), "G's gradients are never cleared"),
        (
            "cleared after the step",
            _step(
                (_CLEAR_D, ""),
                (_CLEAR_G, ""),
                ("d_optimizer.step()", "d_optimizer.step()\n    d_optimizer.zero_grad()"),
                ("g_optimizer.step()", "g_optimizer.step()\n    g_optimizer.zero_grad()"),
            ),
            "cleared too early",
        ),
        (
            "neither detach nor clearing",
            _step(
                (_CLEAR_D, ""),
                (_CLEAR_G, ""),
                ("fake.detach()", "fake"),
                ("d_loss.backward()", "d_loss.backward(retain_graph=True)"),
                (_START, _START + _CLEAR_D + _CLEAR_G),
            ),
            "the sum of both losses",
        ),
        ("no detach", _step(("fake.detach()", "fake")), "freed its graph"),
        ("G first", _G_FIRST, "moved first"),
        ("at once", _SIMULTANEOUS, "from before its move"),
        ("G's loss before D's step", _LOSS_TOO_EARLY, "between a loss and its backward()"),
        ("saturating", _step(_MINIMAX), "saturating"),
        ("G helps D", _step(_HELPS), "G helps D"),
        ("D's targets swapped", _step(*_TARGETS_SWAPPED), "D's targets are swapped"),
        ("all targets swapped", _step(*_TARGETS_SWAPPED, _HELPS), "turned round, for both"),
        ("probabilities", _PROBABILITIES, "A sigmoid too many"),
        (
            "optimizers swapped",
            _step(
                ("d_optimizer.step()", "X.step()"),
                ("g_optimizer.step()", "d_optimizer.step()"),
                ("X.step", "g_optimizer.step"),
                ("discriminator(fake))", "discriminator(generator(noise)))"),
            ),
            "optimizers are swapped",
        ),
        (
            "D's loss halved",
            _step(("d_optimizer.zero_grad()", "d_loss = d_loss / 2\n    d_optimizer.zero_grad()")),
            "halved",
        ),
        ("real alone", _step((" + softplus(discriminator(fake.detach())).mean()", "")), "real batch alone"),
        ("fakes alone", _step(("softplus(-discriminator(real)).mean() + ", "")), "fakes alone"),
        (
            "detached for G",
            _step(("g_loss = softplus(-discriminator(fake))", "g_loss = softplus(-discriminator(fake.detach()))")),
            "G stands still",
        ),
        ("D never moves", _step(("    d_optimizer.step()\n", "")), "D stands still"),
        (
            "own noise for G",
            _step(("discriminator(fake))", "discriminator(generator(torch.randn(64, 2))))")),
            "look at G's move",
        ),
        ("the package's step", _PACKAGE, "Without gan_edu"),
        (
            "losses in the wrong order",
            _step(("return d_loss.detach(), g_loss.detach()", "return g_loss, d_loss")),
            "comes first",
        ),
        ("one loss", _step(("return d_loss.detach(), g_loss.detach()", "return d_loss")), "Return both losses"),
        ("forgot the return", _step(("    return d_loss.detach(), g_loss.detach()\n", "")), "it returns None"),
    ],
    "check_my_training": [
        ("collapsed", _TRAINING, "has collapsed"),
        ("never trained", "def my_training(points, steps, seed):\n    return nn.Linear(2, 2)", "not on the modes"),
        (
            "the samples, not the generator",
            "def my_training(points, steps, seed):\n    return points",
            "trained generator",
        ),
        (
            "another noise",
            "def my_training(points, steps, seed):\n    return nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))",
            "must make points",
        ),
        (
            "not a number",
            "def my_training(points, steps, seed):\n    return lambda noise: noise * float('nan')",
            "makes NaN",
        ),
        (
            "ends with a sigmoid",
            "def my_training(points, steps, seed):\n    return nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())",
            "leave [0, 1]",
        ),
        (
            "ends with a tanh",
            "def my_training(points, steps, seed):\n    return nn.Sequential(nn.Linear(2, 2), nn.Tanh())",
            "leave [-1, 1]",
        ),
        ("forgot the return", _changed(_TRAINING, ("    return generator\n", "")), "it returns None"),
        ("far outside", "def my_training(points, steps, seed):\n    return lambda noise: 100 * noise", "far outside"),
        (
            "the package's loop",
            "def my_training(points, steps, seed):\n    return recipes.plane(points)[0].ema",
            "Without gan_edu",
        ),
    ],
    "check_mended_optimizers": [
        (
            "mended, not returned",
            _loop("mended_optimizers", ("    return generator\n", "    return None\n")),
            "it returns None",
        ),
        ("not mended", _loop("mended_optimizers", ("Adam(generator.", "Adam(discriminator.")), "Nothing is mended"),
        (
            "the other way round",
            _loop(
                "mended_optimizers",
                ("Adam(generator.", "Adam(X."),
                ("Adam(discriminator.", "Adam(generator."),
                ("Adam(X.", "Adam(discriminator."),
            ),
            "other way round",
        ),
        ("D's instead", _loop("mended_optimizers", ("Adam(discriminator.", "Adam(generator.")), "D never moves"),
        (
            "both in G's",
            _loop(
                "mended_optimizers",
                ("Adam(generator.parameters()", "Adam([*generator.parameters(), *discriminator.parameters()]"),
            ),
            "g_optimizer holds both",
        ),
    ],
    "check_mended_gradients": [
        (
            "mended, not returned",
            _loop("mended_gradients", ("    return generator\n", "    return None\n")),
            "it returns None",
        ),
        (
            "not mended",
            _loop("mended_gradients", (_CLEAR_D, "    pass\n"), (_CLEAR_G, "    pass\n")),
            "Nothing is mended",
        ),
        ("G's alone", _loop("mended_gradients", (_CLEAR_D, "    pass\n")), "D's are not"),
        ("D's alone", _loop("mended_gradients", (_CLEAR_G, "    pass\n")), "G's are not"),
        (
            "too early",
            _loop(
                "mended_gradients",
                (_CLEAR_D, "    pass\n"),
                (_CLEAR_G, "    pass\n"),
                ("d_optimizer.step()", "d_optimizer.step(); d_optimizer.zero_grad()"),
                ("g_optimizer.step()", "g_optimizer.step(); g_optimizer.zero_grad()"),
            ),
            "too early",
        ),
        (
            "between backward and step",
            _loop(
                "mended_gradients",
                (_CLEAR_D, "    pass\n"),
                (_CLEAR_G, "    pass\n"),
                ("d_optimizer.step()", "d_optimizer.zero_grad(); d_optimizer.step()"),
                ("g_optimizer.step()", "g_optimizer.zero_grad(); g_optimizer.step()"),
            ),
            "Nobody moves",
        ),
    ],
    "check_mended_noise": [
        (
            "mended, not returned",
            _loop("mended_noise", ("    return generator\n", "    return None\n")),
            "it returns None",
        ),
        ("not mended", _loop("mended_noise", *_NOISE_OUTSIDE), "Nothing is mended"),
        ("own dice", _loop("mended_noise", ("draw_noise(64)", "torch.randn(64, 2)")), "from draw_noise"),
        (
            "for G alone",
            _loop(
                "mended_noise",
                *_NOISE_OUTSIDE,
                ("g_optimizer.zero_grad()", "g_optimizer.zero_grad(); fake = generator(draw_noise(64))"),
            ),
            "G moves on fresh",
        ),
        (
            "for D alone",
            _loop("mended_noise", *_NOISE_OUTSIDE, ("fake.detach()", "generator(draw_noise(64)).detach()")),
            "D sees fakes of fresh",
        ),
        (
            "fakes made once",
            _loop(
                "mended_noise",
                ("    for _ in", "    fake = generator(draw_noise(64))\n    for _ in"),
                ("real, fake = next(batches), generator(draw_noise(64))", "real = next(batches)"),
            ),
            "freed its graph",
        ),
    ],
    "check_mended_wish": [
        (
            "mended, not returned",
            _loop("mended_wish", ("    return generator\n", "    return None\n")),
            "it returns None",
        ),
        ("not mended", _loop("mended_wish", _HELPS), "Nothing is mended"),
        (
            "minimax",
            _loop("mended_wish", ("softplus(-discriminator(fake))", "(-softplus(discriminator(fake)))")),
            "minimax loss",
        ),
        ("D's and G's", _loop("mended_wish", *_D_TURNED), "as well"),
        ("D's instead", _loop("mended_wish", *_D_TURNED, _HELPS), "instead of G's"),
    ],
}
