"""The look of a forked child: it brings what a walk here would bring, and what it says of addresses is tried again."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import memwatch

if memwatch.backend.name != "native":
    pytest.skip("the C extension is not in use", allow_module_level=True)
if sys.platform != "linux":
    pytest.skip("a child that looks is made on Linux alone", allow_module_level=True)

from memwatch.backend import _native
from memwatch.backend.census import exact
from memwatch.backend.census.contract import Cancelled, Look
from memwatch.backend.census.in_child import look_in_child
from memwatch.backend.type_labels import type_label
from memwatch.errors import UnsupportedError
from memwatch.retain import Holding, ask_holders, bytes_of_places, holdings_of, unreached

KEPT: list[Any] = []
TARIFF = f"{__name__}.Tariff"


class Order:
    def __init__(self, number: int) -> None:
        self.number = number


class Tariff(Order):
    """Is given to SQLite as a function."""

    def __call__(self) -> int:
        return self.number


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    gc.collect()
    yield
    KEPT.clear()
    _native.fail_after(-1)


def look_for_holders(before: Look) -> tuple[Look, tuple[Holding, ...]]:
    question = ask_holders()
    after = look_in_child(question.parts, None, before.identity, question.request)
    return after, holdings_of(question, after.places)


def look_again_and_again(should_cancel: Callable[[], bool]) -> None:
    while True:
        look_in_child([], should_cancel)


def children() -> str:
    tasks = Path("/proc/self/task").glob("*/children")
    return "".join(task.read_text() for task in tasks)


def test_who_is_there_is_what_a_walk_here_would_keep() -> None:
    KEPT.append([Order(number) for number in range(1000)])
    gc.disable()
    try:
        apart, here = look_in_child([], None).identity, exact.take_identity(True, (), None)
        later = look_in_child([], None).identity
    finally:
        gc.enable()
    assert apart.deep and abs(apart.nodes - here.nodes) < 300 and abs(apart.nbytes - here.nbytes) < 20_000
    assert apart.totals[f"{__name__}.Order"] == here.totals[f"{__name__}.Order"]
    assert all(apart.contains(id(order), f"{__name__}.Order") for order in KEPT[0])
    for one, other in ((apart, here), (here, later)):
        changes, _ = one.compare(other)
        passage = changes[f"{__name__}.Order"]
        assert (passage.allocated, passage.freed) == (0, 0)


def test_who_holds_what_is_new_is_told_with_the_living_objects() -> None:
    before = look_in_child([], None)
    KEPT.extend(Order(number) for number in range(2000))
    after, holdings = look_for_holders(before)
    (found,) = [it for it in holdings if it.frontier_type == f"{__name__}.Order"]
    assert found.path.text == f"module {__name__} > KEPT: list, 2000 items > [index]"
    assert found.targets == 2000 and found.holder_address == id(KEPT) and found.target_address == id(KEPT[-1])
    assert found.type_counts[f"{__name__}.Order"] == 2000
    assert after.identity.compare(before.identity)[0][f"{__name__}.Order"].freed == 2000


def test_what_a_variable_of_a_running_function_holds_is_found_again() -> None:
    before = look_in_child([], None)
    orders = [Order(number) for number in range(2000)]
    _, holdings = look_for_holders(before)
    (found,) = [it for it in holdings if it.frontier_type in ("list", f"{__name__}.Order")][:1]
    assert "main thread, function" in found.path.text and "local orders" in found.path.text
    assert len(orders) == 2000


def test_what_is_gone_by_now_is_left_out_and_another_of_its_kind_stands_for_it() -> None:
    before = look_in_child([], None)
    KEPT.extend(Order(number) for number in range(2000))
    question = ask_holders()
    after = look_in_child(question.parts, None, before.identity, question.request)
    del KEPT[500:]
    (found,) = [it for it in holdings_of(question, after.places) if it.frontier_type == f"{__name__}.Order"]
    assert found.target_address in set(map(id, KEPT))
    KEPT.clear()
    assert not [it for it in holdings_of(question, after.places) if it.frontier_type == f"{__name__}.Order"]


def test_a_container_that_was_replaced_by_a_longer_one_is_found_again() -> None:
    owner: Any = Order(1)
    owner.orders = [Order(1)]
    KEPT.append(owner)
    before = look_in_child([], None)
    owner.orders.extend(Order(number) for number in range(2000))
    question = ask_holders()
    after = look_in_child(question.parts, None, before.identity, question.request)
    owner.orders = [*owner.orders, Order(2)]
    (found,) = [it for it in holdings_of(question, after.places) if it.frontier_type == f"{__name__}.Order"]
    assert found.path.lines[-2:] == (".orders: list, 2002 items", "[index]")
    owner.orders = []
    assert bytes_of_places(after.places) > 2000 * 50
    assert not [it for it in holdings_of(question, after.places) if it.frontier_type == f"{__name__}.Order"]


class Client:
    """Gets a longer chain of functions under one name again and again."""

    def get(self) -> None: ...
    def put(self) -> None: ...


def test_what_was_there_before_does_not_stand_for_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrap(orders: list[Order], around: Any = None) -> Any:
        return lambda: (around, orders)

    old = set(map(id, vars(Client).values()))
    before = look_in_child([], None)
    fillers = list(map(wrap, [[]] * 200))  # at the places of functions that have died since: one there looks old
    monkeypatch.setattr(Client, "get", wrap(list(map(Order, range(500)))))
    question = ask_holders()
    after = look_in_child(question.parts, None, before.identity, question.request)
    monkeypatch.setattr(Client, "get", wrap([], Client.get))
    named = holdings_of(question, after.places, is_old=lambda obj: id(obj) in old)
    (found,) = [it for it in named if "Client" in it.path.text]
    assert ".get: function" in found.path.text and len(fillers) == 200


def test_what_c_code_alone_holds_is_named_where_tracked_objects_may_be_listed() -> None:
    connection = sqlite3.connect(":memory:")
    before = look_in_child([], None)
    for number in range(500):
        connection.create_function(f"f{number}", 0, Tariff(number))
    question = ask_holders()
    after = look_in_child(question.parts, None, before.identity, question.request)
    (found,) = [it for it in holdings_of(question, after.places, may_list=True) if it.frontier_type == TARIFF]
    assert found.targets == 500 and found.path.text == f"no Python reference (held in C) > {TARIFF}"
    assert TARIFF not in {it.frontier_type for it in holdings_of(question, after.places)}
    connection.close()
    assert TARIFF not in {it.frontier_type for it in holdings_of(question, after.places, may_list=True)}


def test_a_tracked_object_is_found_by_its_address_and_type_alone() -> None:
    order, other = [Order(1)], Order(2)
    pair = tuple(iter((order, other)))  # has one owner, as one that another thread is making
    wanted = {id(order): id(list), id(other): id(list), id(order) + 8: id(list), id(pair): id(tuple)}
    assert _native.tracked_at(wanted) == [order]
    assert _native.tracked_at({**wanted, id(other): id(Order)}) in ([order, other], [other, order])
    with pytest.raises(TypeError):
        _native.tracked_at({"a": 1})  # type: ignore[dict-item]


class Shop:
    """Has the same orders under two names."""

    first: Any = None
    second: Any = None


@pytest.mark.parametrize("put_around", [lambda order: order, lambda order: [order]])
def test_the_largest_place_is_told_with_all_its_holders(put_around: Callable[[Order], Any]) -> None:
    Shop.first, Shop.second = first, second = {}, {}
    KEPT.extend([] for _ in range(30))
    before = look_in_child([], None).identity
    for number, small in enumerate(KEPT[-30:]):  # other places, of which any may be met first
        small.append(Tariff(number))
    for number in range(5000):
        order = Order(number)
        first[number], second[number] = put_around(order), (number, order)
    question = ask_holders()
    after = look_in_child(question.parts, None, before, question.request)
    told = holdings_of(question, after.places, is_old=lambda obj: before.contains(id(obj), type_label(type(obj))))
    holders = {it.holder_address for it in told[:2]}
    assert holders == {id(first), id(second)}
    assert all(len(it.others) == 1 for it in told[:2])


def test_garbage_is_counted_without_a_collection() -> None:
    before = look_in_child([], None)
    gc.disable()
    try:
        for number in range(2000):
            order: Any = Order(number)
            order.itself = order
        del order
        after, _ = look_for_holders(before)
    finally:
        gc.enable()
    items, size = unreached(after.by_root)
    assert items >= 2000 and size >= 2000 * 50


def test_nobody_is_held_in_the_end() -> None:
    before = look_in_child([], None)
    KEPT.extend(Order(number) for number in range(100))
    counts = [sys.getrefcount(KEPT[-1]), sys.getrefcount(KEPT), sys.getrefcount(Order)]
    look_for_holders(before)
    assert [sys.getrefcount(KEPT[-1]), sys.getrefcount(KEPT), sys.getrefcount(Order)] == counts


def test_who_waits_may_give_up() -> None:
    KEPT.append([[] for _ in range(100_000)])
    answers = iter([False] * 2)
    with pytest.raises(Cancelled):
        look_again_and_again(lambda: next(answers, True))
    assert children() == ""


def test_out_of_memory_at_every_mapping() -> None:
    before, failures = look_in_child([], None), 0
    KEPT.extend(Order(number) for number in range(100))
    question = ask_holders()
    while True:
        _native.fail_after(failures)
        try:
            found = look_in_child(question.parts, None, before.identity, question.request)
        except MemoryError:
            failures += 1 + failures // 4
        else:
            break
        finally:
            _native.fail_after(-1)
    assert failures > 10 and children() == "" and found.places


@pytest.mark.slow
def test_while_other_threads_work_and_fork() -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            KEPT.append([{"n": (number, str(number), bytes(500))} for number in range(50)])
            del KEPT[:-20]

    def fork() -> None:
        while not stop.is_set():
            if (pid := os.posix_spawn("/bin/true", ["true"], {})) > 0:
                os.waitpid(pid, 0)

    threads = [threading.Thread(target=target) for target in (churn, churn, fork)]
    for thread in threads:
        thread.start()
    try:
        before = look_in_child([], None)
        assert all(look_for_holders(before)[0].identity.nodes > 1000 for _ in range(3))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_question_is_about_a_snapshot() -> None:
    with pytest.raises(TypeError, match="a question is about a snapshot"):
        look_in_child([], None, None, ask_holders().request)


def run_alone(program: str) -> str:
    folders = os.pathsep.join([str(Path(memwatch.__file__).parent.parent), *filter(None, sys.path)])
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": folders}
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_a_program_that_ends_meanwhile_takes_the_child_with_it() -> None:
    program = """
import _thread, os, time
from pathlib import Path
from memwatch.backend.census.in_child import look_in_child
kept = [[] for _ in range(1_500_000)]
_thread.start_new_thread(look_in_child, ([], None))
while not (found := "".join(task.read_text() for task in Path("/proc/self/task").glob("*/children"))):
    pass
os.write(1, found.encode())
"""
    pid, until = int(run_alone(program)), time.monotonic() + 60.0
    while is_running(pid):  # it has the signal, but perhaps no processor yet
        assert time.monotonic() < until
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except OSError:
        return False


def test_no_more_processes_is_an_error() -> None:
    program = """
import os, resource
from memwatch.backend.census.in_child import look_in_child
if os.getuid() == 0:
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
try:
    look_in_child([], None)
except Exception as error:
    print(type(error).__name__, error)
"""
    assert run_alone(program) == (
        "UnsupportedError no look in a forked child: [Errno 11] Resource temporarily unavailable\n"
    )


def test_the_pure_backend_says_that_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    from memwatch.backend.census import in_child

    monkeypatch.setattr(in_child, "CAN_LOOK", False)
    with pytest.raises(UnsupportedError, match="needs Linux and the C extension"):
        look_in_child([], None)
