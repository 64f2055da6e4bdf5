"""From what a walk found to suspects: which type to name, how much hangs on it, and the words for it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace

from ..heap import Diff, Ratchet, TypeSeries
from ..retain import Holding
from .causes import name_type, words_for, words_for_verdict
from .lines import Lines
from .ranking import Ranking
from .report import Suspect, TypeRow

MOST = 5
_DATA = frozenset(("dict", "list", "tuple", "set", "frozenset", "str", "bytes", "bytearray", "int", "float"))
_LEAST_SHARE = 0.02
_LEAST_BYTES = 4096  # less is what any program moves about, and no leak
_SOMETIMES = {"tuple", "dict"}  # are tracked, or are not any more: an old one may look as if it had come
_LOOKS = 3  # fewer tell a type that only ever grows from none
_NO_LINES = Lines()
_BY_SHARE = Ranking()
_UNHELD = ("untracked", "native")
_BY_LINE = (*_UNHELD, "objects")  # where there was no walk
_LEAST_PART = 0.25  # of the growth, that a line must have allocated to be suspected by itself
_SMALL = 0.1  # of the growth: the line of such a type says little of where the rest comes from


def find_suspects(
    holdings: Sequence[Holding],
    diff: Diff | None,
    lines: Lines,
    grew: int,
    verdict: str,
    ranking: Ranking = _BY_SHARE,
) -> tuple[Suspect, ...]:
    """Who is suspected, the first one first: by holder, else by type, and by line alone where neither explains it.

    *grew* is by how many bytes the process grew since the suspicion.
    """
    suspects = from_holdings(holdings, grew, verdict, lines, ranking)
    if not suspects and diff is not None:
        suspects = from_diff(diff, grew, verdict, lines, ranking)
    unheld = _unheld(lines, grew, verdict) if verdict in (_UNHELD if suspects else _BY_LINE) else None
    if unheld is None or any(unheld.bytes_growth < it.bytes_growth for it in suspects):
        return suspects
    others = tuple(it for it in suspects if it.type != unheld.type or it.held_by)
    if verdict == "native" and others and others[0].held_by and _is_made_with(others[0], unheld):
        return (others[0], unheld, *others[1:])[:MOST]
    return (unheld, *others)[:MOST]


def _is_made_with(held: Suspect, raw: Suspect) -> bool:
    """Whether one function of the program made *held* and what allocated *raw* memory: small objects that pin it."""
    makers = [next((it for it in suspect.allocated_at if it["in_app"]), None) for suspect in (held, raw)]
    return None not in makers and len({(it["function"], it["file"]) for it in makers if it}) == 1


def from_holdings(
    holdings: Sequence[Holding], grew: int, verdict: str, lines: Lines = _NO_LINES, ranking: Ranking = _BY_SHARE
) -> tuple[Suspect, ...]:
    """A suspect for each path under which new objects hang, the one with the best score first.

    Shares are of the *grew* bytes by which the process grew since the suspicion, or of what hangs under all paths
    together where that is more. What is below a page is left out: where native memory leaks, nothing may be left.
    """
    total = max(sum(holding.retained_bytes for holding in holdings), grew, 1)
    large = [holding for holding in holdings if holding.retained_bytes >= _LEAST_BYTES]
    shares = [(holding, holding.retained_bytes / total) for holding in large]
    scored = [(holding, share, ranking.of_holding(holding, share)) for holding, share in shares]
    scored.sort(key=lambda row: -row[2])
    return tuple(
        _locate(_suspect(holding, share, score, verdict), holding.type_counts, lines, number == 0)
        for number, (holding, share, score) in enumerate(scored[:MOST])
        if number == 0 or share >= _LEAST_SHARE
    )


def only_grown(holdings: Sequence[Holding], diff: Diff) -> tuple[Holding, ...]:
    """The *holdings* that *diff*, of tracked objects alone, confirms: their holder grew in place, or their type came.

    Snapshots of tracked objects do not know the others, so that an old table of strings looks new to a walk.
    """
    came = {row.what for row in diff.change.details if row.net > 0} - _SOMETIMES
    grown = {found.address for found in diff.grown}
    return tuple(held for held in holdings if held.frontier_type in came or held.holder_address in grown)


def from_diff(
    diff: Diff, grew: int, verdict: str, lines: Lines = _NO_LINES, ranking: Ranking = _BY_SHARE
) -> tuple[Suspect, ...]:
    """Suspects by type alone, where no walk for holders was made or it found nothing; shares as in `from_holdings`.

    Builtins are what other objects are made of: classes that take part in the growth come before them.
    """
    total = max(sum(row.size_bytes for row in diff.change.details if row.size_bytes > 0), grew, 1)
    rows = [row for row in diff.change.details if row.size_bytes >= max(_LEAST_BYTES, _LEAST_SHARE * total / 2)]
    rows.sort(key=lambda row: ("." not in row.what, -row.size_bytes))
    words = words_for_verdict(verdict)
    suspects = (
        Suspect(
            type=row.what,
            count_growth=row.net,
            bytes_growth=row.size_bytes,
            share=row.size_bytes / total,
            score=ranking.of_types((row.what,), row.size_bytes / total),
            held_by=None,
            retained_items=0,
            cause=words.cause,
            hint=words.hint,
        )
        for row in rows[:3]
    )
    return tuple(_locate_type(suspect, lines, number == 0) for number, suspect in enumerate(suspects))


def rows_of(diff: Diff) -> tuple[TypeRow, ...]:
    """The diff's types for the report's table."""
    return tuple(TypeRow(row.what, row.allocated, row.freed, row.size_bytes, row.exact) for row in diff.change.details)


def ratchets_of(series: TypeSeries) -> tuple[Ratchet, ...]:
    """The types that grew at every one of at least `_LOOKS` looks, those with most growth."""
    steady = (it for it in series.ratchets() if it.monotone_share == 1 and it.readings == series.readings)
    return tuple(it for it in steady if it.growth >= _LEAST_BYTES)[:MOST] if series.readings >= _LOOKS else ()


def fingerprint(verdict: str, suspects: Sequence[Suspect], holdings: Sequence[Holding]) -> str:
    """Twelve hexadecimal digits that stay the same for the same leak in another process."""
    if holdings:
        top = max(holdings, key=lambda holding: holding.retained_bytes).path.fingerprint
    else:
        top = suspects[0].type if suspects else ""
    return hashlib.sha1(f"{verdict} {top}".encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:12]


def _locate(suspect: Suspect, contents: Collection[str], lines: Lines, first: bool) -> Suspect:
    """*suspect* with the line that allocated it: objects of its type, else of those that hang under its holder; of mere
    data the line that allocated most of what hangs there.

    For the *first* one, where none of these was sampled, the line that allocated most.
    """
    own = (suspect.type,)
    ways = [contents, own] if suspect.type in _DATA else [own, contents]
    site = lines.of_types(ways[0]) or lines.of_types(ways[1]) or (lines.of_all() if first else None)
    return suspect if site is None else replace(suspect, allocated_at=site.frames, samples=site.samples)


def _locate_type(suspect: Suspect, lines: Lines, first: bool) -> Suspect:
    """The line of a type that nobody is known to hold; a small one was named for the others that come with it."""
    site = lines.of_all() if first and suspect.share < _SMALL else None
    if site is None:
        return _locate(suspect, (), lines, first)
    return replace(suspect, allocated_at=site.frames, samples=site.samples)


def _unheld(lines: Lines, grew: int, verdict: str) -> Suspect | None:
    """What one line allocated, if that is a large part of the growth; nothing is known to refer to it."""
    site = (lines.of_lost() if verdict in _UNHELD else None) or lines.of_all()
    if site is None or not 0 < grew * _LEAST_PART <= site.size_bytes:
        return None
    words = words_for_verdict(verdict)
    share = min(1.0, site.size_bytes / grew)
    return Suspect(
        type=site.label,
        count_growth=round(site.count),
        bytes_growth=round(site.size_bytes),
        share=share,
        score=share,
        held_by=None,
        retained_items=0,
        cause=words.cause,
        hint=words.hint,
        samples=site.samples,
        allocated_at=site.frames,
    )


def _suspect(holding: Holding, share: float, score: float, verdict: str) -> Suspect:
    name = name_type(holding)
    words = words_for(holding, verdict)
    return Suspect(
        type=name,
        count_growth=holding.type_counts.get(name, 0),
        bytes_growth=holding.retained_bytes,
        share=share,
        score=score,
        held_by=holding.path,
        retained_items=holding.holder_items or 0,
        cause=words.cause,
        hint=words.hint,
    )
