"""Which code can nobody run? A method that would trim a cache, and that nothing calls. Nothing is run.

Code is dead if it has not been run, nothing names it that may still run, and nothing but its module or its class has
its function. In doubt it lives: callbacks are registered, and frameworks call what they find.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any

from ..backend import FREE_THREADED
from ..backend.process import Frame
from ..backend.type_labels import mro_of
from .comparisons import instructions, name_of
from .flow import reached
from .functions import has_run
from .references import OWN, distance, modules, namespace, read_frames
from .removal import own_functions
from .views import View

_BODY = "<module>"
_SEPARATORS = str.maketrans(":/", "..")  # of texts such as "app.tasks:trim"


def without_dead(view: View) -> View:
    """*view* without its dead code."""
    if FREE_THREADED:
        return view
    unused = [code for code in view.codes if not _is_called_unnamed(code) and not has_run(view.original(code))]
    dead = {id(code): code for code in unused if _is_alone(code)}
    if dead:
        _revive(dead, view)
    return view._replace(codes=tuple(code for code in view.codes if id(code) not in dead))


def _revive(dead: dict[int, CodeType], view: View) -> None:
    """Take out of *dead* what other code around the container names, or a function of the program's own modules, or
    what is still to run of a module's body; and what these name in turn."""
    codes = {id(it): it for it in (*(it for _, it in own_functions(set())), *view.codes) if it.co_name != _BODY}
    for code in view.originals.values():
        codes.pop(id(code), None)
    named = {name for key, it in codes.items() if key not in dead for name in _names(it)}
    named.update(*(_names_ahead(frame) for _, frame in read_frames() if frame.f_code.co_name == _BODY))
    while living := [key for key, code in dead.items() if code.co_name in named]:
        named.update(name for key in living for name in _names(dead.pop(key)))


def _is_called_unnamed(code: CodeType) -> bool:
    """Whether no name is needed to call it, as of special methods and lambdas."""
    return not code.co_name.isidentifier() or code.co_name.startswith("__")


def _is_alone(code: CodeType) -> bool:
    """Whether one of the program's own modules or classes has its function under its name, and nothing else has it. Who
    overrides a method is called by others."""
    for place, above in _places():
        found = place.get(code.co_name)
        if type(found) is FunctionType and found.__code__ is code:
            del found
            is_free = not any(code.co_name in it for it in above)
            return is_free and _references(place, code.co_name) <= _references({"": object()}, "")
    return False


def _places() -> Iterator[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]:
    """The names of each module and class of the program's own, with those of the class's bases."""
    for name, module in modules():
        if distance(name, module) <= OWN:
            yield namespace(module), ()
            for cls in [it for it in list(namespace(module).values()) if issubclass(type(it), type)]:
                yield namespace(cls), [namespace(base) for base in mro_of(cls)[1:]]


def _references(place: Mapping[str, Any], name: str) -> int:
    return sys.getrefcount(place.get(name))


def _names(code: CodeType) -> Iterator[str]:
    """The names that *code* reads, and the last ones in its texts."""
    yield from code.co_names
    for text in code.co_consts:
        if type(text) is str:
            yield text.translate(_SEPARATORS).rpartition(".")[2]


def _names_ahead(frame: Frame) -> set[str]:
    """The names that the code of *frame* may still read from its place on, as far as its jumps lead."""
    code, found = frame.f_code, list(instructions(frame.f_code))
    places = reached(code, max(0, getattr(frame, "f_lasti", -1) // 2))
    names = (name_of(code, *found[place]) for place in places)
    return {name for name in names if name is not None}
