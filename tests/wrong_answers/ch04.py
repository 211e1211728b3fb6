"""Typical wrong answers to the exercises of chapter 4, each with a part of the hint that it must get."""

_STEP = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    softplus = nn.functional.softplus
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
def mended_loop(generator, discriminator, batches, draw_noise, steps):
    adam = {"lr": 4e-3, "betas": (0.5, 0.99)}
    g_optimizer = torch.optim.Adam(generator.parameters(), **adam)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), **adam)
    for _ in range(steps):
        noise = draw_noise(64)
        real, fake = next(batches), generator(noise)
        d_optimizer.zero_grad()
        d_loss = nn.functional.softplus(-discriminator(real)).mean()
        (d_loss + nn.functional.softplus(discriminator(fake.detach())).mean()).backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        nn.functional.softplus(-discriminator(fake)).mean().backward()
        g_optimizer.step()
    return generator
"""
_TRAINING = """
def my_training(points, steps, seed):
    torch.manual_seed(seed)
    softplus = nn.functional.softplus
    generator, discriminator = (
        nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
                      nn.Linear(64, outputs)) for outputs in (2, 1))
    g_optimizer = torch.optim.Adam(generator.parameters(), 4e-3, (0.0, 0.99))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), 4e-3, (0.0, 0.99))
    for _ in range(steps):
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


def _loop(*changes):
    return _changed(_LOOP, *changes)


def _training(*changes):
    return _changed(_TRAINING, *changes)


_CLEAR_D, _CLEAR_G = "    d_optimizer.zero_grad()\n", "    g_optimizer.zero_grad()\n"
_START = "    fake = generator(noise)\n"
_G_FIRST = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    softplus = nn.functional.softplus
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
    softplus = nn.functional.softplus
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
    softplus = nn.functional.softplus
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
    softplus = nn.functional.softplus
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
_LATE = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    softplus = nn.functional.softplus
    fake = generator(noise)
    d_loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake.detach())).mean()
    g_loss = softplus(-discriminator(fake)).mean()
    d_optimizer.zero_grad()
    g_optimizer.zero_grad()
    d_loss.backward()
    g_loss.backward()
    d_optimizer.step()
    g_optimizer.step()
    return d_loss.detach(), g_loss.detach()
"""
_LOOKED_UP = """
def my_training(points, steps, seed):
    torch.manual_seed(seed)

    class Net(nn.Module):
        def forward(self, noise):
            return points[torch.randint(len(points), (len(noise),))]

    return Net()
"""
_PACKAGE = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    softplus = nn.functional.softplus
    gan = train.GAN(generator, discriminator, "non_saturating", g_optimizer, d_optimizer)
    return train.train_step(gan, real, noise)
"""
_TARGETS_SWAPPED = (
    ("softplus(-discriminator(real)).mean() + softplus(discriminator(fake.detach()))",
     "softplus(discriminator(real)).mean() + softplus(-discriminator(fake.detach()))"),
)  # fmt: skip
_HELPS = ("softplus(-discriminator(fake))", "softplus(discriminator(fake))")
_MINIMAX = ("softplus(-discriminator(fake))", "-softplus(discriminator(fake))")

_FEW = ("range(steps)", "range(min(steps, 100))")  # enough for what is looked at first
_OWNER = ("Adam(generator.", "Adam(discriminator.")
_ONCE = (
    ("        noise = draw_noise(64)\n", ""),
    ("    for _ in", "    noise = draw_noise(64)\n    for _ in"),
)
_UNCLEARED = ((_CLEAR_D, "    pass\n"), (_CLEAR_G, "    pass\n"))
_D_TURNED = (
    ("softplus(-discriminator(real))", "softplus(discriminator(real))"),
    ("softplus(discriminator(fake.detach()))", "softplus(-discriminator(fake.detach()))"),
)

