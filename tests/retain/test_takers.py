"""Which functions of a library take out again what others have put there."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from memwatch.installed import FOLDERS
from memwatch.retain import find_owner, find_takers, retaining_paths

LIBRARY = """
from collections import deque

_registry = {}
_waiting = []
all_producers = {}

def produce(name):
    all_producers[name] = name

def register(name, obj):
    _registry[name] = obj

def unregister(name):
    _registry.pop(name, None)

def wait(obj):
    _waiting.append(obj)

class Machine:
    def __init__(self):
        self.kept_models, self._log, self._new, self._seen, self._jobs = [], [], {}, [], deque()
        self.part = _Part()

    def add(self, model):
        self.kept_models.append(model)
        self._log.append(model)
        self._new[model] = model
        self._seen.append(model)
        self._jobs.append(model)

    def remove_model(self, model):
        self.kept_models.remove(model)

    def export(self):
        text = list(self._log)
        del self._log[:]
        return text

    def refresh(self):
        self._seen.clear()

    def close(self):
        self._drop()

    def cancel_oldest(self, other):
        self._jobs.append(other)
        self._jobs.popleft()

    def discard_part(self, item):
        self.part.take_item_out(item)

    def _drop(self):
        self._new = {}

class _Part:
    def __init__(self):
        self._items = []

    def add(self, item):
        self._items.append(item)

    def take_item_out(self, item):
        self._items.remove(item)
"""


@pytest.fixture
def library() -> Iterator[Any]:
    made = ModuleType("a_library")
    made.__file__ = f"/usr/lib/{FOLDERS[0]}/a_library.py"
    sys.modules["a_library"] = made
    exec(compile(LIBRARY, made.__file__, "exec"), vars(made))
    yield made
    del sys.modules["a_library"]


@pytest.fixture
def app(library: Any) -> Iterator[Any]:
    made: Any = ModuleType("app")
    made.__file__ = "/srv/app.py"
    sys.modules["app"] = made
    made.machine = library.Machine()
    yield made
    del sys.modules["app"]


def takers_of(held: object) -> tuple[str, ...]:
    (path,) = retaining_paths(held, limit=1)
    owner = find_owner(path)
    assert owner is not None
    return find_takers(path)


@pytest.mark.parametrize(
    ("attribute", "takers"),
    [
        ("kept_models", ("Machine.remove_model()",)),
        ("_log", ("Machine.export()",)),
        ("_new", ("Machine.close()",)),
        ("_seen", ()),  # by a function that is for something else
        ("_jobs", ()),  # by one that puts something in as well
    ],
)
def test_methods_of_the_class_or_who_calls_them(app: Any, attribute: str, takers: tuple[str, ...]) -> None:
    held = vars(app.machine)[attribute]
    assert type(held) in (list, dict, deque) and takers_of(held) == takers


def test_functions_of_the_module(library: Any) -> None:
    assert takers_of(vars(library)["_registry"]) == ("a_library.unregister()",)
    assert takers_of(vars(library)["_waiting"]) == ()


def test_a_part_of_another_object_is_emptied_by_that(app: Any) -> None:
    assert takers_of(vars(app.machine.part)["_items"]) == ("Machine.discard_part()",)


def test_what_a_program_has_imported_by_name_is_the_librarys(app: Any, library: Any) -> None:
    app.all_producers = library.all_producers
    (path,) = retaining_paths(library.all_producers, limit=1)
    owner = find_owner(path)
    assert owner is not None and owner.file == library.__file__
    app.all_producers = library.all_producers.copy()
    (path,) = retaining_paths(app.all_producers, limit=1)
    assert find_owner(path) is None
