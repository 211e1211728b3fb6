"""Typical wrong answers to the exercises of chapter 18, each with a part of the hint that it must get."""


def _mean(*lines):
    return "\n    ".join(["def mean_gradients(weights):", *lines]) + "\n"


def _share(line):
    return f"def share_of_loss(rows, n, ranks):\n    return {line}\n"


ZEROS = "grads = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]"

WRONG = {
    "check_mean_gradients": [
        (
            "skips None",
            _mean(
                "for w in weights:",
                "    if w.grad is not None:",
                "        distributed.all_reduce(w.grad)",
                "return [w.grad for w in weights]",
            ),
            "waits for ever",
        ),
        ("the sum", _mean(ZEROS, "for g in grads:", "    distributed.all_reduce(g)", "return grads"), "are sums"),
        (
            "divided twice",
            _mean(
                ZEROS, "for g in grads:", "    g /= 2", "    distributed.all_reduce(g)", "return [g / 2 for g in grads]"
            ),
            "once too often",
        ),
        ("no message", _mean(ZEROS, "return [g / 2 for g in grads]"), "not the mean of both"),
        (
            "only rank 0",
            _mean(
                ZEROS,
                "for g in grads:",
                "    if distributed.get_rank() == 0:",
                "        distributed.all_reduce(g)",
                "return [g / 2 for g in grads]",
            ),
            "waits for ever",
        ),
        (
            "None stays",
            _mean(
                ZEROS,
                "for g in grads:",
                "    distributed.all_reduce(g)",
                "return [None if w.grad is None else g / 2 for w, g in zip(weights, grads)]",
            ),
            "None still",
        ),
        (
            "one number",
            _mean(
                ZEROS,
                "flat = torch.cat([g.flatten() for g in grads])",
                "distributed.all_reduce(flat)",
                "return flat / 2",
            ),
            "Return a list",
        ),
        (
            "gloo's mean",
            _mean(
                ZEROS, "for g in grads:", "    distributed.all_reduce(g, op=distributed.ReduceOp.AVG)", "return grads"
            ),
            "gloo only adds",
        ),
    ],
    "check_share_of_loss": [
        ("own mean", _share("rows.mean()"), "a row of the small share counts more"),
        ("of all rows", _share("rows.sum() / n"), "divides once more"),
        ("the sum", _share("rows.sum()"), "divide by all the rows"),
        ("own mean, times the ranks", _share("rows.mean() * ranks / n"), "it should be"),
        ("no graph", _share("torch.tensor(rows.sum().item() * ranks / n)"), "keep its graph"),
        ("one for each row", _share("rows * ranks / n"), "one number"),
    ],
    "check_logs": [
        ("swapped", 'my_diagnoses = ["another start", "a rank ended", "same rows", "no average"]\n', "patient 1"),
        ("three", 'my_diagnoses = ["no average", "a rank ended", "same rows"]\n', "Four words"),
        ("unknown", 'my_diagnoses = ["no average", "it hangs", "same rows", "another start"]\n', "it hangs"),
    ],
}
