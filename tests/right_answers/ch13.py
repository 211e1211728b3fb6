"""Right answers to the exercises of chapter 13, written otherwise than the folded solutions."""

RIGHT = {
    "check_windows": [
        ("unfold", "def windows(tracks, k):\n    return tracks.unfold(1, k, 1)\n"),
        (
            "indices",
            """
def windows(tracks, k):
    first = torch.arange(tracks.shape[1] - k + 1)
    return tracks[:, first[:, None] + torch.arange(k)]
""",
        ),
        (
            "loops over lists",
            """
def windows(tracks, k):
    rows = tracks.tolist()
    return [[row[t : t + k] for t in range(len(row) - k + 1)] for row in rows]
""",
        ),
        (
            "shifted columns",
            """
def windows(tracks, k):
    last = tracks.shape[1] - k + 1
    return torch.stack([tracks[:, i : i + last] for i in range(k)], dim=-1)
""",
        ),
    ],
    "check_forge": [
        (
            "a random walk along each track",
            """
def forge(tracks):
    n, frames = tracks.shape
    place = torch.randint(frames, (n,))
    made = []
    for _ in range(frames):
        made.append(tracks[torch.arange(n), place])
        place = place + 2 * torch.randint(2, (n,)) - 1
        place = torch.where(place < 0, 1, torch.where(place > frames - 1, frames - 2, place))
    return torch.stack(made, dim=1)
""",
        ),
        ("two frames in turns", "def forge(tracks):\n    return tracks[:, :2].repeat(1, 4)\n"),
        (
            "back, and forth again",
            "def forge(tracks):\n    return torch.cat([tracks[:, 4:].flip(1), tracks[:, 5:], tracks[:, 6:7]], dim=1)\n",
        ),
        (
            "change of partner where two tracks meet",
            """
def forge(tracks):
    order = tracks[:, 3].argsort()
    made = tracks.clone()
    made[order, 4:] = tracks[order.roll(7), 4:]
    return made
""",
        ),
        (
            "as a list of lists",
            """
def forge(tracks):
    made = []
    for track in tracks.tolist():
        forth = track[:4]
        made.append(forth + [track[4]] + forth[:0:-1])
    return made
""",
        ),
    ],
    "check_sick_videos": [
        (
            "a dictionary",
            'my_diagnoses = {4: "frames placed at random", 3: "blurred content", 1: "content drawn anew",'
            ' 2: "one motion for all"}',
        ),
        (
            "a tuple",
            'my_diagnoses = ("content drawn anew", "one motion for all", "blurred content", "frames placed at random")',
        ),
        (
            "one word more",
            'my_diagnoses = ["content drawn anew", "one motion for all clips", "blurred content",'
            ' "frames placed at random"]',
        ),
        (
            "in capitals",
            'my_diagnoses = "CONTENT DRAWN ANEW,ONE MOTION FOR ALL,BLURRED CONTENT,FRAMES PLACED AT RANDOM".split(",")',
        ),
    ],
}
