"""Right answers to the exercises of chapter 18, written otherwise than the folded solutions."""

RIGHT = {
    "check_mean_gradients": [
        (
            "in place",
            """
def mean_gradients(weights):
    for weight in weights:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
        distributed.all_reduce(weight.grad)
        weight.grad /= distributed.get_world_size()
    return [weight.grad for weight in weights]
""",
        ),
        (
            "one message",
            """
def mean_gradients(weights):
    grads = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
    flat = torch.cat([grad.flatten() for grad in grads])
    distributed.all_reduce(flat)
    parts = (flat / distributed.get_world_size()).split([grad.numel() for grad in grads])
    return [part.view(grad.shape) for part, grad in zip(parts, grads)]
""",
        ),
        (
            "divided first, a tuple",
            """
def mean_gradients(weights):
    ranks = distributed.get_world_size()
    shares = tuple((w.grad if w.grad is not None else 0 * w.detach()) / ranks for w in weights)
    for share in shares:
        distributed.all_reduce(share, op=distributed.ReduceOp.SUM)
    return shares
""",
        ),
        (
            "without waiting",
            """
def mean_gradients(weights):
    totals = [torch.zeros(w.shape) if w.grad is None else w.grad.clone() for w in weights]
    works = [distributed.all_reduce(total, async_op=True) for total in totals]
    for work in works:
        work.wait()
    return [total.div(distributed.get_world_size()) for total in totals]
""",
        ),
    ],
    "check_share_of_loss": [
        ("a mean, weighed", "def share_of_loss(rows, n, ranks):\n    return rows.mean() * len(rows) * ranks / n\n"),
        (
            "a loop",
            "def share_of_loss(rows, n, ranks):\n    total = 0\n    for row in rows:\n"
            "        total = total + row\n"
            "    return total / (n / ranks)\n",
        ),
        ("weights first", "def share_of_loss(rows, n, ranks):\n    return (rows * (ranks / n)).sum()\n"),
        ("a dot product", "def share_of_loss(rows, n, ranks):\n    return rows @ torch.full_like(rows, ranks / n)\n"),
    ],
    "check_logs": [
        ("a tuple", 'my_diagnoses = ("no average", "a rank ended", "same rows", "another start")\n'),
        ("numbered", 'my_diagnoses = {1: "no average", 2: "a rank ended", 3: "same rows", 4: "another start"}\n'),
        ("in capitals", 'my_diagnoses = ["No average", "A rank ended ", "Same rows", "Another start"]\n'),
    ],
}
