"""What there is to see at a moment, whatever it comes from: a curve, a verdict, the types that grew, their holders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..render.source import describe
from ..render.words import share_text
from ..tables import shorten, shorten_start
from ..units import format_bytes, printable

HEADINGS = ("type", "objects", "growth", "share")
NOTHING_KNOWN = "no line and no holder is known of it"
_STEP = 100  # characters of one step of a path


@dataclass(frozen=True, slots=True)
class View:
    """`title` says whose it is, `state` what memwatch calls it: "starting", "watching", "suspect", "leak", or "ended".

    `curve` holds (epoch seconds, bytes of the base), oldest first. `report` is that of the last looks or of the newest
    leak, as `Report.to_dict` gives it, None before there is one; `looked` says when that was. `facts` are names with
    text, and `news` is what became of the process meanwhile, empty where all is well.
    """

    title: str
    state: str
    thinks: str
    curve: tuple[tuple[float, int], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    report: dict[str, Any] | None = None
    looked: str = ""
    news: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """The names of the types that grew, most bytes first."""
        return tuple(str(row["what"]) for row in self._rows())

    @property
    def suspected(self) -> str:
        """The type that is suspected first, empty where there is none."""
        return next((suspect["type"] for suspect in (self.report or {}).get("suspects", ())), "")

    def cells(self) -> list[tuple[str, ...]]:
        """A line of text for each of them, as `HEADINGS` says."""
        return [_cells(row) for row in self._rows()]

    def details(self, what: str) -> list[str]:
        """What is known of the type *what*: its allocating lines, its holders, cause and hint."""
        suspects = (self.report or {}).get("suspects", ())
        found = [suspect for suspect in suspects if suspect["type"] == what]
        return [line for suspect in found for line in _suspect(suspect)]

    def _rows(self) -> list[dict[str, Any]]:
        return [row for row in (self.report or {}).get("rows", ()) if row["size_bytes"] > 0]


class Source(Protocol):
    """What is followed. Its functions wait, and are called by threads of their own; none raises MemwatchError."""

    looks_every: float
    """Seconds between two looks, 0 where there is nothing to look at."""

    def poll(self) -> View:
        """The view of this moment."""

    def look(self) -> None:
        """Find out what grows; the next view tells."""

    def turn(self, by: int) -> None:
        """Go on to another one of what there is to follow."""

    def holders(self, what: str) -> list[str]:
        """Who holds the objects of the type *what*, as lines."""


def path_text(lines: Sequence[str]) -> str:
    """A path on one line."""
    return " > ".join(shorten(line, _STEP) for line in lines)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    count = f"{row['count']:+,}" if row["count"] else ""
    share = share_text(row["share"])
    return shorten_start(str(row["what"])), count, format_bytes(row["size_bytes"], signed=True), share


def _suspect(suspect: dict[str, Any]) -> list[str]:
    """As a report tells of it, without the margin."""
    lines = [line.removeprefix("     ") for line in describe(suspect["allocated_at"], suspect["samples"])]
    labels = [f"{printable(it['label'])} {share_text(it['share'])}" for it in suspect.get("allocated_in", ())]
    rows = [("while", ", ".join(labels)), ("held by", path_text(suspect["held_by"]))]
    rows += [("and by", path_text(path)) for path in suspect["also_held_by"]]
    rows += [("cause", printable(suspect["cause"])), ("hint", printable(suspect["hint"]))]
    return lines + [f"{name:<11} {text}" for name, text in rows if text]
