"""What does a growth consist of? One account of what came since the suspicion, in rows that add up to all of it.

A walk counts what Python reaches. The samples estimate what no walk has met, and all of it where there was no walk.
What neither knows is "not explained". Table, suspects, verdict, text, page and JSON all read this one value.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..backend.meters.meters import counted_bytes
from ..estimates import ALIKE, is_alike
from ..heap import Count, Diff, least
from ..heap.counts import count_to_json
from ..internal import internal
from ..retain import Holding, RootKind
from .causes import name_type
from .lines import NO_OBJECT, Lines, Site, scaled_to
from .parts import count_of

Kind = Literal["objects", "untracked", "native", "unknown"]
"""Objects that Python reaches; what lies in Python's memory and nothing refers to; C's memory; nobody knows."""

NOT_EXPLAINED = "not explained"
PYTHON_RAW = "raw memory in Python's blocks"
"""What lies in memory of Python's allocators and is no object."""

_STACK = frozenset((NO_OBJECT, "frame"))
_LOST = 0.2  # of the bytes

_ARRAYS = "numpy."
_STREAM = "_io.BytesIO"
_HIDES_BYTES = sys.version_info < (3, 12)

_MOST_ROWS = 20  # as machines read it; the others are one more


@internal
@dataclass(frozen=True, slots=True)
class TypeRow:
    """One type between suspicion and verdict: objects allocated and freed (intervals where not `exact`), bytes.

    `samples` is 0 where a walk has counted. Else count and bytes are estimated from so many samples, and what was freed
    is not known.
    """

    what: str
    allocated: Count
    freed: Count
    size_bytes: int
    exact: bool
    kind: Kind = "objects"
    samples: int = 0

    @property
    def count(self) -> int:
        """How many objects, or blocks, more there are."""
        return least(self.allocated) - least(self.freed)


@internal
@dataclass(frozen=True, slots=True)
class Account:
    """What a growth of `grew` bytes consists of, as far as it is known.

    `walked` says that a walk has met every object that Python reaches, `sampled` that allocations were sampled. Shares
    are of `total`: the growth, and what took the room of that which shrank. `typed` are the sampled bytes that are
    known to be Python objects, in a row or not.
    """

    grew: int = 0
    rows: tuple[TypeRow, ...] = ()
    walked: bool = False
    sampled: bool = False
    typed: int = 0

    @property
    def grown(self) -> tuple[TypeRow, ...]:
        """The rows with more bytes than before, largest first."""
        return tuple(sorted((row for row in self.rows if row.size_bytes > 0), key=lambda row: -row.size_bytes))

    @property
    def known(self) -> int:
        """The bytes of the rows that grew."""
        return sum(row.size_bytes for row in self.rows if row.size_bytes > 0)

    @property
    def shrunk(self) -> int:
        """The bytes by which the other rows shrank."""
        return -sum(row.size_bytes for row in self.rows if row.size_bytes < 0)

    @property
    def shrunk_types(self) -> int:
        """How many rows shrank."""
        return sum(row.size_bytes < 0 for row in self.rows)

    @property
    def total(self) -> int:
        """The bytes that are 100 %."""
        return max(self.grew + self.shrunk, self.known, 1)

    @property
    def rest(self) -> int:
        """The bytes that are not explained."""
        return max(0, self.grew + self.shrunk - self.known)

    @property
    def explained(self) -> float | None:
        """The share of all rows together; None where nobody looked."""
        return self.known / self.total if self.walked or self.sampled else None

    @property
    def uncounted(self) -> int:
        """The bytes of the growth that no walk has counted."""
        return max(0, self.grew - sum(row.size_bytes for row in self.rows if not row.samples))

    def shown(self, kind: Kind) -> int:
        """The bytes of one kind."""
        return sum(row.size_bytes for row in self.rows if row.kind == kind and row.size_bytes > 0)

    def to_list(self) -> list[dict[str, Any]]:
        """The rows as machines read them, their shares adding up to 1; the last one is what is not explained."""
        grown = self.grown
        rows = [self._to_dict(row) for row in grown[:_MOST_ROWS]]
        others = sum(row.size_bytes for row in grown[_MOST_ROWS:])
        if others:
            rows.append(self._to_dict(_unnamed(f"{len(grown) - _MOST_ROWS} others", others)))
        return [*rows, self._to_dict(_unnamed(NOT_EXPLAINED, self.rest))]

    def _to_dict(self, row: TypeRow) -> dict[str, Any]:
        return {
            "what": row.what,
            "kind": row.kind,
            "count": row.count,
            "allocated": count_to_json(row.allocated),
            "freed": None if row.samples else count_to_json(row.freed),
            "exact": row.exact,
            "size_bytes": row.size_bytes,
            "share": row.size_bytes / self.total,
            "samples": row.samples,
        }


def _unnamed(what: str, size: int) -> TypeRow:
    return TypeRow(what, 0, 0, size, False, "unknown")


