"""The name under which an object holds another, found without running the program's code.

Slots are read through their C descriptors. The names of an instance's attributes stand in its dict where it has one;
where it has none yet (CPython keeps the values inline), the C backend reads them there. Without it they are guessed
from the code that can have set them, and each guess is checked.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from ..backend.census.dict_keys import is_interned, key_of
from ..backend.census.referents import READS_ATTRIBUTES, attributes_in, kind_of_dict, shown_by
from ..backend.stopped import StoppedFrame
from ..backend.type_labels import mro_of, size_reader, type_label
from ..kinds import METHOD_WRAPPERS, Kinds
from .functions import functions_of
from .references import OWN, distance, modules, namespace, read_frames

_type_module = type.__dict__["__module__"].__get__
_FIELDS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (types.FunctionType, ("__closure__", "__defaults__", "__kwdefaults__", "__code__")),
    (types.BuiltinFunctionType, ("__self__",)),
    (types.TracebackType, ("tb_next",)),
    (types.FrameType, ("f_globals", "f_back")),
    (StoppedFrame, ("f_globals", "f_back")),
    (types.CellType, ("cell_contents",)),
    (BaseException, ("args", "__traceback__", "__context__", "__cause__")),
)
"""Fields that C types compute, and that are safe to read; those that they merely store are found by themselves."""
_NAMES = Kinds(tuple, dict)
_LONGEST_NAME = 40  # of the interpreter's own
_FIRST = 64  # items of a dict, among which some are an instance's attributes if it is one's
_MOST_GUESSED = 2000  # names, or a large program is looked through for each object on a path
_LIBRARY_FIELDS = {
    "_asyncio.Task": ("_coro", "_callbacks", "_result", "_exception", "_loop", "_fut_waiter"),
    "_asyncio.Future": ("_callbacks", "_result", "_exception", "_loop"),
    "numpy.ndarray": ("base",),
}


def attribute_of(parent: Any, child: Any) -> str | None:
    """The name of the field of *parent* that is *child*; None if there is none or it is not known."""
    return slot_of(parent, child) or instance_key_of(parent, child)


def slot_of(parent: Any, child: Any) -> str | None:
    """The same for the fields of the type alone: its slots, and those of C code."""
    return next((name for name, value in _stored_fields(parent) if value is child), None)


def successor_in_slot(parent: Any, gone: Any) -> str | None:
    """The same for what has replaced *gone* there, as `key_of_successor` knows it: an error that is raised again has
    another traceback."""
    return _successor(list(_stored_fields(parent)), gone)


def instance_key_of(parent: Any, child: Any) -> str | None:
    """The same for the instance's own attributes alone. The key may be a name, or data: see `is_name`."""
    if not _dict_offset(type(parent)):  # else each of the dicts in a dict would be taken for its attributes
        return None
    for held in shown_by(parent):
        if is_instance_dict(parent, held):
            return None if held is child else text_key_of(held, child)
    if pairs := attributes_in(parent):
        found = next((name for name, held in pairs if held is child), None)
        return found or (None if is_instance_dict(parent, child) else _successor(pairs, child))
    if READS_ATTRIBUTES:
        return None
    names = islice(_guesses(type(parent)), _MOST_GUESSED)
    return next((name for name in names if instance_value(parent, name) is child), None)


def fields_of(obj: Any) -> list[tuple[str, Any]]:
    """The fields of *obj* whose names stand in source code, with their values: its slots, then its attributes."""
    found = dict(_stored_fields(obj))
    if _dict_offset(type(obj)):
        held = next((held for held in shown_by(obj) if is_instance_dict(obj, held)), None)
        found |= dict_items(held) if held is not None else attributes_in(obj) or _guessed(obj)
    return [(name, value) for name, value in found.items() if is_name(name)]


def _guessed(obj: Any) -> dict[str, Any]:
    """The attributes of *obj* where they cannot be read: names that stand in code and in no class of *obj*. An
    attribute that is None is left out."""
    names = () if READS_ATTRIBUTES else islice(_guesses(type(obj)), _MOST_GUESSED)
    values = ((name, instance_value(obj, name)) for name in names if not _is_defined(obj, name))
    return {name: value for name, value in values if value is not None}


def text_key_of(names: Any, value: Any) -> str | None:
    """The key of *value* in such a dict, if it is a str: a name, or data."""
    items = dict_items(names) if issubclass(type(names), dict) else list(names.items())
    return next((key for key, held in items if held is value and type(key) is str), None)


def key_of_successor(names: Any, gone: Any) -> str | None:
    """The key of the object that has replaced *gone*: the only value of its type and of about its size. A program that
    makes a text or an array longer replaces it, perhaps while a path is drawn."""
    items = dict_items(names) if issubclass(type(names), dict) else list(names.items())
    return None if any(key is gone for key, _ in items) else _successor(items, gone)


