"""The playground's widgets: tables of what can be set, shown and pressed, and how they lie on the page."""

import ipywidgets as widgets

from gan_edu import plots
from gan_edu.losses import LOSSES, PENALTIES
from gan_edu.playground.explorer import framed, row
from gan_edu.playground.picture import PLANE
from gan_edu.playground.program import DRAWING, LETTERS, OPTIMIZERS, OWN, POINT, PRIORS, TARGETS
from gan_edu.train import UPDATES

WIDTHS, DEPTHS, MOVES = (2, 4, 8, 16, 32, 64, 128), tuple(range(1, 6)), tuple(range(1, 11))
RATES = (0.0, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 2e-3, 4e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
WEIGHTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Steps in a frame (0: one player's move), and the shortest time in seconds that it stands. A slow machine makes fewer.
SPEEDS = {"slow motion": (0, 2.5)} | {f"{n} step{'s' * (n > 1)} a frame": (n, 0.05) for n in (1, 2, 5, 10, 20)}

# name: (label, choices, default, what it is). What these change takes new networks or data ...
NEW_GAME = {
    "data": ("data", tuple(name for name in TARGETS if name != OWN), "ring", "What the real samples are"),
    "text": ("letters", None, "GAN", "The real samples fill these letters, where data says so"),
    "drawing": ("drawing", None, "-1 0.6, 0 -0.8, 1 0.6", "Press or drag in the picture, or type x y, none beyond 1.5"),
    "prior": ("noise", tuple(PRIORS), "normal", "What G's input is drawn from"),
    "latent_dim": ("noise dim.", (1, 2), 2, "How many numbers G's input has"),
    "d_hidden": ("D's width", WIDTHS, 64, "Units in each hidden layer of D"),
    "g_hidden": ("G's width", WIDTHS, 64, "Units in each hidden layer of G"),
    "d_depth": ("D's depth", DEPTHS, 3, "Hidden layers of D"),
    "g_depth": ("G's depth", DEPTHS, 3, "Hidden layers of G"),
    "seed": ("seed", tuple(range(10)), 0, "Decides the first weights and every random number"),
}
# ... and what these change holds from the next step on.
SAME_GAME = {
    "loss": ("loss", tuple(LOSSES), "non_saturating", "What both players minimize"),
    "updates": ("updates", UPDATES, "alternating", "In turns, or both at once"),
    "d_rate": ("D's rate", RATES, 1e-3, "D's learning rate"),
    "g_rate": ("G's rate", RATES, 1e-3, "G's learning rate"),
    "d_optimizer": ("D's optimizer", tuple(OPTIMIZERS), "Adam (0, 0.99)", "D's optimizer; Adam with its betas"),
    "g_optimizer": ("G's optimizer", tuple(OPTIMIZERS), "Adam (0, 0.99)", "G's optimizer; Adam with its betas"),
    "d_steps": ("D's moves", MOVES, 1, "How often D moves in each step"),
    "g_steps": ("G's moves", MOVES, 1, "How often G moves in each step"),
    "penalty": ("penalty", ("none", *PENALTIES), "r1", "A term of D's loss that keeps its slopes small"),
    "penalty_weight": ("its weight", WEIGHTS, 0.025, "What the penalty is multiplied by, where there is one"),
}
FIRST = ("loss", "d_rate", "g_rate", "speed", "preset")  # what is played with most: above the picture, and short
# name: does it do anything under these settings? Where not, it is grey.
USED = {
    "text": lambda now: now["data"] == LETTERS,
    "drawing": lambda now: now["data"] == DRAWING,
    "d_optimizer": lambda now: now["d_rate"] > 0,
    "g_optimizer": lambda now: now["g_rate"] > 0,
    "penalty": lambda now: now["d_rate"] > 0,
    "penalty_weight": lambda now: now["d_rate"] > 0 and now["penalty"] != "none",
}
# name: (label, colour in the legend, shown at first, what it is)
OVERLAYS = {
    "real": ("real ●", plots.REAL, True, "a real sample"),
    "fake": ("fake ✕", plots.FAKE, True, "a fake, made by G"),
    "heat": ("D's belief", "inherit", True, "blue: it says real; orange: fake; black line: undecided, D(x) = 1/2"),
    "sheet": ("G's sheet", plots.G, False, "where G puts the lines of a square grid of noise"),
    "arrows": ("G's push ↗", "inherit", False, "where G's loss sends a fake; longer is harder"),
}
# name of the control and of the playground's method: (label, what it does, its key)
BUTTONS = {
    "play": ("▶ Play", "Train, and show it as a film; once more: pause", "P"),
    "step": ("Step", "One step of the game: D moves, then G", "S"),
    "step_discriminator": ("D moves", "D moves once, G stays", "D"),
    "step_generator": ("G moves", "G moves once, D stays", "G"),
    "back": ("Back", "Undo the last move or frame; what then comes, comes as it came", "B"),
    "reset": ("Reset", "New weights from the seed", "R"),
    "start_from": ("Load", "A new game: the one that the menu says", "L"),
}
DEFAULTS = {name: entry[2] for name, entry in (NEW_GAME | SAME_GAME | OVERLAYS).items() if entry[1]}
STRONG = {"loss": "minimax", "penalty": "none", "d_rate": 4e-3, "g_rate": 0.0, "arrows": True}
CHASE = {"optimizer": "Adam (0.9, 0.999)", "penalty": "none", "rate": 4e-3}
CIRCLE = dict(CHASE, data="one Gaussian", loss="wasserstein", hidden=16, depth=1, rate=1e-3)
# name: (settings and ticks other than the defaults, steps already played, what to look for)
PRESETS = {
    "healthy": ({}, 0, "Two players of about the same strength. Press Play: how many modes do they find, and when?"),
    "trained": ({}, 1000, "A healthy game after 1,000 steps. Make one player quicker: what is lost?"),
    "D too strong": (STRONG, 0, "G is held still. Play 300 steps: what becomes of its arrows? Then take another loss."),
    "D too weak": ({"g_rate": 4e-3, "d_rate": 1e-4}, 0, "Play 400 steps. Read both losses. Do the samples agree?"),
    "collapse": (CHASE, 0, "Quick moves with momentum. Play 600 steps: how many modes are covered at any time?"),
    "circling": (CIRCLE, 0, "A critic without a brake. Play 600 steps: where do the fakes go, and do they settle?"),
}

# Runs in the page: a press in the plane puts a point there, or takes one away, and a drag goes on with either.
BRUSH = """
    const paper = root.querySelector('.gan-drawing input'), picture = root.querySelector('.widget-image');
    const [left, bottom, width, height] = {plane};
    picture.onpointerdown = picture.onpointermove = (event) => {
        picture.style.cursor = paper.disabled ? '' : 'crosshair';
        const across = (event.offsetX / picture.offsetWidth - left) / width;
        const up = (1 - event.offsetY / picture.offsetHeight - bottom) / height;
        const here = [across, up].map((part) => Math.round(32 * part - 16) / 10 || 0), point = here.join(' ');
        if (paper.disabled || event.buttons != 1 || Math.max(...here.map(Math.abs)) > 1.5) return;
        const points = paper.value.match(/{point}/g) || [], others = points.filter((old) => old != point);
        if (event.type == 'pointerdown') me.erases = others.length < points.length;
        paper.value = (me.erases ? others : [...others, point]).join(', ');
        paper.dispatchEvent(new Event('change', {bubbles: true}));
    };
"""


def chosen(values: dict, name: str, default):
    """The value of a setting; what both players have can be given for both: `rate` for `d_rate` and `g_rate`."""
    return values.get(name, values.get(name[2:], default))


def make_controls(values: dict) -> dict[str, widgets.Widget]:
    """All widgets by name, set to `values` or else to their defaults. Raises ValueError for a name or value unknown."""
    table = {**NEW_GAME, **SAME_GAME}
    table["speed"] = ("speed", tuple(SPEEDS), "10 steps a frame", "At most so many steps; a slow machine makes fewer")
    if unknown := ", ".join(sorted(set(values) - set(table) - {name.removeprefix("g_") for name in table})):
        raise ValueError(f"there is no setting {unknown}; choose from {', '.join(table)}")
    controls = {name: _control(name, *entry, values) for name, entry in table.items()}
    controls["preset"] = _control("preset", "start from", tuple(PRESETS), "healthy", "What Load begins", {})
    for name, (label, _, shown, tip) in OVERLAYS.items():
        controls[name] = widgets.Checkbox(shown, description=label, indent=False, tooltip=tip, layout={"width": "auto"})
    for name, (label, tip, key) in BUTTONS.items():
        controls[name] = widgets.Button(description=label, tooltip=f"{tip} (key {key})", layout={"width": "auto"})
        controls[name].add_class(f"key-{key}")
    controls["code"] = widgets.ToggleButton(description="Code", tooltip="The game as program", layout={"width": "auto"})
    return controls


def _control(name, label, choices, default, tip, values):
    value = chosen(values, name, default)
    look = {"description": label, "style": {"description_width": "initial" if name in FIRST else "92px"}}
    look |= {"tooltip": tip, "layout": {"width": "182px" if name in FIRST else "255px", "flex": "0 0 auto"}}
    if choices is None:
        return widgets.Text(value, continuous_update=False, **look).add_class(f"gan-{name}")
    if value == OWN:
        choices = (OWN, *choices)
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(str, choices))}")
    return widgets.Dropdown(options=[(str(choice), choice) for choice in choices], value=value, **look)


