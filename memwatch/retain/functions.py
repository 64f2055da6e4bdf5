"""The code of a class's or a module's own functions. Nothing is run."""

from __future__ import annotations

from collections.abc import Iterator
from opcode import opmap
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ..backend import FREE_THREADED
from ..backend.type_labels import mro_of
from ..kinds import METHOD_WRAPPERS
from .references import contents, namespace

_LENGTHS = ("__len__", "qsize")
_TELLING = frozenset(("__init__", "__new__", "__repr__", "__str__", "__reduce__", "__getstate__", "__setstate__"))
_MOST_WRAPPED = 8
_NOTES = opmap["CACHE"]


def is_container(kind: type) -> bool:
    """Whether instances of a class have a length."""
    return any(named in namespace(cls) for cls in mro_of(kind) if cls is not object for named in _LENGTHS)


def methods_of(kind: type) -> Iterator[CodeType]:
    """The code of the methods of a class and its bases, without the constructor and the methods that only read."""
    for cls in mro_of(kind):
        for name, code in code_of(cls):
            if name not in _TELLING:
                yield from with_inner(code)


def functions_of(module: Any, with_methods: bool = True) -> Iterator[CodeType]:
    """The code of the functions that a module has under a name, and of the methods of its classes."""
    if not issubclass(type(module), ModuleType):
        return
    for value in list(namespace(module).values()):
        if not issubclass(type(value), type):
            for function in _decorated(value):
                yield from with_inner(function.__code__)
        elif with_methods:
            for _, code in code_of(value):
                yield from with_inner(code)


def code_of(cls: type) -> Iterator[tuple[str, CodeType]]:
    """The methods that a class itself defines, by name, with the functions that they decorate; two of a property."""
    for name, value in list(namespace(cls).items()):
        parts: tuple[Any, ...] = (value.fget, value.fset) if type(value) is property else (value,)
        for part in parts:
            inner = part.__func__ if type(part) in METHOD_WRAPPERS else part
            for function in _decorated(inner):
                yield name, function.__code__


def _decorated(found: Any) -> Iterator[FunctionType]:
    """A function, and those that it wraps: decorators keep them in the closure."""
    waiting, tried = [found], 0
    while waiting and tried < _MOST_WRAPPED:
        found, tried = waiting.pop(), tried + 1
        if type(found) is FunctionType:
            yield found
            waiting += [held for cell in found.__closure__ or () for held in contents(cell)]


def has_run(code: CodeType) -> bool:
    """Whether *code*, or a function inside it, has been run, as the specialized instructions of CPython show. True
    where it could have none, as in ``del rows[key]`` on 3.12. 3.11 specializes after eight calls or rounds of a loop.
    """
    noting = [it for it in with_inner(code) if _NOTES in it.co_code[::2]]
    return FREE_THREADED or not noting or any(map(_is_noted, noting))


def has_run_at(code: CodeType, place: int) -> bool:
    """The same of what follows the instruction at *place*. 3.11 cannot tell it from the rest of the function."""
    codes, noted = code.co_code[::2], getattr(code, "_co_code_adaptive", None)
    begin = codes.find(_NOTES, place)
    if FREE_THREADED or noted is None or begin < 0:
        return True
    end = next((n for n in range(begin, len(codes)) if codes[n] != _NOTES), len(codes))
    part = slice(2 * (begin - 1), 2 * end)
    return bool(noted[part] != code.replace()._co_code_adaptive[part])  # type: ignore[attr-defined]


def _is_noted(code: CodeType) -> bool:
    noted = getattr(code, "_co_code_adaptive", None)
    return noted is None or noted != code.replace()._co_code_adaptive  # type: ignore[attr-defined]


def with_inner(code: CodeType) -> Iterator[CodeType]:
    """*code*, and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from with_inner(constant)
