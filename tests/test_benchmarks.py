"""The benchmarks in miniature, and their arithmetic with numbers made up for it. What is fast or good is not tested."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import contestants
import gpu_record
import judges
import quality
import reporting
import subpixel_start
import train_step
from workers import Worker

from gan_edu import metrics, models, train
from gan_edu.models.subpixel import PixelShuffle

FOLDER = Path(contestants.__file__).parent


pytestmark = pytest.mark.usefixtures("one_thread")


# --- arithmetic -------------------------------------------------------------------------------------------------------


def test_a_run_that_a_signal_cut_short_is_no_result():
    assert reporting.whole(train.History()) is None
    with pytest.raises(KeyboardInterrupt):
        reporting.whole(train.History(interrupted=15))


def test_ratios_are_taken_within_each_round_and_only_of_those_present():
    rounds = [{"a": 1, "c": 2}, {"a": 100, "c": 300}, {"a": 10, "c": 15}]
    assert train_step.ratios(rounds) == {"c/a": {"median": 2, "least": 1.5, "most": 3}}


def test_share_of_the_floor_is_achieved_over_possible_operations():
    assert reporting.share(speed=50, operations=10, bound=4000) == 0.125


@pytest.mark.parametrize(("per_step", "steps"), [(0.4, 4), (0.5, 3), (9, 1)])
def test_a_block_is_filled_and_never_empty(per_step, steps):
    assert reporting.block(per_step, 1.5) == steps


def test_every_round_begins_with_another_contestant():
    assert [train_step.rotated(["a", "b", "c"], i) for i in (0, 1, 5)] == [list("abc"), list("bca"), list("cab")]


def test_operations_of_a_step_agree_with_those_counted_by_hand():
    gan, batches = contestants.PAIRS["b"](contestants.random_images(256), 0, "cpu")
    g = 100 * 12544 + 25 * (7 * 7 * 256 * 128 + 7 * 7 * 128 * 64 + 14 * 14 * 64)  # products of G, of one image
    d_first, d_rest = 25 * 14 * 14 * 64, 25 * 7 * 7 * 64 * 128 + 6272
    # Forward and two gradients of every layer, but none of what comes in: noise, and for D's own move the images.
    # D sees two images; G's gradient passes through D once more, by its inputs alone.
    hand = 3 * g - 100 * 12544 + 2 * (2 * d_first + 3 * d_rest) + d_first + d_rest
    assert train_step.operations_per_image(gan, batches, images=2) == pytest.approx(2 * hand, rel=0.02)


def test_paths_of_this_machine_do_not_get_into_the_record():
    shown = reporting.command("/home/me/quality.py", ["--out", "/home/me/my out", "--seeds", "1"])
    assert shown == "python tests/benchmarks/quality.py --out 'my out' --seeds 1"


def test_moments_grow_and_end_at_the_end():
    assert quality.moments(1, 10, 2) == [1, 2, 4, 8, 10]
    assert quality.moments(5, 5, 2) == [5]


def test_the_judges_are_averaged_within_each_run():
    names = ("seconds", "steps", "frechet", "kernel_distance", "precision", "recall")
    scores = [
        {**dict.fromkeys(names, 0), "seed": seed, "multiple": multiple} for seed, multiple in ((0, 1), (0, 9), (1, 7))
    ]
    scores[0]["class_shares"] = [0.2, 0.8]
    found = quality.summary(scores)
    assert found["multiple, mean of the judges"] == {"median": 6, "least": 5, "most": 7}
    assert found["rarest class"]["most"] == 0.2 and found["most frequent class"]["least"] == 0.8


def look(seed, seconds, multiple):
    steps = 10 * seconds + contestants.SETUP
    return {"seed": seed, "judge": "ours", "seconds": seconds, "steps": steps, "multiple": multiple}


def test_the_mark_is_reached_between_the_last_look_outside_and_the_first_within():
    looks = [look(0, 1, 500), look(0, 2, 90), look(0, 3, 120), look(1, 3, 101), look(1, 4, 100), look(2, 9, 50)]
    assert quality.arrival(looks, "seconds") == {"outside": 1, "inside": 4}  # medians of 1, 3, 0 and of 2, 4, 9
    assert quality.arrival(looks, "steps") == {"outside": 12, "inside": 42}
    late = [look(0, 1, 500), look(1, 1, 99), look(2, 1, 101)]
    assert quality.arrival(late, "seconds") == {"outside": 1, "inside": None}


@pytest.mark.parametrize(("last", "bound"), [(100, 3 / 60), (101, 3 / 120)])
def test_the_ratio_is_of_the_most_that_ours_needs_to_the_least_that_the_tutorial_does(last, bound):
    courses = {  # it arrives between 60 and 120 s, or not in 120 s
        "a": [{"setup_seconds": 5, "looks": [look(0, 60, 300), look(0, 120, last)]}],
        "d": [{"setup_seconds": 1, "looks": [look(0, 2, 300), look(0, 3, 99)]}],
    }
    race = quality.race_to_the_mark(courses)
    assert race["d/a is at most"] == pytest.approx(bound)
    assert race["contestants"]["a"]["seconds_per_step"] == pytest.approx(0.1)
    courses["a"][0]["looks"] = courses["a"][0]["looks"][:1]
    courses["d"][0]["looks"] = courses["d"][0]["looks"][:1]
    assert quality.race_to_the_mark(courses)["d/a is at most"] is None  # ours did not arrive


def test_before_a_mark_that_the_tutorial_passed_unseen_there_is_no_bound():
    runs = [{"setup_seconds": 1, "looks": [look(0, 1, 99)]}]
    assert quality.race_to_the_mark({"a": runs, "d": runs})["d/a is at most"] is None


class FakeTensorFlow:
    """A worker whose steps take 0.4 s, and its first two 7 s."""

    def __init__(self, path):
        self.path, self.seconds, self.steps = path, 0.0, 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def ask(self, do, until=0.0, steps=0, **request):
        if do == "sample":
            quality.np.save(request["path"], quality.np.zeros(1))
            return {}
        self.steps += steps
        while self.seconds < until:
            self.seconds, self.steps = self.seconds + 0.4, self.steps + 1
        return {"seconds": 7.0} if do == "time" else {"seconds": self.seconds, "steps": self.steps}


def test_the_tutorials_first_steps_are_not_counted_and_no_state_is_seen_twice(monkeypatch):
    monkeypatch.setattr(quality, "tensorflow_worker", lambda images, folder, *_: FakeTensorFlow(folder))
    course, seen = quality.Course([], budget=9, until_within=False), []
    monkeypatch.setattr(course, "look", lambda seconds, steps, samples: seen.append((round(seconds, 1), steps)))
    quality.train_tensorflow("python", None, 0, [0.1, 0.3, 0.5, 0.75, 1.5], course, quality.SMALL, threads=1)
    assert seen == [(0.4, 3), (0.8, 4), (1.6, 6)] and course.setup == 7.0


def test_launch_bound_is_the_time_without_kernels():
    assert gpu_record.launch_bound(step=4.0, busy=1.0) == 0.75
    assert gpu_record.launch_bound(step=1.0, busy=1.5) == 0


def test_utilisation_is_of_the_product_in_the_steps_own_precision():
    floor = {"float32": {"median": 1e12}, "bfloat16": {"median": 4e12}}
    ways = [{"images_per_second": 100.0, "precision": precision} for precision in ("float32", "bfloat16")]
    found = [gpu_record.utilisation(way, 1e10, floor, peak=5.0) for way in ways]
    assert found == [{"of the measured product": 1.0}, {"of the measured product": 0.25, "of the data sheet": 0.2}]
    assert gpu_record.utilisation(ways[1], 1e10, floor, peak=None) == {"of the measured product": 0.25}


def test_the_clock_stands_still_during_a_look(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(quality.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(quality, "draw", lambda gan, n: None)
    seen = []

    def step(*_):
        now[0] += 1  # a second of training

    def slow_look(seconds, steps, samples):
        seen.append((seconds, steps))
        now[0] += 100
        return False

    gan = contestants.train.GAN(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1), latent_dim=2, device="cpu")
    watch = quality.Watch(contestants.Game(gan, None, step), [2, 2.5, 4], slow_look, samples=1, uncounted=3)
    for _ in range(6):
        watch(gan, None)
    with pytest.raises(KeyboardInterrupt):  # the last moment ends the training
        watch(gan, None)
    assert (watch.setup, seen) == (3, [(2, 5), (3, 6), (4, 7)])


# --- miniatures -------------------------------------------------------------------------------------------------------


def test_a_worker_trains_when_asked_and_ends_with_its_input():
    arguments = ("--device", "cpu", "--threads", "1", "--batch-size", "2")
    with Worker(str(FOLDER / "contestants.py"), "b", *arguments) as worker:
        assert worker.hello() == worker.hello()
        assert (worker.hello()["batch_size"], worker.hello()["precision"]) == (2, "float32")
        assert 0 < worker.ask(do="time", steps=1)["seconds"] < 60
    assert worker.process.returncode == 0


def test_a_worker_may_print_and_its_end_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(FOLDER))
    script = tmp_path / "worker.py"
    script.write_text("from workers import serve\nserve(lambda do: print('noise') or {'done': do})\n")
    with Worker(str(script)) as worker:
        assert worker.hello() == {} and worker.ask(do=1) == {"done": 1}
        with pytest.raises(RuntimeError, match="ended with 1"):
            worker.ask(unknown=1)


class FakeWorker:
    """Takes `seconds_per_step`, whatever it is asked; the floor's answer is `floor`."""

    def __init__(self, seconds_per_step=1.0, precision="float32", **floor):
        self.seconds_per_step, self.precision, self.floor = seconds_per_step, precision, floor

    def hello(self):
        return {"batch_size": 10, "precision": self.precision}

    def ask(self, do, steps=0):
        return self.floor or {"seconds": steps * self.seconds_per_step}


