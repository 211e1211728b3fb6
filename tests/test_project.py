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

import nbformat
import pytest
from conftest import CHAPTERS, ROOT, notebook_paths, tags
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGE = sorted((ROOT / "gan_edu").rglob("*.py"))
COMPUTES = {"data", "models", "losses", "metrics", "checkpoints", "train", "accelerate", "recipes"}
BASE = {name: set() for name in ("data", "models", "losses", "metrics", "checkpoints")}
MAY_IMPORT = BASE | {
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
    rows = re.findall(r"^\| \[(\d\d)\].* \| (\d+) s \| (?:no|optional) \|$", readme, re.MULTILINE)
    assert {chapter: int(seconds) for chapter, seconds in rows} == machine.CHAPTERS


def test_ci_runs_what_readers_run():
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == "exec make test"
    assert re.search(r"- run: \.ci/run\b", (ROOT / ".github/workflows/ci.yml").read_text())
    assert all(os.access(ROOT / ".ci" / name, os.X_OK) for name in ("run", "setup"))


def test_chapter_03_shows_the_step_as_the_package_has_it():
    """nbval passes over that cell, so that what the chapter measures has to notice a broken step, and not its text."""
    from gan_edu import train

    (path,) = (path for path in notebook_paths() if path.name.startswith("03_"))
    (cell,) = (c for c in nbformat.read(path, as_version=4).cells if "inspect.getsource(" in c.source)
    assert "nbval-ignore-output" in tags(cell)
    names = ("train_step", "discriminator_step", "generator_step", "simultaneous_step", "differentiate")
    assert cell.outputs[0].text == "\n".join(inspect.getsource(getattr(train, name)) for name in names)


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


@pytest.mark.parametrize(("what", "limit"), [("computes", 1430), ("teaches", 850)])
def test_the_package_stays_small(what, limit):
    sizes = {}
    for path in PACKAGE:
        if part(path) != "exercises" and (part(path) in COMPUTES) == (what == "computes"):
            sizes[str(path.relative_to(ROOT))] = len(code_lines(path.read_text(encoding="utf-8")))
    assert sum(sizes.values()) <= limit, f"{sum(sizes.values())} lines in what {what}: {sizes}"


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


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def bundles(cell) -> list[dict]:
    """The MIME bundles that a cell shows."""
    return [output.data for output in cell.outputs if output.output_type in ("display_data", "execute_result")]


def test_the_notebooks_are_those_of_the_course(notebooks):
    assert list(notebooks) == CHAPTERS


@each_chapter
def test_notebook_is_small_and_its_cells_are_short(notebooks, chapter):
    assert (ROOT / "notebooks" / f"{chapter}.ipynb").stat().st_size < 2_000_000
    long = [
        cell.source.splitlines()[0] for cell in code_cells(notebooks[chapter]) if len(cell.source.splitlines()) > 25
    ]
    assert not long, f"cells of more than 25 lines, which begin with {long}"


@each_chapter
def test_notebook_was_executed_in_order_without_errors(notebooks, chapter):
    cells = [cell for cell in code_cells(notebooks[chapter]) if cell.source.strip() and "nbval-skip" not in tags(cell)]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    streams = [output for cell in cells for output in cell.outputs if output.output_type == "stream"]
    assert not [output.text for output in streams if output.name == "stderr"], (
        "warnings or progress bars in the outputs"
    )


@each_chapter
def test_notebook_has_at_least_three_compared_outputs(notebooks, chapter):
    def text(cell):
        streams = [output.text for output in cell.outputs if output.output_type == "stream"]
        return "".join(streams + [bundle.get("text/plain", "") for bundle in bundles(cell)])

    ignored = {"nbval-ignore-output", "nbval-skip", "exercise"}
    compared = [cell for cell in code_cells(notebooks[chapter]) if not tags(cell) & ignored and text(cell).strip()]
    assert len(compared) >= 3


@each_chapter
def test_every_picture_has_alternative_text(notebooks, chapter):
    notebook = notebooks[chapter]
    pictures = [
        b for cell in code_cells(notebook) for b in bundles(cell) if any(kind.startswith("image/") for kind in b)
    ]
    without = [
        b.get("text/plain") for b in pictures if not re.match(r"[^<\s].{15,}", b.get("text/plain", ""), re.DOTALL)
    ]
    assert not without, f"pictures whose text/plain says nothing: {without}"
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert not re.findall(r"!\[\s*\]\([^)]*\)|<img(?![^>]*alt=\"[^\"]+\")[^>]*>", prose)


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *notebook_paths()], ids=lambda p: p.name
)
def test_links_to_files_lead_somewhere(path, notebooks):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in notebooks[path.stem].cells if cell.cell_type == "markdown")
    targets = re.findall(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", text)
    files = [t.split("#")[0] for t in targets if not re.match(r"[a-z]+:|#|attachment:", t)]
    assert not [target for target in files if not (path.parent / target).exists()]


@each_chapter
def test_the_readme_lists_the_chapter_under_its_title(notebooks, chapter):
    row = re.search(rf"^\| \[{chapter[:2]}\]\(notebooks/{chapter}\.ipynb\) \| ([^|]+) \|", README, re.MULTILINE)
    assert row, "no row in the table of chapters"
    title = re.search(r"^# (?:\d+\. )?(.+)$", notebooks[chapter].cells[0].source, re.MULTILINE)
    assert title[1].strip() == row[1].strip()
