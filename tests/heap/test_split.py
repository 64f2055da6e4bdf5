"""Rows of containers divided: by their keys, by who refers to them; the sums stay, nothing of the program is kept."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from memwatch.backend import forks
from memwatch.errors import OptionError
from memwatch.heap import Cancelled, Diff, HeapDiff, least, take_census

from ..properties import given, settings, st

KEPT: list[Any] = []
GLOBAL: dict[int, Any] = {}


class Session:
    def __init__(self) -> None:
        self.rows = [object()]
        self.cache = {"hits": [1]}


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    gc.collect()
    yield
    KEPT.clear()
    GLOBAL.clear()


def net_rows(diff: Diff) -> dict[str, int]:
    return {row.what: row.net for row in diff.change.details}


def measure(split: Any, grow: Any, deep: bool = False) -> dict[str, int]:
    """The net rows of what *grow* does; they add up to what is there."""
    with HeapDiff(deep=deep, split=split) as heap_diff:
        grow()
    diff = heap_diff.diff
    assert sum(row.net for row in diff.change.details) == diff.change.net_nodes == diff.after.nodes - diff.before.nodes
    assert sum(row.size_bytes for row in diff.change.details) == diff.change.size_bytes
    assert sum(least(row.allocated) for row in diff.change.details) == least(diff.change.allocated_nodes)
    return net_rows(diff)


def name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda n: {"id": n, "name": "x", "rows": []}, "dict{id,name,rows}"),
        (lambda n: {"a1": [], "a2": 2, "a3": 3, "a4": 4, "a5": 5}, "dict{a1,a2,a3,a4,...}"),
        (lambda n: {f"key {n}": []}, "dict{str}"),
        (lambda n: {n: []}, "dict{int}"),
        (lambda n: {(n, 1): [], (n, 2): []}, "dict{tuple}"),
        (lambda n: {n: [], "a": 1}, "dict{mixed}"),
        (lambda n: {"a": 1, f"key {n}": []}, "dict{str}"),
        (lambda n: {"x" * 50 + "y": []}, "dict{str}"),
    ],
)
def test_dicts_by_their_keys(make: Any, what: str) -> None:
    rows = measure("keys", lambda: KEPT.extend(map(make, range(300))))
    assert 290 <= rows[what] <= 310


def test_dicts_that_the_collector_does_not_track_by_their_keys() -> None:
    rows = measure("keys", lambda: KEPT.extend((n, {"weight": n}, {}, {n: 1}) for n in range(300)), deep=True)
    assert min(rows["dict{weight}"], rows["dict{}"], rows["dict{int}"]) >= 295


def test_data_in_keys_is_never_shown() -> None:
    secret = "".join(("secret", "word"))
    KEPT.append({secret: 1})
    census = take_census(deep=False, split="keys")
    assert not [row for row in census.types if "secretword" in row.what]


@pytest.mark.parametrize(
    ("grow", "what"),
    [
        (lambda n: KEPT.append({n: [n]}), "dict in list"),
        (lambda n: GLOBAL.update({n: {n: [n]}}), "dict in dict"),
        (lambda n: GLOBAL.update({n: [object()]}), "list in dict"),
        (lambda n: KEPT.append((n, [object()])), "list in tuple"),
        (lambda n: KEPT.append((n, [n])), "tuple in list"),
        (lambda n: KEPT.append(deque([{object()}])), "set in collections.deque"),
        (lambda n: KEPT.append(Session()), f"list of {name(Session)}"),
        (lambda n: KEPT.append(Session()), f"dict of {name(Session)}"),
        (lambda n: KEPT.append(lambda rows=[object()]: rows), "tuple of function"),  # noqa: B008
    ],
)
def test_containers_by_their_owner(grow: Any, what: str) -> None:
    rows = measure("owner", lambda: [grow(n) for n in range(300)])
    assert 290 <= rows[what] <= 310


def test_what_hangs_in_a_namespace_belongs_to_whose_it_is() -> None:
    module = sys.modules["an_app"] = ModuleType("an_app")

    def grow() -> None:
        for number in range(200):
            setattr(module, f"list{number}", [object()])
            setattr(Session, f"list{number}", [object()])
            session = Session()
            vars(session)["late"] = {number}
            KEPT.append(session)

    try:
        rows = measure("owner", grow)
    finally:
        del sys.modules["an_app"]
        for number in range(200):
            delattr(Session, f"list{number}")
    assert rows["list of module"] >= 195 and rows["list of type"] >= 195
    assert rows[f"set of {name(Session)}"] >= 195 and rows[f"list of {name(Session)}"] >= 195


def test_of_several_owners_a_class_of_the_program_is_named() -> None:
    def grow() -> None:
        for _ in range(300):
            KEPT.append(Session())
            KEPT.append(KEPT[-1].rows)
            GLOBAL[id(KEPT[-1])] = KEPT[-1]

    rows = measure("owner", grow)
    assert rows[f"list of {name(Session)}"] >= 295 and rows["list in dict"] <= 305  # those in its cache


def test_what_went_stays_in_the_plain_row() -> None:
    KEPT.extend({"id": [n]} for n in range(500))
    rows = measure("keys", lambda: KEPT.__delitem__(slice(100, None)))
    assert rows["dict"] <= -390


@settings(max_examples=5, deadline=None)
@given(st.lists(st.sampled_from(["id", "name", "size", "rows"]), max_size=40), st.sampled_from(["keys", "owner"]))
def test_sums_hold_whatever_came(keys: list[str], split: str) -> None:
    measure(split, lambda: KEPT.append([{key: [key]} for key in keys]))


@pytest.mark.slow
@pytest.mark.parametrize("split", ["keys", "owner"])
@pytest.mark.parametrize("deep", [True, False])
def test_nothing_of_the_program_is_kept(split: Any, deep: bool) -> None:
    KEPT.extend(Session() for _ in range(100))
    gone = [weakref.ref(session) for session in KEPT]
    with HeapDiff(deep=deep, split=split) as heap_diff:
        KEPT.extend({"session": Session()} for _ in range(100))
    gone += [weakref.ref(holder["session"]) for holder in KEPT[100:]]
    census = take_census(deep, split=split)
    KEPT.clear()
    assert not any(ref() for ref in gone)
    assert heap_diff.diff and census and not forks._walks


@pytest.mark.slow
def test_nothing_is_kept_where_it_is_given_up() -> None:
    KEPT.append({"session": Session()})
    gone = weakref.ref(KEPT[0]["session"])
    calls = iter(range(1_000_000))
    with pytest.raises(Cancelled) as raised:
        take_census(split="owner", should_cancel=lambda: next(calls) > 3)
    KEPT.clear()
    assert gone() is None and raised.value and not forks._walks


def test_no_code_of_the_program_runs() -> None:
    calls: list[str] = []

    class Meta(type):
        def __hash__(cls) -> int:
            calls.append("hash of type")
            return 1

        def __instancecheck__(cls, instance: object) -> bool:
            calls.append("isinstance")
            return False

        def __getattribute__(cls, what: str) -> Any:
            calls.append(what)
            return type.__getattribute__(cls, what)

    class Hostile(metaclass=Meta):
        def __eq__(self, other: object) -> bool:
            calls.append("==")
            return False

        def __hash__(self) -> int:
            calls.append("hash")
            return 7

        def __getattribute__(self, what: str) -> Any:
            calls.append(what)
            return object.__getattribute__(self, what)

    class Text(str):
        def __hash__(self) -> int:
            calls.append("hash of text")
            return str.__hash__(self)

    hostile = Hostile()
    object.__getattribute__(hostile, "__dict__")["rows"] = [1]
    for split in ("keys", "owner"):
        with HeapDiff(deep=False, split=split) as heap_diff:  # type: ignore[arg-type]
            KEPT.append([{Text("a"): [object()]}, {hostile: [hostile]}, hostile])
            calls.clear()
        assert calls == [] and heap_diff.diff.change.details


@pytest.mark.slow
@pytest.mark.parametrize("split", ["keys", "owner"])
@pytest.mark.parametrize("deep", [True, False])
def test_a_census_is_divided_and_adds_up(split: Any, deep: bool) -> None:
    GLOBAL.update((n, {"id": n, "rows": [object()]}) for n in range(400))
    plain, census = take_census(deep), take_census(deep, split=split)
    assert census.nodes == pytest.approx(plain.nodes, abs=50)
    assert census.counts()["dict{id,rows}" if split == "keys" else "dict in dict"] >= 400
    assert census.counts().get("dict", 0) < plain.counts()["dict"] - 400
    parts = sum(count for what, count in census.counts().items() if what.partition("{")[0].split()[0] == "dict")
    assert parts == pytest.approx(plain.counts()["dict"], abs=20)


@pytest.mark.slow
def test_a_heap_that_changes_meanwhile() -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            GLOBAL[len(GLOBAL) % 500] = [{"n": str(number), "rows": [number]} for number in range(50)]
            GLOBAL.pop(next(iter(GLOBAL)))

    thread = threading.Thread(target=churn)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)  # or each slice waits 5 ms for its turn
    thread.start()
    try:
        for split in ("keys", "owner"):
            measure(split, lambda: None)
            assert take_census(deep=False, split=split).nodes  # type: ignore[arg-type]
    finally:
        sys.setswitchinterval(interval)
        stop.set()
        thread.join()


@pytest.mark.parametrize("split", ["", "type", True, 1, ("keys",)])
def test_other_splits_are_refused(split: Any) -> None:
    with pytest.raises(OptionError, match="split must be None, 'keys' or 'owner', not "):
        take_census(split=split)
    with pytest.raises(OptionError, match="split must be None, 'keys' or 'owner', not "):
        HeapDiff(split=split)
