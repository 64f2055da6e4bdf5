"""The paths that hold an object, or the objects of a type: `memwatch.retaining_paths`."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from types import CellType
from typing import Any

from ..backend.census import chosen
from ..backend.quiet import quiet
from ..backend.type_labels import type_label
from ..checks import check_whole
from ..errors import OptionError
from ..internal import internal
from .backward import find_path_backwards
from .found import NEW_OF_TYPES, NEW_WANTED, HoldingSite, Query
from .path import RetainingPath
from .search import IN_C, Search

_MOST = 100
_TRIED = 16  # chains for each path that is wanted: many of them read alike


@internal
class _Nothing:
    """Stands for an object that was not given."""


_NOTHING = _Nothing()


def retaining_paths(
    obj: object = _NOTHING, limit: int = 3, *, type: str | None = None, show_keys: bool = False
) -> tuple[RetainingPath, ...]:
    """Return who holds *obj*, or the objects of the type called *type*: at most *limit* different paths.

    Paths that begin at a module come first, then those from variables of running functions, then what C code or nothing
    holds, and last what a library is known to keep; shorter paths first in each. For a type these are the paths that
    lead to most of its objects. Two paths are different if their names and types are. An object that cannot be reached
    from anywhere has no path.

    *type* is a module and a qualified name, as in ``"app.Order"``, or the name alone for a builtin. Objects of
    subclasses do not count. A path shows dict keys that source code wrote, and the types of other keys; *show_keys*
    shows all keys of builtin types, cut at 40 characters. Raises `OptionError` for an unknown type and for a *limit*
    out of range, and `Cancelled` while the collector is at work; on free-threaded Python also after 2 minutes.
    """
    check_whole("limit", limit, 1, _MOST, "paths")
    if (type is None) is (obj is _NOTHING):
        raise OptionError("either an object or the name of a type is needed")
    with quiet:
        return _paths_to(obj, limit, show_keys) if type is None else _paths_to_type(type, limit, show_keys)


def find_path(obj: object, *, should_cancel: Callable[[], bool] | None = None) -> RetainingPath | None:
    """The first path from a root to *obj*, or None if nothing seems to hold it. Raises `Cancelled`. If the search
    misses it (the program moved it meanwhile), objgraph looks backwards from it for a moment."""
    with quiet, Search(Query(NEW_WANTED, array("Q", [id(obj)]), should_cancel=should_cancel)) as places:
        return places[0].path() if places else find_path_backwards(obj)


def _choose(places: list[HoldingSite], limit: int, show_keys: bool) -> tuple[RetainingPath, ...]:
    """The paths to show of *places*, in their order."""
    ranks = [place.rank for place in places]
    different = _different(places, show_keys)
    found = sorted(different, key=lambda it: (-it[1], it[2].known is not None, ranks[it[0]]))[:limit]
    found.sort(key=lambda it: (it[2].known is not None, ranks[it[0]]))
    return tuple(path for _, _, path in found)


def _different(places: list[HoldingSite], show_keys: bool) -> Iterator[tuple[int, int, RetainingPath]]:
    """The number of a place, how many objects are held there and at places alike, and the path."""
    reported: dict[str, tuple[int, int, RetainingPath]] = {}
    order = sorted(range(len(places)), key=lambda number: places[number].rank)
    for number in order:
        path = places[number].path(show_keys=show_keys)
        first, count, before = reported.get(path.fingerprint, (number, 0, path))
        reported[path.fingerprint] = first, count + places[number].targets, before
    return iter(reported.values())


def _paths_to(obj: object, limit: int, show_keys: bool) -> tuple[RetainingPath, ...]:
    """The first way to *obj*, and others. The cell that a variable lies in is not one beside the variable itself."""
    with Search(Query(NEW_WANTED, array("Q", [id(obj)]), branches=_TRIED * limit)) as places:
        for place in places:
            place.targets = 0
        reported = [place for number, place in enumerate(places) if not number or type(place.chain[0]) is not CellType]
        return _choose(reported, limit, show_keys)


def _paths_to_type(label: str, limit: int, show_keys: bool) -> tuple[RetainingPath, ...]:
    kinds = types_called(label)
    if IN_C:
        mode, given = NEW_OF_TYPES, array("Q", map(id, kinds))
    else:
        mode, given = NEW_WANTED, addresses_of(label)
    with Search(Query(mode, given, _TRIED * limit, branches=_TRIED * limit, ignore=[kinds])) as places:
        return _choose(places, limit, show_keys)


def addresses_of(label: str) -> array[int]:
    """Where the objects of the type that is called *label* are."""
    listing = chosen.list_objects(True, (), None)
    wanted = listing.labels.index(label) if label in listing.labels else -1
    return array(
        "Q", [address for address, kind in zip(listing.addresses, listing.kinds, strict=True) if kind == wanted]
    )


def types_called(label: object) -> list[Any]:
    """The types of that label. Raises OptionError where there is none."""
    kinds = list(_types_called(label))
    if not kinds:
        raise OptionError(f"no type is called {label!r}; its module comes before its name, as in 'app.Order'")
    return kinds


def _types_called(label: object) -> Iterator[Any]:
    """The types of that label, found from `object` down; nothing of the program's runs."""
    if type(label) is not str:
        raise OptionError("type must be the name of a type, as a str")
    waiting: list[Any] = [object]
    seen: set[int] = set()
    while waiting:
        kind = waiting.pop()
        if id(kind) in seen:
            continue
        seen.add(id(kind))
        if type_label(kind) == label:
            yield kind
        waiting.extend(_subclasses(kind))


_subclasses: Callable[[Any], list[Any]] = type.__dict__["__subclasses__"]
