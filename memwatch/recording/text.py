"""Shows a recording as text: the cases, the roles, and what became of leaks between releases."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from ..units import format_bytes, format_duration, format_rate, plural, printable
from .cases import Case, Role
from .compare import Change
from .lives import GrownType, Life

_RECENT = 6 * 86400.0  # seconds; up to then the day of the week is enough of a date
_MOST_TYPES = 3
_HEADINGS = ("role", "lives", "run", "longest", "growth", "suspected", "ended without notice")


def moment(seconds: float, now: float) -> str:
    """``Tue 14:02`` in local time, with the date instead of the day if it is longer ago."""
    form = "%a %H:%M" if abs(now - seconds) < _RECENT else "%d %b %Y %H:%M"
    return time.strftime(form, time.localtime(seconds))


def heading(path: str, lives: Sequence[Life], roles: Sequence[Role], now: float) -> str:
    """One line: how many processes and roles there are, and from when to when."""
    if not lives:
        return f"{printable(path)}: nothing is recorded yet"
    first, last = min(life.birth.started for life in lives), max(life.last for life in lives)
    span = f"{moment(first, now)} to {moment(last, now)}"
    return f"{printable(path)}: {plural(len(lives), 'process')} in {plural(len(roles), 'role')}, {span}"


def case_lines(number: int, case: Case, now: float, since: Change | None = None) -> list[str]:
    """A case in two lines. A third line says what became of it in processes that began after its last report."""
    what = printable(case.subject) or case.verdict
    seen = f"first seen {moment(case.first, now)}"
    last = f", last {moment(case.last, now)}" if moment(case.last, now) != moment(case.first, now) else ""
    parts = [f"{many_of(case)}, {format_rate(case.rate)} each, {seen}{last}"]
    if case.releases:
        parts.append(f"in {', '.join(map(printable, case.releases))}")
    if case.recovered:
        parts.append(f"stopped in {case.recovered:,} of these")
    later = [f"     {since.outcome}: {_not_seen(since)}"] if since else []
    return [f"  {number}  {what}", f"     {'; '.join(parts)}", *later]


def many_of(case: Case) -> str:
    """``3 of 8 workers (gunicorn worker)``"""
    return f"{len(case.lives)} of {plural(case.of, _word(case.role))} ({printable(case.role)})"


def role_rows(roles: Sequence[Role]) -> list[tuple[str, ...]]:
    """The cells of the table of roles. The first row names the columns."""
    return [_HEADINGS, *map(_cells, roles)]


def role_lines(roles: Sequence[Role]) -> list[str]:
    """The table of roles as lines."""
    rows = role_rows(roles)
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return [
        f"  {row[0]:{widths[0]}}  " + "  ".join(it.rjust(width) for it, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]


def suspected_lines(lives: Sequence[Life], types: Sequence[GrownType], reported: Collection[int]) -> list[str]:
    """Which types grew in lives whose growth was suspected but not reported. *reported* are the lives that reported."""
    roles: dict[str, dict[str, list[GrownType]]] = {}
    by_id = {life.id: life for life in lives if life.suspicions and life.id not in reported}
    for grown in types:
        if grown.life in by_id:
            roles.setdefault(by_id[grown.life].birth.role, {}).setdefault(grown.what, []).append(grown)
    lines = []
    for role, found in roles.items():
        largest = sorted(found.items(), key=lambda it: -sum(grown.size_bytes for grown in it[1]))[:_MOST_TYPES]
        lines.append(f"  suspected, not reported: {printable(role)}")
        lines += [f"     {_grown(what, grown)}" for what, grown in largest]
    return lines


def _grown(what: str, grown: Sequence[GrownType]) -> str:
    most = max(grown, key=lambda it: it.size_bytes)
    size = f"{most.count:+,} objects, {format_bytes(most.size_bytes, signed=True)}"
    where = f" at most, in {plural(len(grown), 'process')}" if len(grown) > 1 else ""
    return f"{printable(what)}  {size}{where}"


def change_lines(number: int, change: Change) -> list[str]:
    """What became of a leak, in three or four lines."""
    case, before, after = change.case, change.before, change.after
    lines = [f"  {number}  {change.outcome}: {printable(case.subject) or case.verdict}"]
    was = f"before: {many_of(before)}, {format_rate(before.rate)} each" if before else "before: not seen"
    if after is not None:
        now = f"now: {many_of(after)}, {format_rate(after.rate)} each"
    elif not change.watched:
        now = "now: no process of this role has been watched"
    else:
        now = f"now: {_not_seen(change)}"
    lines += [f"     {was}", f"     {now}"]
    if after is None and change.suspected:
        lines.append(f"     growth was suspected in {change.suspected:,} of these, which a leak may be behind")
    return lines


def _not_seen(change: Change) -> str:
    watched = f"{plural(change.watched, _word(change.case.role))}, {format_duration(change.seconds)} together"
    return f"not seen in {watched}; unfixed, it was {confidence_text(change.confidence)} likely to be reported by then"


def old_text(case: Case, since: Change | None, now: float) -> str:
    """A sentence that marks a report as old: newer processes of the role have not reported it. Empty if none ran."""
    if since is None:
        return ""
    return f"This is old: last reported {moment(case.last, now)}, and since then {_not_seen(since)} ({since.outcome})."


def confidence_text(confidence: float) -> str:
    """*confidence* in per cent, never 100 % unless it is certain."""
    return f"{min(99.9, 100 * confidence):.{1 if confidence > 0.99 else 0}f} %"


def _cells(role: Role) -> tuple[str, ...]:
    lost = str(role.lost or "-")
    if role.at_limit:
        lost += f", {role.at_limit} at the memory limit"
    rate = "-" if role.rate is None else format_rate(role.rate)
    running = str(role.running or "-")
    suspected = f"{role.suspected:,}" if role.suspected else "-"
    return printable(role.role), f"{role.lives:,}", running, format_duration(role.longest), rate, suspected, lost


def _word(role: str) -> str:
    return "worker" if role.lower().endswith("worker") else "process"
