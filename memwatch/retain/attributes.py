"""The name under which an object holds another, found without running the program's code.

Slots are read through their C descriptors. The names of an instance's attributes stand in its dict where it has one;
where it has none yet (CPython keeps the values inline), they are guessed from the code that can have set them, and
each guess is checked.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

from ..backend.kinds import type_label
from .references import namespace, referents

_type_mro = type.__dict__["__mro__"].__get__
_type_module = type.__dict__["__module__"].__get__
_FIELDS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (types.FunctionType, ("__closure__", "__defaults__", "__kwdefaults__", "__code__")),
    (types.BuiltinFunctionType, ("__self__",)),
    (types.TracebackType, ("tb_next",)),
    (types.FrameType, ("f_globals", "f_back")),
    (types.CellType, ("cell_contents",)),
    (BaseException, ("args", "__traceback__", "__context__", "__cause__")),
)
"""Fields that C types compute, and that are safe to read; those that they merely store are found by themselves."""
_LIBRARY_FIELDS = {
    "_asyncio.Task": ("_coro", "_callbacks", "_result", "_exception", "_loop", "_fut_waiter"),
    "_asyncio.Future": ("_callbacks", "_result", "_exception", "_loop"),
    "numpy.ndarray": ("base",),
}
_SETTERS = (types.FunctionType, staticmethod, classmethod)


def attribute_of(parent: Any, child: Any) -> str | None:
    """The name of the field of *parent* that is *child*; None if there is none or it cannot be told."""
    for name, value in _stored_fields(parent):
        if value is child:
            return name
    return _instance_attribute(parent, child)


def instance_dict_key(names: Any, value: Any) -> str | None:
    """The key of *value* in a dict of names."""
    items = list(dict.items(names)) if issubclass(type(names), dict) else list(names.items())
    return next((key for key, held in items if held is value and type(key) is str), None)


def _classes(obj: Any) -> tuple[type, ...]:
    found: tuple[type, ...] = _type_mro(type(obj))
    return found


def _stored_fields(obj: Any) -> Iterator[tuple[str, Any]]:
    """The slots of *obj*, its C members, and what the tables above name: pairs of name and value."""
    for cls in _classes(obj):
        names = namespace(cls)
        listed = next((fields for base, fields in _FIELDS if cls is base), ())
        for name in (*listed, *_LIBRARY_FIELDS.get(type_label(cls), ())):
            if name in names:
                yield from _read(names[name], name, obj)
        for name, descriptor in list(names.items()):
            if type(descriptor) is types.MemberDescriptorType and type(name) is str:
                yield from _read(descriptor, name, obj)


def _read(descriptor: Any, name: str, obj: Any) -> Iterator[tuple[str, Any]]:
    try:
        value = descriptor.__get__(obj)
    except (AttributeError, ValueError, TypeError):  # an empty slot, an empty cell
        return
    yield name, value


def _instance_attribute(obj: Any, value: Any) -> str | None:
    for held in referents(obj):
        if type(held) is dict and held is not value and (name := instance_dict_key(held, value)) is not None:
            return name
    return next((name for name in _guesses(type(obj)) if _inline_value(obj, name) is value), None)


def _inline_value(obj: Any, name: str) -> Any:
    """An attribute of the instance itself. A name that any of its classes defines is not asked: it may be a property."""
    if any(name in namespace(cls) for cls in _classes(obj) if cls is not object):
        return _shadowed_value(obj, name)
    try:
        return object.__getattribute__(obj, name)
    except (AttributeError, TypeError):
        return None


def _shadowed_value(obj: Any, name: str) -> Any:
    """An instance attribute that hides a plain value of its class; nothing if the class has more than a plain value."""
    owner = next(cls for cls in _classes(obj) if name in namespace(cls))
    default = namespace(owner)[name]
    if any("__set__" in namespace(cls) or "__get__" in namespace(cls) for cls in _classes(default)):
        return None
    return object.__getattribute__(obj, name)


def _guesses(kind: type) -> Iterator[str]:
    """Names that code sets on instances of *kind*: of its methods, its annotations, then of its module's functions."""
    seen: set[str] = set()
    for cls in _type_mro(kind):
        names = namespace(cls)
        for listed in (names.get("__static_attributes__"), names.get("__annotations__")):
            yield from _fresh(seen, listed if type(listed) in (tuple, dict) else ())
        yield from _fresh(seen, _names_in_code(list(names.values())))
    module = sys.modules.get(_type_module(kind)) if type(_type_module(kind)) is str else None
    if type(module) is types.ModuleType:
        yield from _fresh(seen, _names_in_code(list(dict.values(namespace(module)))))


def _fresh(seen: set[str], names: Iterable[Any]) -> Iterator[str]:
    for name in names:
        if type(name) is str and name not in seen:
            seen.add(name)
            yield name


def _names_in_code(functions: Iterable[Any]) -> Iterator[str]:
    for function in functions:
        inner = function.__func__ if type(function) in (staticmethod, classmethod) else function
        if type(inner) is property:
            inner = inner.fget
        if type(inner) is types.FunctionType:
            yield from _names_in(inner.__code__)


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            yield from _names_in(constant)
