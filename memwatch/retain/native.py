"""The search by the C extension: the question, and the answer with every link checked on the living objects.

The walk holds the interpreter from end to end, and returns counts and a few chains as addresses. Other threads may have
changed the heap since then. A chain is followed from its first object on, and left out if it no longer holds.
"""

from __future__ import annotations

import threading
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..backend import _native
from ..backend.census.arrays import tried_array_type
from ..backend.census.contract import Cancelled
from ..backend.holds import Hold
from ..backend.type_labels import type_label
from ..internal import TYPES
from .edges import NAMESPACE
from .found import NEW_UNKNOWN, HoldingSite, Query, Question
from .matchers import ignored_modules, late_references
from .object_labels import code_label
from .references import contents, fork_lists, namespace, own_modules, root_modules
from .roots import HELD_BY_NOTHING, HELD_IN_C
from .steps import Edge, EdgeKind, Root, RootKind

if TYPE_CHECKING:
    from ..backend._native import SearchRequest

KNOWS_FRAMES = _native.knows_frames
PAUSE_SECONDS = 2.5e-7
"""The whole search is one pause: so long for an object, in scattered memory and on a busy machine."""

REFERENCE_SECONDS = 5e-9
"""The same for a reference that is only compared with what is wanted."""

_MODULE, _FRAME, _CONTEXT, _EXCEPTION, _THREAD, _C, NOTHING = range(7)
_STATE = {_CONTEXT: "context variables", _EXCEPTION: "error being handled", _THREAD: "state"}
_COMPUTED, _NAMES = -2, -3
_MOST_TRIED, _MOST_ALIKE = 1000, 20  # objects that may stand for one that is gone


def question(query: Query, in_child: bool = False) -> Question:
    """What the extension is asked for a search; a child knows by itself which objects were there before."""
    roots = root_modules() if query.roots is None else query.roots
    own = [*own_modules(), *ignored_modules()]
    hidden = [*own, *(namespace(it) for it in own if type(it) is ModuleType), *query.ignore]
    references = late_references()
    hidden += [query.ignore, query.given, roots, own, references]
    starts = [module for _, module in roots]
    late = [it for reference in references for it in (reference.names, reference.value)]
    request: SearchRequest = {
        "own_types": TYPES,
        "hidden": hidden,
        "modules": starts,
        "late": late,
        "mode": query.mode,
        "given": None if in_child and query.mode == NEW_UNKNOWN else query.given,
        "grown": None if query.grown is None else array("Q", query.grown),
        "main_thread": threading.main_thread().ident or 0,
        "array_type": tried_array_type(),
        "most": query.max_objects or 0,
        "named": query.named,
        "branches": query.branches,
        "near": query.near,
    }
    return Question(request, tuple(name for name, _ in roots))


def search(query: Query) -> list[HoldingSite]:
    """The answer to *query*; `should_cancel` is asked before and after."""
    _ask(query.should_cancel, "before it")
    asked = question(query)
    with Hold():
        rows = _native.search(asked.request)
    if rows is None:
        raise Cancelled("the collector is at work; the search for holders has to wait for its end")
    _ask(query.should_cancel, "after it")
    return list(_places(rows, asked.names))


def places_of(
    names: Sequence[str],
    rows: list[Any],
    may_list: bool = False,
    is_old: Callable[[Any], bool] | None = None,
) -> list[HoldingSite]:
    """The places that a forked child found, if the chains that lead there still exist in this process. What C code
    alone holds has no root to begin at: it is looked for among all tracked objects, if these *may* be listed.
    *is_old* tells which objects were there before: none of these stands for one that has come and is gone."""
    first_in_c = {array("Q", row[2])[0]: array("Q", row[3])[0] for row in rows if row[1] is None and row[0][0] == _C}
    in_c = _tracked_at(first_in_c) if first_in_c and may_list else {}
    return [place for row in rows if (place := _place(row, names, in_c, is_old)) is not None]


def _tracked_at(wanted: Mapping[int, int]) -> dict[int, Any]:
    """The tracked objects at the addresses *wanted* that are of the types at those given for them."""
    with Hold():
        found = _native.tracked_at(wanted)
    return {id(obj): obj for obj in found or ()}


