"""Bounds and ages that code keeps in other ways than by one comparison beside a pop: and its twins that keep none."""

from __future__ import annotations

import asyncio
import heapq
import random
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, ClassVar

import pytest

from memwatch.retain import Holding, find_holdings
from memwatch.retain.emptying import removes
from memwatch.retain.views import View

Known = Callable[[], "array[int]"]
ITEMS = 20


def top(known: array[int]) -> Holding:
    return find_holdings(known)[0]


def filled(app: Any, known: Known, kind: type[Kept]) -> Holding:
    """Who holds what was added to one of that *kind*."""
    app.kept = kind()
    before = known()
    for number in range(ITEMS):
        app.kept.add([number])
    return top(before)


class Kept:
    """What all have."""

    def __init__(self) -> None:
        self.rows: list[Any] = []

    def add(self, row: Any) -> None:
        """Take it in."""


class Batch(Kept):
    """Writes its rows when there are enough of them, and begins a new list."""

    def add(self, row: Any) -> None:
        self.rows.append(row)
        if len(self.rows) >= 500:
            self.rows = []


class Speaker(Kept):
    """Says that there are many, and keeps them."""

    def add(self, row: Any) -> None:
        self.rows.append(row)
        if len(self.rows) >= 500:
            print(len(self.rows))


class Added(Kept):
    """Puts a longer list in the place of the old one."""

    def add(self, row: Any) -> None:
        self.rows = self.rows + [row]  # noqa: RUF005
        if len(self.rows) >= 500:
            print(len(self.rows))


class Called(Kept):
    """Asks one method whether there are too many, and has another take them out."""

    def add(self, row: Any) -> None:
        self._prune()
        self.rows.append(row)

    def _is_full(self) -> bool:
        return len(self.rows) > 500

    def _prune(self) -> None:
        if self._is_full():
            self.__drop()

    def __drop(self) -> None:
        self.rows.pop(0)


class Asked(Kept):
    """Nobody whom the answer would interest takes anything out."""

    def add(self, row: Any) -> None:
        self._is_full()
        self.rows.append(row)

    def _is_full(self) -> bool:
        return len(self.rows) > 500

    def drop(self) -> None:
        self.rows.pop(0)


class Cut(Kept):
    def add(self, row: Any) -> None:
        self.rows.append(row)
        self.rows = self.rows[-500:]


class CutInPlace(Kept):
    def add(self, row: Any) -> None:
        self.rows.append(row)
        del self.rows[:-500]


class Reservoir(Kept):
    """Adds as long as there is room, then one in the place of another."""

    size = 500

    def add(self, row: Any) -> None:
        if len(self.rows) < self.size:
            self.rows.append(row)
        else:
            self.rows[random.randrange(self.size)] = row


class Unguarded(Kept):
    size = 500

    def add(self, row: Any) -> None:
        self.rows.append(row)
        if len(self.rows) < self.size:
            print("still few")


class Slack(Kept):
    """Is cut back once in a while: 12 stay, and there are 21 at most."""

    keeps, slack = 12, 9

    def add(self, row: Any) -> None:
        self.rows.append(row)
        if len(self.rows) > self.keeps + self.slack:
            del self.rows[: len(self.rows) - self.keeps]


class Best(Kept):
    def add(self, row: Any) -> None:
        count = len(self.rows)
        if count < 500:
            heapq.heappush(self.rows, (id(row), row))
        else:
            heapq.heapreplace(self.rows, (id(row), row))


@pytest.mark.parametrize(
    ("kind", "bound"),
    [
        *((kind, 500) for kind in (Batch, Called, Cut, CutInPlace, Reservoir, Best)),
        (Slack, 21),
        *((kind, None) for kind in (Speaker, Added, Asked, Unguarded)),
    ],
)
def test_a_length_that_is_kept(app: Any, known: Known, kind: type[Kept], bound: int | None) -> None:
    found = filled(app, known, kind)
    assert (found.bound, found.seconds_kept) == (bound, None)