WRONG = {
    "check_diagnoses": [
        ("one word", "my_diagnoses = 'noise'", "Four words in a list"),
        ("a word of its own", "my_diagnoses = ['noise', 'sign', 'optimizer', 'sigmoid']", "sigmoid: not among"),
        ("detach", "my_diagnoses = ['noise', 'sign', 'detach', 'clearing']", "3 of 4 are right. Look at patient 3"),
        (
            "momentum",
            "my_diagnoses = ['noise', 'sign', 'optimizer', 'momentum']",
            "Momentum forgets; what never forgets?",
        ),
        ("first two swapped", "my_diagnoses = ['sign', 'noise', 'optimizer', 'clearing']", "2 of 4 are right"),
        ("patient 2", "my_diagnoses = ['noise', 'detach', 'optimizer', 'clearing']", "no two opponents"),
    ],
    "check_mended_loop": [
        ("mended, not returned", _loop(("    return generator\n", "    return None\n")), "returned nothing"),
        ("returned, not mended", _loop(_OWNER, *_ONCE, *_UNCLEARED, _HELPS), "4 to mend"),
        ("the optimizer is left", _loop(_OWNER), "1 to mend: G never moves"),
        ("the clearing is left", _loop(*_UNCLEARED), "1 to mend: No gradient is ever cleared"),
        ("the noise is left", _loop(*_ONCE), "1 to mend: One batch of noise serves both"),
        ("the sign is left", _loop(_HELPS), "1 to mend: G wants low logits"),
        ("optimizer and noise are left", _loop(_OWNER, *_ONCE), "2 to mend: G never moves"),
        ("clearing and sign are left", _loop(*_UNCLEARED, _HELPS), "2 to mend: No gradient"),
        ("three are left", _loop(*_ONCE, *_UNCLEARED, _HELPS), "3 to mend"),
        (
            "swapped owners",
            _loop(
                ("Adam(generator.", "Adam(X."),
                ("Adam(discriminator.", "Adam(generator."),
                ("Adam(X.", "Adam(discriminator."),
            ),
            "the other player's weights",
        ),
        ("D's instead", _loop(("Adam(discriminator.", "Adam(generator.")), "D never moves"),
        (
            "both in G's",
            _loop(("Adam(generator.parameters()", "Adam([*generator.parameters(), *discriminator.parameters()]")),
            "g_optimizer holds both",
        ),
        ("G's alone cleared", _loop((_CLEAR_D, "    pass\n")), "D's are not"),
        ("D's alone cleared", _loop((_CLEAR_G, "    pass\n")), "G's are not"),
        (
            "too early",
            _loop(
                *_UNCLEARED,
                ("d_optimizer.step()", "d_optimizer.step(); d_optimizer.zero_grad()"),
                ("g_optimizer.step()", "g_optimizer.step(); g_optimizer.zero_grad()"),
            ),
            "too early",
        ),
        (
            "between backward and step",
            _loop(
                *_UNCLEARED,
                ("d_optimizer.step()", "d_optimizer.zero_grad(); d_optimizer.step()"),
                ("g_optimizer.step()", "g_optimizer.zero_grad(); g_optimizer.step()"),
            ),
            "Nobody moves",
        ),
        (
            "fresh for G alone",
            _loop(*_ONCE, ("g_optimizer.zero_grad()", "g_optimizer.zero_grad(); fake = generator(draw_noise(64))")),
            "serves one of the players",
        ),
        (
            "fakes made once",
            _loop(
                ("        noise = draw_noise(64)\n", ""),
                ("    for _ in", "    fake = generator(draw_noise(64))\n    for _ in"),
                ("real, fake = next(batches), generator(noise)", "real = next(batches)"),
            ),
            "detach the fakes for D, or make them anew",
        ),
        (
            "minimax",
            _loop(("nn.functional.softplus(-discriminator(fake))", "(-nn.functional.softplus(discriminator(fake)))")),
            "minimax",
        ),
        ("D's and G's", _loop(*_D_TURNED), "as well"),
        ("D's instead of G's", _loop(*_D_TURNED, _HELPS), "instead of G's"),
        (
            "detached for G",
            _loop(("softplus(-discriminator(fake))", "softplus(-discriminator(fake.detach()))")),
            "G stands still",
        ),
    ],
    "check_my_step": [
        ("nothing cleared", _step((_CLEAR_D, ""), (_CLEAR_G, "")), "No gradient is ever cleared"),
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
        (
            "no detach, D alone cleared",
            _step(("fake.detach()", "generator(noise)"), (_CLEAR_G, "")),
            "ran into G: detach",
        ),
        ("both backward, then both steps", _LATE, "before D stepped"),
        ("G's loss a sum", _step(("discriminator(fake)).mean()", "discriminator(fake)).sum()")), "Is G's loss a mean"),
        ("no detach", _step(("fake.detach()", "fake")), "Two losses share a graph"),
        ("G first", _G_FIRST, "moved first"),
        ("at once", _SIMULTANEOUS, "from before its move"),
        ("G's loss before D's step", _LOSS_TOO_EARLY, "Weights moved before a gradient"),
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
            "take the noise that is given",
        ),
        ("the package's step", _PACKAGE, "Without gan_edu"),
        (
            "losses in the wrong order",
            _step(("return d_loss.detach(), g_loss.detach()", "return g_loss, d_loss")),
            "comes first",
        ),
        ("one loss", _step(("return d_loss.detach(), g_loss.detach()", "return d_loss")), "Return both losses"),
        (
            "losses with their graphs",
            _step(("return d_loss.detach(), g_loss.detach()", "return d_loss, g_loss")),
            "hold their graphs",
        ),
        ("forgot the return", _step(("    return d_loss.detach(), g_loss.detach()\n", "")), "returned nothing"),
    ],
    "check_my_training": [
        (
            "momentum",
            _training(("(0.0, 0.99)", "(0.9, 0.999)")),
            "first beta is 0.9",
        ),
        ("rates too low", _training(("4e-3", "1e-4")), "a learning rate is 0.0001"),
        (
            "never trained",
            "def my_training(points, steps, seed):\n    return nn.Linear(2, 2)",
            "no optimizer ever made",
        ),
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
        ("forgot the return", _training(("    return generator\n", "")), "returned nothing"),
        (
            "one noise for ever",
            _training(
                _FEW,
                ("    for _ in", "    noise = torch.randn(64, 2)\n    for _ in"),
                ("torch.randn(64, 2))\n        d_", "noise)\n        d_"),
            ),
            "trained on 64 draws of noise",
        ),
        (
            "the same points for ever",
            _training(_FEW, ("points[torch.randint(len(points), (64,))]", "points[:64]")),
            "Only 64 of the 10,000 points",
        ),
        ("random points, nothing learned", _LOOKED_UP, "no optimizer ever made a step: who learned"),
        ("a triple", _training(("return generator\n", "return None, fake, discriminator\n")), "trained generator"),
        (
            "nothing cleared",
            _training(("        d_optimizer.zero_grad()\n", ""), ("        g_optimizer.zero_grad()\n", "")),
            "are gradients cleared?",
        ),
        ("no seed", _training(("    torch.manual_seed(seed)\n", "")), "No two runs are alike"),
        (
            "G never moves",
            _training(_FEW, ("discriminator(fake))", "discriminator(fake.detach()))")),
            "after all steps G is where",
        ),
        ("too few steps", _training(_FEW), "made 100 steps of 600"),
        (
            "helps D",
            _training(("softplus(-discriminator(fake))", "softplus(discriminator(fake))")),
            "what does the checker of 4.3",
        ),
        (
            "the package's loop",
            "def my_training(points, steps, seed):\n    return recipes.plane(points)[0].ema",
            "Without gan_edu",
        ),
    ],
}
