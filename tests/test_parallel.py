"""Two processes train as one: the same gradients, the same weights, one that writes, and an end for all at once."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from torch import distributed, nn

from gan_edu import checkpoints
from gan_edu.__main__ import main
from gan_edu.train import parallel

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not distributed.is_available(), reason="this PyTorch has no torch.distributed"),
]

# --- gradients, weights and statistics --------------------------------------------------------------------------------

COMPARE = r"""
import copy, itertools, json, types
import torch
from torch import distributed, nn
from gan_edu import data, losses, models, recipes, train
from gan_edu.train import parallel

torch.set_num_threads(1)
small = {"g_width": 8, "d_width": 8}
pictures = lambda *shape: data.Images(torch.rand(48, *shape) * 2 - 1, torch.arange(48) % 3, ("a", "b", "c"))
torch.manual_seed(5)
shapes = {8: pictures(1, 8, 8), 28: pictures(1, 28, 28)}
build = {
    "digits": lambda: recipes.pictures(shapes[8], recipes.RECIPES[8]._replace(**small), device="cpu"),
    "fast": lambda: recipes.pictures(shapes[28], recipes.FAST._replace(**small), device="cpu"),
    "labels": lambda: recipes.pictures(shapes[28], recipes.FAST._replace(**small, conditional=True), device="cpu"),
    "plane": lambda: recipes.plane(data.ring(), device="cpu"),
}
for loss, updates in itertools.product(losses.LOSSES, ("alternating", "simultaneous")):

    def make(loss=loss, updates=updates):
        torch.manual_seed(0)
        pair = models.DCGANGenerator(8, 1, 4, 8), models.DCGANDiscriminator(8, 1, 8, batch_norm=True)
        gan = train.GAN(*pair, loss, updates=updates, d_terms=[losses.penalty("r1", 0.5)], device="cpu")
        return gan, data.Batches(shapes[8].images, batch_size=16)

    build[f"{loss}, {updates}, batch norm, R1"] = make

def gradient(player):
    return torch.cat([weight.grad.flatten() for weight in player.parameters()])

def distance(one, other):
    return ((one - other).norm() / one.norm()).item()

told = {"gradients": {}, "statistics": {}}
with parallel.group():
    for (name, make), dtype in itertools.product(build.items(), (torch.float64, torch.float32)):
        name = f"{name}, {dtype}"
        (gan, batches), (alone, _) = make(), make()
        for game in (gan, alone):
            with torch.no_grad():  # from the middle of a game: in the beginning D's gradients all but cancel
                for weight in (*game.generator.parameters(), *game.discriminator.parameters()):
                    weight *= 3
            for network in game.networks().values():
                network.to(dtype)
            for group in [group for optimizer in game.optimizers().values() for group in optimizer.param_groups]:
                group["lr"] = 0.0  # so that G's gradient is against the same D
        batch = next(batches)
        real, condition = batch if isinstance(batch, tuple) else (batch, None)
        real = real.to(dtype)
        step = parallel.share(gan, train.train_step)
        torch.manual_seed(3)
        shared_losses = step(gan, real, condition=condition)
        torch.manual_seed(3)
        whole_losses = train.train_step(alone, real, condition=condition)
        pairs = [(gan.generator, alone.generator), (gan.discriminator, alone.discriminator)]
        told["gradients"][name] = [distance(gradient(b), gradient(a)) for a, b in pairs]
        told["gradients"][name] += [abs(a - b).item() for a, b in zip(shared_losses, whole_losses)]
        buffers = [(a, b) for one, two in pairs for a, b in zip(one.buffers(), two.buffers())]
        told["statistics"][name] = sum((a - b).abs().max().item() for a, b in buffers)  # NaN stays NaN

    # Steps in float64, where rounding does not grow; weights that differ at first; a place where a network draws.
    gan, batches = build["digits"]()
    alone, _ = build["digits"]()
    for network in (*gan.networks().values(), *alone.networks().values()):
        network.double()
    with torch.no_grad():
        for weight in gan.generator.parameters():
            weight += parallel.rank()  # `share` makes them those of rank 0
    drawn = []
    def step(*given):
        drawn.append(torch.rand(1))
        return train.train_step(*given)
    step = parallel.share(gan, step)
    for turn in range(20):
        real = next(batches).double()
        torch.manual_seed(turn)
        step(gan, real)
        torch.manual_seed(turn)
        train.train_step(alone, real)
    def flat(game):
        states = [network.state_dict() for network in game.networks().values()]
        return torch.cat([value.double().flatten() for state in states for value in state.values()])
    every = [torch.empty_like(flat(gan)) for _ in range(2)]
    distributed.all_gather(every, flat(gan))
    told["ranks differ by"] = (every[0] - every[1]).abs().max().item()
    told["one process differs by"] = (flat(gan) - flat(alone)).abs().max().item()
    draws = [torch.empty(20) for _ in range(2)]
    distributed.all_gather(draws, torch.cat(drawn))
    told["draws in common"] = (draws[0] == draws[1]).sum().item()
    told["most"] = parallel.most(7 + parallel.rank())

    # No gradient on one rank counts as zero, a frozen weight is left alone.
    weights = [nn.Parameter(torch.zeros(2)) for _ in range(3)]
    weights[2].requires_grad_(False)
    weights[0].grad = torch.tensor([1.0, 3.0]) * (1 + 2 * parallel.rank())
    weights[1].grad = torch.ones(2) if parallel.rank() else None
    parallel.average(torch.optim.SGD(weights))
    told["averaged"] = [None if weight.grad is None else weight.grad.tolist() for weight in weights]

    try:
        step(gan, real[:3])
    except ValueError as error:
        told["odd"] = str(error)
    print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def compared():
    first, second = parallel.launch(COMPARE, timeout=120)
    assert first.startswith("{"), first
    assert second == "", "another rank than 0 prints"
    return json.loads(first)


