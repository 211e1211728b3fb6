"""The exercises of chapter 06: what a step costs, the average that follows, and what a checkpoint forgets."""

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gan_edu import data, losses, models, train
from gan_edu.exercises.core import NotAttempted, Wrong, call, close, exercise, require

# --- 6.1 --------------------------------------------------------------------------------------------------------------


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


@exercise("6.1 What a step costs")
def check_counted_step(multiplications, step_cost):
    """A convolution and a whole step, beside what PyTorch's own counter finds in real layers."""
    _check_multiplications(multiplications)
    _check_step_cost(step_cost)
    return "PyTorch's own counter finds the same."


# --- 6.2 --------------------------------------------------------------------------------------------------------------

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


@exercise("6.2 The average that follows")
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


# --- 6.3 --------------------------------------------------------------------------------------------------------------

BEFORE, AFTER = 5, 4  # steps before and after the checkpoint: two batches an epoch, so both end within one


def _new_game(seed: int):
    """A small game with all that a run has to remember, R1 in every second step among it."""
    torch.manual_seed(seed)
    generator, discriminator = models.MLPGenerator(hidden=8), models.MLPDiscriminator(hidden=8)
    gan = train.GAN(generator, discriminator, d_terms=[losses.penalty("r1", 0.1, every=2)], ema=0.9, device="cpu")
    points = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    return gan, data.Batches(points, batch_size=8, seed=0)


def _play(gan, batches, steps):
    for _ in range(steps):
        train.train_step(gan, next(batches))


LEARNT = {
    "generator": "G's weights",
    "discriminator": "D's weights",
    "ema": "the weights of the average (gan.ema)",
    "g_optimizer": "the moments of G's optimizer",
    "d_optimizer": "the moments of D's optimizer",
}


def _learnt(gan):
    """Copies of all tensors that training changes, by name."""
    states = {name: getattr(gan, name).state_dict() for name in LEARNT}
    return copy.deepcopy({name: state.get("state", state) for name, state in states.items()})


def _counts(gan):
    return {"steps": gan.steps, "d_moves": gan.d_moves, "g_moves": gan.g_moves}


def _same(a, b) -> bool:
    """Equal bit for bit: tensors, and dictionaries of them."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return torch.equal(torch.as_tensor(a), torch.as_tensor(b))


@exercise("6.3 Find what a checkpoint forgets")
def check_mended_checkpoint(save, load):
    """Save, play on, load into a new game, play on again: both must end alike, bit for bit."""
    gan, batches = _new_game(0)
    _play(gan, batches, BEFORE + AFTER)
    never_saved = _learnt(gan)

    gan, batches = _new_game(0)
    _play(gan, batches, BEFORE)
    at_save = _learnt(gan), _counts(gan), torch.get_rng_state(), copy.deepcopy(batches.state_dict())
    state = call(save, gan, batches)
    _play(gan, batches, AFTER)
    end, end_counts = _learnt(gan), _counts(gan)
    require(_same(end, never_saved), "save() disturbs the run that it saves: it must change nothing and draw nothing.")

    gan, batches = _new_game(1)
    load(gan, batches, state)
    loaded = _learnt(gan), _counts(gan), torch.get_rng_state(), copy.deepcopy(batches.state_dict())
    _play(gan, batches, AFTER)
    if not (_same(_learnt(gan), end) and _counts(gan) == end_counts):
        raise Wrong(_what_is_missing(at_save, loaded, end))
    return "Both runs end alike, bit for bit."


def _what_is_missing(at_save, loaded, end) -> str:
    """The hint for the first piece of a game that does not stand where it stood."""
    (learnt, counts, random, place), (new_learnt, new_counts, new_random, new_place) = at_save, loaded
    for name, words in LEARNT.items():
        if _same(new_learnt[name], learnt[name]):
            continue
        if _same(new_learnt[name], end[name]):
            return (
                f"After loading, {words} are not those of the moment of saving but those of the end: state_dict() "
                "gives the tensors themselves, and training went on changing them. What is kept must be a copy."
            )
        return f"After loading, {words} are not what they were."
    for name in counts:
        if new_counts[name] != counts[name]:
            return f"gan.{name} is {new_counts[name]} after loading; it was {counts[name]}."
    if not _same(new_random, random):
        return "The players stand where they stood, but the random numbers do not: the next noise is another one."
    if not _same(new_place, place):
        return "The players and the noise are right, but the batches begin anew: the next real samples are others."
    return "All of the game's pieces were right after loading, and yet it went on otherwise."