def _successor(items: list[tuple[Any, Any]], gone: Any) -> str | None:
    read = size_reader(type(gone))
    try:
        size = read(gone)
        alike = [key for key, it in items if type(it) is type(gone) and size <= 2 * read(it) and read(it) <= 2 * size]
    except Exception:  # a C type whose __sizeof__ fails
        return None
    return alike[0] if len(alike) == 1 and type(alike[0]) is str else None


def is_name(name: object) -> bool:
    """Whether the key of a namespace is the name of a variable. One that no source code wrote is data.

    The interpreter's own names, as ``__warningregistry__``, are not interned where C code wrote them.
    """
    if type(name) is not str:
        return False
    is_own = len(name) <= _LONGEST_NAME and name[:2] == name[-2:] == "__" and name.isidentifier()
    return is_own or is_interned(name)


def is_instance_dict(obj: Any, names: Any) -> bool:
    """Whether *names* is the ``__dict__`` of *obj*. It is then no attribute of its own: it repeats the others."""
    if type(names) is not dict:
        return False
    items = [item for item in dict_items(names, _FIRST) if type(item[0]) is str]
    sample = [item for item in items if not _is_defined(obj, item[0])][:3]
    if not items or any(instance_value(obj, name) is not value for name, value in sample):
        return False
    own = attributes_in(obj) or ()
    if not sample:  # its class has them all, and to ask for one might run the program's code
        known = dict(own)
        if any(known.get(name) is not value for name, value in items) if known else slot_of(obj, names) is not None:
            return False
    return not any(value is names for _, value in own)


def dict_items(source: Any, most: int | None = None) -> list[tuple[Any, Any]]:
    """The items of a dict that other threads may be changing, or the first *most* of them; empty if it keeps
    changing."""
    for _ in range(3):
        try:
            return list(islice(kind_of_dict(source).items(source), most))
        except RuntimeError:
            continue
    return []


def key_of_item(source: Any, value: Any) -> tuple[Any] | None:
    """The last key of a dict under which *value* is stored, as the only item of a tuple; None without one."""
    return key_of(source, value)


def is_key_of(source: Any, key: Any) -> bool:
    """Whether that very object is a key of a dict."""
    return key_of(source, key, is_key=True) is not None


_dict_offset: Any = vars(type)["__dictoffset__"].__get__


def _classes(obj: Any) -> tuple[type, ...]:
    found: tuple[type, ...] = mro_of(type(obj))
    return found


def _stored_fields(obj: Any) -> Iterator[tuple[str, Any]]:
    """The slots of *obj*, its C members, and the fields in the tables above, as pairs of name and value."""
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


def _is_defined(obj: Any, name: str) -> bool:
    return any(name in namespace(cls) for cls in _classes(obj))


def instance_value(obj: Any, name: str) -> Any:
    """An attribute of the instance itself; nothing where a class defines more than a plain value under that name."""
    if _is_defined(obj, name):
        return _shadowed_value(obj, name)
    try:
        return object.__getattribute__(obj, name)
    except (AttributeError, TypeError):
        return None


def _shadowed_value(obj: Any, name: str) -> Any:
    """A slot, or an instance attribute that hides a value of its class. Other descriptors may be properties, and are
    not called."""
    owner = next(cls for cls in _classes(obj) if name in namespace(cls))
    default = namespace(owner)[name]
    if type(default) is types.MemberDescriptorType:
        return next((value for _, value in _read(default, name, obj)), None)
    if any("__set__" in namespace(cls) or "__get__" in namespace(cls) for cls in _classes(default)):
        return None
    return object.__getattribute__(obj, name)


def _guesses(kind: type) -> Iterator[str]:
    """Names that code sets on instances of *kind*: from its methods, its annotations, its module's functions, the
    program's own modules, and running code, in that order."""
    seen: set[str] = set()
    for cls in mro_of(kind):
        names = namespace(cls)
        for listed in (names.get("__static_attributes__"), names.get("__annotations__")):
            yield from _fresh(seen, listed if type(listed) in _NAMES else ())
        yield from _fresh(seen, _names_in_code(list(names.values())))
    module = sys.modules.get(_type_module(kind)) if type(_type_module(kind)) is str else None
    if type(module) is types.ModuleType:
        yield from _fresh(seen, _names_in_code(list(dict.values(namespace(module)))))
    for code in (code for name, it in modules() if distance(name, it) <= OWN for code in functions_of(it)):
        yield from _fresh(seen, code.co_names)
    for code in [frame.f_code for _, frame in read_frames()]:
        yield from _fresh(seen, code.co_names)


def _fresh(seen: set[str], names: Iterable[Any]) -> Iterator[str]:
    for name in names:
        if type(name) is str and name not in seen:
            seen.add(name)
            yield name


def _names_in_code(functions: Iterable[Any]) -> Iterator[str]:
    for function in functions:
        inner = function.__func__ if type(function) in METHOD_WRAPPERS else function
        if type(inner) is property:
            inner = inner.fget
        if type(inner) is types.FunctionType:
            yield from _names_in(inner.__code__)


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            yield from _names_in(constant)
