"""The explorers in a real JupyterLab in a real browser: keys stay inside, the game is played by keyboard, all fits."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import nbformat
import pytest

from browser import BROWSER, FLAGS

DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="chromium or chromedriver is not installed")
CELLS = (
    "from gan_edu.playground import DiracExplorer, GANPlayground, MinimaxExplorer\nGANPlayground(hidden=16, depth=1)",
    "MinimaxExplorer()",
    "DiracExplorer()",
)
PATIENCE = 180  # seconds; a busy machine starts a kernel slowly


class Page:
    """A browser's page over the WebDriver protocol (W3C), which is JSON over HTTP: no package is needed."""

    def __init__(self, driver: str):
        self._session = driver
        options = {
            "goog:chromeOptions": {"binary": BROWSER, "args": ["--headless=new", "--window-size=1366,900", *FLAGS]}
        }
        self._session += "/session/" + self._post("/session", capabilities={"alwaysMatch": options})["sessionId"]

    def _post(self, path, **body):
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._session + path, json.dumps(body).encode(), headers)
        return json.load(urllib.request.urlopen(request, timeout=PATIENCE))["value"]

    def open(self, address):
        self._post("/url", url=address)

    def resize(self, width, height=900):
        self._post("/window/rect", width=width, height=height)
        time.sleep(1)

    def run(self, script):
        """What the JavaScript returns."""
        return self._post("/execute/sync", script=script, args=[])

    def press(self, *keys):
        presses = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._post("/actions", actions=[{"type": "key", "id": "keyboard", "actions": presses}])

    def click(self, selector):
        place = self.run(
            f"""const node = document.querySelector(`{selector}`); node.scrollIntoView({{block: 'center'}});
            const box = node.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2];"""
        )
        x, y = map(round, place)
        moves = [{"type": "pointerMove", "x": x, "y": y, "duration": 0}]
        moves += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._post("/actions", actions=[{"type": "pointer", "id": "mouse", "actions": moves}])

    def wait(self, script):
        """Until the script returns something true: that."""
        end = time.time() + PATIENCE
        while time.time() < end:
            if value := self.run(script):
                return value
            time.sleep(0.2)
        raise AssertionError(f"never true: {script}")

    def close(self):
        urllib.request.urlopen(urllib.request.Request(self._session, method="DELETE"), timeout=PATIENCE)


@contextmanager
def server(command, address, **settings):
    """A server that runs within, and answers at the address."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **settings)
    try:
        for _ in range(10 * PATIENCE):
            if process.poll() is not None:
                raise RuntimeError(f"it ended with {process.returncode}: {command}")
            try:
                urllib.request.urlopen(address, timeout=5)
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def jupyterlab(folder):
    """A page with a notebook of all explorers, run, in a JupyterLab that knows no settings of this user."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "play.ipynb")
    lab, driver = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += [f"--port={lab.split(':')[-1]}", "--IdentityProvider.token=", "--LabApp.news_url=None"]
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    places = {"cwd": folder, "env": {**os.environ, **{name: str(folder / name) for name in own}}}
    with (
        server(command, lab + "/api/status", **places),
        server([DRIVER, f"--port={driver.split(':')[-1]}"], driver + "/status"),
    ):
        page = Page(driver)
        try:
            page.open(lab + "/lab/tree/play.ipynb?reset")
            page.wait("return !!(window.jupyterapp && document.querySelector('.jp-Notebook .jp-Cell'))")
            page.wait(f"{BOOK}; return book && book.context.sessionContext.session?.kernel?.status == 'idle'")
            page.run("window.jupyterapp.commands.execute('notebook:run-all-cells')")
            page.wait("return document.querySelectorAll('.gan-explorer[role=group]').length == 3")
            yield page
        finally:
            page.close()


BOOK = "const book = window.jupyterapp.shell.currentWidget"
ROOT = "const root = document.querySelector('.gan-explorer')"
SAID = "document.querySelector('.gan-said').innerText"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with jupyterlab(tmp_path_factory.mktemp("lab")) as page:
        yield page


def cells(page):
    """The kinds of the cells, and which is the active one."""
    return page.run(f"{BOOK}; return [book.content.widgets.map(c => c.model.type), book.content.activeCellIndex]")