def make_account(
    grew: int, diff: Diff | None, lines: Lines, deep: bool = True, holdings: Sequence[Holding] = ()
) -> Account:
    """The account of *grew* bytes: *diff* is what a walk counted, a *deep* one or of tracked objects alone.

    Where there was none, what a search met below *holdings* is known to be objects. What the meters count too much for
    small objects, where they cannot read the sizes, is taken off.
    """
    counted = [TypeRow(row.what, row.allocated, row.freed, row.size_bytes, row.exact) for row in _rows(diff)]
    met = {row.what for row in counted}
    if diff is None:
        counted = [TypeRow(name_type(it), it.targets, 0, it.retained_bytes, False) for it in holdings]
        met = {PYTHON_RAW, *(label for it in holdings for label in it.type_counts)} if holdings else set()
    grew -= sum(counted_bytes(row.size_bytes, row.count) - row.size_bytes for row in counted if row.size_bytes > 0)
    walked = diff is not None and deep
    uncounted = Account(grew, tuple(counted)).uncounted
    rows = _sampled(_without_buffers(loose_sites(diff, lines, walked, uncounted), diff, lines), walked, holdings)
    loose = [row for row in rows if walked or row.what not in met]
    typed = round(sum(it.size_bytes for it in lines.objects))
    return Account(grew, (*counted, *loose), walked, lines.sampled, typed)


def loose_sites(diff: Diff | None, lines: Lines, walked: bool, uncounted: int) -> tuple[Site, ...]:
    """What *lines* knows of and no walk has met, by line and type; after a walk only where that is known of each, and
    of raw memory no more than the *uncounted* bytes of the growth."""
    if walked and not lines.tells_met:
        return ()
    sites = _without_streams(lines.loose(sum(row.size_bytes for row in _rows(diff) if row.size_bytes > 0)), diff)
    return _no_more_than(uncounted, sites) if walked else sites


def _no_more_than(uncounted: int, sites: Sequence[Site]) -> tuple[Site, ...]:
    """*sites*, their raw memory in Python's blocks scaled to what of the *uncounted* bytes the others leave: a table of
    an old dict that took the place of another is new, and no growth."""
    raw = sum(site.size_bytes for site in sites if _is_raw(site))
    left = max(0.0, uncounted - sum(site.size_bytes for site in sites if not _is_raw(site)))
    if raw <= left:
        return tuple(sites)
    scaled = (scaled_to(site, left / raw) if _is_raw(site) else site for site in sites)
    return tuple(site for site in scaled if site.size_bytes > 0)


def _is_raw(site: Site) -> bool:
    return site.label == NO_OBJECT and not site.native


def _without_streams(sites: Sequence[Site], diff: Diff | None) -> tuple[Site, ...]:
    """*sites* without the bytes that the size of streams has counted: before 3.12 a BytesIO does not show its own."""
    left = sum(row.size_bytes for row in _rows(diff) if row.what == _STREAM) if _HIDES_BYTES else 0
    found = []
    for site in sites:
        is_counted = site.label == "bytes" and not site.native and site.size_bytes <= ALIKE * left
        left -= round(site.size_bytes) if is_counted else 0
        found += [] if is_counted else [site]
    return tuple(found)


def _without_buffers(sites: Sequence[Site], diff: Diff | None, lines: Lines) -> list[Site]:
    """*sites* without the native buffers that the sizes of arrays have counted already.

    Some versions of numpy take buffers from malloc, others from Python's allocators: those are subtracted first.
    """
    arrays = sum(max(0, row.size_bytes) for row in _rows(diff) if row.what.startswith(_ARRAYS))
    native = sum(site.size_bytes for site in sites if site.native)
    part = 1 - max(0.0, arrays - lines.block_bytes) / max(native, 1)
    scaled = (scaled_to(it, part) if it.native else it for it in sites)
    return [site for site in scaled if site.size_bytes > 0]


def kind_of(site: Site, walked: bool, holdings: Sequence[Holding] = (), lost: bool = True) -> Kind:
    """Which kind of memory *site* has allocated. *walked* says whether a walk was made, *holdings* who holds what.

    Raw memory in Python's blocks belongs to objects that are *lost*, if there are any; else C code has taken it.
    """
    if site.native:
        return "native"
    if site.in_code:
        return "objects"
    if walked:
        is_part = lost or site.label != NO_OBJECT
        return "objects" if any(is_stack(site, it) for it in holdings) else "untracked" if is_part else "native"
    return "unknown" if site.label == NO_OBJECT else "objects"


def has_lost(sites: Iterable[Site]) -> bool:
    """Whether enough of what no walk has met in Python's blocks are objects: buffers alone are no lost objects."""
    met = [site for site in sites if not site.native and not site.in_code]
    typed = sum(site.size_bytes for site in met if site.label != NO_OBJECT)
    return 0 < typed >= _LOST * sum(site.size_bytes for site in met)


def is_stack(site: Site, holding: Holding) -> bool:
    """Whether *site* made the stacks and frames of suspended greenlets, whose variables are the root of *holding*."""
    if holding.path.root.kind is not RootKind.GREENLET or site.native or site.label not in _STACK:
        return False
    return is_alike(site.count, holding.targets)


def _rows(diff: Diff | None) -> Iterable[Any]:
    return diff.change.details if diff is not None else ()


def _sampled(sites: Sequence[Site], walked: bool, holdings: Sequence[Holding]) -> list[TypeRow]:
    by_row: dict[tuple[str, Kind], list[Site]] = {}
    lost = has_lost(sites)
    for site in sites:
        kind = kind_of(site, walked, holdings, lost)
        what = PYTHON_RAW if _is_raw(site) else site.label
        by_row.setdefault((what, kind), []).append(site)
    return [_row(what, kind, same) for (what, kind), same in by_row.items() if any(it.is_sure for it in same)]


def _row(what: str, kind: Kind, sites: list[Site]) -> TypeRow:
    size = round(sum(it.size_bytes for it in sites))
    return TypeRow(what, count_of(sites), 0, size, False, kind, sum(it.samples for it in sites))
