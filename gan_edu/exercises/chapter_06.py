"""The exercises of chapter 06: four channels into one, what a step costs, and the average, in place."""

import math

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gan_edu import losses
from gan_edu.exercises.core import NotAttempted, Wrong, call, close, exercise, require

# --- 6.1 --------------------------------------------------------------------------------------------------------------


def _laid_out(maps, together=True, place=(0, 1, 4, 2, 5, 3)):
    """Four channels as squares: those that stand together, or every c-th one; `place` orders
    (image, channel, row and column within the square, row, column).
    """
    n, channels, h, w = maps.shape
    if together:
        squares = maps.reshape(n, channels // 4, 2, 2, h, w)
    else:
        squares = maps.reshape(n, 2, 2, channels // 4, h, w).permute(0, 3, 1, 2, 4, 5)
    return squares.permute(place).reshape(n, channels // 4, 2 * h, 2 * w)


@exercise("6.1 Four channels into one")
def check_shuffle(shuffle):
    """Numbered maps of two shapes, laid out by the answer, by PyTorch, and by some mistakes."""
    for shape in ((2, 8, 3, 5), (1, 4, 2, 2)):
        maps = torch.arange(float(math.prod(shape))).view(shape)
        before, laid_out = maps.clone(), call(shuffle, maps)
        require(isinstance(laid_out, torch.Tensor), f"Return a tensor, not a {type(laid_out).__name__}.")
        expected, found = nn.functional.pixel_shuffle(maps, 2), tuple(laid_out.shape)
        wanted = tuple(expected.shape)
        require(found == wanted, f"Maps of shape {shape} must become {wanted}, not {found}.")
        require(torch.equal(maps, before), "Leave the maps that come in as they were: write into new memory.")
        if torch.equal(laid_out, expected):
            continue
        mistakes = {
            "reshape alone reads the numbers in the order in which they lie: a row of the result would be rows of one "
            "channel. The four numbers of a square come from four channels.": maps.reshape(wanted),
            "Within each square rows and columns are swapped: channel 1 belongs to the right of channel 0, channel 2 "
            "below it.": _laid_out(maps, place=(0, 1, 4, 3, 5, 2)),
            "You have put whole maps beside each other. Neighbours in a square come from different channels: the maps "
            "interlace.": _laid_out(maps, place=(0, 1, 2, 4, 3, 5)),
            "The squares are right, but made of the wrong channels: 0 to 3 make the first map, 4 to 7 the second.":
                _laid_out(maps, together=False),
        }  # fmt: skip
        for hint, mistake in mistakes.items():
            require(not torch.equal(laid_out, mistake), hint)
        same = torch.equal(laid_out.flatten().sort().values, maps.flatten().sort().values)
        require(same, "Some numbers are lost, or others came in: each number of the maps stands once in the result.")
        raise Wrong("All numbers are there, but in other places: which channel, row and column does [0, 0, 0, 1] hold?")
    return "PyTorch's own layer does the same."


# --- 6.2 --------------------------------------------------------------------------------------------------------------


def _counted(run) -> int:
    """The multiplications of convolutions and matrix products in `run()`, as PyTorch counts them."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() // 2  # the counter takes each with its addition


def _counted_convolution(channels_in, channels_out, kernel, height, width) -> int:
    with torch.device("meta"):  # shapes without numbers
        layer = nn.Conv2d(channels_in, channels_out, kernel)
        return _counted(lambda: layer(torch.empty(1, channels_in, height + kernel - 1, width + kernel - 1)))


def _counted_step(g_width: int, d_width: int) -> tuple[int, int, int]:
    """What G's forward pass, D's, and an alternating step of both cost on one image."""
    with torch.device("meta"):
        generator = nn.Sequential(nn.Conv2d(2, g_width, 3, padding=1), nn.ReLU(), nn.Conv2d(g_width, 1, 3, padding=1))
        discriminator = nn.Sequential(
            nn.Conv2d(1, d_width, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(d_width, 1, 4), nn.Flatten()
        )
        noise, real = torch.empty(1, 2, 8, 8, requires_grad=True), torch.empty(1, 1, 8, 8, requires_grad=True)

    def step():
        # Nobody asks for gradients of noise and real, but with them every layer counts alike, the first ones too.
        fake = generator(noise)
        judged = fake.detach().requires_grad_()
        losses.discriminator_loss(discriminator(real), discriminator(judged)).backward()
        judged.grad = None  # here D would move, and so G needs new logits
        losses.generator_loss(discriminator(judged)).backward(inputs=[judged])  # through D's layers, past its weights
        fake.backward(judged.grad)

    return _counted(lambda: generator(noise)), _counted(lambda: discriminator(real)), _counted(step)


def _check_multiplications(multiplications):
    layers = [(3, 8, 5, 14, 10), (64, 1, 3, 28, 28), (1, 16, 4, 7, 9)]
    answers = [call(multiplications, *layer) for layer in layers]

    def like(formula):
        return close(answers, [formula(*layer) for layer in layers])

    require(
        not like(lambda i, o, k, h, w: o * k * k * h * w),
        "Each output looks at the kernel's window in every input channel: where is channels_in?",
    )
    require(
        not like(lambda i, o, k, h, w: i * k * k * h * w),
        "That is one output channel. There are channels_out of them, each with weights of its own.",
    )
    require(
        not like(lambda i, o, k, h, w: i * o * k * h * w),
        "The kernel is a square: its window has kernel * kernel pixels.",
    )
    require(
        not like(lambda i, o, k, h, w: i * o * k * k),
        "That is the number of weights. Each of them is used again at every position of the output.",
    )
    require(
        not like(lambda i, o, k, h, w: i * o * k * k * (h + k - 1) * (w + k - 1)),
        "Those are the positions of the input. The kernel stops once for each position of the output.",
    )
    require(
        not like(lambda i, o, k, h, w: 2 * i * o * k * k * h * w),
        "Twice too much: these are floating-point operations, with the additions. Count the multiplications alone.",
    )
    require(
        not like(lambda i, o, k, h, w: (i * k * k + 1) * o * h * w),
        "You have counted the bias too, but a bias is added, not multiplied.",
    )
    require(
        like(_counted_convolution),
        "The outputs are channels_out * height * width numbers. What does multiplications() need for one of them?",
    )


G_HINTS = {
    1: "G's backward pass is missing: G learns in this step too.",
    2: "G's backward pass costs two forward passes: one for its weights, one for the inputs of its layers.",
    4: "G makes one batch of fakes, which serves both players: it runs forward once.",
}
D_HINTS = {
    2: "D's backward passes are missing: its own, and the one that brings G its gradient.",
    3: "D runs forward three times, that is right. Its backward passes are missing: its own, and G's through it.",
    4: "D's own backward pass is missing: through two batches, for its weights and for the inputs of its layers.",
    5: "D judges two batches before it moves, the real one and the fake one, and learns from both.",
    6: "D's own backward pass needs gradients of its weights and of its layers' inputs, for each of its two batches.",
    7: "One pass of D is missing. After D has moved, the old logits are out of date: G's fakes go through D once more, "
    "forward, and G's gradient comes back the same way.",
    9: "One pass of D too many: G needs the gradient of D's inputs, not of D's weights.",
}


def _check_step_cost(step_cost):
    try:
        of_g, of_d = float(call(step_cost, 1, 0)), float(call(step_cost, 0, 1))
    except NotAttempted:
        raise Wrong("multiplications() is right. Now write step_cost().") from None
    games = [_counted_step(*widths) for widths in ((4, 8), (16, 2))]
    if all(close(float(call(step_cost, g, d)), total) for g, d, total in games):
        return
    require((of_g, of_d) != (8, 3), "Right numbers, but swapped: whose forward pass is run how often?")
    hint = G_HINTS.get(of_g) or D_HINTS.get(of_d)
    raise Wrong(
        hint
        or f"You count {of_g:g} times G's forward cost and {of_d:g} times D's: list the passes one by one, "
        "forward, backward for weights, backward for inputs, and for which batch."
    )


@exercise("6.2 What a step costs")
def check_counted_step(multiplications, step_cost):
    """A convolution and a whole step, beside what PyTorch's own counter finds in real layers."""
    _check_multiplications(multiplications)
    _check_step_cost(step_cost)
    return "PyTorch's own counter finds the same."


# --- 6.3 --------------------------------------------------------------------------------------------------------------

DECAY = 0.9


def _network_and_average():
    """A network in training whose batch norm has seen data, and an average that has not moved yet."""
    torch.manual_seed(0)
    network, average = (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)) for _ in range(2))
    for _ in range(7):
        network(3 * torch.randn(16, 3) + 1)
    return network, average.eval().requires_grad_(False)


def _tensors(network):
    """Copies of all parameters in one row, and of all buffers in another."""
    return tuple(
        torch.cat([tensor.detach().flatten().double() for tensor in tensors])
        for tensors in (network.parameters(), network.buffers())
    )


def _places(network):
    return [tensor.data_ptr() for tensor in [*network.parameters(), *network.buffers()]]


def _call_follow(follow, *arguments):
    try:
        return call(follow, *arguments)
    except RuntimeError as error:
        if "Long" in str(error):
            raise Wrong(
                f"PyTorch says: {error}. One buffer of batch norm is a count of batches, a whole number, which has no "
                "average. Copy the buffers."
            ) from None
        raise


def _decay_used(follow, step):
    """One update of a new average: the hint for what else it did, or the decay that it used."""
    network, average = _network_and_average()
    (weights, statistics), (start, old_statistics), places = _tensors(network), _tensors(average), _places(average)
    answer = _call_follow(follow, average, network, step, DECAY)
    (moved, new_statistics), unchanged = _tensors(average), _tensors(network)
    require(
        close(unchanged[0], weights) and close(unchanged[1], statistics),
        "The network has changed. It goes on learning; only the average may move, towards the network.",
    )
    require(
        not any(parameter.requires_grad for parameter in average.parameters()),
        "The average has got a graph, which grows with every step and keeps all of it in memory: update it under "
        "torch.no_grad().",
    )
    require(answer is average, "Return `average` itself, changed in place, and not something new.")
    require(
        _places(average) == places,
        "The average holds new tensors now. Write the values into the old ones, which others (a captured graph, say) "
        "go on reading: lerp_, copy_, or mul_ and add_.",
    )
    require(
        not close(moved, start),
        "The average has not moved. (`parameter = ...` in a loop only gives a name to a new tensor.)",
    )
    decay = float((moved - weights) @ (start - weights) / (start - weights).square().sum())
    require(
        close(moved, weights + decay * (start - weights)),
        "Not all parameters follow alike: each becomes decay * average + (1 - decay) * network, weights and biases.",
    )
    _check_buffers(new_statistics, old_statistics, statistics)
    return decay


def _check_buffers(new, old, expected):
    require(
        not close(new, old),
        "The parameters moved but the buffers did not: batch norm's statistics stay those of the beginning.",
    )
    require(
        close(new, expected),
        "The buffers are neither the old nor the network's. Do not average them, copy them: they are running averages "
        "already, and one is a count.",
    )


@exercise("6.3 The average, in place")
def check_follow(follow):
    """One update at several steps: the decay used, from where the average went, and all that must stay as it was."""
    steps = (0, 3, 40, 1000)
    decays = [_decay_used(follow, step) for step in steps]

    def like(formula):
        return close(decays, [formula(step) for step in steps], 1e-3)

    def warmup(step):
        return (1 + step) / (10 + step)

    require(
        not like(lambda step: 1 - min(DECAY, warmup(step))),
        "The roles are reversed: the share decay belongs to the old average, 1 - decay to the network.",
    )
    require(
        not like(lambda step: DECAY),
        "The warm-up is missing: with the full decay from step 0 on, random first weights are remembered for long.",
    )
    require(
        not like(lambda step: max(DECAY, warmup(step))),
        "That is the larger of the two decays. Early on (1 + step) / (10 + step) is small, and it is to win there.",
    )
    require(
        not like(warmup),
        "The beginning is right, but the decay grows on without end: `decay` is the most that it may become.",
    )
    require(
        not like(lambda step: min(DECAY, warmup(step + 1))) and not like(lambda step: min(DECAY, warmup(step - 1))),
        "One step off: steps count from 0, and the first decay is 1/10.",
    )
    right = like(lambda step: min(DECAY, warmup(step)))
    require(
        right,
        f"With decay = {DECAY} you used {decays[0]:.3f} at step 0 and {decays[-1]:.3f} at step 1000; the formula gives "
        f"{warmup(0):.3f} and {DECAY:.3f}.",
    )
    return "The average soon forgets where it began, and then remembers long."
