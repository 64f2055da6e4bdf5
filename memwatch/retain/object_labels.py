"""What an object is called in a path, read through C slots: no code of the program runs, no data of it is shown.

The one exception are the keys of dicts, for who asked to see them: see `shown_key`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container
from types import AsyncGeneratorType, CodeType, CoroutineType, FunctionType, GeneratorType
from typing import Any

from ..backend.census.dict_keys import is_interned
from ..backend.census.referents import FrozenDict, referents_of
from ..backend.type_labels import type_label
from ..units import printable
from .references import LruCacheWrapper, live_objects, namespace

_LONGEST_KEY = 40
_LONGEST_INT = 128  # bits: such a number has about as many digits as fit
_SCALARS = (bool, float, complex, type(None))
_function_module = FunctionType.__dict__["__module__"].__get__
_function_qualname = FunctionType.__dict__["__qualname__"].__get__
_SUSPENDED: dict[int, Callable[[Any], Any]] = {
    id(kind): vars(kind)["__qualname__"].__get__ for kind in (GeneratorType, CoroutineType, AsyncGeneratorType)
}
_LENGTHS: tuple[tuple[type, Callable[[Any], int]], ...] = (
    (dict, dict.__len__),
    (FrozenDict, FrozenDict.__len__),
    (list, list.__len__),
    (tuple, tuple.__len__),
    (set, set.__len__),
    (frozenset, frozenset.__len__),
    (deque, deque.__len__),
    (LruCacheWrapper, lambda wrapper: int(LruCacheWrapper.cache_info(wrapper).currsize)),
)


def function_label(function: Any) -> str:
    """``module.qualname`` of a Python function."""
    return f"{printable(_function_module(function))}.{printable(_function_qualname(function))}"


def module_name(module: Any) -> str:
    """The name that a module bears."""
    return printable(dict.get(namespace(module), "__name__"))


def code_label(code: CodeType, names: dict[str, Any]) -> str:
    """``module.qualname`` of running code whose globals are *names*."""
    return f"{printable(dict.get(names, '__name__'))}.{printable(code.co_qualname)}"


def length(obj: object) -> int | None:
    """The length of a builtin container or of its subclass, by the builtin's own slot; None for anything else."""
    kind = type(obj)
    return next((measure(obj) for base, measure in _LENGTHS if issubclass(kind, base)), None)


def with_fewer_items(addresses: Container[int], items: int) -> set[int]:
    """Those of *addresses* at which a container lies that has fewer items."""
    live = live_objects()
    sizes = {id(it): length(it) for it in (*live, *referents_of(live)) if id(it) in addresses}
    return {address for address, size in sizes.items() if size is not None and size < items}


def suspended_name(obj: Any) -> str:
    """What the function of a generator or coroutine is called; "" for anything else."""
    read = _SUSPENDED.get(id(type(obj)))
    return printable(read(obj)) if read else ""


def key_text(key: object) -> str:
    """A dict's key: ``'name'`` if interned, ``7`` below 1000, else its type: ``str key``."""
    if type(key) is str and is_interned(key):
        return repr(key[:_LONGEST_KEY])
    if type(key) is int and -1000 < key < 1000:
        return str(key)
    return f"{printable(type_label(type(key)))} key"


def shown_key(key: object) -> str:
    """A dict's key by its value, cut at 40 characters: where the program has asked to show all keys.

    What is not of a builtin type is still shown by its type: its repr would run code of the program.
    """
    text = _tuple_text(key) if type(key) is tuple else _plain_text(key)
    return key_text(key) if text is None else text


def _plain_text(key: object) -> str | None:
    """A value of a plain builtin type as in source code; None for any other."""
    if type(key) is str or type(key) is bytes:
        return repr(key[:_LONGEST_KEY])
    if type(key) is int:
        return repr(key) if key.bit_length() <= _LONGEST_INT else None
    return repr(key) if type(key) in _SCALARS else None


def _tuple_text(items: tuple[object, ...]) -> str:
    parts: list[str] = []
    for item in items:
        text = _plain_text(item) or printable(type_label(type(item)))
        if sum(map(len, parts)) + len(text) > _LONGEST_KEY:
            parts.append("...")
            break
        parts.append(text)
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
