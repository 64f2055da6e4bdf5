"""What is known of a class by its label: whose it is, and whether it is made in C."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Collection
from functools import lru_cache
from types import BuiltinFunctionType, GetSetDescriptorType, MethodDescriptorType, ModuleType
from typing import Any

from ..backend.allocations.frame_filter import FrameFilter
from ..backend.type_labels import base_of, every_type, flags_of, has_references, mro_of, namespace_of, type_label
from ..kinds import Kinds

_MADE_IN_C = Kinds(MethodDescriptorType, BuiltinFunctionType, GetSetDescriptorType)
_EVERY_CLASS = frozenset(("__dict__", "__weakref__"))  # getters that `class` makes, too
_KEEPERS = frozenset(
    ("sqlite3", "_ctypes", "mmap", "zlib", "bz2", "_bz2", "_lzma", "_ssl", "_hashlib", "pyexpat", "_tkinter")
)
"""Modules of the standard library whose objects keep memory of a C library."""
_HEAP_TYPE = 1 << 9
_MARGIN = 1 << 20  # bytes
_STATIC = [id(it) for it in vars(builtins).values() if type(it) is type and not flags_of(it) & _HEAP_TYPE]
_FIRST, _LAST = min(_STATIC) - _MARGIN, max(_STATIC) + _MARGIN
"""Where the interpreter's own static classes lie; an extension's lie in its own file."""
_MANAGED = (1 << 4) | ((1 << 3) if sys.version_info >= (3, 12) else 0)
_TWO_WORDS = 2 * tuple.__itemsize__
_basic_size: Any = vars(type)["__basicsize__"].__get__
_item_size: Any = vars(type)["__itemsize__"].__get__
_names_of: Any = vars(ModuleType)["__dict__"].__get__


def is_standard(label: str) -> bool:
    """Whether a class is of the standard library."""
    return label.partition(".")[0] in sys.stdlib_module_names


def is_programs(label: str) -> bool:
    """Whether a class is the program's own: of a module of its own code."""
    name, module = _module_of(label)
    return module is not None and (name == "__main__" or _files().is_app(file_of_module(label)))


def is_library(label: str) -> bool:
    """Whether a class is of a loaded module that is neither the program's own nor the standard library's."""
    return "." in label and not is_standard(label) and _module_of(label)[1] is not None and not is_programs(label)


def file_of_module(label: str) -> str:
    """The file of the loaded module that a class is of; empty where there is none."""
    _, module = _module_of(label)
    file = _names_of(module).get("__file__") if module is not None else None
    return file if type(file) is str else ""


def _module_of(label: str) -> tuple[str, ModuleType | None]:
    name, found = label, None
    while "." in name and found is None:
        name = name.rpartition(".")[0]
        found = sys.modules.get(name)
    return name, found if issubclass(type(found), ModuleType) else None


def keepers_of_native(labels: Collection[str]) -> frozenset[str]:
    """Those of *labels* whose instances may keep memory that no walk sees: classes made in C, by an extension, and what
    is derived from such."""
    asked = (cls for cls in every_type() if type_label(cls) in labels)
    return frozenset(type_label(cls) for cls in asked if any(map(_is_extension, mro_of(cls))))


def unseen_keepers(labels: Collection[str]) -> frozenset[str]:
    """Those of *labels* whose instances may keep objects that no walk sees: classes of their own that an extension has
    made, without a way for the collector to look into them. A walk looks into numpy's arrays all the same."""
    asked = (cls for cls in every_type() if type_label(cls) in labels and not is_standard(type_label(cls)))
    return frozenset(
        type_label(cls)
        for cls in asked
        if not type_label(cls).startswith("numpy.")
        and _is_extension(cls)
        and base_of(cls) is object
        and not has_references(cls)
    )


def can_be_closed(label: str) -> bool:
    """Whether a class has a method ``close()``, or ``aclose()``."""
    asked = (cls for cls in every_type() if type_label(cls) == label)
    return any(name in namespace_of(base) for cls in asked for base in mro_of(cls) for name in ("close", "aclose"))


def sizes_alike(labels: Collection[str]) -> dict[str, int]:
    """The bytes of each instance of those of *labels* of which all instances take the same."""
    asked = (cls for cls in every_type() if type_label(cls) in labels)
    return {type_label(cls): _basic_size(cls) + _before(cls) for cls in asked if _is_of_one_size(cls)}


def _is_of_one_size(cls: type) -> bool:
    return not _item_size(cls) and not any("__sizeof__" in namespace_of(it) for it in mro_of(cls) if it is not object)


def _before(cls: type) -> int:
    """What lies before an instance: the collector's two words, and those for its attributes and weak references."""
    flags = flags_of(cls)
    return _TWO_WORDS * (has_references(cls) + (sys.version_info >= (3, 11) and bool(flags & _MANAGED)))


@lru_cache(maxsize=1)
def _files() -> FrameFilter:
    """Tells the program's files from others; remembers each."""
    return FrameFilter()


def _is_extension(cls: type) -> bool:
    label = type_label(cls)
    if "." not in label:  # "builtins" is what an extension's class says where it says nothing
        return bool(flags_of(cls) & _HEAP_TYPE) or not _FIRST <= id(cls) <= _LAST
    if is_standard(label) and label.partition(".")[0] not in _KEEPERS:
        return False
    return any(type(value) in _MADE_IN_C and name not in _EVERY_CLASS for name, value in namespace_of(cls).items())
