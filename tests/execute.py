"""Execute notebooks in place, top to bottom in a fresh kernel: `python tests/execute.py notebooks/02_*.ipynb`.

Live widgets cannot be stored: of a widget its plain text stays, and a progress bar that ran to its end leaves nothing.
"""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {  # whole, so that `nbconvert --to script` writes Python; but for the version
        "name": "python",
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "codemirror_mode": {"name": "ipython", "version": 3},
    },
}
PROGRESS_BAR = re.compile(r"^\s*\d+%\|")


def execute(path: Path) -> float:
    """Run the notebook and store its outputs; returns the seconds it took. Nothing is written where a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    began = time.perf_counter()
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": path.parent}},
    ).execute()
    seconds = time.perf_counter() - began
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _storable(output)]
    notebook.metadata = METADATA
    nbformat.write(notebook, path)
    return seconds


def _storable(output) -> bool:
    data = output.get("data", {})
    if data.pop(WIDGET, None) is None:
        return True
    if "children=" in data["text/plain"]:  # the inner structure of a widget tells a reader nothing
        data["text/plain"] = "An interactive widget: run this cell to use it."
    return not PROGRESS_BAR.match(data["text/plain"])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the outputs are those of the CPU, whoever executes
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GAN_EDU_PROGRESS"] = str(Path(folder) / "progress.json")
        for name in sys.argv[1:]:
            print(f"{name}: {execute(Path(name)):.0f} s", flush=True)
