"""The allocating line: which place a suspect gets, and what a judge on a real heap finds with a sampler that runs."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from memwatch.backend.allocations.live import Sampled
from memwatch.backend.allocations.recorded import read_recorded
from memwatch.backend.allocations.recorder import FINE_INTERVAL, Recorder
from memwatch.calltree import walk
from memwatch.diagnosis import Account, Diagnosis, Suspect, evidence
from memwatch.diagnosis import lines as module
from memwatch.diagnosis.account import TypeRow, has_lost, kind_of
from memwatch.diagnosis.growth_tree import OTHER_PATHS
from memwatch.diagnosis.lines import FRAMES, NO_OBJECT, Lines
from memwatch.diagnosis.suspects import find_suspects
from memwatch.frames import Frame
from memwatch.retain import Holding
from memwatch.retain.search import IN_C

from ..paths import ITEM, KEPT, attribute, path

native = pytest.mark.skipif(not IN_C, reason="the sampler is in the C extension")
MIB = 1 << 20


def sampled(label: str, *where: str, size: float = 65536.0, address: int = 64, native: bool = False) -> Sampled:
    """A sample; *where* are file:line of its frames, innermost first."""
    parts = [place.rpartition(":") for place in where]
    places = tuple(Frame(f"in_{file}", file, int(line), 1, 1) for file, _, line in parts)
    return Sampled(places, address, label, size / 1000, size, native=native)


def lines(*samples: Sampled, known: bool | None = None) -> Lines:
    return Lines(samples, lambda file: file.startswith("app"), None if known is None else lambda address, label: known)


def where(site_or_suspect: object) -> list[str]:
    frames = getattr(site_or_suspect, "frames", None) or getattr(site_or_suspect, "allocated_at", ())
    return [f"{frame['file']}:{frame['line']}" for frame in frames]


def holding(frontier: str, **type_counts: int) -> Holding:
    return Holding(
        path=KEPT, frontier_type=frontier, holder_type="list", holder_address=1, holder_items=9, bound=None,
        targets=9, retained_items=9, retained_bytes=MIB, type_counts=type_counts,
    )  # fmt: skip


# ---- all places


def test_all_samples_are_a_tree_of_calls_from_the_outermost():
    found = lines(sampled("str", "app:1", "app:9"), sampled("dict", "app:1", "app:9"), sampled("", "lib:2", "app:9"))
    tree = found.tree(now=100.0, seconds=48.0)
    assert tree and (tree.time, tree.duration, tree.name, tree.source) == (100.0, 48.0, "growth", "sampler")
    assert (tree.root.total_bytes, tree.root.total_count) == (3 * 65536, 197)
    (main,) = tree.root.children
    assert (main.file, main.line, main.self_bytes) == ("app", 9, 0)
    assert [(it.file, it.self_bytes, it.self_count) for it in main.children] == [
        ("app", 131072, 131),
        ("lib", 65536, 66),
    ]


def test_where_nothing_was_sampled_there_is_no_tree():
    assert lines().tree(0.0, 0.0) is None


def test_of_very_many_paths_the_lightest_lose_their_ends():
    many = [
        sampled("str", *(f"app{n}:{depth}" for depth in range(20)), "app:2", "app:1", size=9e6 - n) for n in range(300)
    ]
    tree = lines(*many).tree(0.0, 0.0)
    assert tree is not None
    nodes = list(walk(tree.root))
    assert len(nodes) == 1 + 3000 + 2  # the root, and the others in the place that is cut and in the one above
    (outer,) = tree.root.children
    (inner,) = outer.children
    assert len(inner.children) == 151 and {it.line for it in nodes if it.function == OTHER_PATHS} == {0}
    assert tree.root.total_bytes == sum(round(it.size_bytes) for it in many)


def test_names_in_the_tree_have_a_bound():
    place = Frame("f" * 9999, "a" * 9999 + ".py", 1, 1, 1)
    tree = Lines([Sampled((place,), 1, "str", 1.0, 9.0)]).tree(0.0, 0.0)
    assert tree is not None
    (node,) = tree.root.children
    assert len(node.function) == len(node.file) == 400 and node.file.endswith(".py")


# ---- which place


def test_the_place_with_most_bytes_of_the_type_is_named():
    found = lines(sampled("str", "app:1"), sampled("str", "app:2", size=99999.0), sampled("dict", "app:3", size=1e9))
    site = found.of_types(["str"])
    assert site and where(site) == ["app:2"] and (site.samples, site.label) == (1, "str")
    assert found.of_types(["app.Order"]) is None


def test_ways_to_one_line_of_the_program_are_one_place_however_the_library_got_there():
    by_two_ways = [sampled("str", "json:1", "app:5"), sampled("str", "json:2", "app:5", size=70000.0)]
    site = lines(*by_two_ways, sampled("str", "app:9", size=100000.0)).of_types(["str"])
    assert site and where(site) == ["json:2", "app:5"] and site.samples == 2
    assert [frame["in_app"] for frame in site.frames] == [False, True]


def test_what_the_programs_lines_have_called_is_told():
    far, near = sampled("str", "lib_a:3", "lib_b:2", "app:1"), sampled("dict", "lib_a:9", "app:1", size=9e5)
    found = lines(far, near, sampled("str", "app:1"), sampled("str", "lib_c:1"), sampled("int", "lib_c:1", "app:1"))
    assert found.calls(("str", "dict")) == [("in_lib_a", "lib_a"), ("in_lib_b", "lib_b")]


def test_the_first_frame_of_the_program_is_shown_however_deep_it_lies():
    deep = [f"library:{number}" for number in range(20)]
    (site,) = lines(sampled("str", *deep, "app:7", "app:8")).loose()
    assert where(site) == [*deep[: FRAMES - 1], "app:7"]


def test_what_objects_keep_beside_themselves_counts_for_them_and_is_no_object():
    site = lines(sampled("dict", "app:1"), sampled("", "app:1"), sampled("", "app:2", size=9e9)).of_types(["dict"])
    assert site and (where(site), site.samples, site.size_bytes, site.count) == (["app:1"], 2, 131072, 65.536)


def test_buffers_whose_small_objects_were_not_sampled_are_of_as_many_objects_as_there_are_of_them():
    blocks = [sampled("", "app:8", size=8000.0, address=16 * number) for number in range(6)]
    count = sum(it.count for it in blocks)
    found = lines(
        *blocks, sampled("", "app:9", size=9e6), sampled("app.Order", "app:12"), sampled("", "app:12", size=9e9)
    )
    site = found.of_buffers([5, round(1.5 * count)])
    assert site and (where(site), site.samples, site.label) == (["app:8"], 6, NO_OBJECT)
    assert found.of_buffers([round(5 * count)]) is None


def loose(found: Lines, counted: float = 0.0) -> list[tuple[str, str, int, bool]]:
    """Each loose site: its line, what there is, KB, and whether C code took it."""
    return [(where(it)[0], it.label, round(it.size_bytes / 1000), it.native) for it in found.loose(counted)]


def test_without_a_walk_all_is_loose_by_line_and_type():
    found = lines(
        sampled("float", "app:1", size=6e6), sampled("str", "app:1", size=2e6), sampled("", "app:1", size=1e6),
        sampled("", "app:2", size=5e6), sampled("", "app:2", size=4e6, native=True), sampled("int", "app:2", size=1e5),
    )  # fmt: skip
    assert loose(found) == [
        ("app:1", "float", 7000, False), ("app:2", NO_OBJECT, 5000, False), ("app:2", NO_OBJECT, 4000, True),
        ("app:1", "str", 2000, False), ("app:2", "int", 100, False),
    ]  # fmt: skip
    assert lines().loose() == ()


def test_what_a_walk_has_met_is_not_loose_nor_what_such_objects_keep():
    met = Lines(
        (
            sampled("str", "app:1", size=9e6, address=16), sampled("int", "app:1", size=1e6, address=32),
            sampled("", "app:1", size=5e6), sampled("", "app:2", size=4e6),
        ),
        lambda file: True,
        lambda address, label: address == 16,
    )  # fmt: skip
    assert loose(met) == [("app:2", NO_OBJECT, 4000, False), ("app:1", "int", 1000, False)]
    assert loose(met, counted=12e6) == [("app:1", "int", 1000, False), ("app:2", NO_OBJECT, 1000, False)]
    assert loose(met, counted=20e6) == [("app:1", "int", 1000, False)]


def test_what_is_made_with_code_objects_is_held_by_them():
    samples = (
        sampled("code", "app:1", size=2e6, address=16), sampled("tuple", "app:1", size=3e6), sampled("code", "app:1"),
        sampled("tuple", "app:2", size=3e6),
    )  # fmt: skip
    met = Lines(samples, lambda file: True, lambda address, label: address == 16)
    assert {(where(it)[0], it.label, it.in_code) for it in met.loose()} == {
        ("app:1", "tuple", True), ("app:1", "code", True), ("app:2", "tuple", False)
    }  # fmt: skip
    assert {kind_of(it, True) for it in met.loose()} == {"objects", "untracked"} and has_lost(met.loose())
    assert not has_lost([it for it in met.loose() if it.in_code])


@pytest.mark.parametrize("hidden", [False, True])
def test_a_bytearrays_bytes_are_what_it_keeps_beside_itself(monkeypatch, hidden):
    monkeypatch.setattr(module, "_HIDDEN_BYTES", hidden)
    samples = sampled("bytes", "app:1", size=9e6), sampled("bytearray", "app:1", size=1e6, address=16)
    found = Lines(samples, lambda file: True, lambda address, label: address == 16)
    assert loose(found) == ([] if hidden else [("app:1", "bytes", 9000, False)])
    site = found.of_types(("bytearray",))
    assert site is not None and site.size_bytes == (10e6 if hidden else 1e6)


def test_the_line_of_most_is_told_only_if_it_is_most_of_all():
    most = lines(
        sampled("str", "app:1", size=6e6), sampled("int", "app:2"), sampled("", "app:3", size=9e6, native=True)
    )
    assert most.of_most() is None
    site = lines(sampled("str", "app:1", size=6e6), sampled("int", "app:2")).of_most()
    assert site and where(site) == ["app:1"] and lines().of_most() is None


# ---- which suspect gets which


def suspects(holdings: list[Holding], found: Lines, verdict: str = "objects", grew: int = MIB, walked: bool = True):
    """The suspects of a growth of which a walk has counted nothing."""
    account = Account(grew, (), walked, True)
    return find_suspects(holdings, found.loose(), found, account, verdict)


def first(holdings: list[Holding], found: Lines, verdict: str = "objects") -> Suspect:
    return suspects(holdings, found, verdict)[0]


def test_a_suspect_has_the_line_of_its_type_before_that_of_what_hangs_under_it():
    samples = sampled("dict", "app:1", size=1e6), sampled("app.Order", "app:2"), sampled("int", "app:3", size=1e9)
    under = holding("app.Order", **{"app.Order": 9, "dict": 9})
    assert where(first([under], lines(*samples, known=True))) == ["app:2"]
    assert where(first([under], lines(samples[0], samples[2], known=True))) == ["app:1"]
    assert where(first([under], lines(samples[2], known=True))) == ["app:3"]  # most of all
    assert first([under], lines()).allocated_at == ()


def test_few_samples_yield_to_a_line_of_far_more_bytes():
    few = [sampled("app.Order", "app:2")] * 3
    under = holding("app.Order", **{"app.Order": 9, "dict": 9})
    assert where(first([under], lines(*few, *[sampled("dict", "app:1")] * 13, known=True))) == ["app:1"]
    assert where(first([under], lines(*few, *[sampled("dict", "app:1")] * 11, known=True))) == ["app:2"]


def test_many_samples_yield_too_where_nearly_all_bytes_are_of_another_line():
    own = [sampled("app.Order", "app:2")] * 6
    under = holding("app.Order", **{"app.Order": 9, "dict": 9})
    assert where(first([under], lines(*own, *[sampled("dict", "app:1")] * 120, known=True))) == ["app:1"]
    assert where(first([under], lines(*own, *[sampled("dict", "app:1")] * 110, known=True))) == ["app:2"]


def test_a_class_whose_parts_are_told_with_it_has_the_line_of_most_of_these():
    program = "test_lines.Order"
    rows = TypeRow(program, 10, 0, 20_000, True), TypeRow("dict", 400, 0, MIB, True)
    found = lines(sampled(program, "app:2"), *[sampled("dict", "app:1")] * 16, known=True)
    (told,) = find_suspects([], (), found, Account(MIB + 20_000, rows, True, True), "garbage")
    assert (told.type, told.samples, where(told)) == (program, 16, ["app:1"])


def test_of_data_the_line_of_most_that_hangs_there_is_told():
    samples = sampled("dict", "app:1"), sampled("str", "app:2", size=1e6), sampled("int", "app:3", size=1e9)
    found = lines(*samples, known=True)
    assert where(first([holding("dict", dict=9, str=9)], found)) == ["app:2"]
    assert where(first([holding("function", function=9, str=9)], found)) == ["app:2"]
    more = lines(sampled("function", "app:4"), *samples, known=True)
    assert where(first([holding("function", function=9, str=9)], more)) == ["app:4"]


def test_the_bytes_of_a_heavier_suspect_do_not_speak_for_its_line_again():
    queue = holding("dict", dict=900, str=9000)
    orders = replace(
        holding("app.Order", **{"app.Order": 90, "str": 1800}),
        path=path("app", attribute("orders", "dict", 90), ITEM),
        retained_bytes=MIB // 4,
    )
    found = lines(*[sampled("str", "app:1")] * 17, *[sampled("str", "app:2")] * 5, known=True)
    told = suspects([queue, orders], found, grew=2 * MIB)
    assert [(it.type, where(it)) for it in told] == [("str", ["app:1"]), ("app.Order", ["app:2"])]
    one_line = lines(*[sampled("str", "app:1")] * 22, sampled("str", "app:2"), known=True)
    assert [where(it) for it in suspects([queue, orders], one_line, grew=2 * MIB)] == [["app:1"], ["app:1"]]


def test_where_nothing_holds_it_each_type_of_a_line_is_suspected_with_its_own_figures():
    lost = lines(
        *[sampled("float", "app:4", size=0.06 * MIB)] * 10, *[sampled("str", "app:4", size=0.03 * MIB)] * 10,
        sampled("int", "app:5", size=0.01 * MIB), known=False,
    )  # fmt: skip
    told = suspects([], lost, "untracked")
    assert [(it.type, where(it), it.samples) for it in told] == [("float", ["app:4"], 10), ("str", ["app:4"], 10)]
    assert [it.count_growth for it in told] == [630, 310]
    assert [it.share for it in told] == pytest.approx([0.6, 0.3]) and "extension" in told[0].cause
    few = lines(*[sampled("float", "app:4", size=0.06 * MIB)] * 10, *[sampled("str", "app:4", size=0.03 * MIB)] * 4)
    assert [it.type for it in suspects([], few, "untracked")] == ["float"]
    assert suspects([], lost, "untracked", 100 * MIB) == ()  # too little of the growth
    assert suspects([], lost, "garbage") == ()


def test_the_first_suspect_explains_a_fifth_of_the_growth_or_there_is_none():
    small = replace(holding("str", str=9), retained_bytes=MIB)
    assert suspects([small], lines(), grew=6 * MIB) == ()
    assert [it.share for it in suspects([small], lines(), grew=5 * MIB)] == [0.2]
    leak = lines(*[sampled("", "app:9", size=MIB, native=True)] * 18, known=True)
    (raw,) = suspects([replace(small, retained_bytes=5000)], leak, "native", 18 * MIB)
    assert (raw.type, raw.share, where(raw)) == (NO_OBJECT, 1.0, ["app:9"]) and raw.cause.startswith("memory that C")


def test_a_type_bears_no_cause_of_c_and_raw_memory_none_of_python():
    held, lost = first([holding("int", int=9)], lines(), "native"), lines(*[sampled("str", "app:1", size=MIB / 9)] * 9)
    assert "C code" not in held.cause and "extension" not in held.hint
    (found,) = suspects([], lost, "unknown", walked=False)
    assert (found.type, found.cause, found.hint) == ("str", "", "")
    (raw,) = suspects([], lines(*[sampled("", "app:1", size=MIB / 9)] * 9), "unknown", walked=False)
    assert (raw.type, raw.cause) == (NO_OBJECT, "")


def test_what_hangs_below_a_holder_is_no_suspect_by_itself_where_only_the_search_met_objects():
    samples = sampled("str", "app:1", size=MIB / 2), sampled("", "app:2", size=MIB / 2)
    (found,) = suspects([holding("str", str=9)], lines(*samples), walked=False)
    assert found.held_by is not None


def test_parts_of_an_object_are_told_as_its_class():
    program = "test_lines.Order"
    sizes = {program: 0.05, "dict": 0.3, "str": 0.3, "bytes": 0.2}
    made = [
        sampled(label, f"app:{n}", size=part * MIB / 100)
        for n, (label, part) in enumerate(sizes.items())
        for _ in range(100)
    ]
    alike = [replace(it, count=9.0 if it.label != "bytes" else 50.0) for it in made]
    told = suspects([], lines(*alike), "objects", walked=False)
    assert [(it.type, it.count_growth, round(it.share, 2), where(it)) for it in told] == [
        (program, 900, 0.65, ["app:0"]),
        ("bytes", 5000, 0.2, ["app:3"]),
    ]


def test_a_weak_holder_is_no_holder():
    program = replace(holding("app.Order", **{"app.Order": 100}), targets=100)
    small = replace(holding("weakref.ReferenceType", **{"weakref.ReferenceType": 100}), targets=100)
    refs = replace(small, retained_bytes=2 * MIB, notes=frozenset(["app.Order"]))
    assert [it.type for it in suspects([refs, program], lines())] == ["app.Order"]
    assert [it.type for it in suspects([replace(refs, retained_bytes=20 * MIB), program], lines())][1:] == ["app.Order"]
    assert [it.type for it in suspects([refs], lines())] == ["weakref.ReferenceType"]  # others than these hold them
    assert suspects([replace(program, weak=True)], lines()) == ()
    states = replace(refs, frontier_type="orm.State", type_counts={"orm.State": 100, "weakref.ReferenceType": 100})
    assert [it.type for it in suspects([states, program], lines())] == ["app.Order"]


def test_what_has_a_weak_reference_to_something_else_holds_all_the_same():
    handler = replace(holding("log.Handler", **{"log.Handler": 100, "weakref.ReferenceType": 100}), targets=100)
    handlers = replace(handler, retained_bytes=2 * MIB, notes=frozenset(["threading.Thread"]))
    locks = replace(holding("log.Lock", **{"log.Lock": 100}), targets=100)
    assert [it.type for it in suspects([handlers, locks], lines())] == ["log.Handler", "log.Lock"]
    both = replace(handlers, notes=frozenset(["log.Lock"])), replace(locks, notes=frozenset(["log.Handler"]))
    assert [it.type for it in suspects(list(both), lines())] == ["log.Handler", "log.Lock"]


def test_each_sample_is_looked_up_once_however_much_is_asked_of_it():
    asked = []

    def is_known(address, label):
        asked.append(address)
        return address % 2 == 0

    samples = [sampled("app.Order", f"app:{address % 5}", address=address) for address in range(500)]
    told = Lines(samples, lambda file: file == "app", is_known)
    assert asked == list(range(500))
    for _ in range(3):
        assert sum(site.samples for site in told.loose()) == 250
        assert told.of_types(("app.Order",)).samples == 100
        told.tree(0.0, 1.0)
    assert len(asked) == 500


# ---- with a sampler


@pytest.fixture(autouse=True)
def _of_any_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples are as old as they are, and a verdict at once would find all of them young."""
    monkeypatch.setattr(Lines, "is_young", lambda *_: False)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder(2048)
    made.start()
    yield made
    made.stop()


