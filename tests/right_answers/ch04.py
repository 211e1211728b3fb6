"""Right answers to the exercises of chapter 4, written otherwise than the folded solutions."""

_PLAIN_STEP = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    bce = nn.BCEWithLogitsLoss()
    with torch.no_grad():
        fake = generator(noise)
    d_optimizer.zero_grad()
    real_logits, fake_logits = discriminator(real), discriminator(fake)
    d_loss = bce(real_logits, torch.ones_like(real_logits)) + bce(fake_logits, torch.zeros_like(fake_logits))
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad(set_to_none=False)
    logits = discriminator(generator(noise))
    g_loss = bce(logits, torch.ones_like(logits))
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()
"""
_ONE_BATCH_STEP = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    fake = generator(noise)
    logits = discriminator(torch.cat([real, fake.detach()]))
    n = len(real)
    d_loss = -torch.log(torch.sigmoid(logits[:n])).mean() - torch.log(1 - torch.sigmoid(logits[n:])).mean()
    for player in (g_optimizer, d_optimizer):
        player.zero_grad()
    d_loss.backward()
    d_optimizer.step()
    g_loss = -nn.functional.logsigmoid(discriminator(fake)).sum() / n
    g_loss.backward()
    g_optimizer.step()
    return [d_loss.detach(), g_loss.detach()]
"""
_AUTOGRAD_STEP = """
def my_step(generator, discriminator, g_optimizer, d_optimizer, real, noise):
    def move(network, optimizer, loss):
        parameters = list(network.parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters)):
            parameter.grad = gradient
        optimizer.step()
        return loss.detach()
    softplus = nn.functional.softplus
    d_loss = softplus(-discriminator(real)).mean() + softplus(discriminator(generator(noise))).mean()
    d_loss = move(discriminator, d_optimizer, d_loss)
    return d_loss, move(generator, g_optimizer, softplus(-discriminator(generator(noise))).mean())
"""

_TWO_NOISES = """
def mended_loop(generator, discriminator, batches, draw_noise, steps):
    adam = {"lr": 4e-3, "betas": (0.5, 0.99)}
    d_optimizer = torch.optim.Adam(discriminator.parameters(), **adam)
    g_optimizer = torch.optim.Adam(generator.parameters(), **adam)
    softplus = nn.functional.softplus
    for _ in range(steps):
        fake = generator(draw_noise(64)).detach()
        d_loss = softplus(-discriminator(next(batches))).mean() + softplus(discriminator(fake)).mean()
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        softplus(-discriminator(generator(draw_noise(64)))).mean().backward()
        g_optimizer.step()
    return generator
"""
_OLD_LINE_LEFT = """
def mended_loop(generator, discriminator, batches, draw_noise, steps):
    adam = {"lr": 4e-3, "betas": (0.5, 0.99)}
    d_optimizer = torch.optim.Adam(discriminator.parameters(), **adam)
    g_optimizer = torch.optim.Adam(generator.parameters(), **adam)
    noise = draw_noise(64)
    for _ in range(steps):
        noise = draw_noise(64)
        real, fake = next(batches), generator(noise)
        d_optimizer.zero_grad()
        d_loss = nn.functional.softplus(-discriminator(real)).mean()
        d_loss = d_loss + nn.functional.softplus(discriminator(fake.detach())).mean()
        d_loss.backward()
        d_optimizer.step()
        g_loss = nn.functional.softplus(-discriminator(fake)).mean()
        generator.zero_grad()
        g_loss.backward()
        g_optimizer.step()
    return generator
"""
_OWN_DICE = """
def mended_loop(generator, discriminator, batches, draw_noise, steps):
    bce = nn.functional.binary_cross_entropy_with_logits
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=4e-3, betas=(0.5, 0.99))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=4e-3, betas=(0.5, 0.99))
    one, zero = torch.ones(64), torch.zeros(64)
    for step in range(steps):
        for optimizer in (d_optimizer, g_optimizer):
            optimizer.zero_grad()
        real = next(batches)
        fake = generator(torch.randn(64, 2))
        (bce(discriminator(real), one) + bce(discriminator(fake.detach()), zero)).backward()
        d_optimizer.step()
        bce(discriminator(fake), one).backward()
        g_optimizer.step()
        discriminator.zero_grad()
    return generator
"""

