"""Does the program call the collector itself, and how often, where automatic collection is off? Nothing is run."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from types import CodeType
from typing import Any, NamedTuple

from ..internal import internal
from .ages import periods
from .comparisons import statements
from .emptying import calls
from .functions import functions_of
from .references import OWN, distance, frame_locals, modules, namespace, read_frames
from .views import View

_COLLECT = "collect"
_ONCE = "freeze"  # what is done before a fork, or when a server has started


@internal
class Collecting(NamedTuple):
    """The function that calls ``gc.collect()``, and the seconds between two calls, if its code shows them."""

    name: str
    seconds: float | None


def find_collecting() -> Collecting | None:
    """The program's own code that collects, if it has been run, or code that has been run calls it; None without
    one."""
    view, calls_of = own_code(), _calls(map(namespace, _own_modules()))
    collecting = [code for code in view.codes if _collects(code, calls_of)]
    if not collecting:
        return None
    used = view.in_use()
    ran = set(map(id, used.codes))
    found = [it for it in collecting if id(it) in ran or any(calls(code, (it.co_name,)) for code in used.codes)]
    if not found:
        return None
    return Collecting(found[0].co_qualname, max(periods(used, found), default=None))


def _calls(bodies: Iterable[Any]) -> list[set[str]]:
    """Sets of names that stand for a full collection where a statement has all of one."""
    named = [(name, value) for body in bodies for name, value in tuple(body.items())]
    whole = [{name} for name, value in named if value is gc.collect]
    return [{"gc", _COLLECT}, *whole, *({name, _COLLECT} for name, value in named if value is gc)]


def _collects(code: CodeType, calls_of: list[set[str]]) -> bool:
    if _ONCE in code.co_names or not any(it.issubset(code.co_names) for it in calls_of):
        return False
    if "gc" in code.co_names and _COLLECT in code.co_varnames:  # from gc import collect, in the function
        calls_of = [*calls_of, {_COLLECT}]
    return any(it.names >= names for it in statements(code) for names in calls_of)


def _own_modules() -> list[Any]:
    return [module for name, module in modules() if distance(name, module) <= OWN]


def own_code() -> View:
    """The functions of the program's own modules, and the module bodies that run, each with the values of its names."""
    own = _own_modules()
    bodies = [namespace(module) for module in own]
    in_own = (frame for _, frame in read_frames() if any(frame.f_globals is body for body in bodies))
    running = {id(frame.f_code): frame for frame in in_own}
    codes = {id(code): code for module in own for code in functions_of(module)}
    codes |= {key: frame.f_code for key, frame in running.items()}
    sources = (*(body.get for body in bodies), *(frame_locals(frame).get for frame in running.values()))
    return View(None, tuple(codes.values()), sources)
