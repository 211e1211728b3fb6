"""The explorers in a real JupyterLab in a real browser: keys stay inside, the game is played by keyboard, all fits."""

import os
import sys
import time
from contextlib import contextmanager

import nbformat
import pytest

from browser.page import CONTROL, DOWN, END, ENTER, ESCAPE, TAB, UP, browse, free_port, in_a_driven_browser, server
from gan_edu.playground.picture import PLANE

pytestmark = in_a_driven_browser
CELLS = (
    "from gan_edu.playground import DiracExplorer, GANPlayground, MinimaxExplorer\nGANPlayground(hidden=16, depth=1)",
    "MinimaxExplorer()",
    "DiracExplorer()",
)


@contextmanager
def jupyterlab(folder):
    """A page with a notebook of all explorers, run, in a JupyterLab that knows no settings of this user."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "play.ipynb")
    lab = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += [f"--port={lab.split(':')[-1]}", "--IdentityProvider.token=", "--LabApp.news_url=None"]
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    places = {"cwd": folder, "env": {**os.environ, **{name: str(folder / name) for name in own}}}
    with server(command, lab + "/api/status", **places), browse() as page:
        page.open(lab + "/lab/tree/play.ipynb?reset")
        page.wait("return !!(window.jupyterapp && document.querySelector('.jp-Notebook .jp-Cell'))")
        page.wait(f"{BOOK}; return book && book.context.sessionContext.session?.kernel?.status == 'idle'")
        page.run("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait("return document.querySelectorAll('.gan-explorer[role=group]').length == 3")
        yield page


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
    return page.run(f"return Number(/(?:Step|Move) ([\\d,]+)/.exec({SAID})[1].replace(',', ''))")


def test_keys_stay_in_the_playground(page):
    page.click(".gan-explorer .widget-dropdown select")
    page.press(ESCAPE)  # closes the menu, the focus stays
    before = cells(page)
    page.press(DOWN, UP, ESCAPE, "r", "x", "m")  # arrows would leave for another cell, r makes a raw one, x cuts
    assert cells(page) == before
    page.click(".gan-explorer .widget-image")
    page.press("y", "x", "x", DOWN)
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


def test_a_game_is_chosen_by_keyboard_and_begins_when_it_is_loaded(page):
    focus(page, "start from")
    chosen = "return document.activeElement.value"
    page.press("r", "d")  # a letter goes to a name, and ends no game
    page.run(f"{ROOT}; root.focus()")
    page.press("r", "s")
    page.wait(f"return {SAID}.includes('Step 1:')")  # what was said of an earlier game is said no more
    focus(page, "start from")
    page.press("h")
    page.press(DOWN)  # opens the menu: a closed one would take what it passes
    time.sleep(1)
    assert page.run(chosen) == "healthy"
    page.press(DOWN, DOWN, ENTER)
    page.wait(f"{chosen} == 'D too strong'")
    assert steps(page) == 1 and page.run(f"return {SAID}.includes('D moved, then G')")
    page.press(TAB, ENTER)
    page.wait(f"return {SAID}.includes('G is held still. Play 300 steps')")
    focus(page, "start from")
    assert page.run(chosen) == "D too strong" and steps(page) == 0
    focus(page, "loss")
    page.press("n")
    page.wait(f"return {SAID}.includes('new settings')")
    heard = page.wait(f"{ROOT}; const v = root.querySelector('[aria-live]').innerText; return v.includes('new') && v")
    assert "D believes real" in heard and "Mean push" in heard
    focus(page, "start from")
    page.press("h")
    page.run(f"{ROOT}; root.focus()")
    page.press("l")
    page.wait(f"return {SAID}.includes('Nobody has moved') && !{SAID}.includes('held still')")


def focus(page, label):
    named = f"[...root.querySelectorAll('label')].find(node => node.innerText == '{label}')"
    page.run(f"{ROOT}; document.getElementById({named}.htmlFor).focus()")


def drawn(page):
    return page.run("return document.querySelector('.gan-drawing input').value")


def heaps(page, number):
    """Wait until the game has so many modes."""
    page.wait(f"return / of {number} modes/.test({SAID})")


def test_a_distribution_is_drawn_by_mouse_or_typed(page):
    left, bottom, width, height = PLANE

    def draw(*points):
        places = [(left + (x + 1.6) / 3.2 * width, 1 - bottom - (y + 1.6) / 3.2 * height) for x, y in points]
        page.drag(".gan-explorer .widget-image", *places)

    before = drawn(page)
    draw((0, 0))
    assert drawn(page) == before  # the data are a ring
    focus(page, "data")
    page.press(END)
    heaps(page, 3)
    draw((0, 0))
    heaps(page, 4)
    draw((1, 1), (1, 1.2), (1.2, 1.2))
    heaps(page, 7)
    draw((1, 1), (1, 1.2))  # what begins on a point takes points away
    heaps(page, 5)
    draw((3, 0))  # the curves are no place to draw on
    assert drawn(page) == before + ", 0 0, 1.2 1.2"
    focus(page, "drawing")
    page.press("a", held=CONTROL)
    page.press(*"0.5 -1.2, 1 1", ENTER)
    heaps(page, 2)
    page.press("r", "x")  # letters for the box, no commands for the game or the notebook
    assert drawn(page).endswith("rx")
    focus(page, "data")
    page.press("r")  # the menu goes to the ring
    heaps(page, 8)
    assert page.run("return document.querySelector('.gan-drawing input').disabled")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_there_is_no_barrier(page, theme):
    page.run(f"return window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
    page.wait(f"return document.body.dataset.jpThemeName == '{theme}'")
    assert page.barriers(".gan-explorer") == []


def test_everything_has_a_name(page):
    assert page.run("return [...document.querySelectorAll('.gan-explorer [title=null]')].length") == 0
    unnamed = """return [...document.querySelectorAll('.gan-explorer :is(select, input, textarea, [role=slider], img)')]
        .filter(node => node.offsetParent && !(node.ariaLabel || node.alt || node.placeholder || node.labels?.length))
        .map(node => node.outerHTML.slice(0, 200))"""
    assert page.run(unnamed) == []
    rates = """return [...document.querySelectorAll('.gan-explorer select')]
        .map(menu => [menu.labels[0].innerText, menu.selectedOptions[0].innerText, menu.parentElement.title])"""
    assert ["D's rate", "0.001", "D's learning rate"] in page.run(rates)


@pytest.mark.parametrize(("width", "zoom"), [(1366, 1), (1280, 1), (1024, 1), (1366, 2), (1024, 2)])
def test_nothing_is_cut_or_squeezed(page, width, zoom):
    """With the file browser open, but where the page is zoomed."""
    page.resize(width, zoom)
    shown = page.run("return !!document.querySelector('#jp-left-stack:not(.lm-mod-hidden)')")
    if shown != (zoom == 1):
        page.run("window.jupyterapp.commands.execute('application:toggle-left-area')")
    time.sleep(1)
    sizes = page.run(f"""{ROOT}; const edge = root.parentElement.getBoundingClientRect().right + 1;
        const nodes = [...root.querySelectorAll('select, button, .widget-checkbox, .widget-image, .widget-label')];
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
