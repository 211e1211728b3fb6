"""A run that was stopped goes on bit for bit, whatever stopped it; and a file that is no checkpoint says so."""

import multiprocessing
import os
import pickle
import random
import signal
import time
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from gan_edu import accelerate, checkpoints, models, train
from gan_edu.data import Batches
from gan_edu.losses import Term, penalty

STEPS, SAVE_EVERY = 30, 7


pytestmark = pytest.mark.usefixtures("one_thread")


class Judge(nn.Module):
    """A discriminator of 8x8 images with Dropout, so that every pass takes random numbers."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Flatten())
        self.head = nn.Linear(64, 1)

    def forward(self, images):
        return self.head(self.net(images)).squeeze(1)


def of_chance(judge, real, fake, condition):
    """A term that draws from NumPy's and Python's generators."""
    return fake.square().mean() * (np.random.rand() + random.random())


def new_game(seed=0, n=40, adam=torch.optim.Adam, r1=1.0, width=4, batch_size=16, **settings):
    """A GAN with all that a checkpoint must keep: moments, an average, batch norm, lazy terms, chance everywhere."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    g, d = models.DCGANGenerator(8, latent_dim=4, width=width), Judge()
    optimizers = [adam(network.parameters(), 2e-3) for network in (g, d)]
    terms = {"d_terms": [penalty("r1", r1, every=3)], "g_terms": [Term("chance", of_chance, 0.1)]}
    settings = {"ema": 0.9, "ema_warmup": True, **terms, **settings}
    loss = settings.pop("loss", "non_saturating")
    gan = train.GAN(g, d, loss, *optimizers, device="cpu", **settings)
    images = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return gan, Batches(images, batch_size=batch_size, seed=seed)


def play(path=None, stop_at=None, precision=None, steps=STEPS, game=None, before_step=None, **settings):
    """A run, by `accelerate` where a precision is given; Ctrl-C comes in step `stop_at`. All that it ends with."""
    gan, batches = new_game() if game is None else game
    step = train.train_step if precision is None else accelerate.accelerate(gan, batches, precision)

    def watched(gan, real, **given):
        if before_step is not None:
            before_step()
        losses = step(gan, real, **given)
        if gan.steps == stop_at:
            raise KeyboardInterrupt
        return losses

    def evaluate(gan):
        return float(gan.sample(4).mean()) + random.random()

    settings = {
        "d_steps": 2,
        "final_rate": 0.1,
        "snapshots": 4,
        "snapshot_size": 5,
        "save_every": SAVE_EVERY,
    } | settings
    history = train.train(
        gan, batches, steps, step=watched, evaluate=evaluate, progress=False, checkpoint=path, **settings
    )
    return gan, batches, history, checkpoints.random_state()


def all_of(run):
    """Every tensor and number that a run ended with."""
    gan, batches, history, numbers = run
    seen = {"losses": torch.from_numpy(np.stack([history.discriminator, history.generator])), "steps": history.steps}
    seen |= {"samples": history.samples, "scores": history.scores, "interrupted": history.interrupted}
    return {"gan": gan.state_dict(), "batches": batches.state_dict(), "history": seen, "random": numbers}


def differing(a, b):
    """The names of what is not equal, bit for bit."""
    found = []
    for part in a:
        for name in a[part]:
            pairs = zip(tree_leaves(a[part][name]), tree_leaves(b[part][name]), strict=True)
            if not all(torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y for x, y in pairs):
                found.append(f"{part}: {name}")
    return found


# Going on


PRECISIONS = [None, *accelerate.PRECISIONS]
every_step = pytest.mark.parametrize("precision", PRECISIONS, ids=["plain step", "fast step", "fast step in bfloat16"])


@every_step
@pytest.mark.parametrize("stop_at", [2, 14, 18], ids=["before the first save", "at a save", "between saves"])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(stop_at, precision, tmp_path):
    path = tmp_path / "run.pt"
    whole = all_of(play(precision=precision))
    assert play(path, stop_at, precision)[2].interrupted
    other_seed = new_game(seed=5)  # nothing of the new game must be left
    resumed = play(path, None, precision and "float32", game=other_seed)  # the saved precision wins
    assert differing(all_of(resumed), whole) == []


def test_the_comparison_sees_another_seed_in_everything_that_depends_on_one():
    a, b = all_of(play()), all_of(play(game=new_game(seed=5)))
    same = {"gan: steps", "gan: d_moves", "gan: g_moves", "gan: precision", "gan: ema_moves"}
    same |= {"batches: position", "batches: digest", "history: steps", "history: interrupted", "random: cuda"}
    assert {f"{part}: {name}" for part in a for name in a[part]} - set(differing(a, b)) == same


def test_keeping_a_checkpoint_changes_nothing(tmp_path):
    assert differing(all_of(play(tmp_path / "run.pt")), all_of(play())) == []


