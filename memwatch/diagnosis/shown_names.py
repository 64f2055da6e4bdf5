"""How do the names of types and functions stand in a report? On one line, and cut: a program may make them of any text.

The fingerprint, by which leaks are told apart, is made of the whole names of types before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from ..heap import MonotoneType
from ..units import short_name
from .account import TypeRow
from .report import Suspect

_Named = TypeVar("_Named", TypeRow, MonotoneType, Suspect)
_LONGEST_PATH = 4096  # characters; a system's paths are not longer, and faces read what stands in a file


def shown(named: _Named) -> _Named:
    """*named* with its names as they are shown."""
    if isinstance(named, Suspect):
        return replace(named, type=short_name(named.type), allocated_at=tuple(map(_frame, named.allocated_at)))
    return replace(named, what=short_name(named.what))


def _frame(frame: dict[str, Any]) -> dict[str, Any]:
    file = str(frame["file"])
    return {
        **frame,
        "function": short_name(frame["function"]),
        "file": file if len(file) <= _LONGEST_PATH else short_name(file),
    }