def lay_out(controls: dict, image: widgets.Image, said: widgets.VBox, text: widgets.Textarea) -> widgets.VBox:
    """Buttons above; the picture, its words and its legend; the settings beside it, or below where it is narrow."""
    image.layout.width = text.layout.width = "calc(100% - 4px)"  # both have margins of 2 px
    *buttons, load = BUTTONS
    top = row(*(controls[name] for name in (*buttons, "code", *FIRST, load)))
    ticks = row(*(controls[name] for name in OVERLAYS), grid_gap="0 12px")
    look = "font-size: 19px; font-weight: bold; color: "  # large enough to be read in these colours
    signs = (f'<span style="{look}{color}">{label}</span> {tip}' for label, color, _, tip in OVERLAYS.values())
    view = widgets.VBox([ticks, image, said, widgets.HTML(" &emsp; ".join(signs), tooltip="")])
    view.layout = {"flex": "3 1 540px", "max_width": "790px", "min_width": "0"}
    settings = (controls[name] for name in (*NEW_GAME, *SAME_GAME) if name not in FIRST)
    settings = row(*settings, flex="1 1 265px", align_content="flex-start")
    script = BRUSH.replace("{plane}", str(list(PLANE))).replace("{point}", POINT)
    return framed("GAN playground", said, list(controls.values()), top, text, row(view, settings), script=script)


def connect(playground) -> None:
    """Let the controls drive the playground; what they cannot do is said on the page."""

    def call(method):
        try:
            getattr(playground, method)()
        except ValueError as error:
            playground.say(str(error))

    controls, effects = playground.controls, dict.fromkeys(NEW_GAME, "reset") | dict.fromkeys(SAME_GAME, "apply")
    effects |= dict.fromkeys((*OVERLAYS, "code"), "draw")
    for name, method in effects.items():
        controls[name].observe(lambda event, method=method: playground.setting_up or call(method), "value")
    for name in BUTTONS:
        controls[name].on_click(lambda _, name=name: call("pause" if name == "play" and playground.playing else name))
