"""The judge on real heaps: what leaks is made here, in this process, and the report must say so."""

import ctypes
import functools
import gc
import importlib.util
import mmap
import re
import sys

import pytest

import memwatch
from memwatch.backend.meters.meters import Meters
from memwatch.diagnosis import judge, walks
from memwatch.heap import least
from memwatch.retain import Collecting
from memwatch.watch import Dismissed, Leak

from .conftest import GUESSED

MIB = 1 << 20


def make_cycles(text, count):
    """Garbage in the oldest generation, which no young collection takes: cycles of 4 KB."""
    cycles = []
    for number in range(count):
        cycle = [text(number)]
        cycle.append(cycle)
        cycles.append(cycle)
    gc.collect()


# ---- what leaks, and who holds it


def test_a_list_of_strings(case, app, text):
    app.kept = []
    leak = case.judge(lambda: app.kept.extend(map(text, range(1000))))
    report = leak.report
    assert isinstance(leak, Leak) and leak.verdict == report.verdict == "objects"
    assert 0.8 < report.explained < 1.5 and report.missing == ()
    top = report.suspects[0]
    assert top.type == "str" and top.count_growth == pytest.approx(1000, abs=5)
    assert top.held_by.lines == ("module app", ".kept: list, 1000 items", "[index]")
    assert top.bytes_growth == pytest.approx(sum(map(sys.getsizeof, app.kept)), rel=0.01)
    assert 0.8 < top.share <= 1.0 and top.retained_items == 1000
    assert re.fullmatch(r"a module-level list that only grows: (1,000|99\d) added, 1,000 kept", top.cause)
    row = next(row for row in report.rows if row.what == "str")
    assert least(row.allocated) - least(row.freed) == pytest.approx(1000, abs=300) and row.size_bytes > 3.8 * MIB


def test_only_what_came_since_the_suspicion_counts(case, app, text):
    app.kept = list(map(text, range(1000)))
    top = case.judge(lambda: app.kept.extend(map(text, range(500)))).report.suspects[0]
    assert (top.type, top.retained_items) == ("str", 1500) and top.count_growth == pytest.approx(500, abs=5)
    assert re.fullmatch(r"a module-level list that only grows: (500|49\d) added, 1,500 kept", top.cause)


def test_interpreters_that_were_made_meanwhile_are_counted(case, app, text):
    names = ("_interpreters", "_xxsubinterpreters")  # from 3.13, before
    interpreters = importlib.import_module(next(name for name in names if importlib.util.find_spec(name)))
    app.kept, made = [], []
    try:
        leak = case.judge(lambda: [made.append(interpreters.create()), app.kept.extend(map(text, range(1000)))])
    finally:
        for number in made:
            interpreters.destroy(number)
    assert leak.report.reason.endswith(f"; {1 + len(made)} interpreters, {len(made)} more than before")


@pytest.mark.parametrize(("kind", "last"), [("str", r"\[(str )?key\]"), ("bytearray", r"\[str key\]")])
def test_a_dict(case, app, kind, last, text):
    app.CACHE = {}
    value = {"str": text, "bytearray": lambda number: bytearray(4000)}[kind]
    top = case.judge(lambda: app.CACHE.update((f"key {n}", value(n)) for n in range(1000))).report.suspects[0]
    assert top.held_by.lines[:-1] == ("module app", ".CACHE: dict, 1000 items")
    assert re.fullmatch(last, top.held_by.lines[-1])
    assert top.type == kind and top.retained_items == 1000
    assert re.fullmatch(
        r"a dict that is a cache by its name and has no bound: (1,000|99\d) added, 1,000 kept", top.cause
    )


def test_buffers_that_the_collector_does_not_track(case, app):
    app.buffers = []
    leak = case.judge(lambda: app.buffers.extend(bytearray(8192) for _ in range(500)))
    top = leak.report.suspects[0]
    assert (leak.verdict, top.type) == ("objects", "bytearray") and top.count_growth == pytest.approx(500, abs=5)
    assert top.bytes_growth == pytest.approx(500 * 8250, rel=0.02)


