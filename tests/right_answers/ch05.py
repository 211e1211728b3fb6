"""Right answers to the exercises of chapter 5, written otherwise than the solutions."""

_LOOP = """
def doubling(kernel):
    for padding in range(kernel):
        for extra in (0, 1):
            if kernel - 2 * padding + extra == 2:
                return [padding, extra]
"""
_PAIR_OF_CLASSES = """
class MyGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.begin = nn.Linear(100, 64 * 8 * 8)
        self.norms = nn.ModuleList([nn.BatchNorm1d(64 * 8 * 8), nn.BatchNorm2d(32)])
        self.up = nn.ConvTranspose2d(64, 32, 4, 2, 1)
        self.out = nn.ConvTranspose2d(32, 3, 6, 2, 2)

    def forward(self, noise):
        x = torch.relu(self.norms[0](self.begin(noise))).view(-1, 64, 8, 8)
        return torch.tanh(self.out(torch.relu(self.norms[1](self.up(x)))))


class MyDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 32, 5, 2, 2), nn.Conv2d(32, 64, 5, 2, 2, bias=False)
        self.norm, self.last = nn.BatchNorm2d(64), nn.Linear(64, 1)

    def forward(self, images):
        x = nn.functional.leaky_relu(self.first(images), 0.2)
        x = nn.functional.leaky_relu(self.norm(self.second(x)), 0.2)
        return self.last(x.mean((2, 3))).squeeze(1)


def my_pair():
    return MyGenerator(), MyDiscriminator()
"""
_LIKE_THE_PAPER = """
def my_pair():
    up, down, maps = [nn.Unflatten(1, (100, 1, 1))], [], [100, 64, 32, 16]
    for i in range(3):
        stride, padding = (1, 0) if i == 0 else (2, 1)
        up += [nn.ConvTranspose2d(maps[i], maps[i + 1], 4, stride, padding, bias=False)]
        up += [nn.BatchNorm2d(maps[i + 1]), nn.ReLU(True)]
        before, after = 3 if i == 0 else 16 * 2 ** (i - 1), 16 * 2**i
        down += [nn.Conv2d(before, after, 4, 2, 1)]
        down += [nn.BatchNorm2d(after)] if i else []
        down += [nn.LeakyReLU(0.2, inplace=True)]
    up += [nn.ConvTranspose2d(16, 3, 4, 2, 1), nn.Tanh()]
    down += [nn.Conv2d(64, 1, 4), nn.Flatten()]
    networks = [nn.Sequential(*up), nn.Sequential(*down)]
    for network in networks:
        for layer in network:
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.normal_(layer.weight, 0.0, 0.02)
    return networks
"""
_ENLARGING = """
def my_pair():
    def double(a, b):
        return [nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(b)]

    generator = nn.Sequential(
        nn.Linear(100, 64 * 16),
        nn.BatchNorm1d(64 * 16),
        nn.ReLU(),
        nn.Unflatten(1, (64, 4, 4)),
        *double(64, 32),
        *double(32, 16),
        nn.Conv2d(16, 12, 3, padding=1),
        nn.PixelShuffle(2),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.AvgPool2d(4),
        nn.utils.spectral_norm(nn.Conv2d(16, 32, 4, 4)),
        nn.LeakyReLU(0.2),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(128, 64),
        nn.LeakyReLU(0.2),
        nn.Linear(64, 1),
    )
    return generator, discriminator
"""
_MENDED = """
def mended_generator():
    layers = [nn.Linear(16, 256{bias}), nn.Unflatten(1, (64, 2, 2)), nn.BatchNorm2d(64), nn.ReLU()]
    layers += [nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU()]
    layers += [nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Tanh()]
    return nn.Sequential(*layers)
"""
_SHORTER = """
def mended_generator():
    layers = [nn.Linear(16, 64 * 2 * 2), nn.Unflatten(1, (64, 2, 2))]
    for before, after in [(64, 32), (32, 1)]:
        layers.extend([nn.BatchNorm2d(before), nn.ReLU(), nn.ConvTranspose2d(before, after, 4, 2, 1)])
    layers.append(nn.Tanh())
    return nn.Sequential(*layers)
"""
_NORM_OF_VECTORS = """
def mended_generator():
    return nn.Sequential(
        nn.Linear(16, 64 * 2 * 2, bias=False),
        nn.BatchNorm1d(64 * 2 * 2),
        nn.LeakyReLU(0.2),
        nn.Unflatten(1, (64, 2, 2)),
        nn.ConvTranspose2d(64, 32, 5, stride=2, padding=2, output_padding=1),
        nn.BatchNorm2d(32),
        nn.LeakyReLU(0.2),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(32, 1, 3, padding=1),
        nn.Tanh(),
    )
"""
_CLASS = """
class Mended(nn.Module):
    def __init__(self):
        super().__init__()
        self.out, self.hidden = nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.ConvTranspose2d(64, 32, 4, 2, 1)
        self.project, self.first, self.second = nn.Linear(16, 256), nn.BatchNorm2d(64), nn.BatchNorm2d(32)

    def forward(self, noise):
        x = self.first(self.project(noise).reshape(-1, 64, 2, 2)).clamp(min=0)
        return 2 * torch.sigmoid(self.out(self.second(self.hidden(x)).relu())) - 1


def mended_generator():
    return Mended()
"""

RIGHT = {
    "check_doubling": [
        ("searched", _LOOP),
        ("by parity", "def doubling(k):\n    return ((k - 2) // 2, 0) if k % 2 == 0 else ((k - 1) // 2, 1)\n"),
        ("rounded up", "def doubling(kernel):\n    return -((2 - kernel) // 2), kernel & 1\n"),
        ("by divmod", "def doubling(kernel):\n    half, odd = divmod(kernel, 2)\n    return half - 1 + odd, odd\n"),
        ("a tensor's numbers", "def doubling(k):\n    return torch.tensor((k - 1) // 2), torch.tensor(k % 2)\n"),
    ],
    "check_my_pair": [
        ("two classes", _PAIR_OF_CLASSES),
        ("as in the paper, in a list", _LIKE_THE_PAPER),
        ("enlarging, shuffled pixels, other norms", _ENLARGING),
    ],
    "check_mended_generator": [
        ("without the last ReLU", _SHORTER),
        ("a list of layers", _MENDED.format(bias="")),
        ("without a bias", _MENDED.format(bias=", bias=False")),
        ("other norms, other layers", _NORM_OF_VECTORS),
        ("a class with a stretched sigmoid", _CLASS),
    ],
}
