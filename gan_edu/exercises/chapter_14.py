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
        x, most = torch.arange(float(n * channels * length)).view(n, channels, length), abs(k)
        right, other = (functional.pad(x, (most, most), mode="reflect")[..., most - j :][..., :length] for j in (k, -k))
        found = torch.as_tensor(call(shuffle, x.clone(), k)).float()
        shape, where = tuple(found.shape), f"For maps {(n, channels, length)} and k = {k}"
        require(shape == tuple(x.shape), f"{where} yours has the shape {shape}; it should stay as it was.")
        if torch.equal(found, right):
            continue
        steady = all(torch.equal(found, torch.as_tensor(call(shuffle, x.clone(), k)).float()) for _ in range(9))
        require(steady, "Called again, yours moves otherwise: draw nothing, move by the k that is given.")
        require(not torch.equal(found, other), "Yours moves the other way: for k = 1 everything comes one place later.")
        require(not torch.equal(found, x), f"{where} nothing moved.")
        require(not torch.equal(found, x.roll(k, 2)), "What falls out at one end comes in at the other: mirror it.")
        inside = slice(max(k, 0), length + min(k, 0))
        require(not torch.equal(found[..., inside], right[..., inside]), "Only the edge is off: mirror 2, 1, 0, 1, 2.")
        require(False, f"{where} the shape is right, but samples are at other places than they should be.")
    return "A D that sees this cannot learn at which sample a period begins."


@exercise("14.2 Side by side")
def check_columns(columns) -> str:
    """Sounds as pictures with p columns, the end filled with zeros."""
    for n, length, p in ((2, 12, 3), (1, 10, 4), (3, 7, 7), (2, 11, 2), (1, 3, 5)):
        sounds = torch.arange(1.0, n * length + 1).view(n, length)
        right = functional.pad(sounds, (0, -length % p)).view(n, 1, -1, p)
        wanted, where = tuple(right.shape), f"For sounds {(n, length)} and p = {p}"
        try:
            shape = tuple((found := torch.as_tensor(call(columns, sounds.clone(), p)).float()).shape)
        except RuntimeError as error:  # of view, reshape or unflatten
            require(length % p == 0, f"{where}, how many zeros are missing until p divides T? PyTorch says: {error}")
            raise
        require(shape == wanted or shape != (n, 1, length // p, p), f"{where} the end is cut off: fill it with zeros.")
        require(shape == wanted or shape != (n, 1, p, wanted[2]), "Rows and columns are swapped: time goes down.")
        require(shape != (n, *wanted[2:]), "One axis is missing: a picture has a channel, (N, 1, rows, p).")
        require(shape == wanted, f"{where} yours has the shape {shape}; it should be {wanted}.")
        done, flat = torch.equal(found, right), found.flatten(1)
        require(done or not torch.equal(flat[:, :length], sounds), f"{where} fill the end with zeros, nothing else.")
        require(done or not torch.equal(flat[:, -length:], sounds), f"{where} the zeros belong at the end.")
        require(done or not torch.equal(found, right.view(n, 1, p, -1).mT), "Neighbours in time stand in one row.")
        require(done, f"{where} the shape is right, but samples are at other places.")
    return "A kernel that goes down a column sees every p-th sample: one per period, where p is the period."


SIGNS = {  # of each patient, in order
    "one mouth for all": "the periods differ from sound to sound. Which vowel is each? Look where it is bright.",
    "no voice": "listen, or look at the waves: a voice comes back after a period. Does this one?",
    "one pitch for all": "the vowels differ. Do the waves come back equally far apart, in each of the three?",
    "one sound for all": "each sound alone is good. Compare the three with each other.",
}


def sick_voices() -> Tensor:
    """Three sounds of each of four patients, (4, 3, 2048), made by hand."""
    mouths, pitches = torch.tensor(list(data.FORMANTS.values()), dtype=torch.float32), torch.tensor([105.0, 140, 190])
    random = torch.Generator().manual_seed(0)
    noise = torch.fft.rfft(torch.randn(3, 2048, generator=random))
    whisper = torch.fft.irfft(noise * data.resonance(torch.fft.rfftfreq(2048, 1 / data.RATE).expand(3, -1), mouths[:3]))
    sounds = [data.sing(mouths[2].expand(3, -1), pitches, 2048), 0.9 * whisper / whisper.abs().amax(1, keepdim=True)]
    sounds += [data.sing(mouths[[0, 2, 4]], torch.full((3,), 125.0), 2048)]
    return torch.stack([*sounds, data.sing(mouths[[1]].expand(3, -1), pitches[1].expand(3), 2048)])


@exercise("14.3 Four sick voices")
def check_sick_voices(my_diagnoses) -> str:
    """What ails each patient, in order."""
    if isinstance(my_diagnoses, list | tuple):  # "one pitch" or "pitch" will do
        whole = {short: word for word in SIGNS for short in (word[:9], word[:9].split()[1])}
        my_diagnoses = [whole.get(str(word).strip().lower(), word) for word in my_diagnoses]
    require_diagnoses(my_diagnoses, tuple(SIGNS), tuple(SIGNS), SIGNS)
    return "All four. A score of single sounds would have passed three of them."
