"""A report as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..diagnosis import Account, Report, Suspect
from ..diagnosis.causes import BY_VERDICT
from ..retain import RetainingPath
from ..tables import aligned, shorten, shorten_start
from ..units import format_bytes, format_delta, format_duration, plural, printable
from .source import describe
from .words import (
    contexts_text,
    cost_text,
    counts_of,
    cut_path,
    growing_rows,
    objects_text,
    pace_text,
    retained_text,
    share_text,
    shrunk_text,
    verdict_words,
)

_BARS = "▁▂▃▄▅▆▇█"
_CURVE_POINTS = 20
_ROWS = 5
_SUSPECTS = 3
_HOLDERS = 3  # beside the first
_COLUMNS = (0, 8, 10, 8, 12, 6)  # characters of the table's at least
_STEP = 100  # characters of one step of a path


def render_text(report: Report, color: bool = False, unicode: bool = True, source: bool = True) -> str:
    """The whole report for a terminal, ending in a newline.

    *color* and *unicode* allow ANSI colours and block characters; *source* shows the text of the allocating lines.
    """
    blocks = [
        _head(report, color),
        [f"  {report.meter:<6} {_curve(report.curve, unicode)}{_limit(report)}"],
        _table(report),
        *(_suspect(number, suspect, color, source) for number, suspect in enumerate(report.suspects[:_SUSPECTS], 1)),
        _words_alone(report),
        [f"  missing  {printable(line)}" for line in report.missing],
        [f"  cost   {cost_text(report.cost)}"],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"


def _words_alone(report: Report) -> list[str]:
    """What the verdict alone can say, where nobody is suspected."""
    words = BY_VERDICT.get(report.verdict) if not report.suspects else None
    return [f"  cause  {words.cause}", f"  hint   {words.hint}"] if words else []


def _path(path: RetainingPath) -> str:
    """A path on one line; where it is long its middle is left out, for both ends are names to look for."""
    shown, place, left_out = cut_path([shorten(part, _STEP) for part in path.parts])
    if left_out:
        shown = (*shown[:place], f"... {left_out} steps ...", *shown[place:])
    return " > ".join(shown)


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text


def _head(report: Report, color: bool) -> list[str]:
    word = _paint(report.heading, "33" if report.asked else "31", color)
    return [
        f"{word}  pid {report.pid} after {format_delta(report.age_seconds)}: {verdict_words(report)}",
        report.reason,
    ]


def _curve(curve: Sequence[tuple[float, int]], unicode: bool) -> str:
    values = [base for _, base in curve]
    if not values:
        return "not read"
    count = min(len(values), _CURVE_POINTS)
    edges = [number * len(values) // count for number in range(count + 1)]
    points = [min(values[start:end]) for start, end in pairwise(edges)]
    points[0], points[-1] = values[0], values[-1]
    if not unicode:
        return _plain_curve(points)
    least, span = min(points), max(points) - min(points) or 1
    bars = "".join(_BARS[(point - least) * (len(_BARS) - 1) // span] for point in points)
    return f"{format_bytes(points[0])} {bars} {format_bytes(points[-1])}"


def _plain_curve(points: Sequence[int]) -> str:
    """The first point, the middle one and the last, with the unit once where they share it."""
    *earlier, last = (format_bytes(point) for point in (points[0], points[len(points) // 2], points[-1]))
    unit = last[last.index(" ") :]
    return " ".join([*(text.removesuffix(unit) for text in earlier), "...", last])


def _limit(report: Report) -> str:
    if report.time_to_limit_seconds is None:
        return ""
    when = format_duration(report.time_to_limit_seconds)
    return f"     limit {format_bytes(report.limit_bytes)} in about {when} {pace_text(report)}"


def _table(report: Report) -> list[str]:
    """The rows with most bytes, the others, and what is not explained: all of the growth."""
    account = report.account
    shown, rest = growing_rows(account, _ROWS)
    if not shown:
        return []
    lines = [(f"since {format_duration(report.since_seconds)}", "objects", "allocated", "freed", "growth", "share")]
    for row in shown:
        lines.append((shorten_start(row.what), f"{row.count:+,}", *counts_of(row), *_amount(row.size_bytes, account)))
    lines += [(name, "", "", "", *_amount(size, account)) for name, size in rest]
    table = aligned(lines, least=_COLUMNS)
    if shrunk := shrunk_text(account):
        table.append(shrunk)
    if report.ratchets:
        names = ", ".join(shorten_start(ratchet.what) for ratchet in report.ratchets[:_SUSPECTS])
        table.append(f"{names} grew at each of {report.ratchets[0].readings} looks")
    return [f"  {line}" for line in table]


def _amount(size: int, account: Account) -> tuple[str, str]:
    return format_bytes(size, signed=True), share_text(size / account.total)


def _suspect(number: int, suspect: Suspect, color: bool, source: bool) -> list[str]:
    size, share = format_bytes(suspect.bytes_growth, signed=True), share_text(suspect.share)
    lines = [f"  {number}  {shorten_start(suspect.type)}, {objects_text(suspect)}, {size}, {share}"]
    lines += describe(suspect.allocated_at, suspect.samples, lambda text: _paint(text, "1", color), source)
    if suspect.allocated_in:
        lines.append(f"     while       {contexts_text(suspect)}")
    if suspect.held_by:
        lines.append(f"     held by     {_paint(_path(suspect.held_by), '1', color)}")
    lines += [f"     and by      {_paint(_path(path), '1', color)}" for path in suspect.also_held_by[:_HOLDERS]]
    if (others := len(suspect.also_held_by) - _HOLDERS) > 0:
        lines.append(f"     and by      {plural(others, 'other')}")
    if suspect.retained_bytes is not None:
        lines.append(f"     retains     {retained_text(suspect)}")
    if suspect.cause:
        lines.append(f"     cause       {suspect.cause}")
    if suspect.hint:
        lines.append(f"     hint        {suspect.hint}")
    return lines
