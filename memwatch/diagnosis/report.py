"""The report that comes with every leak: one value. `memwatch.render` shows it as text or as a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from ..calltree import CallTree
from ..clock import to_wall
from ..heap import MonotoneType
from ..internal import internal
from ..notebook_display import Shown, page_html
from ..origin import Origin
from ..retain import RetainingPath
from ..watch import Cost
from .account import Account, TypeRow
from .causes import BY_VERDICT

SCHEMA = 1
"""The version of the dict. Keys may be added to one; what a key means changes only with the number."""

_NOWHERE = Origin("", "", "", "")


@internal
@dataclass(frozen=True, slots=True)
class Suspect:
    """Something that grew since the suspicion: its type, how much, and who holds it."""

    type: str
    count_growth: int
    """How many objects of `type` came."""

    bytes_growth: int
    """Their bytes, those of all that hangs under them, and of native memory that they are known to keep."""

    share: float
    """Their part of the growth, 0.0 to 1.0."""

    score: float
    """The share, weighted by what else speaks for this suspect."""

    held_by: RetainingPath | None
    """The path from a root; None if none was found."""

    retained_items: int
    """How many items the holder has now."""

    cause: str
    hint: str
    samples: int = 0
    """How many live samples the line is based on."""

    allocated_at: tuple[dict[str, Any], ...] = ()
    """The frames that allocated it, innermost first, each with `function`, `file`, `line` and `in_app`; empty if it was
    not sampled."""

    also_held_by: tuple[RetainingPath, ...] = ()
    """The paths of others that hold the same objects."""

    allocated_in: tuple[tuple[str, float], ...] = ()
    """The labels of `memwatch.label` under which it was allocated, most first, each with its share of the bytes."""

    retained_bytes: int | None = None
    """What the holder's end would free, whenever it came; None where nobody looked. Less than `bytes_growth` where
    others hold the same objects."""

    retained_objects: int | None = None
    """How many objects that are, the holder too."""

    def to_dict(self) -> dict[str, Any]:
        """What machines read: the fields by name, the path as its lines."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **found,
            "held_by": list(self.held_by.lines) if self.held_by else [],
            "also_held_by": [list(path.lines) for path in self.also_held_by],
            "allocated_at": [dict(frame) for frame in self.allocated_at],
            "allocated_in": [{"label": text, "share": share} for text, share in self.allocated_in],
        }


@internal
@dataclass(frozen=True, slots=True)
class Report(Shown):
    """What is known of a leak. `str(report)` is the text for a person, `to_html()` the page, `to_dict()` the JSON."""

    views: ClassVar[dict[str, Callable[..., str]]] = {}
    """How a report is drawn, by name: each takes the report. `memwatch.render` fills it."""

    pid: int
    age_seconds: float
    reason: str
    growth_bytes: int
    """By how much `meter` rose in the window of the verdict."""

    rss_growth_bytes: int
    """By how much resident memory rose in the same time."""

    rate_bytes_per_hour: float
    meter: str
    """What grew: "base" or "rss"."""

    curve: tuple[tuple[float, int], ...]
    """What `meter` read, as (seconds since watching began, bytes)."""

    confidence: float
    fingerprint: str
    """12 hexadecimal digits, the same for the same leak in another process."""

    limit_bytes: int
    """The memory that the process may have."""

    time_to_limit_seconds: float | None
    """When the limit is reached at the rate of whichever grows faster, `meter` or resident memory; None for never."""

    verdict: str
    """What kind of memory grew; "unknown" if nothing has shown that."""

    since_seconds: float
    """How long ago the suspicion was."""

    account: Account
    """The growth since the suspicion by type. Its rows and what is not explained add up to it; shares are of that."""

    suspects: tuple[Suspect, ...]
    missing: tuple[str, ...]
    """What was left out, and why."""

    cost: Cost
    ratchets: tuple[MonotoneType, ...] = ()
    """The types that grew at every look since the suspicion."""

    time: float = 0.0
    """When the verdict was given, in epoch seconds."""

    growth: CallTree | None = None
    """What came since the suspicion and is alive, by call path; None if nothing was sampled."""

    origin: Origin | None = None
    """Which program it was, on which machine."""

    window_seconds: float = 0.0
    """The length of the window of the verdict."""

    asked: bool = False
    """Whether somebody asked for the report: it compares two looks, and is about no leak."""

    @property
    def heading(self) -> str:
        """The word that a report begins with: it tells of a leak, or of what there is now."""
        return "NOW" if self.asked else "LEAK"

    @property
    def explained(self) -> float | None:
        """The share of the growth since the suspicion that is known; None where nobody looked."""
        return self.account.explained

    @property
    def since_bytes(self) -> int:
        """By how much the process grew since the suspicion."""
        return self.account.grew

    @property
    def rows(self) -> tuple[TypeRow, ...]:
        """What changed since the suspicion."""
        return self.account.rows

    def to_dict(self) -> dict[str, Any]:
        """What machines read: all that the text shows, as docs/report.schema.json describes it."""
        return {
            "schema": SCHEMA,
            "pid": self.pid,
            **(self.origin or _NOWHERE).to_dict(),
            "time": to_wall(self.time),
            "age_seconds": self.age_seconds,
            "subject": self.subject,
            "reason": self.reason,
            "asked": self.asked,
            "meter": self.meter,
            "window_seconds": self.window_seconds,
            "growth_bytes": self.growth_bytes,
            "rss_growth_bytes": self.rss_growth_bytes,
            "rate_bytes_per_hour": self.rate_bytes_per_hour,
            "curve": [list(point) for point in self.curve],
            "confidence": self.confidence,
            "fingerprint": self.fingerprint,
            "limit_bytes": self.limit_bytes,
            "time_to_limit_seconds": self.time_to_limit_seconds,
            "verdict": self.verdict,
            **self._words(),
            "explained": self.explained,
            "since_seconds": self.since_seconds,
            "since_bytes": self.since_bytes,
            "rows": self.account.to_list(),
            "shrunk": {"types": self.account.shrunk_types, "size_bytes": self.account.shrunk},
            "ratchets": [asdict(ratchet) for ratchet in self.ratchets],
            "suspects": [suspect.to_dict() for suspect in self.suspects],
            "missing": list(self.missing),
            "cost": self.cost.to_dict(),
        }

    def _words(self) -> dict[str, str]:
        """What the verdict alone says; empty where a suspect has words of its own."""
        words = BY_VERDICT.get(self.verdict) if not self.suspects else None
        return {"cause": words.cause if words else "", "hint": words.hint if words else ""}

    @property
    def subject(self) -> str:
        """What leaks and what holds it, as ``str held by app.CACHE``; empty where nobody is suspected."""
        first = self.suspects[0] if self.suspects else None
        if first is None or first.held_by is None:
            return first.type if first else ""
        return f"{first.type} held by {first.held_by.holder}"

    def render(self, color: bool = False, unicode: bool = True, source: bool = True) -> str:
        """The text for a terminal, with or without colour, block characters, and the text of the allocating lines."""
        return self.views["text"](self, color=color, unicode=unicode, source=source)

    def to_html(self) -> str:
        """A page for a browser that needs nothing beside itself: all of the text, pictures, and a flame graph."""
        return self.views["html"](self)

    def to_markdown(self, budget: int = 2000, source: bool = True) -> str:
        """What a coding agent reads: whole sentences, file and line first, and what to run next.

        At most *budget* tokens, 300 or more, of which each is counted as three characters; with *source* the text of
        the allocating lines. Raises OptionError.
        """
        return self.views["markdown"](self, budget=budget, source=source)

    def __str__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return page_html(self.to_html(), 640)
