"""Typical wrong answers to the exercises of chapter 15, each with a part of the hint that it must get."""


def _shadow(line):
    return f"def shadow(hard, soft):\n    return {line}\n"


def _mended(*lines):
    return "\n    ".join(["def mended(costs, log_q):", *lines]) + "\n"


def _colour(line):
    return f"def colour_for(log_q, colours):\n    return {line}\n"


WRONG = {
    "check_shadow": [
        ("the soft one", _shadow("soft"), "no letter is whole"),
        ("the hard one", _shadow("hard"), "no gradient leads back"),
        ("nothing detached", _shadow("hard + soft - soft"), "cancel"),
        ("the wrong one detached", _shadow("hard + soft.detach() - soft"), "wrong sign"),
        ("the sum", _shadow("hard + soft"), "the sum of both"),
        ("a mean", _shadow("(hard + soft) / 2"), "to the last digit"),
        ("doubled", _shadow("hard + 2 * (soft - soft.detach())"), "of the soft shadow alone"),
        ("one letter", _shadow("(hard + soft - soft.detach())[0]"), "(5, 4)"),
    ],
    "check_mended_score": [
        (
            "as it was",
            _mended("costs.detach()", "return ((costs - costs.mean()) * log_q).mean()"),
            "changes nothing by itself",
        ),
        (
            "detached, its own cost kept",
            _mended("costs = costs.detach()", "return ((costs - costs.mean()) * log_q).mean()"),
            "own cost is in its baseline",
        ),
        (
            "detached in place",
            _mended(
                "costs.detach_()", "n = len(costs)", "return (n / (n - 1) * (costs - costs.mean()) * log_q).mean()"
            ),
            "In place it also cuts",
        ),
        ("no baseline", _mended("return (costs.detach() * log_q).mean()"), "no baseline"),
        (
            "a minus",
            _mended(
                "costs, n = costs.detach(), len(costs)",
                "return -(n / (n - 1) * (costs - costs.mean()) * log_q).mean()",
            ),
            "without a minus",
        ),
        (
            "a sum",
            _mended(
                "costs, n = costs.detach(), len(costs)",
                "return (n / (n - 1) * (costs - costs.mean()) * log_q).sum()",
            ),
            "not the sum",
        ),
        ("all of it detached", _mended("return (costs * log_q).detach().mean()"), "No gradient flows back"),
        ("one for each", _mended("return costs.detach() * log_q"), "Return one number"),
        (
            "one of two detached",
            _mended(
                "others = (costs.sum() - costs) / (len(costs) - 1)", "return ((costs - others.detach()) * log_q).mean()"
            ),
            "only one of them is detached",
        ),
        (
            "the others divided by n",
            _mended(
                "costs = costs.detach()",
                "return ((costs - (costs.sum() - costs) / len(costs)) * log_q).mean()",
            ),
            "The others are n - 1",
        ),
        (
            "the median",
            _mended("costs = costs.detach()", "return ((costs - costs.median()) * log_q).mean()"),
            "mean of the others",
        ),
    ],
    "check_colour_for": [
        ("the best one", _colour("colours[log_q.argmax()]"), "single best"),
        ("all alike", _colour("colours.mean(0)"), "whatever the name"),
        ("not divided", _colour("log_q.exp() @ colours"), "sum to 1"),
        ("logarithms as weights", _colour("log_q @ colours"), "is a logarithm"),
        ("a row", _colour("log_q.softmax(0)[None] @ colours"), "One colour, three numbers"),
        ("each weighted", _colour("log_q.softmax(0)[:, None] * colours"), "One colour, three numbers"),
        ("too small, and 1e-9", _colour("log_q.exp() @ colours / (log_q.exp().sum() + 1e-9)"), "exp of -200"),
        ("a mean", _colour("(log_q.softmax(0)[:, None] * colours).mean(0)"), "where a sum should"),
        ("the wrong way", _colour("(-log_q).softmax(0) @ colours"), "a minus too many"),
        ("twice", _colour("2 * log_q.softmax(0) @ colours"), "over their sum"),
    ],
}
