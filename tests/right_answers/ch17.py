"""Right answers to the exercises of chapter 17, written otherwise than the folded solutions."""

RIGHT = {
    "check_suspicion": [
        (
            "loops and norms",
            """
def suspicion(digits, samples, others):
    scores = []
    for digit in digits:
        near = min((digit - sample).norm().item() for sample in samples)
        usual = min((digit - other).norm().item() for other in others)
        scores.append(usual - near)
    return scores
""",
        ),
        (
            "differences by broadcasting",
            """
def nearest(a, b):
    return (a[:, None] - b[None]).square().sum(-1).sqrt().min(dim=1).values


def suspicion(digits, samples, others):
    return -(nearest(digits, samples) - nearest(digits, others))
""",
        ),
        (
            "the package's, in another unit",
            """
from gan_edu import metrics


def suspicion(digits, samples, others):
    near, usual = (metrics.nearest(digits, x).distances for x in (samples, others))
    return 10 * (usual - near) + 3
""",
        ),
    ],
    "check_fewest_moves": [
        (
            "a wave of sets",
            """
def fewest_moves(floor):
    n = len(floor)
    tiles = {(i, j) for i in range(n) for j in range(n) if floor[i, j]}
    wave, moves = {(0, 0)} & tiles, 0
    while wave:
        if (n - 1, n - 1) in wave:
            return moves
        tiles -= wave
        wave = {(i + a, j + b) for i, j in wave for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))} & tiles
        moves += 1
    return -1
""",
        ),
        (
            "a tensor that floods",
            """
def fewest_moves(floor):
    reached = torch.zeros_like(floor)
    reached[0, 0] = floor[0, 0]
    for moves in range(floor.numel()):
        if reached[-1, -1]:
            return torch.tensor(moves)
        wider = reached.clone()
        wider[1:] |= reached[:-1]
        wider[:-1] |= reached[1:]
        wider[:, 1:] |= reached[:, :-1]
        wider[:, :-1] |= reached[:, 1:]
        reached = wider & floor
    return -1
""",
        ),
        (
            "a queue",
            """
from collections import deque


def fewest_moves(floor):
    floor = floor.tolist()
    n = len(floor)
    if not floor[0][0]:
        return -1
    queue, seen = deque([(0, 0, 0)]), {(0, 0)}
    while queue:
        i, j, moves = queue.popleft()
        if i == j == n - 1:
            return moves
        for x, y in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
            if 0 <= x < n and 0 <= y < n and floor[x][y] and (x, y) not in seen:
                seen.add((x, y))
                queue.append((x, y, moves + 1))
    return -1
""",
        ),
    ],
    "check_sellers": [
        ("a tuple", 'my_diagnoses = ("no clusters", "nothing wrong", "copies", "thin tails")\n'),
        ("capitals", 'my_diagnoses = ["No clusters", "Nothing wrong ", "Copies", "THIN TAILS"]\n'),
        (
            "by number",
            'my_diagnoses = {4: "thin tails", 3: "copies", 1: "no clusters", 2: "nothing wrong"}\n',
        ),
    ],
}
