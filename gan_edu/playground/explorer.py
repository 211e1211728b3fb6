"""What every widget of the course shares: rows that wrap, keys that stay, names and news for screen readers.

An `Explorer` is controls, a picture that follows them, and a sentence that says what the picture shows.
"""

import html
import json

import ipywidgets as widgets
import torch

from gan_edu import plots

# Runs in the page, where the explorer is shown. JupyterLab's own keys would leave a menu for the next cell, or turn the
# cell into raw text; an arrow in a closed menu would take each choice that it passes, so it opens the menu; ipywidgets
# names no picture and no slider, hides the tips of menus and ticks, and draws the arrow of a menu black on black; and a
# voice that read every frame would never end.
HANDS = """<style>[data-jp-theme-light=false] .gan-explorer select
    {background-image: none; appearance: auto; color-scheme: dark} .gan-explorer .key-P {min-width: 90px}</style>
<img alt="" src="data:," onerror="(function ready(me) {
    const root = me.closest('.gan-explorer'), all = (what) => [...root.querySelectorAll(what)], tips = {tips};
    if (!root || !root.isConnected) return setTimeout(ready, 100, me);
    Object.assign(root, {tabIndex: 0, role: 'group', ariaLabel: '{name}'});
    root.onkeydown = (event) => {
        const command = event.ctrlKey || event.metaKey || event.altKey;
        if (!command || event.key === 'Enter') event.stopPropagation();
        const opens = event.target.matches('select') && !command && /^Arrow(Up|Down)$/.test(event.key);
        if (opens && event.target.showPicker) event.preventDefault(event.target.showPicker());
        if (command || event.repeat || event.target.matches('select, textarea, input:not([type=checkbox])')) return;
        if (/^[a-z]$/i.test(event.key)) all('.key-' + event.key.toUpperCase()).forEach((button) => button.click());
    };
    all('label').forEach((label) => [label.parentElement, ...label.children].forEach(
        (node) => { node.title = tips[label.textContent] || node.title; }));
    all('.widget-image').forEach((img) => Object.assign(img, {alt: 'the text says what it shows', draggable: false}));
    all('.noUi-handle').forEach((knob) => { knob.ariaLabel = knob.closest('.widget-slider').firstChild.innerText; });
    const said = root.querySelector('.gan-said'), voice = root.appendChild(document.createElement('div'));
    Object.assign(voice, {ariaLive: 'polite', style: 'position: fixed; clip-path: inset(50%)'});
    const speak = () => { voice.textContent = said.innerText; }, rest = () => { me.wait = setTimeout(speak, 700); };
    new MutationObserver(() => rest(clearTimeout(me.wait))).observe(said, {childList: true, subtree: true});
    {script}
})(this)">"""


def framed(name: str, said: widgets.Widget, controls: list, *rows: widgets.Widget, script: str = "") -> widgets.VBox:
    """The rows as one widget: keys stay inside, screen readers hear its name and, once it rests, what `said` says.

    controls: widgets whose tips are shown; script: JavaScript that runs in the page too, where `root` is the widget
    """
    tips = html.escape(json.dumps({control.description: control.tooltip for control in controls}))
    script = HANDS.replace("{name}", name).replace("{tips}", tips).replace("{script}", html.escape(script))
    said.add_class("gan-said").tooltip = ""  # without one the page says "null"
    return widgets.VBox([*rows, widgets.HTML(script, tooltip="", layout={"display": "none"})]).add_class("gan-explorer")


def row(*items: widgets.Widget, **layout) -> widgets.Box:
    """The items beside each other as far as the page is wide, the others below; none is squeezed."""
    return widgets.Box(items, layout={"display": "flex", "flex_flow": "row wrap", **layout})


def noise_plane(latent_dim: int, random: torch.Generator) -> torch.Tensor:
    """Two directions of noise at a right angle, each as long as noise mostly is: (2, latent_dim)."""
    return torch.linalg.qr(torch.randn(latent_dim, 2, generator=random)).Q.T * latent_dim**0.5


LOOK = {"style": {"description_width": "72px"}, "layout": {"width": "275px"}}


def slider(value: float, low: float, high: float, label: str, tip: str, step: float = 0.02) -> widgets.FloatSlider:
    """A slider with a label before it and a tip. Raises ValueError for a value outside its range."""
    if not low <= value <= high:
        raise ValueError(f"{label} is {value}; it must be from {low} to {high}")
    return widgets.FloatSlider(value, min=low, max=high, step=step, description=label, tooltip=tip, **LOOK)


def menu(value: str | int, options: tuple[str | int, ...], label: str, tip: str) -> widgets.Dropdown:
    """A menu with a label before it and a tip."""
    return widgets.Dropdown(value=value, options=options, description=label, tooltip=tip, **LOOK)


class Explorer:
    """Controls by name, and a picture and a sentence that follow them: `.widget`. A subclass has `draw`: it takes
    the value of each control by the control's name, and returns a figure, and what it shows in a sentence.
    """

    NAME, INVITATION = "Explorer", "run this cell to play"  # what it is called; for those who see the page alone

    def __init__(self, **controls: widgets.Widget):
        self.controls, every = controls, list(controls.values())
        self.picture, self.text = widgets.Image(format="png", layout={"align_self": "flex-start"}), widgets.Label()
        for control in every:
            control.observe(self._redraw, names="value")
        self.widget = framed(self.NAME, self.text, every, row(*every), self.picture, self.text)
        self._redraw()

    @property
    def values(self) -> dict:
        """What the controls say now, by name."""
        return {name: control.value for name, control in self.controls.items()}

    def _redraw(self, change=None):
        figure, self.text.value = self.draw(**self.values)
        self.picture.value = plots.png(figure)

    def still(self, caption: str) -> None:
        """Show the picture of now under the cell, for pages that are only read."""
        plots.show(self.draw(**self.values)[0], caption)

    def _repr_mimebundle_(self, **options):
        return self.widget._repr_mimebundle_(**options) | {"text/plain": f"The {self.NAME}: {self.INVITATION}"}