@native
def test_the_line_of_a_growing_list_is_named(case, app, recorder, text):
    case.diagnosis = Diagnosis(0.5, recorder)
    app.kept = []

    def grow():
        for number in range(1000):
            app.kept.append(text(number))  # here

    report = case.judge(grow).report
    top = report.suspects[0]
    file, line = grow.__code__.co_filename, grow.__code__.co_firstlineno + 2
    own = [frame for frame in top.allocated_at if frame["function"].endswith("grow")]
    assert top.type == "str" and report.missing == ()
    assert (own[0]["file"], own[0]["line"], own[0]["in_app"]) == (file, line, True)
    assert 500 < top.samples <= 1000  # of 4 KB each, at 2 KiB a sample


@native
def test_instances_are_linked_to_their_class(case, app, recorder, make_class):
    case.diagnosis = Diagnosis(0.5, recorder)
    order, app.kept = make_class(app, "Order"), []

    def grow():
        app.kept += [order() for _ in range(20000)]

    report = case.judge(grow).report
    top, growth = report.suspects[0], report.growth
    assert top.type == "app.Order" and top.samples > 100
    assert top.allocated_at[0]["line"] == grow.__code__.co_firstlineno + 1
    assert growth.root.total_bytes > 0.9 * top.samples * growth.sample_interval > 0
    of_grow = [node for node in walk(growth.root) if node.function.endswith("grow")]
    heavy = {node.line for node in of_grow if node.total_bytes > 0.01 * growth.root.total_bytes}
    assert heavy == {top.allocated_at[0]["line"]}  # a collection at its entry may run receivers, which allocate


