"""What does a step of a path lead to? The labels of its types, its name, its length, and its traits.

A trait may also be one of the words below. Fields are read through C slots; no code of the program runs.
"""

from __future__ import annotations

import types
import weakref
from array import array
from collections.abc import Iterator
from itertools import islice
from mmap import mmap
from typing import Any

from ..backend.census.arrays import array_type
from ..backend.census.referents import shown_by
from ..backend.type_labels import mro_of, type_label
from ..kinds import Kinds
from .attributes import instance_value
from .object_labels import function_label, length, suspended_name
from .references import LruCacheWrapper, contents, namespace
from .steps import CALLABLE, CHAINED, IN_OWN_ARRAY, SMALL_VIEW, WRAPPED, Edge, Step

METHOD_CACHE = "cache of a method"
"""A function cache whose function takes ``self`` or ``cls``: it keeps the objects that it is called on."""

SELF_FINALIZER = "finalizer that holds its object"

HOLDS_MEMBERS = "holds its members"
"""A weak dictionary of which the values hold their keys, or the keys their values: it is not weak."""

_SMALL = 2
_LONG = 8  # objects of one type in a row
_SEARCHED = 200  # objects that are looked through
_FEW = 10  # items that stand for all
_BETWEEN = Kinds(dict, tuple, types.CellType, types.MethodType, type(iter(())), type(iter([])))
_WEAK_DICTS = frozenset(map(id, (weakref.WeakKeyDictionary, weakref.WeakValueDictionary)))
"""By address: to ask one of them about a subclass would run code of the program, for they are abstract classes."""

_view_bytes, _viewed = (vars(memoryview)[name].__get__ for name in ("nbytes", "obj"))
_BUFFERS: tuple[tuple[type, Any], ...] = tuple((kind, kind.__len__) for kind in (bytes, bytearray, mmap))
_array_item: Any = vars(array)["itemsize"].__get__
_INFO: Any = vars(weakref.finalize)["_Info"]
_info_field = {name: vars(_INFO)[name].__get__ for name in ("weakref", "func", "args", "kwargs")}


def step_to(edge: Edge, target: Any, last: bool = False, bare: bool = False) -> Step:
    """The step over *edge* to *target*, which may be the *last* of its path; with *bare* the edge alone is shown."""
    kind = type(target)
    label, *traits = [type_label(base) for base in mro_of(kind) if base is not object] or [type_label(kind)]
    name = ""
    if kind is LruCacheWrapper:
        function = next((item for item in shown_by(target) if type(item) is types.FunctionType), None)
        name = function_label(function) if function else ""
        traits += [METHOD_CACHE] if function and _is_method(function) else []
    elif kind is types.FunctionType:
        name = function_label(target)
    elif issubclass(kind, type):
        name = type_label(target)
    elif kind is _INFO:
        traits += [SELF_FINALIZER] if _holds_its_object(target) else []
    elif _is_small_view(target):
        traits.append(SMALL_VIEW)
    elif holds_members(target):
        traits.append(HOLDS_MEMBERS)
    else:
        name = suspended_name(target)
    if last and _is_callable(kind):
        traits.append(CALLABLE)
    if last and _is_chained(target):
        traits += [CHAINED, WRAPPED] if kind is types.FunctionType else [CHAINED]
    if last and _is_in_own_array(target):
        traits.append(IN_OWN_ARRAY)
    return Step(edge, label, name, length(target), tuple(traits), bare)


def _is_in_own_array(target: Any) -> bool:
    """Whether an array of objects near below *target* has it among its items."""
    kind, apart = array_type(), (types.ModuleType, type, types.FunctionType)
    if kind is None or issubclass(type(target), (*apart, kind)):
        return False
    level, seen = [target], {id(target)}
    while level and len(seen) <= _SEARCHED:
        small = [obj for obj in level if (length(obj) or 0) <= _SEARCHED]
        near = [(obj, held) for obj in small for held in contents(obj)[:_SEARCHED]]
        if any(held is target and issubclass(type(obj), kind) for obj, held in near):
            return True
        fresh = {id(held): held for _, held in near if id(held) not in seen and not issubclass(type(held), apart)}
        seen.update(fresh)
        level = list(fresh.values())
    return False


def _is_method(function: types.FunctionType) -> bool:
    code = function.__code__
    return code.co_argcount > 0 and code.co_varnames[0] in ("self", "cls")


