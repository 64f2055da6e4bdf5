"""One breadth-first walk over the heap from its roots: the shortest path to every object, in 24 bytes for each.

Searching backwards from one object, as objgraph does, takes a look through the whole heap for each link, and never ends
where everything refers to an object. One walk forwards finds the shortest paths to all objects at once.

Objects are kept as addresses, with what is known of them (see `pages`). The queue holds the objects that are still to
be visited; nothing holds them afterwards.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Container, Iterable
from itertools import islice
from typing import Any

from ..backend import FREE_THREADED
from ..backend.census.contract import Cancelled
from ..backend.census.referents import DICTS, keys_of, shown_by
from ..backend.forks import begin_walk, end_walk, rest
from ..backend.quiet import get_ident
from ..backend.stopped import referents_of_each
from ..backend.type_labels import base_of, flags_of, size_reader
from ..internal import internal
from .pages import DEFERRED, KNOWN, VISITED, Pages
from .references import contents, hidden_contents, is_frame, is_tracked
from .steps import Root, RootKind

NOT_TOLD = Root(RootKind.MEMWATCH)
"""The root of what only memwatch holds."""

_CHECK = 2047  # a mask: ask to give up every 2048 objects
_LEAVES = frozenset(map(id, (str, int, float, bytes, bool, complex, type(None))))
_MANY_GROUPS = 10_000
_HEAP_TYPE = 1 << 9  # of a class that is made as the program runs
_AHEAD = 20_000  # objects that are asked at once, where asking stops all threads


@internal
class Group:
    """New objects of one type, or of new classes of one base, that one old object holds (or, past many groups, that
    objects alike hold)."""

    __slots__ = ("first", "items", "kind", "latest", "latest_parent", "parent", "size", "targets", "types")

    def __init__(self, parent: int, kind: type, first: Any) -> None:
        self.parent, self.latest_parent = parent, parent
        self.kind = kind
        self.first, self.latest = first, first
        self.targets, self.items, self.size = 0, 0, 0
        self.types: dict[int, int] = {}


@internal
class Walk:
    """The state of one walk. Nodes are numbered in the order of their discovery, which is that of their distance.

    `parents` gives a node's parent, or a negative number for a root, which `label_of` names; `groups` gives the group
    that a node's new objects belong to, or -1 above all new objects. What is not tracked and lies in an old object is
    old as well, unless *grown* is None or has that object's address. With *wanted* all is known but a few objects that
    are looked for, the first alone with *stop_at_first*. `held` takes lists to be emptied at the end.

    What is old and held by old objects hangs there, although a way through a new one may be shorter, as through a timer
    that is made again and again and leads to all that waits for it: `run_deferred` comes to the rest.
    """

    __slots__ = (
        "_ahead",
        "_deferred",
        "_group_of",
        "_grown",
        "_queue",
        "_readers",
        "_should_cancel",
        "_told",
        "_visited",
        "addresses",
        "found",
        "groups",
        "held",
        "kinds",
        "kinds_by_id",
        "labels",
        "pages",
        "parents",
        "rests",
        "roots",
        "silent",
        "stop_at_first",
        "thread",
        "wanted",
    )

    def __init__(
        self,
        blank: int,
        should_cancel: Callable[[], bool] | None = None,
        stop_at_first: bool = False,
        grown: Container[int] | None = None,
        wanted: bool = False,
    ) -> None:
        self._should_cancel, self._grown = should_cancel, grown
        self._queue: deque[Any] = deque()
        self._ahead: deque[list[Any]] = deque()  # what the first ones of the queue refer to, where that is asked ahead
        self._told: dict[int, list[Any]] = {}  # the same by identity, of objects that are to be roots
        self._deferred: list[tuple[Any, int]] | None = None if wanted else []
        self._group_of: dict[Any, int] = {}
        self._readers: dict[int, Callable[[Any], int]] = {}
        self._visited = 0
        self.addresses, self.kinds = array("Q"), array("Q")
        self.parents, self.groups = array("i"), array("i")
        self.kinds_by_id: dict[int, type] = {}
        self.labels: list[Root] = []
        self.found: list[Group] = []
        self.pages = Pages(blank)
        self.roots: dict[int, Any] = {}
        self.held: list[list[Any]] = []
        self.rests = False
        self.silent = False
        self.stop_at_first = stop_at_first
        self.wanted = wanted
        self.thread = get_ident()
        begin_walk(self)

    def release(self) -> None:
        """Let go of every object, also where a traceback or a forked child keeps this walk."""
        end_walk(self)
        holding = self._queue, self._ahead, self._told, self._group_of, self._readers, self.kinds_by_id
        for held in (*holding, self.found, self.roots):
            held.clear()
        self._deferred = None
        while self.held:
            self.held.pop().clear()

    @property
    def done(self) -> bool:
        """Whether one object was asked for, and it was found."""
        return self.stop_at_first and bool(self.found)

    def add_roots(self, named: Root, objects: Iterable[Any]) -> None:
        """Enter those of *objects* that were not visited as roots named as *named*, or as held by such a one."""
        if not self.labels or self.labels[-1] != named:
            self.labels.append(named)
        root = -len(self.labels)
        for obj in objects:
            page, slot = self.pages.page(id(obj)), id(obj) >> 4 & 4095
            flags = page[slot]
            if not flags & VISITED:
                page[slot] = flags | VISITED
                self._enter(obj, root, -1 if flags & KNOWN else self._count(obj, root, -1))

    def label_of(self, root: int) -> Root:
        """The root, given as the parent that its node has."""
        return self.labels[-1 - root]

    def follow_silently(self, objects: Iterable[Any]) -> None:
        """Visit what only *objects*, visited or not, lead to, and count nothing of it."""
        self.labels.append(NOT_TOLD)
        for obj in objects:
            self._enter(obj, -len(self.labels), -1)
        self.silent = True
        self.run()
        self.silent = False

    def _enter(self, obj: Any, parent: int, group: int) -> None:
        if parent < 0:
            self.roots[len(self.addresses)] = obj
        self._queue.append(obj)
        self.addresses.append(id(obj))
        self.kinds.append(id(type(obj)))
        self.parents.append(parent)
        self.groups.append(group)

    def run(self) -> None:
        """Visit all that can be reached from the roots entered so far, nearest first. Raises `Cancelled`."""
        # Everything is done in place here: a call for each reference would double the time.
        queue, pages, new_page, silent = self._queue, self.pages.bytes, self.pages.page, self.silent
        defer = None if silent or self._deferred is None else self._defer
        push, add_address, add_kind = queue.append, self.addresses.append, self.kinds.append
        add_parent, add_group, count = self.parents.append, self.groups.append, self._count
        while queue and not self.done:
            if not self._visited & _CHECK:
                child = children = None  # only the fields hold anything while this rests
                self._check(self._visited)
            node, group, children, stays = self._next()
            for child in children:
                address = id(child)
                page = pages.get(address >> 16) or new_page(address)
                slot = address >> 4 & 4095
                flags = page[slot]
                if flags & VISITED:
                    continue
                page[slot] = flags | VISITED
                is_old = silent or flags & KNOWN or (stays and not is_tracked(child))
                kind = id(type(child))
                if is_old and group >= 0 and defer is not None and kind not in _LEAVES:
                    page[slot] = flags | DEFERRED
                    defer(child, node, flags)
                    continue
                below = group if is_old else count(child, node, group)
                if kind not in _LEAVES:
                    push(child)
                    add_address(address)
                    add_kind(kind)
                    add_parent(node)
                    add_group(below)

    def _next(self) -> tuple[int, int, list[Any], bool]:
        """Take the next object from the queue: its node, its group, all that it refers to, and whether what is not
        tracked of that is as old as itself."""
        node = self._visited
        is_root = node in self.roots
        children = self._next_contents(is_root) if FREE_THREADED else None
        parent, group = self._queue.popleft(), self.groups[node]
        if children is None:
            children = contents(parent) if is_root else shown_by(parent)
        if issubclass(type(parent), DICTS):
            children += keys_of((parent,))
        self._visited += 1
        stays = self._grown is not None and group < 0 and id(parent) not in self._grown
        return node, group, children or self._hidden(parent, node), stays

    def _next_contents(self, is_root: bool) -> list[Any] | None:
        """What the next object in the queue refers to: to be asked of many at once, as each time stops all threads.

        None where it was not asked, or is a root that has more to be asked for.
        """
        if not self._ahead and (told := self._told.pop(id(self._queue[0]), None)) is not None:
            self._ahead.append(told)
        if not self._ahead:
            self._ask_patience(len(self.addresses) - len(self._queue))
            self._ahead.extend(referents_of_each(list(islice(self._queue, _AHEAD))))
        shown = self._ahead.popleft() if self._ahead else None
        parent = self._queue[0]
        return None if is_root and (is_frame(parent) or (not shown and issubclass(type(parent), type))) else shown

    def run_each(self, named: Root, objects: list[Any]) -> None:
        """Visit all from each of *objects* before the next, the last one first. Empties them."""
        while objects:
            asked = objects[-_AHEAD:]
            self.held.append(asked)  # so that the place of none is taken by another object
            del objects[-_AHEAD:]
            self._told = dict(zip(map(id, asked), referents_of_each(asked), strict=False))
            for place in reversed(range(len(asked))):
                self.add_roots(named, [asked[place]])
                self.run()
            self._told.clear()
            asked.clear()

    def _defer(self, child: Any, node: int, flags: int) -> None:
        """Come to *child* later, unless there is another way to it."""
        if self._deferred is not None and not flags & DEFERRED:
            self._deferred.append((child, node))

    def run_deferred(self) -> None:
        """Visit old objects that only new ones lead to: they count where the new ones are."""
        waiting, self._deferred = self._deferred or [], None
        while waiting:
            child, node = waiting.pop()
            if not self.pages.flags(id(child)) & VISITED:
                self.pages.mark((id(child),), VISITED)
                self._enter(child, node, self.groups[node])
        self.run()

    def _hidden(self, parent: Any, node: int) -> list[Any]:
        """What the collector does not see; no census sees it either, so it is as new as the object that holds it."""
        found = hidden_contents(parent)
        if found and self.pages.flags(self.addresses[node]) & KNOWN:
            self.assume_known(found)
        return found

    def assume_known(self, objects: Iterable[Any]) -> None:
        """Take *objects*, which no census sees, for known; where some are looked for, they may be among them."""
        if not self.wanted:
            self.pages.mark(map(id, objects), KNOWN)

    def _check(self, visited: int) -> None:
        rest(self)
        self._ask_patience(visited)

    def _ask_patience(self, visited: int) -> None:
        if self._should_cancel is not None and self._should_cancel():
            raise Cancelled(f"gave up looking for holders after {visited} objects")

    def _count(self, obj: Any, parent: int, group: int) -> int:
        """Add a new object to its group, or to that of its parent's place if nothing above it is new."""
        kind = id(type(obj))
        size = self._measure(obj, kind)
        if group < 0:
            group = self._group(obj, parent, size)
        counts = self.found[group]
        counts.items += 1
        counts.size += size
        counts.types[kind] = counts.types.get(kind, 0) + 1
        return group

    def _group(self, obj: Any, parent: int, size: int) -> int:
        root, old_class = self.roots.get(parent), self._old_class(type(obj))
        kind = id(old_class)
        if root is not None and is_frame(root):  # the calls of one function are one place, in any number of threads
            key: tuple[int, ...] = id(root.f_code), 0, kind
        elif parent < 0 and self.label_of(parent).kind is RootKind.HELD_IN_C:
            key = parent, size, kind  # what C code holds has no holder in common: there those of one size are
        else:
            key = (parent, kind) if len(self.found) < _MANY_GROUPS else self.likeness(parent, kind)
        group = self._group_of.get(key, -1)
        if group < 0:
            group = self._group_of[key] = len(self.found)
            self.found.append(Group(parent, old_class, obj))
        counts = self.found[group]
        counts.targets += 1
        counts.latest, counts.latest_parent = obj, parent
        return group

    def _old_class(self, kind: type) -> type:
        """*kind*; if it was created since, as classes made at each call are, its nearest base that was not."""
        if self.wanted:
            return kind
        while flags_of(kind) & _HEAP_TYPE and not self.pages.flags(id(kind)) & KNOWN:
            kind = base_of(kind)
        return kind

    def likeness(self, parent: int, kind: int) -> tuple[int, ...]:
        """What similar places have in common: root, the first three objects from there, the types of all below."""
        nodes = self.ancestry(parent)
        root = self.parents[nodes[0]] if nodes else parent
        return root, *(self.addresses[n] for n in nodes[:3]), *(self.kinds[n] for n in nodes[3:]), kind

    def ancestry(self, node: int) -> list[int]:
        """The nodes from the root down to *node*; none for a root's own parent."""
        nodes = []
        while node >= 0:
            nodes.append(node)
            node = self.parents[node]
        return nodes[::-1]

    def _measure(self, obj: Any, kind: int) -> int:
        read = self._readers.get(kind)
        if read is None:
            self.kinds_by_id[kind] = type(obj)
            read = self._readers[kind] = size_reader(type(obj))
        try:
            return read(obj)
        except Exception:  # a C type whose __sizeof__ fails must not end the walk
            return 0
