"""Promises of the project as a whole: versions that agree, a small package, notebooks that are kept in order."""

import ast
import importlib
import inspect
import io
import os
import re
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest
from conftest import CHAPTERS, DEEPER, ROOT, name_of, notebook_paths, tags
from nbconvert import ScriptExporter
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGE = sorted((ROOT / "gan_edu").rglob("*.py"))
COMPUTES = {"data", "models", "losses", "metrics", "checkpoints", "train", "accelerate", "recipes", "dirac", "compare"}
BASE = {name: set() for name in ("data", "models", "losses", "metrics", "checkpoints")}
MAY_IMPORT = BASE | {
    "models": {"data"},
    "metrics": {"data"},
    "train": {"losses", "checkpoints"},
    "accelerate": {"data", "checkpoints", "train"},
    "plots": {"metrics"},
}

# --- versions ---------------------------------------------------------------------------------------------------------


def pins() -> dict[str, str]:
    """The pinned version of each package; a line that is no `name==version` fails."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    matches = [re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][A-Za-z0-9.!+]*)", line) for line in lines]
    assert all(matches), f"not name==version: {[line for line, match in zip(lines, matches, strict=True) if not match]}"
    assert len({canonicalize_name(match[1]) for match in matches}) == len(lines), "a package is pinned twice"
    return {canonicalize_name(match[1]): match[2] for match in matches}


def requirements() -> list[Requirement]:
    """Everything that pyproject.toml asks for, extras included."""
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(line) for group in (project["dependencies"], *extras) for line in group]


@pytest.mark.parametrize("requirement", requirements(), ids=lambda r: r.name)
def test_what_pyproject_asks_for_is_pinned_within_its_bounds(requirement):
    assert requirement.specifier, "no lower bound"
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_constraints_hold_on_every_platform():
    assert not [name for name in pins() if name.startswith(("nvidia-", "cuda-", "triton", "gan-edu"))]


def test_environment_yml_installs_what_pyproject_and_constraints_say():
    text = (ROOT / "environment.yml").read_text().partition("\ndependencies:\n")[2]
    packages = re.findall(r"^  - (\S+)$", text, re.MULTILINE)
    python = next(Requirement(p) for p in packages if p.startswith("python"))
    assert python.specifier == SpecifierSet(PYPROJECT["project"]["requires-python"])
    assert set(packages) - {str(python)} == {"pip", "make", "pip:"}, "a package that pyproject.toml does not know"
    assert re.findall(r"^      - (.+)$", text, re.MULTILINE) == ["--constraint constraints.txt", "--editable .[dev]"]


def test_every_dependency_is_justified():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    missing = [
        r.name for r in requirements() if not re.search(rf"^\| `{r.name}` \| .{{40,}}", contributing, re.MULTILINE)
    ]
    assert not missing, f"no line in CONTRIBUTING.md for {missing}"


# --- commands ---------------------------------------------------------------------------------------------------------


def test_every_make_command_in_the_documents_is_a_target():
    targets = set(re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        named = set(re.findall(r"(?:^|`)make (?!TARGET)([a-z-]+)", text, re.MULTILINE))
        assert {"lab", "test"} <= named or document != "README.md"
        assert named <= targets, f"{document}: no such target: {named - targets}"


def test_readme_and_machine_check_agree_on_the_time_of_each_chapter():
    from gan_edu import machine

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\d\d)\].* \| (\d+) s \|", readme, re.MULTILINE)
    assert {chapter: int(seconds) for chapter, seconds in rows} == machine.CHAPTERS


def test_ci_runs_what_readers_run():
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == "exec make test"
    assert re.search(r"- run: \.ci/run\b", (ROOT / ".github/workflows/ci.yml").read_text())
    assert all(os.access(ROOT / ".ci" / name, os.X_OK) for name in ("run", "setup"))


@pytest.mark.parametrize("name", [*CHAPTERS, *DEEPER])
def test_what_a_chapter_shows_of_the_package_is_what_the_package_has(name, notebooks):
    """nbval passes over those cells: what the chapter measures has to notice a broken step, and not its text."""
    for cell in code_cells(notebooks[name]):
        if "plots.source(" in cell.source:
            assert "nbval-ignore-output" in tags(cell)
            shown = [b["text/plain"] for b in bundles(cell) if "```python" in b.get("text/markdown", "")]
            package = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE)
            parts = [part.strip() for code in shown for part in re.split(r"\n\n(?=def |class |@)", code)]
            assert shown and all(part in package for part in parts)


# --- the package ------------------------------------------------------------------------------------------------------


def code_lines(source: str) -> set[int]:
    """The lines that hold code: not blank, no comment, no docstring."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return lines


