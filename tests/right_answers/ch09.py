"""Right answers to the exercises of chapter 09, written otherwise than the folded solutions."""

RIGHT = {
    "check_zero_distance": [
        (
            "a loop over pictures",
            """
def zero_distance(pictures):
    mean = sum(pictures) / len(pictures)
    return torch.stack([mean - (picture - mean) for picture in pictures])
""",
        ),
        (
            "noise with exactly these moments",
            """
def zero_distance(pictures):
    x = pictures.flatten(1).double()
    noise = torch.randn(len(x), 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    noise = noise - noise.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(torch.cov(noise.T)), noise.T, upper=False)
    values, vectors = torch.linalg.eigh(torch.cov(x.T))
    root = vectors * values.clamp(min=0).sqrt()
    return ((root @ white).T + x.mean(0)).view_as(pictures)
""",
        ),
        (
            "mirrored along the main directions alone",
            """
def zero_distance(pictures):
    x = pictures.flatten(1).double()
    mean = x.mean(0)
    directions = torch.linalg.svd(x - mean, full_matrices=False).Vh[:20]
    along = (x - mean) @ directions.T @ directions
    return (x - 2 * along).view_as(pictures)
""",
        ),
        (
            "turned round in place, in another order",
            """
def zero_distance(pictures):
    made = pictures.flip(0)
    return made.sub_(pictures.mean(dim=0, keepdim=True)).neg_().add_(pictures.mean(dim=0, keepdim=True))
""",
        ),
    ],
    "check_my_precision": [
        (
            "loops",
            """
def my_precision(real_to_real, fake_to_real, k):
    radii = [sorted(row.tolist())[k] for row in real_to_real]
    hits = [any(d <= r for d, r in zip(row.tolist(), radii)) for row in fake_to_real]
    return sum(hits) / len(hits)
""",
        ),
        (
            "topk",
            """
def my_precision(real_to_real, fake_to_real, k):
    radii = real_to_real.topk(k + 1, largest=False).values.max(dim=1).values
    return (fake_to_real <= radii[None]).any(1).float().mean().item()
""",
        ),
        (
            "itself left out by infinity",
            """
def my_precision(real_to_real, fake_to_real, k):
    others = real_to_real + torch.diag(torch.full((len(real_to_real),), float("inf"), dtype=torch.float64))
    radii = others.kthvalue(k, dim=1).values
    return ((radii - fake_to_real).max(dim=1).values >= 0).double().mean()
""",
        ),
    ],
    "check_referee": [
        ("in another order", "my_lines = [6, 2, 5]"),
        ("a set", "my_lines = {2, 5, 6}"),
        ("a tensor", "my_lines = torch.tensor([2, 5, 6])"),
    ],
}
