"""tracemalloc as a source of live stacks: what is the program's, what is shared, what happens behind our back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import memwatch
from memwatch import errors
from memwatch.backend.allocations import frame_filter
from memwatch.backend.allocations import tracing as tracing_module
from memwatch.backend.allocations.live import LiveHeap
from memwatch.backend.allocations.tracing import Tracing
from memwatch.backend.meters.meters import Meters

PACKAGE = str(Path(memwatch.__file__).parent)
DEPTH = 12
BYTES_HEAD = sys.getsizeof(b"")


@pytest.fixture(autouse=True)
def _nothing_traced() -> Iterator[None]:
    assert not tracemalloc.is_tracing(), "these tests need tracemalloc for themselves"
    yield
    tracemalloc.stop()


@pytest.fixture
def tracing() -> Tracing:
    made = Tracing()
    made.start(1, DEPTH)
    return made


@pytest.fixture
def lab_python(tmp_path: Path) -> Any:
    def run(code: str, **variables: str) -> list[str]:
        script = tmp_path / "program.py"
        script.write_text(textwrap.dedent(code))
        command = [sys.executable, "-W", "error", str(script)]
        environment = {**os.environ, **variables}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return run


def allocate(count: int) -> list[bytes]:
    return [bytes(1001 - BYTES_HEAD) for _ in range(count)]


def blocks(heap: LiveHeap, size: int = 1001) -> int:
    """How many blocks of a size are held, of those that `allocate` makes."""
    return sum(count for live in heap.stacks for held, count in live.sizes if held == size)


def held(heap: LiveHeap) -> int:
    return sum(size * count for live in heap.stacks for size, count in live.sizes)


def test_each_stack_is_there_once_with_its_sizes(tracing: Tracing) -> None:
    kept = allocate(500)
    heap = tracing.read()
    assert (heap.source, heap.sample_interval, heap.stack_depth) == ("tracemalloc", 1, DEPTH)
    assert blocks(heap) == len(kept) == 500
    assert len({live.places for live in heap.stacks}) == len(heap.stacks)


def test_bytes_and_counts_are_exactly_those_that_are_held(monkeypatch: pytest.MonkeyPatch, tracing: Tracing) -> None:
    jinja2 = pytest.importorskip("jinja2", reason="Flask brings it")
    document = {f"key {i}": [i, i * 0.5, str(i), {"name": f"name {i}"}] for i in range(60)}
    texts = [json.loads(json.dumps(document)) for _ in range(3)]
    page = jinja2.Template("{% for n in numbers %}<b>{{ n }}</b>{% endfor %}").render(numbers=range(300))
    seen: list[list[Any]] = []
    reading = tracing_module._traces
    monkeypatch.setattr(tracing_module, "_traces", lambda: seen.append(reading()) or seen[0])
    heap = tracing.read()
    is_program = frame_filter.FrameFilter().program_part
    left_out = [(size, frames) for _, size, frames, _ in seen[0] if not is_program(frames)]
    assert texts and page and held(heap) > 50_000
    assert held(heap) + sum(size for size, _ in left_out) == sum(trace[1] for trace in seen[0])
    assert all(any(file.startswith(PACKAGE) for file, _ in frames) for _, frames in left_out)


def test_memwatch_and_what_it_calls_is_left_out(lab_python: Any) -> None:
    told = lab_python(
        """
        import memwatch
        from memwatch import profile
        memwatch.HeapDiff()  # what it imports is loaded
        profile.start()
        kept = memwatch.HeapDiff(), memwatch.start(), memwatch.gc(), profile.get()
        found = profile.get()
        print(found.root.total_bytes < 5000)
        memwatch.stop()
        """
    )
    assert told == ["True"]


def test_a_receiver_of_the_program_is_the_program_s(tracing: Tracing) -> None:
    kept = []

    def receiver(_: memwatch.Stats) -> None:
        kept.extend(allocate(100))

    memwatch.on("stats", receiver)
    try:
        memwatch.gc()
        heap = tracing.read()
    finally:
        memwatch.off("stats", receiver)
    assert kept and blocks(heap) == len(kept)


def test_frames_that_led_to_a_program_are_cut_off() -> None:
    user, runner = ("app.py", 1), (frame_filter._RUNNER, 5)
    runpy, command = ("<frozen runpy>", 88), (f"{PACKAGE}/cli/run.py", 60)
    part = frame_filter.FrameFilter().program_part
    assert part((user, runner, command, runpy)) == (user,)
    assert part((user, runpy, runpy, runner, command)) == (user,)
    assert part((user, runpy)) == (user, runpy)
    assert part((runner, command)) == () == part((command,))


def test_the_standard_library_is_whose_that_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py"])
    library, user, inside = (json.__file__, 1), ("app.py", 1), (f"{PACKAGE}/files.py", 20)
    third = (str(Path(json.__file__).parents[1] / "site-packages" / "x.py"), 1)
    part = frame_filter.FrameFilter().program_part
    assert part((library, inside, user)) == ()
    assert part((("<string>", 2), inside, user)) == (), "code that dataclass has made for memwatch"
    for frames in ((library, user, inside), (third, inside), (library, user), (library,), (("<string>", 7), user)):
        assert part(frames) == frames


class TestShared:
    def test_what_runs_already_is_not_stopped_and_keeps_its_traces(self) -> None:
        tracemalloc.start(DEPTH)
        kept = allocate(100)
        tracing = Tracing()
        tracing.start(1, DEPTH)
        tracing.read()
        tracing.stop()
        assert tracemalloc.is_tracing()
        assert tracemalloc.get_object_traceback(kept[0]) is not None

    def test_what_was_held_before_is_not_seen_and_the_profile_says_so(self) -> None:
        tracemalloc.start(DEPTH)
        kept = [allocate(300)]
        tracing = Tracing()
        tracing.start(1, DEPTH)
        assert blocks(tracing.read()) == 0
        assert any("was running before" in note for note in tracing.read().notes)
        assert kept

    def test_what_a_stack_has_more_is_seen(self) -> None:
        tracemalloc.start(DEPTH)
        tracing, kept, seen = Tracing(), [], []
        for number in range(3):
            kept.append(allocate(300))
            if number == 0:
                tracing.start(1, DEPTH)
            seen.append(blocks(tracing.read()))
        assert seen == [0, 300, 600]

    def test_what_is_freed_since_makes_room_for_what_comes(self) -> None:
        tracemalloc.start(DEPTH)
        tracing, kept, seen = Tracing(), list[list[bytes]](), []
        for number in range(3):
            kept.append(allocate(300))
            if number == 0:
                tracing.start(1, DEPTH)
                kept.clear()
            seen.append(blocks(tracing.read()))
        assert seen == [0, 300, 600]

    def test_fewer_frames_than_asked_are_told(self) -> None:
        tracemalloc.start(2)
        tracing = Tracing()
        tracing.start(1, DEPTH)
        kept = allocate(10)
        heap = tracing.read()
        assert heap.stack_depth == 2 and kept
        assert heap.notes[0] == f"tracemalloc keeps 2 frames of a stack, not {DEPTH}"

    def test_more_frames_than_asked_are_cut(self) -> None:
        tracemalloc.start(50)
        tracing = Tracing()
        tracing.start(1, 3)
        kept = allocate(10)
        heap = tracing.read()
        assert heap.stack_depth == 3 and blocks(heap) == len(kept)
        assert max(len(live.places) for live in heap.stacks) == 3

    def test_two_see_what_came_after_their_own_starts(self, tracing: Tracing) -> None:
        first, second = allocate(100), Tracing()
        second.start(1, DEPTH)
        more = allocate(50)
        assert (blocks(tracing.read()), blocks(second.read())) == (len(first) + len(more), len(more))
        second.stop()
        assert tracing.running and not second.running


class TestBehindOurBack:
    def test_stopped_is_said(self, tracing: Tracing) -> None:
        tracemalloc.stop()
        assert not tracing.running
        with pytest.raises(errors.NotStartedError, match=r"the program has called tracemalloc\.stop\(\)"):
            tracing.read()
        tracing.stop()
        tracing.start(1, DEPTH)
        assert not any("tracemalloc" in note for note in tracing.read().notes)

    def test_cleared_is_told_and_what_comes_after_is_seen(self, tracing: Tracing) -> None:
        lost = allocate(100)
        tracemalloc.clear_traces()
        kept = allocate(50)
        heap = tracing.read()
        assert lost and blocks(heap) == len(kept)
        assert any("cleared or restarted" in note for note in heap.notes)
        tracing.stop()
        assert not tracemalloc.is_tracing(), "it is still the one that we started"

    def test_restarted_by_the_program_is_the_program_s(self, tracing: Tracing) -> None:
        tracemalloc.stop()
        tracemalloc.start(3)
        kept = allocate(50)
        heap = tracing.read()
        assert blocks(heap) == len(kept) and heap.stack_depth == 3
        tracing.stop()
        assert tracemalloc.is_tracing()

    def test_what_was_there_before_is_not_subtracted_after_a_clearing(self) -> None:
        tracemalloc.start(DEPTH)
        tracing, kept = Tracing(), []
        for number in range(2):
            kept.append(allocate(100))
            if number == 0:
                tracing.start(1, DEPTH)
                tracemalloc.clear_traces()
        assert blocks(tracing.read()) == 100


def test_a_thread_has_its_own_path(tracing: Tracing) -> None:
    kept: list[bytes] = []
    thread = threading.Thread(target=lambda: kept.extend(allocate(70)))
    thread.start()
    thread.join()
    ours = [live for live in tracing.read().stacks if any(size == 1001 for size, _ in live.sizes)]
    assert [live.places[0].function for live in ours] == ["Thread._bootstrap"]


def test_allocations_outside_python_code_have_no_place(monkeypatch: pytest.MonkeyPatch, tracing: Tracing) -> None:
    monkeypatch.setattr(tracing_module, "_traces", lambda: [(0, 64, (("<unknown>", 0),), 1)])
    (live,) = tracing.read().stacks
    assert (live.places[0].function, live.places[0].file, live.sizes) == ("?", "", ((64, 1),))


def test_reading_leaves_nothing_behind(lab_python: Any) -> None:
    told = lab_python(
        """
        import gc, tracemalloc
        from memwatch.backend.allocations.tracing import Tracing

        tracing = Tracing()
        tracing.start(1, 16)
        kept = [bytearray(1000) for _ in range(1000)]

        def read(times):
            for _ in range(times):
                tracing.read()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        before = read(5)
        print(read(10) - before < 30_000)
        """
    )
    assert told == ["True"]


def test_started_by_the_interpreter_is_shared(lab_python: Any) -> None:
    told = lab_python(
        """
        import tracemalloc
        from memwatch import profile
        profile.start(stack_depth=9)
        kept = bytearray(500_000)
        found = profile.get()
        profile.stop()
        print(found.root.total_bytes > 500_000, tracemalloc.is_tracing(), *found.notes, sep="\\n")
        """,
        PYTHONTRACEMALLOC="1",
        MEMWATCH_BACKEND="pure",
    )
    assert told[:2] == ["True", "True"]
    assert "keeps 1 frames" in told[2] and "was running before" in told[3]


def test_the_watcher_s_meters_do_not_see_tracemalloc_s_own_tables(tracing: Tracing) -> None:
    meters = Meters()
    before = meters.read(force=True)
    kept = [object() for _ in range(200_000)]
    after = meters.read(force=True)
    if before.native is None or after.native is None:
        pytest.skip("the C allocator cannot be asked here")
    pointers = sys.getsizeof(kept)
    assert abs(after.native - before.native - pointers) < 4_000_000 < tracemalloc.get_tracemalloc_memory()


def test_code_that_has_no_file_is_its_callers_unless_somebody_has_typed_it() -> None:
    is_app = frame_filter.FrameFilter().is_app
    assert is_app("app.py") and is_app("<stdin>") and is_app("<ipython-input-3-0a1b>") and is_app("<python-input-0>")
    assert not is_app("<class 'library.argmap'> compilation 8") and not is_app("<attrs generated init app.Order>")