@pytest.mark.parametrize(
    ("maxsize", "words"),
    [(None, "a function cache without a bound"), (1 << 30, "a container whose bound is out of reach")],
)
def test_instances_under_a_function_cache(case, app, maxsize, words, text, make_class):
    order = make_class(app, "Order")
    order.__init__ = lambda self, number: setattr(self, "text", text(number))
    app.lookup = functools.lru_cache(maxsize=maxsize)(lambda number: order(number))
    top = case.judge(lambda: [app.lookup(number) for number in range(1000)]).report.suspects[0]
    assert top.type == "app.Order" and top.count_growth == pytest.approx(1000, abs=5)
    assert top.held_by.text.startswith("module app > lookup: functools.lru_cache wrapper")
    assert top.bytes_growth > 4 * MIB * 0.95
    assert top.cause.startswith(words)


def test_many_small_holders_are_not_spoken_of_as_one(case, app, text, make_class):
    order = make_class(app, "Order")
    app.orders = [order() for _ in range(2000)]
    for one in app.orders:
        one.log = [None]
    top = case.judge(lambda: [one.log.append(text(n)) for n, one in enumerate(app.orders)]).report.suspects[0]
    assert top.count_growth == pytest.approx(2000, abs=5)
    added, kept = re.fullmatch(r"a list that only grows: ([\d,]+) added, (.+)", top.cause).groups()
    assert 1990 < int(added.replace(",", "")) <= 2000 and kept == "to many of its kind"


# ---- growth that is no object


@pytest.fixture
def libc():
    if sys.platform != "linux":
        pytest.skip("needs the C library's allocator by name")
    return ctypes.CDLL(None)


def test_memory_of_c_code_is_native(case, libc):
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    taken = []
    leak = case.judge(lambda: taken.extend(libc.malloc(100_000) for _ in range(100)))
    for address in taken:
        libc.free(address)
    assert leak.verdict == "native" and leak.report.explained < 0.3


def test_blocks_that_nothing_refers_to_are_untracked(case):
    ctypes.pythonapi.PyMem_Malloc.restype = ctypes.c_void_p
    ctypes.pythonapi.PyMem_Free.argtypes = [ctypes.c_void_p]
    addresses = (ctypes.c_void_p * 60_000)()
    malloc = ctypes.pythonapi.PyMem_Malloc

    def lose():
        for place in range(len(addresses)):
            addresses[place] = malloc(96)

    leak = case.judge(lose)
    for address in addresses:
        ctypes.pythonapi.PyMem_Free(address)
    assert leak.verdict == "untracked" and leak.report.explained < 0.3


def test_resident_memory_alone_is_native_and_says_that_it_read_rss(case):
    made = []

    def make():
        made.append(mmap.mmap(-1, 32 * MIB))
        made[0].write(b"x" * len(made[0]))

    leak = case.judge(make, meter="rss")
    made[0].close()
    assert leak.verdict == "native" and leak.report.meter == "rss" and leak.reason.startswith("rss growth")
    (_, first), (_, last) = leak.report.curve
    assert last - first > 16 * MIB and "\n  rss    " in str(leak.report)


def test_shared_memory_that_is_written_to_for_the_first_time_is_no_leak(case):
    pages = mmap.mmap(-1, 160 * MIB)  # far more than the looks take on the pure backend
    decision = case.judge(lambda: [pages.write(b"x" * MIB) for _ in range(160)] and None, meter="rss")
    pages.close()
    assert isinstance(decision, Dismissed) and decision.alone and "had their addresses before" in decision.why


def test_resident_memory_that_rises_after_a_peak_is_fragmentation(case):
    case.suspect()
    first = case.past[0]
    case.past[:] = [judge_sample(first, base=first.base + 40 * MIB)]
    leak = case.verdict(meter="rss", rss=first.rss + 40 * MIB)
    assert leak.verdict == "fragmentation"


def test_resident_memory_that_rose_with_a_peak_and_stays_is_no_leak(case):
    case.suspect()
    first = case.past[0]
    case.past[:] = [first, judge_sample(first, base=first.base + 40 * MIB, rss=first.rss + 40 * MIB)]
    decision = case.verdict(meter="rss", rss=first.rss + 40 * MIB)
    assert isinstance(decision, Dismissed) and "a peak of what was in use" in decision.why


