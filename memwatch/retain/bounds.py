"""Which containers cannot grow for ever? Their own fields say so, and code has to confirm it.

A number beside a container bounds it only if code compares it: a field called `capacity` that nobody compares is a
wish. C code and the standard library are known by name; `kept` reads what a program's own code does.
"""

from __future__ import annotations

import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from opcode import opmap
from types import FrameType, GetSetDescriptorType, MemberDescriptorType, MethodDescriptorType, WrapperDescriptorType
from typing import Any, Literal, NamedTuple

from ..backend.stopped import StoppedFrame
from ..backend.type_labels import mro_of
from ..internal import internal
from ..kinds import NUMBERS
from . import ages
from .attributes import attribute_of, instance_value, is_instance_dict
from .functions import is_container, methods_of
from .kept import kept_count, kept_length, kept_measure
from .keyed import views_by_key
from .links import holds_members
from .living import without_dead
from .loops import filled_by_calls, filled_by_loop
from .object_labels import length
from .pools import made_at_most, one_for_each_thread
from .references import LruCacheWrapper, is_small_heap, namespace, referrers
from .row_counts import rows_of
from .switches import without_off
from .views import View, views_of

_LIMITS = ("maxsize", "_maxsize", "maxlen", "max_size", "_max_size", "capacity", "max_entries", "_max_entries")
_TELLING = ("get_size", "get_maxsize", "get_max_size", "get_capacity")  # methods in C that tell the limit
_SLACK = "threshold"  # the share above its capacity to which SQLAlchemy's cache grows before it is cut
_COMPARE = opmap["COMPARE_OP"]
_EMPTY_LIST, _POINTER = [].__sizeof__(), tuple.__itemsize__
_WEAK = frozenset(map(id, (weakref.WeakValueDictionary, weakref.WeakKeyDictionary, weakref.WeakSet)))
"""By address: to ask one of them about a subclass would run code, and leave a reference in it."""

_CACHES = (
    ("re", "_cache", "_MAXCACHE"),
    ("re", "_cache2", "_MAXCACHE2"),
    ("_strptime", "_regex_cache", "_CACHE_MAX_SIZE"),
)
"""Dicts of the standard library that their module keeps below a number of its own."""

Codes = Literal["all", "living", "used"]
"""Which code may keep a bound: all of it, what somebody may run, or what has been run."""

_CODES: dict[Codes, Callable[[View], View]] = {"all": lambda view: view, "living": without_dead, "used": View.in_use}
_FAR = 16  # times what is used
_MANY = 100  # items, of a container that is worth asking for its owners
_MOST_OWNERS = 8
_MOST_INSIDE = 4  # references from a container to a list of its items
_MOST_ITEMS = 512  # where that number is not there


@internal
class Bound(NamedTuple):
    """What a container holds and what it cannot pass, both in its own unit: items, as a rule."""

    limit: int
    used: int

    @property
    def is_far(self) -> bool:
        """Whether the bound says little of how much there will be."""
        return self.limit > _FAR * self.used


def bound_of(chain: Sequence[Any], holder: Any, item_bytes: float = 0.0, codes: Codes = "all") -> Bound | None:
    """The bound of *holder*, which *chain* passes through: its own, that of the object around it, or one that code
    keeps; None without one. *item_bytes* is the size of an item, if it is known. *codes* says which code counts."""
    if type(holder) is LruCacheWrapper:
        info = LruCacheWrapper.cache_info(holder)
        return None if info.maxsize is None else Bound(int(info.maxsize), int(info.currsize))
    maxlen = deque.maxlen.__get__(holder) if issubclass(type(holder), deque) else None
    if maxlen is not None:
        return Bound(maxlen, deque.__len__(holder))
    if (bound := _bound_of_cache(holder) or _bound_of_slots(holder) or bound_in_c(holder)) is not None:
        return bound
    used = rows_of(holder) if length(holder) is None else length(holder)
    for owners in (_users_of(chain, holder), _owners_beside(chain, holder)):
        views = list(_views(chain, holder, owners, codes))
        bound = _bound_around(owners, holder, views, item_bytes) or _kept_bound(views, used, item_bytes)
        if bound is not None:
            return bound
    if (bound := _bound_of_outer(chain, holder, codes)) is not None:
        return bound
    items = length(holder) or 0
    made = made_at_most(chain, holder, items) or one_for_each_thread(chain, holder, items)
    made = made or (filled_by_loop(chain, holder, items) if items else None)
    if made is None and items and codes != "used":  # it may be a leak of the function: as code that has not run
        owners = [*_users_of(chain, holder), *_owners_beside(chain, holder)]
        made = filled_by_calls(_views(chain, holder, owners, codes), items)
    return None if made is None else Bound(*made)