class Named:
    """As Django's cache in local memory: all of them lie in one dict, too."""

    every: ClassVar[dict[str, dict[int, Any]]] = {}

    def __init__(self, name: str) -> None:
        self._rows, self.most = self.every.setdefault(name, {}), 500

    def add(self, key: int) -> None:
        if len(self._rows) >= self.most:
            self._cull()
        self._rows[key] = [key]

    def _cull(self) -> None:
        self._rows.popitem()


def test_a_container_that_others_hold_by_the_name_of_its_owner(
    app: Any, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memwatch.retain.bounds.is_small_heap", lambda: True)  # however much the other tests load
    app.a_caches, app.site = Named.every, Named("one")
    before = known()
    for number in range(6 * ITEMS):
        app.site.add(number)
    found = top(before)
    assert found.path.text.startswith("module app > a_caches")
    assert (found.bound, found.used) == (500, 6 * ITEMS)


class Weighed(Kept):
    """Written by their size together, in a method that begins a new list."""

    def __init__(self) -> None:
        super().__init__()
        self.size, self.limit = 0, 1_000_000

    def add(self, row: Any) -> None:
        text = "x" * (1000 + row[0])
        self.rows.append(text)
        self.size += len(text)
        if self.size > self.limit:
            self.flush()

    def flush(self) -> None:
        self.rows, self.size = [], 0


def test_a_sum_of_sizes_and_a_new_list(app: Any, known: Known) -> None:
    app.kept = Weighed()
    before = known()
    for number in range(ITEMS):
        app.kept.add([number])
    assert top(before).bound == 1_000_000


SCRIPT = """
from collections import Counter
events, counts = [], Counter()
KEEP = 500

def count(word):
    global counts
    counts[word] += 1
    if len(counts) > KEEP:
        counts = Counter(dict(counts.most_common(100)))

def prune():
    global events
    limit = datetime.now(UTC) - timedelta(minutes=3)
    events = [row for row in events if row["at"] >= limit]
"""


@pytest.fixture
def script() -> Iterator[ModuleType]:
    module = ModuleType("script")
    sys.modules["script"] = module
    vars(module).update(datetime=datetime, timedelta=timedelta, UTC=UTC)
    exec(SCRIPT, vars(module))
    yield module
    del sys.modules["script"]


def test_variables_of_a_module_that_are_replaced(script: Any, known: Known) -> None:
    before = known()
    for number in range(ITEMS):
        script.count(f"word {number}")
        script.events.append({"at": datetime.now(UTC)})
    found = {held.holder_type: held for held in find_holdings(before)}
    assert found["collections.Counter"].bound == 500
    assert found["list"].seconds_kept == 180


def test_the_body_of_a_script_that_runs(known: Known) -> None:
    module: Any = ModuleType("running")
    sys.modules["running"] = module
    body = "for n in numbers:\n lot.append([n])\n if len(lot) > 700:\n  lot = []\n end()\nlot = []"
    kept: list[Holding] = []
    vars(module).update(numbers=[*range(1000, 1020)], lot=[])
    before = known()
    vars(module)["end"] = lambda: kept.append(top(before)) if len(module.lot) == ITEMS else None
    exec(compile(body, "running.py", "exec"), vars(module))
    del sys.modules["running"]
    assert kept[0].bound == 700


def test_a_variable_that_is_set_anew(known: Known) -> None:
    before = known()
    batch: list[Any] = []
    for number in range(ITEMS):
        batch.append([number])
        if len(batch) >= 900:
            batch = []
    assert top(before).bound == 900


def test_a_variable_that_is_set_once(known: Known) -> None:
    before = known()
    batch: list[Any] = []
    for number in range(ITEMS):
        batch.append([number])
        if len(batch) >= 900:
            print(batch)
    assert top(before).bound is None


class Given(Kept):
    """Gets the time from whoever calls."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 240.0

    def add(self, row: Any) -> None:
        self.rows.append((time.monotonic(), row))
        self.expire(time.monotonic())

    def expire(self, now: float) -> None:
        while self.rows and self.rows[0][0] < now - self.seconds:
            self.rows.pop(0)


class Item:
    def __init__(self, seconds: float) -> None:
        self.expires = time.time() + seconds


class Sessions(Kept):
    """Each has the time at which it goes."""

    lasts = 240.0

    def add(self, row: Any) -> None:
        self.rows.append(Item(self.lasts))

    def sweep(self) -> None:
        now = time.time()
        for item in [item for item in self.rows if item.expires < now]:
            self.rows.remove(item)


class LongSessions(Sessions):
    lasts = 86_400.0


class Jobs(Kept):
    """In a heap, by their time."""

    def add(self, row: Any) -> None:
        heapq.heappush(self.rows, (time.monotonic() + 240.0, row[0], row))
        while self.rows and self.rows[0][0] <= time.monotonic():
            heapq.heappop(self.rows)


class Reporter(Kept):
    """Empties itself every so many seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.last = time.monotonic()

    def add(self, row: Any) -> None:
        self.rows.append(row)
        if time.monotonic() - self.last > 240:
            self.rows, self.last = [], time.monotonic()


class Purged(Reporter):
    """The same by a method of its own, which is called when it is time."""

    def add(self, row: Any) -> None:
        self.rows.append(row)
        if time.monotonic() - self.last > 240:
            self.purge()

    def purge(self) -> None:
        self.rows.clear()


class Speaking(Kept):
    """Says something every so many seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.last = time.monotonic()

    def add(self, row: Any) -> None:
        self.rows.append(row)
        if time.monotonic() - self.last > 240:
            print(len(self.rows))

    def close(self) -> None:
        self.rows = []


class Sleeping(Kept):
    """Another thread empties it."""

    def add(self, row: Any) -> None:
        self.rows.append(row)

    def flush(self) -> None:
        self.rows.clear()

    def run(self) -> None:
        while True:
            time.sleep(240)
            self.flush()


class Timed(Kept):
    """A timer of the event loop takes each out, as in aiocache."""

    def __init__(self) -> None:
        super().__init__()
        self.ttl = 240

    def add(self, row: Any, ttl: float | None = None) -> None:
        self.rows.append(row)
        if asyncio._get_running_loop():
            asyncio.get_running_loop().call_later(ttl or self.ttl, self.__delete, row)

    def __delete(self, row: Any) -> None:
        self.rows.remove(row)


class PutAside(Kept):
    """Has in its rows what could not be sent. The same code empties another list in time, under a second name."""

    def __init__(self) -> None:
        super().__init__()
        self.batch: list[Any] = []
        self.last = time.monotonic()

    def add(self, row: Any) -> None:
        self.batch.append(row)
        if row or time.monotonic() - self.last > 240:
            self.send()

    def send(self) -> None:
        self.rows.extend(self.batch)
        batch = self.batch
        batch.clear()


class PutAsideByTimer(PutAside):
    """A timer of its own takes out what is sent, one by one."""

    def send(self) -> None:
        if asyncio._get_running_loop():
            asyncio.get_running_loop().call_later(240, self.send)
        while self.batch:
            self.rows.append(self.batch.pop())


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        *((kind, 240) for kind in (Given, Sessions, Jobs, Reporter, Purged, Sleeping, Timed)),
        *((kind, None) for kind in (LongSessions, Speaking, PutAside, PutAsideByTimer)),
    ],
)
def test_an_age_that_is_kept(app: Any, known: Known, kind: type[Kept], seconds: float | None) -> None:
    assert Sessions.sweep and Sleeping.run, "code that nothing names is dead"
    found = filled(app, known, kind)
    assert found.bound is None
    assert found.seconds_kept == (None if seconds is None else pytest.approx(seconds, abs=60))


def test_which_variable_of_a_function_is_emptied() -> None:
    """What else is emptied is another variable, an item of one, or comes from a call: of that alone it is not known."""
    code = _collect.__code__
    found = {name: removes(View(name, (code,), (), is_variable=True), code) for name in code.co_varnames}
    assert [name for name, is_emptied in found.items() if is_emptied] == ["rows", "same"]


def _collect() -> None:
    rows, batch, shards = list[int](), list[int](), [list[int]()]
    unsent = list[int]()
    same = rows
    unsent.extend(batch)
    same.clear()
    shards[0].append(len(unsent))
