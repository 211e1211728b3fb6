"""Vowels, WAV files, mel spectrograms, pitch, and the pair for sounds: formulas and other implementations."""

import io
import math
import wave

import numpy as np
import pytest
import scipy.io.wavfile
import scipy.signal
import torch

from gan_edu import data, metrics, models, plots
from gan_edu.__main__ import main
from gan_edu.playground import VowelPad

# --- vowels -----------------------------------------------------------------------------------------------------------


def test_a_vowel_is_pulses_through_two_poles_a_formant_by_another_implementation():
    formants, pitch = torch.tensor([[700.0, 1100.0, 2400.0]]), 125.0  # a pulse every 64 samples
    found = data.sing(formants, torch.tensor([pitch]), 1024)[0].double().numpy()
    pulses = np.fft.irfft((np.arange(33) < 31) * 1.0, 64)  # those below 95 % of half the rate, as `sing` has them
    pulses = np.tile(pulses - pulses.mean(), 40)
    for formant, width in zip(formants[0].tolist(), (60, 90, 150), strict=True):
        radius, turn = math.exp(-math.pi * width / 8000), 2 * math.pi * formant / 8000
        pulses = scipy.signal.lfilter([1], [1, -2 * radius * math.cos(turn), radius**2], pulses)
    steady = pulses[1024:2048]
    assert found == pytest.approx(0.9 * steady / np.abs(steady).max(), abs=2e-3)


def test_formants_are_those_of_the_table_and_a_mouth_is_loudest_there():
    assert data.FORMANTS["a"] == (730, 1090, 2440) and data.FORMANTS["ee"] == (270, 2290, 3010)
    hertz = torch.arange(100.0, 3900.0)[None]
    for formants in data.FORMANTS.values():
        loud = data.resonance(hertz, torch.tensor([formants]).float()).abs()[0]
        peaks = hertz[0, 1:-1][(loud[1:-1] > loud[:-2]) & (loud[1:-1] > loud[2:])]
        assert all((peaks - formant).abs().min() < 60 for formant in formants)


def test_vowels_follow_from_the_seed_and_have_their_pitch():
    sounds, labels, classes = data.vowels(400, seed=3)
    assert sounds.shape == (400, 1024) and classes == ("ee", "e", "a", "o", "oo") and len(labels.unique()) == 5
    assert sounds.abs().amax(1).numpy() == pytest.approx(np.full(400, 0.9), abs=1e-5)
    assert torch.equal(sounds, data.vowels(400, seed=3).images) and not torch.equal(sounds, data.vowels(400).images)
    strength, pitch = metrics.periodicity(sounds)
    assert strength.mean() > 0.95 and strength.min() > 0.7
    few, most = pitch.quantile(torch.tensor([0.05, 0.95])).tolist()  # a weak one may be heard a little off
    assert 97 < few < 107 and 185 < most < 200
    assert pitch.log2().median() == pytest.approx(math.log2(100) + 0.5, abs=0.1)


# --- measures ---------------------------------------------------------------------------------------------------------


def test_periodicity_is_one_for_a_tone_that_returns_and_low_for_noise():
    t = torch.arange(2000.0)
    tones = torch.stack([torch.cos(2 * math.pi * t / period) for period in (40, 64, 80)])
    strength, pitch = metrics.periodicity(tones)
    assert strength.tolist() == pytest.approx([1, 1, 1], abs=1e-4) and pitch.tolist() == [200, 125, 100]
    noise = torch.randn(20, 2000, generator=torch.Generator().manual_seed(0))
    assert metrics.periodicity(noise)[0].max() < 0.15


def test_log_mel_hears_a_tone_in_its_band_and_not_its_phase():
    bank = metrics.mel_bank(32)
    assert bank.shape == (32, 129) and bank.max() <= 1 and (bank.sum(0)[4:120] - 1).abs().max() < 1e-4  # they fill up
    t = torch.arange(4096) / 8000
    for hertz in (500, 1000, 2000):
        low, high = (metrics.log_mel(torch.cos(2 * math.pi * hertz * t + phase)[None])[0, :, 10:50] for phase in (0, 2))
        assert (low - high).abs().max() < 0.05
        assert bank[low.mean(1).argmax(), round(hertz / 8000 * 256)] > 0.4


