"""Break the package on purpose: `make mutants`, or `python tests/mutants.py NAME...` for some of them.

Each mutant is one small change to a copy of the package. A unit test and the chapter that teaches the thing must both
notice it; otherwise the idea is not guarded, and this script says so and fails.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Mutant(NamedTuple):
    name: str
    file: str
    old: str  # stands in the file exactly once
    new: str
    tests: str  # the unit tests that must fail, below tests/
    chapter: str  # the notebook that must fail, by its number: 02, deeper/02_what


MUTANTS = (
    Mutant("minimax-sign", "losses.py", "-softplus(f).mean()),", "softplus(f).mean()),", "test_losses.py", "01"),
    Mutant("non-saturating-sign", "losses.py", "softplus(-f).mean()),", "softplus(f).mean()),",
           "test_losses.py", "deeper/02_what"),
    Mutant("discriminator-sign", "losses.py", "softplus(-real_logits)", "softplus(real_logits)",
           "test_losses.py", "deeper/02_what"),
    Mutant("hinge-sign", "losses.py", "relu(1 + f).mean(), lambda f, r: -f", "relu(1 - f).mean(), lambda f, r: -f",
           "test_losses.py", "deeper/02_what"),
    Mutant("relativistic-swapped", "losses.py", "lambda f, r: softplus(r - f)", "lambda f, r: softplus(f - r)",
           "test_losses.py", "deeper/02_what"),
    Mutant("detach-removed", "train/step.py", "discriminator_step(gan, real, fake.detach(), condition)",
           "discriminator_step(gan, real, fake, condition)", "test_train.py", "deeper/03_detach"),
    Mutant("optimizers-swapped", "train/step.py",
           "differentiate(objective, gan.g_optimizer)\n    move(gan.g_optimizer)",
           "differentiate(objective, gan.d_optimizer)\n    move(gan.d_optimizer)", "test_train.py",
           "deeper/03_the_article"),
    Mutant("gradients-not-cleared", "train/step.py", "    optimizer.zero_grad(set_to_none=True)\n", "",
           "test_train.py", "deeper/03_the_article"),
    Mutant("always-alternating", "train/step.py", 'if gan.updates == "alternating":', "if True:",
           "test_train.py", "deeper/03_the_article"),
    Mutant("ema-reversed", "train/game.py", "average.lerp_(weight, share)",
           "average.lerp_(weight, 1 - share)", "test_train.py", "deeper/03_detach"),
    Mutant("coverage-of-anything", "metrics.py", "(3 * std) ** 2", "(300 * std) ** 2", "test_metrics.py", "04"),
    Mutant("upsampling-without-stride", "models/dcgan.py", "nn.ConvTranspose2d(before, after, 4, stride=2, padding=1",
           "nn.ConvTranspose2d(before, after, 3, stride=1, padding=1", "test_models.py", "05"),
    Mutant("halves-swapped", "train/step.py", "return both[: len(real)], both[len(real) :]",
           "return both[len(real) :], both[: len(real)]", "test_accelerate.py", "06"),
    Mutant("random-numbers-not-restored", "train/loop.py",
           '        checkpoints.set_random_state(state["random"])\n', "", "test_checkpoints.py", "deeper/06_stop"),
    Mutant("dirac-always-at-once", "dirac.py", 'met = moved if rules.updates == "alternating" else psi', "met = psi",
           "test_chapter_07.py", "07"),
    Mutant("dirac-age-of-momentum", "dirac.py", "self.beta / (1 - self.beta)", "self.beta", "test_chapter_07.py", "07"),
    Mutant("density-over-k", "metrics.py", "torch.cat(held).double().mean().item() / k",
           "torch.cat(held).double().mean().item() / (k + 1)", "test_metrics.py", "09"),
    Mutant("ball-counts-itself", "metrics.py", "reference).topk(k + 1, largest=False)",
           "reference).topk(k, largest=False)", "test_metrics.py", "09"),
    Mutant("authenticity-second-neighbour", "metrics.py", "_squared_radius(rows, 1)",
           "_squared_radius(rows, 2)", "test_metrics.py", "09"),
    Mutant("symptom-turned", "train/symptoms.py", 'flat?": not pushed,', 'flat?": pushed,', "test_symptoms.py", "10"),
    Mutant("held-out-turned", "exercises/ward.toml", '"seen - aside", ">", 0.5', '"seen - aside", "<", 0.5',
           "test_chapter_10.py", "10"),
    Mutant("average-without-warm-up", "train/game.py", "        if self.ema_warmup:\n", "        if False:\n",
           "test_train.py", "deeper/06_stop"),
    Mutant("code-of-one-class", "models/conditional.py", "self.codes(labels)], dim=1)",
           "self.codes(0 * labels)], dim=1)", "test_chapter_11.py", "11"),
    Mutant("demodulation-without-a-root", "models/style.py", "(squares + 1e-8).rsqrt()",
           "(squares + 1e-8).reciprocal()", "test_chapter_11.py", "deeper/11_codes"),
    Mutant("skips-lost", "models/translators.py", "torch.cat([up(x), beside], 1)",
           "torch.cat([up(x), 0 * beside], 1)", "test_chapter_12.py", "12"),
    Mutant("hue-turned", "data/domains.py", "(green - blue)", "(blue - green)", "test_chapter_12.py", "12"),
    Mutant("no-steady-speed", "data/clips.py", "direction * torch.arange(frames)[:, None])",
           "direction * torch.arange(frames)[:, None] ** 0.5)", "test_chapter_13.py", "13"),
    Mutant("centre-of-nothing", "metrics.py", ".sum(2) / s.sum(2)", ".sum(2) / s.shape[2]",
           "test_chapter_13.py", "13"),
    Mutant("bands-even-in-hertz", "data/sounds.py", "(700 * (10 ** (ends / 2595) - 1))", "(ends / ends[-1] * rate / 2)",
           "test_sounds.py", "14"),
    Mutant("closed-before-opened", "data/strings.py", "min(depths) == depths[-1] == 0", "depths[-1] == 0",
           "test_strings.py", "15"),
    Mutant("noise-in-full-at-once", "models/diffusion.py", "a * x + s * noise", "a * x + noise",
           "test_diffusion.py", "16"),
    Mutant("first-pass-left-out", "models/diffusion.py", "linspace(1, 0, steps + 1", "linspace(0.9, 0, steps + 1",
           "test_diffusion.py", "16"),
    Mutant("way-without-an-end", "data/records.py", "(there + back - costs == least)", "(there + back == least)",
           "test_records.py", "17"),
    Mutant("auc-of-a-third", "metrics.py", "(sum(below) / (2 * len(negative)))", "(sum(below) / (3 * len(negative)))",
           "test_records.py", "17"),
    Mutant("sum-for-a-mean", "train/parallel.py", "part.view_as(weight) / size()", "part.view_as(weight)",
           "test_parallel.py", "deeper/18_more"),
    Mutant("same-rows-for-all", "train/parallel.py", "rows[rank() :: size()]", "rows[:: size()]",
           "test_parallel.py", "deeper/18_more"),
    Mutant("one-way-sum", "train/parallel.py", "return Sum.apply(grad)", "return grad",
           "test_parallel.py", "deeper/18_more"),
)  # fmt: skip


UNTOUCHED = Mutant("untouched", "losses.py", "", "", "", "")


def passing(mutant: Mutant, tests: set[str], chapters: set[str]) -> list[str]:
    """Which of these unit tests and chapters pass on a copy of the course with the mutant in it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "course"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "build", "__pycache__", "*.egg-info"))
        if mutant is not UNTOUCHED:
            path = copy / "gan_edu" / mutant.file
            source = path.read_text(encoding="utf-8")
            if source.count(mutant.old) != 1:
                raise SystemExit(f"{mutant.name}: its text stands {source.count(mutant.old)} times in {mutant.file}")
            path.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
        checks = {f"tests/{name}": [f"tests/{name}", "-x"] for name in sorted(tests)}
        for chapter in sorted(chapters):
            (notebook,) = (copy / "notebooks").glob(f"{chapter}_*.ipynb")
            checks[f"chapter {chapter}"] = [
                "--nbval",
                "--nbval-current-env",
                "--nbval-cell-timeout=300",
                "-x",
                notebook,
            ]
        return [name for name, arguments in checks.items() if _passes(copy, arguments)]