def steps(page):
    return page.run(f"return Number(/Step ([\\d,]+)/.exec({SAID})[1].replace(',', ''))")


def test_keys_stay_in_the_playground(page):
    page.click(".gan-explorer .widget-dropdown select")
    page.press("\ue00c")  # Escape: closes the menu, the focus stays
    before = cells(page)
    page.press("\ue015", "\ue013", "r", "x", "m")  # arrows would leave for another cell, r makes a raw one, x cuts
    assert cells(page) == before
    page.click(".gan-explorer .widget-image")
    page.press("y", "x", "x", "\ue015")
    assert cells(page) == before
    assert page.run(f"{ROOT}; return root.contains(document.activeElement)")


def test_the_whole_game_is_played_by_keyboard(page):
    page.run(f"{ROOT}; root.focus()")
    page.press("r")
    page.wait(f"return {SAID}.includes('Nobody has moved')")
    for key, words in (("s", "D moved, then G"), ("d", "D moved, G stayed"), ("g", "G moved, D stayed")):
        page.press(key)
        page.wait(f"return {SAID}.includes('{words}')")
    page.press("b")
    page.wait(f"return {SAID}.includes('D moved, G stayed')")
    assert steps(page) == 2
    page.press("p")
    page.wait("return document.querySelector('.key-P').innerText.includes('Pause')")
    page.wait(f"return {SAID}.includes('steps in this frame')")
    page.press("p")
    page.wait("return document.querySelector('.key-P').innerText.includes('Play')")
    stopped = steps(page)
    time.sleep(1)
    assert steps(page) == stopped > 2
    read_aloud = page.wait(f"{ROOT}; return root.querySelector('[aria-live]').innerText")
    assert read_aloud.split() == page.run(f"return {SAID}").split()


def test_everything_has_a_name(page):
    assert page.run("return [...document.querySelectorAll('.gan-explorer [title=null]')].length") == 0
    unnamed = """return [...document.querySelectorAll('.gan-explorer :is(select, input, textarea, [role=slider], img)')]
        .filter(node => node.offsetParent && !(node.ariaLabel || node.alt || node.placeholder || node.labels?.length))
        .map(node => node.outerHTML.slice(0, 200))"""
    assert page.run(unnamed) == []
    rates = """return [...document.querySelectorAll('.gan-explorer select')]
        .map(menu => [menu.labels[0].innerText, menu.selectedOptions[0].innerText, menu.parentElement.title])"""
    assert ["D's rate", "0.001", "D's learning rate"] in page.run(rates)


@pytest.mark.parametrize("width", [1366, 1280, 1024, 683, 512])
def test_nothing_is_cut_or_squeezed(page, width):
    """With the file browser open down to 1024; the narrow ones are 1366 and 1024 at 200 %, without it."""
    page.resize(width)
    shown = page.run("return !!document.querySelector('#jp-left-stack:not(.lm-mod-hidden)')")
    if shown != (width >= 1024):
        page.run("window.jupyterapp.commands.execute('application:toggle-left-area')")
        time.sleep(1)
    sizes = page.run(f"""{ROOT}; const edge = root.parentElement.getBoundingClientRect().right + 1;
        const nodes = [...root.querySelectorAll('select, button, .widget-checkbox, .widget-image')];
        return nodes.filter(node => node.offsetParent).map(node => [node.className + node.innerText.slice(0, 20),
            node.getBoundingClientRect().right <= edge && node.scrollWidth <= node.clientWidth + 2,
            node.getBoundingClientRect().width]);""")
    assert len(sizes) > 20 and [name for name, fits, _ in sizes if not fits] == []
    boxes = f"{ROOT}; return [...root.querySelectorAll('.widget-box')].map(box => box.scrollWidth - box.clientWidth)"
    assert max(page.run(boxes)) <= 0  # nothing has to be scrolled sideways
    menus = page.run("return [...document.querySelectorAll('.gan-explorer select')].map(m => m.clientWidth)")
    assert min(menus) >= 100
    above = page.run(f"""{ROOT}; const top = (what) => root.querySelector(what).getBoundingClientRect().top;
        const menu = [...root.querySelectorAll('select')].at(-1).getBoundingClientRect();
        return [top('.widget-image') < menu.top, menu.left > root.querySelector('.widget-image').offsetLeft + 300];""")
    assert any(above)
