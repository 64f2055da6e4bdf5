"""Names of threads, by the numbers that the system gives them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from weakref import WeakSet

from ...internal import internal

_namespace = vars(ModuleType)["__dict__"].__get__


@internal
class Threads:
    """Remembers the names of threads, also when they have ended."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def names(self, numbers: Iterable[int]) -> dict[int, str]:
        """The name of each thread, "thread 1234" if nobody has named it."""
        wanted = set(numbers)
        self._known.update({number: name for number, name in _named().items() if number in wanted})
        return {number: self._known.get(number) or f"thread {number}" for number in wanted}


def _named() -> dict[int, str]:
    """The threads that the threading module knows now, and ended ones whose objects are still held. No code of a
    subclass runs."""
    module = sys.modules.get("threading")
    names = _namespace(module) if type(module) is ModuleType else {}
    active, ever = names.get("_active"), names.get("_dangling")
    references = _fields(ever).get("data") if type(ever) is WeakSet else None
    threads = [reference() for reference in references.copy()] if type(references) is set else []
    threads += list(active.values()) if type(active) is dict else []  # last: they have the numbers of others by now
    found = {}
    for thread in threads:
        fields = _fields(thread)
        number, name = fields.get("_native_id"), fields.get("_name")
        if type(number) is int and type(name) is str:
            found[number] = name
    return found


def _fields(thread: object) -> Mapping[str, object]:
    try:
        fields = object.__getattribute__(thread, "__dict__")
    except AttributeError:
        return {}
    return fields if type(fields) is dict else {}