@native
def test_references_that_were_lost_in_c_get_type_and_line(case, recorder):
    case.diagnosis = Diagnosis(0.5, recorder)
    lose = ctypes.pythonapi.Py_IncRef
    lose.argtypes, lose.restype = [ctypes.py_object], None

    def grow():
        for number in range(20000):
            lose(b"%0180d" % number)

    top = case.judge(grow).report.suspects[0]
    seen = "bytes" if sys.version_info < (3, 15) else NO_OBJECT  # then such bytes may be the data of a bytearray
    assert top.type == seen and top.held_by is None
    assert top.allocated_at[0]["line"] == grow.__code__.co_firstlineno + 2


@native
def test_the_line_of_what_is_replaced_while_the_verdict_is_found(case, app, monkeypatch):
    def read(recorder, since, until):
        if not reads:
            other = threading.Thread(target=extend)
            other.start()
            other.join()
        reads.append(until)
        return read_recorded(recorder, since, until)

    def extend():
        app.history = app.history + b"x" * 2_000_000

    monkeypatch.setattr(evidence, "read_recorded", read)
    app.history, reads = b"", []
    busy = Recorder(2048)
    busy.start()
    try:
        case.diagnosis = Diagnosis(0.5, busy)
        report = case.judge(lambda: [extend() for _ in range(4)]).report
    finally:
        busy.stop()
    assert report.suspects[0].allocated_at[0]["line"] == extend.__code__.co_firstlineno + 1


