"""Which growth is no leak? By what the walks found: containers that fill up to a bound of their own, and imports.

A walk shows what is new in a container, and not what went: a cache that is full, or that drops its oldest items after a
while, has new items all the time and does not grow. So only as many of them count as there are more objects of their
type than before, after all that came into containers without a bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..backend.allocations.live import Sampled
from ..backend.meters.meters import counted_bytes
from ..heap import Diff, Totals
from ..internal import internal
from ..retain import Holding, find_unseen
from .implied_bounds import with_bounds
from .lines import Lines
from .sqlite_pages import SqlitePages
from .verdict import HALF

_MOST = 0.8  # of what grew below any holder: what an excuse must explain, or all else may be a leak
_MOST_OF_ALL = 0.65  # of the meters' growth, which an object counts for more in than its size: its values, its key
_ROOM = 0.5  # of the memory that is left: a bound beyond that is none
_FEWER = 0.2  # of the items of a container, at least, have come since the suspicion
_MEMBERS = 1.2  # times the items of bounded holders: so many entries may a weak container have for them
_REPLACED = 0.1  # of the items of a full container: if so many more of its type are there, it does not explain them
_BUFFERS = frozenset(("bytearray", "_io.BytesIO", "_io.StringIO"))  # an array is appended to, and not used again
_SEVERAL = 10  # of them
_BRIEF = 5.0  # seconds, in which too little time passes beside the looks
_CODE = frozenset(("module", "type", "function", "code", "abc.ABCMeta", "enum.EnumType", "enum.EnumMeta"))
_OWN_FILE = 2  # times the imported files: so many modules may come, as some packages have none
_DATA = 0.3  # of what is below a module: so many instances of one class are not its code


def bytes_of(holding: Holding) -> int:
    """What a holding's new objects account for in the meters."""
    return counted_bytes(holding.retained_bytes, holding.retained_items)


def will_be_full(held: Holding, grew: int, room: int, waits: int) -> str | None:
    """Says in words that *held* is bounded and will be full in time; None if it is not so.

    In time is before half of *room*, in bytes, is gone: *grew* bytes came with its new items, which is more than a walk
    has met. And it is within *waits* more waits, each as long as all the time before it.
    """
    items = _new_items(held)
    if held.bound is None or held.used is None or not items or held.used >= held.bound:
        return None
    if held.used << waits < held.bound:
        return None
    if grew / items * (held.bound - held.used) > _ROOM * max(0, room):
        return None
    return f"a bounded {held.holder_type} fills, with what its items keep: {held.used:,} of at most {held.bound:,}"


