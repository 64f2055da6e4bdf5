"""Bounds that code keeps: wherever the container is, and whatever the number is called; and code that keeps none."""

from __future__ import annotations

import functools
import sys
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from types import ModuleType
from typing import Any

import pytest

from memwatch.retain import Holding, find_holdings
from memwatch.retain.bounds import Bound, bound_of
from memwatch.retain.comparisons import comparisons, slices

Known = Callable[[], "array[int]"]
ITEMS = 20


def fill(container: Any) -> None:
    for number in range(ITEMS):
        container[number] = [number]


def top(known: array[int]) -> Holding:
    return find_holdings(known)[0]


def bound(held: Holding) -> tuple[int | None, int | None]:
    return held.bound, held.used


def remembered_up_to(size: int) -> Any:
    store: dict[int, Any] = {}

    def remembering(key: int) -> Any:
        if len(store) >= size:
            del store[next(iter(store))]
        return store

    return remembering


def remembered(size: int) -> Any:
    """Compares the length and takes nothing out; another one takes something out and compares nothing."""
    store: dict[int, Any] = {}

    def remembering(key: int) -> Any:
        return len(store) >= size

    def forget(key: int) -> Any:
        return store.pop(key)

    return remembering, forget, store


def test_a_variable_of_a_running_function(known: Known) -> None:
    recent: OrderedDict[int, Any] = OrderedDict()
    most = 50
    before = known()
    fill(recent)
    if len(recent) > most:
        recent.popitem(last=False)
    assert bound(top(before)) == (50, ITEMS)


IN_USE: list[list[int]] = []
MADE: list[list[int]] = []


