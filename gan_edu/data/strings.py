"""Strings: a small language that is known whole, the lines of a text, names of colours. Taught in chapter 15.

A string of at most `length` letters is one-hots (length, letters): a row for each place, with a 1 at its letter. After
its last letter comes END, to the end. An alphabet is a string of letters that begins with END.
"""

import warnings
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import torch
from matplotlib.colors import XKCD_COLORS, to_rgb
from torch import Tensor
from torch.nn import functional

from gan_edu.data.images import DATASETS, READERS, Images

END = "\n"  # no line holds it
BRACKETS = END + "()a"
LONGEST, MOST = 24, 10**8  # letters of a line; numbers in all one-hots of a text


def encode(strings: Sequence[str], alphabet: Sequence[str], length: int) -> Tensor:
    """The one-hots (N, length, letters) of strings. Raises ValueError for one with other letters, or with more."""
    if wrong := [string for string in strings if len(string) > length or set(string) - set(alphabet)]:
        raise ValueError(f"{wrong[0]!r}: at most {length} letters, each one of {''.join(alphabet[1:])!r}")
    rows = [[alphabet.index(letter) for letter in string.ljust(length, END)] for string in strings]
    return functional.one_hot(torch.tensor(rows), len(alphabet)).float()


def decode(strings: Tensor, alphabet: Sequence[str]) -> list[str]:
    """The strings of one-hots (N, length, letters), each up to its first END."""
    return ["".join(alphabet[i] for i in row).partition(END)[0] for row in strings.argmax(2).tolist()]


def is_balanced(string: str) -> bool:
    """Do the brackets pair up, first open and then closed, and is there a letter at all?"""
    depths = [string[:n].count("(") - string[:n].count(")") for n in range(len(string) + 1)]
    return min(depths) == depths[-1] == 0 and string != ""


def balanced(length: int = 6) -> list[str]:
    """All balanced strings of 1 to `length` letters out of ( ) a, short ones first: 88 where it is 6."""
    return [s for n in range(1, length + 1) for s in map("".join, product("()a", repeat=n)) if is_balanced(s)]


def brackets(length: int = 6) -> Images:
    """The language of `balanced` strings, whole: each once, so that batches of it are exact draws, all equally likely.

    Returns one-hots (N, length, 4) as `images`, and the alphabet as `classes`.
    """
    return Images(encode(balanced(length), BRACKETS, length), None, tuple(BRACKETS))


def text_lines(path: str | Path, longest: int = LONGEST) -> Images:
    """The lines of a text in UTF-8, without empty ones: one-hots (N, length, letters), and the alphabet as `classes`.

    A warning says where lines were cut to `longest` letters, or left out because all would not fit into memory.

    Raises ValueError for a file that is no such text, or has fewer than two different lines.
    """
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8: save it as such") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(set(lines)) < 2:
        raise ValueError(f"{path} holds {len(set(lines))} lines to learn from: it needs two different ones at least")
    if cut := sum(len(line) > longest for line in lines):
        warnings.warn(f"{cut} of {len(lines)} lines are longer than {longest} letters: they are cut", stacklevel=2)
    lines = [line[:longest] for line in lines]
    alphabet, length = END + "".join(sorted(set("".join(lines)))), max(map(len, lines))
    if len(lines) > (most := MOST // (length * len(alphabet))):
        warnings.warn(f"memory holds {most:,} of the {len(lines):,} lines: others are left out", stacklevel=2)
    return Images(encode(lines[:: -(-len(lines) // most)], alphabet, length), None, tuple(alphabet))


def colour_names(longest: int = 16) -> tuple[list[str], Tensor]:
    """Names of at most `longest` letters that people gave to colours, and the colours (N, 3) in [-1, 1]: no download.

    Source: Munroe 2010, the XKCD colour survey, bundled with matplotlib.
    """
    colours = {name.removeprefix("xkcd:"): to_rgb(code) for name, code in XKCD_COLORS.items()}
    names = [name for name in colours if len(name) <= longest and set(name) <= set("abcdefghijklmnopqrstuvwxyz ")]
    return names, torch.tensor([colours[name] for name in names]) * 2 - 1


DATASETS["brackets"] = brackets
READERS[".txt"] = text_lines
