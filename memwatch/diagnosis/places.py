"""The allocating line as a person reads it: where it is, what stands there, who called it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ..units import printable

_LONGEST_SOURCE = 1 << 20  # bytes
_LONGEST_LINE = 100  # characters
_WIDE = 42  # columns of a place, so that numbers stand below each other


def describe(frames: Sequence[dict[str, Any]], samples: int, emphasize: Any = str) -> list[str]:
    """The lines for a suspect's frames, innermost first; *emphasize* paints the one to look at."""
    if not frames:
        return []
    own = [frame for frame in frames if frame["in_app"]] or [frames[0]]
    plural = "s" * (samples != 1)
    first = _place(own[0])
    lines = [f"     allocated   {emphasize(first)}{' ' * max(3, _WIDE - len(first))}{samples:,} sample{plural}"]
    text = source_line(own[0]["file"], own[0]["line"])
    if text:
        lines.append(f"                 > {text}")
    if own[0] is not frames[0]:
        lines.append(f"                 in {_place(frames[0])}")
    if len(own) > 1:
        lines.append(f"                 called from {_place(own[1])}")
    return lines


def source_line(file: str, line: int) -> str:
    """What stands in that line, without the blanks around it; empty if it cannot be read."""
    try:
        if not os.path.isfile(file):  # a pipe would be waited for
            return ""
        with open(file, "rb") as stream:
            data = stream.read(_LONGEST_SOURCE + 1)
    except (OSError, ValueError):
        return ""
    rows = data.splitlines() if len(data) <= _LONGEST_SOURCE else []
    text = printable(rows[line - 1].decode("utf-8", "replace").strip()) if 0 < line <= len(rows) else ""
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 3]}..."


def _place(frame: dict[str, Any]) -> str:
    return printable(f"{_shown(frame['file'])}:{frame['line']} in {frame['function']}")


def _shown(file: str) -> str:
    """*file* as one would write it here."""
    try:
        here = os.path.join(os.getcwd(), "")
    except OSError:
        return file
    return file.removeprefix(here)
