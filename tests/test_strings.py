"""What chapter 15 relies on: the language, its one-hots, a writer that is exact, two gradients, and the command."""

import itertools
import math
import re
import warnings

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot, softplus

from gan_edu import data, losses, metrics, models, plots, train
from gan_edu.__main__ import main
from gan_edu.playground import TextExplorer

EVERY = torch.eye(4)[torch.cartesian_prod(*[torch.arange(4)] * 6)]  # (4096, 6, 4)
REAL = data.brackets().images


def writer(seed=0, length=6, letters=4, condition=0):
    torch.manual_seed(seed)
    made = models.StringGenerator(length, letters, 12, condition=condition)
    torch.nn.init.normal_(made.logits.bias)
    return made


# --- the language -----------------------------------------------------------------------------------------------------


def test_balanced_strings_are_as_many_as_motzkin_numbers():
    counts = [sum(len(string) == n for string in data.balanced(7)) for n in range(1, 8)]
    assert counts == [1, 2, 4, 9, 21, 51, 127]  # OEIS A001006
    assert len(data.balanced()) == 88 == len(set(data.balanced()))


def test_a_string_is_balanced_where_erasing_pairs_leaves_nothing():
    for n in range(7):
        for letters in itertools.product("()a", repeat=n):
            string = "".join(letters)
            left, before = string.replace("a", ""), None
            while left != before:
                left, before = left.replace("()", ""), left
            assert data.is_balanced(string) == (left == "" and string != "")


def test_one_hots_and_strings_are_each_other():
    assert data.decode(REAL, data.BRACKETS) == data.balanced()
    assert REAL.shape == (88, 6, 4) and REAL.sum(2).eq(1).all() and torch.equal(REAL.unique(dim=0).sum(), REAL.sum())
    junk = data.encode(["a()"], data.BRACKETS, 6)
    junk[0, 5] = torch.eye(4)[1]  # a bracket behind the end
    assert data.decode(junk, data.BRACKETS) == ["a()"]
    for wrong in ("b", "aaaaaaa"):
        with pytest.raises(ValueError, match=f"'{wrong}': at most 6 letters"):
            data.encode(["a", wrong], data.BRACKETS, 6)


def test_colour_names_come_with_their_colours():
    names, colours = data.colour_names(14)
    assert len(names) == len(set(names)) == len(colours) and max(map(len, names)) <= 14
    assert colours[names.index("lime green")].tolist() == pytest.approx(
        [0x89 / 127.5 - 1, 1, 0x05 / 127.5 - 1], abs=0.01
    )
    assert all(re.fullmatch("[a-z ]+", name) for name in names)


# --- a text of the reader's -------------------------------------------------------------------------------------------