def judge_sample(sample, **changes):
    return sample._replace(**changes)


# ---- growth that is garbage


def test_garbage_that_the_collector_would_have_taken_is_no_leak(case, text):
    decision = case.judge(lambda: make_cycles(text, 1000))
    assert isinstance(decision, Dismissed) and decision.why == "a full collection took the growth away"


def test_garbage_that_a_young_collection_takes_before_the_full_one_is_no_leak(case, text, monkeypatch):
    case.suspect()
    make_cycles(text, 1000)
    collect = case.diagnosis._gatherer.collect
    monkeypatch.setattr(case.diagnosis._gatherer, "collect", lambda asked: [gc.collect(), collect(asked)][1])
    decision = case.verdict()
    assert isinstance(decision, Dismissed) and decision.why == "a full collection took the growth away"


@pytest.mark.parametrize("how", ["disabled", "no threshold"])
def test_garbage_is_a_leak_where_no_collector_runs(case, how, text, monkeypatch):
    monkeypatch.setattr(judge, "find_collecting", lambda: None)  # these tests do
    thresholds = gc.get_threshold()
    gc.disable() if how == "disabled" else gc.set_threshold(0)
    try:
        leak = case.judge(lambda: make_cycles(text, 1000))
    finally:
        gc.enable()
        gc.set_threshold(*thresholds)
    assert isinstance(leak, Leak) and leak.verdict == "garbage"
    top = leak.report.suspects[0]
    assert top.type == "str" and top.bytes_growth == pytest.approx(4 * MIB, rel=0.1)
    assert top.share > 0.8 and top.held_by is None and "gc.enable()" in top.hint
    assert "reference cycles that nothing collects" in str(leak.report)


@pytest.mark.parametrize("seconds", [None, 200.0])
def test_garbage_that_the_program_collects_is_waited_for(case, text, collector_off, monkeypatch, seconds):
    monkeypatch.setattr(judge, "find_collecting", lambda: Collecting("app.tick", seconds))
    decision = case.judge(lambda: make_cycles(text, 1000))
    assert decision == Dismissed("the growth is garbage that app.tick collects")
    now = case.read().full

    def asked(full, after):
        case.past[-1] = case.past[-1]._replace(full=full, time=since + after)
        return case.diagnosis._will_be_collected(case.candidate("leak"), MIB, "") is not None

    since = case.past[-1].time
    assert asked(now, 190) is (seconds is not None)  # it may be still to come
    assert not asked(now, 250)  # it would, and does not
    assert asked(now + 1, 300) and not asked(now, 600)  # it has meanwhile


@pytest.mark.skipif(memwatch.backend.name != "native", reason="the pure search takes these cycles for held in C")
def test_garbage_is_compared_with_the_growth_since_the_suspicion_that_it_is_new_since(case, text, collector_off):
    case.suspect()
    before = case.past[0]
    case.past.insert(0, before._replace(time=before.time - 1000, base=before.base - 40 * MIB))
    make_cycles(text, 1000)
    assert case.verdict(detector="consecutive").verdict == "garbage"


def test_what_goes_while_it_is_looked_for_is_no_leak(case, app, text, monkeypatch):
    app.kept, find = [], case.diagnosis._gatherer.find
    monkeypatch.setattr(
        case.diagnosis._gatherer, "find", lambda *given, **more: [app.kept.clear(), find(*given, **more)][1]
    )
    decision = case.judge(lambda: app.kept.extend(map(text, range(20_000))))
    assert decision == Dismissed("it went while it was looked for")


def test_what_stays_is_told_where_no_collector_runs(case, app, collector_off, text):
    app.kept = []
    leak = case.judge(lambda: app.kept.extend(map(text, range(1000))))
    assert leak.verdict == "objects" and leak.report.suspects[0].held_by.lines[1].startswith(".kept: list")


