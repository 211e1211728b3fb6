"""The command line: what it writes, that it repeats itself, and that bad input gets one line and writes nothing."""

import os
import re

import numpy as np
import pytest
import torch
from PIL import Image

from gan_edu import models, recipes, train
from gan_edu.__main__ import main


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
    pictures = {"samples.png", "progress.png", "losses.png"}
    names = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert names == pictures | {"generator.pt", "checkpoint.pt", "run.json"}
    generator = models.load_generator(out / "generator.pt")
    assert generator(torch.zeros(2, generator.latent_dim)).shape == (2, 1, 8, 8)
    assert Image.open(out / "samples.png").size[0] >= 400
    assert (out / "samples.png").stat().st_mode & 0o444 == 0o444 & ~_umask()


def test_clips_are_trained_on_played_loaded_and_gone_on_with(tmp_path):
    out, samples = tmp_path / "moving", tmp_path / "s.npz"
    command = ["train", "moving_digits", "--out", str(out), "--samples", str(samples)]
    assert main([*command, "--steps", "3"]) == 0
    with np.load(samples) as file:
        clips = file["samples"]
    assert clips.shape == (1000, 8, 1, 16, 16) and clips.dtype == np.float32 and np.abs(clips).max() <= 1
    with Image.open(out / "samples.gif") as film:
        assert film.n_frames == 8
    assert (out / "samples.gif").stat().st_size < 300_000 and Image.open(out / "samples.png").size[0] >= 400
    generator = models.load_generator(out / "generator.pt")
    assert generator(torch.zeros(2, generator.latent_dim)).shape == (2, 8, 1, 16, 16)
    assert main(["train", "moving_digits", "--out", str(out), "--resume", "--steps", "5"]) == 0
    assert (out / "progress.png").exists()


def test_resume_goes_on_where_the_run_was_stopped_bit_for_bit(tmp_path, monkeypatch):
    def stop_at_600(gan, *arguments, **keywords):
        if gan.steps == 600:
            raise KeyboardInterrupt
        return step(gan, *arguments, **keywords)

    step = train.train_step
    small = recipes.RECIPES[8]._replace(g_width=2, d_width=2)
    monkeypatch.setitem(recipes.RECIPES, 8, small)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    arguments = ["train", "digits", "--steps", "700", "--out"]
    assert main([*arguments, str(whole)]) == 0
    monkeypatch.setattr(train, "train_step", stop_at_600)
    assert main([*arguments, str(stopped)]) == 130
    monkeypatch.setattr(train, "train_step", step)
    assert main(["train", "digits", "--resume", "--out", str(stopped)]) == 0  # how many steps, the checkpoint knows
    weights = [torch.load(out / "generator.pt", weights_only=True)["weights"] for out in (whole, stopped)]
    assert all(torch.equal(a, b) for a, b in zip(*(w.values() for w in weights), strict=True))


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
        (["train", "digits", "--resume"], ("checkpoint.pt", "--resume")),
        (["train", "moving_digits", "--conditional", "--out", "runs"], ("clips", "--conditional")),
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
    assert all(word in told for word in ("examples", "digits", "--seed", "--samples", "Ctrl-C", "network", "trust"))
