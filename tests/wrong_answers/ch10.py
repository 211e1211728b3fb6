"""Typical wrong answers to the exercises of chapter 10, each with a part of the hint that it must get."""


def _spread(line):
    return f"def spread(samples, real):\n    return {line}"


def _cost(*lines):
    head = "from torch.nn.functional import softplus\n\n\ndef mended_cost(logits, labels):"
    return "\n    ".join([head, *lines])


WRONG = {
    "check_four_patients": [
        ("one word", "my_diagnoses = 'detach'", "Four words in a list"),
        ("a word of its own", "my_diagnoses = ['detach', 'ema', 'healthy', 'batchnorm']", "ema: not among"),
        ("the usual suspect", "my_diagnoses = ['strong', 'buffers', 'healthy', 'batchnorm']", "has G moved at all"),
        ("too few pictures", "my_diagnoses = ['detach', 'few', 'healthy', 'batchnorm']", "with G's own fakes"),
        ("swapped labels", "my_diagnoses = ['detach', 'buffers', 'labels', 'batchnorm']", "healthy run? Look"),
        ("swapped labels again", "my_diagnoses = ['detach', 'buffers', 'healthy', 'labels']", "same fakes alone"),
    ],
    "check_spread": [
        ("over everything", _spread("samples.std() / real.std()"), "spread over everything"),
        ("over pixels", _spread("samples.std(1).mean() / real.std(1).mean()"), "pixels of one picture"),
        ("variances", _spread("samples.var(0).mean() / real.var(0).mean()"), "variances"),
        ("turned round", _spread("real.std(0).mean() / samples.std(0).mean()"), "turn it round"),
        ("without the data", _spread("samples.std(0).mean()"), "how bright"),
        ("quotients", _spread("(samples.std(0) / real.std(0)).mean()"), "divide means"),
        ("for each pixel", _spread("samples.std(0) / real.std(0)"), "One number is asked for"),
        ("something else", _spread("samples.abs().mean() / real.abs().mean()"), "of samples and of real ones"),
    ],
    "check_mended_cost": [
        ("as it was", _cost("return softplus((1 - 2 * labels) * logits).mean()"), "64 pairs"),
        (
            "flattened, and unguarded",
            _cost("return softplus((1 - 2 * labels) * logits.flatten()).mean()"),
            "in silence",
        ),
        (
            "labels turned",
            _cost("logits = logits.reshape(labels.shape)", "return softplus((2 * labels - 1) * logits).mean()"),
            "changed sides",
        ),
        (
            "probabilities",
            _cost(
                "logits = torch.sigmoid(logits.reshape(labels.shape))",
                "return softplus((1 - 2 * labels) * logits).mean()",
            ),
            "its own sigmoid",
        ),
        (
            "no mean",
            _cost("logits = logits.reshape(labels.shape)", "return softplus((1 - 2 * labels) * logits)"),
            "Return one number",
        ),
        (
            "a sum",
            _cost("logits = logits.reshape(labels.shape)", "return softplus((1 - 2 * labels) * logits).sum()"),
            "is right",
        ),
    ],
}
