"""What chapter 18 stands on: the formula of a step's time, its explorer, programs on ranks, and the record it shows."""

import json

import pytest
from conftest import ROOT

from gan_edu import exercises, playground
from gan_edu.playground.scaling import CABLES, step_seconds

RUNS = json.loads((ROOT / "figures" / "scaling.json").read_text())["runs"]


def test_a_step_is_its_work_and_two_rings_of_messages():
    slow = (1000.0, 0.25)  # bytes a second, seconds a message
    assert step_seconds(8.0, 125, 1, slow) == 8.0  # alone there is nobody to tell
    assert step_seconds(8.0, 125, 2, slow) == 4.0 + 0.5 + 4 * 0.25
    assert step_seconds(8.0, 125, 4, slow) == 2.0 + 0.75 + 12 * 0.25
    assert step_seconds(8.0, 125, 4, slow, weak=True) - step_seconds(8.0, 125, 4, slow) == 6.0
    assert 0.998 < step_seconds(0.0, 500_000, 1000, (4e6, 0.0)) < 1.0  # less than two gradients, however many ranks


def test_the_explorer_tells_what_the_formula_gives():
    explorer = playground.ScalingExplorer(work=100, weights=30, cable="1 Gbit network")
    seconds = [step_seconds(0.1, 30e6, n, CABLES["1 Gbit network"]) for n in (1, 8)]
    assert f": {seconds[0] / seconds[1]:.1f} times one" in explorer.text.value
    explorer.controls["cable"].value = "NVLink"
    assert "8 processes over NVLink: 7." in explorer.text.value
    explorer.controls["batch"].value = "grows"
    assert "8 processes over NVLink: 8.0 times one, 99% of what is paid for" in explorer.text.value


def test_programs_on_ranks_end_hang_or_raise_and_none_stops_the_next():
    head = "import torch\nfrom torch import distributed\nx = torch.ones(2)\nresult = 0\n"
    programs = {
        "hangs": f"{head}if not distributed.get_rank():\n    distributed.all_reduce(x)",
        "raises": "raise RuntimeError('so it is')",
        "sums": f"{head}distributed.all_reduce(x)\nresult = x.tolist()",
    }
    told = exercises.on_ranks(programs)
    assert "Timed out" in told["hangs"][0] and told["hangs"][1] == 0
    assert told["raises"] == ["so it is"] * 2 and told["sums"] == [[2.0, 2.0]] * 2


def test_a_process_that_dies_is_told_with_its_last_words():
    with pytest.raises(RuntimeError, match="NameError"):
        exercises.on_ranks({"none": "result = nothing"}, ranks=1)


def test_two_processes_drift_from_one_no_more_than_one_does_from_itself():
    drift = {run["name"]: run for run in RUNS if run["kind"] == "drift"}
    assert max(drift["digits float64"]["two"]) < 1e-9
    two, shuffled = (drift["digits float32"][what][-1] for what in ("two", "shuffled"))
    assert 0.3 < two / shuffled < 3


def test_large_batches_lose_on_the_same_samples_in_every_seed():
    for seed in range(3):
        best = [
            max(run["good"] for run in RUNS if (run["kind"], run["seed"], run.get("batch")) == ("batch", seed, batch))
            for batch in (32, 128, 512, 2048)
        ]
        assert best == sorted(best, reverse=True) and best[0] - best[2] > 0.3
