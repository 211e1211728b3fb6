"""Typical wrong answers to the exercises of chapter 06, each with a part of the hint that it must get."""

_COUNT = """
def multiplications(channels_in, channels_out, kernel, height, width):
    return {convolution}


def step_cost(generator, discriminator):
    return {step}
"""
_PRODUCT = "channels_in * channels_out * kernel * kernel * height * width"


def _count(convolution=_PRODUCT, step="3 * generator + 8 * discriminator"):
    return _COUNT.format(convolution=convolution, step=step)


def _step(generator, discriminator):
    return _count(step=f"{generator} * generator + {discriminator} * discriminator")


_FOLLOW = """
@torch.no_grad()
def follow(average, network, step, decay):
    decay = min(decay, (1 + step) / (10 + step))
    for mean, parameter in zip(average.parameters(), network.parameters()):
        mean.mul_(decay).add_(parameter, alpha=1 - decay)
    for mean, buffer in zip(average.buffers(), network.buffers()):
        mean.copy_(buffer)
    return average
"""


def _change(source, *changes):
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


def _follow(*changes):
    return _change(_FOLLOW, *changes)


_UPDATE = "mean.mul_(decay).add_(parameter, alpha=1 - decay)"
_DECAY = "min(decay, (1 + step) / (10 + step))"

_SHUFFLE = """
def shuffle(maps):
    n, channels, h, w = maps.shape
    c = channels // 4
    return {result}
"""


def _shuffle(result):
    return _SHUFFLE.format(result=result)


WRONG = {
    "check_shuffle": [
        ("reshape alone", _shuffle("maps.reshape(n, c, 2 * h, 2 * w)"), "rows of one channel"),
        (
            "rows and columns swapped",
            _shuffle("maps.reshape(n, c, 2, 2, h, w).permute(0, 1, 4, 3, 5, 2).reshape(n, c, 2 * h, 2 * w)"),
            "channel 2 below",
        ),
        (
            "maps beside each other",
            _shuffle("maps.reshape(n, c, 2, 2, h, w).permute(0, 1, 2, 4, 3, 5).reshape(n, c, 2 * h, 2 * w)"),
            "interlace",
        ),
        (
            "every c-th channel",
            _shuffle("maps.reshape(n, 2, 2, c, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c, 2 * h, 2 * w)"),
            "wrong channels",
        ),
        (
            "turned",
            _shuffle("maps.reshape(n, c, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c, 2 * h, 2 * w).flip(3)"),
            "All numbers are there",
        ),
        ("copied pixels", _shuffle("maps[:, :c].repeat_interleave(2, 2).repeat_interleave(2, 3)"), "are lost"),
        ("another shape", _shuffle("maps.reshape(n, c, 2, 2, h, w)"), "must become (2, 2, 6, 10)"),
        ("a list", _shuffle("torch.nn.functional.pixel_shuffle(maps, 2).tolist()"), "not a list"),
    ],
    "check_counted_step": [
        ("one input channel", _count("channels_out * kernel**2 * height * width"), "channels_in"),
        ("one output channel", _count("channels_in * kernel**2 * height * width"), "one output channel"),
        ("a line of pixels", _count("channels_in * channels_out * kernel * height * width"), "square"),
        ("weights", _count("channels_in * channels_out * kernel**2"), "number of weights"),
        (
            "positions of the input",
            _count("channels_in * channels_out * kernel**2 * (height + kernel - 1) * (width + kernel - 1)"),
            "positions of the input",
        ),
        ("with additions", _count(f"2 * {_PRODUCT}"), "additions"),
        ("with the bias", _count("(channels_in * kernel**2 + 1) * channels_out * height * width"), "bias"),
        ("outputs alone", _count("channels_out * height * width"), "for one of them"),
        ("one of two", _count(step="None"), "Now write step_cost"),
        ("forward alone", _step(1, 3), "G's backward pass is missing"),
        ("one backward pass", _step(2, 8), "two forward passes"),
        ("two batches of fakes", _step(4, 8), "serves both"),
        ("D forward alone", _step(3, 2), "D's backward passes are missing"),
        ("D never backward", _step(3, 3), "that is right"),
        ("no move of D", _step(3, 4), "D's own backward"),
        ("one batch", _step(3, 5), "the real one and the fake one"),
        ("half a backward pass", _step(3, 6), "its layers' inputs"),
        ("simultaneous", _step(3, 7), "out of date"),
        ("weights for G", _step(3, 9), "One pass of D too many"),
        ("swapped", _step(8, 3), "swapped"),
        ("twice", _step(6, 16), "one by one"),
    ],
    "check_follow": [
        ("roles reversed", _follow((_UPDATE, "mean.mul_(1 - decay).add_(parameter, alpha=decay)")), "reversed"),
        ("max", _follow(("min(", "max(")), "larger of the two"),
        ("no warm-up", _follow((_DECAY, "decay")), "warm-up is missing"),
        ("no decay", _follow((_DECAY, "(1 + step) / (10 + step)")), "without end"),
        ("one step off", _follow((_DECAY, "min(decay, (2 + step) / (11 + step))")), "One step off"),
        ("the share for the decay", _follow((_DECAY, "min(decay, 9 / (10 + step))")), "the formula gives"),
        ("the other one", _follow((_UPDATE, "parameter.lerp_(mean, decay)")), "The network has changed"),
        ("buffers forgotten", _follow(("mean.copy_(buffer)", "pass")), "buffers did not"),
        (
            "buffers averaged",
            _follow(("mean.copy_(buffer)", "mean.copy_(decay * mean + (1 - decay) * buffer)")),
            "Do not average them",
        ),
        (
            "a count averaged",
            _follow(("mean.copy_(buffer)", "mean.mul_(decay).add_(buffer, alpha=1 - decay)")),
            "has no average",
        ),
        ("graph kept", _follow(("@torch.no_grad()\n", "")), "graph"),
        ("names", _follow((_UPDATE, "mean = decay * mean + (1 - decay) * parameter")), "has not moved"),
        (
            "new tensors",
            _follow((_UPDATE, "mean.data = decay * mean + (1 - decay) * parameter")),
            "new tensors",
        ),
        (
            "a new average",
            _follow(("    decay =", "    import copy\n    average = copy.deepcopy(average)\n    decay =")),
            "not something new",
        ),
        ("matrices alone", _follow((_UPDATE, f"if mean.ndim > 1:\n            {_UPDATE}")), "follow alike"),
    ],
}
