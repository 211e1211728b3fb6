"""What a reader with a GPU runs, on a pretended one: a tensor that was left on the CPU raises here as it would there.

All numbered chapters, shortened by their settings; every exercise's solution, right and wrong answers; the command
line, the explorers, and the record of a GPU in miniature. And six mistakes, planted to see that they are found.
"""

import ast
import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import test_exercises
import torch
from conftest import ROOT, Exercise, notebook_paths
from PIL import Image
from pretend_gpu import FewSteps, at_most, pretended_gpu, shortened

sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))

import gpu_record

from gan_edu import accelerate, metrics, models, playground, train
from gan_edu.__main__ import main
from gan_edu.exercises import core
from gan_edu.playground import program

# Steps that a chapter's trainings have at most, where 20 would not show what its cells look for (in 07 a lap).
STEPS = {"00_start_here": 60, "03_the_training_step": 60, "04_a_first_gan": 60, "07_why_training_is_unstable": 125}
NUMBERED = [path for path in notebook_paths() if path.parent.name == "notebooks"]
RIGHT = getattr(test_exercises, "RIGHT", {})

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def gpu():
    with shortened(), pretended_gpu():
        yield torch.device("cuda")


def run_chapter(path, *options):
    script = ROOT / "tests" / "pretend_gpu.py"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(path), *options]
    # in its own folder, as JupyterLab does: some cells read ../figures
    return subprocess.run(command, cwd=path.parent, env=environment, capture_output=True, text=True)


# --- what readers run -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
def test_a_chapter_runs_for_a_reader_with_a_gpu(path):
    run = run_chapter(path, "--steps", str(STEPS.get(path.stem, 20)))
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]


@pytest.mark.parametrize("exercise", test_exercises.EXERCISES, ids=lambda e: f"{e.chapter[:2]}-{e.checker}")
def test_answers_are_marked_as_without_a_gpu(exercise: Exercise):
    if exercise.checker == "check_my_training":
        pytest.skip("whole trainings, by a clock that pretending does not meet; 4.2 and 4.3 hold its parts")
    with pretended_gpu():
        for source in (exercise.solution, *(source for _, source in RIGHT.get(exercise.checker, []))):
            mark = exercise.mark(source)
            assert mark.solved, mark.hint
        for label, source, expected in test_exercises.WRONG.get(exercise.checker, []):
            mark = exercise.mark(source)
            assert mark.status == "wrong" and expected in mark.hint, f"{label}: {mark.hint}"


def test_check_says_that_both_are_there(gpu, capsys):
    assert main(["check"]) == 0
    assert "a pretended GPU and CPU" in capsys.readouterr().out


def test_digits_are_trained_and_resumed(gpu, tmp_path):
    command = ["train", "digits", "--out", str(tmp_path), "--samples", str(tmp_path / "s.npz")]
    assert main([*command, "--steps", "3"]) == 0
    assert main(["train", "digits", "--out", str(tmp_path), "--resume"]) == 0  # it was at its end
    with np.load(tmp_path / "s.npz") as file:
        assert file["samples"].shape == (1000, 1, 8, 8)


def test_pictures_are_trained_on_by_captured_steps(gpu, tmp_path, monkeypatch):
    replays = []
    replay = torch.cuda.CUDAGraph.replay
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", lambda graph: replays.append(graph) or replay(graph))
    rng = np.random.default_rng(0)
    for i in range(10):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    assert main(["train", str(tmp_path), "--steps", "3", "--samples", str(tmp_path / "s.npz")]) == 0
    assert len(replays) == 3 and len(set(replays)) == 2  # with R1, and twice without


def test_the_explorers_play(gpu):
    explorer = playground.GANPlayground(hidden=8, depth=1)
    explorer.step(3)
    explorer.controls["loss"].value = "hinge"
    for name in ("heat", "sheet", "arrows"):
        explorer.controls[name].value = True
    explorer.step_discriminator()
    explorer.step_generator()
    assert explorer.frame().startswith(b"\x89PNG") and explorer.steps == 5
    assert playground.MinimaxExplorer().widget


def no_profiler(activities):
    raise RuntimeError("a pretended GPU runs no kernels")


@pytest.mark.parametrize("record", gpu_record.RECORDS)
def test_the_record_of_a_gpu_in_miniature(record, gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_record, "profile", no_profiler)
    small = ["--small", "--threads", "1", "--seconds", "0.3"]
    gpu_record.main([record, *small, "--out", str(tmp_path)])
    result = json.loads((tmp_path / f"{record}.json").read_text())
    assert result["machine"]["gpu"] == "a pretended GPU"
    if record == "speed":
        assert "accelerated, one CUDA graph" in result["ways"]
        assert {way["launch_bound_share"] for way in result["ways"].values()} == {None}


# --- six planted mistakes ---------------------------------------------------------------------------------------------


def a_game():
    return train.GAN(models.MLPGenerator(hidden=8), models.MLPDiscriminator(hidden=8))


def notebook(path: Path, *cells: str) -> Path:
    code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    made = [{**code, "id": str(i), "source": cell} for i, cell in enumerate(cells)]
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_a_mistake_in_a_cell_is_found_and_told_in_few_lines(tmp_path):
    good = "import torch\nfrom gan_edu import data, recipes\ngan, batches = recipes.plane(data.ring())\nSTEPS = 7_000"
    bad = "assert STEPS == 20\nreal = torch.zeros(3, 2)\nprint(gan.judge(real))"
    run = run_chapter(notebook(tmp_path / "bad.ipynb", good, bad))
    assert run.returncode == 1, run.stdout + run.stderr
    assert "cell [2], which begins with `assert STEPS" in run.stdout and "its line 3: print(gan.judge" in run.stdout
    assert "Expected all tensors to be on the same device" in run.stdout
    assert (
        run_chapter(notebook(tmp_path / "good.ipynb", good, bad.replace("2)\n", "2).to(gan.device)\n"))).returncode == 0
    )