def serve(load: int) -> None:
    want = min(load // 2, 900)
    while len(IN_USE) < want:
        IN_USE.append([load])


def make(load: int) -> None:
    want = max(load // 2, 900)
    while len(MADE) < want:
        MADE.append([load])


def test_a_number_that_the_least_of_two_cannot_pass(known: Known) -> None:
    before = known()
    serve(20), make(20)
    assert {it.holder_items: it.bound for it in find_holdings(before) if it.bound} == {10: 900}


def test_a_variable_that_no_code_compares(known: Known) -> None:
    recent: OrderedDict[int, Any] = OrderedDict()
    most = 50
    before = known()
    fill(recent)
    if not most:
        recent.popitem(last=False)
    assert top(before).bound is None


def test_a_variable_of_a_generator_that_waits(app: Any, known: Known) -> None:
    def serve(most: int) -> Generator[Any]:
        recent: OrderedDict[int, Any] = OrderedDict()
        while True:
            yield recent
            if len(recent) > most:
                recent.popitem(last=False)

    app.serving = serve(60)
    recent = next(app.serving)
    before = known()
    fill(recent)
    del recent
    assert bound(top(before)) == (60, ITEMS)


def test_a_variable_of_a_closure(app: Any, known: Known) -> None:
    app.render = remembered_up_to(70)
    before = known()
    fill(app.render(0))
    assert bound(top(before)) == (70, ITEMS)


def test_a_closure_whose_length_is_compared_and_nothing_more(app: Any, known: Known) -> None:
    app.render, app.forget, store = remembered(70)
    before = known()
    fill(store)
    del store
    assert top(before).bound is None


HELPED = """
from collections import OrderedDict
sessions = OrderedDict()
lost = OrderedDict()

def remember(cache, key, most):
    cache[key] = [key]
    while len(cache) > most:
        cache.popitem(last=False)

def lose(cache, key, most):
    cache[key] = [key]

def login(key):
    remember(sessions, key, most=80)

def logout(key):
    lose(lost, key, most=80)
"""


@pytest.fixture
def helped() -> Iterator[ModuleType]:
    module = ModuleType("helped")
    sys.modules["helped"] = module
    exec(HELPED, vars(module))
    yield module
    del sys.modules["helped"]


def test_what_a_function_gets_as_an_argument(helped: Any, known: Known) -> None:
    before = known()
    for number in range(ITEMS):
        helped.login(number)
    assert bound(top(before)) == (80, ITEMS)


def test_what_a_function_gets_that_takes_nothing_out(helped: Any, known: Known) -> None:
    before = known()
    for number in range(ITEMS):
        helped.logout(number)
    assert top(before).bound is None


def quietly(method: Any) -> Any:
    @functools.wraps(method)
    def doing(self: Any, *given: Any) -> Any:
        return method(self, *given)

    return doing


class Results:
    """Bounded by the bytes of its results, taken out in a method that is decorated."""

    def __init__(self, counted: float) -> None:
        self.waiting: dict[int, bytes] = {}
        self.budget, self.weight, self.counted = 100_000, 0.0, counted

    def put(self, task: int, result: bytes) -> None:
        self.waiting[task] = result
        self.weight += self.counted
        while self.weight > self.budget:
            self.forget()

    @quietly
    def forget(self) -> None:
        self.weight -= self.counted
        del self.waiting[next(iter(self.waiting))]


@pytest.mark.parametrize(
    ("counted", "expected"), [(1000.0, (100_000, 20_000)), (1.0, (100_000, 20)), (9.0, (None, None))]
)
def test_a_sum_that_measures_what_is_there_is_compared(
    app: Any, known: Known, counted: float, expected: tuple[int | None, int | None]
) -> None:
    app.results = Results(counted)
    before = known()
    for number in range(ITEMS):
        app.results.put(number, bytes(1000 + number % 2))
    assert bound(top(before)) == expected


class Batch:
    """Is written when its rows are large enough, by whoever asks for that."""

    def __init__(self, budget: int) -> None:
        self.rows: list[bytes] = []
        self.budget, self.weight = budget, 0

    def put(self, row: bytes) -> None:
        self.rows.append(row)
        self.weight += len(row)

    def write_if_full(self) -> None:
        if self.weight > self.budget:
            self.rows, self.weight = [], 0


@pytest.mark.parametrize(
    ("budget", "expected"), [(50_000, (50_000, 20_000)), (15_000, (20_000, 20_000)), (10_000, (None, None))]
)
def test_a_sum_that_has_passed_its_bound_is_kept_below_none(
    app: Any, known: Known, budget: int, expected: tuple[int | None, int | None]
) -> None:
    app.batch = Batch(budget)
    before = known()
    for number in range(ITEMS):
        app.batch.put(number.to_bytes(1000, "big"))
    assert bound(top(before)) == expected and app.batch.write_if_full


class Expiring:
    """Drops what is older than so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.waiting: dict[int, tuple[float, list[int]]] = {}
        self.seconds = seconds

    def put(self, task: int) -> None:
        self.waiting[task] = (time.monotonic(), [task])
        while self.waiting[next(iter(self.waiting))][0] < time.monotonic() - self.seconds:
            self.waiting.popitem()


@pytest.mark.parametrize(("seconds", "kept"), [(240.0, 240.0), (86_400.0, None)])
def test_items_that_go_at_an_age(app: Any, known: Known, seconds: float, kept: float | None) -> None:
    app.results = Expiring(seconds)
    before = known()
    for number in range(ITEMS):
        app.results.put(number)
    found = top(before)
    assert (found.bound, found.seconds_kept) == (None, kept)


class Sessions:
    """Looks through all items once in a while, and takes out those that nobody has seen for so many seconds."""

    def __init__(self) -> None:
        self.seen: dict[int, Any] = {}
        self.swept = time.monotonic()

    def put(self, task: int) -> None:
        now = time.monotonic()
        self.seen[task] = [[now], task]
        if now - self.swept < 5:
            return
        for key, (item, _) in list(self.seen.items()):
            last = item[0]
            if now - last > 45:
                del self.seen[key]


def test_an_age_is_what_the_time_of_an_item_is_compared_with(app: Any, known: Known) -> None:
    app.sessions = Sessions()
    before = known()
    for number in range(ITEMS):
        app.sessions.put(number)
    assert top(before).seconds_kept == 45


def serve_for(jobs: set[Any], seconds: float = 110.0) -> None:
    begun = time.monotonic()
    for _ in range(ITEMS):
        jobs.add(Results(1.0))
        if not jobs or time.monotonic() > begun + seconds:
            jobs.discard(None)


def test_how_long_a_loop_runs_is_no_age(app: Any, known: Known) -> None:
    app.__dict__.update(jobs=set(), serve_for=serve_for, seconds=110)
    before = known()
    serve_for(app.jobs)
    assert top(before).seconds_kept is None


class Timers:
    """Takes out what is due, and sometimes what was cancelled: no item has an age at which it goes."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, int]] = []
        self.cancelled = 0

    def put(self, task: int) -> None:
        self.timers.append((time.monotonic() + 86_400, task))
        now = time.monotonic()
        while self.timers and self.timers[0][0] <= now:
            self.timers.pop(0)
        if self.cancelled > 50 and self.cancelled > len(self.timers) >> 1:
            self.timers.clear()


def test_a_number_that_no_time_is_compared_with_is_no_age(app: Any, known: Known) -> None:
    app.timers = Timers()
    before = known()
    for number in range(ITEMS):
        app.timers.put(number)
    found = top(before)
    assert (found.bound, found.seconds_kept) == (None, None)


def test_places_that_wait_for_their_items() -> None:
    slots: list[Any] = [None] * 30
    slots[:4] = "abcd"
    assert bound_of([slots], slots) == Bound(30, 4)
    full, appended = list("abcd"), list("abcd")
    appended.append(None)
    assert bound_of([full], full) is None and bound_of([appended], appended) is None


def test_what_a_comparison_has_on_its_sides() -> None:
    def code(box: Any, limit: int) -> bool:
        size = len(box.old)
        return len(box.rows) > 2 * limit and box.weight >= 5000 and size < 3

    found = [(set(it.names), it.numbers[-1:]) for it in comparisons(code.__code__)]
    assert found == [
        ({"len", "box", "rows", "limit"}, (2,)),
        ({"box", "weight"}, (5000,)),
        ({"size"}, (3,)),
    ]


def test_what_is_meant_by_a_comparison_and_what_an_item_of_it() -> None:
    def code(box: Any, most: dict[str, int], kind: str) -> None:
        if len(box.rows[len(box.rows) - 1]) > 5 or len(box.rows) > most[kind] or len(kind) > most.get(kind, [0])[0]:
            box.rows[kind] = box.rows[0][-7:]

    found = [set(it.meant) for it in (*comparisons(code.__code__), *slices(code.__code__))]
    assert found == [{"len"}, {"len", "box", "rows"}, {"len", "kind"}, set()]


class Chunks:
    """As a sorted list: no part becomes long, but there are ever more of them."""

    def __init__(self) -> None:
        self.parts: list[list[int]] = []

    def expand(self) -> None:
        if len(self.parts[-1]) > 30:
            self.parts.append([self.parts[-1].pop()])


def test_the_length_of_an_item_is_no_bound(app: Any, known: Known) -> None:
    app.chunks, before = Chunks(), known()
    app.chunks.parts += [[number] for number in range(ITEMS)]
    assert top(before).bound is None


class Squishy:
    """As SQLAlchemy's LRUCache: it compares its own length, and is cut back when a share more than allowed is there."""

    __slots__ = ("_data", "extra", "most")

    def __init__(self, most: int, extra: float) -> None:
        self.most, self.extra = most, extra
        self._data: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self._data)

    def manage_size(self) -> None:
        while len(self) > self.most + self.most * self.extra:
            for key in list(self._data)[self.most :]:
                del self._data[key]


class Journal:
    """Has a length, takes out of what it holds, and compares the length of something else."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open: list[int] = []
        self.entries: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def close(self, key: int) -> None:
        if len(self.open) < self.most:
            self.entries.pop(key)


def test_an_object_that_compares_the_length_of_something_else(known: Known) -> None:
    journal = Journal(50)
    before = known()
    fill(journal.entries)
    assert top(before).bound is None


@pytest.mark.parametrize(("most", "limit"), [(50, 50), (15, 22), (10, None)])
def test_an_object_that_compares_its_own_length(known: Known, most: int, limit: int | None) -> None:
    cache = Squishy(most, 0.5)
    before = known()
    fill(cache._data)
    assert top(before).bound == limit and cache.manage_size


class Settings:
    most = 50


class Served:
    """Its numbers stand elsewhere: in an object of settings, in a dict of them, and in a variable."""

    def __init__(self) -> None:
        self.settings, self.config = Settings(), {"rows": 60, "name": "x"}
        self.pages: dict[int, Any] = {}
        self.rows: dict[int, Any] = {}

    def put(self, number: int) -> None:
        self.pages[number] = [number]
        if len(self.pages) > self.settings.most:
            self.pages.popitem()

    def add(self, number: int) -> None:
        most = self.config["rows"]
        self.rows[number] = [number]
        if len(self.rows) > most:
            self.rows.popitem()


@pytest.mark.parametrize(("method", "limit"), [("put", 50), ("add", 60)])
def test_a_number_in_settings(app: Any, known: Known, method: str, limit: int) -> None:
    app.served = Served()
    before = known()
    for number in range(ITEMS):
        getattr(app.served, method)(number)
    assert bound(top(before)) == (limit, ITEMS)


class Talk:
    """Drops its oldest messages when all together are too long."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def add(self, message: bytes) -> None:
        self.messages.append(message)
        while sum(len(it) for it in self.messages) > 50_000:
            self.messages.pop(0)


class Endless:
    """Sums up and takes nothing out; a variable of the same name is something else."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def add(self, message: bytes) -> None:
        self.messages.append(message)
        self.total = sum(len(it) for it in self.messages)

    def clean(self) -> None:
        messages = list(range(9))
        while len(messages) > 100:
            messages.pop()


@pytest.mark.parametrize(("talk", "limit"), [(Talk, 50_000), (Endless, None)])
def test_a_sum_over_the_items_is_compared(app: Any, known: Known, talk: type[Any], limit: int | None) -> None:
    app.talk = talk()
    before = known()
    for number in range(ITEMS):
        app.talk.add(number.to_bytes(1000, "big"))
    assert top(before).bound == limit
