"""The playground's widgets: tables of what can be set, shown and pressed, and how they lie on the page."""

import ipywidgets as widgets

from gan_edu.losses import LOSSES, PENALTIES
from gan_edu.playground.program import OPTIMIZERS, OWN, PRIORS, TARGETS
from gan_edu.train import UPDATES

RATES = (0.0, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 2e-3, 4e-3, 1e-2, 3e-2, 1e-1)
WEIGHTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Steps in a frame (0: one player's move), and the shortest time in seconds that it stands. A slow machine makes fewer.
SPEEDS = {"slow motion": (0, 0.7)}
SPEEDS |= {f"{n} steps a frame": (n, 0.05) for n in (1, 2, 5, 10, 20)}

# name: (label, choices, default). What these change takes new networks or data ...
NEW_GAME = {
    "data": ("data", tuple(name for name in TARGETS if name != OWN), "ring"),
    "text": ("letters", None, "GAN"),
    "prior": ("noise", tuple(PRIORS), "normal"),
    "latent_dim": ("noise dim.", (1, 2), 2),
    "hidden": ("width", (8, 16, 32, 64, 128), 64),
    "depth": ("depth", (1, 2, 3, 4), 3),
    "seed": ("seed", tuple(range(10)), 0),
}
# ... and what these change holds from the next step on.
SAME_GAME = {
    "loss": ("loss", tuple(LOSSES), "non_saturating"),
    "updates": ("updates", UPDATES, "alternating"),
    "optimizer": ("optimizer", tuple(OPTIMIZERS), "Adam (0, 0.99)"),
    "d_rate": ("D's rate", RATES, 1e-3),
    "g_rate": ("G's rate", RATES, 1e-3),
    "d_steps": ("D steps", tuple(range(1, 11)), 1),
    "penalty": ("penalty", ("none", *PENALTIES), "r1"),
    "penalty_weight": ("its weight", WEIGHTS, 0.025),
}
# name: (label, shown at first)
OVERLAYS = {
    "real": ("real ●", True),
    "fake": ("fake ✕", True),
    "heat": ("D's belief", True),
    "sheet": ("G's sheet", False),
    "arrows": ("G's push ↗", False),
}
# name of the control and of the playground's method: (label, what it does)
BUTTONS = {
    "play": ("▶ Play", "Train, and show it as a film"),
    "pause": ("❚❚ Pause", "Stop the film"),
    "step": ("Step", "One step of the game: D moves, then G"),
    "step_discriminator": ("D moves", "D moves once, G stays"),
    "step_generator": ("G moves", "G moves once, D stays"),
    "reset": ("Reset", "New weights from the seed"),
}


def make_controls(values: dict) -> dict[str, widgets.Widget]:
    """All widgets by name, set to `values` or else to their defaults. Raises ValueError for a name or value unknown."""
    table = {**NEW_GAME, **SAME_GAME, "speed": ("speed", tuple(SPEEDS), "10 steps a frame")}
    if unknown := ", ".join(sorted(set(values) - set(table))):
        raise ValueError(f"there is no setting {unknown}; choose from {', '.join(table)}")
    controls = {name: _control(name, *row, values) for name, row in table.items()}
    for name, (label, shown) in OVERLAYS.items():
        controls[name] = widgets.Checkbox(shown, description=label, indent=False, layout={"width": "120px"})
    for name, (label, tip) in BUTTONS.items():
        controls[name] = widgets.Button(description=label, tooltip=tip, layout={"width": "auto"})
    controls["code"] = widgets.ToggleButton(description="Code", tooltip="The program of these settings")
    controls["code"].layout.width = "auto"
    return controls


def _control(name, label, choices, default, values):
    value = values.get(name, default)
    look = {"description": label, "style": {"description_width": "70px"}, "layout": {"width": "265px"}}
    if choices is None:
        return widgets.Text(value, continuous_update=False, **look)
    if value == OWN:
        choices = (OWN, *choices)
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(str, choices))}")
    kind = widgets.SelectionSlider if isinstance(choices[0], float) else widgets.Dropdown
    return kind(options=[(str(choice), choice) for choice in choices], value=value, **look)


def lay_out(controls: dict, image: widgets.Image, message: widgets.HTML, text: widgets.Textarea) -> widgets.VBox:
    """Buttons above, settings at the left, the picture at the right, the program below."""
    text.layout.width = "100%"
    buttons = widgets.HBox([controls[name] for name in (*BUTTONS, "code", "speed")])
    settings = widgets.VBox([controls[name] for name in (*NEW_GAME, *SAME_GAME)])
    overlays = widgets.HBox([controls[name] for name in OVERLAYS])
    return widgets.VBox([buttons, message, widgets.HBox([settings, widgets.VBox([overlays, image])]), text])


def connect(playground) -> None:
    """Let the controls drive the playground; what they cannot do is said on the page."""

    def call(method):
        try:
            getattr(playground, method)()
        except ValueError as error:
            playground.say(str(error))

    effects = dict.fromkeys(NEW_GAME, "reset") | dict.fromkeys(SAME_GAME, "apply")
    effects |= dict.fromkeys((*OVERLAYS, "code"), "draw")
    for name, method in effects.items():
        playground.controls[name].observe(lambda change, method=method: call(method), "value")
    for name in BUTTONS:
        playground.controls[name].on_click(lambda button, method=name: call(method))
