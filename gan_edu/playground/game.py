"""A GAN to play with, in the plane: change one thing and see what it does. Taught in chapter 04.

What GAN Lab (Kahng et al. 2018) shows in the browser, on the code of this course: every setting is a program that the
playground runs, and prints.
"""

import asyncio
import copy
import html
import math
import threading
import time
from collections import deque

import ipywidgets as widgets
import torch
from torch import Tensor

from gan_edu import data, machine, metrics, plots
from gan_edu.playground import panel, program, views
from gan_edu.playground.picture import Picture

PROBES = 1000  # fakes that everything is measured on, always of the same noise
SHOWN, ARROWS = 400, 40
BETWEEN_RECORDS = 20  # steps


class GANPlayground:
    """The playground: leave it as the last line of a cell, or drive it from code.

    data: a name in `program.TARGETS`; "your letters" with text="..."; "your drawing" with drawing="x y, x y"; or your
        own points, a tensor (N, 2)
    seed: 0 to 9; decides the weights and every random number: two playgrounds with one seed play the same game
    settings: any of `panel.NEW_GAME` and `panel.SAME_GAME`, for example loss="hinge", g_rate=1e-3, penalty="none"; what
        both players have can be set for both at once: hidden=16 is short for d_hidden=16, g_hidden=16

    `controls` are the widgets by name; `history` holds lists of steps, kl and jsd (in nats, between 24 x 24 histograms
    of 10,000 real samples and 1,000 fakes), modes (share covered; NaN where the data have none), good, d_loss, g_loss.

    Raises ValueError for an unknown setting or value, or points of another shape.
    """

    _on_stage = None  # one playground plays at a time, or a cell that was run twice would play twice

    def __init__(self, data: str | Tensor = "ring", seed: int = 0, **settings):
        name = data if isinstance(data, str) else program.OWN
        self.controls = panel.make_controls({"data": name, "seed": seed, **settings})
        self._lock = threading.RLock()  # JupyterLab calls widgets from a thread of their own
        self._loop, self._film = _running_loop(), None
        self._space = {"points": None if isinstance(data, str) else data}  # what programs know
        self._past, self.setting_up = deque(maxlen=40), False  # what Back can undo, 0.2 to 1.2 MB each
        self._image, self._text = widgets.Image(format="png"), widgets.Textarea(rows=18, placeholder="The program")
        self._status, self._message = widgets.HTML(tooltip=""), widgets.HTML(tooltip="")
        self.widget = panel.lay_out(self.controls, self._image, widgets.VBox([self._status, self._message]), self._text)
        self.reset()
        panel.connect(self)

    # --- the game -----------------------------------------------------------------------------------------------

    @property
    def settings(self) -> dict:
        """What the controls of the game say now, by name."""
        return {name: self.controls[name].value for name in (*panel.NEW_GAME, *panel.SAME_GAME)}

    def reset(self) -> None:
        """New weights from the seed, and an empty history."""
        with self._lock, machine.alone():
            self._run(program.IMPORTS, program.START, program.GAME)
            self.target, self._prior = self._space["target"], self._space["prior"]
            self._random = torch.get_rng_state()
            self._noise, self._real = self._prior(PROBES), self.target.sample(10_000)
            self._real_histogram = views.histogram(self._real)
            _, floor = views.divergences(self._real_histogram, views.histogram(self.target.sample(PROBES)))
            self._picture = Picture(floor, modes=isinstance(self.target, data.Mixture))
            # What was played: the rules and moves that led here.
            self.steps, self._turn, self._who, self._made, self._played, self.diverged = 0, 0, "", 0, frozenset(), False
            self._past.clear()
            self.history = {name: [] for name in ("steps", "kl", "jsd", "modes", "good", "d_loss", "g_loss")}
            found = f"Points found: {len(program.read_points(self.settings['drawing']))}; if none, 0 0 is taken. "
            self.say(found + self.controls["drawing"].tooltip if self.settings["data"] == program.DRAWING else "")
            self._record()
            self.draw()

    def apply(self, who: str = "settings") -> None:
        """The game goes on under the settings of now: same networks, other loss, rates, optimizer or penalty."""
        with self._lock, machine.alone():
            before = self.gan
            self._run(program.GAME)
            self.gan.steps, self.gan.d_moves, self.gan.g_moves = before.steps, before.d_moves, before.g_moves
            self.gan.g_optimizer.state.update(before.g_optimizer.state)  # Adam's averages live on
            self.gan.d_optimizer.state.update(before.d_optimizer.state)
            if not self.diverged:  # else what was said of it still holds
                self._who = who
                self.say("")
                self.history = {name: values[:-1] for name, values in self.history.items()}  # under the old settings
                self._record()
            self.draw()

    def start_from(self, preset: str = "") -> None:
        """A new game with the settings and ticks of a name in `panel.PRESETS`, else of the one chosen; some begin
        trained.
        """
        self.pause()
        preset = self.controls["preset"].value = preset or self.controls["preset"].value
        changes, steps, look_for = panel.PRESETS[preset]
        self.setting_up = True  # or each of the controls would begin a game of its own
        for name, default in panel.DEFAULTS.items():
            self.controls[name].value = panel.chosen(changes, name, default)
        self.setting_up = False
        self.reset()
        self.say(f"Playing {steps} steps ...")
        self.step(steps)
        self.say(look_for)

    def _run(self, *parts):
        """Execute the very text that `code` prints, so that the two cannot differ."""
        space = dict(self._space)  # where the program fails, the game of before is still whole
        exec(program.write(self.settings, *parts), space)
        self._space, self.gan = space, space["gan"]
        for name, does_something in panel.USED.items():
            self.controls[name].disabled = not does_something(self.settings)

    def step(self, n: int = 1, seconds: float = math.inf) -> None:
        """`n` steps of the game, D's moves, then G's; or as many as begin within the given time."""
        who = "D, then G" if self.settings["updates"] == "alternating" else "D and G"
        self._make(who, "play_step", n, seconds)

    def step_discriminator(self, n: int = 1) -> None:
        """D moves `n` times, G stays."""
        self._make("D", "move_discriminator", n)

    def step_generator(self, n: int = 1) -> None:
        """G moves `n` times, D stays."""
        self._make("G", "move_generator", n)

    def back(self) -> None:
        """Undo the last call of a step, or the last frame. What then comes, comes as it came."""
        self.pause()
        with self._lock, machine.alone():
            if not self._past:
                return self.say("There is no earlier state to go back to.")
            self.gan, self._random, self.steps, self._turn, who, self._played, known = self._past.pop()
            self._space.update(self.gan.networks())
            self.history = {name: values[:known] for name, values in self.history.items()}
            self.diverged = False
            self.apply(who)

    def _make(self, who: str, move: str, n: int, seconds: float = math.inf) -> None:
        """Call a function of the program `n` times, or as often as fits in the time; remember what was before."""
        with self._lock, machine.alone():
            if self.diverged or n < 1:
                return
            gan, known = copy.deepcopy(self.gan), len(self.history["steps"])
            self._past.append((gan, self._random, self.steps, self._turn, self._who, self._played, known))
            self._played |= {(program.write(self.settings, program.GAME), move)}
            torch.set_rng_state(self._random)
            end, before, self._who = time.perf_counter() + seconds, self.steps, who
            while not self.diverged and self.steps < before + n and time.perf_counter() <= end:
                self._space[move]()
                self.steps += 1
                if self.steps % BETWEEN_RECORDS == 0:
                    self._record()
            self._random, self._made = torch.get_rng_state(), self.steps - before
            self._record()
            self.draw()

    # --- the film -----------------------------------------------------------------------------------------------

    @property
    def playing(self) -> bool:
        return self._film is not None

    def play(self) -> None:
        """Play until `pause`, a frame at a time, on the notebook's event loop, which is free between frames."""
        if self._loop is None or not self._loop.is_running():
            self.say("Play needs a notebook; here, call step(n).")
        elif not (self.playing or self.diverged):
            if GANPlayground._on_stage:
                GANPlayground._on_stage.pause()
            GANPlayground._on_stage = self
            self._film = object()
            asyncio.run_coroutine_threadsafe(self._show(self._film), self._loop)

    def pause(self) -> None:
        """Stop after the frame that is being made."""
        if self.playing:
            self._film = None
            self.draw()  # while the film ran, the program was left as it was

    async def _show(self, film):
        took = 0.0  # seconds, the last frame; training gets a quarter of it, so that a slow machine gets on
        try:
            while self._film is film:
                began = time.perf_counter()
                steps, shortest = panel.SPEEDS[self.controls["speed"].value]
                self.step(steps, max(0.04, took / 4)) if steps else self._next_move()
                took = time.perf_counter() - began
                await asyncio.sleep(max(0.01, shortest - took))
        except Exception as error:  # nobody waits for this task, so what went wrong would never be seen
            self.say(f"The film stopped: {error}")
        finally:
            if self._film is film:
                self.pause()

    def _next_move(self):
        """Slow motion: D's moves and G's one by one, or both at once where the updates are simultaneous."""
        now, d, g = self.settings, [self.step_discriminator], [self.step_generator]
        players = [self.step] if now["updates"] == "simultaneous" else d * now["d_steps"] + g * now["g_steps"]
        players[self._turn % len(players)]()
        self._turn += 1

    # --- what is seen -------------------------------------------------------------------------------------------

    def say(self, message: str) -> None:
        """Show a sentence below the picture, in a place of its own: it pushes nothing away."""
        self._message.value = html.escape(message)

    def frame(self) -> bytes:
        """The picture as it is now, a PNG."""
        return self._picture.png()

    def still(self, caption: str) -> None:
        """Show the picture as it is now under the cell, for pages that are only read."""
        plots.show(self._picture.figure, caption)

    def code(self) -> str:
        """The program of the settings of now, with as many steps as were made, or 1,000 if there were none.

        It ends with the playground's weights, unless a control was moved or one player stepped alone on the way: then
        its first line says so.
        """
        same = self._played <= {(program.write(self.settings, program.GAME), "play_step")}
        parts = program.WHOLE if same else (program.WARNING, *program.WHOLE)
        return program.write(self.settings, *parts, steps=self.steps or 1000)

    def _repr_mimebundle_(self, **kwargs):
        if GANPlayground._on_stage:
            GANPlayground._on_stage.pause()  # shown again, it would play on where nobody sees it
        return self.widget._repr_mimebundle_(**kwargs) | {"text/plain": "The GAN playground: run this cell to play"}

    def _verdict(self):
        modes = len(getattr(self.target, "centers", ()))
        share, jsd = self.history["modes"][-1], self.history["jsd"][-1]
        made = f"{'Move' if self._who in ('D', 'G') else 'Step'} {self.steps:,}: "
        return made + (f"{round(share * modes)} of {modes} modes" if modes else f"JSD {jsd:.2f}")

    @torch.no_grad()
    def _record(self):
        """Measure the players on fixed noise, and stop where anything is not finite any more."""
        if self.diverged or self.history["steps"][-1:] == [self.steps]:
            return
        fake, real = self.gan.sample(noise=self._noise), self._real[:PROBES]
        real_logits, fake_logits = self.gan.judge(real), self.gan.judge(fake)
        d_loss = self.gan.loss.discriminator(real_logits, fake_logits)
        g_loss = self.gan.loss.generator(fake_logits, real_logits)
        if not torch.stack([d_loss, g_loss, fake.sum()]).isfinite().all():
            self.diverged = True
            self.pause()
            return self.say(
                f"The run diverged by step {self.steps:,}: D's loss is {d_loss:.3g}, G's is {g_loss:.3g}. Lower a "
                "learning rate, add a penalty, or take a loss that is bounded below; then press Reset, or Back."
            )
        self._fake, modes, good = fake, torch.nan, torch.nan
        if isinstance(self.target, data.Mixture):
            modes, good = metrics.mode_coverage(fake, self.target.centers, self.target.std)
            modes /= len(self.target.centers)
        measured = (self.steps, *views.divergences(self._real_histogram, views.histogram(fake)), modes, good)
        for values, value in zip(self.history.values(), (*measured, d_loss.item(), g_loss.item()), strict=True):
            values.append(value)

    def draw(self) -> None:
        """Draw the layers that are ticked and hand the picture to the page; a diverged run keeps its last one."""
        with self._lock, machine.alone():
            if not self.diverged:
                layers = {name: make().numpy() for name, make in self._layers().items() if self.controls[name].value}
                self._picture.draw(layers, self.history, self._verdict())
            self._image.value = self.frame()
            self._status.value = self._report()
            self.controls["play"].description = "❚❚ Pause" if self.playing else "▶ Play"
            if self.controls["code"].value and not self.playing:  # new text would lose what the reader has selected
                self._text.value = self.code()
            self._text.layout.display = None if self.controls["code"].value else "none"

    def _report(self):
        """How the game stands, as HTML: who moved, how often each has moved, and what came of it."""
        gan, real, fake = self.gan, self._real[:SHOWN], self._fake[:SHOWN]
        moved = "".join(player for player in "DG" if player in self._who and self.settings[f"{player.lower()}_rate"])
        pace = f" {self._made} steps in this frame." if self.playing and self._made > 1 else ""
        trust = "real {:.2f}, fakes {:.2f}".format(*views.belief(gan, real, fake, torch.stack([real, fake])).mean(1))
        words = [f"<b>{self._verdict()}.</b> Moves: D {gan.d_moves:,}, G {gan.g_moves:,}.{pace}"]
        words += [views.story(self._who, moved, self.history), f"D believes {trust}."]
        if self.controls["arrows"].value:
            words.append(f"Mean push: {views.push(gan, real[:ARROWS], fake[:ARROWS]).norm(dim=1).mean():.3f}.")
        return f"<div>{views.diagram(moved)}</div><div>{' '.join(words)}</div>"

    def _layers(self):
        real, fake, gan = self._real, self._fake, self.gan
        reach = 1.0 if self.settings["prior"] == "uniform" else 2.0
        return {
            "real": lambda: real[:SHOWN],
            "fake": lambda: fake[:SHOWN],
            "heat": lambda: views.belief(gan, real[:PROBES], fake),
            "sheet": lambda: plots.bent(gan.generator, gan.latent_dim, reach),
            "arrows": lambda: views.arrows(fake[:ARROWS], views.push(gan, real[:ARROWS], fake[:ARROWS])),
        }


def _running_loop():
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