def test_a_mistake_in_a_solution_is_found(gpu):
    solution = "def my_logit(p):\n    odds = p.to(train.pick_device())\n    return torch.log(odds) - torch.log(1 - p)"
    imports, check = "import torch\nfrom gan_edu import exercises, train", "exercises.check_logit(my_logit)"
    exercise = Exercise("00", "Exercise 0.1: A logit", imports, "", check, solution)
    assert "same device" in exercise.mark(solution).hint
    assert exercise.mark(solution.replace("p.to(train.pick_device())", "p")).solved


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_mistake_in_a_checker_is_found(device, gpu, monkeypatch):
    monkeypatch.setattr(core, "CHECKERS", {})

    def check_nothing(answer):
        gan = train.GAN(models.MLPGenerator(hidden=8), models.MLPDiscriminator(hidden=8), device=device)
        gan.judge(torch.zeros(3, 2))
        return "well"

    mark = core.exercise("9.9 A checker")(check_nothing)(1)
    assert mark.solved if device == "cpu" else "same device" in mark.hint


def test_a_mistake_in_train_is_found(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(train.GAN, "sample_noise", lambda gan, n: torch.randn(n, gan.latent_dim))
    with pytest.raises(RuntimeError, match="same device"):
        main(["train", "digits", "--steps", "2", "--samples", str(tmp_path / "s.npz")])


def test_a_mistake_in_a_metric_is_found(gpu, monkeypatch):
    a, b = torch.randn(2, 20, 3, device=gpu)
    scores = [metrics.frechet_distance, metrics.kernel_distance, metrics.precision_recall, metrics.nearest]
    for score in scores:
        score(a, b)
    flatten = metrics._flatten
    monkeypatch.setattr(metrics, "_flatten", lambda a, b, **how: (flatten(a, b, **how)[0], b.cpu().double()))
    for score in scores:
        with pytest.raises(RuntimeError, match="same device"):
            score(a, b)


def test_a_mistake_in_the_playground_is_found(gpu, monkeypatch):
    monkeypatch.setattr(program, "GAME", program.GAME.replace('device="cpu"', 'device="auto"'))
    with pytest.raises(RuntimeError, match="same device"):
        playground.GANPlayground(hidden=8, depth=1).step()


# --- the pretended GPU itself -----------------------------------------------------------------------------------------


def raises(error, words, *attempts):
    for attempt in attempts:
        with pytest.raises(error, match=words):
            attempt()


def test_devices_do_not_mix(gpu):
    here, there = torch.zeros(3), torch.zeros(3, device=gpu)
    first = torch.tensor([0])
    raises(
        RuntimeError, "same device",
        lambda: there + here, lambda: torch.cat([here, there]), lambda: torch.equal(here, there),
        lambda: torch.where(there > 0, here, here), lambda: here + there.sum(), lambda: there.copy_(here).add_(here),
        lambda: here[first.to(gpu)], lambda: there.__setitem__(first, here[:1]),
    )  # fmt: skip
    raises(TypeError, "Tensor.cpu", lambda: there.numpy(), lambda: np.asarray(there))
    raises(RuntimeError, "generator", lambda: torch.randn(3, device=gpu, generator=torch.Generator()))
    there[:2] = here[:2]  # a copy
    results = (
        there + 1,
        there * torch.tensor(2.0),
        there[first],
        there.sort().values,
        [*there][0],
        there.double()[None].T,
    )
    results += (there.to("cpu").to(there), torch.zeros_like(there), here.cuda(), there.clone().data, there > 0)
    assert {str(x.device) for x in results} == {"cuda:0"}
    assert {x.device.type for x in (there.cpu(), there.to("cpu"), here, here.to(torch.float64))} == {"cpu"}


def test_networks_optimizers_and_copies_follow(gpu):
    gan = a_game()
    train.train_step(gan, torch.zeros(8, 2, device=gpu))
    states = [value for state in gan.g_optimizer.state.values() for name, value in state.items() if name != "step"]
    twin = copy.deepcopy(gan.generator)
    tensors = [*gan.generator.parameters(), *twin.parameters(), *gan.generator.state_dict().values(), *states]
    tensors += [weight.grad for weight in gan.generator.parameters()]
    assert {str(x.device) for x in tensors} == {"cuda:0"}


def test_what_is_saved_there_can_be_read_anywhere(gpu, tmp_path):
    torch.save({"x": torch.ones(2, device=gpu)}, tmp_path / "x.pt")
    load = torch.load
    assert load(tmp_path / "x.pt", map_location="cpu", weights_only=True)["x"].device.type == "cpu"
    assert load(tmp_path / "x.pt", map_location="cuda", weights_only=True)["x"].device.type == "cuda"


def test_nothing_is_left_behind():
    with pretended_gpu():
        assert train.pick_device().type == "cuda"
        x = torch.ones(2, device="cuda")
    assert train.pick_device().type == "cpu" and x.device.type == "cpu"
    assert not torch.cuda.is_available() and accelerate.pick_precision(torch.device("cpu"))


def test_shortening_is_by_settings():
    assert at_most(lambda images, steps=1000: steps, steps=20)(0) == 20
    assert at_most(lambda images, steps=1000: steps, steps=20)(0, steps=5) == 5
    tree = FewSteps(20).visit(ast.parse("STEPS = 3_000\nD_STEPS, n = 5, 3_000\nG_STEPS, RATE = 900, 0.5"))
    assert ast.unparse(tree) == "STEPS = 20\nD_STEPS, n = (5, 3000)\nG_STEPS, RATE = (20, 0.5)"
