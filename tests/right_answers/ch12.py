"""Right answers to the exercises of chapter 12, written otherwise than the folded solutions."""

RIGHT = {
    "check_share": [
        ("a root of torch", "def share(budget):\n    return torch.tensor(budget - 1.0).sqrt()\n"),
        ("a logarithm halved", "def share(budget):\n    return (torch.tensor(budget - 1.0).log() / 2).exp()\n"),
        (
            "found by halving",
            """
def share(budget):
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 + middle**2 < budget else (low, middle)
    return high
""",
        ),
    ],
    "check_field": [
        (
            "from the picture on, with the distance of two stops",
            """
def field(layers):
    seen, apart = 1, 1
    for kernel, stride in layers:
        seen += (kernel - 1) * apart
        apart *= stride
    return seen
""",
        ),
        (
            "recursion",
            """
def field(layers):
    if not layers:
        return 1
    kernel, stride = layers[0]
    return (field(layers[1:]) - 1) * stride + kernel
""",
        ),
        (
            "the two ends of the patch",
            """
def field(layers):
    left = right = 0
    for kernel, stride in layers[::-1]:
        left, right = left * stride, right * stride + kernel - 1
    return right - left + 1
""",
        ),
        (
            "by autograd",
            """
def field(layers):
    net = nn.Sequential(*[nn.Conv1d(1, 1, kernel, stride) for kernel, stride in layers])
    for weights in net.parameters():
        nn.init.ones_(weights)
    x = torch.zeros(1, 1, 200, requires_grad=True)
    net(x)[0, 0, 0].backward()
    return (x.grad != 0).sum()
""",
        ),
    ],
    "check_translators": [
        (
            "l1_loss and logsigmoid",
            """
def translators_loss(there, back, judge_a, judge_b, a, b, weight):
    b_made, a_made = there(a), back(b)
    fooled = -F.logsigmoid(judge_b(b_made)).mean() - F.logsigmoid(judge_a(a_made)).mean()
    return fooled + weight * F.l1_loss(back(b_made), a) + weight * F.l1_loss(there(a_made), b)
""",
        ),
        (
            "a loop over the two ways",
            """
def translators_loss(there, back, judge_a, judge_b, a, b, weight):
    total = 0
    for x, first, second, judge in ((a, there, back, judge_b), (b, back, there, judge_a)):
        made = first(x)
        total = total + F.softplus(-judge(made)).mean() + weight * (second(made) - x).abs().mean()
    return total
""",
        ),
        (
            "cross-entropy against ones, in a tensor of one number",
            """
def translators_loss(there, back, judge_a, judge_b, a, b, weight):
    logits = judge_b(there(a)), judge_a(back(b))
    parts = [F.binary_cross_entropy_with_logits(l, torch.ones_like(l)) for l in logits]
    parts += [weight * (a - back(there(a))).abs().mean(), weight * (b - there(back(b))).abs().mean()]
    return torch.stack(parts).sum().reshape(1)
""",
        ),
    ],
}
