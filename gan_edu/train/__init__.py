"""The game: `game` holds the players, `step` what they do in one step, `loop` the run, `symptoms` what ails it.

Taught in chapter 03; symptoms in chapter 10; `cycle`, the step of two translators, in chapter 12; `parallel`, many
processes that train as one, in chapter 18.
"""

from gan_edu.train.cycle import cycle_step
from gan_edu.train.game import COUNTS, GAN, UPDATES, pick_device, set_rate
from gan_edu.train.loop import History, TrainingDiverged, train
from gan_edu.train.step import (
    StepLosses,
    differentiate,
    discriminator_objective,
    discriminator_step,
    due,
    generator_objective,
    generator_step,
    move,
    simultaneous_step,
    train_step,
)
from gan_edu.train.symptoms import Symptom
