"""Typical wrong answers to the exercises of chapter 09, each with a part of the hint that it must get."""


def _zero(*lines):
    return "\n    ".join(["def zero_distance(pictures):", *lines])


def _precision(*lines):
    return "\n    ".join(["def my_precision(real_to_real, fake_to_real, k):", *lines])


RADII = "radii = real_to_real.sort(dim=1).values[:, k]"

WRONG = {
    "check_zero_distance": [
        ("shuffled", _zero("return pictures[torch.randperm(len(pictures))]"), "training pictures, or nearly"),
        ("the negative", _zero("return -pictures"), "The covariance is already right"),
        ("one mean for all", _zero("return pictures.mean(0).expand_as(pictures)"), "the covariances do not"),
        (
            "drawn at random",
            _zero(
                "x = pictures.flatten(1).double()",
                "values, vectors = torch.linalg.eigh(torch.cov(x.T))",
                "noise = torch.randn(20000, 64, dtype=torch.float64)",
                "made = noise @ (vectors * values.clamp(min=0).sqrt()).T + x.mean(0)",
                "return made.view(-1, 1, 8, 8)",
            ),
            "by the law",
        ),
        ("noise", _zero("return torch.rand_like(pictures)"), "The means differ"),
        ("noisy copies", _zero("return pictures + 0.1 * torch.randn_like(pictures)"), "by the law"),
        ("without its mean", _zero("return pictures - pictures.mean(0)"), "The covariance is already right"),
        ("flattened", _zero("return 2 * pictures.mean(0).flatten() - pictures.flatten(1)"), "like those that you"),
        ("clamped", _zero("return (2 * pictures.mean(0) - pictures).clamp(-1, 1)"), "Did you clamp"),
        ("one mean for all pixels", _zero("return 2 * pictures.mean() - pictures"), "each pixel's own"),
        (
            "a mean over pixels",
            _zero("return 2 * pictures.mean((1, 2, 3), keepdim=True) - pictures"),
            "A mean over pixels",
        ),
        ("divided by 0", _zero("return pictures / 0"), "NaN or infinite"),
    ],
    "check_my_precision": [
        (
            "itself counted",
            _precision(
                "radii = real_to_real.sort(dim=1).values[:, k - 1]",
                "return (fake_to_real <= radii).any(1).double().mean()",
            ),
            "is itself",
        ),
        (
            "one too far",
            _precision(
                "radii = real_to_real.sort(dim=1).values[:, k + 1]",
                "return (fake_to_real <= radii).any(1).double().mean()",
            ),
            "neighbour k + 1",
        ),
        (
            "a row",
            _precision(
                "radii = real_to_real.sort(dim=1).values[k]",
                "return (fake_to_real <= radii).any(1).double().mean()",
            ),
            "row k in place of column k",
        ),
        ("strictly", _precision(RADII, "return (fake_to_real < radii).any(1).double().mean()"), "on a ball's edge"),
        ("pairs", _precision(RADII, "return (fake_to_real <= radii).double().mean()"), "share of pairs"),
        ("all", _precision(RADII, "return (fake_to_real <= radii).all(1).double().mean()"), "any, not all"),
        ("coverage", _precision(RADII, "return (fake_to_real <= radii).any(0).double().mean()"), "That is coverage"),
        (
            "density",
            _precision(RADII, "return (fake_to_real <= radii).double().sum(1).mean() / k"),
            "That is density",
        ),
        (
            "one radius",
            _precision(RADII, "return (fake_to_real <= radii.mean()).any(1).double().mean()"),
            "One radius for all",
        ),
        (
            "along the rows",
            _precision(RADII, "return (fake_to_real <= radii[:, None]).any(1).double().mean()"),
            "along the rows",
        ),
        (
            "the nearest alone",
            _precision(
                RADII, "near = fake_to_real.min(1)", "return (near.values <= radii[near.indices]).double().mean()"
            ),
            "Not the nearest real's ball alone",
        ),
        ("each fake's answer", _precision(RADII, "return (fake_to_real <= radii).any(1)"), "Return one number"),
        ("a count", _precision(RADII, "return (fake_to_real <= radii).any(1).sum()"), "That is a count"),
        ("a mean of bools", _precision(RADII, "return (fake_to_real <= radii).any(1).mean()"), ".double() first"),
        ("a guess", _precision("return 0.5"), "is right"),
    ],
    "check_referee": [
        ("the negative distance", "my_lines = [2, 4, 5]", "half of the time"),
        ("low precision", "my_lines = [8]", "as good as real data"),
        ("coverage", "my_lines = [2, 5, 7]", "1 - 2^-5"),
        ("float64", "my_lines = [3, 5, 6]", "sums of squares"),
        ("without the samples", "my_lines = [5, 6]", "the number of samples"),
        ("without the reference", "my_lines = [2, 6]", "by heart"),
        ("without the features", "my_lines = (2, 5)", "two scales"),
        ("a text", "my_lines = '2, 5, 6'", "not a text"),
        ("a line that there is not", "my_lines = [2, 5, 9]", "from 1 to 8"),
    ],
}