def part(path: Path) -> str:
    """The part of the package that a file belongs to: `data` for gan_edu/data/images.py."""
    return path.relative_to(ROOT / "gan_edu").parts[0].removesuffix(".py")


def test_code_lines_are_counted_without_blank_lines_comments_and_docstrings():
    source = '"""doc\n\nstring"""\n\n# comment\nx = 1  # why\ndef f():\n    """doc"""\n    return """a\n    b"""\n'
    assert code_lines(source) == {6, 7, 9, 10}


@pytest.mark.parametrize(("what", "limit"), [("computes", 2690), ("teaches", 1670)])
def test_the_package_stays_small(what, limit):
    sizes = {}
    for path in PACKAGE:
        if part(path) != "exercises" and (part(path) in COMPUTES) == (what == "computes"):
            sizes[str(path.relative_to(ROOT))] = len(code_lines(path.read_text(encoding="utf-8")))
    assert sum(sizes.values()) <= limit, f"{sum(sizes.values())} lines in what {what}: {sizes}"


def test_the_checkers_stay_small():
    """Every line counts here, docstrings and blank ones too."""
    sizes = {path.name: path.read_text(encoding="utf-8").count("\n") for path in PACKAGE if part(path) == "exercises"}
    assert sum(sizes.values()) <= 3300, f"{sum(sizes.values())} lines: {sizes}"


@pytest.mark.parametrize("path", PACKAGE, ids=lambda p: str(p.relative_to(ROOT / "gan_edu")))
def test_no_module_and_no_function_is_long(path):
    source = path.read_text(encoding="utf-8")
    lines = code_lines(source)
    assert len(lines) <= 350
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    sizes = {node.name: len(lines & set(range(node.lineno, node.end_lineno + 1))) for node in functions}
    assert not {name: size for name, size in sizes.items() if size > 40}


def imported_parts(path: Path) -> set[str]:
    """The parts of gan_edu that a file imports, wherever in the file it does so."""
    package = ("gan_edu", *path.relative_to(ROOT / "gan_edu").parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("gan_edu.")}
    return found


@pytest.mark.parametrize("path", [p for p in PACKAGE if part(p) in MAY_IMPORT], ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    extra = imported_parts(path) - {part(path)} - MAY_IMPORT[part(path)]
    assert not extra, f"{part(path)} must not know {extra}"


def test_the_docstring_of_the_package_maps_every_module():
    import gan_edu

    parts = {part(path) for path in PACKAGE} - {"__init__", "__main__"}
    assert set(re.findall(r"^``(\w+)``", gan_edu.__doc__, re.MULTILINE)) == parts


def test_importing_is_silent_and_light():
    heavy = "import sys, gan_edu; heavy = {'torch', 'numpy', 'matplotlib'} & set(sys.modules); assert not heavy, heavy"
    parts = sorted({part(path) for path in PACKAGE} - {"__init__", "__main__"})
    for code in (heavy, f"from gan_edu import {', '.join(parts)}"):
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
        assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


PUBLIC = {
    "losses.discriminator_loss": "real_logits fake_logits",
    "losses.generator_loss": "fake_logits",
    "losses.GANLoss.discriminator": "real_logits fake_logits",
    "losses.GANLoss.generator": "fake_logits real_logits=None",
    "losses.r1_penalty": "discriminator real",
    "losses.r2_penalty": "discriminator fake",
    "losses.gradient_penalty": "discriminator real fake generator=None",
    "losses.Term": "name function weight every=1",
    "train.GAN": "generator discriminator loss='non_saturating' g_optimizer=None d_optimizer=None "
    "updates='alternating' d_terms=() g_terms=() ema=None",
    "train.discriminator_step": "gan real fake condition=None",
    "train.generator_step": "gan real fake condition=None",
    "train.train_step": "gan real noise=None condition=None",
    "train.train": "gan batches steps d_steps=1",
    "train.StepLosses": "discriminator generator",
    "train.History": "",
    "metrics.frechet_distance": "a b",
    "metrics.kernel_distance": "a b",
    "metrics.precision_recall": "real fake k=3",
    "metrics.mode_coverage": "samples centers std",
    **{
        f"data.{name}": "" for name in "ring grid digits photo_patches mnist fashion_mnist cifar10 image_folder".split()
    },
    "data.Batches": "",
}


@pytest.mark.parametrize("name", PUBLIC)
def test_the_public_names_of_the_design_exist_with_their_arguments(name):
    module, *path = name.split(".")
    value = importlib.import_module(f"gan_edu.{module}")
    for attribute in path:
        value = getattr(value, attribute)
    given = [
        f"{p.name}={p.default!r}" if p.default is not p.empty else p.name
        for p in inspect.signature(value).parameters.values()
    ]
    given = [argument for argument in given if argument != "self"]
    expected = PUBLIC[name].split()
    assert given[: len(expected)] == expected
    assert not expected or all("=" in extra or name == "train.train" for extra in given[len(expected) :])


def test_there_are_six_losses():
    from gan_edu.losses import LOSSES

    assert set(LOSSES) == {"minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic"}


# --- the notebooks ----------------------------------------------------------------------------------------------------

each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)
each_notebook = pytest.mark.parametrize("chapter", [*CHAPTERS, *DEEPER])


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def bundles(cell) -> list[dict]:
    """The MIME bundles that a cell shows."""
    return [output.data for output in cell.outputs if output.output_type in ("display_data", "execute_result")]


