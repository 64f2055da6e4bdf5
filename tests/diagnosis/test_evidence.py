"""What evidence costs, what it keeps of the program (nothing), and that the same leak bears the same name anywhere."""

import gc
import io
import json
import os
import re
import subprocess
import sys
import textwrap
import weakref
from types import SimpleNamespace

import pytest

from memwatch.backend.census import in_child
from memwatch.diagnosis import walks
from memwatch.heap import TypeSeries
from memwatch.retain.search import IN_C
from memwatch.watch import Detector, Growth
from memwatch.watch.cost import Ledger
from memwatch.watch.observer import Observer

from .conftest import GUESSED, WINDOW

MIB = 1 << 20
can_look = pytest.mark.skipif(
    not in_child.CAN_LOOK, reason="a forked child looks at the heap with the C extension on Linux alone"
)
streams = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="before 3.12 a StringIO keeps its texts in a list hidden in C"
)


class Script(Detector):
    """A detector that says what it was told to, one word a sample."""

    name = "script"

    def __init__(self, *levels):
        self.levels = list(levels)

    def update(self, sample):
        level = self.levels.pop(0) if self.levels else None
        before = sample.base - 5 * MIB
        times = (sample.time - 16, sample.time, 16.0)
        return level and Growth(level, "ratchet", "base", *times, before, 5 * MIB, 8, "windows")

    def withdraw(self):
        pass

    def dismiss(self, growth):
        pass


def test_the_ledger_knows_every_walk_and_its_bytes_until_they_are_let_go(case, app, text):
    app.kept = []
    ledger = case.ledger
    watched = Observer([Script("suspect", "leak", "recovered")], case.diagnosis, ledger, case.read, lambda: False)
    assert [name for name, _ in watched.observe(case.read(), with_stats=False)] == ["suspect"]
    assert ledger.censuses == 1 and ledger.cost().bytes > 100_000 and ledger.walked_seconds > 0
    app.kept.extend(map(text, range(1000)))
    ((name, leak),) = watched.observe(case.read(), with_stats=False)
    assert name == "leak" and leak.report.suspects[0].held_by.lines[1].startswith(".kept")
    assert leak.report.cost.censuses == ledger.censuses in (2, 3, 4) and leak.report.cost.bytes > 100_000
    assert leak.report.cost.cpu_share * ledger.age >= ledger.walked_seconds
    assert ledger.cost().bytes > 100_000 and ledger.longest_pause > 0.9 * ledger.longest_work > 0  # by two clocks
    assert [name for name, _ in watched.observe(case.read(), with_stats=False)] == ["recovered"]
    assert ledger.cost().bytes == 0


def test_what_evidence_maps_is_no_part_of_the_heap_and_leaves_resident_memory_when_it_is_let_go():
    ledger = Ledger()
    ledger.hold(1000, 50_000, 70_000)
    assert (ledger.bytes, ledger.resident, ledger.cost().bytes) == (1000, 70_000, 51_000)
    ledger.let_go()
    assert (ledger.bytes, ledger.resident, ledger.cost().bytes) == (0, 20_000, 0)


def test_looks_do_not_look_like_growth_themselves(case, app):
    case.suspect()  # what is loaded and cached the first time
    case.diagnosis.forget()
    case.ledger.let_go()
    before = case.read().base
    case.suspect()
    suspected = case.read().base
    case.follow()
    assert suspected - before < 50_000 and case.read().base - before < 50_000


def test_types_that_grow_at_every_look_are_told(case, app, text):
    app.kept, app.other = [], []
    case.suspect()
    for look in range(3):
        app.kept.extend(map(text, range(200)))
        app.other[:] = map(text, range(100 - 50 * (look % 2)))
        case.follow()
    app.kept.extend(map(text, range(200)))
    report = case.verdict(after=WINDOW / 4).report
    (told,) = [ratchet for ratchet in report.ratchets if ratchet.what == "str"]
    assert (told.readings, told.monotone_share) == (5, 1.0) and told.growth > 700 * 4000
    assert any("str" in line and line.endswith("grew at each of 5 looks") for line in str(report).splitlines())


