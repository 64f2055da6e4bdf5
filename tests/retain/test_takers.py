"""Which functions of a library take out again what others have put there."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from memwatch.installed import FOLDERS
from memwatch.retain import find_owner, find_takers, find_undoing, retaining_paths
from memwatch.retain.counterparts import counterparts

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

class Table:
    def __init__(self):
        self.kept_rows, self.kept_watchers, self.kept_by_name = {}, {"all": []}, {}
        self.kept_queues, self.kept_edges = {}, {}

    def add(self, row):
        self.kept_rows[row] = row

    def remove(self, row):
        self._drop_row(row)

    def _drop_row(self, row):
        dict.pop(self.kept_rows, row, None)

    def queue_declare(self, name):
        self.kept_queues[name] = []

    def queue_delete(self, name):
        self._delete(name)

    def on_drop(self, name):
        self._delete(name)

    def close(self):
        self.kept_queues = {}

    def add_edge(self, one, other):
        edges = self.kept_edges
        edges[one] = other

    def remove_node(self, one):
        edges = self.kept_edges
        for other in list(edges[one]):
            del edges[other][one]
        del edges[one]

    def _delete(self, name):
        self.kept_queues.pop(name, None)

    def watch(self, what, callback):
        self.kept_watchers[what].append(callback)

    def clear_watchers(self, what):
        self.kept_watchers[what].clear()

    def connect(self, name):
        self.kept_by_name.setdefault(name, [])

    def disconnect(self, name):
        getattr(self, "kept_by_" + "name").pop(name)

class Link:
    def __init__(self):
        self.link_state = _State()

    def attach(self, callback):
        self.link_state.kept_callbacks.append(callback)

    def detach(self, callback):
        _take_out(self.link_state, callback)

class _State:
    def __init__(self):
        self.kept_callbacks = []

def _take_out(state, callback):
    state.kept_callbacks.remove(callback)

KEPT_STATES = {}

def bind(name):
    KEPT_STATES[name] = _State()

def unbind(name):
    if name in KEPT_STATES:
        KEPT_STATES[name].set(None)

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
    made.machine, made.table, made.link = library.Machine(), library.Table(), library.Link()
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


@pytest.mark.parametrize(
    ("attribute", "takers"),
    [
        ("kept_rows", ("Table.remove()",)),  # the method is that of the class dict
        ("kept_watchers", ("Table.clear_watchers()",)),  # out of an item
        ("kept_by_name", ("Table.disconnect()",)),  # told by its name
        ("kept_edges", ("Table.remove_node()",)),  # by a variable of the function
        ("kept_queues", ("Table.queue_delete()", "Table.close()")),
    ],
)
def test_ways_to_take_out(app: Any, attribute: str, takers: tuple[str, ...]) -> None:
    assert takers_of(vars(app.table)[attribute]) == takers


def test_who_only_looks_into_it_takes_nothing_out(library: Any) -> None:
    library.bind("a")
    assert takers_of(vars(library)["KEPT_STATES"]["a"]) == ()


def test_functions_beside_a_class_may_look_after_its_objects(app: Any) -> None:
    assert takers_of(vars(app.link.link_state)["kept_callbacks"]) == ("Link.detach()",)


def test_a_call_is_undone_by_what_its_name_says(library: Any) -> None:
    def undoing(*functions: str) -> str | None:
        return find_undoing([(it, library.__file__) for it in functions], library.__file__)

    assert undoing("Table.watch", "Table.connect", "register") == "Table.disconnect()"
    assert undoing("register") == "a_library.unregister()"
    assert undoing("Table.remove", "nothing", "Nowhere.add", "wait.<locals>.add") is None
    assert find_undoing([("register", library.__file__)], pytest.__file__) == "a_library.unregister()"
    assert find_undoing([("Thread.start", threading.__file__)], library.__file__) is None
    bound = [("bind", library.__file__)]
    assert find_undoing(bound, library.__file__) == "a_library.unbind()"
    assert find_undoing(bound, library.__file__, "KEPT_STATES") is None  # it is seen to leave all there
    assert counterparts("addTrigger", ["removeTrigger", "add", "unaddTrigger"]) == ["removeTrigger", "unaddTrigger"]
    assert counterparts("_watch", ["watch"]) == []


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