def _is_callable(kind: type) -> bool:
    return any(type(namespace(base).get("__call__")) is types.FunctionType for base in mro_of(kind))


def _is_chained(target: Any) -> bool:
    """Whether *target* is the first of many objects of its type, each held by the one before it."""
    if issubclass(type(target), (types.ModuleType, type)):
        return False
    level, seen = [target], {id(target)}
    for _ in range(_LONG - 1):
        near = {id(obj): obj for held in level for obj in _near(held) if type(obj) is type(target)}
        level = [obj for place, obj in near.items() if place not in seen]
        seen.update(near)
        if not level or len(seen) > _SEARCHED:
            return False
    return True


def _near(obj: Any) -> list[Any]:
    """What *obj* refers to, itself or by its attributes, variables or arguments; nothing if it is large."""
    found = _parts_of(obj) if type(obj) is types.FunctionType else contents(obj)
    if len(found) > _SEARCHED:
        return []
    for held in found:  # grows while it is walked
        if type(held) in _BETWEEN and len(found) <= _SEARCHED and (length(held) or 0) <= _SEARCHED:
            found.extend(contents(held))
    return found


def _parts_of(function: types.FunctionType) -> list[Any]:
    """What a function has of its own: variables of outer functions, defaults, and what it wraps. Its module's names are
    left out."""
    return [*(function.__closure__ or ()), *(function.__defaults__ or ()), getattr(function, "__wrapped__", None)]


def holds_members(weak: Any) -> bool:
    """Whether *weak* is a weak dictionary whose values lead to their keys, or whose keys lead to their values."""
    if _WEAK_DICTS.isdisjoint(map(id, mro_of(type(weak)))):
        return False
    data = instance_value(weak, "data")
    try:
        pairs = list(islice(reversed(data.items()), _FEW)) if type(data) is dict else []
    except RuntimeError:  # another thread changed it meanwhile
        return False
    held = sum(_leads_to_member(key, value) for key, value in pairs)
    return held > 0 and 2 * held >= len(pairs)


def _leads_to_member(key: Any, value: Any) -> bool:
    reference, other = (key, value) if issubclass(type(key), weakref.ref) else (value, key)
    if not issubclass(type(reference), weakref.ref):
        return False
    member = weakref.ref.__call__(reference)
    return member is not None and any(obj is member for obj in _search([other]))


def _is_small_view(view: Any) -> bool:
    """Whether *view* is a memoryview or a numpy array that shows less than half of its buffer."""
    numpy_array = array_type()
    if type(view) is memoryview:
        try:
            shown, buffer = _view_bytes(view), _viewed(view)
        except ValueError:  # it is released
            return False
    elif numpy_array is not None and issubclass(type(view), numpy_array):
        fields = namespace(numpy_array)
        shown, buffer = fields["nbytes"].__get__(view), fields["base"].__get__(view)
    else:
        return False
    return _size_of_buffer(buffer, numpy_array) >= max(1, _SMALL * int(shown))


def _size_of_buffer(buffer: Any, numpy_array: type | None) -> int:
    """Its bytes; 0 if they are not known."""
    kind = type(buffer)
    if (read := next((length for known, length in _BUFFERS if known is kind), None)) is not None:
        try:
            return int(read(buffer))
        except ValueError:  # a closed mmap
            return 0
    if kind is array:
        return int(array.__len__(buffer) * _array_item(buffer))
    if numpy_array is not None and issubclass(kind, numpy_array):
        return int(namespace(numpy_array)["nbytes"].__get__(buffer))
    return 0


def _holds_its_object(info: Any) -> bool:
    """Whether the callback of a finalizer, or its arguments, lead to the object that it waits for."""
    watched = weakref.ref.__call__(_info_field["weakref"](info))
    below = [_info_field[name](info) for name in ("func", "args", "kwargs")]
    return any(obj is watched for obj in _search(below) if obj is not None)


def _search(below: list[Any]) -> Iterator[Any]:
    """*below* and what it refers to, near objects first. Modules, classes and the names of functions are not
    entered."""
    seen: set[int] = set()
    for obj in below:  # grows while it is walked
        if id(obj) in seen or len(seen) == _SEARCHED:
            continue
        seen.add(id(obj))
        yield obj
        if type(obj) is types.FunctionType:
            below.extend(_parts_of(obj))
        elif not issubclass(type(obj), (types.ModuleType, type)):
            below.extend(contents(obj))
