"""An imported module to hang things on, and a walk along a printed path that shares nothing with memwatch's own."""

from __future__ import annotations

import gc
import re
import sys
import threading
import types
from array import array
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any

import pytest

from memwatch.backend.census.chosen import list_objects
from memwatch.backend.census.referents import DICTS, kind_of_dict, parts_of_code
from memwatch.retain import RetainingPath
from memwatch.retain.search import IN_C

STEP = re.compile(
    r"(\['(?:[^'\\]|\\.)*'\]|\[[^\]]*\]|\.[^:]+|local [^:]+|cell [^:]+|context variable [^:]+|cache|mapping)(: .*)?"
)


@pytest.fixture
def app() -> Iterator[types.ModuleType]:
    """An imported module called ``app``."""
    module = types.ModuleType("app")
    sys.modules["app"] = module
    yield module
    del sys.modules["app"]


@pytest.fixture
def known() -> Callable[[], Any]:
    """The addresses of all objects there are now."""
    return addresses


@pytest.fixture
def walk_again() -> Callable[[RetainingPath], list[Any]]:
    """All objects that a path's own words can mean."""
    return follow


def addresses() -> array[int]:
    gc.collect()  # what is garbage makes room for what comes later, at addresses that are known
    if IN_C:
        return list_objects(True, (), None).addresses
    batch = gc.get_objects()  # first of all, so that what is made here is not among them
    found: set[int] = set()
    while batch:
        fresh = dict(zip(map(id, batch), batch, strict=True))
        for address in fresh.keys() & found:
            del fresh[address]
        found.update(fresh)
        if sys.version_info < (3, 12, 6):  # python/cpython#122695: asking this module frees objects twice
            fresh.pop(id(sys.modules.get("_asyncio")), None)
        batch = gc.get_referents(*fresh.values())
        batch += [key for obj in fresh.values() if issubclass(type(obj), DICTS) for key in kind_of_dict(obj).keys(obj)]
        batch += [part for obj in fresh.values() if type(obj) is types.CodeType for part in parts_of_code(obj)]
    return array("Q", sorted(found.difference(map(id, found))))  # the numbers in it are gone when it is


def follow(path: RetainingPath) -> list[Any]:
    here = starts(path.lines[0])
    for text in path.lines[1:]:
        match = STEP.fullmatch(text)
        assert match, f"this step cannot be read: {text}"
        here = [found for obj in here for found in one_step(obj, match[1])]
    return here


def starts(root: str) -> list[Any]:
    """The module that a path begins with, or the running functions of that name."""
    if root.startswith("module "):
        return [sys.modules[root.removeprefix("module ")]]
    name = root.partition(", function ")[2]
    frames = []
    for inner in sys._current_frames().values():
        frame: types.FrameType | None = inner
        while frame is not None:
            frames.append(frame)
            frame = frame.f_back
    return [it for it in frames if f"{it.f_globals['__name__']}.{it.f_code.co_qualname}" == name]


def one_step(obj: Any, edge: str) -> list[Any]:
    if edge.startswith("."):
        return attribute(obj, edge[1:])
    kind, _, name = edge.rpartition(" ")
    if kind == "cell":
        cells = dict(zip(obj.__code__.co_freevars, obj.__closure__, strict=True))
        return [cells[name].cell_contents]
    if kind == "local":
        frame = obj if isinstance(obj, types.FrameType) else getattr(obj, "gi_frame", None) or obj.cr_frame
        return [frame.f_locals[name]]
    if kind == "context variable":
        assert isinstance(obj, Context)
        return [value for variable, value in obj.items() if variable.name == name]
    if edge == "cache":
        return [held for held in gc.get_referents(obj) if type(held) is dict and "__wrapped__" not in held]
    if edge in ("mapping", "[cached]", "[constant]", "[reference]", "[context variable]", "[module state]", "[base]"):
        return gc.get_referents(obj) or list(obj.co_consts)
    if isinstance(obj, DICTS):
        return dict_values(obj, edge)
    return list(obj)


def dict_values(obj: Any, edge: str) -> list[Any]:
    if edge == "[key]":
        return list(obj)
    wanted = edge[1:-1]
    if wanted.endswith(" key"):
        return [value for key, value in obj.items() if type(key).__qualname__ == wanted[:-4].rpartition(".")[2]]
    return [value for key, value in obj.items() if repr(key) == wanted]


def attribute(obj: Any, name: str) -> list[Any]:
    if isinstance(obj, type | types.ModuleType):
        return [vars(obj)[name]]
    return [getattr(obj, name) if isinstance(obj, threading.local) else object.__getattribute__(obj, name)]