@native
def test_from_a_suspicion_to_its_verdict_it_samples_more_finely(case, app, text):
    from memwatch.backend import _native

    recorder = Recorder(8 * FINE_INTERVAL)
    recorder.start()
    try:
        case.diagnosis, app.kept = Diagnosis(0.5, recorder), []
        assert _native.sampling_stats()["interval"] == 8 * FINE_INTERVAL
        case.suspect()
        assert _native.sampling_stats()["interval"] == FINE_INTERVAL
        app.kept += map(text, range(1000))
        case.verdict()
        assert _native.sampling_stats()["interval"] == 8 * FINE_INTERVAL
        case.suspect()
        case.diagnosis.forget()
        assert _native.sampling_stats()["interval"] == 8 * FINE_INTERVAL
    finally:
        recorder.stop()
    assert not _native.sampling_running()


@native
def test_sampling_that_somebody_else_has_ended_costs_the_lines_alone(case, app, recorder, text):
    from memwatch.backend import _native

    case.diagnosis, app.kept = Diagnosis(0.5, recorder), []
    case.suspect()
    _native.sampling_stop()
    app.kept += map(text, range(1000))
    report = case.verdict().report
    assert report.suspects[0].type == "str" and report.suspects[0].allocated_at == ()
    assert any(line.startswith("no allocating lines: ") for line in report.missing)


@pytest.mark.skipif(IN_C, reason="there is a sampler")
def test_without_a_sampler_the_report_says_so(case, app, recorder, text):
    case.diagnosis, app.kept = Diagnosis(0.5, recorder), []
    report = case.judge(lambda: app.kept.extend(map(text, range(1000)))).report
    assert report.suspects[0].allocated_at == () and not recorder.running
    assert "allocations were not sampled: the pure backend has no sampler" in report.missing