def test_the_race_counts_images_and_its_report_compares_them():
    floor = {"float32": 1000.0, "bfloat16": 2000.0, "copy": 1.0}
    workers = {"floor": FakeWorker(**floor), "b": FakeWorker(0.5), "c": FakeWorker(0.25, "bfloat16")}
    speeds, floors = train_step.race(workers, rounds=2, aim=1.0)
    assert speeds == [{"b": 20, "c": 40}] * 2 and floors == [floor] * 2
    assert [list(speed) for speed in speeds] == [["b", "c"], ["c", "b"]]
    hellos = {name: workers[name].hello() for name in "bc"}
    result = train_step.report(hellos, speeds, floors, {"b": 5.0, "c": 5.0})
    assert result["ratios"] == {"c/b": {"median": 2, "least": 2, "most": 2}}
    assert [result["contestants"][name]["share_of_floor"] for name in "bc"] == [0.1, 0.1]  # each of its own product
    assert "c/b: 2.00 (2.00 to 2.00)" in train_step.table(result)


def test_quality_in_miniature(tmp_path, capsys):
    arguments = ["--small", "--seeds", "0", "--budget", "0.5", "--tutorial-minutes", "0.01", "--only", "c", "d"]
    quality.main([*arguments, "--threads", "1", "--device", "cpu", "--out", str(tmp_path)])
    result = json.loads((tmp_path / "quality.json").read_text())
    assert "not MNIST" in result["data"] and "not MNIST" in capsys.readouterr().out
    assert (tmp_path / "quality.png").stat().st_size > 10_000
    for runs in result["runs"].values():
        scores = runs[0]["final"][0]
        assert scores["multiple"] == pytest.approx(scores["frechet"] / result["real_against_real"][scores["judge"]])
        assert sum(scores["class_shares"]) == pytest.approx(1)
        assert [score["judge"] for score in runs[0]["final"]] == ["ours", "deeper", "pixels"]
        assert [found["seconds"] for found in runs[0]["looks"]] == sorted(
            found["seconds"] for found in runs[0]["looks"]
        )


