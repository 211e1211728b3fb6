"""Right answers to the exercises of chapter 16, each written in another way than the folded solution."""

RIGHT = {
    "check_one_step": [
        (
            "along the difference",
            """
def one_step(seen, guess, a, s, a2, s2):
    return a2 * guess + (s2 / s) * (seen - a * guess)
""",
        ),
        (
            "two coefficients",
            """
def one_step(seen, guess, a, s, a2, s2):
    share = s2 / s
    return share * seen + (a2 - share * a) * guess
""",
        ),
        (
            "in place, row by row",
            """
def one_step(seen, guess, a, s, a2, s2):
    made = torch.empty_like(seen)
    for i in range(len(seen)):
        noise = seen[i].sub(a * guess[i]).div(s)
        made[i] = torch.mul(noise, s2).add_(guess[i], alpha=a2)
    return made
""",
        ),
    ],
    "check_perfect": [
        (
            "cdist",
            """
def perfect(seen, digits, a, s):
    distance = torch.cdist(seen, a * digits)
    weights = torch.softmax(-(distance**2) / (2 * s * s), dim=1)
    return weights @ digits
""",
        ),
        (
            "row by row",
            """
def perfect(seen, digits, a, s):
    guesses = []
    for x in seen:
        log_weights = -((x - a * digits) ** 2).sum(1) / (2 * s**2)
        weights = (log_weights - log_weights.max()).exp()
        guesses.append((weights[:, None] * digits).sum(0) / weights.sum())
    return torch.stack(guesses)
""",
        ),
        (
            "the square multiplied out, without what all share",
            """
def perfect(seen, digits, a, s):
    scores = (a * seen @ digits.T - a**2 / 2 * digits.square().sum(1)) / s**2
    return torch.einsum("nm,md->nd", scores.softmax(1), digits)
""",
        ),
    ],
    "check_balance": [
        (
            "no_grad for the last line",
            """
def balance(pixels, judge, last):
    (a,) = torch.autograd.grad(pixels, [last], retain_graph=True)
    (b,) = torch.autograd.grad(judge, [last], retain_graph=True)
    with torch.no_grad():
        return torch.linalg.vector_norm(a) / (torch.linalg.vector_norm(b) + 1e-4)
""",
        ),
        (
            "a float",
            """
def balance(pixels, judge, last):
    lengths = []
    for loss in (pixels, judge):
        gradient = torch.autograd.grad(loss, last, retain_graph=True)[0]
        lengths.append(gradient.square().sum().sqrt().item())
    return lengths[0] / (lengths[1] + 1e-4)
""",
        ),
        (
            "clamped as in the published code",
            """
def balance(pixels, judge, last):
    a = torch.autograd.grad(pixels, last, retain_graph=True)[0]
    b = torch.autograd.grad(judge, last, retain_graph=True)[0]
    return torch.clamp(torch.norm(a) / (torch.norm(b) + 1e-4), 0.0, 1e4).detach()
""",
        ),
    ],
}
