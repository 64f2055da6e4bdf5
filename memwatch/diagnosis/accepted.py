"""Which growth has a team accepted? By the names of types and holders, and by its size."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from ..internal import internal
from ..units import format_bytes
from .report import Report, Suspect
from .suspects import FIRST_SHARE


@internal
class Accepted:
    """*patterns*, such as `app.Cache*`, match a suspect's type or holder; less than *least* bytes is no leak."""

    def __init__(self, patterns: Sequence[str] = (), least: int = 0) -> None:
        self._patterns = tuple(patterns)
        self._least = least

    def excuse(self, report: Report) -> str | None:
        """Why *report* is not sent, in words; None where it is: also if another suspect, who is not accepted, explains
        a fifth of the growth."""
        if report.growth_bytes < self._least:
            return f"{format_bytes(report.growth_bytes)} is less than min_growth"
        known = [suspect for suspect in report.suspects if self._matches(suspect)]
        others = [suspect for suspect in report.suspects if suspect not in known and suspect.share >= FIRST_SHARE]
        return f"{known[0].type} is accepted by ignore" if known and not others else None

    def _matches(self, suspect: Suspect) -> bool:
        names = [suspect.type, *(path.holder for path in (suspect.held_by, *suspect.also_held_by) if path is not None)]
        return any(fnmatchcase(name, pattern) for name in names for pattern in self._patterns)
