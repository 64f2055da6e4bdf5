"""The objects that the collector tracks, without a tuple that another thread is just making.

`tuple(iterator)` fills a tuple that the collector tracks already, and fails with a SystemError if anyone else holds it
when it is to be cut to its length. So whoever keeps the list of `gc.get_objects()` while other threads run breaks
them. A tuple that is being made has one owner, the C code that makes it; one that has more is complete and can be held.
Of all others no more than address and size is taken, in instructions between which the interpreter switches to no
other thread and runs no collection: they call nothing and jump nowhere, and make no object that is tracked.
"""

from __future__ import annotations

import gc
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, compress, count, cycle, repeat
from operator import getitem, is_, le, setitem
from sys import getrefcount, getsizeof

from ...internal import internal
from ...kinds import Kinds
from .. import FREE_THREADED
from ..holds import Hold
from ..stopped import extension, has_other_threads
from .contract import Cancelled
from .referents import shown_by

_PARTS = Kinds(map, chain, compress, count, cycle, repeat, list, tuple, type(iter([])), type(iter(())))

Fetch = Callable[[None], list[object]]

_take: Callable[[], tuple[list[object], list[int], list[int]]] | None = getattr(extension(), "tracked", None)


@internal
@dataclass(frozen=True, slots=True)
class Tracked:
    """`objects` are held; a None stands in the place of each tuple that has one owner only. Of those (most are
    complete, and can be reached from their owner) there are the addresses and the sizes in bytes. `own` holds the
    addresses of what the listing itself needed. To be cleared in the end: some of that refers to the list.
    """

    objects: list[object]
    lone_addresses: list[int]
    lone_sizes: list[int]
    own: set[int]

    def others(self) -> list[object]:
        """The objects that the listing itself did not need."""
        own = self.own
        return [it for it in self.objects if it is not None and id(it) not in own]

    def clear(self) -> None:
        """Let go of every object."""
        self.objects.clear()
        self.lone_addresses.clear()
        self.lone_sizes.clear()


def list_tracked() -> Tracked:
    """Every tracked object of this moment.

    On free-threaded Python the C extension takes them while all threads stand still. Without it `Cancelled` is raised
    there while other threads run: nothing keeps them from making a tuple meanwhile.
    """
    if FREE_THREADED and _take is None and has_other_threads():
        raise Cancelled(
            "on free-threaded Python the heap is not walked beside other threads without the C extension: "
            "it would break them"
        )
    with Hold():
        if not FREE_THREADED or _take is None:
            return _fetch(gc.get_objects, _LONE)[0]
        objects, addresses, sizes = _take()
        return Tracked(objects, addresses, sizes, set())


def _fetch(get_objects: Fetch, lone: int) -> tuple[Tracked, list[int]]:
    """What *get_objects* returns, without the tuples of which `getrefcount` says *lone* or less; and the counts."""
    held: list[list[object]] = [[]]
    places: list[int] = []
    owners: list[int] = []
    lone_places: list[int] = []
    addresses: list[int] = []
    sizes: list[int] = []
    done: list[None] = []
    # Nothing of this runs before it is asked for, and an iterator over a list sees what was put into it meanwhile.
    source = map(get_objects, (None,))
    find_tuples = compress(count(), map(is_, map(type, chain.from_iterable(held)), repeat(tuple)))
    count_owners = map(getrefcount, map(getitem, cycle(held), places))
    find_lone = compress(places, map(le, owners, repeat(lone)))
    tell_addresses = map(id, map(getitem, cycle(held), lone_places))
    tell_sizes = map(getsizeof, map(getitem, cycle(held), lone_places))
    let_go = map(setitem, cycle(held), lone_places, repeat(None))
    own = _parts(
        source, find_tuples, count_owners, find_lone, tell_addresses, tell_sizes, let_go, addresses, sizes, done
    )
    own.add(id(own))
    # From here to the last of these lines no call stands in the code, and no loop.
    (held[0],) = source
    places += find_tuples
    owners += count_owners
    lone_places += find_lone
    addresses += tell_addresses
    sizes += tell_sizes
    done += let_go
    return Tracked(held[0], addresses, sizes, own), owners


def _parts(*iterators: object) -> set[int]:
    """The addresses of *iterators*, and of the iterators, lists and tuples that they are made of."""
    found: dict[int, object] = {}
    waiting = list(iterators)
    while waiting:
        part = waiting.pop()
        if type(part) in _PARTS and id(part) not in found:
            found[id(part)] = part
            waiting.extend(shown_by(part))
    return set(found)


def _count_of_lone_tuple() -> int:
    """What `getrefcount` says inside `_fetch` of a tuple that the list of *get_objects* and one owner hold."""
    owner = [tuple(array("b", [1, 2]))]
    return _fetch(lambda _: list(owner), 0)[1][0]


_LONE = _count_of_lone_tuple()
