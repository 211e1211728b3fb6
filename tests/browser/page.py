"""A browser's page over the WebDriver protocol (W3C), which is JSON over HTTP: no package is needed."""

import functools
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager

import pytest
from conftest import ROOT
from filelock import FileLock

from browser import BROWSER, FLAGS

DRIVER = shutil.which("chromedriver")
in_a_driven_browser = pytest.mark.skipif(not (BROWSER and DRIVER), reason="chromium or chromedriver is not installed")
PATIENCE = 180  # seconds; a busy machine starts a kernel slowly
AXE = ROOT / "build" / "axe"
CONTROL, END, ENTER, ESCAPE, UP, DOWN, TAB = "\ue009", "\ue010", "\ue007", "\ue00c", "\ue013", "\ue015", "\ue004"


class Page:
    """What is open in a browser of its own; `browse` makes one."""

    def __init__(self, driver: str):
        self._session = driver
        arguments = ["--headless=new", "--window-size=1366,900", *FLAGS]
        options = {"goog:chromeOptions": {"binary": BROWSER, "args": arguments}}
        self._session += "/session/" + self._post("/session", capabilities={"alwaysMatch": options})["sessionId"]

    def _post(self, path, **body):
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._session + path, json.dumps(body).encode(), headers)
        return json.load(urllib.request.urlopen(request, timeout=PATIENCE))["value"]

    def open(self, address):
        self._post("/url", url=address)

    def resize(self, width, zoom=1, height=900):
        """A window of so many pixels, zoomed as the reader zooms: fewer and larger pixels for the page."""
        size = {"width": width // zoom, "height": height // zoom, "deviceScaleFactor": zoom, "mobile": False}
        self._post("/goog/cdp/execute", cmd="Emulation.setDeviceMetricsOverride", params=size)

    def run(self, script):
        """What the JavaScript returns."""
        return self._post("/execute/sync", script=script, args=[])

    def press(self, *keys, held=()):
        down, up = ([{"type": kind, "value": key} for key in held] for kind in ("keyDown", "keyUp"))
        presses = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._post("/actions", actions=[{"type": "key", "id": "keyboard", "actions": [*down, *presses, *up]}])

    def drag(self, selector, *places):
        """Press the mouse at the first place, pull it to the others; places are parts of what the selector finds."""
        box = self.run(
            f"""const node = document.querySelector(`{selector}`); node.scrollIntoView({{block: 'center'}});
            const box = node.getBoundingClientRect(); return [box.x, box.y, box.width, box.height];"""
        )
        spots = [(round(box[0] + x * box[2]), round(box[1] + y * box[3])) for x, y in places]
        moves = [{"type": "pointerMove", "x": x, "y": y, "duration": 0} for x, y in spots]
        moves = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        self._post("/actions", actions=[{"type": "pointer", "id": "mouse", "actions": moves}])

    def click(self, selector):
        self.drag(selector, (0.5, 0.5))

    def wait(self, script):
        """Until the script returns something true: that."""
        end = time.time() + PATIENCE
        while time.time() < end:
            if value := self.run(script):
                return value
            time.sleep(0.2)
        raise AssertionError(f"never true: {script}")

    def barriers(self, selector="body"):
        """What axe-core calls serious or critical in there: (rule, the first place where it is broken)."""
        self.run(_axe())
        found = f"""return axe.run('{selector}', {{resultTypes: ['violations']}}).then(found => found.violations
            .filter(rule => ['serious', 'critical'].includes(rule.impact))
            .map(rule => [rule.id, rule.nodes.length, rule.nodes[0].html, rule.nodes[0].failureSummary]))"""
        return self.run(found)

    def close(self):
        urllib.request.urlopen(urllib.request.Request(self._session, method="DELETE"), timeout=PATIENCE)


@functools.cache
def _axe() -> str:
    """The program that looks for barriers, from the npm registry; once, then it lies in build/axe."""
    program = AXE / "node_modules" / "axe-core" / "axe.min.js"
    AXE.mkdir(parents=True, exist_ok=True)
    with FileLock(AXE / "lock"):  # tests run side by side
        if not program.exists():
            npm = shutil.which("npm") or pytest.skip("npm is not installed, which brings axe-core")
            fetch = [npm, "install", "--no-audit", "--no-fund", "--fetch-retries=0", "--prefix", AXE, "axe-core@4.14.1"]
            if subprocess.run(fetch, capture_output=True, check=False).returncode:
                pytest.skip("axe-core did not come from the npm registry")
    return program.read_text(encoding="utf-8")


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


@contextmanager
def browse():
    """A page that nothing is open in yet."""
    port = free_port()
    driver = f"http://127.0.0.1:{port}"
    with server([DRIVER, f"--port={port}"], driver + "/status"):
        page = Page(driver)
        try:
            yield page
        finally:
            page.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
