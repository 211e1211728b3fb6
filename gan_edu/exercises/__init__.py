"""Exercises that mark themselves, and predictions: one module for each chapter, a checker for each exercise.

exercises.check_logit(my_logit)                       marks an answer and says what is wrong with it
exercises.predict("04-modes", my_choice, {...})       writes down a prediction, before the experiment
exercises.outcome("04-modes", my_choice, "b", "...")  sets it beside what was measured
exercises.progress()                                  what was solved and predicted so far
"""

from gan_edu.exercises.chapter_00 import check_five_questions, check_logit
from gan_edu.exercises.core import Mark, outcome, predict, progress

__all__ = ["Mark", "check_five_questions", "check_logit", "outcome", "predict", "progress"]