def test_gradients_and_losses_on_two_processes_are_those_of_one_on_the_joined_batch(compared):
    # In float32 one process is up to 1e-6 from itself, where the rows of its batch are shuffled.
    bounds = {name: 1e-12 if "float64" in name else 3e-6 for name in compared["gradients"]}
    far = {
        name: found for name, found in compared["gradients"].items() if not all(x < bounds[name] for x in found)
    }  # NaN is not below
    assert len(bounds) == 32 and not far


def test_batch_norm_keeps_the_statistics_of_all_rows(compared):
    assert all(far < 1e-6 for far in compared["statistics"].values())


def test_batch_norm_of_all_rows_takes_and_gives_what_autocast_makes():
    torch.manual_seed(0)
    x, own, theirs = torch.randn(8, 3, 4, 4).bfloat16(), nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        found = parallel.batch_norm(own, x)
    finally:
        distributed.destroy_process_group()
    assert found.dtype == torch.bfloat16 and torch.allclose(found, theirs(x), atol=0.02)
    assert torch.allclose(own.running_mean, theirs.running_mean, atol=1e-4)


def test_ranks_stay_equal_to_the_last_bit_and_equal_one_process(compared):
    assert compared["ranks differ by"] == 0
    assert compared["one process differs by"] < 1e-9


def test_what_a_network_draws_differs_between_ranks(compared):
    assert compared["draws in common"] == 0


def test_no_gradient_counts_as_zero_and_frozen_weights_have_none(compared):
    assert compared["averaged"] == [[2, 6], [0.5, 0.5], None]


def test_ranks_agree_on_the_greatest_number(compared):
    assert compared["most"] == 8


def test_a_batch_without_equal_shares_is_told_in_a_line(compared):
    assert compared["odd"] == "a batch of 3 has no equal shares for 2 processes: take another number"


def test_alone_there_is_one_process_which_is_the_first():
    with parallel.group():
        assert (parallel.rank(), parallel.size(), parallel.most(3)) == (0, 1, 3)


# --- launching --------------------------------------------------------------------------------------------------------


def test_what_hangs_is_ended_and_what_it_printed_is_kept(tmp_path):
    source = "import os, time; print('rank', os.environ['RANK'], os.getpid(), flush=True); time.sleep(60)"
    began = time.monotonic()
    said = parallel.launch(source, processes=3, timeout=2)
    assert time.monotonic() - began < 20
    assert [line.split()[:2] for line in said] == [["rank", "0"], ["rank", "1"], ["rank", "2"]]
    for line in said:
        with pytest.raises(ProcessLookupError):
            os.kill(int(line.split()[2]), 0)