def has_picture(bundle) -> bool:
    return any(kind.startswith("image/") for kind in bundle) or "<video" in bundle.get("text/html", "")


def test_the_notebooks_are_those_of_the_course(notebooks):
    assert list(notebooks) == [*CHAPTERS, *DEEPER] == [name_of(path) for path in notebook_paths()]
    assert {name[7:9] for name in DEEPER} <= {name[:2] for name in CHAPTERS}


# One sitting: what a numbered chapter may ask of a learner. Exercises' stubs, predictions, folded solutions and
# references are not counted.
AT_MOST = {"words": 2200, "longest text": 200, "cells": 22, "lines": 220, "median cell": 8, "verdicts": 4}
AT_LEAST = {"pictures": 6}


def pace(notebook) -> dict[str, int]:
    """How much a notebook asks of a learner."""
    texts = [
        re.sub(r"<details>.*?</details>", " ", c.source, flags=re.S)
        for c in notebook.cells
        if c.cell_type == "markdown"
    ]
    counts = [len(re.split(r"^#+ References", text, flags=re.MULTILINE)[0].split()) for text in texts]
    code = [cell for cell in code_cells(notebook) if cell.source.strip()]
    asked = [cell for cell in code if "exercise" not in tags(cell) and "exercises.predict(" not in cell.source]
    lines = [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in asked]
    outputs = [output for cell in code for output in cell.outputs]
    said = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return {
        "words": sum(counts),
        "longest text": max(counts),
        "cells": len(lines),
        "lines": sum(lines),
        "median cell": sorted(lines)[len(lines) // 2],
        "verdicts": sum(len(re.findall(r"\b(?:True|False)\b", text)) for text in said),
        "pictures": sum(has_picture(output.get("data", {})) for output in outputs)
        + sum(len(re.findall(r"!\[[^\]]+\]\(", text)) for text in texts),
    }


@each_chapter
def test_a_chapter_is_one_sitting(notebooks, chapter):
    found = pace(notebooks[chapter])
    too_much = {what: found[what] for what, limit in AT_MOST.items() if found[what] > limit}
    too_few = {what: found[what] for what, limit in AT_LEAST.items() if found[what] < limit}
    assert not too_much | too_few, f"over the limits {AT_MOST} or below {AT_LEAST}"


@each_chapter
def test_a_picture_stands_in_the_first_two_code_cells(notebooks, chapter):
    shown = [bundle for cell in code_cells(notebooks[chapter])[:2] for bundle in bundles(cell)]
    before = notebooks[chapter].cells[: 1 + notebooks[chapter].cells.index(code_cells(notebooks[chapter])[1])]
    assert any(map(has_picture, shown)) or any("![" in cell.source for cell in before)


@each_notebook
def test_lines_of_code_fit_a_printed_page(notebooks, chapter):
    long = [line for cell in code_cells(notebooks[chapter]) for line in cell.source.splitlines() if len(line) > 88]
    fences = [f for cell in notebooks[chapter].cells for f in re.findall(r"```python\n(.*?)```", cell.source, re.S)]
    assert not long + [line for fence in fences for line in fence.splitlines() if len(line) > 88]


@each_notebook
def test_notebook_is_small_and_its_cells_are_short(notebooks, chapter):
    assert (ROOT / "notebooks" / f"{chapter}.ipynb").stat().st_size < 2_000_000
    long = [
        cell.source.splitlines()[0] for cell in code_cells(notebooks[chapter]) if len(cell.source.splitlines()) > 25
    ]
    assert not long, f"cells of more than 25 lines, which begin with {long}"


@each_notebook
def test_notebook_was_executed_in_order_without_errors(notebooks, chapter):
    cells = [cell for cell in code_cells(notebooks[chapter]) if cell.source.strip() and "nbval-skip" not in tags(cell)]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    streams = [output for cell in cells for output in cell.outputs if output.output_type == "stream"]
    assert not [output.text for output in streams if output.name == "stderr"], (
        "warnings or progress bars in the outputs"
    )


@each_notebook
def test_notebook_becomes_a_python_script(notebooks, chapter):
    script, _ = ScriptExporter().from_notebook_node(notebooks[chapter])
    assert script.startswith("#!/usr/bin/env python") and ast.parse(script)
    assert notebooks[chapter].metadata.language_info.file_extension == ".py"


@each_notebook
def test_notebook_has_at_least_three_compared_outputs(notebooks, chapter):
    def text(cell):
        streams = [output.text for output in cell.outputs if output.output_type == "stream"]
        return "".join(streams + [bundle.get("text/plain", "") for bundle in bundles(cell)])

    ignored = {"nbval-ignore-output", "nbval-skip", "exercise"}
    compared = [cell for cell in code_cells(notebooks[chapter]) if not tags(cell) & ignored and text(cell).strip()]
    assert len(compared) >= 3


@each_notebook
def test_every_picture_has_a_caption_that_everybody_sees(notebooks, chapter):
    for cell in code_cells(notebooks[chapter]):
        shown = bundles(cell)
        for bundle, below in zip(shown, [*shown[1:], {}], strict=False):
            if any(kind.startswith("image/") for kind in bundle):
                caption = bundle.get("text/plain", "")
                assert re.match(r"[^<\s].{15,}", caption, re.DOTALL), f"a picture whose caption says nothing: {caption}"
                assert below.get("text/markdown") == f"*{caption}*"
    prose = "\n".join(cell.source for cell in notebooks[chapter].cells if cell.cell_type == "markdown")
    assert not re.findall(r"!\[\s*\]\([^)]*\)|<img(?![^>]*alt=\"[^\"]+\")[^>]*>", prose)


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *notebook_paths()], ids=lambda p: p.name
)
def test_links_to_files_lead_somewhere(path, notebooks):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in notebooks[name_of(path)].cells if cell.cell_type == "markdown")
    targets = re.findall(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", text)
    files = [t.split("#")[0] for t in targets if not re.match(r"[a-z]+:|#|attachment:", t)]
    assert not [target for target in files if not (path.parent / target).is_file()]  # the site cannot follow a folder


@each_chapter
def test_the_readme_lists_the_chapter_under_its_title(notebooks, chapter):
    row = re.search(rf"^\| \[{chapter[:2]}\]\(notebooks/{chapter}\.ipynb\) \| ([^|]+) \|", README, re.MULTILINE)
    assert row, "no row in the table of chapters"
    title = re.search(r"^# (?:\d+\. )?(.+)$", notebooks[chapter].cells[0].source, re.MULTILINE)
    assert title[1].strip() == row[1].strip()


@pytest.mark.parametrize("deeper", DEEPER)
def test_a_deeper_notebook_is_linked_from_its_chapter_and_from_the_readme(notebooks, deeper):
    (chapter,) = (name for name in CHAPTERS if name.startswith(deeper[7:9]))
    row = next(line for line in README.splitlines() if line.startswith(f"| [{chapter[:2]}]("))
    assert f"(notebooks/{deeper}.ipynb)" in row
    assert f"({deeper}.ipynb" in "\n".join(cell.source for cell in notebooks[chapter].cells)
    assert f"(../{chapter}.ipynb" in "\n".join(cell.source for cell in notebooks[deeper].cells)