def seconds_kept(chain: Sequence[Any], holder: Any, codes: Codes = "all") -> float | None:
    """How old items of *holder* become before code takes them out, if it does. *codes* says which code counts."""
    owners = [*_users_of(chain, holder), *_owners_beside(chain, holder)]
    lives = (instance_value(owner, "_TTLCache__ttl") for owner in owners)  # cachetools'
    if (life := next((it for it in lives if type(it) in NUMBERS and it > 0), None)) is not None:
        return float(life)
    found = (ages.kept_seconds(view, holder) for view in _views(chain, holder, owners, codes))
    return next((age for age in found if age is not None), None)


def are_kept_up(chain: Sequence[Any], holder: Any, seconds: float) -> bool:
    """Whether the times that the items of *holder* store show that none is older than *seconds*, as `seconds_kept`."""
    owners = [*_users_of(chain, holder), *_owners_beside(chain, holder)]
    return any(ages.are_kept_up(view, holder, seconds) for view in _views(chain, holder, owners, "used"))


def _views(chain: Sequence[Any], holder: Any, owners: Sequence[Any], codes: Codes) -> Iterator[View]:
    return map(_CODES[codes], map(without_off, (*views_of(chain, holder, owners), *views_by_key(chain, holder))))


def is_weak(chain: Sequence[Any], holder: Any) -> bool:
    """Whether *holder* is where a weak dict or set stores its references. Others keep its members then, unless the
    members hold each other there."""
    owners = owners_of(chain, holder)
    weak = next((it for it in owners if any(cls in _WEAK for cls in map(id, mro_of(type(it))))), None)
    return weak is not None and not holds_members(weak)


def owners_of(chain: Sequence[Any], holder: Any) -> list[Any]:
    """*holder*, and the instance whose attribute it is, if it is one's."""
    place = next((n for n, obj in enumerate(chain) if obj is holder), 0)
    above = list(chain[max(0, place - 2) : place])
    if len(above) == 2 and is_instance_dict(above[0], above[1]):
        return [holder, above[0]]
    return [holder, *above[-1:]]


def _users_of(chain: Sequence[Any], holder: Any) -> list[Any]:
    """The same, without *holder* where that is a table: the code of its library does not bound it."""
    owners = owners_of(chain, holder)
    return owners if length(holder) is not None or rows_of(holder) is None else owners[1:]


def _owners_beside(chain: Sequence[Any], holder: Any) -> list[Any]:
    """The instances that have *holder* as an attribute, where *chain* leads to it as an item of something else: as a
    dict of all caches by name does, beside the cache itself. All objects of a small heap are asked."""
    owner = owners_of(chain, holder)[-1]
    is_item = owner is not holder and (type(owner) is dict or type(owner) is list)
    if not is_item or (length(holder) or 0) < _MANY or not is_small_heap():
        return []
    found = referrers([holder])
    names = [it for it in found if type(it) is dict and it is not owner][:_MOST_OWNERS]
    found += referrers(names) if names else []
    owners = {id(it): it for it in found if not issubclass(type(it), (dict, list, tuple, FrameType, StoppedFrame))}
    return [it for it in list(owners.values())[:_MOST_OWNERS] if attribute_of(it, holder) is not None]


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


def _bound_around(owners: Sequence[Any], holder: Any, views: Iterable[View], item_bytes: float) -> Bound | None:
    """By the usual names of a limit, which may be one of bytes: then code compares it with what it has added up."""
    used = length(holder)
    for owner in owners:
        cachetools = _whole(instance_value(owner, "_Cache__maxsize")), _whole(instance_value(owner, "_Cache__currsize"))
        if cachetools[0] and cachetools[1] is not None:
            return Bound(cachetools[0], cachetools[1])
        name = None if owner is holder else attribute_of(owner, holder)
        limit = next((it for limit in _LIMITS if (it := _enforced(owner, limit, name))), None)
        if limit is not None and used is not None:
            measures = (kept_measure(view, used, item_bytes * used) for view in views)
            return Bound(*next(filter(None, measures), (limit, used)))
    return None


