"""What every test starts from: no GPU, no window, no answers given earlier. And how tests read notebooks."""

import ast
import os
import re
import signal
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # before anything imports torch; set it to test on a GPU

import matplotlib
import pytest

for name in (
    "SIGINT",
    "SIGTERM",
    "SIGHUP",
):  # a shell's background jobs ignore some, and so would all that a test starts
    if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, name), signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)

matplotlib.use("Agg")  # not MPLBACKEND: kernels that a test starts would inherit it

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = [
    "00_start_here",
    "01_the_minimax_game",
    "02_deriving_the_losses",
    "03_the_training_step",
    "04_a_first_gan",
    "05_dcgan_on_digits",
    "06_a_full_gan_on_cuda",
    "07_why_training_is_unstable",
    "08_taming_the_game",
    "09_measuring_gans",
    "10_the_clinic",
    "11_steering_generation",
    "12_from_image_to_image",
    "13_video",
    "14_speech",
    "15_text",
    "16_rivals_and_heirs",
    "17_gans_at_work",
    "18_scaling_out",
]
DEEPER = [f"deeper/{path.stem}" for path in sorted((ROOT / "notebooks" / "deeper").glob("*.ipynb"))]


@pytest.fixture(autouse=True)
def empty_progress(tmp_path, monkeypatch):
    """A learner's own answers neither help nor break a test."""
    monkeypatch.setenv("GAN_EDU_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture
def one_thread():
    """Networks this small lose time on more threads, and sums in another order are other sums."""
    import torch  # only now: CUDA_VISIBLE_DEVICES must be set before

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def notebooks() -> dict:
    """Every committed notebook by its name: `02_deriving_the_losses`, `deeper/02_what_each_loss_follows`."""
    return {name_of(path): read_notebook(path) for path in notebook_paths()}


def read_notebook(path: Path):
    """The notebook in this file. A borrowed GPU machine lacks nbformat, and needs no notebook."""
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(path, as_version=4)


def notebook_paths() -> list[Path]:
    """The notebooks in the order of the course, the numbered chapters first, then the deeper ones."""
    return [*sorted((ROOT / "notebooks").glob("*.ipynb")), *sorted((ROOT / "notebooks" / "deeper").glob("*.ipynb"))]


def name_of(path: Path) -> str:
    """A notebook's path below notebooks/ without the ending."""
    return path.relative_to(ROOT / "notebooks").with_suffix("").as_posix()


def tags(cell) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def plain_python(source: str) -> str:
    """A cell's source without IPython's magics and shell lines, so that `ast` can read it."""
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())


# --- exercises: a heading, a stub that ends in its check, a folded solution -------------------------------------------


@dataclass
class Exercise:
    """One exercise as its notebook holds it."""

    chapter: str
    title: str
    imports: str  # the imports of all code cells up to the stub
    stub: str  # the stub without its last line, the call of the checker
    check: str  # that call, as `exercises.check_xxx(name)`
    solution: str  # the code of the folded block
    names: set[str] = field(init=False)

    def __post_init__(self):
        self.names = defined_names(self.stub)

    @property
    def checker(self) -> str:
        """The name of the checker: `check_xxx`."""
        return ast.parse(self.check, mode="eval").body.func.attr

    def mark(self, answer: str):
        """What the checker returns where `answer` is the reader's code."""
        namespace = {"__name__": "__main__"}
        exec(self.imports, namespace)
        exec(compile(answer, f"<{self.title}>", "exec"), namespace)
        return eval(self.check, namespace)


def exercises_in(path: Path) -> list[Exercise]:
    """The exercises of a notebook; a malformed one fails with the reason instead of being passed over."""
    cells = read_notebook(path).cells
    found, begin = [], 0
    for index, cell in enumerate(cells):
        if "exercise" in tags(cell):
            assert index < len(cells) - 1, f"{path.name}: an exercise needs a solution after it"
            prose = "\n".join(c.source for c in cells[begin:index] if c.cell_type == "markdown")
            found.append(_exercise(path, prose, cell, cells[index + 1], cells[: index + 1]))
            begin = index + 2
    return found


def _exercise(path: Path, prose, stub_cell, after, so_far) -> Exercise:
    titles = re.findall(r"^### (Exercise \d+\.\d+: .+)$", prose, re.MULTILINE)
    assert len(titles) == 1, (
        f"{path.name}: an exercise needs one heading '### Exercise 2.1: ...' before it, not {titles}"
    )
    title = titles[0]
    where = f"{path.name}, {title}"
    *stub, last = ast.parse(plain_python(stub_cell.source)).body
    check = ast.unparse(last)
    assert re.match(r"exercises\.check_\w+\(", check), (
        f"{where}: the stub must end in exercises.check_...(...), not {check}"
    )
    block = re.search(r"<details>\s*<summary>.*?</summary>(.*?)</details>", after.source, re.DOTALL)
    fence = block and re.search(r"```python\n(.*?)```", block[1], re.DOTALL)
    assert fence, f"{where}: no <details> block with a ```python solution in the cell after the stub"
    imports = "\n".join(import_lines(c.source) for c in so_far if c.cell_type == "code")
    stub_source = "\n".join(ast.unparse(node) for node in stub)
    return Exercise(path.stem, title, imports, stub_source, check, fence[1])


def import_lines(source: str) -> str:
    """The top-level imports of a cell."""
    body = ast.parse(plain_python(source)).body
    return "\n".join(ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom))


def defined_names(source: str) -> set[str]:
    """The functions, classes and values that a piece of code defines at its top level."""
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name)}
    return names
