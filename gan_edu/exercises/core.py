"""What all checkers share: the mark, how an answer is called, predictions, and the reader's progress.

The answers to choose from in a prediction, and why people guess wrong, stand in `chapter_NN.toml` beside the checkers.
Progress is a small JSON file, `$GAN_EDU_PROGRESS` or `~/.cache/gan_edu/progress.json`. Nothing is written before the
first answer, and a folder that cannot be written to is no error.
"""

import contextlib
import dis
import functools
import inspect
import json
import os
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from gan_edu import checkpoints

CHECKERS: dict[str, str] = {}  # name of the exercise -> its title, "2.1 The gradient that dies", in the course's order

# What PyTorch and Python say, in part, and what it usually means in an answer.
IN_PLAIN_WORDS = {
    "between 0 and 1": "BCELoss wants probabilities and got logits: use BCEWithLogitsLoss, or softplus.",
    "converted to Python scalar": "A function of `math` takes one number; use torch's, which takes a whole tensor.",
    "must be real number, not Tensor": "A function of `math` takes one number; use torch's, which takes a tensor.",
    "math domain error": "The root or the log of a negative number: where it is meant, use cmath or a complex tensor.",
    "does not require grad": "No gradient can flow back: something was detached, or made under no_grad or .item().",
    "graph a second time": "Two losses share a graph: detach the fakes for D, or make them anew; at once, walk 1 needs "
    "retain_graph=True.",
    "modified by an inplace operation": "Weights moved before a gradient through them was taken: backward first.",
    "shapes cannot be multiplied": "Two shapes do not fit: print the shape of what you pass on.",
    "input to conv_transpose2d": "Noise is (N, 100): begin with Linear and Unflatten, or view it as (N, 100, 1, 1).",
    "to have 1 channels, but got 3": "Colour pictures have 3 channels; the layer that takes them expects 1.",
    "has no attribute 'backward'": "Only a tensor can go backward: no .item() and no float() before it.",
}


class Wrong(Exception):
    """Raised by a checker, with the hint that names the mistake."""


class NotAttempted(Exception):
    """Raised where the answer is still the stub, which returns None."""


@dataclass(frozen=True)
class Mark:
    """The mark of an answer: a status, "solved", "wrong" or "not attempted", and a hint where it is wrong."""

    status: str
    hint: str = ""

    @property
    def solved(self) -> bool:
        return self.status == "solved"

    def __repr__(self) -> str:
        if self.status == "not attempted":
            return "Not attempted yet: replace None above, and run this cell again."
        return f"✓ Solved. {self.hint}".rstrip() if self.solved else f"✗ Not yet. {self.hint}"


def exercise(title: str) -> Callable:
    """Makes a checker of a function that raises `Wrong(hint)` or returns praise (or None); its name is check_NAME.

    The checker returns a `Mark`, records what is solved, and turns the answer's own errors into hints.
    """

    def decorate(check):
        name = check.__name__.removeprefix("check_")
        CHECKERS[name] = title

        @functools.wraps(check)
        def checker(*answers) -> Mark:
            if any(answer is None for answer in answers):
                return Mark("not attempted")
            with torch.random.fork_rng(devices=[]):  # marking an answer leaves the notebook's random numbers alone
                try:
                    mark = Mark("solved", check(*answers) or "")
                except NotAttempted:
                    return Mark("not attempted")
                except Wrong as wrong:
                    mark = Mark("wrong", str(wrong))
                except Exception as error:  # the reader's code may raise anything
                    told = [words for part, words in IN_PLAIN_WORDS.items() if part in str(error)]
                    said = f"Your code stopped with {type(error).__name__}: {error}"
                    mark = Mark("wrong", "\n  ".join([said, *told[:1]]))
            _record("exercises", name, mark.status)
            return mark

        return checker

    return decorate


def call(answer: Callable, *arguments: Any, **keywords: Any) -> Any:
    """The answer's result. Raises NotAttempted where it is still the stub, and Wrong where it cannot be called like
    this or ran and returned nothing.
    """
    if not callable(answer):
        raise Wrong(f"This should be a function, not a {type(answer).__name__}.")
    try:
        inspect.signature(answer).bind(*arguments, **keywords)
    except TypeError as error:
        raise Wrong(f"Keep the function's arguments as they were ({error}).") from None
    except ValueError:
        pass  # a builtin shows no signature
    result = answer(*arguments, **keywords)
    if result is None:
        if _is_stub(answer):
            raise NotAttempted
        raise Wrong("Your code ran, but returned nothing (None): end it with `return ...`.")
    return result


def _is_stub(answer) -> bool:
    """Does the function only return None? Then its code names nothing and calls nothing."""
    return {i.opname for i in dis.get_instructions(answer)} <= {
        "RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"
    }  # fmt: skip


def require(condition: Any, hint: str) -> None:
    """Raises Wrong(hint) unless the condition holds."""
    if not condition:
        raise Wrong(hint)


