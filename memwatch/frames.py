"""A frame: the one value by which samples, profiles, traces and every file format name a place in the code."""

from __future__ import annotations

from dataclasses import dataclass

from .internal import internal

UNKNOWN_FUNCTION = "?"


@internal
@dataclass(frozen=True, slots=True)
class Frame:
    """A place in the code. Lines and columns count from 1, as an editor shows them; 0 where they are not known.

    `first_line` is the line on which the function's definition begins. The function is ``?`` where it is not known.
    """

    function: str
    file: str = ""
    line: int = 0
    column: int = 0
    first_line: int = 0

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})" if self.file else self.function


NOWHERE = Frame(UNKNOWN_FUNCTION)
"""The only frame of what was allocated while no Python code ran."""
