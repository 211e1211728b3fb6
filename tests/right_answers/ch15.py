"""Right answers to the exercises of chapter 15, written otherwise than the folded solutions."""

RIGHT = {
    "check_shadow": [
        ("a detached difference", "def shadow(hard, soft):\n    return soft + (hard - soft).detach()\n"),
        (
            "with data and a copy",
            "def shadow(hard, soft):\n    shift = torch.sub(hard, soft.data)\n    return torch.add(soft, shift)\n",
        ),
        (
            "under no_grad",
            """
def shadow(hard, soft):
    with torch.no_grad():
        correction = hard - soft
    return soft + correction
""",
        ),
        (
            "a function of autograd's own",
            """
class Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hard, soft):
        return hard.clone()

    @staticmethod
    def backward(ctx, slope):
        return None, slope


def shadow(hard, soft):
    return Through.apply(hard, soft)
""",
        ),
    ],
    "check_mended_score": [
        (
            "the mean, stretched",
            """
def mended(costs, log_q):
    costs = costs.detach()
    n = len(costs)
    return ((costs - costs.mean()) * n / (n - 1) * log_q).mean()
""",
        ),
        (
            "a loop",
            """
def mended(costs, log_q):
    numbers, total = costs.tolist(), 0
    for i, number in enumerate(numbers):
        others = numbers[:i] + numbers[i + 1 :]
        total = total + (number - sum(others) / len(others)) * log_q[i]
    return total / len(numbers)
""",
        ),
        (
            "under no_grad, as a dot product",
            """
def mended(costs, log_q):
    with torch.no_grad():
        baseline = (costs.sum() - costs) / (costs.numel() - 1)
        advantage = costs - baseline
    return advantage @ log_q / log_q.numel()
""",
        ),
        (
            "detached at the end",
            """
def mended(costs, log_q):
    n = costs.shape[0]
    weights = (n * costs - costs.sum()) / (n - 1)
    return torch.mean(weights.detach() * log_q)
""",
        ),
    ],
    "check_colour_for": [
        (
            "the largest taken off",
            """
def colour_for(log_q, colours):
    weights = (log_q - log_q.max()).exp()
    return (weights[:, None] * colours).sum(0) / weights.sum()
""",
        ),
        (
            "logsumexp",
            """
def colour_for(log_q, colours):
    posterior = torch.exp(log_q - torch.logsumexp(log_q, dim=0))
    return torch.einsum("n,nc->c", posterior, colours)
""",
        ),
        (
            "a list, by a loop in double precision",
            """
def colour_for(log_q, colours):
    weights = torch.softmax(log_q.double(), dim=0).tolist()
    mean = [0.0, 0.0, 0.0]
    for weight, colour in zip(weights, colours.tolist()):
        for i in range(3):
            mean[i] += weight * colour[i]
    return mean
""",
        ),
    ],
}
