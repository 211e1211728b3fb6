"""The exercises of chapter 14: a phase shuffle, every p-th sample side by side, and four sick voices."""

import torch
from torch import Tensor
from torch.nn import functional

from gan_edu import data
from gan_edu.exercises.core import call, exercise, require, require_diagnoses


@exercise("14.1 Phase shuffle")
def check_phase_shuffle(shuffle) -> str:
    """Maps moved in time, what is missing mirrored at the edge."""
    for n, channels, length, k in ((1, 1, 8, 2), (2, 3, 8, -2), (2, 2, 7, 1), (3, 1, 6, 0), (1, 2, 9, -3)):
        x = torch.arange(float(n * channels * length)).view(n, channels, length)
        most = abs(k)
        right = functional.pad(x, (most, most), mode="reflect")[..., most - k : most - k + length]
        found = torch.as_tensor(call(shuffle, x.clone(), k)).float()
        shape, where = tuple(found.shape), f"For maps {(n, channels, length)} and k = {k}"
        require(shape == tuple(x.shape), f"{where} yours has the shape {shape}; it should stay as it was.")
        if torch.equal(found, right):
            continue
        other = functional.pad(x, (most, most), mode="reflect")[..., most + k : most + k + length]
        require(not torch.equal(found, other), "Yours moves the other way: for k = 1 everything comes one place later.")
        require(not torch.equal(found, x), f"{where} nothing moved.")
        require(not torch.equal(found, x.roll(k, 2)), "What falls out at one end comes in at the other: mirror it.")
        inside = slice(max(k, 0), length + min(k, 0))
        edge = torch.equal(found[..., inside], right[..., inside])
        require(not edge, f"{where} only the edge is wrong. The mirror stands on the first sample: 2, 1, 0, 1, 2.")
        require(False, f"{where} the shape is right, but samples are at other places than they should be.")
    return "A D that sees this cannot learn at which sample a period begins."


@exercise("14.2 Side by side")
def check_columns(columns) -> str:
    """Sounds as pictures with p columns, the end filled with zeros."""
    for n, length, p in ((2, 12, 3), (1, 10, 4), (3, 7, 7), (2, 11, 2), (1, 3, 5)):
        sounds = torch.arange(1.0, n * length + 1).view(n, length)
        right = functional.pad(sounds, (0, -length % p)).view(n, 1, -1, p)
        found = torch.as_tensor(call(columns, sounds.clone(), p)).float()
        shape, wanted, where = tuple(found.shape), tuple(right.shape), f"For sounds {(n, length)} and p = {p}"
        cut = (n, 1, length // p, p)
        for made, hint in (
            (shape == cut != wanted, f"{where} the end is cut off: fill it up with zeros instead."),
            (shape == (n, 1, p, wanted[2]) != wanted, "Rows and columns are swapped: p columns, time goes down."),
            (shape == (n, *wanted[2:]), "One axis is missing: a picture has a channel, (N, 1, rows, p)."),
            (shape != wanted, f"{where} yours has the shape {shape}; it should be {wanted}."),
        ):
            require(not made, hint)
        end = torch.equal(found.flatten(1)[:, :length], sounds)
        require(torch.equal(found, right) or not end, f"{where} the end is filled with something else than zeros.")
        down = torch.equal(found, functional.pad(sounds, (0, -length % p)).view(n, 1, p, -1).mT)
        require(torch.equal(found, right) or not down, "Neighbours in time should be neighbours in a row.")
        require(torch.equal(found, right), f"{where} the shape is right, but samples are at other places.")
    return "A kernel that goes down a column sees every p-th sample: one per period, where p is the period."


PATIENTS = ("one mouth for all", "no voice", "one pitch for all", "one sound for all")
SIGNS = {
    "one mouth for all": "the stripes differ from sound to sound. Which vowel is each? Look where it is bright.",
    "no voice": "listen, or look at the fine stripes of a voice. Does this one have them?",
    "one pitch for all": "the vowels differ. Do the stripes lie equally far apart, in each of the three?",
    "one sound for all": "each sound alone is good. Compare the three with each other.",
}


def sick_voices() -> Tensor:
    """Three sounds of each of four patients, (4, 3, 2048), made by hand."""
    mouths = torch.tensor(list(data.FORMANTS.values()), dtype=torch.float32)
    pitches = torch.tensor([105.0, 140.0, 190.0])
    random = torch.Generator().manual_seed(0)
    noise = torch.fft.rfft(torch.randn(3, 2048, generator=random))
    whisper = torch.fft.irfft(noise * data.resonance(torch.fft.rfftfreq(2048, 1 / data.RATE).expand(3, -1), mouths[:3]))
    sounds = [data.sing(mouths[2].expand(3, -1), pitches, 2048), 0.9 * whisper / whisper.abs().amax(1, keepdim=True)]
    sounds += [data.sing(mouths[[0, 2, 4]], torch.full((3,), 125.0), 2048)]
    return torch.stack([*sounds, data.sing(mouths[[1]].expand(3, -1), pitches[1].expand(3), 2048)])


@exercise("14.3 Four sick voices")
def check_sick_voices(my_diagnoses) -> str:
    """What ails each patient, in order."""
    require_diagnoses(my_diagnoses, PATIENTS, tuple(SIGNS), SIGNS)
    return "All four. A score of single sounds would have passed three of them."
