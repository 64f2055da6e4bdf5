"""The place of a frame as a person reads it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..units import short_name


def own_frames(frames: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the program itself; the innermost one where there are none."""
    return [frame for frame in frames if frame["in_app"]] or [frames[0]]


def place_of(frame: dict[str, Any]) -> str:
    """``app.py:7 in load``, the file as one would write it here."""
    return f"{shown_file(frame['file'])}:{frame['line']} in {short_name(frame['function'])}"


def shown_file(file: str) -> str:
    """*file* as one would write it here, on one line."""
    with suppress(OSError):
        file = file.removeprefix(os.path.join(os.getcwd(), ""))
    return short_name(file)
