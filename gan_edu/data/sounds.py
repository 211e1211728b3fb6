"""Sounds: vowels made on the fly by a source and a filter, and spoken digits. Taught in chapter 14.

A sound is (T,) numbers in [-1, 1], RATE of them a second.
"""

import io
import math
import wave
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gan_edu.data.images import DATASETS, DataNotFound, Images, data_root

RATE = 8000
PITCHES = 100.0, 200.0  # the lowest and the highest, in Hz
# The resonances of a mouth in Hz, as in heed, head, hod, hawed, who'd: means of 33 men.
# Source: Peterson and Barney 1952, table II.
FORMANTS = {"ee": (270, 2290, 3010), "e": (530, 1840, 2480), "a": (730, 1090, 2440), "o": (570, 840, 2410),
            "oo": (300, 870, 2240)}  # fmt: skip
WIDTHS = 60, 90, 150  # how broad they are, in Hz: rounded, from no table


def resonance(frequencies: Tensor, formants: Tensor) -> Tensor:
    """How a mouth with `formants` (N, 3) passes on `frequencies` (N, K), in Hz: complex (N, K), loudness and phase.

    Each formant is a filter of two poles, as in Klatt 1980.
    """
    delay = torch.exp(-2j * math.pi / RATE * frequencies)[..., None]
    poles = torch.exp(math.pi / RATE * (2j * formants - torch.tensor(WIDTHS)))[:, None]
    return 1 / ((1 - poles * delay) * (1 - poles.conj() * delay)).prod(2)


def sing(formants: Tensor, pitch: Tensor, length: int = 1024, start: Tensor | float = 0.0) -> Tensor:
    """Pulses, `pitch` (N,) a second, through the mouth of `formants` (N, 3): sounds (N, length), 0.9 at their loudest.

    start: where in its period each sound begins, in [0, 1)
    """
    pitch, start = pitch[:, None], torch.as_tensor(start).reshape(-1, 1)
    seconds, sounds = torch.arange(length) / RATE, torch.zeros(len(pitch), length)
    for k in range(1, int(0.95 * RATE / 2 / pitch.min()) + 1):  # harmonic after harmonic
        loud = resonance(k * pitch, formants) * (k * pitch < 0.95 * RATE / 2)
        sounds += (loud * torch.exp(2j * math.pi * k * (pitch * seconds + start))).real
    return 0.9 * sounds / sounds.abs().amax(1, keepdim=True)


def vowels(n: int = 4000, length: int = 1024, seed: int = 0) -> Images:
    """`n` sung vowels (n, length) of any pitch in PITCHES and mouths 5 % smaller to larger, with their labels.

    All pitches are equally likely in their logarithm, as musicians count; the labels are indices into FORMANTS.
    """
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(len(FORMANTS), (n,), generator=random)
    pitch, size, start = torch.rand(3, n, generator=random)
    formants = torch.tensor(list(FORMANTS.values()))[labels] * (0.95 + 0.1 * size)[:, None]
    low, high = PITCHES
    return Images(sing(formants, low * (high / low) ** pitch, length, start), labels, tuple(FORMANTS))


def spoken_digits(length: int = 4096) -> Images:
    """3,000 recordings of six people who say a digit, the first `length` samples of each: `(3000, length)`.

    Source: Jackson et al., Free Spoken Digit Dataset (github.com/Jakobovski/free-spoken-digit-dataset).

    Raises:
        DataNotFound: if they are not in `data_root()`; the message says what to clone.
        ValueError: for a recording that is damaged or of another rate.
    """
    folder = data_root() / "free-spoken-digit-dataset" / "recordings"
    if not (files := sorted(folder.glob("[0-9]_*.wav"))):
        raise DataNotFound(
            f"the data set 'spoken_digits' was not found: there is no WAV file in {folder}; in {data_root()} run git "
            "clone https://github.com/Jakobovski/free-spoken-digit-dataset; 'vowels' works offline"
        )
    sounds = torch.stack([functional.pad(read_wav(file), (0, length))[:length] for file in files])
    sounds = 0.9 * sounds / sounds.abs().amax(1, keepdim=True).clamp(min=1e-4)
    return Images(sounds, torch.tensor([int(file.name[0]) for file in files]), tuple("0123456789"))


def mel_bank(bands: int = 32, window: int = 256, rate: int = RATE) -> Tensor:
    """Triangles that overlap, (bands, window / 2 + 1), from 50 Hz to half the rate, evenly spread as ears tell apart.

    That is in mel, 2595 log10(1 + Hz / 700).
    """
    ends = torch.linspace(*(2595 * math.log10(1 + hertz / 700) for hertz in (50, rate / 2)), bands + 2)
    low, middle, high = (700 * (10 ** (ends / 2595) - 1)).unfold(0, bands, 1)[..., None]
    hertz = torch.linspace(0, rate / 2, window // 2 + 1)
    return torch.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle)).clamp(min=0)


def log_mel(sounds: Tensor, bands: int = 32, window: int = 256, hop: int = 64, rate: int = RATE) -> Tensor:
    """The logarithm of how loud sounds (N, T) are in each band of `mel_bank`, over time: (N, bands, frames)."""
    hann = torch.hann_window(window, device=sounds.device)
    loud = torch.stft(sounds, window, hop, window=hann, return_complex=True).abs()
    return (mel_bank(bands, window, rate).to(sounds) @ loud + 0.1).log()


def read_wav(path: str | Path) -> Tensor:
    """The sound (T,) in a WAV file. Raises ValueError unless it is one channel of 16 bits, RATE a second."""
    try:
        with wave.open(str(path)) as file:
            form, frames = file.getparams(), file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is no WAV file ({error})") from None
    if (form.nchannels, form.sampwidth, form.framerate) != (1, 2, RATE):
        told = f"{form.nchannels} channels of {8 * form.sampwidth} bits at {form.framerate} Hz"
        raise ValueError(f"{path} has {told}; it must be 1 channel of 16 bits at {RATE} Hz")
    return torch.from_numpy(np.frombuffer(frames, "<i2").astype(np.float32)) / 32768


def wav(sound: Tensor) -> bytes:
    """A sound (T,) in [-1, 1] as the bytes of a WAV file."""
    with wave.open(buffer := io.BytesIO(), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((32767 * sound.detach().cpu().clamp(-1, 1)).round().short().numpy().astype("<i2").tobytes())
    return buffer.getvalue()


DATASETS["vowels"] = vowels
DATASETS["spoken_digits"] = spoken_digits