# --- torchrun, checkpoints, and the end -------------------------------------------------------------------------------

RUN = r"""
import json, os, signal
import torch
from gan_edu import data, recipes, train
from gan_edu.train import parallel

torch.set_num_threads(1)
with parallel.group():
    for path, die_at in json.loads(os.environ["RUNS"]):
        gan, batches = recipes.plane(data.ring(), device="cpu")
        step = parallel.share(gan, train.train_step)
        def mortal(*given, **more):
            if gan.steps == die_at and parallel.rank():
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*given, **more)
        train.train(gan, batches, 40, step=mortal, checkpoint=path, save_every=10, progress=False)
"""


def start(*command, folder):
    """A command under torchrun on two processes; what they say is in folder/said."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (folder / "said").open("w") as said:
        return subprocess.Popen([*torchrun, *map(str, command)], env=environment, stdout=said, stderr=said)


def same(one, other) -> bool:
    """Nested containers of tensors and numbers, bit for bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def test_a_killed_rank_ends_the_other_and_the_checkpoint_goes_on_bit_for_bit(tmp_path, monkeypatch):
    (tmp_path / "run.py").write_text(RUN)
    monkeypatch.setenv("RUNS", json.dumps([[str(tmp_path / "killed.pt"), 25]]))
    run = start(tmp_path / "run.py", folder=tmp_path)
    assert run.wait(timeout=90) != 0
    said = (tmp_path / "said").read_text()
    assert said.count("ConnectionError: another process of this run has ended, or hangs") == 1, said
    assert checkpoints.load(tmp_path / "killed.pt")["run"]["done"] == 20

    (tmp_path / "alone.pt").write_bytes((tmp_path / "killed.pt").read_bytes())
    monkeypatch.setenv("RUNS", json.dumps([[str(tmp_path / name), -1] for name in ("whole.pt", "killed.pt")]))
    assert parallel.launch(RUN) == ["", ""]
    monkeypatch.setenv("RUNS", json.dumps([[str(tmp_path / "alone.pt"), -1]]))
    exec(RUN, {})  # on one process
    whole, killed, alone = (checkpoints.load(tmp_path / f"{name}.pt") for name in ("whole", "killed", "alone"))
    assert all(same(whole[part], killed[part]) for part in ("plan", "gan", "batches", "run"))
    assert alone["run"]["done"] == 40 and same(alone["random"]["torch"], whole["random"]["torch"])
    assert (alone["run"]["losses"] - whole["run"]["losses"]).abs().max() < 1e-3


def test_the_command_line_under_torchrun_writes_once_stops_whole_and_goes_on_alone(tmp_path, capsys):
    out = tmp_path / "out"
    run = start("-m", "gan_edu", "train", "digits", "--steps", 4000, "--out", out, folder=tmp_path)
    while not (out / "checkpoint.pt").exists() and run.poll() is None:
        time.sleep(0.1)
    time.sleep(2)
    run.send_signal(signal.SIGINT)  # as Ctrl-C does
    assert run.wait(timeout=60) != 0
    said = (tmp_path / "said").read_text()
    done = checkpoints.load(out / "checkpoint.pt")["run"]["done"]
    assert 0 < done < 4000, said
    assert said.count(f"stopped after {done} steps: --resume goes on from step {done}") == 1, said
    assert said.count("1,797 images of 8x8, 4,000 steps on cpu") == 1 == said.count("generator.pt"), said

    assert main(["train", "digits", "--resume", "--steps", str(done + 2), "--out", str(out)]) == 0  # on one process
    assert main(["train", "digits", "--steps", str(done + 2), "--out", str(tmp_path / "whole")]) == 0
    on, whole = (checkpoints.load(folder / "checkpoint.pt") for folder in (out, tmp_path / "whole"))
    assert same(on["random"]["torch"], whole["random"]["torch"]) and same(on["batches"], whole["batches"])
    # Later losses drift apart by rounding, as those of one process do whose rows are shuffled.
    assert (on["run"]["losses"][0] - whole["run"]["losses"][0]).abs().max() < 1e-5
