"""The command line: what it writes, that it repeats itself, and that bad input gets one line and writes nothing."""

import os
import re

import numpy as np
import pytest
import torch
from PIL import Image

from gan_edu import recipes
from gan_edu.__main__ import main
from gan_edu.models import DCGANGenerator


def samples_of(folder, seed, name):
    path = folder / name
    assert main(["train", "digits", "--steps", "20", "--seed", str(seed), "--samples", str(path)]) == 0
    with np.load(path) as file:
        return file["samples"]


def test_samples_have_the_promised_form_and_follow_from_the_seed(tmp_path):
    first, again, other = (samples_of(tmp_path, seed, f"{i}.npz") for i, seed in enumerate((1, 1, 2)))
    assert first.shape == (1000, 1, 8, 8) and first.dtype == np.float32
    assert np.abs(first).max() <= 1 and first.std() > 0
    assert (first == again).all() and (first != other).any()


def test_out_holds_pictures_and_a_generator_that_can_be_loaded(tmp_path):
    out = tmp_path / "runs" / "digits"
    assert main(["train", "digits", "--steps", "20", "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {"samples.png", "progress.png", "losses.png", "generator.pt"}
    saved = torch.load(out / "generator.pt", weights_only=True)
    generator = DCGANGenerator(**saved["settings"])
    generator.load_state_dict(saved["weights"])
    assert generator(torch.zeros(2, generator.latent_dim)).shape == (2, 1, 8, 8)
    assert Image.open(out / "samples.png").size[0] >= 400
    assert (out / "samples.png").stat().st_mode & 0o444 == 0o444 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_without_out_or_samples_results_go_to_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "digits", "--steps", "2"]) == 0
    assert (tmp_path / "runs" / "digits" / "samples.png").exists()


def test_check_says_that_the_machine_works_and_leaves_random_numbers_alone(capsys):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert main(["check"]) == 0
    assert re.fullmatch(r"works: .+, 8 of 8 modes in \d+ s\n", capsys.readouterr().out)
    assert (torch.get_rng_state() == before).all()


def test_a_folder_of_pictures_is_trained_on(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for i in range(10):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(pictures / f"{i}.png")
    path = tmp_path / "s.npz"
    assert main(["train", str(pictures), "--steps", "2", "--samples", str(path)]) == 0
    with np.load(path) as file:
        assert file["samples"].shape == (1000, 3, 32, 32)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "cats"], ("'cats'", "digits", "mnist", "folder")),
        (["train", "digits", "--steps", "0", "--out", "runs"], ("steps is 0", "at least 1")),
        (["train", "digits", "--samples", "s.txt"], ("s.txt", ".npz")),
        (["train", "digits", "--samples", ".", "--steps", "1"], (".npz",)),
        (["train", "digits", "--device", "gpu", "--out", "runs"], ("gpu",)),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing_behind(arguments, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and all(word in error for word in told), error
    assert not list(tmp_path.iterdir())


def test_a_missing_download_says_what_is_missing_where_and_what_works(tmp_path, monkeypatch, capsys):
    def no_network(*arguments, **keywords):
        raise OSError("no network")

    monkeypatch.setenv("GAN_EDU_DATA", str(tmp_path))
    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", no_network)
    assert main(["train", "mnist", "--steps", "1"]) == 2
    error = capsys.readouterr().err
    assert "mnist" in error and str(tmp_path) in error and "digits" in error


def test_nothing_half_written_where_training_diverges(tmp_path, monkeypatch):
    broken = recipes.RECIPES[8]._replace(g_rate=1e30, d_rate=1e30)
    monkeypatch.setitem(recipes.RECIPES, 8, broken)
    assert main(["train", "digits", "--steps", "100", "--samples", str(tmp_path / "s.npz")]) == 2
    assert not list(tmp_path.iterdir())


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    told = capsys.readouterr().out
    assert all(word in told for word in ("examples", "digits", "--seed", "--samples", "Ctrl-C", "network"))
