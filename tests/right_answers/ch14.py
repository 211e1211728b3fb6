"""Right answers to the exercises of chapter 14, written otherwise than the folded solutions."""

RIGHT = {
    "check_phase_shuffle": [
        (
            "indices that bounce",
            """
def shuffle(x, k):
    T = x.shape[2]
    places = (torch.arange(T) - k).abs()
    places = torch.where(places > T - 1, 2 * (T - 1) - places, places)
    return x[:, :, places]
""",
        ),
        (
            "parts put together",
            """
def shuffle(x, k):
    T = x.shape[-1]
    if k > 0:
        return torch.cat([x[..., 1 : k + 1].flip(-1), x[..., : T - k]], dim=-1)
    if k < 0:
        return torch.cat([x[..., -k:], x[..., T - 1 + k : T - 1].flip(-1)], dim=-1)
    return x
""",
        ),
        (
            "padded on both sides, a window cut out",
            """
def shuffle(x, k):
    n = abs(k)
    return nn.functional.pad(x, (n, n), mode="reflect")[:, :, n - k : n - k + x.shape[2]]
""",
        ),
    ],
    "check_columns": [
        (
            "zeros, filled in place",
            """
def columns(sounds, p):
    N, T = sounds.shape
    rows = (T + p - 1) // p
    made = torch.zeros(N, rows * p)
    made[:, :T] = sounds
    return made.view(N, 1, rows, p)
""",
        ),
        (
            "a loop over rows",
            """
def columns(sounds, p):
    while sounds.shape[1] % p:
        sounds = torch.cat([sounds, torch.zeros(len(sounds), 1)], dim=1)
    return torch.stack(sounds.split(p, dim=1), dim=1)[:, None]
""",
        ),
        (
            "unflatten",
            """
def columns(sounds, p):
    missing = (p - sounds.shape[1] % p) % p
    return nn.functional.pad(sounds, (0, missing)).unflatten(1, (1, -1, p))
""",
        ),
    ],
    "check_sick_voices": [
        (
            "a dictionary",
            'my_diagnoses = {2: "no voice", 1: "one mouth for all", 4: "one sound for all", 3: "one pitch for all"}',
        ),
        ("a tuple", 'my_diagnoses = ("one mouth for all", "no voice", "one pitch for all", "one sound for all")'),
        ("short words", 'my_diagnoses = ["one mouth", "no voice", "pitch", "Sound"]'),
        (
            "in capitals",
            'my_diagnoses = "ONE MOUTH FOR ALL,NO VOICE,ONE PITCH FOR ALL,ONE SOUND FOR ALL".split(",")',
        ),
    ],
}