def bytes_of(rows: list[Any]) -> int:
    """The bytes of what is new at all places that a forked child found; without what nothing holds, and other ways."""
    return sum(row[7] for row in rows if row[0][0] != NOTHING and row[5])


def _place(
    row: tuple[Any, ...], names: Sequence[str], in_c: Mapping[int, Any], is_old: Callable[[Any], bool] | None
) -> HoldingSite | None:
    root, first, addresses, kinds, _, targets, items, size, counted = row
    first = in_c.get(array("Q", addresses)[0]) if first is None and root[0] == _C else first
    chain = None if first is None else _follow_now(first, array("Q", addresses), array("Q", kinds), is_old)
    if chain is None:
        return None
    types: Counter[str] = Counter()
    for label, count in counted:
        types[label] += count
    return HoldingSite(_root(root, chain[0], names), chain, targets, items, size, types)


def _follow_now(
    first: Any, addresses: array[int], kinds: array[int], is_old: Callable[[Any], bool] | None = None
) -> list[Any] | None:
    """The objects of a chain. If the last one is gone, another new one of its type at its place stands for it."""
    if len(addresses) == 1:
        return [first]
    chain = _follow(first, addresses[-1], addresses[:-1], kinds[:-1])
    if chain is None:
        return None
    last = _native.held(chain[-1], addresses[-1], kinds[-1], True, tried_array_type())
    if last is not None and is_old is not None and id(last) != addresses[-1] and is_old(last):
        alike = (it for it in islice(contents(chain[-1]), _MOST_TRIED) if id(type(it)) == kinds[-1])
        last = next((it for it in alike if not is_old(it)), None)
    return None if last is None else [*chain, last]


def _ask(should_cancel: Callable[[], bool] | None, when: str) -> None:
    if should_cancel is not None and should_cancel():
        raise Cancelled(f"gave up looking for holders {when}")


def _places(rows: list[Any], names: Sequence[str]) -> Iterator[HoldingSite]:
    for root, first, last, addresses, kinds, targets, items, size, counted in rows:
        chain = _follow(first, id(last), array("Q", addresses), array("Q", kinds))
        if chain is None:
            continue
        chain.append(last)
        types: Counter[str] = Counter()
        for kind, count in counted:
            types[type_label(kind)] += count
        yield HoldingSite(_root(root, chain[0], names), chain, targets, items, size, types)


def _follow(first: Any, last: int, addresses: array[int], kinds: array[int]) -> list[Any] | None:
    """The objects of a chain down to the holder of what is at the address *last*; None if a link is gone. An object of
    the same type with the same object below replaces one that is gone: a program may have put a longer copy there."""
    chain = [first] if addresses else []
    numpy_array = tried_array_type()
    for address, kind in zip(addresses[1:], kinds[1:], strict=True):
        found = _native.held(chain[-1], address, kind, False, numpy_array)
        if found is None:
            below = addresses[len(chain) + 1] if len(chain) + 1 < len(addresses) else last
            found = _holding_instead(chain[-1], kind, below)
        if found is None:
            return None
        chain.append(found)
    return chain


def _holding_instead(holder: Any, kind: int, below: int) -> Any:
    """The only object in *holder* of the type that refers to the object *below*; None without one, or with many."""
    alike = [obj for obj in islice(contents(holder), _MOST_TRIED) if id(type(obj)) == kind][:_MOST_ALIKE]
    return next((obj for obj in alike if below in map(id, contents(obj))), None)


def _root(root: tuple[Any, ...], first: Any, names: Sequence[str]) -> Root:
    kind, is_main, number, code, names_there, variable = root
    if kind == _MODULE:
        return Root(RootKind.MODULE, names[number])
    if kind == _FRAME:
        return Root(RootKind.FUNCTION, code_label(code, names_there), _edge(variable), bool(is_main))
    if kind == _C and (known := fork_lists([first])):
        return Root(RootKind.INTERPRETER, known[0][0])
    if kind in _STATE:
        return Root(RootKind.THREAD, _STATE[kind], main=bool(is_main))
    return HELD_IN_C if kind == _C else HELD_BY_NOTHING


def _edge(variable: str | int) -> Edge:
    if variable == _COMPUTED:
        return Edge(EdgeKind.FIELD, "value in use")
    return NAMESPACE if variable == _NAMES else Edge(EdgeKind.LOCAL, str(variable))
