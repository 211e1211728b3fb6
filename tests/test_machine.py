"""The cards that people have: what computes is used, what does not is told in one line, and what is measured fits."""

import math
import os
import shutil
import subprocess
import sys
import warnings

import pytest
import torch
from conftest import ROOT

from gan_edu import checkpoints, data, machine, recipes, train
from gan_edu.train import game

pytestmark = pytest.mark.usefixtures("one_thread")

NO_KERNEL = "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors might be ..."
NO_MEMORY = "CUDA out of memory. Tried to allocate 2.00 MiB. GPU 0 has a total capacity of 3.94 GiB\nsee documentation"


@pytest.fixture
def card(monkeypatch):
    """A GPU that is counted, whose first operation does as the test says."""

    def forget():
        game._automatic_device.cache_clear()
        game._why_not.cache_clear()

    def counted(error=None, bf16=True):
        forget()
        ones = torch.ones

        def first_operation(*size, device=None, **how):
            if error is not None and torch.device(device or "cpu").type != "cpu":
                warnings.warn("Found GPU0 which is of cuda capability 6.1.\nMinimum is 7.5.", stacklevel=2)
                raise error
            return ones(*size, **how)

        monkeypatch.setattr(torch, "ones", first_operation)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16)

    yield counted
    forget()


@pytest.mark.parametrize("message", [NO_KERNEL, NO_MEMORY], ids=["an old card", "no memory left"])
def test_a_gpu_that_cannot_compute_is_left_aside_with_one_line_that_says_why(message, card, capfd):
    card(RuntimeError(message))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [train.pick_device().type for _ in range(3)] == ["cpu"] * 3
    told = capfd.readouterr().err.splitlines()
    assert told == [f"gan_edu takes the CPU, because the GPU does not compute: {message.splitlines()[0]}"]  # once
    with pytest.raises(ValueError, match=f'device is "cuda", but it does not compute: {message[:20]}'):
        train.pick_device("cuda")


def test_a_gpu_that_computes_is_taken(card, capfd):
    card()
    assert train.pick_device() == train.pick_device("cuda") == torch.device("cuda")
    assert capfd.readouterr().err == ""


def test_an_old_driver_is_told(card, monkeypatch, capfd):
    def no_gpu_counted():
        warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old", stacklevel=2)
        return False

    card()
    monkeypatch.setattr(torch.cuda, "is_available", no_gpu_counted)
    assert train.pick_device().type == "cpu"
    assert "driver on your system is too old" in capfd.readouterr().err


def test_without_a_gpu_nothing_is_said(capfd):
    game._automatic_device.cache_clear()
    assert train.pick_device().type == "cpu" and capfd.readouterr().err == ""


def test_each_card_gets_the_recipe_that_fits_it(card):
    assert recipes.fast("cpu") == recipes.FAST
    card(bf16=True)
    assert recipes.fast("cuda").g_width == recipes.WIDE["g_width"]
    card(bf16=False)  # a T4
    assert recipes.fast("cuda").g_width == recipes.MIDDLE["g_width"]


def test_random_numbers_go_on_where_there_are_fewer_gpus_and_wake_none(monkeypatch):
    assert checkpoints.random_state()["cuda"] == []
    state, placed = checkpoints.random_state(), []
    state["cuda"] = ["first", "second"]
    checkpoints.set_random_state(state)  # CUDA is not in use here
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: placed.append((state, device)))
    checkpoints.set_random_state(state)
    assert placed == [("first", 0)]


# --- the floor --------------------------------------------------------------------------------------------------------


def pretend_a_gpu(monkeypatch, bf16=True):
    monkeypatch.setattr(machine, "_least_seconds", lambda work, enough: 1.0)
    monkeypatch.setattr(machine, "_bytes_to_copy", lambda device: 2**10)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16 or including_emulation)
    for make in (torch.randn, torch.zeros):
        monkeypatch.setattr(torch, make.__name__, lambda *size, device, make=make: make(*size))


def test_bfloat16_that_a_gpu_only_imitates_is_not_measured(monkeypatch):
    pretend_a_gpu(monkeypatch, bf16=False)
    found = machine.floor("cuda", size=8)
    assert found.float32 == 2 * 8**3 and math.isnan(found.bfloat16) and found.copy == 2 * 2**10
    assert machine.floor("cpu", size=8).bfloat16 == 2 * 8**3


@pytest.mark.parametrize(("free", "copied"), [(80 * 2**30, 2**30), (4 * 2**30, 2**29)])
def test_the_copy_fits_the_card(free, copied, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80 * 2**30))
    assert machine._bytes_to_copy(torch.device("cuda")) == copied
    assert machine._bytes_to_copy(torch.device("cpu")) == 2**26


def test_one_result_is_gone_before_the_next_is_made():
    alive = []

    class Result:
        is_cuda = False

        def __init__(self):
            assert not alive, "two results at once need twice the memory"
            alive.append("one")

        def __del__(self):
            alive.clear()

    assert machine._least_seconds(Result, 0.0) >= 0


@pytest.mark.parametrize("tf32", [True, False])
def test_products_round_as_convolutions_do(tf32, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", tf32)
    before = torch.get_float32_matmul_precision()
    rounded = []

    def product(matrix, seconds):
        rounded.append(torch.get_float32_matmul_precision())
        return 1.0

    pretend_a_gpu(monkeypatch)
    monkeypatch.setattr(machine, "_product", product)
    machine.floor("cuda", size=8)
    machine.floor("cpu", size=8)
    assert rounded == ["high" if tf32 else before, before, before, before]  # in float32 and bfloat16, on each
    assert torch.get_float32_matmul_precision() == before


# --- the recipes for cards --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wide", [recipes.WIDE, recipes.MIDDLE], ids=["WIDE", "MIDDLE"])
def test_a_recipe_for_cards_does_not_diverge_at_once(wide):
    """Few steps and a small batch, for a CPU; on a card both were trained to their end: figures/gpu/tuning.json."""
    images = data.digits()
    pictures = torch.nn.functional.interpolate(images.images[:256], 28, mode="bilinear")
    recipe = recipes.FAST._replace(**wide)._replace(batch_size=4)
    gan, batches = recipes.pictures(images._replace(images=pictures), recipe, device="cpu")
    history = train.train(gan, batches, 8, final_rate=recipes.FINAL_RATE, progress=False)
    assert abs(history.discriminator).max() < 20 and abs(history.generator).max() < 20
    samples = gan.sample(16)
    assert samples.isfinite().all() and samples.std() > 0.01


# --- a busy neighbour: threads that wait for each other sleep ---------------------------------------------------------


@pytest.mark.parametrize(("own", "found"), [(None, "passive"), ("active", "active")])
def test_threads_sleep_while_they_wait_unless_the_reader_says_otherwise(own, found):
    told = "import gan_edu, os, sys; assert 'torch' not in sys.modules; print(os.environ['OMP_WAIT_POLICY'])"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"OMP_WAIT_POLICY": own} if own else {}
    assert subprocess.check_output([sys.executable, "-c", told], env=environment, text=True).strip() == found


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
@pytest.mark.parametrize(("own", "found"), [(None, "passive"), ("active", "active")])
def test_make_tells_every_kernel_that_it_starts(own, found, tmp_path):
    wanted = "include " + str(ROOT / "Makefile") + "\ntold:\n\t@echo $$OMP_WAIT_POLICY\n"
    (tmp_path / "Makefile").write_text(wanted)
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"OMP_WAIT_POLICY": own} if own else {}
    said = subprocess.check_output(["make", "-s", "-C", tmp_path, "told"], env=environment, text=True)
    assert said.strip() == found
