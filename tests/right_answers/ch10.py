"""Right answers to the exercises of chapter 10, written otherwise than the folded solutions."""

RIGHT = {
    "check_four_patients": [
        ("a tuple", "my_diagnoses = ('detach', 'buffers', 'healthy', 'batchnorm')"),
        ("by number", "my_diagnoses = {1: 'detach', 2: 'buffers', 3: 'healthy', 4: 'batchnorm'}"),
        ("in capitals", "my_diagnoses = 'Detach BUFFERS healthy batchnorm '.split()"),
    ],
    "check_spread": [
        (
            "a loop over pixels",
            """
def spread(samples, real):
    ours = sum(samples[:, i].std() for i in range(samples.shape[1]))
    theirs = sum(real[:, i].std() for i in range(real.shape[1]))
    return float(ours / theirs)
""",
        ),
        (
            "root of the mean square",
            """
def spread(samples, real):
    def width(x):
        return (x - x.mean(dim=0)).square().mean(dim=0).sqrt().mean()
    return width(samples) / width(real)
""",
        ),
        (
            "with numpy",
            """
def spread(samples, real):
    return samples.numpy().std(axis=0).mean() / real.numpy().std(axis=0).mean()
""",
        ),
        (
            "as a tensor of one number",
            """
def spread(samples, real):
    return samples.std(dim=0).sum().reshape(1) / real.std(dim=0).sum()
""",
        ),
    ],
    "check_mended_cost": [
        (
            "PyTorch's own",
            """
def mended_cost(logits, labels):
    return torch.nn.functional.binary_cross_entropy_with_logits(logits.flatten(), labels)
""",
        ),
        (
            "labels like the logits",
            """
def mended_cost(logits, labels):
    labels = labels.view_as(logits)
    return torch.nn.functional.softplus(logits - 2 * labels * logits).mean()
""",
        ),
        (
            "an error of one's own",
            """
def mended_cost(logits, labels):
    if logits.numel() != labels.numel():
        raise ValueError(f"{logits.numel()} logits for {len(labels)} labels")
    logits = logits.flatten()
    sure = torch.sigmoid(logits)
    return -(labels * sure.log() + (1 - labels) * (1 - sure).log()).mean()
""",
        ),
        (
            "one after another",
            """
def mended_cost(logits, labels):
    pairs = zip(logits.flatten(), labels, strict=True)
    costs = [torch.nn.functional.softplus(-l if y == 1 else l) for l, y in pairs]
    return sum(costs) / len(costs)
""",
        ),
    ],
}
