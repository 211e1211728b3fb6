"""The course as a website: `make site` builds it from README and the executed notebooks, and runs none of them.

SITE_REPOSITORY=https://github.com/NAME/REPOSITORY adds buttons that open the source, or a chapter on Colab.
MATHJAX=path/to/MathJax.js takes the formulas' typesetter from there instead of the network.
"""

import json
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
DEEPER = sorted(path.stem for path in (ROOT / "notebooks" / "deeper").glob("*.ipynb"))

project = "Generative adversarial networks, by running them"
author = "gan_edu contributors"
project_copyright = "gan_edu contributors, MIT licence"
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "notebooks/*.ipynb", "notebooks/deeper/*.ipynb"]
extensions = ["myst_nb", "sphinx_copybutton"]

nb_execution_mode = "off"  # the committed outputs are what the tests compare
nb_render_markdown_format = "myst"  # captions and tables are Markdown
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
if os.environ.get("MATHJAX"):
    mathjax_path = os.environ["MATHJAX"]

html_theme = "sphinx_book_theme"
html_title = "GANs, by running them"
html_static_path = ["static"]
html_css_files, html_js_files = ["course.css"], ["course.js"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"navbar_persistent": [], "use_download_button": False, "show_toc_level": 2}
if repository := os.environ.get("SITE_REPOSITORY"):
    html_theme_options |= {
        "repository_url": repository,
        "repository_branch": "main",
        "use_repository_button": True,
        "use_issues_button": True,
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    }


def contents(caption: str, names: list[str]) -> str:
    """A table of contents that only the sidebar shows."""
    return "\n".join(["", "", "```{toctree}", ":hidden:", f":caption: {caption}", "", *names, "```", ""])


def add_contents(app, docname: str, source: list[str]) -> None:
    """README lists the chapters, a chapter what is deeper in it; and pictures say to screen readers what they show."""
    if docname == root_doc:
        source[0] += contents("Chapters", [f"notebooks/{name}" for name in CHAPTERS])
        source[0] += contents("More", ["CONTRIBUTING"])
    elif docname.startswith("notebooks/"):
        notebook = json.loads(source[0])
        for cell in notebook["cells"]:
            if captions := [caption for output in cell.get("outputs", []) if (caption := caption_of(output))]:
                cell["metadata"]["mystnb"] = {"image": {"alt": " ".join(captions)}}
        number = docname.removeprefix("notebooks/")[:3]
        if names := [f"deeper/{name}" for name in DEEPER if name.startswith(number)]:
            cell = {"cell_type": "markdown", "metadata": {}, "source": contents("Deeper", names)}
            notebook["cells"].append(cell)
        source[0] = json.dumps(notebook)


def caption_of(output: dict) -> str:
    """What `plots.show` says below its picture, without the asterisks; nothing for any other output."""
    data = output.get("data", {})
    text = "".join(data.get("text/markdown", "")) if "text/plain" not in data else ""
    return text.strip("*\n") if text.startswith("*") else ""


def add_index(app, exception) -> None:
    """The page that a server shows first."""
    if exception is None:
        page = Path(app.outdir) / "README.html"
        (page.parent / "index.html").write_text(page.read_text(encoding="utf-8"), encoding="utf-8")


def setup(app) -> None:
    app.connect("source-read", add_contents)
    app.connect("build-finished", add_index)
