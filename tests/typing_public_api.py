"""What a user's type checker sees: this file is checked by mypy, and never run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_type

import memwatch
from memwatch.heap import take_census
from memwatch.watch import Watcher


@memwatch.on("leak")
def page_someone(leak: memwatch.Leak) -> None:
    assert_type(leak.start, datetime)
    assert_type(leak.growth, int)
    assert_type(leak.reason, str)
    assert_type(leak.rate_per_hour, float)
    assert_type(leak.report.to_dict(), dict[str, Any])
    assert_type(leak.report.to_html(), str)
    assert_type(leak.report.to_markdown(budget=500), str)
    for suspect in leak.report.suspects:
        assert_type(suspect.type, str)
        assert_type(suspect.allocated_at, tuple[dict[str, Any], ...])
    print(leak.report.suspect)  # type: ignore[attr-defined]


@memwatch.once("suspect")
def look_closer(suspicion: memwatch.Suspicion) -> None:
    assert_type(suspicion.to_dict(), dict[str, Any])


async def tell(stats: memwatch.Stats) -> None:
    assert_type(stats.current_base, int)
    assert_type(stats.native_bytes, int | None)
    assert_type(stats.usage_trend, float)


def look(order: object) -> None:
    assert_type(memwatch.retaining_paths(order), tuple[memwatch.RetainingPath, ...])
    assert_type(memwatch.retaining_paths(type="app.Order", limit=1, show_keys=True)[0].to_svg(), str)


def receiver(watcher: Watcher, leak: memwatch.Leak) -> None:
    assert_type(watcher.latest, memwatch.Stats | None)


def connect() -> None:
    page_someone(_some_leak())
    memwatch.on("stats", tell)
    memwatch.off("stats", tell)
    memwatch.leak.connect(receiver)
    memwatch.on("leak", memwatch.handlers.log_leaks())
    memwatch.on("leek", tell)  # type: ignore[call-overload]
    memwatch.off("leek", tell)  # type: ignore[arg-type]


def watch() -> None:
    assert_type(memwatch.start(pace="job", tick=0.25), Watcher)
    memwatch.start(pase=1)  # type: ignore[call-arg]
    memwatch.start(pace="jbo")  # type: ignore[arg-type]
    assert_type(memwatch.watcher(), Watcher | None)
    assert_type(memwatch.gc(), memwatch.Stats)
    memwatch.stop()


def compare() -> None:
    with memwatch.HeapDiff(pause_budget=0.1, split="keys") as heap_diff:
        pass
    for row in heap_diff.diff.change.details:
        assert_type(row.what, str)
        assert_type(row.size_bytes, int)
        assert_type(row.exact, bool)
        assert_type(row.allocated, int | tuple[int, int])
        assert_type(row.net, int)
    assert_type(heap_diff.diff.missing, tuple[str, ...])
    assert_type(heap_diff.diff.after.pause_seconds, float)
    assert_type(take_census(deep=False, split="owner").counts(), Mapping[str, int])
    assert_type(heap_diff.diff.to_dict(), dict[str, Any])


async def call() -> int:
    return 1


def check() -> None:
    assert_type(memwatch.check(call, loops=3, max_rounds=4, ignore=[]), memwatch.CheckResult)
    try:
        memwatch.check(lambda: None)
    except memwatch.LeakFound as found:
        assert_type(found.result.rows, Any)
    for row in memwatch.check(list).rows:
        assert_type(row.counts, tuple[int, ...])


def look_closer_still(pid: int) -> None:
    assert_type(memwatch.usage.lookup(pid).cpu, float | None)
    assert_type(memwatch.usage.lookup(pid, keep_history=True).memory, int | None)
    assert_type(memwatch.profile.get().root.total_bytes, int)
    assert_type(memwatch.profile.write("heap.html"), str)
    with memwatch.profile.sampling() as sampler:
        assert_type(sampler.get().diff(memwatch.profile.load("old.pb.gz")).source, str)
    memwatch.trace.init(unit="KiB")
    with memwatch.trace.trace_block("block"):
        memwatch.trace.trace_memory("mark")
    assert_type(memwatch.trace.export_trace()[0].record_name, str)


@memwatch.trace.trace_block("a function keeps its type")
def traced(number: int) -> str:
    return str(number)


assert_type(traced(1), str)


@memwatch.on_threshold(limit_share=0.9, for_seconds=30)
def shed_load(crossing: memwatch.Crossing) -> None:
    assert_type(crossing.value, float)
    memwatch.off_threshold(shed_load)


def catch() -> str:
    try:
        memwatch.start(pace="none")  # type: ignore[arg-type]
    except (memwatch.OptionError, memwatch.AlreadyStartedError) as error:
        return str(error)
    return f"{memwatch.backend.name}: {memwatch.backend.reason}, {memwatch.__version__}"


def _some_leak() -> memwatch.Leak:
    raise SystemExit