@internal
class BenignGrowth:
    """Explains the *grew* bytes since a suspicion: each method by one cause, in words, or None. They took *seconds*.

    *diff* says how many objects of each type came and went, of tracked objects alone unless *deep*. *before* says how
    many of each there were.
    """

    def __init__(
        self,
        holdings: Sequence[Holding],
        diff: Diff | None,
        deep: bool,
        grew: int,
        seconds: float,
        before: Totals | None = None,
    ) -> None:
        net = {row.what: row.net for row in diff.change.details} if diff is not None else {}
        self._holdings = with_bounds(_whole(holdings, diff), net, before or {}, seconds)
        self._grown = diff.grown if diff is not None else ()
        self._rows = diff.change.details if diff is not None else ()
        self._in_place = {found.address: found.after_bytes - found.before_bytes for found in self._grown}
        self._net = net
        self.pages = SqlitePages(net if diff is not None else None, before or {}, grew)
        self._diff, self._before = diff, before or {}
        self._counted_all = diff is not None and deep
        self._grew, self._seconds = grew, seconds

    def filling(self, room: int) -> str | None:
        """Bounded containers that fill, and will be full before half of *room*, also bytes, is gone.

        The keys and references of a weak container are its members', which others keep, as long as there are no more of
        them than the bounded holders have items.
        """
        bounded = [held for held in self._holdings if held.bounded_bytes and not held.pins]
        came = {id(held): self._fuller(held) * _bounded_bytes(held) for held in bounded}
        members = _MEMBERS * sum(held.targets for held in bounded)
        weak = [held for held in self._holdings if held.weak and held.targets <= members]
        explained = sum(came.values()) + sum(map(bytes_of, weak))
        accused = sum(self._growing(held) for held in self._holdings if held not in weak)
        tables = sum(self._in_place.get(held.holder_address, 0) for held in (*bounded, *weak))
        if not any(came.values()) or explained <= _MOST * (explained + accused):
            return None
        if explained + tables <= _MOST_OF_ALL * self._grew:
            return None
        if sum(self._still_to_come(held) for held in bounded if came[id(held)]) > _ROOM * max(0, room):
            return None
        top = max(bounded, key=lambda held: came[id(held)])
        many = top.targets > 2 * (top.holder_items or top.targets)
        name = top.holder_type if top.rows is None else top.frontier_type
        what = f"bounded containers fill, such as a {name}" if many else f"a bounded {name} fills"
        return f"{what}: {top.used:,} of at most {top.bound:,}"

    def unseen(self, lines: Lines, room: int, waits: int) -> str | None:
        """The same where no walk meets the items, of about as many objects as have come since: *waits* as above."""
        loose = Counter[str]()
        for site in lines.loose():
            loose[site.label] += round(site.count)
        if not loose or sum(site.size_bytes for site in lines.loose()) <= _MOST_OF_ALL * self._grew:
            return None
        came = max(loose.values())
        for it in find_unseen():
            is_filling = it.used < it.limit <= it.used << waits and _FEWER * it.used <= came <= _MEMBERS * it.used
            if is_filling and self._grew / came * (it.limit - it.used) <= _ROOM * max(0, room):
                return f"a bounded {it.what} fills, whose items no walk meets: {it.used:,} of at most {it.limit:,}"
        return None

    def imports(self, modules: int) -> str | None:
        """The code of *modules* new modules, and classes made meanwhile; of many modules only the largest are known.

        Modules that come without a file of their own are made by the program, and are no imports. Nor is code that
        hangs elsewhere, as functions in a list: most of it lies below modules.
        """
        code = [held for held in self._holdings if _is_code(held)]
        if sum(held.type_counts.get("module", 0) for held in code) > _OWN_FILE * modules:
            return None
        loaded = sum(map(bytes_of, code))
        if sum(bytes_of(held) for held in code if held.type_counts.get("module")) < HALF * loaded:
            return None
        accused = sum(self._growing(held) for held in self._holdings if held not in code)
        if modules <= 0 or loaded <= HALF * self._grew or loaded <= _MOST * (loaded + accused):
            return None
        return f"{modules:,} new module{'s' * (modules != 1)}, and what they define"

    def turnover(self) -> str | None:
        """Items of a full container that come and go, maybe with more and more native memory.

        How many were replaced is not known: most new ones are where old ones were.
        """
        for held in self._holdings:
            grown = (self._came(held) or 0) > _REPLACED * (held.holder_items or 0)
            if held.is_bounded and held.used == held.bound and "." in held.frontier_type and not grown:
                return f"items of a full {held.holder_type} were replaced, maybe by larger ones"
        return None

    def widening(self) -> str | None:
        """Buffers that are used again and again, and grow to the largest thing that each has had to hold."""
        for row in self._rows:
            sizes = [it.after_bytes - it.before_bytes for it in self._grown if it.what == row.what]
            is_much = row.grown_bytes > HALF * self._grew and max(sizes, default=0) <= HALF * row.grown_bytes
            if row.what in _BUFFERS and is_much and row.grown >= _SEVERAL and abs(row.net) <= _REPLACED * row.grown:
                return f"{row.grown} objects of type {row.what} grew in place, as reused buffers do"
        return None

    def passing(self, lines: Lines) -> str | None:
        """Objects of which none is old, though there are more and more: what comes more and more often, and goes again.

        As requests under way while there are more of them every minute. What a leak keeps is as old as the growth. In a
        few seconds, as between collections that the program forces, the looks take much of the time: all may be young.
        """
        if self._seconds < _BRIEF:
            return None
        rows = [row for row in self._rows if row.net >= _SEVERAL and row.size_bytes > 0]
        young = [row for row in rows if lines.is_young(row.what, 0, HALF)]
        size = sum(row.size_bytes for row in young)
        if size < _MOST * sum(row.size_bytes for row in rows) or size < HALF * self._grew:
            return None
        what = max(young, key=lambda row: row.size_bytes).what
        return f"all the new objects of type {what} are young: they come and go, and there are more and more"

    def replaced(self, survivors: Sequence[Sampled], longer: bool | None) -> str | None:
        """Objects of lines of which nothing lives longer than before, though the growth goes on.

        *survivors* is what lives of all that these lines have ever made, and *longer* whether that becomes older, if it
        is known. There have to be more objects than before: one that is made anew again and again is always young. So
        are the tables that objects keep beside themselves.
        """
        made = [it for it in survivors if it.label and not it.native]
        if longer is not False or len(made) < _SEVERAL or _size_of(made) <= _MOST * _size_of(survivors):
            return None
        what, _ = Counter(it.label for it in made).most_common(1)[0]
        top = max(self._holdings, key=bytes_of, default=None)
        if all(self._net.get(it, 0) < _SEVERAL for it in (what, *(top.type_counts if top else ()))):
            return None
        return f"what has come of type {what} before has gone: it comes and goes, and there is more and more"

    def _came(self, held: Holding) -> int | None:
        """How many more objects of its topmost type there are; None if nobody counted them."""
        return self._net.get(held.frontier_type, 0 if self._counted_all else None)

    def _fuller(self, held: Holding) -> float:
        """The part of a bounded holding's new objects that made it fuller, the mean of what the types of its items say.

        A program has other objects of types as common as tuple, which go meanwhile. Where nothing was counted, all did:
        a container that is full now may have become so just before, and explains less and less of growth that goes on.
        """
        if self._came(held) is None or not held.type_counts:  # it grew in place
            return float(held.used is not None and held.bound is not None and held.used <= held.bound)
        if held.rows is not None or sum(held.type_counts.values()) == 1:
            return self._longer_part(held)
        items = _new_items(held)
        named = {it for it, n in held.type_counts.items() if n >= HALF * items}
        if not _is_anew(held):
            named.add(held.frontier_type)
        return sum(map(self._kept_part, named)) / len(named)

    def _still_to_come(self, held: Holding) -> float:
        """Bytes until the containers are full, if their items stay as large as the new ones are."""
        items = _new_items(held)
        if held.bound is None or not held.used:
            return 0.0
        now = held.bounded_bytes * max(held.holder_items or 0, items) / items if items else self._whole_bytes(held)
        return now * max(0, held.bound - held.used) / held.used

    def _whole_bytes(self, held: Holding) -> float:
        """What all buffers that grew in place have by now, if they are as the one that is known."""
        found = next((it for it in self._grown if it.address == held.holder_address), None)
        if found is None:
            return held.bounded_bytes
        return held.bounded_bytes * found.after_bytes / max(found.after_bytes - found.before_bytes, 1)

    def _longer_part(self, held: Holding) -> float:
        """The part of one new object's bytes by which there is more of its types: it may stand for a smaller one."""
        alike = [it for it in self._holdings if it.frontier_type == held.frontier_type and not it.bounded_bytes]
        longer = sum(row.size_bytes for row in self._rows if row.what in held.type_counts)
        return min(1.0, max(0, longer - sum(it.retained_bytes for it in alike)) / max(held.retained_bytes, 1))

    def _kept_part(self, label: str) -> float:
        """The part of the new objects of a type in bounded holdings that more of them account for."""
        counts = [(it.type_counts.get(label, 0), it.bounded_bytes > 0) for it in self._holdings]
        free = sum(count for count, is_bounded in counts if not is_bounded)
        within = sum(count for count, is_bounded in counts if is_bounded)
        return min(1.0, max(0, self._net.get(label, 0) - free) / max(within, 1))

    def _growing(self, held: Holding) -> float:
        """Bytes by which what has no bound may have grown: by no more objects than came and stayed."""
        came, count = self._came(held), held.type_counts.get(held.frontier_type, 0)
        part = 1.0 if came is None or not count else min(1.0, max(0, came) / count)
        return part * (bytes_of(held) - _bounded_bytes(held))