def test_garbage_of_few_large_objects_waits_for_its_collection(case):
    """The collector counts objects: messages with large payloads may double the memory before it comes."""

    def lose():
        cycle = [bytearray(MIB) for _ in range(2 + case.past[0].base // MIB)]
        cycle.append(cycle)
        gc.collect()

    assert isinstance(case.judge(lose), Dismissed)


@pytest.mark.parametrize(
    ("waits_for", "room", "expected"), [(2000, 64, Leak), (1_000_000, 1 << 20, Dismissed), (1_000_000, 64, Leak)]
)
def test_more_objects_of_garbage_than_a_collector_leaves_are_a_leak(make_case, monkeypatch, waits_for, room, expected):
    """And where it has been told to wait for so many that there is no memory for them, of so many MiB."""
    monkeypatch.setattr(judge, "find_collecting", lambda: None)  # these tests do
    monkeypatch.setattr(judge, "young_limit", lambda: waits_for)
    case = make_case(limit=Meters().read(force=True).rss + room * MIB)

    def lose():
        cycles = [[] for _ in range(case.diagnosis._gatherer.evidence.snapshot.nodes // 3)]
        for cycle in cycles:
            cycle.append(cycle)
        gc.collect()

    decision = case.judge(lose)
    assert isinstance(decision, expected) and getattr(decision, "verdict", "garbage") == "garbage"


# ---- what may not be looked at


LARGE = {"pure": 2_000_000, "native": 3_500_000}[memwatch.backend.name]
"""Blocks of a heap that has room in the budget for a census of tracked objects alone."""


@pytest.mark.usefixtures("no_child")
def test_a_large_heap_is_looked_at_without_untracked_objects(make_case, app, text, make_class):
    order = make_class(app, "Order")
    app.table = {number: text(number) for number in range(2000)}  # old, and unknown to a census of tracked objects
    app.orders = []
    case = make_case(age=20.0, blocks=LARGE)
    report = case.judge(lambda: app.orders.extend(order() for _ in range(20_000))).report
    assert report.missing[0] == f"census of tracked objects alone: {LARGE:,} blocks are over the budget"
    assert report.explained is None
    assert report.suspects[0].type == "app.Order"
    assert not any(".table" in step for suspect in report.suspects for step in suspect.held_by.lines)
    assert "str" not in {row.what for row in report.rows}


@pytest.mark.usefixtures("no_child")
def test_a_list_of_strings_in_a_large_heap_is_named_because_it_grew_in_place(make_case, app, text):
    app.table = {number: text(number) for number in range(2000)}
    app.kept = []
    report = make_case(age=20.0, blocks=LARGE).judge(lambda: app.kept.extend(map(text, range(1000)))).report
    assert report.suspects[0].held_by.lines == ("module app", ".kept: list, 1000 items", "[index]")
    assert not any(".table" in step for suspect in report.suspects for step in suspect.held_by.lines)


@pytest.mark.usefixtures("no_child")
def test_a_huge_heap_is_not_looked_at(make_case, app, text):
    app.kept = []
    case = make_case(blocks=50_000_000)
    leak = case.judge(lambda: app.kept.extend(map(text, range(1000))))
    assert leak.report.missing == (
        "census skipped: 50,000,000 blocks are over the budget",
        "no collection before the verdict: it would pause the program for too long",
        "what kind of memory it is: no walk saw the objects, and no allocations were sampled",
        *GUESSED,
    )
    assert leak.verdict == "unknown"
    assert (leak.report.suspects, leak.report.rows, leak.report.cost.censuses) == ((), (), 0)
    assert "the kind of memory that grew was not examined" in str(leak.report)


@pytest.mark.usefixtures("no_child")
def test_a_heap_that_has_become_too_large_for_a_second_census(case, app, text):
    app.kept = []
    case.suspect()
    app.kept.extend(map(text, range(1000)))
    report = case.verdict(blocks=50_000_000).report
    assert {
        "search for holders skipped: 50,000,000 blocks are over the budget",
        "second census skipped: 50,000,000 blocks are over the budget",
    } <= set(report.missing)


@pytest.mark.usefixtures("no_child")
def test_told_again_when_the_heap_has_become_too_large_the_suspects_stand(case, app, text):
    app.kept = []
    first = case.judge(lambda: app.kept.extend(map(text, range(1000)))).report
    app.kept.extend(map(text, range(1000)))
    again = case.verdict(blocks=50_000_000).report
    assert again.suspects == first.suspects and again.suspects[0].held_by.lines[1] == ".kept: list, 1000 items"
    assert again.fingerprint == first.fingerprint and again.rows == ()
    assert again.missing[-1] == "no new suspects: the same ones were reported 1m 4s ago"
    third = case.verdict(blocks=50_000_000).report
    assert (
        third.suspects == first.suspects
        and third.missing[-1] == "no new suspects: the same ones were reported 2m 8s ago"
    )
    case.suspect()
    app.kept.extend(map(text, range(1000)))  # of another growth nothing is known
    assert case.verdict(blocks=50_000_000).report.suspects == ()


def test_out_of_time_from_the_beginning_the_leak_goes_out_all_the_same(make_case, app, text):
    app.kept = []
    leak = make_case(should_cancel=lambda: True).judge(lambda: app.kept.extend(map(text, range(1000))))
    assert isinstance(leak, Leak) and leak.report.suspects == ()
    first, second, *_ = leak.report.missing
    assert first.startswith("census not finished: ")
    assert second == "no collection before the verdict: the time for the verdict was over"


def test_out_of_time_at_the_verdict(case, app, text):
    app.kept = []
    case.suspect()
    app.kept.extend(map(text, range(1000)))
    case.should_cancel = lambda: True
    report = case.verdict().report
    assert [line.partition(":")[0] for line in report.missing if line not in GUESSED] == [
        "no collection before the verdict",
        "holders not searched",
        "census not finished",
        "what kind of memory it is",
    ]


def test_a_leak_that_was_not_suspected_before(case):
    case.past.append(case.read())
    leak = case.verdict(base=case.past[0].base + 1000 * MIB)
    assert leak.report.missing == (
        "no census: the growth had not been suspected before",
        "what kind of memory it is: no walk saw the objects, and no allocations were sampled",
        *GUESSED,
    )
    report = leak.report
    assert (report.suspects, report.since_seconds, report.since_bytes) == ((), 64.0, report.growth_bytes)


def test_a_forced_growth_is_not_collected_once_more(case, app, text):
    app.kept = []
    full = gc.get_stats()[-1]["collections"]
    leak = case.judge(lambda: app.kept.extend(map(text, range(1000))), detector="consecutive")
    assert gc.get_stats()[-1]["collections"] == full + 1  # the test's own, before the suspicion
    assert leak.report.missing == () and leak.report.confidence == 1 - 2**-8


def test_a_program_of_a_second_is_looked_at_too(make_case, app, text):
    app.kept = []
    report = make_case(age=0.5).judge(lambda: app.kept.extend(map(text, range(1000)))).report
    assert report.suspects[0].held_by.lines[1] == ".kept: list, 1000 items"


def test_a_forked_worker_was_watched_since_it_was_forked(case, app, text):
    app.kept = []
    case.ledger.begin_anew()  # 1000 s after the watcher of its parent
    report = case.judge(lambda: app.kept.extend(map(text, range(1000)))).report
    assert report.age_seconds < 500


@pytest.mark.usefixtures("no_child")
def test_a_walk_that_fails_costs_its_own_part_of_the_report_alone(case, app, monkeypatch, text):
    def fail(*_, **__):
        raise MemoryError

    app.kept = []
    case.suspect()
    app.kept.extend(map(text, range(1000)))
    monkeypatch.setattr(walks, "find_holdings", fail)
    leak = case.verdict()
    assert leak.verdict == "objects" and leak.report.suspects[0].type == "str"
    (missing,) = leak.report.missing
    assert re.match(r"holders not searched: MemoryError in .*fail, line \d+$", missing)


@pytest.mark.usefixtures("no_child")
def test_what_holders_were_found_for_is_known_to_be_objects(case, app, monkeypatch, text):
    def fail(*_, **__):
        raise MemoryError

    app.kept = []
    case.suspect()
    app.kept.extend(map(text, range(1000)))
    monkeypatch.setattr(walks, "take_snapshot", fail)
    report = case.verdict().report
    assert report.verdict == "objects" and report.explained is None and not report.account.walked
    assert [row.what for row in report.rows][:1] == ["str"] and report.suspects[0].held_by.lines[1].startswith(".kept")
