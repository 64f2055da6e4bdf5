"""Whose a container is: a library's own, or the program's, whatever object it lies on."""

from __future__ import annotations

import csv
import logging
import sys
from collections.abc import Iterator
from queue import Queue
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from memwatch.retain import EdgeKind, Owner, RetainingPath, Root, RootKind, Step, find_owner, find_path, owners
from memwatch.retain.steps import ANY_ITEM, Edge

LIBRARY = """
class Base:
    def __init__(self):
        self._waiting = []

class Socket(Base):
    _all = []

    def close(self):
        self._waiting.clear()
        self._all.clear()

REGISTRY = {}

def register(name, value):
    REGISTRY[name] = value
"""
FILE = "/usr/lib/python3/site-packages/lib/core.py"


def load(name: str, source: str, file: str) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    exec(source, vars(module))
    return module


@pytest.fixture
def lib() -> Iterator[Any]:
    yield load("lib.core", LIBRARY, FILE)
    del sys.modules["lib.core"]


@pytest.fixture
def app() -> Iterator[Any]:
    yield load("app", "def grow(app): app.kept.append(1)", "/srv/app.py")
    del sys.modules["app"]


def test_the_dict_in_a_weak_dictionary_is_of_whoever_keeps_that(lib: Any, app: Any) -> None:
    key = ModuleType("key")
    lib._weak, app._seen = WeakKeyDictionary(), WeakKeyDictionary()
    lib._weak[key] = app._seen[key] = ["value"]
    exec("def look(): return _weak", vars(lib))
    assert owner_of(lib._weak.data) == Owner("lib.core", "_weak", FILE, False)
    assert owner_of(app._seen.data) is None


def test_the_deque_in_a_queue_is_of_whoever_keeps_that(lib: Any, app: Any) -> None:
    lib._inbox, app.jobs = Queue(), Queue()
    exec("def look(): return _inbox", vars(lib))
    for queue in (lib._inbox, app.jobs):
        queue.put(Item())
    assert owner_of(lib._inbox.queue[0]) == Owner("lib.core", "_inbox", FILE, False)
    assert owner_of(app.jobs.queue[0]) is None


def owner_of(held: object) -> Owner | None:
    path = find_path(held)
    assert path is not None
    return find_owner(path)


class Item:
    """What is held."""


def waiting(app: Any) -> Item:
    held = Item()
    app.inbox._waiting.append(held)
    return held


def test_an_attribute_of_a_library_s_object_is_the_library_s(lib: Any, app: Any) -> None:
    app.inbox = lib.Socket()
    held = waiting(app)
    assert owner_of(held) == Owner("lib.core.Socket", "_waiting", FILE, False)


def test_so_it_is_on_an_object_of_a_class_that_the_program_derives(lib: Any, app: Any) -> None:
    app.inbox = type("Inbox", (lib.Socket,), {"__module__": "app"})()
    held = waiting(app)
    assert owner_of(held) == Owner("app.Inbox", "_waiting", FILE, False)


def test_a_class_attribute_and_a_variable_of_a_library(lib: Any, app: Any) -> None:
    one, other = Item(), Item()
    lib.Socket._all.append(one)
    lib.register("one", other)
    assert owner_of(one) == Owner("lib.core.Socket", "_all", FILE, False)
    assert owner_of(other) == Owner("lib.core", "REGISTRY", FILE, False)


def test_what_the_program_names_is_the_program_s(lib: Any, app: Any) -> None:
    app.inbox = lib.Socket()
    app.inbox.seen = [seen := Item()]
    app.kept = [kept := Item()]
    assert owner_of(seen) is None and owner_of(kept) is None
    lib.register("one", held := Item())
    assert owner_of(held) is not None
    exec("def empty(lib): lib.REGISTRY.clear()", vars(app))
    assert owner_of(held) is None


