"""What stays after tests and is no leak of theirs: what is bounded, what the test runner keeps, what imports made."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from types import ModuleType

from ..retain import Holding, RootKind

_RUNNERS = ("_pytest", "pluggy", "xdist", "execnet", "coverage", "pytest_", "hypothesis", "unittest.mock")
_CODE = frozenset(("type", "abc.ABCMeta", "module", "function", "code", "enum.EnumType", "typing.TypeVar"))
_LAST = ("last_value", "last_traceback", "last_exc", "last_type")
_WARNED = "__warningregistry__"  # of a module: what it was warned about
_FILES = ("modulesbyfile", "_filesbymodname")  # of inspect: the files of the modules that there are
_PART = 0.5  # of what came: code that is loaded, with all that is made of it


def runner_s(plugins: Iterable[object]) -> list[object]:
    """What holds all that the test runner keeps: those of *plugins* that are a runner's, and its modules."""
    own = [it for it in plugins if not isinstance(it, ModuleType) and type(it).__module__.startswith(_RUNNERS)]
    modules = [it for name, it in sys.modules.items() if name.startswith(_RUNNERS) and type(it) is ModuleType]
    return [*own, *modules, *map(vars, modules)]


def is_excused(held: Holding, modules: Collection[str]) -> bool:
    """Whether what *held* tells of says nothing about the tests. *modules* had been imported before the first look."""
    return held.is_bounded or held.weak or _is_runner_s(held) or _is_code(held, modules)


def is_standard_s(held: Holding) -> bool:
    """Whether it lies in a module of the standard library, as caches do that are filled when they are first used."""
    root = held.path.root
    return root.kind is RootKind.MODULE and root.name.partition(".")[0] in sys.stdlib_module_names


def _is_runner_s(held: Holding) -> bool:
    path = held.path
    if path.root.kind is RootKind.MODULE and path.root.name.startswith(_RUNNERS):
        return True
    names = [path.root.edge.name if path.root.edge else "", *(step.edge.name for step in path.steps)]
    if any(name in (*_LAST, *_FILES, _WARNED) for name in names):
        return True
    return any(step.type.startswith(_RUNNERS) for step in path.steps)


def _is_code(held: Holding, modules: Collection[str]) -> bool:
    """Whether it is a module that was imported meanwhile, or mostly classes and functions, which are made once."""
    root = held.path.root
    if root.kind is RootKind.MODULE and root.name not in modules:
        return True
    code = sum(count for label, count in held.type_counts.items() if label in _CODE)
    return held.frontier_type in _CODE or code >= _PART * max(held.targets, 1)
