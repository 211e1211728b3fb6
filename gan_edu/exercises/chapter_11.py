"""The exercises of chapter 11: a row of weights for each class, discriminators that cannot teach one, and inversion."""

import torch
from torch import Tensor, nn

from gan_edu.exercises.core import Wrong, call, close, exercise, require


@exercise("11.1 A row for each class")
def check_class_logits(class_logits) -> str:
    """What all classes share, plus what the row of each sample's own class says."""
    random = torch.Generator().manual_seed(0)
    for n, f, k in ((7, 5, 4), (3, 8, 10)):
        features, rows, shared = (torch.randn(*shape, generator=random) for shape in ((n, f), (k, f), (f,)))
        labels = torch.randint(k, (n,), generator=random)
        given = call(class_logits, features.clone(), labels.clone(), shared.clone(), rows.clone())
        require(isinstance(given, Tensor), f"Return a tensor, not {type(given).__name__}.")
        given = given.reshape(n) if given.shape == (n, 1) else given
        alone, all_rows = features @ shared, features @ rows.T
        own = all_rows.gather(1, labels[:, None]).squeeze(1)
        if given.shape == (n, k):
            raise Wrong("That is a logit for every class. D is asked about one: the sample's own.")
        if given.shape == (n, n):
            raise Wrong("That pairs every sample with every other's label. Multiply, then sum over the features.")
        require(given.shape == (n,), f"Return one logit for each of {n} samples, not {tuple(given.shape)}.")
        if close(given, alone + own, 1e-3):
            continue
        for hint, mistake in {
            "The row of the class is right; what all classes share is missing.": own,
            "That is the shared part alone: it says whether x looks real, never whether it is a y.": alone,
            "Every class has the same row here: pick with the labels, rows[labels].": alone + all_rows[:, 0],
            "Rows are picked by the place in the batch: pick with the labels, rows[labels].": (
                alone + all_rows[range(n), range(n)] if n <= k else torch.full((n,), torch.nan)
            ),
            "A mean over the features where the sum belongs.": alone + own / f,
            "The row does not meet the features: it is to be multiplied by them, one by one.": (
                alone + rows[labels].sum(1)
            ),
            "You summed over all classes: only the sample's own row counts.": alone + all_rows.sum(1),
            "Subtracted, where the two parts are added.": alone - own,
            "The parts are added, not multiplied.": alone * own,
        }.items():
            require(not close(given, mistake, 1e-3), hint)
        raise Wrong(f"The first logit is {given[0].item():.3f}; it should be {(alone + own)[0].item():.3f}.")
    return "The last layer of `ProjectionDiscriminator`, all of it."


BLIND = {
    "A": "A is a(x) plus a number that the label picks: its slope in x is the same for all labels.",
    "B": "B concatenates, but a linear layer is a sum: part of it reads F(x), part of it reads the code, as in A.",
}
SEEING = {
    "C": "In C a ReLU stands between: what the code adds decides which units let F(x) pass.",
    "D": "In D the code multiplies F(x): the label sets the slope.",
    "E": "E has a weight row for each class: it is projection, without the shared part.",
}


@exercise("11.2 Two that cannot teach")
def check_blind_layers(my_letters) -> str:
    """The letters of the last layers in which features and label only meet in a sum."""
    answer = {letter.strip().upper() for letter in my_letters if letter.strip(" ,")}
    unknown = answer - set(BLIND) - set(SEEING)
    require(not unknown, f"{', '.join(sorted(unknown))}: give letters from A to E.")
    for letter in sorted(answer - set(BLIND)):
        raise Wrong(f"{letter} can. {SEEING[letter]}")
    missing = sorted(set(BLIND) - answer)
    if missing:
        about = "two inputs" if missing[0] == "B" else "the label"
        raise Wrong(f"{2 - len(missing)} of 2. Take the slope in x of each: where does {about} still stand in it?")
    return "A sum never matches its parts: something must multiply, or bend, after the two have met."


def _painter(seed: int) -> nn.Module:
    """A small generator whose own pictures can be found again: 4 numbers to (N, 1, 8, 8)."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    return net.requires_grad_(False)


@exercise("11.3 Find its noise")
def check_invert(invert) -> str:
    """Noise whose pictures are as near to the given ones as a long descent gets, and a generator that did not move."""
    for seed in range(2):
        generator, random = _painter(seed), torch.Generator().manual_seed(seed)
        hidden = torch.randn(6, 4, generator=random)
        target, before = generator(hidden), [weight.clone() for weight in generator.parameters()]
        noise = call(invert, generator, target.clone(), torch.zeros(6, 4))
        require(isinstance(noise, Tensor), f"Return the noise, a tensor, not {type(noise).__name__}.")
        require(noise.shape != target.shape, "Those are the pictures. Return the noise that makes them.")
        require(noise.shape == (6, 4), f"Return noise like the start, (6, 4), not {tuple(noise.shape)}.")
        moved = any(not torch.equal(a, b) for a, b in zip(before, generator.parameters(), strict=True))
        require(not moved, "Your descent moved the generator's weights. They stay; the noise moves.")
        require(noise.isfinite().all(), "Your noise is NaN or infinite: the rate is too high.")
        errors = (generator(noise) - target).square().flatten(1).mean(1)
        first = (generator(torch.zeros(6, 4)) - target).square().flatten(1).mean(1)
        require(not (noise == 0).all(), "The noise is where it began: does each step move it?")
        if (errors > first).all():
            raise Wrong("Every picture is farther from its target than at the start: you climb. Step down the slope.")
        worst = (errors / first).max().item()
        if worst > 0.05 and (errors / first).min() < 0.01:
            raise Wrong("Some pictures are found and others are not: has each its own noise, all of them in the loss?")
        if worst > 0.05:
            raise Wrong(f"{worst:.0%} of the first error is left: more steps, or larger ones. Adam with 0.1 needs 200.")
    return "Found. Where G cannot make a picture, no noise is found, and that is worth knowing."
