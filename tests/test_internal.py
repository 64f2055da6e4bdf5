"""What memwatch makes for itself is in no census, so that it never stands in its own tables."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from enum import Enum
from typing import Protocol

import memwatch
from memwatch import internal

ROOMS = ("backend", "calltree", "diagnosis", "frames", "heap", "render", "retain", "scenario", "treebuilder", "watch")
FOR_THE_PROGRAM = {"Stats", "Suspicion", "Leak"}
"""Values that a program is given and may keep, more of them the longer it runs: a leak of its own."""


def classes() -> Iterator[type]:
    for found in pkgutil.walk_packages(memwatch.__path__, "memwatch."):
        parts = found.name.split(".")
        if parts[1] not in ROOMS or parts[-1] == "_native":
            continue
        try:
            module = importlib.import_module(found.name)
        except ImportError:  # of the C extension, where there is none
            continue
        for value in vars(module).values():
            if inspect.isclass(value) and value.__module__ == found.name:
                yield value


def test_a_class_of_these_rooms_is_internal() -> None:
    kinds = (BaseException, Enum)
    counted = [
        f"{cls.__module__}.{cls.__name__}"
        for cls in classes()
        if id(cls) not in internal.TYPES and not issubclass(cls, kinds) and Protocol not in cls.__bases__
    ]
    assert [name for name in counted if name.rpartition(".")[2] not in FOR_THE_PROGRAM] == []
