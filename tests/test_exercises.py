"""Every exercise of every notebook: its folded solution and other right answers solve it, its stub is not attempted,
mistakes get their hints.

Right answers, written otherwise than the solution, stand in `right_answers/chNN.py` as `RIGHT = {"check_xxx": [(label,
source), ...]}`, wrong ones in `wrong_answers/chNN.py` as `WRONG = {"check_xxx": [(label, source, expected in the hint),
...]}`.
"""

import ast
import json
import math  # noqa: F401  (an answer in a test uses it)
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch  # noqa: F401
from conftest import CHAPTERS, ROOT, Exercise, defined_names, exercises_in, name_of, notebook_paths
from torch import nn  # noqa: F401

from gan_edu import exercises
from gan_edu.exercises import core

EXERCISES, MALFORMED = [], {}
for notebook_path in notebook_paths():
    try:
        EXERCISES += exercises_in(notebook_path)
    except (AssertionError, SyntaxError) as error:  # fails its chapter's test below, not the collection of all tests
        MALFORMED[name_of(notebook_path)] = str(error)


def answers_in(folder: str, name: str) -> dict[str, list[tuple]]:
    """The answers of all chapters, by checker."""
    paths = sorted((ROOT / "tests" / folder).glob("ch*.py"))
    return {checker: answers for path in paths for checker, answers in runpy.run_path(str(path))[name].items()}


RIGHT, WRONG = answers_in("right_answers", "RIGHT"), answers_in("wrong_answers", "WRONG")
pytestmark = pytest.mark.usefixtures("one_thread")  # as the chapters set it: the capstone runs by a clock
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
def test_right_answers_written_otherwise_solve_it_too(exercise: Exercise):
    answers = RIGHT.get(exercise.checker, [])
    sources = {
        plain for _, source in answers if (plain := "".join(source.split())) != "".join(exercise.solution.split())
    }
    assert len(sources) >= 3, f"{exercise.checker}: {len(sources)} right answers in tests/right_answers, three at least"
    refused = {label: mark.hint for label, source in answers if not (mark := exercise.mark(source)).solved}
    assert not refused


@each_exercise
def test_code_that_returns_nothing_is_told_so(exercise: Exercise):
    body = ast.parse(exercise.stub).body
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    if len(functions) != len(body):
        pytest.skip("the answer is no function")
    for node in functions:
        names = [argument.arg for argument in node.args.args]
        node.body = ast.parse(f"computed = ({', '.join([*names, 'None'])})").body
    mark = exercise.mark("\n".join(ast.unparse(node) for node in functions))
    assert mark.status == "wrong" and "return" in mark.hint


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
    assert set(RIGHT) == set(used), "right answers for an exercise that is not there, or the other way round"


# --- predictions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", core.questions())
def test_a_prediction_is_asked_and_answered_in_its_chapter(key, notebooks):
    (chapter,) = (name for name in CHAPTERS if name.startswith(key[:2]))
    code = "\n".join(cell.source for cell in notebooks[chapter].cells if cell.cell_type == "code")
    asked, told = code.find(f'exercises.predict("{key}"'), re.search(rf'exercises\.outcome\(\s*"{key}"', code)
    assert asked >= 0 and told and told.start() > asked
    assert set(core.questions()[key]) >= {"a", "b", "why"}


def test_every_chapter_asks_for_a_prediction():
    assert {key[:2] for key in core.questions()} >= {chapter[:2] for chapter in CHAPTERS}


def test_a_prediction_counts_only_where_it_is_among_the_answers(capsys):
    key = next(iter(core.questions()))
    exercises.predict(key, " B ")
    exercises.outcome(key, "b", "b")
    assert "Your prediction is b" in (said := capsys.readouterr().out) and ": right." in said
    assert core.questions()[key]["why"].strip() in said
    exercises.predict(key, "z")
    exercises.outcome(key, "z", "a")
    assert "'z' is not among the answers" in (said := capsys.readouterr().out) and "You made no prediction" in said
    exercises.predict(key, "why")
    assert "not among" in capsys.readouterr().out
    exercises.progress()
    assert "1 of 1 predictions right" in capsys.readouterr().out


# --- the mark, and progress -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("nn.BCELoss()(torch.tensor([3.0]), torch.ones(1))", "BCEWithLogitsLoss"),
        ("math.log(torch.ones(2))", "whole tensor"),
        ("torch.ones(1).sum().backward()", "detached"),
        ("torch.ones(2, 3) @ torch.ones(2, 3)", "print the shape"),
    ],
)
def test_the_usual_error_messages_come_with_a_sentence(body, words, monkeypatch):
    monkeypatch.setattr(core, "CHECKERS", {})
    checker = core.exercise("0.9 A test")(lambda answer: core.call(answer))
    mark = checker(lambda: eval(body))
    assert mark.status == "wrong" and words in mark.hint


@pytest.mark.parametrize("content", ["[]", "{broken", '{"exercises": 3}', ""])
def test_a_progress_file_that_is_not_ours_is_kept_aside(content, tmp_path):
    path = Path(os.environ["GAN_EDU_PROGRESS"])
    path.write_text(content)
    exercises.progress()
    exercises.predict(next(iter(core.questions())), "a")
    kept = [other.read_text() for other in tmp_path.iterdir() if other != path]
    assert content in kept and json.loads(path.read_text())["predictions"]


def test_two_kernels_that_record_at_once_lose_nothing():
    code = "import sys; from gan_edu.exercises.core import _record\n"
    code += "for i in range(40): _record('predictions', f'{sys.argv[1]}-{i}', 'a')"
    kernels = [subprocess.Popen([sys.executable, "-c", code, name], cwd=ROOT) for name in "xy"]
    assert [kernel.wait() for kernel in kernels] == [0, 0]
    assert len(json.loads(Path(os.environ["GAN_EDU_PROGRESS"]).read_text())["predictions"]) == 80
