"""Does a container belong to a library's class or module, or to the program?

The program can neither bound nor empty what a library keeps for itself. What the program has put on a library's object
under a name of its own is the program's. The code that names the attribute decides; a private name belongs to the
library that names it, even if the program uses such a name elsewhere. Nothing is run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from ..backend.type_labels import mro_of, type_label
from ..internal import internal
from .functions import functions_of
from .path import RetainingPath
from .references import OWN, distance, distance_of_file, modules, namespace
from .steps import ATTRIBUTES, EdgeKind, Root, RootKind, Step

_WEAK = ("weakref.WeakKeyDictionary", "weakref.WeakValueDictionary", "_weakrefset.WeakSet")
_QUEUES = ("queue.Queue", "queue._PySimpleQueue", "asyncio.queues.Queue", "multiprocessing.queues.Queue")
_WRAPPERS = frozenset((*_WEAK, *_QUEUES, "collections.UserDict", "collections.UserList"))
"""Classes whose container is a part of themselves: it belongs to whoever keeps the whole."""
_STANDARD = 3  # the distance of the standard library
_COMPILED = (".so", ".pyd")


@internal
class Owner(NamedTuple):
    """The library's class or module, the attribute of it, the file of the module that names it ("" if it has none),
    and whether that is the standard library."""

    name: str
    attribute: str
    file: str
    is_standard: bool


def find_owner(path: RetainingPath) -> Owner | None:
    """The owner of the container at the end of *path*, if it is a library; None if it is the program's, or not known.

    The last attribute on the path counts: what lies in a container of its own lies in that of the library, unless it is
    stored under a key that is a name in the program's code.
    """
    number = attribute_on(path)
    if number is None:
        return None
    holders: list[Root | Step] = [path.root, *path.steps]
    attribute = path.steps[number].edge.name
    holder = holders[number]
    imported = _imported_from(holder, attribute)
    module = imported or next(
        (it for it in map(_module_of, _labels(holder)) if it is not None and _names(it, attribute)), None
    )
    in_c = _module_in_c(holder) if module is None else None
    module = module or in_c
    if module is None or distance(*module) <= OWN:
        return None
    is_public = imported is None and (in_c is not None or not attribute.startswith("_"))
    if is_public and any(_names(it, attribute) for it in _own_modules()):
        return None
    keys = {step.edge.name.strip("'") for step in path.steps[number + 1 : -1] if step.edge.kind is EdgeKind.KEY}
    written = not attribute.startswith("_") and not _is_private(holder)  # a text may be what a library is to watch
    if any(key.isidentifier() and _names(it, key, written) for key in keys for it in _own_modules()):
        return None
    file = namespace(module[1]).get("__file__")
    name = holder.name or (holder.type if isinstance(holder, Step) else "")
    return Owner(name, attribute, file if type(file) is str else "", distance(*module) == _STANDARD)


def _is_private(holder: Root | Step) -> bool:
    """Whether it is an object that a library keeps to itself, by the name of its class."""
    return isinstance(holder, Step) and holder.type.rpartition(".")[2].startswith("_")


def attribute_on(path: RetainingPath) -> int | None:
    """The number of the last step of *path* that is an attribute, of anything but a wrapper."""
    holders: list[Root | Step] = [path.root, *path.steps]
    places = (
        number
        for number, step in enumerate(path.steps)
        if step.edge.kind in ATTRIBUTES and not _WRAPPERS.intersection(_labels(holders[number]))
    )
    return max(places, default=None)


def _labels(holder: Root | Step) -> Iterator[str]:
    """The names of the classes that may have defined the attributes of *holder*, or that of the module that it is."""
    if isinstance(holder, Root):
        module = sys.modules.get(holder.name) if holder.kind is RootKind.MODULE else None
        if module is not None and not issubclass(type(module), ModuleType):  # an object stands in its place
            yield from map(type_label, mro_of(type(module)))
        elif module is not None:
            yield f"{holder.name}."
    elif "type" in holder.kinds:
        yield holder.name
        yield from holder.kinds  # its metaclass, as of an Enum
    else:
        yield from holder.kinds


def _imported_from(holder: Root | Step, attribute: str) -> tuple[str, ModuleType] | None:
    """The library's module from which the program's module *holder* has imported what both have under that name."""
    own = sys.modules.get(holder.name) if isinstance(holder, Root) and holder.kind is RootKind.MODULE else None
    if own is None or not issubclass(type(own), ModuleType) or distance(holder.name, own) > OWN:
        return None
    value = namespace(own).get(attribute)
    others = (it for it in modules() if distance(*it) > OWN and issubclass(type(it[1]), ModuleType))
    return next((it for it in others if value is not None and namespace(it[1]).get(attribute) is value), None)


def _module_in_c(holder: Root | Step) -> tuple[str, ModuleType] | None:
    """The module that *holder* is, if C code has made it: its attributes are named nowhere."""
    found = None
    if isinstance(holder, Root) and holder.kind is RootKind.MODULE:
        found = _module_of(f"{holder.name}.")
    return found if found is not None and _is_in_c(*found) else None


def _is_in_c(name: str, module: ModuleType) -> bool:
    file = namespace(module).get("__file__")
    return name in sys.builtin_module_names or (type(file) is str and file.endswith(_COMPILED))


def _module_of(label: str) -> tuple[str, ModuleType] | None:
    """The loaded module that *label* begins with."""
    while "." in label:
        label = label.rpartition(".")[0]
        module = sys.modules.get(label)
        if type(module) is ModuleType:
            return label, module
    return None


def _own_modules() -> Iterator[tuple[str, Any]]:
    return ((name, module) for name, module in modules() if distance(name, module) <= OWN)


def _names(module: tuple[str, Any], name: str, written: bool = False) -> bool:
    """Whether code of *module* uses *name*, or has it as a text (*written*). Functions that a program's module has
    imported from a library do not count."""
    farthest = max(OWN, distance(*module))
    codes = (code for code in functions_of(module[1]) if distance_of_file(code.co_filename) <= farthest)
    return any(name in code.co_names or (written and name in _texts_of(code)) for code in codes)


def _texts_of(code: CodeType) -> list[str]:
    return [constant for constant in code.co_consts if type(constant) is str]
