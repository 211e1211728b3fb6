"""Typical wrong answers to the exercises of chapter 11, each with a part of the hint that it must get."""


def _logits(*lines):
    return "\n    ".join(["def class_logits(features, labels, shared, rows):", *lines])


def _invert(*lines):
    return "\n    ".join(["def invert(generator, pictures, noise):", *lines])


DESCENT = (
    "z = noise.clone().requires_grad_()",
    "adam = torch.optim.Adam([z], 0.1)",
    "for _ in range(300):",
    "    adam.zero_grad()",
)

WRONG = {
    "check_class_logits": [
        ("the row alone", _logits("return (rows[labels] * features).sum(1)"), "what all classes share is missing"),
        ("shared alone", _logits("return features @ shared"), "shared part alone"),
        ("every class", _logits("return (features @ (rows + shared).T)"), "a logit for every class"),
        ("every pair", _logits("return features @ shared + features @ rows[labels].T"), "pairs every sample"),
        ("one row for all", _logits("return features @ (shared + rows[0])"), "the same row here"),
        ("a mean", _logits("return features @ shared + (rows[labels] * features).mean(1)"), "A mean over"),
        ("no product", _logits("return features @ shared + rows[labels].sum(1)"), "does not meet the features"),
        ("all classes", _logits("return features @ shared + (features @ rows.T).sum(1)"), "summed over all classes"),
        ("multiplied", _logits("return (features @ shared) * (rows[labels] * features).sum(1)"), "not multiplied"),
        ("one number", _logits("return (features * (shared + rows[labels])).sum()"), "one logit for each"),
        ("summed along the batch", _logits("return (features * (shared + rows[labels])).sum(0)"), "one logit for each"),
        ("probabilities", _logits("return torch.sigmoid((features * (shared + rows[labels])).sum(1))"), "should be"),
        ("a list", _logits("return (features * (shared + rows[labels])).sum(1).tolist()"), "Return a tensor"),
    ],
    "check_blind_layers": [
        ("concatenation sees", 'my_letters = "A"', "1 of 2"),
        ("only the one that looks it", 'my_letters = "B"', "1 of 2"),
        ("all that concatenate", 'my_letters = "BC"', "C can"),
        ("projection is a sum", 'my_letters = ["A", "D"]', "D can"),
        ("the heads", 'my_letters = "ABE"', "E can"),
        ("no such letter", 'my_letters = "AX"', "from A to E"),
    ],
    "check_invert": [
        ("nothing moves", _invert("return noise"), "where it began"),
        (
            "the weights move",
            _invert(
                "weights = [w.requires_grad_() for w in generator.parameters()]",
                "adam = torch.optim.Adam(weights, 0.1)",
                "for _ in range(50):",
                "    loss = (generator(noise) - pictures).square().mean()",
                "    adam.zero_grad()",
                "    loss.backward()",
                "    adam.step()",
                "return noise",
            ),
            "They stay; the noise moves",
        ),
        (
            "it climbs",
            _invert(
                *DESCENT,
                "    loss = -(generator(z) - pictures).square().mean()",
                "    loss.backward()",
                "    adam.step()",
                "return z.detach()",
            ),
            "you climb",
        ),
        (
            "the pictures come back",
            _invert(
                *DESCENT,
                "    (generator(z) - pictures).square().mean().backward()",
                "    adam.step()",
                "return generator(z)",
            ),
            "Those are the pictures",
        ),
        (
            "too short",
            _invert(
                *(line.replace("300", "3") for line in DESCENT),
                "    (generator(z) - pictures).square().mean().backward()",
                "    adam.step()",
                "return z.detach()",
            ),
            "of the first error is left",
        ),
        (
            "one noise for all",
            _invert(
                *(line.replace("noise.clone()", "noise[:1].clone()") for line in DESCENT),
                "    (generator(z) - pictures).square().mean().backward()",
                "    adam.step()",
                "return z.detach()",
            ),
            "noise like the start",
        ),
        (
            "detached",
            _invert(
                *DESCENT,
                "    (generator(z).detach() - pictures).square().mean().backward()",
                "    adam.step()",
                "return z.detach()",
            ),
            "something was detached",
        ),
    ],
}