def _size_of(samples: Iterable[Sampled]) -> float:
    return sum(it.size_bytes for it in samples)


def _whole(holdings: Sequence[Holding], diff: Diff | None) -> Sequence[Holding]:
    """The holdings with those of their objects that lie where others lay before, which a walk takes for old.

    Where most of the objects of a type that came are seen in holdings, the rest is taken to be where they are; where
    few are, below holders to which as many items came.
    """
    missed = [(0.0, 0.0)] * len(holdings)
    for row in diff.change.details if diff is not None else ():
        counts = [held.type_counts.get(row.what, 0) for held in holdings]
        unseen = row.net - sum(counts)
        if sum(counts) < HALF * row.net:
            counts = [
                count if row.net <= _MEMBERS * held.targets else 0 for held, count in zip(holdings, counts, strict=True)
            ]
        seen = sum(counts)
        if unseen > 0 < seen and row.size_bytes > 0:
            part, size = unseen / seen, row.size_bytes / row.net
            missed = [(n + part * count, b + part * count * size) for (n, b), count in zip(missed, counts, strict=True)]
    return [_larger(held, *more) for held, more in zip(holdings, missed, strict=True)]


def _larger(held: Holding, items: float, size: float) -> Holding:
    retained = held.retained_bytes + round(size)
    bounded = round(held.bounded_bytes * retained / max(held.retained_bytes, 1))
    return replace(
        held, retained_items=held.retained_items + round(items), retained_bytes=retained, bounded_bytes=bounded
    )


def _bounded_bytes(held: Holding) -> float:
    return bytes_of(held) * held.bounded_bytes / max(held.retained_bytes, 1)


def _is_anew(held: Holding) -> bool:
    """Whether the holder itself is new, as a list that was put in place of an older one."""
    return held.target_address == held.holder_address != 0


def _new_items(held: Holding) -> int:
    """How many items are new in the holder: as many as there are of the commonest type, where it is new itself."""
    return max(held.type_counts.values(), default=0) if _is_anew(held) else held.targets


def _is_code(held: Holding) -> bool:
    if held.frontier_type not in _CODE:
        return False
    return not any("." in name and n > _DATA * held.retained_items for name, n in held.type_counts.items())
