"""Typical wrong answers to the exercises of chapter 14, each with a part of the hint that it must get."""


def _shuffle(line):
    return f"def shuffle(x, k):\n    return {line}\n"


def _columns(line):
    return f"def columns(sounds, p):\n    N, T = sounds.shape\n    return {line}\n"


def _four(*words):
    return f"my_diagnoses = {list(words)}"


PAD = "nn.functional.pad(sounds, (0, -T % p))"
MOUTH, VOICE, PITCH, SOUND = "one mouth for all", "no voice", "one pitch for all", "one sound for all"

WRONG = {
    "check_phase_shuffle": [
        ("comes in at the other end", _shuffle("x.roll(k, 2)"), "at the other"),
        (
            "the other way",
            _shuffle("nn.functional.pad(x, (3, 3), mode='reflect')[:, :, 3 + k : 3 + k + x.shape[2]]"),
            "other way",
        ),
        ("nothing", _shuffle("x"), "nothing moved"),
        (
            "the edge repeated",
            _shuffle("nn.functional.pad(x, (3, 3), mode='replicate')[:, :, 3 - k : 3 - k + x.shape[2]]"),
            "Only the edge",
        ),
        (
            "k drawn inside",
            """
def shuffle(x, k):
    k = int(torch.randint(-2, 3, ()))
    return nn.functional.pad(x, (2, 2), mode="reflect")[:, :, 2 - k : 2 - k + x.shape[2]]
""",
            "k that is given",
        ),
        ("longer", _shuffle("nn.functional.pad(x, (max(k, 0), max(-k, 0)), mode='reflect')"), "shape"),
    ],
    "check_columns": [
        ("cut", _columns("sounds[:, : T // p * p].reshape(N, 1, -1, p)"), "cut off"),
        ("swapped", _columns(f"{PAD}.reshape(N, 1, -1, p).mT"), "swapped"),
        ("no channel", _columns(f"{PAD}.reshape(N, -1, p)"), "channel"),
        ("down the columns", _columns(f"{PAD}.reshape(N, 1, p, -1).mT"), "Neighbours in time"),
        ("no zeros", _columns("sounds.view(N, 1, -1, p)"), "how many zeros"),
        (
            "as many zeros as are over",
            _columns("nn.functional.pad(sounds, (0, T % p)).unflatten(1, (1, -1, p))"),
            "how many zeros",
        ),
        (
            "zeros in front",
            _columns("nn.functional.pad(sounds, (-T % p, 0)).reshape(N, 1, -1, p)"),
            "at the end",
        ),
        (
            "the last one again",
            _columns("torch.cat([sounds, sounds[:, -1:].expand(N, -T % p)], 1).reshape(N, 1, -1, p)"),
            "nothing else",
        ),
    ],
    "check_sick_voices": [
        ("voice and mouth swapped", _four(VOICE, MOUTH, PITCH, SOUND), "Which vowel is each"),
        ("no whisper heard", _four(MOUTH, SOUND, PITCH, VOICE), "comes back after a period"),
        ("pitch and sound swapped", _four(MOUTH, VOICE, SOUND, PITCH), "equally far apart"),
        ("the last one", _four(MOUTH, VOICE, PITCH, MOUTH), "Compare the three"),
        ("three of them", _four(MOUTH, VOICE, PITCH), "Four words"),
        ("another word", _four(MOUTH, "a hiss", PITCH, SOUND), "not among the words"),
    ],
}
