"""The website, built from the committed notebooks, and read in a real browser at the width of a phone and of a desk.

`make test-browser` brings what builds it. A browser, Chromium or Chrome, is the reader's own: without one its tests are
skipped, and say so.
"""

import functools
import html
import http.server
import re
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import ROOT, notebook_paths, read_notebook

from browser.page import browse, in_a_driven_browser

pytest.importorskip("sphinx_book_theme", reason="the website's tools are not installed: make test-browser")
PAGES = [path.relative_to(ROOT).with_suffix(".html").as_posix() for path in notebook_paths()]


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The built website. Warnings are errors, as in `make site`."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-W", "ignore", "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "site", "."]
    run = subprocess.run([*command, str(out)], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    return out


@pytest.fixture(scope="session")
def address(site):
    """Where a server shows it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def page():
    with browse() as page:
        yield page


def targets(page: Path) -> set[str]:
    """What the page links to or shows that lies on this site, without what comes after # and ?."""
    found = re.findall(r'(?:href|src)="([^"]+)"', page.read_text(encoding="utf-8"))
    parts = [urlsplit(html.unescape(link)) for link in found]
    return {unquote(part.path) for part in parts if part.path and not part.scheme and not part.netloc}


def test_every_notebook_is_a_page_and_the_first_page_is_the_readme(site):
    assert all((site / page).exists() for page in PAGES)
    assert (site / "index.html").read_text() == (site / "README.html").read_text()


def test_no_link_inside_is_broken(site):
    pages = [site / "README.html", site / "CONTRIBUTING.html", *(site / page for page in PAGES)]
    missing = {
        str(page.relative_to(site)): [to for to in targets(page) if not (page.parent / to).exists()] for page in pages
    }
    assert not any(missing.values()), {page: links for page, links in missing.items() if links}


@pytest.mark.parametrize("path", notebook_paths(), ids=lambda path: path.stem)
def test_pictures_say_what_they_show_and_solutions_are_folded(path, site):
    page = (site / path.relative_to(ROOT).with_suffix(".html")).read_text(encoding="utf-8")
    article = page[page.index("<article") : page.index("</article>")]
    pictures = re.findall(r"<img [^>]*>", article)
    assert all(re.search(r'alt="[^"]{20,}"', picture) for picture in pictures), pictures
    cells = read_notebook(path).cells
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    assert len(pictures) >= sum("image/png" in data for data in shown)
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    assert article.count("<details") >= sum(text.count("<details>") for text in texts)


def test_what_is_deeper_stands_below_its_chapter(site):
    page = (site / "notebooks" / "02_deriving_the_losses.html").read_text(encoding="utf-8")
    assert 'href="deeper/02_what_each_loss_follows.html"' in page[: page.index("<article")]  # in the sidebar


@in_a_driven_browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", ["README.html", *(path for path in PAGES if "deeper" not in path)])
def test_nothing_reaches_out_of_the_window(path, width, page, address):
    page.resize(width)
    page.open(f"{address}/{path}")
    assert page.run("const root = document.documentElement; return root.scrollWidth - root.clientWidth") <= 0


@in_a_driven_browser
def test_the_search_finds_detach(page, address):
    page.open(f"{address}/search.html?q=detach")
    page.wait("return document.querySelector('#search-results').innerHTML.includes('03_the_training_step.html')")


@in_a_driven_browser
@pytest.mark.parametrize("path", ["README.html", "notebooks/04_a_first_gan.html", "search.html?q=detach"])
def test_there_is_no_barrier(path, page, address):
    page.open(f"{address}/{path}")
    assert page.barriers() == []
