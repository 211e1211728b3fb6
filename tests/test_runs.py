"""A run of the command line and its folder: nothing that was trained is lost, and the way back is the way printed."""

import inspect
import io
import json
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image
from test_checkpoints import forkserver

import gan_edu.__main__
from gan_edu import checkpoints, data, models, plots, recipes, runs, train
from gan_edu.__main__ import main

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = recipes.RECIPES[8]._replace(g_width=2, d_width=2)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Networks that take next to no time."""
    monkeypatch.setitem(recipes.RECIPES, 8, SMALL)


def errors(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]


def run(out, *more, steps=4):
    return main(["train", "digits", "--out", str(out), *(["--steps", str(steps)] if steps else []), *map(str, more)])


def weights(out):
    return torch.load(out / "generator.pt", weights_only=True)["weights"]


# The generator first


def test_what_fails_to_draw_costs_nothing_else_and_ends_in_one_line(tmp_path, monkeypatch, capsys):
    def fail(figure):
        raise RuntimeError("latex could not\nbe found")

    monkeypatch.setattr(plots, "png", fail)
    assert run(tmp_path) == 2
    (told,) = errors(capsys)
    assert "generator.pt is written" in told and "latex could not be found" in told
    assert models.load_generator(tmp_path / "generator.pt").latent_dim == SMALL.latent_dim


def test_a_style_of_the_readers_own_does_not_matter(tmp_path):
    with matplotlib.rc_context({"text.usetex": True}):
        assert run(tmp_path) == 0
    assert (tmp_path / "losses.png").exists()


def test_a_name_that_the_terminal_cannot_print_is_no_error(tmp_path, monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", screen)
    assert run(tmp_path / "ネコ") == 0
    screen.flush()
    assert rb"\u30cd\u30b3" in screen.buffer.getvalue() and (tmp_path / "ネコ" / "progress.png").exists()


def on_a_full_disk(out, screen):
    """In a process of its own: room for the first checkpoint, and not for the second, which holds Adam's moments."""
    save = checkpoints.save

    def save_and_fill(path, state):
        save(path, state)
        size = Path(path).stat().st_size + 100
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    checkpoints.save = save_and_fill
    recipes.RECIPES[8] = SMALL
    in_background(["train", "digits", "--steps", "20", "--out", str(out)], screen)


def in_background(arguments, screen):
    """In a process of its own: the command line, its output in a file, its networks small."""
    torch.set_num_threads(1)
    recipes.RECIPES[8] = SMALL
    sys.stdout = sys.stderr = open(screen, "w", buffering=1)
    sys.exit(main(arguments))


def start(target, *arguments):
    process = forkserver().Process(target=target, args=arguments)
    process.start()
    return process


def test_a_disk_that_fills_between_two_checkpoints_leaves_the_generator_and_one_line(tmp_path):
    out, screen = tmp_path / "run", tmp_path / "screen"
    process = start(on_a_full_disk, out, screen)
    process.join()
    (told,) = [line for line in screen.read_text().splitlines() if "error" in line]
    assert process.exitcode == 2 and re.search(r"error: .*(too large|No space)", told)
    assert checkpoints.load(out / "checkpoint.pt")["run"]["done"] == 0
    assert models.load_generator(out / "generator.pt") and not list(out.glob("*.partial"))


# Stopped


STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("how", STOPS, ids=lambda how: how.name)
def test_a_run_that_is_stopped_saves_the_step_that_it_names(how, tmp_path):
    out, screen = tmp_path / "run", tmp_path / "screen"
    process = start(in_background, ["train", "digits", "--steps", "100000", "--out", str(out)], screen)
    while not (out / "checkpoint.pt").exists() and process.is_alive():
        time.sleep(0.01)
    time.sleep(0.3)
    os.kill(process.pid, how)
    process.join()
    assert process.exitcode == 128 + how
    stopped, goes_on = re.search(
        r"after ([\d,]+) steps: --resume goes on from step ([\d,]+)", screen.read_text()
    ).groups()
    done = checkpoints.load(out / "checkpoint.pt")["run"]["done"]
    assert stopped == goes_on == f"{done:,}" and done > 0
    assert {"generator.pt", "samples.png", "run.json"} <= {path.name for path in out.iterdir()}


def test_ctrl_c_while_pictures_are_read_is_130(tmp_path, monkeypatch, capsys):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "load", stop)
    assert run(tmp_path / "run") == 130 and capsys.readouterr().err == "stopped\n"


