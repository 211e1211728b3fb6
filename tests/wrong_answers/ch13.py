"""Typical wrong answers to the exercises of chapter 13, each with a part of the hint that it must get."""


def _windows(line):
    return f"def windows(tracks, k):\n    return {line}\n"


def _forge(*lines):
    return "\n    ".join(["def forge(tracks):", *lines])


def _four(*words):
    return f"my_diagnoses = {list(words)}"


JUMPS, BLUR, ANEW, ONE = "frames placed at random", "blurred content", "content drawn anew", "one motion for all"

WRONG = {
    "check_windows": [
        ("side by side", _windows("tracks[:, : tracks.shape[1] // k * k].unflatten(1, (-1, k))"), "overlap"),
        ("swapped", _windows("tracks.unfold(1, k, 1).transpose(1, 2)"), "swapped"),
        (
            "one too few",
            _windows("torch.stack([tracks[:, t : t + k] for t in range(tracks.shape[1] - k)], dim=1)"),
            "ends with the last frame",
        ),
        (
            "all in one row",
            _windows("torch.cat([tracks[:, t : t + k] for t in range(tracks.shape[1] - k + 1)])"),
            "together",
        ),
        ("the first alone", _windows("tracks[:, :k]"), "it should be"),
        ("a list", _windows("[tracks[:, t : t + k] for t in range(tracks.shape[1] - k + 1)]"), "into one tensor"),
        ("always 8", _windows("torch.stack([tracks[:, t : t + k] for t in range(9 - k)], dim=1)"), "not always 8"),
        (
            "of tracks",
            _windows("torch.stack([tracks[t : t + k] for t in range(tracks.shape[1] - k + 1)])"),
            "along axis 1",
        ),
        ("backwards", _windows("tracks.unfold(1, k, 1).flip(2)"), "other frames"),
    ],
    "check_forge": [
        ("real ones", _forge("return tracks"), "Too few of your triples"),
        (
            "shuffled",
            _forge("return tracks[:, [5, 0, 3, 7, 1, 6, 2, 4]]"),
            "too long",
        ),
        ("each frame twice", _forge("return tracks[:, :4].repeat_interleave(2, dim=1)"), "too short"),
        ("noise", _forge("return 0.3 * torch.randn_like(tracks)"), "One frame"),
        ("all in one place", _forge("return torch.zeros_like(tracks)"), "all in one place"),
        ("real ones that tremble", _forge("return tracks + 0.02 * torch.randn_like(tracks)"), "end at 0.5"),
        (
            "half of the tracks",
            _forge("return torch.cat([tracks[3000:], tracks[:3000, [0, 1, 2, 3, 4, 3, 2, 1]]])"),
            "every track",
        ),
        ("a list", _forge("return [tracks[:, t] for t in (0, 1, 2, 3, 4, 3, 2, 1)]"), "one tensor"),
        ("a row too short", _forge("return tracks[:, :5]"), "(N, 8)"),
    ],
    "check_sick_videos": [
        ("jumps and blots swapped", _four(ANEW, ONE, JUMPS, BLUR), "if you saw one frame"),
        ("anew and jumps swapped", _four(JUMPS, ONE, BLUR, ANEW), "the same digit all the time"),
        ("nothing seen in the second", _four(ANEW, JUMPS, BLUR, ONE), "Compare the clips"),
        ("the last one", _four(ANEW, ONE, BLUR, ONE), "how far does it go in one"),
        ("three of them", _four(ANEW, ONE, BLUR), "Four words"),
        ("another word", _four(ANEW, ONE, "no motion", JUMPS), "not among the words"),
    ],
}
