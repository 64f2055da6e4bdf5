"""What a request says: numbers and names that are checked before anybody is asked with them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from ..errors import OptionError
from ..internal import internal

_MOST_FIELDS = 12
_LONGEST_TYPE = 500
_TAKES: Mapping[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "report": (("seconds",), {"page": True}),
    "diff": (("seconds",), {}),
    "profile": (("seconds",), {}),
    "holders": (("type",), {}),
    "snapshot": ((), {"temporary": True}),
    "gc": ((), {}),
}
"""The questions that a page may begin: the words that it says, and those that are said for it."""


@internal
class Words:
    """The fields of a query or of an object in JSON. Every method raises OptionError for what does not fit."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    @classmethod
    def of_query(cls, query: str) -> Words:
        """Of what stands behind the question mark, each number as a number."""
        try:
            pairs = parse_qsl(query, max_num_fields=_MOST_FIELDS)
        except ValueError:
            raise OptionError("a query has a few fields at most") from None
        return cls({name: _as_number(text) for name, text in pairs})

    def pid(self) -> int:
        """The process that is meant; this one unless one is named."""
        return self.whole("pid", os.getpid())

    def whole(self, name: str, otherwise: int | None = None) -> int:
        """A whole number above 0."""
        value = self._given.get(name, otherwise)
        if type(value) is not int or not 0 < value < 1 << 53:
            raise OptionError(f"{name} must be a whole number above 0")
        return value

    def number(self, name: str) -> float:
        """A number; 0 unless it is given."""
        value = self._given.get(name, 0)
        if type(value) not in (int, float) or not math.isfinite(value):
            raise OptionError(f"{name} must be a number")
        return float(value)

    def text(self, name: str) -> str:
        """A short text; empty unless it is given."""
        value = self._given.get(name, "")
        if not isinstance(value, str) or len(value) > _LONGEST_TYPE:
            raise OptionError(f"{name} must be a text of at most {_LONGEST_TYPE} characters")
        return value

    def has(self, name: str) -> bool:
        """Whether it is given."""
        return name in self._given

    def question(self) -> dict[str, Any]:
        """What is to be begun: `ask`, and what that takes."""
        asked = self.text("ask")
        if asked not in _TAKES:
            raise OptionError(f"a job must be one of {', '.join(_TAKES)}")
        takes, said = _TAKES[asked]
        unknown = [name for name in self._given if name not in ("pid", "ask", *takes)]
        if unknown:
            raise OptionError(f"{asked} takes {' and '.join(takes) or 'nothing'}, not {unknown[0][:40]!r}")
        given = {name: self.text(name) if name == "type" else self.number(name) for name in takes if self.has(name)}
        return {"ask": asked, **given, **said}


def _as_number(text: str) -> Any:
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text
