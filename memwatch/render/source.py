"""The allocating line as a person reads it: where it is, what stands there, who called it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ..diagnosis.places import own_frames, place_of
from ..tables import shorten_end
from .words import samples_text

_LONGEST_SOURCE = 1 << 20  # bytes
_LONGEST_LINE = 100  # characters
_WIDE = 42  # columns of a place, so that numbers stand below each other


def describe(frames: Sequence[dict[str, Any]], samples: int, emphasize: Any = str, source: bool = True) -> list[str]:
    """The lines for a suspect's frames, innermost first; *emphasize* paints the one to look at, *source* shows it."""
    if not frames:
        return []
    own = own_frames(frames)
    first = place_of(own[0])
    lines = [f"     allocated   {emphasize(first)}{' ' * max(3, _WIDE - len(first))}{samples_text(samples)}"]
    text = source_line(own[0]["file"], own[0]["line"]) if source else ""
    if text:
        lines.append(f"                 > {text}")
    if own[0] is not frames[0]:
        lines.append(f"                 in {place_of(frames[0])}")
    if len(own) > 1:
        lines.append(f"                 called from {place_of(own[1])}")
    return lines


def source_line(file: str, line: int) -> str:
    """What stands in that line, without the blanks around it; empty if it cannot be read."""
    return next(
        (shorten_end(text.strip(), _LONGEST_LINE) for number, text in _rows(file, line, line) if number == line), ""
    )


def source_around(file: str, line: int, around: int) -> tuple[tuple[int, str], ...]:
    """That line and so many before and after it, by number, without the blanks that all begin with; empty if it cannot
    be read."""
    rows = _rows(file, line - around, line + around)
    if all(number != line for number, _ in rows):
        return ()
    margin = min((len(text) - len(text.lstrip()) for _, text in rows if text.strip()), default=0)
    return tuple((number, shorten_end(text[margin:], _LONGEST_LINE)) for number, text in rows)


def _rows(file: str, first: int, last: int) -> list[tuple[int, str]]:
    """The lines *first* to *last* by number, as far as there are any: tabs as blanks, without those at the end."""
    try:
        if not os.path.isfile(file):  # a pipe would be waited for
            return []
        with open(file, "rb") as stream:
            data = stream.read(_LONGEST_SOURCE + 1)
    except (OSError, ValueError):
        return []
    rows = data.splitlines() if len(data) <= _LONGEST_SOURCE else []
    start = max(first, 1)
    texts = [row.decode("utf-8", "replace").expandtabs(4).rstrip() for row in rows[start - 1 : max(last, 0)]]
    return list(enumerate(texts, start))