def test_two_sounds_of_one_mel_and_only_one_of_them_a_voice():
    sound = data.sing(torch.tensor([[730.0, 1090.0, 2440.0]]), torch.tensor([120.0]), 2048)
    forged = (0.1 * torch.randn(1, 2048, generator=torch.Generator().manual_seed(0))).requires_grad_()
    adam = torch.optim.Adam([forged], 5e-3)
    for _ in range(300):
        off = (metrics.log_mel(forged) - metrics.log_mel(sound)).abs().mean()
        adam.zero_grad()
        off.backward()
        adam.step()
    assert off < 0.2 and metrics.periodicity(forged)[0].item() < 0.4 < 0.9 < metrics.periodicity(sound)[0].item()


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_wav_file_comes_back_as_it_was_and_another_reader_agrees(tmp_path):
    sound = torch.linspace(-1, 1, 500)
    path = tmp_path / "a.wav"
    path.write_bytes(data.wav(sound))
    assert (data.read_wav(path) - sound).abs().max() < 1e-4
    rate, samples = scipy.io.wavfile.read(path)
    assert rate == 8000 and samples.dtype == np.int16 and samples[-1] == 32767


def _write(path, rate=8000, channels=1, width=2):
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(b"\1\2" * 6000)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: _write(folder / "1_a_0.wav", rate=16000), ("1_a_0.wav", "16000 Hz", "8000 Hz")),
        (lambda folder: _write(folder / "1_a_0.wav", channels=2), ("1_a_0.wav", "2 channels")),
        (lambda folder: (folder / "1_a_0.wav").write_bytes(b"no sound"), ("1_a_0.wav", "no WAV file")),
        (lambda folder: (folder / "notes.txt").touch(), ("no WAV file in", "clone", "vowels")),
    ],
    ids=["another rate", "stereo", "damaged", "no WAVs"],
)
def test_bad_recordings_get_one_line(make, told, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "free-spoken-digit-dataset" / "recordings"
    folder.mkdir(parents=True)
    make(folder)
    monkeypatch.setenv("GAN_EDU_DATA", str(tmp_path))
    assert main(["train", "spoken_digits", "--steps", "1", "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and all(word in error for word in told), error
    assert not (tmp_path / "out").exists()


def test_spoken_digits_are_cut_and_filled_up_and_labelled(tmp_path, monkeypatch):
    folder = tmp_path / "free-spoken-digit-dataset" / "recordings"
    folder.mkdir(parents=True)
    for name, n in (("7_anna_0", 5000), ("3_ben_1", 900)):
        (folder / f"{name}.wav").write_bytes(data.wav(0.5 * torch.ones(n)))
    monkeypatch.setenv("GAN_EDU_DATA", str(tmp_path))
    sounds, labels, classes = data.spoken_digits(2048)
    assert sounds.shape == (2, 2048) and labels.tolist() == [3, 7] and classes == tuple("0123456789")
    assert sounds[0, 899] == pytest.approx(0.9) and not sounds[0, 900:].any() and sounds[1].min() == pytest.approx(0.9)


def test_the_command_line_writes_sounds_to_hear_and_to_see(tmp_path):
    out, samples = tmp_path / "vowels", tmp_path / "s.npz"
    command = ["train", "vowels", "--out", str(out), "--samples", str(samples)]
    assert main([*command, "--steps", "2"]) == 0
    with np.load(samples) as file:
        assert file["samples"].shape == (1000, 1024) and np.abs(file["samples"]).max() <= 1 and file["rate"] == 8000
    assert data.read_wav(out / "1.wav").shape == (1024,) and (out / "samples.png").exists()
    generator = models.load_generator(out / "generator.pt")
    assert generator(torch.zeros(2, generator.latent_dim)).shape == (2, 1024)
    assert main(["train", "vowels", "--out", str(out), "--resume", "--steps", "3"]) == 0


# --- the pair ---------------------------------------------------------------------------------------------------------


def test_a_voice_is_its_pulses_through_its_filter_and_goes_on_for_longer():
    torch.manual_seed(0)
    generator, noise = models.WaveGenerator(), torch.randn(3, 16)
    pulses, filters = generator.pulses(noise), generator.mouth(noise[:, 2:])[:, 0]
    for i in range(3):
        by_hand = np.tanh(np.convolve(pulses[i].detach(), filters[i].detach(), mode="valid"))
        assert generator(noise)[i].detach().numpy() == pytest.approx(by_hand, abs=1e-4)
    generator.length = 3000
    strength, pitch = metrics.periodicity(generator(noise).detach(), 60, 500)
    multiple = pitch / generator.hertz(noise).squeeze(1)
    assert strength.min() > 0.9 and (multiple * multiple.reciprocal().round().clamp(min=1) - 1).abs().max() < 0.05


def test_the_clock_moves_the_pulses_and_nothing_else():
    torch.manual_seed(0)
    generator, noise = models.WaveGenerator(), torch.randn(1, 16)
    turned = noise.clone()
    turned[:, 0], turned[:, 1] = noise[:, 1], -noise[:, 0]  # a quarter of a turn
    assert torch.equal(generator.hertz(noise), generator.hertz(turned))
    assert torch.equal(generator.mouth(noise[:, 2:]), generator.mouth(turned[:, 2:]))
    assert (generator(noise) - generator(turned)).abs().max() > 1e-3


def test_phase_shuffle_mirrors_and_all_shifts_come():
    x, seen = torch.arange(8.0)[None, None], set()
    for seed in range(40):
        torch.manual_seed(seed)
        y = models.PhaseShuffle(2)(x)
        assert y.shape == x.shape
        seen.add(tuple(y[0, 0].int().tolist()))
    every = {(2, 1, *range(6)), (1, *range(7)), tuple(range(8)), (*range(1, 8), 6), (*range(2, 8), 6, 5)}
    assert seen == every
    assert torch.equal(models.PhaseShuffle(0)(x), x)


def test_shapes_are_checked_and_longer_sounds_have_more_layers():
    for network, length in ((models.WaveGenerator(), 15), (models.WaveDiscriminator(), 1000)):
        with pytest.raises(ValueError, match="was given"):
            network(torch.zeros(2, length))
    with pytest.raises(ValueError, match="or 4 times more"):
        models.WaveDiscriminator(1000)
    sounds = models.WaveGenerator(4096)(torch.randn(2, 16))
    assert sounds.shape == (2, 4096) and models.WaveDiscriminator(4096)(sounds).shape == (2,)
    sounds.sum().backward()


def test_the_eye_of_d_sees_pictures_alone_and_its_ear_hears_samples():
    """The other sign leaves the log-mel as it is, so only the ear can notice it; the loudness of a band both notice."""
    torch.manual_seed(0)
    discriminator, sounds = models.WaveDiscriminator(shuffle=0), data.vowels(4).images

    def eye(x):
        return discriminator.eye(metrics.log_mel(x))

    with torch.no_grad():
        assert torch.allclose(eye(-sounds), eye(sounds), atol=1e-5)
        heard = discriminator.ear(-sounds) - discriminator.ear(sounds)
        assert (
            torch.allclose(discriminator(-sounds) - discriminator(sounds), heard, atol=1e-5) and heard.abs().min() > 0
        )
        assert (eye(0.5 * sounds) - eye(sounds)).abs().min() > 1e-4


# --- to see and to hear -----------------------------------------------------------------------------------------------


def test_spectrograms_are_pictures_with_low_tones_at_the_bottom():
    t = torch.arange(1024) / 8000
    pictures = plots.spectrograms(torch.stack([torch.cos(2 * math.pi * hertz * t) for hertz in (200, 3000)]))
    assert pictures.shape == (2, 1, 32, 17) and pictures.abs().max() <= 1
    low, high = pictures[:, 0, :, 8].argmax(1).tolist()
    assert low > 24 and high < 8


def test_the_pad_plays_what_it_shows_and_says_it():
    torch.manual_seed(0)

    class Fixed:
        ema = models.WaveGenerator()
        latent_dim = 16

    pad = VowelPad(Fixed(), ("a", "o"), lambda sounds: torch.tensor([[0.25, 0.75]]))
    assert pad.text.value.startswith("A classifier reads o, 75 % sure. The pitch is ")
    first = bytes(pad.player.value)
    with wave.open(io.BytesIO(first)) as file:
        assert file.getframerate() == 8000 and file.getnframes() == 4096
    pad.controls["up"].value = 1.0
    assert bytes(pad.player.value) != first and Fixed.ema.length == 1024 and pad.player in pad.widget.children
