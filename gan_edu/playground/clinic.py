"""The clinic of chapter 10 to be played: order tests for patients, pay, see, name the cause, and be marked."""

import random

import ipywidgets as widgets

from gan_edu import plots
from gan_edu.exercises.chapter_10 import CAUSES, PATIENTS, STEPS, TESTS, Ward
from gan_edu.playground.explorer import framed, menu, row


class Clinic:
    """Every patient of chapter 10 in an order that the seed decides, and a budget; shown by its `.widget`.

    A patient is trained when a first test is ordered for it.
    """

    def __init__(self, budget: int = 40, seed: int = 0, steps: int = STEPS):
        patients = random.Random(seed).sample(list(PATIENTS), len(PATIENTS))
        self.ward = Ward(tuple(patients), budget, seed, steps)
        self.patient = menu(1, tuple(range(1, len(patients) + 1)), "patient", "Whom you look at")
        self.cause = menu("choose", ("choose", *CAUSES), "cause", "What ails the patient")
        self.buttons = {}
        for test, (price, *_) in TESTS.items():
            self.buttons[test] = widgets.Button(description=f"{test} ({price})", tooltip="Its price stands behind it")
            self.buttons[test].add_class(f"key-{test[0].upper()}").on_click(lambda _, test=test: self.order(test))
        self.picture, self.text = widgets.Image(format="png"), widgets.HTML("Choose a patient, and order a test.")
        self.cause.observe(lambda event: event["new"] != "choose" and self.name(event["new"]), "value")
        self.patient.observe(lambda _: setattr(self.cause, "value", "choose"), "value")
        every = [self.patient, *self.buttons.values(), self.cause]
        self.widget = framed("GAN clinic", self.text, every, row(*every), self.picture, self.text)

    def order(self, test: str) -> None:
        """Pay for a test of the patient that is chosen; its picture, and its reading as text."""
        self.text.value = f"Patient {self.patient.value}: {test} ..."  # the first test trains the patient
        try:
            figure, self.text.value = self.ward.test(self.patient.value, test)
            self.picture.value = plots.png(figure)
        except ValueError as error:
            self.text.value = str(error)

    def name(self, cause: str) -> None:
        """Name what ails the patient that is chosen; the verdict as text."""
        self.text.value = f"{self.ward.name(self.patient.value, cause)} {self.ward.left} coins left."

    def _repr_mimebundle_(self, **options):
        return self.widget._repr_mimebundle_(**options) | {"text/plain": "The clinic: run this cell to play"}