# One folder, one run, one process


def test_a_forgotten_resume_never_costs_a_run(tmp_path, capsys):
    assert run(tmp_path, steps=3) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for _ in range(2):
        assert run(tmp_path, steps=5) == 2
        (told,) = errors(capsys)
        assert "holds a run on digits" in told and "--resume" in told and "--out" in told
    (tmp_path / "checkpoint.pt").unlink()
    assert run(tmp_path, steps=5) == 2  # the generator alone is something to lose
    del before["checkpoint.pt"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_that_failed_before_its_first_step_is_nothing_to_lose(tmp_path, monkeypatch):
    monkeypatch.setitem(recipes.RECIPES, 8, SMALL._replace(g_rate=1e30, d_rate=1e30))
    assert run(tmp_path, steps=100) == 2
    monkeypatch.setitem(recipes.RECIPES, 8, SMALL)
    assert run(tmp_path) == 0


def test_every_folder_has_a_name_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    named = {given: runs.name(given) for given in ("digits", "a/set.v1", "a/set.v2/", "cats.zip", ".", "..")}
    assert named == {"digits": "digits", "a/set.v1": "set.v1", "a/set.v2/": "set.v2", "cats.zip": "cats",
                     ".": "inner", "..": tmp_path.name}  # fmt: skip


def test_a_folder_does_not_feed_on_what_it_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for i in range(3):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(f"{i}.png")
    assert main(["train", ".", "--steps", "1"]) == 0
    with pytest.warns(UserWarning, match="the results of a run"):
        assert main(["train", ".", "--steps", "2", "--resume"]) == 0
    assert capsys.readouterr().out.count("3 images of 32x32") == 2


def test_a_folder_in_use_says_who_has_it_and_is_free_when_they_died(tmp_path, capsys):
    with runs.hold(tmp_path):
        assert run(tmp_path) == 2
        (told,) = errors(capsys)
        assert f"in use by process {os.getpid()} on {platform.node()}" in told
    process = start(hold_and_die, tmp_path)
    process.join()
    assert (tmp_path / ".holder").exists() and run(tmp_path) == 0


def hold_and_die(folder):
    """In a process of its own: killed while it holds the folder."""
    with runs.hold(folder):
        os.kill(os.getpid(), signal.SIGKILL)


# Going on


def test_seed_is_kept_or_refused(tmp_path, capsys):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(whole, "--seed", 7, steps=6) == run(parts, "--seed", 7, steps=6) == 0
    assert run(parts, "--resume", "--seed", 8, steps=None) == 2
    assert "has --seed 7: leave --seed out" in errors(capsys)[0]
    assert run(parts, "--resume", "--seed", 7, steps=9) == run(whole, "--resume", steps=9) == 0
    assert all(torch.equal(a, b) for a, b in zip(weights(whole).values(), weights(parts).values(), strict=True))
    assert [json.loads((out / "run.json").read_text())["steps"] for out in (whole, parts)] == [9, 9]


def test_a_run_goes_on_by_its_own_recipe_whatever_this_device_would_take(tmp_path, monkeypatch):
    assert run(tmp_path, steps=3) == 0
    monkeypatch.setitem(recipes.RECIPES, 8, recipes.RECIPES[8]._replace(g_width=4, batch_size=16, ema=0.5))
    assert run(tmp_path, "--resume", steps=5) == 0
    assert torch.load(tmp_path / "generator.pt", weights_only=True)["settings"]["width"] == SMALL.g_width
    (tmp_path / "run.json").unlink()  # then the checkpoint still tells
    assert run(tmp_path, "--resume", steps=None) == 2


def test_changed_pictures_are_noticed(tmp_path, capsys):
    pictures, out = tmp_path / "set.npy", tmp_path / "run"
    array = np.random.default_rng(0).integers(0, 256, (80, 8, 8), dtype=np.uint8)
    np.save(pictures, array)
    assert main(["train", str(pictures), "--out", str(out), "--steps", "2"]) == 0
    array[-1] = 0
    np.save(pictures, array)
    assert main(["train", str(pictures), "--out", str(out), "--steps", "4", "--resume"]) == 2
    assert "other data" in errors(capsys)[0]


@pytest.mark.parametrize("state", [{}, {"plan": {"steps": 3}}])
def test_a_checkpoint_of_something_else_is_told(state, tmp_path, capsys):
    checkpoints.save(tmp_path / "checkpoint.pt", state)
    assert run(tmp_path, "--resume", steps=None) == 2
    assert "no checkpoint to go on from" in errors(capsys)[0]


def test_settings_lie_beside_the_run(tmp_path):
    assert run(tmp_path, "--seed", 3) == 0
    found = json.loads((tmp_path / "run.json").read_text())
    assert found["data"]["name"] == "digits" and found["data"]["shape"] == [1797, 1, 8, 8]
    assert re.fullmatch("[0-9a-f]{64}", found["data"]["sha256"])
    assert (found["seed"], found["steps"], found["device"], found["precision"]) == (3, 4, "cpu", "float32")
    assert found["threads"] == 1 and found["recipe"] == SMALL._asdict() | {"betas": list(SMALL.betas)}
    assert found["versions"]["torch"] == torch.__version__ and found["versions"]["python"] == platform.python_version()


def test_a_run_goes_on_with_as_many_threads_as_it_began(tmp_path, monkeypatch):
    assert run(tmp_path, steps=2) == 0
    settings = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(settings | {"threads": 3}))
    taken = []
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    assert run(tmp_path, "--resume", steps=4) == 0
    assert taken == [3]