@pytest.mark.skipif(not IN_C, reason="a walk in Python keeps no sizes of such")
@pytest.mark.parametrize(
    "kind", [bytearray, pytest.param(io.StringIO, marks=streams), pytest.param("in a large heap", marks=can_look)]
)
def test_a_buffer_that_grew_in_place_is_told_with_its_holder(make_case, app, kind):
    case = make_case(blocks=10_000_000 if kind == "in a large heap" else None)
    kind = bytearray if kind == "in a large heap" else kind
    app.buffer, add = kind(), kind.extend if kind is bytearray else kind.write
    piece = b"x" * 100_000 if kind is bytearray else "x" * 100_000
    add(app.buffer, piece)
    case.suspect()
    for _ in range(50):
        add(app.buffer, piece)
    first = case.verdict(after=WINDOW / 4).report.suspects[0]
    assert (first.type.rpartition(".")[2], first.count_growth) == (kind.__name__, 0) and first.bytes_growth > 4.5e6
    assert first.held_by.lines[0] == "module app" and first.held_by.lines[1].startswith(".buffer")
    assert first.cause.partition(" that")[0] in ("a text or a buffer", "a stream in memory")


def test_what_memwatch_works_between_looks_is_not_the_program_s_work(case, monkeypatch):
    work = []
    monkeypatch.setattr(walks, "Clock", SimpleNamespace(process_time=lambda: 10.0, thread_time=lambda: 4.0))
    monkeypatch.setattr(TypeSeries, "add", lambda self, totals, time, spent: work.append(spent))
    case.suspect()
    assert work == [6.0]


def test_no_look_in_between_where_the_budget_has_no_room_for_it(make_case, app, text):
    app.kept = []
    case = make_case(age=0.0, blocks=50_000_000)
    case.suspect()
    case.follow()
    assert case.ledger.censuses == 0


def test_the_time_since_the_suspicion_begins_with_what_growth_is_compared_with(make_case):
    """Where the judge had to be loaded, that is seconds later."""
    waited = make_case(pause_budget=0.0)
    waited.past.append(waited.read())
    candidate = waited.candidate("suspect")
    growth = candidate.growth._replace(end=candidate.last.time - 5)
    waited.diagnosis.suspected(candidate._replace(growth=growth))
    assert waited.diagnosis._gatherer.evidence.seconds(candidate.last) == 0.0


def test_nothing_of_the_program_is_kept_alive(case, app, make_class):
    order = make_class(app, "Order")
    app.orders = [order() for _ in range(100)]
    old = weakref.ref(app.orders[0])
    case.suspect()
    app.orders.extend(order() for _ in range(20_000))
    new, kind = weakref.ref(app.orders[-1]), weakref.ref(order)
    leak = case.verdict()
    assert leak.report.suspects[0].type == "app.Order"
    del app.orders, app.Order, order
    gc.collect()
    assert old() is None and new() is None and kind() is None


def test_what_earlier_evidence_held_is_not_in_the_next_base(case):
    for _ in range(2):
        case.suspect()
        assert abs(case.diagnosis._gatherer.evidence.base - case.past[-1].base) < MIB


def test_evidence_that_cannot_begin_anew_is_held_on(case, monkeypatch):
    case.suspect()
    held = case.ledger.bytes, case.ledger.mapped
    monkeypatch.setattr(walks.Walks, "_first", lambda self: None)
    assert not case.diagnosis._gatherer._restart(case.candidate("suspect"))
    assert (case.ledger.bytes, case.ledger.mapped) == held


def test_nothing_is_kept_alive_where_the_walks_were_given_up(case, app, make_class):
    order = make_class(app, "Order")
    app.orders = [order()]
    case.suspect()
    calls = iter(range(1_000_000))
    case.should_cancel = lambda: next(calls) > 0
    leak = case.verdict(base=case.past[0].base + 1000 * MIB)
    missing = [line.partition(":")[0] for line in leak.report.missing if line not in GUESSED]
    assert missing == ["holders not searched", "census not finished", "what kind of memory it is"]
    gone = weakref.ref(app.orders.pop())
    assert gone() is None


