"""Which containers cannot grow for ever: read from their own fields, and believed where code of theirs compares them.

A number beside a container bounds it only if its class looks at that number: a field called `capacity` that nobody
compares with anything is a wish. C code and the standard library are known by name.
"""

from __future__ import annotations

import sys
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from opcode import opmap
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from ..internal import internal
from .attributes import attribute_of, instance_value, is_instance_dict
from .functions import functions_of, methods_of
from .object_labels import length
from .references import LruCacheWrapper, namespace

_LIMITS = ("maxsize", "_maxsize", "maxlen", "max_size", "_max_size", "capacity", "max_entries", "_max_entries")
_SLACK = "threshold"  # the share above its capacity to which SQLAlchemy's cache grows before it is cut
_LENGTHS = ("__len__", "qsize")
_TAKES_OUT = frozenset(("pop", "popitem", "popleft", "clear", "remove", "discard"))
_DELETES = frozenset(opmap[name] for name in ("DELETE_SUBSCR", "DELETE_SLICE") if name in opmap)
_COMPARE = opmap["COMPARE_OP"]
_WEAK = frozenset(map(id, (weakref.WeakValueDictionary, weakref.WeakKeyDictionary, weakref.WeakSet)))
"""By address: to ask one of them about a subclass would run code, and leave a reference in it."""

_CACHES = (
    ("re", "_cache", "_MAXCACHE"),
    ("re", "_cache2", "_MAXCACHE2"),
    ("_strptime", "_regex_cache", "_CACHE_MAX_SIZE"),
)
"""Dicts of the standard library that their module keeps below a number of its own."""

_MOST_ITEMS = 512  # where that number is not there
_type_mro: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__


@internal
class Bound(NamedTuple):
    """What a container holds and what it cannot pass, both in its own unit: items, as a rule."""

    limit: int
    used: int


def bound_of(chain: Sequence[Any], holder: Any) -> Bound | None:
    """The bound of *holder*, which *chain* passes through, as it or the object around it says; None without one."""
    if type(holder) is LruCacheWrapper:
        info = LruCacheWrapper.cache_info(holder)
        return None if info.maxsize is None else Bound(int(info.maxsize), int(info.currsize))
    maxlen = deque.maxlen.__get__(holder) if issubclass(type(holder), deque) else None
    if maxlen is not None:
        return Bound(maxlen, deque.__len__(holder))
    return _bound_of_cache(holder) or _bound_around(owners_of(chain, holder), holder)


def is_weak(chain: Sequence[Any], holder: Any) -> bool:
    """Whether *holder* is where a weak dict or set keeps its references: then others keep its members."""
    return any(cls in _WEAK for around in owners_of(chain, holder) for cls in map(id, _type_mro(type(around))))


def owners_of(chain: Sequence[Any], holder: Any) -> list[Any]:
    """*holder*, and the instance whose attribute it is, if it is one's."""
    place = next((n for n, obj in enumerate(chain) if obj is holder), 0)
    above = list(chain[max(0, place - 2) : place])
    if len(above) == 2 and is_instance_dict(above[0], above[1]):
        return [holder, above[0]]
    return [holder, *above[-1:]]


def _bound_of_cache(holder: Any) -> Bound | None:
    if type(holder) is not dict:
        return None
    used = len(holder)
    for module, name, limit in _CACHES:
        names: dict[str, Any] = vars(sys.modules[module]) if module in sys.modules else {}
        if names.get(name) is holder:
            most = names.get(limit)
            return Bound(most if type(most) is int else _MOST_ITEMS, used)
    return None


def _bound_around(owners: Sequence[Any], holder: Any) -> Bound | None:
    used = length(holder)
    for owner in owners:
        cachetools = _whole(instance_value(owner, "_Cache__maxsize")), _whole(instance_value(owner, "_Cache__currsize"))
        if cachetools[0] and cachetools[1] is not None:
            return Bound(cachetools[0], cachetools[1])
        name = None if owner is holder else attribute_of(owner, holder)
        limit = next((it for limit in _LIMITS if (it := _enforced(owner, limit, name))), None)
        if limit is not None and used is not None:
            return Bound(limit, used)
        if used is not None and (kept := _kept_length(owner, name, used)) is not None:
            return Bound(kept, used)
    return None


def _kept_length(owner: Any, name: str | None, used: int) -> int | None:
    """The least number that *used* has not passed, in code of *owner* that compares a length and takes something out.

    *owner* is an object or a module, *name* what it calls the container, unless it is the container itself. Numbers
    with a name go before others: `del rows[:10]` names how many go. One more may be there than the number says, where
    the comparison comes after the adding.
    """
    is_module = issubclass(type(owner), ModuleType)
    if name is None and (is_module or not _is_container(type(owner))):
        return None
    home = owner if is_module else sys.modules.get(str(instance_value(owner, "__module__")))
    codes = functions_of(owner) if is_module else methods_of(type(owner))
    found = [code for code in codes if (name is None or name in code.co_names) and _keeps_a_length(code)]
    named = [instance_value(it, word) for code in found for word in code.co_names for it in (owner, home)]
    written = [constant for code in found for constant in code.co_consts]
    for numbers in (named, written):
        kept = [it for it in numbers if type(it) is int and it > 1 and used <= it + 1]
        if kept:
            return min(kept)
    return None


def _keeps_a_length(code: CodeType) -> bool:
    codes = code.co_code[::2]
    takes_out = not _TAKES_OUT.isdisjoint(code.co_names) or not _DELETES.isdisjoint(codes)
    return takes_out and "len" in code.co_names and _COMPARE in codes


def _whole(value: Any) -> int | None:
    return int(value) if type(value) in (int, float) and 0 <= value < 1 << 62 else None


def _enforced(owner: Any, limit: str, name: str | None) -> int | None:
    """The number that *owner* has under *limit*, if its class is a container, or handles *name*, and compares it."""
    value = instance_value(owner, limit)
    if type(value) is not int or value <= 0 or not _compares(type(owner), limit, name):
        return None
    slack = instance_value(owner, _SLACK)
    return value + int(value * slack) if type(slack) is float and 0 < slack <= 1 else value


def _is_container(kind: type) -> bool:
    return any(named in namespace(cls) for cls in _type_mro(kind) if cls is not object for named in _LENGTHS)


def _compares(kind: type, limit: str, name: str | None) -> bool:
    is_container = _is_container(kind)
    for code in methods_of(kind):
        names = code.co_names
        if limit in names and (is_container or name in names) and _COMPARE in code.co_code[::2]:
            return True
    return False
