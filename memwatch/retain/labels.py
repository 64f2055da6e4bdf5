"""What an object is called, read through C slots alone: no code of the program runs, no data of it is shown."""

from __future__ import annotations

import functools
import marshal
import sys
from collections import deque
from collections.abc import Callable
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType, ModuleType
from typing import Any

LruCacheWrapper: type[Any] = type(functools.lru_cache(lambda: None))

_LONGEST_KEY = 40
_type_module = type.__dict__["__module__"].__get__
_type_qualname = type.__dict__["__qualname__"].__get__
_type_mro = type.__dict__["__mro__"].__get__
_type_namespace = type.__dict__["__dict__"].__get__
_module_namespace = ModuleType.__dict__["__dict__"].__get__
_function_module = FunctionType.__dict__["__module__"].__get__
_function_qualname = FunctionType.__dict__["__qualname__"].__get__
_SUSPENDED: dict[int, tuple[str, Any]] = {
    id(kind): (word, vars(kind)["__qualname__"].__get__)
    for kind, word in ((GeneratorType, "generator"), (CoroutineType, "coroutine"), (AsyncGeneratorType, "generator"))
}
_LENGTHS: tuple[tuple[type, Callable[[Any], int]], ...] = (
    (list, list.__len__),
    (dict, dict.__len__),
    (set, set.__len__),
    (frozenset, frozenset.__len__),
    (deque, deque.__len__),
    (bytearray, bytearray.__len__),
    (LruCacheWrapper, lambda wrapper: int(LruCacheWrapper.cache_info(wrapper).currsize)),
)


def mro(kind: type) -> tuple[type, ...]:
    """The classes that *kind* inherits from, itself first."""
    found: tuple[type, ...] = _type_mro(kind)
    return found


def namespace(owner: Any) -> Any:
    """The names of a module (a dict) or of a class (a read-only mapping)."""
    return _module_namespace(owner) if issubclass(type(owner), ModuleType) else _type_namespace(owner)


def printable(text: object) -> str:
    """*text* on one line; characters that do not print are escaped. What is no exact str becomes ``?``."""
    if type(text) is not str:
        return "?"
    return text if text.isprintable() else repr(text)[1:-1]


def type_label(kind: type) -> str:
    """``module.Qualname``, or the bare name of a builtin."""
    module, name = _type_module(kind), printable(_type_qualname(kind))
    return name if type(module) is str and module == "builtins" else f"{printable(module)}.{name}"


def function_label(function: Any) -> str:
    """``module.qualname`` of a Python function."""
    return f"{printable(_function_module(function))}.{printable(_function_qualname(function))}"


def wrapped_function(wrapper: Any, referents: list[Any]) -> str | None:
    """The label of the function among the *referents* of an lru_cache wrapper."""
    return next((function_label(item) for item in referents if type(item) is FunctionType), None)


def is_class(obj: object) -> bool:
    """Whether *obj* is a class; asks its type, never its ``__class__``."""
    return issubclass(type(obj), type)


def length(obj: object) -> int | None:
    """The length of a builtin container or of its subclass, by the builtin's own slot; None for anything else."""
    kind = type(obj)
    if kind is tuple:
        return tuple.__len__(obj)  # type: ignore[arg-type]  # kind is obj's type
    for base, measure in _LENGTHS:
        if kind is base or issubclass(kind, base):
            return measure(obj)
    return None


def describe(obj: Any, referents: Callable[[Any], list[Any]]) -> str:
    """What a step leads to: ``dict, 640 items``, ``app.Order``, ``class app.Order``, ``function app.handle``.

    *referents* lists what an object refers to; it is asked for lru_cache wrappers alone.
    """
    items = length(obj)
    name = _name(obj, referents)
    return name if items is None else f"{name}, {items:,} item{'s' * (items != 1)}".replace(",", "", items >= 1000)


def _name(obj: Any, referents: Callable[[Any], list[Any]]) -> str:
    kind = type(obj)
    if kind is FunctionType:
        return f"function {function_label(obj)}"
    if kind is LruCacheWrapper:
        of = wrapped_function(obj, referents(obj))
        return f"functools.lru_cache wrapper of {of}" if of else "functools.lru_cache wrapper"
    if is_class(obj):
        return f"class {type_label(obj)}"
    if (suspended := _SUSPENDED.get(id(kind))) is not None:
        return f"{suspended[0]} {printable(suspended[1](obj))}"
    return type_label(kind)


def holder_label(obj: object) -> str:
    """The type of a container as people call it."""
    return "functools.lru_cache" if type(obj) is LruCacheWrapper else type_label(type(obj))


def is_interned(text: str) -> bool:
    """Whether an exact str stands for a name or literal of source code rather than for data.

    Before 3.13 only marshal tells: it writes interned strings under other type codes, and changes nothing.
    """
    if sys.version_info >= (3, 13):
        return sys._is_interned(text)
    return marshal.dumps(text)[0] & 0x7F in b"tAZ"


def key_text(key: object) -> str:
    """A dict's key as a step: ``['name']`` if interned, ``[7]`` below 1000, else its type: ``[str key]``."""
    if type(key) is str and is_interned(key):
        return f"[{key[:_LONGEST_KEY]!r}]"
    if type(key) is int and -1000 < key < 1000:
        return f"[{key}]"
    return f"[{type_label(type(key))} key]"
