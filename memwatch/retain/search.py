"""The search of the chosen backend: from the roots to what is new, and back as chains of living objects."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from ..backend import name
from .found import Place
from .pure import search_in_python

if name == "native":
    from . import native

_PURE_SECONDS = 7e-7  # a block of Python's allocator, in a walk that other threads interrupt
_PURE_PAUSE = 4.4e-8  # the same: what lists the tracked objects is one call


def search(
    mode: int,
    given: array[int],
    named: int,
    *,
    branches: int = 0,
    grown: Iterable[int] | None = None,
    size_of: Callable[[Any], int] | None = None,
    ignore: Sequence[Any] = (),
    give_up: Callable[[], bool] | None = None,
    max_objects: int | None = None,
) -> list[Place]:
    """The places where there are new objects, at most *named* by bytes; and further ways to the first one, if
    *branches* are wanted. *mode* says what is new, as `found` does; types are for the search in C alone.

    The places hold objects until they are released. What only *ignore* holds is not told. *size_of* gives an object's
    bytes, and keeps the search in Python. Raises `GaveUp`.
    """
    if name == "native" and size_of is None:
        return native.search(
            mode,
            given,
            named,
            branches=branches,
            grown=grown,
            ignore=ignore,
            give_up=give_up,
            max_objects=max_objects,
        )
    changed: Collection[int] | None = None if grown is None else frozenset(grown)
    return search_in_python(
        mode,
        given,
        named,
        branches=branches,
        grown=changed,
        size_of=size_of,
        ignore=[*ignore, ignore, changed],
        give_up=give_up,
        max_objects=max_objects,
    )


def expected_search(objects: int) -> tuple[float, float]:
    """Seconds that a search through so many objects is expected to hold the interpreter at once, and to take."""
    if name == "native":
        return objects * native.PAUSE_SECONDS, objects * native.PAUSE_SECONDS
    return objects * _PURE_PAUSE, objects * _PURE_SECONDS
