"""Who holds what was sampled, among the members of large containers? For heaps that may not be walked at once.

`near` looks into the first and the last members alone. This looks into all members of the large containers near to the
program's own modules, some hundred at a time, and compares what lies a few references below them with the samples. A
piece takes about a millisecond and holds the interpreter for single calls into C. Between two pieces other threads run
for several times as long, and may fork. Only what was found is kept.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Container, Iterator, Mapping
from itertools import islice
from types import FunctionType, ModuleType
from typing import Any

from ..backend.census.referents import referents_of
from ..backend.forks import begin_walk, end_walk, nap, rest
from ..backend.quiet import get_ident
from ..backend.type_labels import flags_of, type_label
from ..clock import Clock
from ..internal import internal
from ..kinds import Kinds
from .object_labels import length
from .references import OWN, contents, distance, is_tracked, root_modules
from .steps import Root, RootKind

LARGE = 512
"""Members, from which on not all of them are looked into by near.py."""

LATEST = 24
"""Objects of a place that are kept, to be weighed."""

_PIECE = 250
_DEEP = 3
_WIDE = 16  # references of what is looked into, on average, on each level
_RESTS = 4  # times as long as a piece took
_NEAR = 5  # references from a module to a large container
_MOST_NEAR = 20_000  # objects
_RESTARTS = 100  # of a dict that changes while it is passed through
_HEAP_TYPE = 1 << 9
_PASSED = Kinds(list, dict, set, deque)  # no code of the program runs where these are passed through

Objects = Mapping[int, tuple[str, float]]
"""By address the type label, and how many objects a sample stands for."""

_Way = tuple[int, tuple[type, ...]]
"""The container, and the types from its member down to what was sampled."""


@internal
class Found:
    """What was sampled at similar places: by type label the number of samples and of the objects that they stand for,
    the way to the latest, and some of the latest."""

    __slots__ = ("chain", "counts", "latest", "root", "samples")

    def __init__(self, root: Root) -> None:
        self.root, self.chain, self.latest = root, list[Any](), deque[Any](maxlen=LATEST)
        self.samples, self.counts = Counter[str](), dict[str, float]()

    def add(self, chain: list[Any], sampled: tuple[str, float]) -> None:
        """One more sample, and the way to it, or to what it is a part of."""
        label, count = sampled
        self.chain[:] = chain
        self.latest.append(chain[-1])
        self.samples[label] += 1
        self.counts[label] = self.counts.get(label, 0.0) + count


@internal
class Members:
    """One search for *objects*, by address, in containers that are not *known* to hold any themselves; `found` is by
    the ways there. `release` lets go of all that it holds."""

    def __init__(self, objects: Objects, is_over: Callable[[], bool], known: Container[int] = ()) -> None:
        self.found: dict[_Way, Found] = {}
        self.thread, self.rests = get_ident(), False
        self._objects, self._is_over, self._known = objects, is_over, known
        self._labels = frozenset(label for label, _ in objects.values())
        self._large: list[tuple[Root, list[Any]]] = []
        self._items: list[Any] = []
        self._left: list[Iterator[Any]] = []  # of a container that is no list
        begin_walk(self)

    def release(self) -> None:
        """Let go of every object, also in a forked child."""
        end_walk(self)
        for held in (self._large, self._items, self._left):
            held.clear()
        for one in self.found.values():
            one.chain.clear()
            one.latest.clear()

    def run(self) -> None:
        """Pass through the large containers, the largest first."""
        self._large += sorted(_large_containers(self._known), key=lambda it: length(it[1][-1]) or 0)
        while self._large and not self._is_over():
            self._pass()
            self._large.pop()

    def _pass(self) -> None:
        done = restarts = 0
        while restarts <= _RESTARTS and not self._is_over():
            rest(self)
            begun = Clock.thread_time()
            if not self._take(done):
                restarts += 1
                continue
            if not self._items:
                break
            done += len(self._items)
            if _has_any(self._items, self._objects):
                self._note()
            self._items.clear()
            nap(_RESTS * (Clock.thread_time() - begun))
        self._left.clear()

    def _take(self, done: int) -> bool:
        """Read the next piece into `_items`; False if the container has changed, so that what is *done* has moved."""
        holder = self._large[-1][1][-1]
        if type(holder) is list:
            self._items += holder[done : done + _PIECE]
            return True
        if not self._left:
            self._left.append(islice(holder.values() if type(holder) is dict else holder, done, None))
        try:
            self._items += islice(self._left[0], _PIECE)
        except RuntimeError:
            self._left.clear()
            self._items.clear()
            return False
        return True

    def _note(self) -> None:
        """Enter what of the piece leads to something that was sampled, and how."""
        root, above = self._large[-1]
        for item in self._items:
            for way in _ways_to(item, self._objects):
                sampled = self._objects[id(way[-1])]
                way = way[:-1] if self._is_part(way, sampled[0]) else way
                one = self.found.setdefault((id(above[-1]), tuple(map(type, way))), Found(root))
                one.add([*above, *way], sampled)

    def _is_part(self, way: list[Any], label: str) -> bool:
        """Whether data at the end of *way* came with the object that has it: its class is one of which some came."""
        owner = type_label(type(way[-2]))
        return "." not in label and "." in owner and owner in self._labels


def _is_led_into(obj: Any) -> bool:
    """Whether what *obj* refers to is looked at: no code, no module, no class, nothing large."""
    kind = type(obj)
    return is_tracked(obj) and kind is not FunctionType and not issubclass(kind, (ModuleType, type)) and _is_small(obj)


def _is_small(obj: Any) -> bool:
    return (length(obj) or 0) < LARGE


def _has_any(items: list[Any], objects: Objects) -> bool:
    """Whether anything below *items* was sampled, as far as it is looked at."""
    level = items
    for _ in range(_DEEP):
        level = referents_of([it for it in level if _is_led_into(it)])[: _WIDE * _PIECE]
        if not objects.keys().isdisjoint(map(id, level)):
            return True
    return False


def _ways_to(item: Any, objects: Objects) -> Iterator[list[Any]]:
    """The ways from *item* down to something that was sampled: to the topmost of them."""
    level = [[item]]
    for _ in range(_DEEP):
        below = [[*way, child] for way in level if _is_led_into(way[-1]) for child in contents(way[-1])]
        yield from (way for way in below if id(way[-1]) in objects)
        level = [way for way in below[: _WIDE * _WIDE] if id(way[-1]) not in objects]


def _large_containers(known: Container[int]) -> Iterator[tuple[Root, list[Any]]]:
    """Those near to the program's own modules, each with the way there from its module."""
    seen = set[int]()
    for name, module in root_modules():
        if distance(name, module) > OWN:
            return
        waiting = deque([[module]])
        while waiting and len(seen) < _MOST_NEAR:
            way = waiting.popleft()
            for child in contents(way[-1]):
                if id(child) in seen or not is_tracked(child):
                    continue
                seen.add(id(child))
                if not _is_small(child) and type(child) in _PASSED:
                    if id(child) not in known:
                        yield Root(RootKind.MODULE, name), [*way, child]
                elif len(way) < _NEAR and (_is_led_into(child) or _is_own_class(child)):
                    waiting.append([*way, child])


def _is_own_class(obj: Any) -> bool:
    return issubclass(type(obj), type) and bool(flags_of(obj) & _HEAP_TYPE)


def topmost(found: Mapping[_Way, Found]) -> Iterator[tuple[Found, list[Found]]]:
    """Each place that does not lie on the way from another one, with the places below it."""
    for way, one in found.items():
        if not any(_leads_on(other, way) for other in found):
            yield one, [it for other, it in found.items() if _leads_on(way, other)]


def _leads_on(way: _Way, other: _Way) -> bool:
    return way[0] == other[0] and len(way[1]) < len(other[1]) and other[1][: len(way[1])] == way[1]