def test_icnr_begins_with_an_enlarged_small_picture(tmp_path):
    generator = models.SubpixelGenerator(width=4)
    subpixel_start.kernels_as_one(generator)
    layers = list(generator.layers)
    shuffles = [i for i, layer in enumerate(layers) if isinstance(layer, PixelShuffle)]
    assert len(shuffles) == 2
    for i in shuffles:
        convolution = layers[i - 1]
        convolution.bias = None  # which ICNR leaves alone
        squares = layers[i](convolution(torch.randn(2, convolution.in_channels, 5, 5))).unfold(2, 2, 2).unfold(3, 2, 2)
        assert torch.equal(squares, squares[..., :1, :1].expand_as(squares))
    result = subpixel_start.main(["--small", "--seeds", "0", "--device", "cpu", "--out", str(tmp_path)])
    assert [run["start"] for run in result["runs"]] == ["random kernels", "ICNR"]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_usual_fid_is_our_distance_on_the_features_it_is_given(channels):
    class Brightness(nn.Module):  # in Inception's place; both take colours in [0, 1]
        def forward(self, images):
            halves = images[:, :, :40], images[:, :, 40:]
            return 100 * torch.cat([half.double().mean((2, 3)) for half in halves], 1)

    draws = torch.rand(700, channels, 2, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    images = draws.repeat_interleave(40, 2).repeat_interleave(40, 3)
    images, samples = images[:500], images[500:] / 2
    found = judges.usual_fid(images, samples, Brightness())
    order = torch.randperm(500, generator=torch.Generator().manual_seed(0))
    real, fake = (Brightness()((x.expand(-1, 3, -1, -1) + 1) / 2) for x in (images[order], samples))
    assert found["fid"] == pytest.approx(metrics.frechet_distance(real[:200], fake), rel=1e-3)
    same = metrics.frechet_distance(real[:200], real[200:400])
    assert found["fid, real against real"] == pytest.approx(same, rel=1e-3)


def test_train_step_in_miniature(tmp_path):
    out = str(tmp_path / "speed.json")
    small = ["--small", "--rounds", "2", "--seconds", "0.01", "--batch-size", "2", "--threads", "1", "--device", "cpu"]
    train_step.main([*small, "--only", "c32", "--out", out])
    result = json.loads(Path(out).read_text())
    found = result["contestants"]["c32"]
    assert (found["precision"], found["batch_size"], len(result["rounds"])) == ("float32", 2, 2)
    assert found["images_per_second"]["least"] > 0 < found["share_of_floor"]


@pytest.mark.parametrize("record", gpu_record.RECORDS)
def test_the_record_of_a_gpu_in_miniature(record, tmp_path):
    small = ["--small", "--device", "cpu", "--threads", "1", "--seconds", "0.3"]
    gpu_record.main([record, *small, "--out", str(tmp_path)])
    assert not torch.backends.cudnn.benchmark  # as it was before
    result = json.loads((tmp_path / f"{record}.json").read_text())
    assert result["miniature"] and result["command"].startswith("python tests/benchmarks/gpu_record.py")
    pictures = {path.name for path in tmp_path.glob("*.png")}
    if record == "speed":
        assert pictures == {"speed_samples.png"} and result["whole_training"]["steps"] == 4
        order = list(result)
        assert order.index("whole_training") < order.index("ways")  # an attached profiler would slow training down
        assert all(0 <= way["launch_bound_share"] < 1 for way in result["ways"].values())
        assert all(way["kernels"] and way["model_flop_utilisation"] for way in result["ways"].values())
    elif record == "tune":
        run = result["runs"][0]
        assert run["seconds"] > 0 and set(run["multiple"]) == set(judges.JUDGES)
        assert run["multiple, mean of the judges"] == pytest.approx(sum(run["multiple"].values()) / 3)
    else:
        assert pictures == {f"{record}_{name}.png" for name in ("samples", "film", "losses", "distance")}
        assert len(result["summary"]["frechet"]) == 3 and result["setup_seconds"] > 0


def test_the_search_begins_with_the_recipes_and_tries_only_what_a_recipe_has():
    assert gpu_record.TRIED["96/64"] == gpu_record.recipes.WIDE
    for settings in gpu_record.TRIED.values():
        gpu_record.recipes.FAST._replace(**{name: x for name, x in settings.items() if name != "precision"})
    recorded = json.loads((FOLDER.parents[1] / "figures/gpu/tuning.json").read_text())
    assert {run["name"] for run in recorded["runs"]} == set(gpu_record.TRIED)


def test_the_readme_says_of_the_card_what_its_records_say():
    root = FOLDER.parents[1]
    readme = " ".join((root / "README.md").read_text(encoding="utf-8").split())
    names = ("speed", "tuning", "colour", "compiled", "conditional")
    files = {name: json.loads((root / f"figures/gpu/{name}.json").read_text()) for name in names}
    speed, tuning, colour, compiled, labelled = files.values()
    eager, _, graph = speed["ways"].values()
    said = [
        f"{round(eager['images_per_second'], -3):,.0f} images/s, {eager['launch_bound_share']:.0%}".replace("%", " %")
    ]
    said += [
        f"{round(graph['images_per_second'], -3):,.0f} images/s, waiting {graph['launch_bound_share'] * 100:.0f} %"
    ]
    said += [f"All fifty epochs took {speed['whole_training']['seconds']:.0f} s"]
    plain, inductor, _ = compiled["ways"].values()
    whole, more = speed["whole_training"]["steps"] * inductor["seconds_per_step"], "setup_seconds"
    said += [f"would take {whole:.0f} s, after {inductor[more] - plain[more]:.0f} s more to set up"]
    digits = [json.loads((root / f"figures/gpu/digits{seed}.json").read_text()) for seed in ("", "_1", "_2")]
    assert [record["looks"][0]["seed"] for record in digits] == [0, 1, 2]
    said += [f"MNIST for {record['summary']['seconds']['median']:.0f} s with the wide pair" for record in digits]
    for record in (*digits, colour):
        mean, judged = (record["summary"][name] for name in ("multiple, mean of the judges", "multiple"))
        said += [f"{mean['median']:.1f} ({judged['least']:.1f} to {judged['most']:.1f})"]
    after_a_minute = [look["multiple"] for look in colour["looks"] if 60 < look["seconds"] < 65]
    said += [f"after one minute it had been {sum(after_a_minute) / 3:.1f}"]
    read = labelled["runs"]["projection"]["0"], labelled["runs"]["real digits, held out"]
    said += [f"reads {run['accuracy'] * 100:.0f} % of the samples as their label" for run in read]
    chosen = [run for run in tuning["runs"] if run["name"] == "96/64"]
    means = [run["multiple, mean of the judges"] for run in chosen]
    seconds = sum(run["seconds"] for run in chosen) / len(chosen)
    said += [f"H200: {seconds:.1f} s, to {min(means):.1f} to {max(means):.1f} times real against real (three seeds)"]
    assert len(chosen) == 3 and {speed["machine"]["gpu"], tuning["machine"]["gpu"]} == {"NVIDIA H200"}
    assert not [words for words in said if words not in readme]


def test_what_a_call_has_found_is_kept_where_it_is_cut_off(tmp_path, monkeypatch):
    def cut_off(*arguments):
        raise TimeoutError

    monkeypatch.setattr(gpu_record, "compare_ways", cut_off)
    with pytest.raises(TimeoutError):
        gpu_record.main(["speed", "--small", "--device", "cpu", "--threads", "1", "--out", str(tmp_path)])
    result = json.loads((tmp_path / "speed.json").read_text())
    assert result["whole_training"]["steps"] == 4 and result["floor"]["float32"]["median"] > 0


def test_a_profiler_that_fails_costs_its_own_numbers_alone(monkeypatch):
    def no_rights(game, steps):
        raise RuntimeError("CUPTI_ERROR_INSUFFICIENT_PRIVILEGES")

    monkeypatch.setattr(gpu_record, "kernels", no_rights)
    assert set(gpu_record.profiled(None, 1, 1.0).values()) == {None}


BARE = """
import sys
from importlib.machinery import PathFinder

class Bare:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] in {lacking} else PathFinder.find_spec(name, path, target)

sys.meta_path = [Bare if finder is PathFinder else finder for finder in sys.meta_path]
"""
LACKING = "nbformat IPython ipywidgets nbval hypothesis torchmetrics jupyter_client nbclient nbconvert".split()


RUN_TESTS = "import pytest; sys.exit(pytest.main(['tests/test_accelerate.py', '-k', 'on_a_gpu', '-q']))"
PARSE = """
sys.path.insert(0, 'tests/benchmarks')
import gpu_record
gpu_record.parse(['speed', '--out', 'x'])
gpu_record.plots.panels()  # matplotlib asks IPython, where it seems to be there, for its version
"""


@pytest.mark.parametrize("code", [RUN_TESTS, PARSE], ids=["tests", "record"])
def test_a_bare_gpu_machine_has_enough(code):
    program = BARE.format(lacking=set(LACKING)) + code
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    how = {"cwd": FOLDER.parent.parent, "env": environment, "capture_output": True, "text": True}
    run = subprocess.run([sys.executable, "-c", program], **how)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "skipped" in run.stdout or code is PARSE  # here there is no GPU; but the tests were found


def test_colour_trains_for_what_is_left_of_eight_minutes(monkeypatch):
    trained = []

    def no_training(*arguments, **settings):
        trained.append(arguments[3][-1])
        raise KeyboardInterrupt

    monkeypatch.setattr(gpu_record.time, "perf_counter", lambda: 1_030.0)
    monkeypatch.setattr(gpu_record.quality, "train_ours", no_training)
    for began in (1_000.0, 500.0):
        arguments = gpu_record.parse(["colour", "--small", "--out", "."])
        arguments.began = began
        with pytest.raises(KeyboardInterrupt):
            gpu_record.colour(arguments, torch.device("cpu"), tell=None)
    assert trained == [480 - 60 - 30, 60]  # loading took 30 s, or more than there is


def test_without_tensorflow_its_contestant_is_left_out(capsys):
    assert train_step.without_absent(["a", "b"], None) == ["b"]
    assert "bench" in capsys.readouterr().out
    assert train_step.without_absent(["a", "b"], "python") == ["a", "b"]


def test_a_machine_without_what_the_package_imports_is_told_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "quality", None)  # it cannot be imported, as if one of those were missing:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(SystemExit, match="lacks tqdm"):
        runpy.run_path(str(FOLDER / "gpu_record.py"))


def test_the_busy_neighbour_in_miniature(capsys):
    small = ["--busy", "--rounds", "1", "--seconds", "0.01", "--batch-size", "2", "--threads", "2", "--device", "cpu"]
    found = train_step.main(small)["busy"]
    assert list(found) == ["one thread", "all threads, spinning", "all threads, sleeping"]
    assert all(len(speeds) == 3 and min(speed["least"] for speed in speeds) > 0 for speeds in found.values())
    assert "of one quiet thread" in capsys.readouterr().out


def test_the_busy_neighbours_speeds_are_held_against_the_quiet_machine():
    speeds = {
        way: [{"median": value} for value in values]
        for way, values in (
            (train_step.ALONE, (100, 90, 60)),
            (train_step.SPINNING, (200, 40, 20)),
            (train_step.SLEEPING, (190, 80, 70)),
        )
    }
    assert train_step.busy_table(speeds).splitlines()[-2:] == [
        "sleeping, of the best when quiet: 0.95",
        "sleeping, of one quiet thread, beside one and two neighbours: 0.80, 0.70",
    ]
