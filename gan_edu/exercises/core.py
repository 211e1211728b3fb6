"""What all checkers share: the mark, how an answer is called, predictions, and the reader's progress.

Progress is a small JSON file, `$GAN_EDU_PROGRESS` or `~/.cache/gan_edu/progress.json`. Nothing is written before the
first answer, and a folder that cannot be written to is no error.
"""

import functools
import inspect
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

CHECKERS: dict[str, str] = {}  # name of the exercise -> its title, "2.1 The gradient that dies", in the course's order


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
                    mark = Mark("wrong", f"Your code stopped with {type(error).__name__}: {error}")
            _record("exercises", name, mark.status)
            return mark

        return checker

    return decorate


def call(answer: Callable, *arguments: Any, **keywords: Any) -> Any:
    """The answer's result. Raises NotAttempted where it is None, and Wrong where it cannot be called like this."""
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
        raise NotAttempted
    return result


def require(condition: Any, hint: str) -> None:
    """Raises Wrong(hint) unless the condition holds."""
    if not condition:
        raise Wrong(hint)


def close(a: Any, b: Any, tolerance: float = 1e-4) -> bool:
    """Are two numbers or tensors of one shape equal up to the tolerance, relative and absolute?"""
    a, b = (torch.as_tensor(x, dtype=torch.float64).detach() for x in (a, b))
    return a.shape == b.shape and torch.allclose(a, b, rtol=tolerance, atol=tolerance)


def predict(key: str, choice: str | None, options: dict[str, str]) -> None:
    """Write down a prediction before the experiment: `choice` is one of the keys of `options`, or None.

    Raises ValueError for a choice that is not among them.
    """
    choice = _letter(choice)
    if choice is not None and choice not in options:
        raise ValueError(f"{choice!r} is not among the answers: choose one of {', '.join(options)}, or leave None")
    for letter, text in options.items():
        print(f"{'>' if letter == choice else ' '} {letter}) {text}")
    if choice is None:
        print("No prediction yet: set yours above. Guessing wrong teaches more than not guessing.")
    else:
        _record("predictions", key, choice)
        print(f"Your prediction is {choice}. Run on, and see.")


def outcome(key: str, choice: str | None, measured: str, why: str) -> None:
    """Set the prediction beside the answer that was measured (a key of its options), and say why people guess wrong."""
    choice = _letter(choice)
    if choice is None:
        print(f"You made no prediction; the measurement says {measured}.")
    else:
        verdict = "right" if choice == measured else "a surprise"
        print(f"You predicted {choice}; the measurement says {measured}: {verdict}.")
        _record("outcomes", key, measured)
    print(why)


def _letter(choice):
    return choice.strip().lower() if isinstance(choice, str) else choice


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
    try:
        return json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _record(kind, key, value):
    saved = _load()
    if kind == "exercises" and saved.get(kind, {}).get(key) == "solved":
        return  # what was solved once stays solved
    saved.setdefault(kind, {})[key] = value
    try:
        _path().parent.mkdir(parents=True, exist_ok=True)
        partial = _path().with_suffix(".partial")
        partial.write_text(json.dumps(saved, indent=1), encoding="utf-8")
        partial.replace(_path())
    except OSError:
        pass