def require_diagnoses(answer, patients: Iterable[str], words: Sequence[str], signs: dict[str, str]) -> None:
    """Raise Wrong unless the answer names what ails each of four patients, in order: a list, or a dict by 1 to 4.

    patients: what ails each; words: what a reader may answer; signs: for each illness, where to look again
    """
    if isinstance(answer, dict):
        answer = [answer.get(patient) for patient in range(1, 5)]
    four = isinstance(answer, list | tuple) and len(answer) == 4
    require(four, "Four words in a list, patient 1's first.")
    given = [str(word).strip().lower() for word in answer]
    unknown = [word for word in given if word not in words]
    require(not unknown, f"{', '.join(unknown)}: not among the words to choose from, {', '.join(words)}.")
    wrong = [(patient, ill) for patient, ill in enumerate(patients, 1) if given[patient - 1] != ill]
    if wrong:
        patient, ill = wrong[0]
        raise Wrong(f"{4 - len(wrong)} of 4 are right. Look at patient {patient} again: {signs[ill]}")


def close(a: Any, b: Any, tolerance: float = 1e-4) -> bool:
    """Are two numbers or tensors of one shape equal up to the tolerance, relative and absolute?"""
    a, b = (torch.as_tensor(x, dtype=torch.float64).detach() for x in (a, b))
    return a.shape == b.shape and torch.allclose(a, b, rtol=tolerance, atol=tolerance)


def same_move(before: torch.Tensor, after: torch.Tensor, expected: torch.Tensor, tolerance: float = 0.01) -> bool:
    """Did weights go from `before` to `after` as they should? The tolerance is relative to the expected move, so that
    a small move of the wrong kind is not taken for the right one.
    """
    return bool((after - expected).norm() <= tolerance * (expected - before).norm())


@functools.cache
def questions() -> dict[str, dict[str, str]]:
    """Every prediction of the course: the answers by their letters, and `why` people guess wrong."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("chapter_*.toml")))
    return {key: question for text in texts for key, question in tomllib.loads(text).items()}


def predict(key: str, choice: str | None) -> None:
    """Print the answers to choose from, and write down a choice: one of their letters, or None."""
    answers = {letter: text for letter, text in questions()[key].items() if letter != "why"}
    picked = _letter(choice, answers)
    for letter, text in answers.items():
        print(f"{'>' if letter == picked else ' '} {letter}) {text}")
    if picked is not None:
        _record("predictions", key, picked)
        print(f"Your prediction is {picked}. Run on, and see.")
    elif choice is None:
        print("No prediction yet: set yours above. Guessing wrong teaches more than not guessing.")
    else:
        print(f"{choice!r} is not among the answers: set it to one of {', '.join(answers)}, in quotation marks.")


def outcome(key: str, choice: str | None, measured: str) -> None:
    """Set the prediction beside the answer that was measured (one of its letters), and say why people guess wrong."""
    question = questions()[key]
    picked = _letter(choice, question)
    if picked is None:
        print(f"You made no prediction; the measurement says {measured}) {question[measured]}.")
    else:
        verdict = "right" if picked == measured else "a surprise"
        print(f"You predicted {picked}; the measurement says {measured}) {question[measured]}: {verdict}.")
        _record("outcomes", key, measured)
    print(question["why"].strip())


def _letter(choice, answers):
    letter = choice.strip().lower() if isinstance(choice, str) else None
    return letter if letter in answers and letter != "why" else None


def progress() -> None:
    """Print what was solved and predicted so far, over all chapters."""
    saved = _load()
    done = {name for name, status in saved.get("exercises", {}).items() if status == "solved"}
    for name, title in CHECKERS.items():
        print(f"{'✓' if name in done else '·'} {title}")
    right = sum(saved.get("predictions", {}).get(key) == answer for key, answer in saved.get("outcomes", {}).items())
    print(f"{len(done & CHECKERS.keys())} of {len(CHECKERS)} exercises solved, {right} of ", end="")
    print(f"{len(saved.get('predictions', {}))} predictions right")


def _path() -> Path:
    return Path(os.environ.get("GAN_EDU_PROGRESS") or Path.home() / ".cache" / "gan_edu" / "progress.json")


def _load() -> dict:
    """What is saved; a file that is not ours is kept aside under another name, not overwritten."""
    try:
        saved = json.loads(_path().read_text(encoding="utf-8"))
        if isinstance(saved, dict) and all(isinstance(part, dict) for part in saved.values()):
            return saved
    except OSError:
        return {}
    except ValueError:
        pass
    with contextlib.suppress(OSError):
        _path().replace(_path().with_suffix(".unreadable.json"))
    return {}


def _record(kind, key, value):
    with contextlib.suppress(OSError):
        _path().parent.mkdir(parents=True, exist_ok=True)
        with FileLock(_path().with_suffix(".lock")):  # two notebooks that mark at once must not lose each other's marks
            saved = _load()
            if kind == "exercises" and saved.get(kind, {}).get(key) == "solved":
                return  # what was solved once stays solved
            saved.setdefault(kind, {})[key] = value
            text = json.dumps(saved, indent=1).encode()
            checkpoints.write_whole(_path(), lambda file: file.write(text))
