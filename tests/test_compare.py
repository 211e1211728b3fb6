"""Ten years of GANs on one page: each method is what its paper says, budgets are equal, no run is lost."""

import itertools
import json
import math
import statistics

import pytest
import torch

from gan_edu import compare, data
from gan_edu.__main__ import main
from gan_edu.train import discriminator_step, train_step

QUICK = compare.Setting(rate=2e-3, beta1=0.5, d_steps=1, weight=0.05)


def test_methods_are_tuned_alike_and_each_weight_lies_in_its_range():
    for k in range(12):
        drawn = {name: compare.setting(name, k) for name in compare.METHODS}
        assert len({(s.rate, s.beta1, s.d_steps) for s in drawn.values()}) == 1
        for name, method in compare.METHODS.items():
            low, high = method.weights
            assert low <= drawn[name].weight <= high
    assert len({compare.setting("R1 (2018)", k) for k in range(12)}) == 12


def test_clipping_holds_after_each_move_of_d():
    gan = compare.build("WGAN (2017)", QUICK)
    real = data.digits().images[:16]
    train_step(gan, real)
    assert max(weights.abs().max().item() for weights in gan.discriminator.parameters()) == pytest.approx(QUICK.weight)
    unclipped = compare.build("LSGAN (2017)", QUICK)
    train_step(unclipped, real)
    assert max(weights.abs().max().item() for weights in unclipped.discriminator.parameters()) > QUICK.weight


def test_under_spectral_norm_no_layer_stretches():
    gan = compare.build("SN + hinge (2018)", QUICK._replace(rate=1e-4))  # the estimate lags behind quick weights
    batches = data.Batches(data.digits().images, batch_size=32)
    for _ in range(20):  # the power iteration makes one turn a step
        real = next(batches)
        discriminator_step(gan, real, gan.generate(gan.sample_noise(len(real))).detach())
    layers = [m for m in gan.discriminator.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2).item() == pytest.approx(1, abs=0.05)


def test_batch_norm_stands_in_the_d_of_dcgan_alone():
    def normed(name):
        d = compare.build(name, QUICK).discriminator
        return any(isinstance(layer, torch.nn.BatchNorm2d) for layer in d.modules())

    assert [name for name in compare.METHODS if normed(name)] == ["DCGAN (2016)"]


def test_penalties_and_losses_are_those_of_the_papers():
    gans = {name: compare.build(name, QUICK) for name in compare.METHODS}
    terms = {name: [(term.name, term.weight) for term in gan.d_terms] for name, gan in gans.items() if gan.d_terms}
    assert terms == {
        "WGAN-GP (2017)": [("gradient_penalty", 0.05)],
        "R1 (2018)": [("r1", 0.05)],
        "R3 (2024)": [("r1", 0.05), ("r2", 0.05)],
    }
    losses = [gan.loss.name for gan in gans.values()]
    two_of_2014 = ["minimax", "non_saturating"]
    later = ["non_saturating", "least_squares", "wasserstein", "wasserstein", "hinge", "non_saturating", "relativistic"]
    assert losses == two_of_2014 + later


def test_a_run_is_plain_numbers_and_the_same_again():
    first, second = (compare.play("non-saturating (2014)", QUICK, steps=10, looks=2) for _ in range(2))
    assert json.loads(json.dumps(first)) == {**first, "path": [list(look) for look in first["path"]]}
    assert first["distance"] == second["distance"] == first["path"][-1][2]
    assert [look[0] for look in first["path"]] == [5, 10]
    assert first["failed"]  # ten steps make no digit


def test_a_run_that_ends_in_nan_has_failed():
    run = compare.play("LSGAN (2017)", QUICK._replace(rate=1e30), steps=4, looks=1)
    assert run["failed"] and run["distance"] == math.inf and run["recall"] == 0


def test_what_a_budget_buys_is_the_mean_over_all_choices():
    distances = [5.0, 1.0, 4.0, 2.5, math.inf]
    for k in range(2, 6):
        every = [min(chosen) for chosen in itertools.combinations(distances, k)]
        assert compare.expected_best(distances, k) == pytest.approx(statistics.mean(every))
    assert compare.expected_best([3.0, 1.0], 1) == 2


