"""What memwatch imports is loaded at once, also under `-X lazy_imports=all` (3.15), which waits for the first use.

That use may come on memwatch's own thread, which must import nothing, or between two looks at the heap, where what is
loaded would be growth of the program.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PACKAGE = __name__.partition(".")[0]
_under_way: list[object] = []  # loads: the first switches, the last switches back


@contextmanager
def at_once() -> Iterator[None]:
    """Load what is imported meanwhile with all that it imports; at the end, what memwatch's modules have only named."""
    interpreter: Any = sys
    is_lazy = getattr(sys, "get_lazy_imports", str)() == "all"
    if not is_lazy and not _under_way:
        yield
        return
    _under_way.append(load := object())
    interpreter.set_lazy_imports("normal")
    try:
        yield
        _load_named()
    finally:
        if load in _under_way:
            _end(load)


def forget_other_threads() -> None:
    """In a forked child: what they were loading is never loaded."""
    for load in list(_under_way):
        _end(load)


def _end(load: object) -> None:
    interpreter: Any = sys
    _under_way.remove(load)
    if not _under_way:
        interpreter.set_lazy_imports("all")


def _load_named() -> None:
    known = set[str]()
    while new := {name for name in list(sys.modules) if name.partition(".")[0] == _PACKAGE} - known:
        known |= new
        for name in new:
            names = vars(sys.modules[name])
            for each in [each for each, value in list(names.items()) if type(value).__name__ == "lazy_import"]:
                getattr(sys.modules[name], each)