def _passes(copy, arguments):
    hidden = {
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": str(copy),
        "GAN_EDU_PROGRESS": str(copy / "progress.json"),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, arguments)]
    result = subprocess.run(
        command, cwd=copy, env={**os.environ, **hidden}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    if result.returncode not in (0, 1):  # 1: tests failed, as they should
        raise SystemExit(f"pytest itself failed ({result.returncode}): {' '.join(command)}")
    return result.returncode == 0


def main(names: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    if unknown := set(names) - {mutant.name for mutant in chosen}:
        raise SystemExit(f"no mutant {unknown}; there are {', '.join(mutant.name for mutant in MUTANTS)}")
    tests, chapters = {mutant.tests for mutant in chosen}, {mutant.chapter for mutant in chosen}
    if len(well := passing(UNTOUCHED, tests, chapters)) < len(tests) + len(chapters):
        raise SystemExit(f"without any mutant only these pass: {well}")
    alive = 0
    for mutant in chosen:
        missed = passing(mutant, {mutant.tests}, {mutant.chapter})
        alive += bool(missed)
        print(f"{'SURVIVED ' + ' and '.join(missed) if missed else 'noticed'}: {mutant.name}", flush=True)
    print(f"{len(chosen) - alive} of {len(chosen)} mutants noticed by a unit test and by the chapter")
    return bool(alive)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