def test_at_equal_time_the_last_look_before_counts():
    run = {"path": [(10, 1.0, 8.0), (20, 2.0, 4.0), (30, 3.0, 2.0)]}
    assert [compare.at_equal_time(run, seconds) for seconds in (0.5, 1.0, 2.9, 9)] == [math.inf, 8.0, 4.0, 2.0]


def made_up(settings=2, seeds=2, steps=compare.STEPS):
    """A whole file of runs: method i's setting k scores i + 10 - k, and i more for each seed."""
    run = {"precision": 0.5, "recall": 0.25, "failed": False, "steps": steps}
    for i, name in enumerate(compare.METHODS):
        jobs = [(k, 0) for k in range(settings)] + [(settings - 1, seed) for seed in range(1, seeds + 1)]
        for k, seed in jobs:
            distance = i + 10.0 - k + i * seed
            yield {**run, "method": name, "k": k, "seed": seed, "distance": distance, "path": [(steps, 1.0, distance)]}


def test_a_finished_page_is_read_and_not_played_again(tmp_path, capsys):
    (tmp_path / "compare.json").write_text(json.dumps({"runs": list(made_up())}))
    assert main(["compare", "--settings", "2", "--seeds", "2", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(compare.METHODS) and lines[0].split()[:3] == ["method", "best", "distance"]
    # R1 is method 7: its setting 1 is the better one and scores 16; then 23 and 30 from two other seeds.
    assert lines[8].split() == ["R1", "(2018)", *"16.00 26.50 23.00 30.00 26.50 0.50 0.25 0.00".split()]


def test_a_best_setting_that_breaks_from_another_seed_does_not_lose_the_page():
    runs = list(made_up())
    broken = next(run for run in runs if run["method"] == "LSGAN (2017)" and run["seed"] == 2)
    broken |= {"distance": math.inf, "path": [], "failed": True}
    assert compare.page(runs).splitlines()[4].split()[-1] == "0.25"  # one run of four has failed


def test_only_settings_that_every_method_has_played_count():
    runs = [run for run in made_up(settings=3) if not (run["method"] == "R3 (2024)" and run["k"] == 2)]
    assert [run["k"] for run in compare.tuning(runs, "R1 (2018)")] == [0, 1]


def test_a_file_that_is_not_compares_own_is_named(tmp_path):
    (tmp_path / "compare.json").write_text("[1, 2")
    with pytest.raises(ValueError, match="compare.json was not written by compare"):
        compare.load(tmp_path / "compare.json")


@pytest.mark.parametrize("wrong", [["--settings", "0"], ["--seeds", "0"], ["--minutes", "0"]])
def test_a_budget_of_nothing_is_refused(wrong, capsys):
    assert main(["compare", *wrong]) == 2
    assert capsys.readouterr().err.startswith("error: --settings and --seeds must be")


def test_missing_runs_are_played_and_written_and_no_others(tmp_path):
    file = tmp_path / "compare.json"
    kept = [run for run in made_up(1, 1, steps=5) if run["method"] != "minimax (2014)" or run["seed"]]
    file.write_text(json.dumps({"runs": kept}))
    played = list(compare.compare(file, settings=1, seeds=1, steps=5))
    assert [(run["method"], run["k"], run["seed"]) for run in played] == [("minimax (2014)", 0, 0)]
    assert len(compare.load(file)) == len(kept) + 1 == 2 * len(compare.METHODS)
    assert "command" in json.loads(file.read_text())


def test_a_limit_in_minutes_ends_tuning_after_a_whole_round(tmp_path):
    file = tmp_path / "compare.json"
    rounds = [run for run in made_up(1, 1, steps=5)]
    file.write_text(json.dumps({"runs": rounds}))
    assert list(compare.compare(file, settings=5, seeds=1, minutes=1e-9, steps=5)) == []