# The way back


def printed():
    """The lines that open a generator, in the help and in the README."""
    yield "\n".join(
        re.findall(r"^  (import .*|from .*|\w+ = .*|torchvision.*)$", gan_edu.__main__.__doc__, re.MULTILINE)
    )
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL):
        if "load_generator" in block:
            yield block


def test_the_lines_that_are_printed_open_the_generator_in_another_folder(tmp_path):
    assert run(tmp_path / "runs" / "digits") == 0
    for lines in printed():
        (tmp_path / "new.png").unlink(missing_ok=True)
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, env=environment, check=True)
        with Image.open(tmp_path / "new.png") as sheet:
            assert sheet.size[0] > 60 and sheet.getextrema() != ((0, 0),) * 3


def test_a_loaded_generator_is_the_average_on_the_cpu_in_evaluation_mode(tmp_path):
    assert run(tmp_path, "--samples", tmp_path / "s.npz") == 0
    generator = models.load_generator(tmp_path / "generator.pt")
    noise = torch.randn(5, generator.latent_dim)
    torch.testing.assert_close(generator(noise[:1]), generator(noise)[:1])
    assert not generator.training and all(tensor.device.type == "cpu" for tensor in weights(tmp_path).values())
    state = checkpoints.load(tmp_path / "checkpoint.pt")["gan"]["ema"]
    assert all(torch.equal(state[name], tensor) for name, tensor in weights(tmp_path).items())


@pytest.mark.parametrize("saved", [{}, {"class": "nn", "settings": {}, "weights": {}}, torch.zeros(2)])
def test_a_file_without_a_generator_says_so(saved, tmp_path):
    torch.save(saved, tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"x\.pt holds no generator"):
        models.load_generator(tmp_path / "x.pt")
    with pytest.raises(FileNotFoundError):
        models.load_generator(tmp_path / "y.pt")


# A fresh machine


def test_line_endings_are_pinned():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git here")
    asked = ["git", "check-attr", "--stdin", "eol"]
    told = subprocess.run(asked, cwd=ROOT, input=listed.stdout, capture_output=True, text=True, check=True).stdout
    assert len(told.splitlines()) > 50 and {line.split(": ")[-1] for line in told.splitlines()} == {"lf"}


def test_the_command_line_runs_for_a_user_without_home_and_name(tmp_path):
    code = inspect.cleandoc("""
        import os, pwd, sys
        def nobody(uid):
            raise KeyError(uid)
        pwd.getpwuid = nobody
        for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME"):
            os.environ.pop(name, None)
        from gan_edu import data
        from gan_edu.__main__ import main
        data.data_root()
        sys.exit(main(["train", "digits", "--steps", "1", "--samples", "s.npz"]))
    """)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert (tmp_path / "s.npz").exists()


def test_out_of_memory_is_one_sentence(tmp_path, monkeypatch, capsys):
    def full(*given, **named):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB\nsee documentation")

    monkeypatch.setattr(train, "train_step", full)
    assert run(tmp_path) == 2
    assert "out of memory on cpu: take a smaller batch_size" in errors(capsys)[0]
