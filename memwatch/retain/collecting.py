"""Whether the program collects garbage by itself, where it has switched the collector off. Nothing is run."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType

from .comparisons import statements
from .functions import functions_of, has_run
from .references import OWN, distance, frames, modules, namespace

_CALL = frozenset(("gc", "collect"))
_ONCE = "freeze"  # what is done before a fork, or when a server has started


def find_collecting() -> str | None:
    """The function of the program itself that calls ``gc.collect()``, of those that have been run; None without one."""
    found = (code.co_qualname for code in _own_code() if _collects(code) and has_run(code))
    return next(found, None)


def _collects(code: CodeType) -> bool:
    if not _CALL.issubset(code.co_names) or _ONCE in code.co_names:
        return False
    return any(it.names >= _CALL for it in statements(code))


def _own_code() -> Iterator[CodeType]:
    """The functions of the program's own modules, and those bodies of them that run."""
    own = [module for name, module in modules() if distance(name, module) <= OWN]
    for module in own:
        yield from functions_of(module)
    bodies = [namespace(module) for module in own]
    for _, frame in frames():
        if any(frame.f_globals is body for body in bodies):
            yield frame.f_code
