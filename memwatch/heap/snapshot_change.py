"""What came between two heap snapshots of one process, and who holds it."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..backend.graph.contract import NONE
from ..checks import check_whole
from ..formats.heapsnapshot.snapshot import HeapSnapshot
from ..internal import internal
from ..tables import aligned, shorten_start
from ..units import format_bytes
from .analysis import GROUP, dominators_in, holder_of_most, retained_by_class, strong, way_to, wide_nodes
from .dominators_table import PathStep, placed


@internal
@dataclass(frozen=True, slots=True)
class ClassChange:
    """The objects of one class that came and went, by their numbers, and the bytes by which those that stayed grew.

    `retained_bytes` would be freed with all that came. `holder` is what was there before and holds most of them, and
    `path` a shortest way to it.
    """

    what: str
    came: int
    went: int
    size_bytes: int
    grown_bytes: int
    retained_bytes: int
    holder: str = ""
    path: tuple[PathStep, ...] = ()


@internal
@dataclass(frozen=True, slots=True)
class SnapshotChange:
    """A row for each class that changed, what retains most of what came first."""

    before_bytes: int
    after_bytes: int
    rows: tuple[ClassChange, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)

    def table(self, top: int = 20) -> str:
        """A line for each of the first *top* rows, and below it who holds what came."""
        check_whole("top", top, 0)
        lines: list[tuple[str, ...]] = [("class", "came", "went", "size", "grown", "retained", "held by")]
        for row in self.rows[:top]:
            sizes = [format_bytes(it, signed=True) for it in (row.size_bytes, row.grown_bytes, row.retained_bytes)]
            held = placed(row.holder, row.path)
            lines.append((shorten_start(row.what), f"+{row.came:,}", f"-{row.went:,}", *sizes, held))
        whole = format_bytes(self.after_bytes - self.before_bytes, signed=True)
        return "\n".join([*aligned(lines, left=(0, 6)), f"the heap: {format_bytes(self.before_bytes)}, {whole}"])

    def __str__(self) -> str:
        return self.table()


def compare(before: HeapSnapshot, after: HeapSnapshot) -> SnapshotChange:
    """What came until *after*, what went and what grew, by class; both are of one process.

    An object is known by its number and its class.
    """
    known = _by_number(before)
    classes, places = after.class_places()
    is_new = bytearray(len(after))
    counts: dict[str, list[int]] = {}
    for node in range(len(after)):
        what = classes[places[node]]
        if what == GROUP:
            continue
        entry = counts.setdefault(what, [0, 0, 0, 0])
        size = known.pop((after.ids[node], what), None)
        if size is None:
            is_new[node] = 1
            entry[0] += 1
            entry[2] += after.sizes[node]
        else:
            entry[3] += after.sizes[node] - size
    for (_, what), size in known.items():
        entry = counts.setdefault(what, [0, 0, 0, 0])
        entry[1] += 1
        entry[2] -= size
    retained = retained_by_class(after, classes, places, is_new)
    holders = _holders(after, classes, places, is_new)
    rows = list(_rows(after, classes, counts, retained, holders))
    rows.sort(key=lambda row: -(row.retained_bytes + max(0, row.grown_bytes)))
    return SnapshotChange(before.total_bytes, after.total_bytes, tuple(rows))


def _by_number(snapshot: HeapSnapshot) -> dict[tuple[int, str], int]:
    classes, places = snapshot.class_places()
    names = map(classes.__getitem__, places)
    rows = zip(snapshot.ids, names, snapshot.sizes, strict=True)
    return {(number, what): size for number, what, size in rows if what != GROUP}


def _rows(
    after: HeapSnapshot,
    classes: list[str],
    counts: dict[str, list[int]],
    retained: dict[str, int],
    holders: dict[int, int],
) -> Iterator[ClassChange]:
    place_of = {what: place for place, what in enumerate(classes)}
    ways: dict[int, tuple[PathStep, ...]] = {}
    for what, (came, went, size, grown) in counts.items():
        if not (came or went or grown):
            continue
        holder = holders.get(place_of.get(what, -1))
        if holder is not None and holder not in ways:
            ways[holder] = way_to(after, holder)
        name = after.name_of(holder) if holder is not None else ""
        path = ways[holder] if holder is not None else ()
        yield ClassChange(what, came, went, size, grown, retained.get(what, 0), name, path)


def _holders(snapshot: HeapSnapshot, classes: list[str], places: array[int], is_new: bytearray) -> dict[int, int]:
    """By class the node that was there before and dominates most of the new objects; where that is a group of roots,
    the one that refers to most of all that came, if most of the class hang there."""
    above = dominators_in(snapshot)
    tops = _tops(above, is_new)
    counted: dict[int, Counter[int]] = {}
    for node, top in enumerate(tops):
        if top == NONE:
            continue
        counted.setdefault(places[node], Counter())[above[top] if above[top] != NONE else top] += 1
    wide = wide_nodes(snapshot)
    best = {place: holder_of_most(wide, above, holders) for place, holders in counted.items()}
    is_group = [classes[place] == GROUP for place in places]
    if not any(is_group[holder] for holder in best.values()):
        return best
    referrer, referred = _referrer(snapshot, is_new, is_group)
    below = Counter(places[node] for node, top in enumerate(tops) if top in referred)
    is_better = {place: is_group[best[place]] and 2 * below[place] >= counted[place].total() for place in best}
    return {place: referrer if is_better[place] else holder for place, holder in best.items()}


def _tops(above: Sequence[int], is_new: bytearray) -> array[int]:
    """For each new object the topmost new one that dominates it, or itself."""
    tops = array("I", [NONE]) * len(above)
    for node in range(len(above)):
        if not is_new[node]:
            continue
        passed, top = [node], node
        while tops[top] == NONE and above[top] != NONE and is_new[above[top]]:
            top = above[top]
            passed.append(top)
        top = top if tops[top] == NONE else tops[top]
        for it in passed:
            tops[it] = top
    return tops


def _referrer(snapshot: HeapSnapshot, is_new: bytearray, is_group: Sequence[bool]) -> tuple[int, set[int]]:
    """The object that was there before and refers to most of what came, with these: where several hold the new ones,
    as a thread and a list of threads do, no object dominates them."""
    starts, targets, _ = strong(snapshot)
    best, most = 0, 0
    for node in range(len(snapshot)):
        if not is_new[node] and not is_group[node]:
            found = sum(map(is_new.__getitem__, targets[starts[node] : starts[node + 1]]))
            best, most = (node, found) if found > most else (best, most)
    return best, {it for it in targets[starts[best] : starts[best + 1]] if is_new[it]}