def text(tmp_path, content, name="mine.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


@pytest.mark.parametrize(
    "lines", [["Öl", "Käse", "süß"], ["春眠不覺曉", "處處聞啼鳥"], ["a", "b\tc"], ["😀😀", "e\u0301t"]]
)
def test_every_alphabet_works(tmp_path, lines):
    found = data.text_lines(text(tmp_path, "\ufeff" + "\r\n".join(lines) + "\n\n"))
    assert data.decode(found.images, found.classes) == lines and found.labels is None
    assert found.classes[0] == data.END and set(found.classes[1:]) == set("".join(lines))


def test_long_lines_are_cut_with_a_word_and_too_many_are_thinned(tmp_path, monkeypatch):
    path = text(tmp_path, "x" * 40 + "\n" + "\n".join("ab" * (1 + i % 3) for i in range(99)))
    with pytest.warns(UserWarning, match="1 of 100 lines are longer than 24"):
        found = data.text_lines(path)
    assert found.images.shape == (100, 24, 4)
    monkeypatch.setattr(data.strings, "MOST", 40 * 4 * 30)
    with pytest.warns(UserWarning, match="30 of the 100 lines"):
        assert len(data.text_lines(path, longest=40).images) <= 30


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "0 lines"),
        (b"\n \n", "0 lines"),
        (b"one\n", "1 lines"),
        (b"x\nx\n", "1 lines"),
        (bytes(range(256)), "UTF-8"),
    ],
)
def test_what_is_no_text_gets_one_line(tmp_path, capsys, content, told):
    path = text(tmp_path, content)
    assert main(["train", str(path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and told in error and str(path) in error
    assert not (tmp_path / "out").exists()


# --- the writer -------------------------------------------------------------------------------------------------------


def test_probabilities_of_all_strings_sum_to_one_and_are_those_of_the_samples():
    made = writer()
    with torch.no_grad():
        q = made.log_prob(EVERY).exp()
        drawn = made(torch.randn(30_000, made.latent_dim))
    assert q.sum().item() == pytest.approx(1, abs=1e-5)
    place = 4 ** torch.arange(5, -1, -1)
    found = torch.bincount((drawn.argmax(2) * place).sum(1), minlength=4096) / len(drawn)
    assert (found - q).abs().sum() / 2 < 2.2 * (q * (1 - q) / len(drawn)).sqrt().sum() / 2
    assert found[q.argmax()].item() == pytest.approx(q.max().item(), rel=0.1)


def test_log_prob_by_another_implementation_letter_by_letter():
    made, strings, told = writer(condition=3), EVERY[::500], torch.randn(9, 3)
    total = torch.zeros(9)
    for n, (string, more) in enumerate(zip(strings, told, strict=True)):
        state, letter = torch.zeros(1, 1, 12), torch.zeros(4)
        for wanted in string:
            read, state = made.read(torch.cat([letter, more])[None, None], state)
            total[n] += made.logits(read[0, 0]).log_softmax(0)[wanted.argmax()]
            letter = wanted
    assert torch.allclose(made.log_prob(strings, told), total, atol=1e-5)


def test_temperature_sharpens_and_flattens():
    made = writer()
    with torch.no_grad():
        numbers = []
        for made.temperature in (0.3, 1.0, 3.0):
            numbers.append(metrics.effective_number(made.log_prob(EVERY).exp()))
            same = made(torch.randn(5, made.latent_dim, generator=torch.Generator().manual_seed(0)))
            assert same.sum(2).eq(1).all()
    assert numbers[0] < numbers[1] < numbers[2] < 4096


def test_forward_is_a_one_hot_to_the_last_bit_and_backward_is_that_of_the_soft_letter():
    made = writer()
    out = made(torch.randn(50, made.latent_dim))
    assert set(out.unique().tolist()) == {0.0, 1.0} and out.requires_grad
    hard, soft = torch.eye(3), torch.rand(3, 3, requires_grad=True)
    slopes = torch.randn(3, 3)
    (models.straight_through(hard, soft) * slopes).sum().backward()
    assert torch.equal(soft.grad, slopes)
    assert torch.equal(models.straight_through(hard, soft), hard)


def test_a_letter_by_its_dice_has_the_frequencies_of_the_softmax():
    torch.manual_seed(0)
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5])
    made = models.StringGenerator(1, 4)
    torch.nn.init.zeros_(made.logits.weight)
    made.logits.bias.data.copy_(logits)
    with torch.no_grad():
        share = made(torch.randn(100_000, 4)).mean((0, 1))
    assert share.tolist() == pytest.approx(logits.softmax(0).tolist(), abs=0.006)
    far = made(torch.tensor([[40.0, -40.0, 9.0, -9.0]]))  # where a normal's tail leaves float32
    assert far.isfinite().all()


def test_shapes_are_checked():
    for network, given in ((writer(), torch.zeros(2, 23)), (models.StringDiscriminator(6, 4), torch.zeros(2, 6, 5))):
        with pytest.raises(ValueError, match="was given"):
            network(given)


# --- gradients --------------------------------------------------------------------------------------------------------


def gradient(made, objective):
    return torch.cat([part.flatten() for part in torch.autograd.grad(objective, list(made.parameters()))])


def test_reinforce_is_exact_on_average_with_and_without_a_baseline():
    made, judge = writer(), torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(24, 1), torch.nn.Flatten(0))
    torch.nn.init.normal_(judge[1].weight)
    costs = softplus(-judge(EVERY)).detach()
    exact = gradient(made, (made.log_prob(EVERY).exp() * costs).sum())
    for baseline in (True, False):
        _, term = losses.reinforce(made, baseline=baseline)
        torch.manual_seed(0)
        with torch.no_grad():
            fake = made(torch.randn(20_000, made.latent_dim))
        found = gradient(made, term.weight * term.function(judge, None, fake, None))
        assert (found - exact).norm() < (0.1 if baseline else 0.2) * exact.norm()


def test_the_baseline_of_each_string_is_the_mean_of_the_others():
    made, fake = writer(), EVERY[[5, 700, 2000]]
    judge = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(24, 1))
    costs = softplus(-judge(fake)).squeeze(1).tolist()
    expected = 0
    for i, cost in enumerate(costs):
        others = sum(costs[:i] + costs[i + 1 :]) / 2
        expected = expected + (cost - others) * made.log_prob(fake[i : i + 1]).item() / 3
    _, term = losses.reinforce(made)
    assert term.function(judge, None, fake, None).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["minimax", "non_saturating", "least_squares", "hinge", "wasserstein"])