def test_what_the_program_has_imported_is_not_its_own_code(lib: Any, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "_own_modules", lambda: [("app", app)])
    exec(compile("class Bus:\n    def __init__(self): self.listeners = []", FILE, "exec"), vars(lib))
    lib.Bus.__module__, app.Bus = "lib.core", lib.Bus  # from lib.core import Bus
    app.bus = lib.Bus()
    app.bus.listeners.append(held := Item())
    assert owner_of(held) == Owner("lib.core.Bus", "listeners", FILE, False)
    exec("def add(bus): bus.listeners.append(1)", vars(app))
    assert owner_of(held) is None


def test_what_c_code_keeps_in_a_module_is_the_standard_library_s(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "_own_modules", lambda: [("app", app)])
    attribute = Step(Edge(EdgeKind.ATTRIBUTE, "path_importer_cache"), "dict", items=9)
    path = RetainingPath(Root(RootKind.MODULE, "sys"), (attribute, ANY_ITEM))
    assert find_owner(path) == Owner("sys", "path_importer_cache", "", True)
    exec("def grow(sys): sys.path_importer_cache.clear()", vars(app))
    assert find_owner(path) is None


def test_so_it_is_where_the_module_in_c_was_loaded_from_a_file(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "_own_modules", lambda: [("app", app)])
    csv.register_dialect("upload")
    attribute = Step(Edge(EdgeKind.ATTRIBUTE, "_dialects"), "dict", items=9)
    try:
        found = find_owner(RetainingPath(Root(RootKind.MODULE, "_csv"), (attribute, ANY_ITEM)))
    finally:
        csv.unregister_dialect("upload")
    assert found is not None and found.name == "_csv" and found.is_standard


def test_what_stands_in_the_place_of_a_module_is_its_class_s(lib: Any, app: Any) -> None:
    sys.modules["lib.loop"] = app.loop = lib.Socket()
    try:
        held = Item()
        app.loop._waiting.append(held)
        del app.loop
        assert owner_of(held) == Owner("lib.loop", "_waiting", FILE, False)
    finally:
        del sys.modules["lib.loop"]


def test_the_standard_library_is_told_as_such(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "_own_modules", lambda: [("app", app)])  # other tests may name `filters`
    app.handler = logging.Handler()
    app.handler.addFilter(held := logging.Filter())
    owner = owner_of(held)
    assert owner is not None and owner.is_standard and owner[:2] == ("logging.Handler", "filters")


STATE = """
class State:
    def __init__(self):
        self._state = {}

    def __setattr__(self, name, value):
        if name == "_state":
            object.__setattr__(self, name, value)
        else:
            self._state[name] = value

    def __getattr__(self, name):
        return self._state[name]
"""


@pytest.mark.parametrize(("written", "owned"), [("app.state.basket.clear()", False), ("app.watch('basket')", True)])
def test_what_the_program_puts_there_under_a_name_of_its_own_is_the_program_s(
    lib: Any, app: Any, written: str, owned: bool
) -> None:
    exec(f"def add(app): {written}", vars(app))
    exec(STATE, vars(lib))
    app.state = lib.State()
    vars(app.state)["_state"][sys.intern("".join(("bas", "ket")))] = {"first": (held := Item())}
    assert (owner_of(held) is not None) is owned


def test_a_text_of_the_program_s_names_nothing_in_an_object_that_a_library_keeps_to_itself(lib: Any, app: Any) -> None:
    """As of `param`, whose watchers lie below the name of what is watched."""
    exec("def add(app): app.watch('basket')", vars(app))
    exec(STATE.replace("_state", "watchers"), vars(lib))
    app.state = lib.State()
    vars(app.state)["watchers"][sys.intern("".join(("bas", "ket")))] = {"first": (held := Item())}
    assert owner_of(held) is None
    lib.State.__name__ = lib.State.__qualname__ = "_State"
    vars(lib)["_State"] = lib.State
    assert owner_of(held) is not None


def test_many_modules_made_at_run_time_are_items_of_sys_modules() -> None:
    names = [f"plugin{number}" for number in range(120)]
    try:
        for name in names:
            load(name, "class Plugin: pass\nmade = Plugin()", "plugin.py")
        path = find_path(sys.modules[names[60]].made)
        assert path is not None and path.root.name == "sys"
        assert [step.edge.name for step in path.steps[:1]] == ["modules"]
    finally:
        for name in names:
            del sys.modules[name]