def test_a_run_that_is_done_comes_back_whole_without_a_step(tmp_path):
    path = tmp_path / "run.pt"
    whole = all_of(play(path))

    def forbidden():
        raise AssertionError("a step was made")

    assert differing(all_of(play(path, game=new_game(seed=5), before_step=forbidden)), whole) == []


def test_a_run_may_stop_and_go_on_many_times(tmp_path):
    path, whole = tmp_path / "run.pt", all_of(play())
    for stop_at in (3, 8, 9, 16, 27):
        assert play(path, stop_at)[2].interrupted
    assert differing(all_of(play(path)), whole) == []


def test_a_resumed_run_keeps_its_own_rates(tmp_path):
    path, whole, game = tmp_path / "run.pt", all_of(play()), new_game()
    play(path, stop_at=20)
    groups = [group for o in (game[0].g_optimizer, game[0].d_optimizer) for group in o.param_groups]
    for group in groups:
        group["lr"] = 1.0
    assert differing(all_of(play(path, game=game)), whole) == []
    assert [group["lr"] for group in groups] == [2e-3] * 2  # where they began, before they fell


OPTIMIZERS = {
    "SGD": torch.optim.SGD,
    "SGD with momentum": partial(torch.optim.SGD, momentum=0.9),
    "AdamW": torch.optim.AdamW,
    "AMSGrad": partial(torch.optim.Adam, amsgrad=True),
    "RMSprop": torch.optim.RMSprop,
    "NAdam": torch.optim.NAdam,  # keeps a number besides its moments
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_runs_with_other_optimizers_go_on_too(optimizer, tmp_path):
    path, settings = tmp_path / "run.pt", {"steps": 12, "save_every": 4}
    whole = all_of(play(game=new_game(adam=optimizer), **settings))
    play(path, 6, game=new_game(adam=optimizer), **settings)
    assert differing(all_of(play(path, game=new_game(seed=5, adam=optimizer), **settings)), whole) == []


def test_every_generator_of_random_numbers_is_put_back():
    def draw():
        return torch.rand(3).tolist(), np.random.randn(3).tolist(), [random.gauss(0, 1) for _ in range(3)]

    draw()  # now NumPy and Python each keep a second normal number for later
    state = checkpoints.random_state()
    expected = draw()
    assert draw() != expected
    checkpoints.set_random_state(state)
    assert draw() == expected


# Being killed


def forkserver():
    """Processes that start from one which has PyTorch already, so fast, and without the threads of this one.

    Dynamo is what the first optimizer imports.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gan_edu.accelerate", "torch._dynamo", "pytest"])
    return context


def test_a_finished_run_can_be_made_longer(tmp_path):
    path, taken = tmp_path / "run.pt", []
    done = play(path)
    longer = play(path, steps=STEPS + 10, game=new_game(seed=5), before_step=lambda: taken.append(1))
    assert len(taken) == 10 and longer[0].steps == STEPS + 10
    assert (longer[2].generator[:STEPS] == done[2].generator).all() and np.isfinite(longer[2].generator).all()
    assert longer[2].steps[-1] == STEPS + 10
    assert not differing(all_of(play(path, steps=STEPS + 10)), all_of(longer))


def test_a_checkpoint_without_a_plan_says_so(tmp_path):
    path = tmp_path / "run.pt"
    checkpoints.save(path, {"number": 1})
    with pytest.raises(ValueError, match=r"run\.pt is no checkpoint to go on from: it has no plan"):
        play(path)


LONG = {"steps": 250, "save_every": 3, "d_steps": 1}


def train_slowly(path, seed, begun):
    """In a process of its own: a run that counts the steps it begins, and takes 3 ms or more for each."""
    torch.set_num_threads(1)

    def before_step():
        begun.value += 1
        time.sleep(0.003)

    play(path, game=new_game(seed=seed), before_step=before_step, **LONG)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_a_run_that_is_stopped_ten_times_ends_like_one_that_is_not(how, tmp_path):
    path, context, moments, kept = tmp_path / "run.pt", forkserver(), random.Random(0), []
    for seed in range(10):  # but for the first, a resumed game is to forget its own
        begun, enough = context.Value("i", 0), moments.randint(1, 12)
        process = context.Process(target=train_slowly, args=(path, seed, begun))
        process.start()
        while begun.value < enough and process.is_alive():
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.01))  # anywhere in a step, or in a save
        os.kill(process.pid, how)
        process.join()
        assert process.exitcode == (-how if how == signal.SIGKILL else 0)
        kept.append(checkpoints.load(path)["run"]["done"])
        if how != signal.SIGKILL:  # nothing is lost at all: the step that was begun is finished and saved
            assert kept[-1] == sum(kept[-2:-1]) + begun.value
    assert kept == sorted(kept) and 0 < kept[-1] < LONG["steps"]
    assert differing(all_of(play(path, game=new_game(seed=5), **LONG)), all_of(play(**LONG))) == []


def die_while_saving(path, moment):
    """In a process of its own: killed when the bytes are written in part, or whole but without the name."""

    def write(file):
        torch.save({"half": torch.zeros(1000)}, file)
        if moment == "half written":
            file.flush()
            file.truncate(2000)
            os.kill(os.getpid(), signal.SIGKILL)

    if moment == "before the name":
        os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
    checkpoints.write_whole(path, write)


@pytest.mark.parametrize("moment", ["half written", "before the name"])
def test_a_kill_in_the_middle_of_a_write_leaves_the_previous_checkpoint(moment, tmp_path):
    path = tmp_path / "run.pt"
    checkpoints.save(path, {"number": 1})
    process = forkserver().Process(target=die_while_saving, args=(path, moment))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2  # it was writing, beside
    assert checkpoints.load(path)["number"] == 1
    checkpoints.save(path, {"number": 2})  # what was left over is in nobody's way
    assert checkpoints.load(path)["number"] == 2 and list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_previous_checkpoint_and_no_rest(tmp_path):
    path = tmp_path / "run.pt"
    checkpoints.save(path, {"number": 1})

    def full(file):
        file.write(b"some")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        checkpoints.write_whole(path, full)
    assert checkpoints.load(path)["number"] == 1 and list(tmp_path.iterdir()) == [path]


# Files that are none


@pytest.fixture(scope="module")
def good_bytes(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "run.pt"
    play(path, steps=2, snapshots=1)
    return path.read_bytes()


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_a_file_cut_short_is_named(share, good_bytes, tmp_path):
    path = tmp_path / "run.pt"
    path.write_bytes(good_bytes[: int(len(good_bytes) * share)])
    with pytest.raises(ValueError, match=r"run\.pt is cut short, damaged, or no checkpoint"):
        play(path)


def test_a_flipped_bit_is_noticed_or_does_not_matter(good_bytes, tmp_path):
    path, places, noticed = tmp_path / "run.pt", random.Random(0), 0
    path.write_bytes(good_bytes)
    whole = tree_leaves(checkpoints.load(path))
    for _ in range(100):
        damaged = bytearray(good_bytes)
        damaged[places.randrange(len(damaged))] ^= 1 << places.randrange(8)
        path.write_bytes(damaged)
        try:
            found = tree_leaves(checkpoints.load(path))
        except ValueError:
            noticed += 1
            continue
        pairs = zip(found, whole, strict=True)  # NaN, of steps not yet made, is not equal to itself
        assert all(torch.equal(x.nan_to_num(), y.nan_to_num()) if torch.is_tensor(x) else x == y for x, y in pairs)
    assert noticed > 50


RAN = []  # what unpickling has run


def run_code(word):
    RAN.append(word)


class Evil:
    """Unpickled, it runs code of its author's choice."""

    def __reduce__(self):
        return run_code, ("code",)


FOREIGN = {
    "garbage": lambda path: path.write_bytes(bytes(random.Random(0).randrange(256) for _ in range(5000))),
    "text": lambda path: path.write_text("epoch, loss\n1, 0.5\n" * 20),
    "weights alone": lambda path: torch.save(nn.Linear(2, 2).state_dict(), path),
    "a tensor": lambda path: torch.save(torch.zeros(3), path),
    "another zip": lambda path: np.savez(path.open("wb"), a=np.zeros(3)),
    "a pickle with code": lambda path: path.write_bytes(pickle.dumps(Evil())),
    "code in a file of torch.save": lambda path: torch.save({"format": checkpoints.FORMAT, "plan": Evil()}, path),
    "code in an old file of torch.save": lambda path: torch.save(
        {"format": checkpoints.FORMAT, "plan": Evil()}, path, _use_new_zipfile_serialization=False
    ),
}


@pytest.mark.parametrize("write", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_is_named_and_runs_no_code(write, tmp_path):
    path = tmp_path / "run.pt"
    write(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"run\.pt is (cut short, damaged, or )?no checkpoint"):
        play(path)
    assert RAN == [] and path.read_bytes() == before


def test_the_code_would_have_run_without_weights_only(tmp_path):
    FOREIGN["code in a file of torch.save"](tmp_path / "run.pt")
    torch.load(tmp_path / "run.pt", weights_only=False)
    assert RAN == ["code"]  # so the test above can fail
    RAN.clear()


def test_no_file_is_an_error_of_its_own(tmp_path):
    with pytest.raises(FileNotFoundError):
        checkpoints.load(tmp_path / "nowhere.pt")


# Checkpoints of other runs


def with_sgd(network_parameters, rate):
    return torch.optim.SGD(network_parameters, rate)


OTHER_RUNS = {
    "steps": ({}, {"steps": 5}, "steps = 30, here it is 5.*Go on with its settings, or save to another file"),
    "d_steps": ({}, {"d_steps": 1}, "d_steps = 2, here it is 1"),
    "final_rate": ({}, {"final_rate": 0.5}, "final_rate = 0.1, here it is 0.5"),
    "snapshots": ({}, {"snapshots": 2}, "snapshots ="),
    "loss": ({"loss": "hinge"}, {}, "loss = non_saturating, here it is hinge"),
    "updates": ({"updates": "simultaneous"}, {}, "updates = alternating, here it is simultaneous"),
    "average": ({"ema": 0.5}, {}, "ema = 0.9, here it is 0.5"),
    "no average": ({"ema": None}, {}, "ema = 0.9, here it is None"),
    "warm-up": ({"ema_warmup": False}, {}, "ema_warmup = True, here it is False"),
    "terms": ({"r1": 2.0}, {}, "terms ="),
    "optimizers": ({"adam": with_sgd}, {}, "optimizers = .*Adam.*SGD"),
    "batch size": ({"batch_size": 8}, {}, "batch_size = 16, here it is 8"),
    "generator": ({"width": 8}, {}, "the saved game has another generator"),
    "data": ({"n": 50}, {}, "the stream went over 40 items, here are 50"),
}


@pytest.mark.parametrize(("game", "run", "told"), OTHER_RUNS.values(), ids=OTHER_RUNS)
def test_the_checkpoint_of_another_run_tells_the_difference(game, run, told, tmp_path):
    path = tmp_path / "run.pt"
    play(path, stop_at=8)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=told):
        play(path, game=new_game(**game), **run)
    assert path.read_bytes() == before  # and nothing was lost
    assert not play(path)[2].interrupted


def test_another_discriminator_is_told(tmp_path):
    path = tmp_path / "run.pt"
    play(path, stop_at=8)
    gan, batches = new_game()
    other = models.DCGANDiscriminator(8, width=4)
    optimizer = torch.optim.Adam(other.parameters(), 2e-3)
    game = train.GAN(gan.generator, other, "non_saturating", gan.g_optimizer, optimizer, device="cpu", ema=0.9,
                     ema_warmup=True, d_terms=gan.d_terms, g_terms=gan.g_terms)  # fmt: skip
    with pytest.raises(ValueError, match="the saved game has another discriminator"):
        play(path, game=(game, batches))


# What cannot be saved


class Pair(tuple):
    pass


@pytest.mark.parametrize("score", [np.float64(1), np.ones(2), Pair((1, 2)), {"fine": [object()]}])
def test_what_could_not_be_loaded_is_not_saved_and_told_at_the_first_step(score, tmp_path):
    path = tmp_path / "run.pt"
    checkpoints.save(path, {"number": 1})
    with pytest.raises(TypeError, match="a checkpoint holds tensors"):
        checkpoints.save(path, {"score": score})
    assert checkpoints.load(path)["number"] == 1
    gan, batches = new_game()
    with pytest.raises(TypeError, match="a checkpoint holds tensors"):
        train.train(gan, batches, 500, snapshots=2, evaluate=lambda gan: score, progress=False,
                    checkpoint=tmp_path / "new.pt")  # fmt: skip
    assert gan.steps == 0


@pytest.mark.parametrize("value", [None, True, 3, 2**70, 0.1, float("inf"), "word", [1, (2.0, {"a": "b"})], {3: None}])
def test_plain_values_come_back_as_they_went(value, tmp_path):
    checkpoints.save(tmp_path / "x.pt", {"value": value})
    found = checkpoints.load(tmp_path / "x.pt")["value"]
    assert found == value and type(found) is type(value)


def test_batches_without_a_place_are_refused_at_once(tmp_path):
    gan, batches = new_game()
    with pytest.raises(ValueError, match=r"pass data\.Batches"):
        train.train(gan, (batch for batch in batches), 5, progress=False, checkpoint=tmp_path / "run.pt")
    assert gan.steps == 0


def test_a_game_that_diverged_is_not_saved(tmp_path):
    gan, batches = new_game()

    def step(gan, real, **given):
        losses = train.train_step(gan, real, **given)
        return losses if gan.steps <= 5 else train.StepLosses(*(loss * torch.nan for loss in losses))

    path = tmp_path / "run.pt"
    with pytest.raises(train.TrainingDiverged, match="step 5"):
        train.train(gan, batches, 30, step=step, checkpoint=path, save_every=4, progress=False)
    assert checkpoints.load(path)["run"]["done"] == 4


def test_save_every_below_one_is_refused(tmp_path):
    with pytest.raises(ValueError, match="save_every is 0; it must be at least 1"):
        play(tmp_path / "run.pt", save_every=0)
