"""The code of a class's or a module's own functions. Nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from .references import namespace

_TELLING = frozenset(("__init__", "__new__", "__repr__", "__str__", "__reduce__", "__getstate__", "__setstate__"))
_type_mro: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__


def methods_of(kind: type) -> Iterator[CodeType]:
    """The code of the methods of a class and its bases, its constructor and what only tells of it left out."""
    for cls in _type_mro(kind):
        for name, code in code_of(cls):
            if name not in _TELLING:
                yield from with_inner(code)


def functions_of(module: Any) -> Iterator[CodeType]:
    """The code of the functions that a module has under a name, and of the methods of its classes."""
    if not issubclass(type(module), ModuleType):
        return
    for value in list(namespace(module).values()):
        if issubclass(type(value), type):
            for _, code in code_of(value):
                yield from with_inner(code)
        elif type(value) is FunctionType:
            yield from with_inner(value.__code__)


def code_of(cls: type) -> Iterator[tuple[str, CodeType]]:
    """The methods that a class itself defines, by name; a property's are those that read and write it."""
    for name, value in list(namespace(cls).items()):
        parts: tuple[Any, ...] = (value.fget, value.fset) if type(value) is property else (value,)
        for part in parts:
            inner = part.__func__ if type(part) in (staticmethod, classmethod) else part
            if type(inner) is FunctionType:
                yield name, inner.__code__


def with_inner(code: CodeType) -> Iterator[CodeType]:
    """*code*, and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from with_inner(constant)