def _bound_of_outer(chain: Sequence[Any], holder: Any, codes: Codes) -> Bound | None:
    """The bound of the container that has its items in *holder*, by the code of who uses it: a sorted list has them in
    a list of lists."""
    place = next((n for n, obj in enumerate(chain) if obj is holder), 0)
    inside = range(max(0, place - _MOST_INSIDE), place)
    outer = next((n for n in reversed(inside) if _is_container_of_code(type(chain[n]))), None)
    if outer is None or outer == place or (used := _items_beside(chain[place - 1], holder)) is None:
        return None
    way, container = chain[: outer + 1], chain[outer]
    return _kept_bound(_views(way, container, owners_of(way, container)[1:], codes), used, 0.0)


def _is_container_of_code(kind: type) -> bool:
    return is_container(kind) and not issubclass(kind, (dict, list, set, tuple, deque, str, bytes, bytearray))


def _items_beside(parts: Any, holder: Any) -> int | None:
    """How many items *holder* has, or all of *parts* if it is one of these."""
    if type(parts) is list and any(it is holder for it in parts):
        return sum(length(it) or 0 for it in list(parts))
    return length(holder)


def _bound_of_slots(holder: Any) -> Bound | None:
    """The bound of a list that was made with a place for each item, filled with None. A list that is appended to has
    more room than it needs."""
    if type(holder) is not list or list.__sizeof__(holder) > _EMPTY_LIST + _POINTER * len(holder):
        return None
    free = sum(it is None for it in holder) if holder and holder[-1] is None else 0
    return Bound(len(holder), len(holder) - free) if free else None


def bound_in_c(holder: Any) -> Bound | None:
    """The bound of a container of an extension module that stores its limit in a C field, or has a method in C that
    tells it. There is no Python code to confirm it. Only C code is called for that and to count the items, none of the
    program's."""
    fields = {name: (cls, value) for cls in reversed(mro_of(type(holder))) for name, value in namespace(cls).items()}
    if type(fields.get("__len__", (None, None))[1]) is not WrapperDescriptorType:
        return None
    for name in (*_LIMITS, *_TELLING):
        cls, field = fields.get(name, (None, None))
        asks = name in _TELLING and type(field) is MethodDescriptorType
        is_read = asks or type(field) is GetSetDescriptorType or type(field) is MemberDescriptorType
        if is_read and "__slots__" not in namespace(cls) and (limit := _whole(_read(field, holder, asks))):
            return Bound(limit, len(holder))
    return None


def _read(field: Any, holder: Any, asks: bool) -> Any:
    try:
        return field.__get__(holder)() if asks else field.__get__(holder)
    except Exception:  # whatever an extension raises
        return None


def _kept_bound(views: Iterable[View], used: int | None, item_bytes: float) -> Bound | None:
    if used is None:
        return None
    for view in views:
        if (kept := kept_length(view, used)) is not None:
            return Bound(kept, used)
        if (measure := kept_measure(view, used, item_bytes * used)) is not None:
            return Bound(*measure)
        if (count := kept_count(view, used)) is not None:
            return Bound(count, used)
    return None


def _whole(value: Any) -> int | None:
    return int(value) if type(value) in NUMBERS and 0 <= value < 1 << 62 else None


def _enforced(owner: Any, limit: str, name: str | None) -> int | None:
    """The number that *owner* has under *limit*, if its class is a container, or uses *name*, and compares the
    number."""
    value = instance_value(owner, limit)
    if type(value) is not int or value <= 0 or not _compares(type(owner), limit, name):
        return None
    slack = instance_value(owner, _SLACK)
    return value + int(value * slack) if type(slack) is float and 0 < slack <= 1 else value


def _compares(kind: type, limit: str, name: str | None) -> bool:
    counts = is_container(kind)
    for code in methods_of(kind):
        names = code.co_names
        if limit in names and (counts or name in names) and _COMPARE in code.co_code[::2]:
            return True
    return False
