"""Right answers to the exercises of chapter 06, written otherwise than the folded solutions."""

_FOLLOW = """
def follow(average, network, step, decay):
    share = 1 - min(decay, (1 + step) / (10 + step))
{body}
    return average
"""


def _follow(body):
    return _FOLLOW.format(body=body)


_STEP = """

def step_cost(generator, discriminator):
    return 3 * generator + 8 * discriminator
"""

RIGHT = {
    "check_shuffle": [
        (
            "slices with a stride",
            """
def shuffle(maps):
    n, channels, h, w = maps.shape
    result = maps.new_empty(n, channels // 4, 2 * h, 2 * w)
    for row in range(2):
        for column in range(2):
            result[:, :, row::2, column::2] = maps[:, 2 * row + column :: 4]
    return result
""",
        ),
        (
            "stack and flatten",
            """
def shuffle(maps):
    a, b, c, d = (maps[:, i::4] for i in range(4))
    upper = torch.stack([a, b], dim=-1).flatten(-2)
    lower = torch.stack([c, d], dim=-1).flatten(-2)
    return torch.stack([upper, lower], dim=-2).flatten(2, 3)
""",
        ),
        (
            "pixel by pixel",
            """
def shuffle(maps):
    n, channels, h, w = maps.shape
    result = torch.zeros(n, channels // 4, 2 * h, 2 * w)
    for i in range(channels // 4):
        for row in range(2 * h):
            for column in range(2 * w):
                source = 4 * i + 2 * (row % 2) + column % 2
                result[:, i, row, column] = maps[:, source, row // 2, column // 2]
    return result
""",
        ),
        (
            "unflatten, two transpositions",
            """
def shuffle(maps):
    x = maps.unflatten(1, (-1, 2, 2))
    x = x.movedim(2, 4).movedim(2, -1)
    return x.flatten(4, 5).flatten(2, 3)
""",
        ),
        ("PyTorch's own", "def shuffle(maps):\n    return torch.nn.functional.pixel_shuffle(maps, 2)\n"),
    ],
    "check_counted_step": [
        (
            "one product",
            "def multiplications(channels_in, channels_out, kernel, height, width):\n"
            "    return channels_in * channels_out * kernel**2 * height * width\n" + _STEP,
        ),
        (
            "counted in a loop, whole steps listed",
            """
def multiplications(channels_in, channels_out, kernel, height, width):
    total = 0
    for row in range(height):
        for column in range(width):
            total += channels_out * channels_in * kernel * kernel
    return total


def step_cost(generator, discriminator):
    d_moves = generator + 2 * discriminator + 2 * 2 * discriminator
    g_moves = discriminator + discriminator + 2 * generator
    return d_moves + g_moves
""",
        ),
        (
            "as tensors",
            """
def multiplications(channels_in, channels_out, kernel, height, width):
    return torch.prod(torch.tensor([channels_in, channels_out, kernel, kernel, height, width]))


def step_cost(generator, discriminator):
    passes = torch.tensor([3.0, 8.0])
    return passes @ torch.tensor([float(generator), float(discriminator)])
""",
        ),
        (
            "from the weights",
            """
def multiplications(channels_in, channels_out, kernel, height, width):
    layer = nn.Conv2d(channels_in, channels_out, kernel, bias=False)
    return layer.weight.numel() * height * width
"""
            + _STEP,
        ),
    ],
    "check_follow": [
        (
            "lerp",
            _follow(
                """    with torch.no_grad():
        for mean, parameter in zip(average.parameters(), network.parameters()):
            mean.lerp_(parameter, share)
        for mean, buffer in zip(average.buffers(), network.buffers()):
            mean.copy_(buffer)"""
            ),
        ),
        (
            "copied from a sum",
            _follow(
                """    for mean, parameter in zip(average.parameters(), network.parameters()):
        mean.data.copy_((1 - share) * mean + share * parameter.detach())
    for mean, buffer in zip(average.buffers(), network.buffers()):
        mean[...] = buffer"""
            ),
        ),
        (
            "by name, through state_dict",
            _follow(
                """    theirs = network.state_dict()
    parameters = dict(average.named_parameters())
    for name, mean in average.state_dict().items():
        if name in parameters:
            mean += share * (theirs[name] - mean)
        else:
            mean.copy_(theirs[name])"""
            ),
        ),
        (
            "all tensors at once",
            _follow(
                """    with torch.no_grad():
        means, weights = list(average.parameters()), list(network.parameters())
        torch._foreach_mul_(means, 1 - share)
        torch._foreach_add_(means, weights, alpha=share)
        for name, buffer in network.named_buffers():
            average.get_buffer(name).copy_(buffer)"""
            ),
        ),
    ],
}
