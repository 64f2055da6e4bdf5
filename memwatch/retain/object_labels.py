"""What is an object called in a path? It is read through C slots: no code of the program runs, no data of it is shown.

`redaction` does the same for keys.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container
from types import AsyncGeneratorType, CodeType, CoroutineType, FunctionType, GeneratorType
from typing import Any

from ..backend.census.referents import FrozenDict, referents_of
from ..units import printable
from .references import LruCacheWrapper, live_objects, namespace

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
    """Those of *addresses* at which there is a container with fewer than so many items."""
    live = live_objects()
    sizes = {id(it): length(it) for it in (*live, *referents_of(live)) if id(it) in addresses}
    return {address for address, size in sizes.items() if size is not None and size < items}


def suspended_name(obj: Any) -> str:
    """What the function of a generator or coroutine is called; "" for anything else."""
    read = _SUSPENDED.get(id(type(obj)))
    return printable(read(obj)) if read else ""
