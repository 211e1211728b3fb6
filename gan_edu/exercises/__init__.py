"""Exercises that mark themselves, and predictions: one module for each chapter, a checker for each exercise.

exercises.check_logit(my_logit)                what is wrong with an answer
exercises.predict("04-modes", my_choice)       the answers to choose from; writes down yours, before the experiment
exercises.outcome("04-modes", my_choice, "b")  sets it beside what was measured, and says why people guess wrong
exercises.progress()                           what was solved and predicted so far
"""

from gan_edu.exercises.chapter_00 import check_five_questions, check_logit
from gan_edu.exercises.chapter_01 import check_best_reply, check_mended_value_of, check_optimal_logit
from gan_edu.exercises.chapter_02 import check_least_squares, check_smoothed_logit, check_stable_loss
from gan_edu.exercises.chapter_03 import check_mended_step, check_move_discriminator, check_step_at_once
from gan_edu.exercises.chapter_04 import check_diagnoses, check_mended_loop, check_my_step, check_my_training, sick_run
from gan_edu.exercises.chapter_05 import check_doubling, check_mended_generator, check_my_pair
from gan_edu.exercises.chapter_06 import check_counted_step, check_follow, check_shuffle
from gan_edu.exercises.chapter_07 import (
    check_critical_gamma,
    check_eigenvalues_in_turns,
    check_sick_games,
    sick_game,
)
from gan_edu.exercises.chapter_08 import check_lazy_r1, check_mended_losses, check_stretch
from gan_edu.exercises.chapter_09 import check_my_precision, check_referee, check_zero_distance, frauds
from gan_edu.exercises.chapter_10 import check_four_patients, check_mended_cost, check_spread
from gan_edu.exercises.chapter_11 import check_blind_layers, check_class_logits, check_invert
from gan_edu.exercises.chapter_12 import check_field, check_share, check_translators
from gan_edu.exercises.chapter_13 import check_forge, check_sick_videos, check_windows, sick_clips, suspects
from gan_edu.exercises.chapter_14 import check_columns, check_phase_shuffle, check_sick_voices, sick_voices
from gan_edu.exercises.chapter_15 import check_colour_for, check_mended_score, check_shadow
from gan_edu.exercises.chapter_16 import check_balance, check_one_step, check_perfect
from gan_edu.exercises.chapter_17 import check_fewest_moves, check_sellers, check_suspicion, sellers
from gan_edu.exercises.chapter_18 import check_logs, check_mean_gradients, check_share_of_loss, on_ranks
from gan_edu.exercises.core import Mark, outcome, predict, progress