_EPOCHS = """
def my_training(points, steps, seed):
    torch.manual_seed(seed)

    class Net(nn.Module):
        def __init__(self, outputs):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(2, 64), nn.Linear(64, 64), nn.Linear(64, 64)
            self.out = nn.Linear(64, outputs)

        def forward(self, x):
            for layer in (self.a, self.b, self.c):
                x = torch.relu(layer(x))
            return self.out(x)

    g, d = Net(2), Net(1)
    g_adam = torch.optim.Adam(g.parameters(), lr=3e-3, betas=(0.0, 0.99))
    d_adam = torch.optim.Adam(d.parameters(), lr=5e-3, betas=(0.0, 0.99))
    loss = nn.BCEWithLogitsLoss()
    order = iter(())
    for _ in range(steps):
        part = next(order, None)
        if part is None:
            order = iter(points[torch.randperm(len(points))].split(100))
            part = next(order)
        d_adam.zero_grad()
        fake = g(torch.randn(100, 2)).detach()
        (loss(d(part), torch.ones(100, 1)) + loss(d(fake), torch.zeros(100, 1))).backward()
        d_adam.step()
        g_adam.zero_grad()
        loss(d(g(torch.randn(100, 2))), torch.ones(100, 1)).backward()
        g_adam.step()
    g.eval()
    return g
"""
_LOADER = """
def my_training(points, steps, seed):
    torch.manual_seed(seed)
    mlp = lambda n: nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2),
                                  nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, n))
    generator, discriminator = mlp(2), mlp(1)
    players = {"g": generator, "d": discriminator}
    adam = {k: torch.optim.Adam(net.parameters(), lr=4e-3, betas=(0.3, 0.9)) for k, net in players.items()}
    softplus = nn.functional.softplus
    done = 0
    while done < steps:
        index = torch.multinomial(torch.ones(len(points)), 128)
        real, z = points[index], torch.empty(128, 2).normal_()
        fake = generator(z)
        logits = discriminator(torch.cat([real, fake.detach()])).squeeze(1)
        sign = torch.cat([-torch.ones(128), torch.ones(128)])
        adam["d"].zero_grad()
        (2 * softplus(sign * logits).mean()).backward()
        adam["d"].step()
        adam["g"].zero_grad()
        softplus(-discriminator(fake)).mean().backward()
        adam["g"].step()
        done += 1
    return generator
"""
_AVERAGED = """
def my_training(points, steps, seed):
    import copy
    torch.manual_seed(seed)
    def body(n):
        return nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64),
                             nn.ReLU(), nn.Linear(64, n))
    g, d = body(2), body(1)
    average = copy.deepcopy(g)
    opt_g = torch.optim.Adam(g.parameters(), 4e-3, (0.0, 0.99))
    opt_d = torch.optim.Adam(d.parameters(), 4e-3, (0.0, 0.99))
    noise = torch.randn(steps, 128, 2)
    for z in noise:
        real = points[torch.randint(len(points), (128,))]
        opt_d.zero_grad()
        d_loss = (torch.relu(1 - d(real)) + torch.relu(1 + d(g(z).detach()))).mean()
        d_loss.backward()
        opt_d.step()
        opt_g.zero_grad()
        (-d(g(z)).mean()).backward()
        opt_g.step()
        with torch.no_grad():
            for a, w in zip(average.parameters(), g.parameters()):
                a.lerp_(w, 0.05)
    return average
"""

RIGHT = {
    "check_diagnoses": [
        ("a tuple", "my_diagnoses = ('noise', 'sign', 'optimizer', 'clearing')"),
        ("by number", "my_diagnoses = {1: 'noise', 2: 'sign', 3: 'optimizer', 4: 'clearing'}"),
        ("in capitals", "my_diagnoses = 'Noise SIGN Optimizer clearing '.split()"),
    ],
    "check_mended_loop": [
        ("noise for each player", _TWO_NOISES),
        ("the old line left in, unused", _OLD_LINE_LEFT),
        ("its own noise, cleared at the start and the end", _OWN_DICE),
    ],
    "check_my_step": [
        ("no_grad and BCE, fakes made twice", _PLAIN_STEP),
        ("one batch through D, both cleared at the start", _ONE_BATCH_STEP),
        ("autograd.grad, nothing detached", _AUTOGRAD_STEP),
    ],
    "check_my_training": [
        ("a class, epochs, BCE, other rates", _EPOCHS),
        ("one batch through D, a while loop", _LOADER),
        ("hinge, a moving average, noise drawn ahead", _AVERAGED),
    ],
}
