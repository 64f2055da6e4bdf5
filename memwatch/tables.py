"""Cells of text in columns, and long names cut to fit them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import zip_longest

from .units import printable

_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_LABEL = re.compile(r" *\S+(?: \S+)? {2,}(?=\S)")  # such as "held by   "
_WORDS = re.compile(r"( *)(\S+(?: %)?)")

NAME = 60
"""Characters of a type's name in a table."""


def aligned(lines: Sequence[Sequence[str]], left: Collection[int] = (0,), least: Sequence[int] = ()) -> list[str]:
    """The *lines*, each of as many cells, with each column as wide as its widest cell and as *least* says.

    The columns of the numbers in *left* begin at one place, the others end at one; a plus stands right of its column.
    A column in which nothing stands is left out.
    """
    hangs = [any(cells[column].endswith("+") for cells in lines) for column in range(len(lines[0]) if lines else 0)]
    padded = [[_hung(cell) if hang else cell for cell, hang in zip(cells, hangs, strict=True)] for cells in lines]
    longest = [max(map(len, column)) for column in zip(*padded, strict=True)]
    widths = [max(pair) for pair in zip_longest(longest, least[: len(longest)], fillvalue=0)]
    return ["  ".join(_row(cells, widths, left)).rstrip() for cells in padded]


def _hung(cell: str) -> str:
    return cell if cell.endswith("+") else f"{cell} "


def _row(cells: Sequence[str], widths: Sequence[int], left: Collection[int]) -> list[str]:
    pairs = enumerate(zip(cells, widths, strict=True))
    return [cell.ljust(width) if column in left else cell.rjust(width) for column, (cell, width) in pairs if width]


def shorten(text: str, most: int) -> str:
    """*text* on one line; a long one without its middle, for both of its ends tell what it is."""
    text, half = printable(text), (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"


def shorten_start(text: str, most: int = NAME) -> str:
    """*text* on one line; a long one without its start: the end of a type's name or of a path tells more."""
    text = printable(text)
    return text if len(text) <= most else f"...{text[3 - most :]}"


def shorten_end(text: str, most: int) -> str:
    """*text* on one line; a long one without its end."""
    text = printable(text)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def wrapped(text: str, width: int) -> str:
    """*text* with no line longer than *width* characters, of which escape sequences for colours are none.

    What goes on in the next line begins where the line's own words do, behind its label, or else two columns further in
    than the line; columns come closer together, and a word that is too long for a line is cut.
    """
    return "\n".join(part for line in text.split("\n") for part in _wrapped_line(line, width))


def _wrapped_line(line: str, width: int) -> list[str]:
    if _width(line) <= width:
        return [line]
    label = _LABEL.match(line)
    behind = len(label[0]) if label and 2 * len(label[0]) <= width else 0
    indent = min(len(line) - len(line.lstrip(" ")), width // 4)
    margin = behind or min(indent + 2, width // 4)
    lines, current = [], line[:behind] or " " * indent
    for gap, word in _WORDS.findall(line[behind:].lstrip(" ")):
        gap = gap[:2]
        for piece in _pieces(word, max(1, width - margin)):
            if _width(current) + len(gap) + _width(piece) > width and current.strip():
                lines.append(current.rstrip())
                current, gap = " " * margin, ""
            current += gap + piece
            gap = ""
    return [*lines, current]


def _pieces(word: str, most: int) -> list[str]:
    if _width(word) <= most or "\x1b" in word:
        return [word]
    return [word[place : place + most] for place in range(0, len(word), most)]


def _width(text: str) -> int:
    return len(_COLOR.sub("", text))
