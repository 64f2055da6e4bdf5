"""Does the program call the collector itself, and how often, where automatic collection is off? Nothing is run."""

from __future__ import annotations

from types import CodeType
from typing import NamedTuple

from ..internal import internal
from .ages import periods
from .comparisons import statements
from .emptying import calls
from .functions import functions_of
from .references import OWN, distance, frame_locals, frames, modules, namespace
from .views import View

_CALL = frozenset(("gc", "collect"))
_ONCE = "freeze"  # what is done before a fork, or when a server has started


@internal
class Collecting(NamedTuple):
    """The function that calls ``gc.collect()``, and the seconds between two calls, if its code shows them."""

    name: str
    seconds: float | None


def find_collecting() -> Collecting | None:
    """The program's own code that collects, if it has been run, or code that has been run calls it; None without
    one."""
    view = _own_code()
    collecting = [code for code in view.codes if _collects(code)]
    if not collecting:
        return None
    used = view.in_use()
    ran = set(map(id, used.codes))
    found = [it for it in collecting if id(it) in ran or any(calls(code, (it.co_name,)) for code in used.codes)]
    if not found:
        return None
    return Collecting(found[0].co_qualname, max(periods(used, found), default=None))


def _collects(code: CodeType) -> bool:
    if not _CALL.issubset(code.co_names) or _ONCE in code.co_names:
        return False
    return any(it.names >= _CALL for it in statements(code))


def _own_code() -> View:
    """The functions of the program's own modules, and the module bodies that run, each with the values of its names."""
    own = [module for name, module in modules() if distance(name, module) <= OWN]
    bodies = [namespace(module) for module in own]
    running = [frame for _, frame in frames() if any(frame.f_globals is body for body in bodies)]
    codes = {id(code): code for module in own for code in functions_of(module)}
    codes |= {id(frame.f_code): frame.f_code for frame in running}
    sources = (*(body.get for body in bodies), *(frame_locals(frame).get for frame in running))
    return View(None, tuple(codes.values()), sources)
