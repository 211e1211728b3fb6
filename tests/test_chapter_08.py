"""What chapter 08 proves: its games are the script's, its closed forms hold, the stored runs say what it says."""

import ast
import importlib.util
import json
import math
import statistics

import pytest
import torch
from conftest import ROOT, read_notebook

from gan_edu import compare, train


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("taming", ROOT / "tests" / "benchmarks" / "taming.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def chapter():
    return _names("08_taming_the_game")


@pytest.fixture(scope="module")
def deeper():
    return _names("deeper/08_remedies_over_seeds")


def _names(notebook):
    """What the notebook's cells define: imports, functions, classes, and the values that make no run."""
    names = {}
    for cell in read_notebook(ROOT / "notebooks" / f"{notebook}.ipynb").cells:
        if cell.cell_type == "code" and "exercise" not in cell.metadata.get("tags", []):
            nodes = [node for node in ast.parse(cell.source).body if _defines(node)]
            exec(compile(ast.Module(nodes, []), notebook, "exec"), names)
    return names


def _defines(node):
    if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
        return True
    wanted = {"PLAIN", "ring", "weights", "R1", "GP", "wgan_gp", "REMEDIES", "TAME", "TEACH_STEPS"}
    targets = [node.target] if isinstance(node, ast.AugAssign) else getattr(node, "targets", [])
    return any(isinstance(leaf, ast.Name) and leaf.id in wanted for target in targets for leaf in ast.walk(target))


@pytest.fixture(scope="module")
def played():
    runs = json.loads((ROOT / "figures" / "taming.json").read_text(encoding="utf-8"))["runs"]
    found = {}
    for run in runs:
        found.setdefault((run["data"], run["name"], run["steps"]), []).append(run)
    return found


def weights(gan: train.GAN) -> torch.Tensor:
    nets = gan.networks().values()
    return torch.cat([p.detach().flatten() for net in nets for p in net.parameters()])


def test_the_chapter_has_the_remedies_of_the_script(chapter, script):
    assert list(chapter["REMEDIES"]) == [name for name in script.REMEDIES if name != "plain"]


def test_the_chapter_plays_what_the_script_plays(chapter, script, one_thread):
    for name, change in {"plain": {}, **chapter["REMEDIES"], "tame": chapter["TAME"]}.items():
        ours = chapter["run"](seed=1, steps=3, **change)
        theirs = script.run(chapter["ring"], 3, 1, **{"tame": script.TAME, **script.REMEDIES}[name])
        assert torch.equal(weights(ours), weights(theirs)), name


def test_the_chapter_looks_through_the_glass_of_the_script(chapter, script):
    seen = []
    for Augment in (chapter["Augment"], script.Augment):
        torch.manual_seed(0)
        seen.append(Augment()(script.FEW[:8]))
    assert torch.equal(*seen) and seen[0].shape == (8, 1, 8, 8) and not torch.equal(seen[0], script.FEW[:8])


@pytest.mark.parametrize("weight", (0.05, 0.3, 0.8))
def test_a_penalty_that_asks_for_slope_swings_as_its_law_says(deeper, weight):
    way = deeper["two_numbers"](1, weight, steps=20_000)
    rho = math.exp(-math.pi * weight / math.sqrt(1 - weight**2))
    law = 2 * weight * (1 + rho) / (1 - rho)
    assert way[10_000:].abs().max().item() == pytest.approx(law, rel=0.02)


def test_with_the_weight_of_the_paper_the_fake_goes_through_the_data_and_rests_far_from_them(deeper):
    assert deeper["two_numbers"](1, 10, steps=20_000)[-1].item() == pytest.approx(-20, rel=0.02)
    circle = deeper["two_numbers"](0, 0, most=1, steps=20_000)[-1000:]  # at most 1: it never comes to rest
    assert circle.max().item() == pytest.approx(1, rel=0.02) == -circle.min().item()
    assert abs(deeper["two_numbers"](0, 0.5)[-1].item()) < 1e-3  # R1 comes home


def test_d_lets_go_of_fakes_that_are_right_with_r1_and_not_with_a_penalty_that_asks_for_slope(chapter, one_thread):
    after = {}
    for name in ("R1", "GP"):
        torch.manual_seed(2)
        D = chapter["plain_D"]()
        for home in (False, True):
            chapter["teach"](D, [chapter[name]], home)
        after[name] = chapter["slope"](D)
    assert after["R1"] < 0.15 and after["GP"] > 0.7


def test_one_number_lifts_the_oldest_method(one_thread):
    oldest = "minimax (2014)"
    runs = compare.tuning(compare.load(ROOT / "figures" / "compare.json"), oldest)
    fastest = max(runs, key=lambda run: run["setting"]["rate"])
    calm = compare.Setting(**fastest["setting"])._replace(beta1=0.1)
    assert compare.play(oldest, calm, looks=1)["distance"] < 10 < 50 < fastest["distance"]


def test_the_plain_game_fails_and_the_tame_one_does_not(played):
    for where, modes, short, steps in (("ring", 8, 500, 1000), ("grid", 25, 4000, 4000)):
        plain, tame = played[where, "plain", short], played[where, "tame", steps]
        assert sorted(run["seed"] for run in plain) == sorted(run["seed"] for run in tame) == list(range(10))
        assert sum(run["modes"] < modes for run in plain) >= 8
        assert sum(run["modes"] == modes for run in tame) >= 9
        assert sum(run["good"] >= 0.8 for run in tame) >= 9


def test_three_remedies_cure_and_the_mix_misses_turns_most_and_r1_not_at_all(played, script):
    healthy, good = {}, {}
    for name in [*script.REMEDIES, *script.MIXES]:
        runs = played["ring", name, 500]
        assert [run["seed"] for run in runs] == list(range(10)), name
        healthy[name] = sum(run["modes"] == 8 for run in runs)
        good[name] = statistics.median(run["good"] for run in runs)
    assert {name for name in script.REMEDIES if healthy[name] >= 8} == {"in turns", "two rates", "crowd"}
    less = {part: good[f"tame, {part}"] for part in ("no turns", "with momentum", "no R1", "slow")}
    assert min(less, key=less.get) == "no turns" and healthy["tame, no turns"] < 8
    assert less["no R1"] > good["tame"] - 0.05 and max(less["with momentum"], less["slow"]) < good["tame"] - 0.05
    assert healthy["in turns, four times as fast"] < 8 and good["in turns and crowd"] < good["crowd"] + 0.05


def test_augmentation_helps_little_data_and_hurts_more(played):
    middle = {
        (digits, name): sorted(run["distance"] for run in played[f"{digits} digits", name, 1600])[1]
        for digits in (200, 899)
        for name in ("plain", "augmented")
    }
    assert middle[200, "plain"] > 1.3 * middle[200, "augmented"]
    assert middle[899, "augmented"] > 1.5 * middle[899, "plain"]
    gaps = {
        name: [run["path"][-1][1] - run["path"][-1][2] for run in played["200 digits", name, 1600]]
        for name in ("plain", "augmented")
    }
    assert min(gaps["plain"]) > 3 * max(map(abs, gaps["augmented"]))


def test_every_method_had_the_same_budget():
    runs = compare.load(ROOT / "figures" / "compare.json")
    for name in compare.METHODS:
        tuned, seeds = compare.tuning(runs, name), compare.again(runs, name)
        assert [run["k"] for run in tuned] == list(range(8)) and {run["seed"] for run in tuned} == {0}
        assert sorted(run["seed"] for run in seeds) == [1, 2, 3, 4, 5]
        assert compare.best(runs, name)["distance"] == min(run["distance"] for run in tuned)