def test_reinforce_pays_with_the_loss_that_it_was_given(name):
    made, fake = writer(), EVERY[:7]
    judge = models.StringDiscriminator(6, 4)
    loss, term = losses.reinforce(made, name, baseline=False)
    each = torch.stack([losses.LOSSES[name].generator(logit) for logit in judge(fake).detach()[:, None]])
    expected = (each * made.log_prob(fake)).mean()
    assert torch.allclose(term.function(judge, None, fake, None), expected, atol=1e-5)
    told = loss.generator(judge(fake))
    assert not told.requires_grad and torch.allclose(told, losses.LOSSES[name].generator(judge(fake)))


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_both_ways_and_the_likelihood_pass_through_the_same_step(updates):
    for way in ("straight-through", "REINFORCE", "likelihood"):
        made = writer()
        loss, *terms = losses.reinforce(made) if way == "REINFORCE" else ("non_saturating",)
        terms += [losses.likelihood(made, 0.5)] if way == "likelihood" else []
        gan = train.GAN(made, models.StringDiscriminator(6, 4), loss, g_terms=terms, updates=updates, device="cpu")
        before = made.logits.weight.clone()
        told = train.train_step(gan, REAL[:32])
        assert math.isfinite(told.generator) and not torch.equal(made.logits.weight, before)


def test_the_likelihood_term_is_the_mean_surprise():
    made = writer()
    found = losses.likelihood(made).function(None, REAL, None, None)
    assert found.item() == pytest.approx(-made.log_prob(REAL).mean().item())


# --- scores, pictures, the slider, the command ------------------------------------------------------------------------


def test_scores_in_closed_form():
    half = torch.tensor([0.5, 0.5, 0.0])
    assert metrics.effective_number(half) == pytest.approx(2) == metrics.effective_number(7 * half)
    assert metrics.effective_number(torch.full((88,), 1 / 88)) == pytest.approx(88)
    assert metrics.kl_divergence(half, torch.tensor([0.25, 0.25, 0.5])) == pytest.approx(math.log(2))
    assert metrics.kl_divergence(half, torch.tensor([1.0, 0.0, 0.0])) == math.inf


def test_words_cross_out_what_is_not_good():
    figure = plots.pages({"one": ["()", "(", "a"], "two": ["a"]}, data.is_balanced)
    assert [text.get_text() for text in figure.axes[0].texts] == ["()", "✗ (", "a"] and len(figure.axes) == 2


def test_the_slider_says_quality_and_diversity_exactly_and_leaves_writers_alone():
    made = writer()
    explorer = TextExplorer({"mine": made, "other": writer(1)}, temperature=0.5)
    first = explorer.text.value
    assert first.startswith("mine at 0.50: ") and made.temperature == 1.0
    explorer.controls["temperature"].value = 1.0
    q = made.log_prob(REAL).exp()
    assert explorer.text.value == (
        f"mine at 1.00: {q.sum():.0%} right, as diverse as {metrics.effective_number(q.detach()):.0f} of 88 strings"
    )
    explorer.controls["writer"].value = "other"
    assert explorer.text.value.startswith("other at 1.00")


@pytest.mark.parametrize("source", ["brackets", "own"])
def test_strings_are_trained_on_loaded_and_gone_on_with(tmp_path, source):
    out, samples = tmp_path / "out", tmp_path / "s.npz"
    if source == "own":
        source = str(text(tmp_path, "süß\nÖl\nKäse\n春眠\n"))
    command = ["train", source, "--out", str(out), "--samples", str(samples)]
    with warnings.catch_warnings(action="ignore"):
        assert main([*command, "--steps", "3"]) == 0
    with np.load(samples) as file:
        strings = file["samples"]
    assert strings.shape == (1000,) and strings.dtype.kind == "U" and len(set(strings)) > 1
    assert (out / "samples.txt").read_text(encoding="utf-8").split("\n") == strings.tolist()
    generator = models.load_generator(out / "generator.pt")
    assert generator(torch.zeros(2, generator.latent_dim)).shape[1:] == (generator.length, generator.letters)
    assert main(["train", source, "--out", str(out), "--resume", "--steps", "5"]) == 0


def test_the_command_learns_the_language(tmp_path, one_thread):
    assert main(["train", "brackets", "--steps", "100", "--samples", str(tmp_path / "s.npz")]) == 0
    with np.load(tmp_path / "s.npz") as file:
        right = [data.is_balanced(string) for string in file["samples"].tolist()]
    assert np.mean(right) > 0.25  # 0.9 after all steps


def test_one_hots_are_what_torch_makes():
    indices = torch.tensor([[0, 3, 1]])
    assert torch.equal(data.encode(["\na("], data.BRACKETS, 3), one_hot(indices, 4).float())
