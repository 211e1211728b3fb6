"""Every exercise of every notebook: its folded solution solves it, its stub is not attempted, mistakes get their hints.

Wrong answers stand in `wrong_answers/chNN.py` as `WRONG = {"check_xxx": [(label, source, expected in the hint), ...]}`.
"""

import runpy

import pytest
from conftest import CHAPTERS, ROOT, Exercise, defined_names, exercises_in, notebook_paths

from gan_edu import exercises
from gan_edu.exercises import core

EXERCISES, MALFORMED = [], {}
for notebook_path in notebook_paths():
    try:
        EXERCISES += exercises_in(notebook_path)
    except (AssertionError, SyntaxError) as error:  # fails its chapter's test below, not the collection of all tests
        MALFORMED[notebook_path.stem] = str(error)
WRONG = {
    checker: answers
    for path in sorted((ROOT / "tests" / "wrong_answers").glob("ch*.py"))
    for checker, answers in runpy.run_path(str(path))["WRONG"].items()
}
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: f"{e.chapter[:2]}-{e.checker}")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_has_wellformed_exercises(chapter):
    assert chapter not in MALFORMED, MALFORMED[chapter]
    count = sum(exercise.chapter == chapter for exercise in EXERCISES)
    assert count >= (1 if chapter.startswith("00") else 2), f"{chapter}: {count} exercises"


@each_exercise
def test_progress_lists_it_under_the_heading_that_it_has_in_its_chapter(exercise: Exercise):
    listed = core.CHECKERS[exercise.checker.removeprefix("check_")]
    assert exercise.title.replace("$", "").casefold() == f"exercise {listed.replace(' ', ': ', 1)}".casefold()


@each_exercise
def test_the_folded_solution_solves_it(exercise: Exercise):
    assert defined_names(exercise.solution) >= exercise.names, "the solution must redefine what the stub defines"
    assert "check_" not in exercise.solution, "the solution must not call its checker"
    mark = exercise.mark(exercise.solution)
    assert mark.solved and mark.status == "solved", mark.hint


@each_exercise
def test_the_stub_is_not_attempted(exercise: Exercise):
    mark = exercise.mark(exercise.stub)
    assert mark.status == "not attempted" and not mark.solved


@each_exercise
def test_every_wrong_answer_gets_its_own_hint(exercise: Exercise):
    answers = WRONG.get(exercise.checker, [])
    assert len(answers) >= 3, (
        f"{exercise.checker}: {len(answers)} wrong answers in tests/wrong_answers, three are the least"
    )
    hints = {}
    for label, source, expected in answers:
        mark = exercise.mark(source)
        assert mark.status == "wrong" and not mark.solved, f"{label}: marked as {mark.status}"
        assert expected in mark.hint, f"{label}: expected {expected!r} in the hint {mark.hint!r}"
        hints[label] = mark.hint
    assert len(set(hints.values())) == len(hints), f"two mistakes share a hint: {hints}"


def test_checkers_exercises_and_wrong_answers_are_the_same_set():
    used = [exercise.checker for exercise in EXERCISES]
    assert len(set(used)) == len(used), "one checker, one exercise"
    public = {name for name in dir(exercises) if name.startswith("check_")}
    assert public == set(used), "a checker that no notebook calls, or the other way round"
    assert set(WRONG) == set(used), "wrong answers for an exercise that is not there, or the other way round"