LEAKY = """
    import gc, json, os, sys, time
    from memwatch.backend.meters.meters import Meters
    from memwatch.diagnosis import Diagnosis
    from memwatch.watch import Candidate, Growth, Ledger, Sample

    {before}
    kept, other = [], {{}}
    meters, ledger, judge = Meters(), Ledger(), Diagnosis({pause_budget})

    def read(second=0.0):
        now = meters.read(force=True)
        blocks = now.blocks, now.small, now.native
        return Sample(second, second, "tick", now.base, now.rss, *blocks, 9, 1, 1, 0.0, meters.names)

    def ask(question, level, *samples):
        growth = Growth(level, "ratchet", "base", 0.0, 64.0, 64.0, samples[0].base, 4 << 20, 8, "windows")
        return question(Candidate(growth, samples, read, lambda: False, ledger))

    gc.collect()
    first = read()
    ask(judge.suspected, "suspect", first)
    {leak}
    print(json.dumps(ask(judge, "leak", first, read(64.0)).report.to_dict()))
"""


def report_of(leak, before="", pause_budget=0.5, **environment):
    code = textwrap.dedent(LEAKY).format(before=before, leak=leak, pause_budget=pause_budget)
    environ = {**os.environ, "PYTHONHASHSEED": "0", **environment}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    return json.loads(ran.stdout)


def test_the_same_leak_has_the_same_fingerprint_in_every_process():
    one = report_of("kept += [f'{n}' * 3000 for n in range(900)]")
    two = report_of(
        "kept += [f'{n}' * 2000 for n in range(1700)]",
        before="ballast = [[n] for n in range(9999)]",
        PYTHONHASHSEED="7",
    )
    other = report_of("other.update((n, f'{n}' * 3000) for n in range(900))")
    assert re.fullmatch("[0-9a-f]{12}", one["fingerprint"])
    assert one["fingerprint"] == two["fingerprint"] != other["fingerprint"]
    assert "0x" not in json.dumps([one, two, other])
    assert one["suspects"][0]["held_by"] == ["module __main__", ".kept: list, 900 items", "[index]"]


@pytest.mark.parametrize("allocator", ["malloc", "malloc_debug"])
def test_where_no_blocks_are_counted_bytes_stand_for_them(allocator):
    leak = "kept += [f'{n}' * 3000 for n in range(900)]"
    report = report_of(leak, pause_budget=0.0001, PYTHONMALLOC=allocator)
    census, collection, _ = report["missing"]
    blocks = int(re.match(r"census skipped: ([\d,]+) blocks are over the budget", census)[1].replace(",", ""))
    assert collection == "no collection before the verdict: it would pause the program for too long"
    assert blocks == report["curve"][0][1] // 96 > 50_000 and report["cost"]["censuses"] == 0
    report = report_of(leak, PYTHONMALLOC=allocator)
    assert report["suspects"][0]["held_by"][1] == ".kept: list, 900 items"


def test_growth_is_measured_from_a_reading_right_before_the_first_look(case, app, text):
    case.past.append(case.read())
    app.kept = list(map(text, range(500)))  # while the judge was being loaded
    case.diagnosis.suspected(case.candidate("suspect"))
    assert case.diagnosis._gatherer.evidence.base - case.past[0].base > 1_500_000


@pytest.mark.parametrize("seen", ["at a look", "at the verdict"])
def test_when_a_start_up_is_over_what_grows_now_is_measured(make_case, app, text, seen):
    case = make_case(pause_budget=60.0, age=1e6)
    vars(app).update(orders={}, kept=[])
    case.suspect()
    app.orders.update((n, text(n)) for n in range(8000))
    [case.wait() for _ in range(8)]
    if seen == "at a look":
        case.follow()
    else:
        case.past = case.past[-1:]  # where the growth begins
    assert case.verdict(after=1.0).waits  # of one second there is hardly any evidence
    app.kept.extend(text(-n) for n in range(500))
    leak = case.verdict()
    first = leak.report.suspects[0]
    assert first.held_by.lines[1].startswith(".kept: list") and first.share > 0.8
