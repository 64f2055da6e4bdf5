"""Which names may stand in a label? Those that stand in source code, and none that data has made.

Labels leave the process, stay in other systems for months, and are indexed there. A program can name types and
attributes by data (`type(name, ...)`, `setattr(row, column, ...)`), and the interpreter treats such names as its own.
So a name is shown only if it stands in the source file of its module, or if its module is written in C.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from importlib.machinery import BuiltinImporter, ExtensionFileLoader
from types import ModuleType

from ..retain import RetainingPath
from ..retain.steps import ATTRIBUTES, RootKind, Step

HIDDEN = "?"
"""Stands for a name that is not shown."""

_LOCALS = "<locals>"
_LONGEST = 120
_SEPARATOR = re.compile(r"[/\\]")


@lru_cache(maxsize=256)
def shown_name(label: str) -> str:
    """*label*, ``module.Qualname`` or a builtin; ``?`` replaces what is no name of its source."""
    module, words = _divide(label)
    found = sys.modules.get(module)
    if type(found) is not ModuleType:
        return HIDDEN
    shown = [word if word == _LOCALS or _is_written(found, word) else HIDDEN for word in words]
    return _cut(".".join(shown if module == "builtins" else [module, *shown]))


def shown_holder(path: RetainingPath | None) -> str:
    """The named beginning of *path*, as ``app.CACHE``; empty where there is none."""
    if path is None:
        return ""
    root = path.root
    if root.kind is not RootKind.MODULE:
        return f"{root.kind.value} {shown_name(root.name)}" if root.name else root.kind.value
    shown, inside = [root.name if root.name in sys.modules else HIDDEN], root.name
    for step in path.steps:
        if step.edge.kind not in ATTRIBUTES:
            break
        shown.append(_shown_attribute(step, inside))
        inside = _divide(step.type)[0]
    return _cut(".".join(shown))


@lru_cache(maxsize=64)
def shown_line(file: str, line: int) -> str:
    """A place in a module's source, ``app/models.py:12``; empty where *file* is no module's."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values()) if type(module) is ModuleType}
    if file not in files:
        return ""
    return _cut(f"{'/'.join(_SEPARATOR.split(file)[-2:])}:{line}")


def _shown_attribute(step: Step, inside: str) -> str:
    module, name = sys.modules.get(inside), step.edge.name.lstrip(".")
    return name if type(module) is ModuleType and _is_written(module, name) else HIDDEN


def _divide(label: str) -> tuple[str, list[str]]:
    """The module that *label* begins with (builtins if none), and the rest."""
    words = label.split(".")
    for count in range(len(words) - 1, 0, -1):
        if (module := ".".join(words[:count])) in sys.modules:
            return module, words[count:]
    return "builtins", words


def _is_written(module: ModuleType, word: str) -> bool:
    """Whether *word* is a name in the module's source; if the module is written in C, whether it has that name."""
    loader = getattr(module, "__loader__", None)
    if loader is BuiltinImporter or isinstance(loader, BuiltinImporter | ExtensionFileLoader):
        return word in vars(module)
    return word.isidentifier() and re.search(rb"\b%b\b" % re.escape(word.encode()), _source(module)) is not None


def _source(module: ModuleType) -> bytes:
    file, get_data = getattr(module, "__file__", None), getattr(getattr(module, "__loader__", None), "get_data", None)
    if type(file) is not str or get_data is None or not file.endswith(".py"):
        return b""
    try:
        return bytes(get_data(file))
    except (OSError, TypeError):
        return b""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
