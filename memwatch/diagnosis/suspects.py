"""Who is suspected? Which type to name, how much of it, and in which words, by the account and what a walk found."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..heap import Diff, MonotoneType, TypeSeries
from ..retain import Holding, RetainingPath, RootKind
from ..units import format_bytes
from .account import Account, has_lost, kind_of
from .causes import Words, name_type, words_for, words_for_verdict
from .classes import can_be_closed
from .lines import HANDFUL, NO_OBJECT, NO_OTHERS, Lines, Place, Site, place_in
from .parts import Part, count_of, join_parts
from .pinned import NATIVE, Pinned, Pins, strong_of
from .places import place_of
from .ranking import Ranking
from .report import Suspect
from .verdict import HALF

MOST = 5
FIRST_SHARE = 0.2
"""Of the growth: what explains less is not the first suspect, and where nothing explains as much there is none."""

_DATA = frozenset(("dict", "list", "tuple", "set", "frozenset", "str", "bytes", "bytearray", "int", "float"))
_LEAST_SHARE = 0.02
_LEAST_BYTES = 4096  # less is what any program moves about, and no leak
_SOMETIMES = {"tuple", "dict"}  # are tracked, or are not any more: an old one may look as if it had come
_LOOKS = 3  # fewer tell a type that only ever grows from none
_TYPES = 3
_MOST = 0.5  # of the growth
_HEAVIER = 4  # times: a line of so much more bytes is shown, where few samples speak for the other
_HEAVIEST = 20  # times: the same, however many speak for it
_LEFT = 0.1  # of the new objects of a type, which others have not claimed
_COUNTED = 0.5  # of what is kept: so much is no object's own
_COPY = "keep a copy of the part that is needed"
_CLOSE = "close each when it is done with"
_CLOSE_OR_COPY = f"close what is done with, or {_COPY} instead of a view"
_NO_WORDS = Words()
_UNSEEN = frozenset(("garbage", "fragmentation"))  # verdicts that say by themselves where the memory is


def find_suspects(
    holdings: Sequence[Holding],
    loose: Sequence[Site],
    lines: Lines,
    account: Account,
    verdict: str,
    ranking: Ranking | None = None,
) -> tuple[Suspect, ...]:
    """Who is suspected, the first one first: by holder, else by type, and by line what nobody is known to hold.

    *loose* are the sites of what no walk has met. Of these, what the objects below a holder keep is reported with them.
    """
    ranking = ranking or Ranking()
    pins = Pins(strong_of(holdings), loose, account, verdict)
    suspects = from_holdings(holdings, lines, account, pins, ranking)
    if not suspects:
        suspects = from_rows(account, lines, verdict, ranking)
    if verdict not in _UNSEEN:
        reported = {it.type for it in suspects if not it.held_by}
        left = pins.left if account.walked else _not_below(holdings, pins.left)
        suspects += [it for it in from_lines(left, account) if it.type not in reported]
    suspects.sort(key=lambda suspect: -suspect.score)
    return _reported(suspects, pins.likely)


def _not_below(holdings: Sequence[Holding], sites: Sequence[Site]) -> Sequence[Site]:
    """The *sites* of what does not hang below *holdings*: samples do not tell it, where only the search met objects."""
    met = {NO_OBJECT, *(label for holding in holdings for label in holding.type_counts)} if holdings else frozenset()
    return [site for site in sites if site.native or site.label not in met]


def _reported(suspects: Sequence[Suspect], likely: RetainingPath | None) -> tuple[Suspect, ...]:
    """Those that are worth telling, if the first one explains enough, or is *likely* to by what it keeps unseen."""
    enough = [it for it in suspects if _share_of_all(it, suspects) >= FIRST_SHARE]
    unseen = [it for it in suspects if likely is not None and it.held_by is likely]
    if not enough and not unseen:
        return ()
    first = (enough or unseen)[0]
    others = [it for it in suspects if it is not first and it.share >= _LEAST_SHARE]
    return (first, *others)[:MOST]


def _share_of_all(suspect: Suspect, suspects: Sequence[Suspect]) -> float:
    """The share of *suspect* and of the other holders of the same objects, each of which has a part of it."""
    return sum(it.share for it in suspects if it is suspect or it.held_by in suspect.also_held_by)


def from_holdings(
    holdings: Sequence[Holding], lines: Lines, account: Account, pins: Pins, ranking: Ranking
) -> list[Suspect]:
    """A suspect for each path under which new objects hang; what is weak holds nothing.

    Shares are of the account's total, or of what hangs under all paths together where that is more.
    """
    strong = strong_of(holdings)
    total = max(sum(it.retained_bytes for it in strong), account.total)
    if any(it.path.root.kind is RootKind.GREENLET for it in strong):  # what its library notes of each goes with it
        strong = [it for it in strong if it.path.root.kind is not RootKind.HELD_IN_C or not _of_greenlets(it)]
    most = max((it.retained_bytes for it in strong if not it.is_bounded), default=0)
    if most >= FIRST_SHARE * total:  # a cache within its bound has met what leaks; if it has as much, it holds it, too
        strong = [it for it in strong if not it.is_bounded or it.retained_bytes > HALF * most]
    found = []
    others = Counter[Place]()  # the bytes of those that are found, by the place that allocated them
    claimed = Counter[str]()  # the new objects of those before, by type
    for holding in strong:
        if _takes_the_place_of_others(holding, claimed, account):
            continue
        claimed.update(holding.type_counts)
        if holding.retained_bytes < _LEAST_SHARE * total and not pins.may_take(holding):
            continue
        part = holding.retained_bytes / total
        suspect = _located(_suspect(holding), holding.type_counts, lines, part, others)
        suspect = _worded(suspect, holding, lines.calls(holding.type_counts))
        pinned = pins.take(holding, suspect.allocated_at)
        if holding.retained_bytes < _LEAST_BYTES and pinned is None:
            continue  # where native memory leaks, nothing may be left
        suspect = suspect if pinned is None else _with_pinned(suspect, holding, pinned)
        share = min(1.0, suspect.bytes_growth / total)
        found.append(replace(suspect, share=share, score=ranking.of_holding(holding, share)))
        if suspect.allocated_at:
            others[place_in(suspect.allocated_at)] += holding.retained_bytes
    return found


def _of_greenlets(holding: Holding) -> bool:
    return holding.frontier_type.startswith(("greenlet.", "gevent.", "eventlet."))


def _takes_the_place_of_others(holding: Holding, claimed: Counter[str], account: Account) -> bool:
    """Whether as many objects went as are new below *holding*: a walk has counted the growth of their type, and what
    the holders before have *claimed* leaves hardly any of it."""
    what = holding.frontier_type
    if not account.walked or not claimed[what] or holding.others:  # of what several hold each has all
        return False
    grew = sum(row.count for row in account.rows if row.what == what and not row.samples)
    return grew - claimed[what] < _LEFT * holding.type_counts.get(what, holding.targets)


def only_grown(holdings: Sequence[Holding], diff: Diff) -> tuple[Holding, ...]:
    """The *holdings* that *diff*, of tracked objects alone, confirms: their holder grew in place, or their type came.

    Snapshots of tracked objects do not know the others, so that an old table of strings looks new to a walk.
    """
    came = {row.what for row in diff.change.details if row.net > 0} - _SOMETIMES
    grown = {found.address for found in diff.grown}
    return tuple(held for held in holdings if held.frontier_type in came or held.holder_address in grown)


def from_rows(account: Account, lines: Lines, verdict: str, ranking: Ranking) -> list[Suspect]:
    """Suspects by type alone, where no walk for holders was made or it found nothing: of what a walk has counted."""
    words = words_for_verdict(verdict) if verdict == "garbage" else _NO_WORDS
    counted = [row for row in account.grown if not row.samples and row.size_bytes >= _LEAST_BYTES]
    parts = join_parts((Part(row.what, row.count, row.size_bytes) for row in counted), cycles=verdict == "garbage")
    found = []
    for part in parts[:_TYPES]:
        share = part.size_bytes / account.total
        suspect = _unheld(part, share, words)
        suspect = _located(suspect, dict.fromkeys((part.label, *part.labels), 0), lines, share)
        found.append(replace(suspect, score=ranking.of_types((part.label,), share)))
    return found


def from_lines(loose: Sequence[Site], account: Account) -> list[Suspect]:
    """Suspects among what nobody is known to hold: objects by type, whatever the line; raw memory by line.

    Only what explains as much as a first suspect must: no walk meets the parts of code objects, which are not lost.
    """
    loose = [it for it in loose if not it.in_code]
    raw = [Part(NO_OBJECT, count_of([it]), it.size_bytes, it.samples, it) for it in loose if it.label == NO_OBJECT]
    labels = {site.label for site in loose} - {NO_OBJECT}
    typed = [_part([site for site in loose if site.label == label]) for label in labels]
    found, lost = [], has_lost(loose)
    for part in (*join_parts(typed), *raw):
        share = min(1.0, part.size_bytes / account.total)
        is_much = share >= FIRST_SHARE and part.size_bytes >= _LEAST_BYTES
        if is_much and part.site is not None and part.site.is_sure:
            words = words_for_verdict(kind_of(part.site, account.walked, lost=lost))
            found.append(_at(_unheld(part, share, words), part.site))
    return found


def ratchets_of(series: TypeSeries) -> tuple[MonotoneType, ...]:
    """The types that grew at every one of at least `_LOOKS` looks, those with most growth."""
    steady = (it for it in series.ratchets() if it.monotone_share == 1 and it.readings == series.readings)
    return tuple(it for it in steady if it.growth >= _LEAST_BYTES)[:MOST] if series.readings >= _LOOKS else ()


def fingerprint(verdict: str, suspects: Sequence[Suspect], holdings: Sequence[Holding]) -> str:
    """Twelve hexadecimal digits that stay the same for the same leak in another process."""
    strong = strong_of(holdings)
    if strong:
        top = max(strong, key=lambda holding: holding.retained_bytes).path.fingerprint
    else:
        top = suspects[0].type if suspects else ""
    return hashlib.sha1(f"{verdict} {top}".encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:12]


def _unheld(part: Part, share: float, words: Words) -> Suspect:
    size = round(part.size_bytes)
    return Suspect(part.label, part.count, size, share, share, None, 0, words.cause, words.hint)


def _suspect(holding: Holding) -> Suspect:
    name = name_type(holding)
    return Suspect(
        type=name,
        count_growth=holding.type_counts.get(name, 0),
        bytes_growth=holding.retained_bytes,
        share=0.0,
        score=0.0,
        held_by=holding.path,
        also_held_by=holding.others,
        retained_items=holding.holder_items or 0,
        cause="",
        hint="",
    )


def _worded(suspect: Suspect, holding: Holding, calls: Sequence[tuple[str, str]]) -> Suspect:
    """*suspect* with its cause and hint, which may name the line, and what undoes one of the *calls* there."""
    own = next((frame for frame in suspect.allocated_at if frame["in_app"]), None)
    words = words_for(holding, line=place_of(own), calls=calls) if own else words_for(holding)
    return replace(suspect, cause=words.cause, hint=words.hint)


def _located(
    suspect: Suspect, below: Mapping[str, int], lines: Lines, share: float, others: Mapping[Place, float] = NO_OTHERS
) -> Suspect:
    """*suspect* with the line that allocated it: objects of its type, else those of the types *below*, which go with
    it, so many of each; of mere data the line that allocated most of these.

    Few samples of the type yield to a line with far more of the bytes, and so does a small part of them: also to one of
    the buffers of what is below. Where none of it was sampled the line of most of all is shown, if the suspect explains
    most of all. What *others* have of a line's bytes does not speak for it.
    """
    own, all_below = lines.of_types((suspect.type,), others), lines.of_types(below, others)
    if suspect.type in _DATA or (own is not None and all_below is not None and _is_heavier(all_below, own, others)):
        own, all_below = all_below, own
    site, buffers = own or all_below, lines.of_buffers(below.values())
    if buffers is not None and (_is_heavier(buffers, site, others) if site else buffers.is_sure):
        site = buffers
    return _at(suspect, site or (lines.of_most() if share >= _MOST else None))


def _is_heavier(other: Site, own: Site, others: Mapping[Place, float]) -> bool:
    times = _HEAVIER if own.samples < HANDFUL else _HEAVIEST
    return other.samples >= HANDFUL and other.size_bytes - others.get(other.place, 0.0) >= times * own.size_bytes


def _at(suspect: Suspect, site: Site | None) -> Suspect:
    return (
        suspect
        if site is None
        else replace(suspect, allocated_at=site.frames, samples=site.samples, allocated_in=site.contexts)
    )


def _with_pinned(suspect: Suspect, holding: Holding, pinned: Pinned) -> Suspect:
    """*suspect* with the memory that its objects keep; what nobody has sampled is said to be likely alone.

    Some types say themselves what they keep (numpy's arrays do), and it is in the suspect's bytes.
    """
    keeps = f"each keeps {pinned.what} alive, about {format_bytes(round(pinned.size_bytes / max(holding.targets, 1)))}"
    keeps = keeps if pinned.sure else f"most likely {keeps}"
    if not pinned.sites:
        together = format_bytes(pinned.size_bytes)
        keeps = f"{keeps}, {together} together, which no allocator that can be looked into has given out"
    is_native = pinned.what == NATIVE
    is_counted = not pinned.sites or (is_native and suspect.bytes_growth >= _COUNTED * pinned.size_bytes)
    heavier = pinned.samples > suspect.samples
    is_reported = suspect.hint.startswith(_COPY) or not is_native
    close = _CLOSE if can_be_closed(suspect.type) else _CLOSE_OR_COPY
    return replace(
        suspect,
        bytes_growth=suspect.bytes_growth + (0 if is_counted else pinned.size_bytes),
        cause=f"{suspect.cause}; {keeps}" if suspect.cause else f"small objects of which {keeps}",
        hint=suspect.hint if is_reported else "; or ".join(filter(None, (close, suspect.hint))),
        allocated_at=pinned.sites[0].frames if heavier else suspect.allocated_at,
        allocated_in=pinned.sites[0].contexts if heavier else suspect.allocated_in,
        samples=pinned.samples if heavier else suspect.samples,
    )


def _part(sites: Sequence[Site]) -> Part:
    """What there is of one type at all lines; the line is that of most bytes."""
    heaviest = max(sites, key=lambda site: site.size_bytes)
    size = sum(it.size_bytes for it in sites)
    return Part(heaviest.label, count_of(sites), size, sum(it.samples for it in sites), heaviest)
