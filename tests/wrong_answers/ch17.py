"""Typical wrong answers to the exercises of chapter 17, each with a part of the hint that it must get."""


def _suspicion(line):
    return f"""
def suspicion(digits, samples, others):
    near, usual = torch.cdist(digits, samples), torch.cdist(digits, others)
    return {line}
"""


def _moves(start="1", sides="(0, 1), (1, 0), (0, -1), (-1, 0)", pop="0", none="-1", found="moves", wall=""):
    return f"""
def fewest_moves(floor):
    n, seen = len(floor), {{(0, 0)}}
    queue = [(0, 0, 0)] if {start} else []
    while queue:
        i, j, moves = queue.pop({pop})
        if i == j == n - 1:
            return {found}
        for a, b in ({sides}):
            x, y = i + a, j + b
            if 0 <= x < n and 0 <= y < n and (x, y) not in seen and (floor[x, y]{wall}):
                seen.add((x, y))
                queue.append((x, y, moves + 1))
    return {none}
"""


FLOOR = "floor[0, 0]"

WRONG = {
    "check_suspicion": [
        ("the hint of the game", _suspicion("-near.amin(1)"), "One distance alone: an ordinary"),
        ("the other GAN alone", _suspicion("usual.amin(1)"), "that nobody accuses"),
        ("a distance, not its minus", _suspicion("near.amin(1)"), "and upside down"),
        ("upside down", _suspicion("near.amin(1) - usual.amin(1)"), "upside down: a digit"),
        ("means", _suspicion("usual.mean(1) - near.mean(1)"), "not the mean"),
        ("squares", _suspicion("usual.amin(1) ** 2 - near.amin(1) ** 2"), "not their squares"),
        ("a score for each sample", _suspicion("usual.amin(0) - near.amin(0)[:60]"), "A score for each digit"),
        ("a ratio", _suspicion("usual.amin(1) / near.amin(1)"), "less that to the nearest"),
    ],
    "check_fewest_moves": [
        ("tiles", _moves(FLOOR, found="moves + 1"), "You count tiles"),
        ("depth first", _moves(FLOOR, pop=""), "nearer tiles before farther"),
        ("diagonals", _moves(FLOOR, "(0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, 1), (1, -1)"), "no diagonal moves"),
        ("right and down", _moves(FLOOR, "(0, 1), (1, 0)"), "also go left, and up"),
        ("through walls", _moves(FLOOR, wall=" or True"), "so -1; yours says"),
        ("a start in a wall", _moves(), "Are both ends floor?"),
        ("0 for none", _moves(FLOOR, none="0"), "so -1; yours says 0"),
        ("the way itself", _moves(FLOOR, found="[(0, 0), (i, j)]"), "Return one whole number"),
    ],
    "check_sellers": [
        (
            "1 and 4 swapped",
            'my_diagnoses = ["thin tails", "nothing wrong", "copies", "no clusters"]\n',
            "Look at patient 1 again: how alike",
        ),
        (
            "copies bought",
            'my_diagnoses = ["no clusters", "copies", "nothing wrong", "thin tails"]\n',
            "no path is a real one",
        ),
        ("three", 'my_diagnoses = ["no clusters", "nothing wrong", "copies"]\n', "Four words"),
        (
            "another word",
            'my_diagnoses = ["shuffled", "nothing wrong", "copies", "thin tails"]\n',
            "not among the words",
        ),
    ],
}
