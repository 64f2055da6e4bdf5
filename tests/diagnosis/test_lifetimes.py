"""How old does what a line makes become? By what lives of it at each look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from memwatch.backend.allocations.live import Sampled
from memwatch.backend.allocations.recorder import Recorder
from memwatch.diagnosis import evidence
from memwatch.diagnosis.lifetimes import Lifetimes
from memwatch.diagnosis.lines import Lines
from memwatch.frames import Frame

SECOND = 10**9
LINE, OTHER = ("put", "app.py", 7), ("put", "app.py", 9)
LOOKS = (16, 32, 48, 64, 76)

lasting: dict[str, Callable[[float], float]] = {
    "all": lambda now: 0,
    "4 s": lambda now: now - 4,
    "30 s": lambda now: max(0, now - 30),
    "42 s": lambda now: max(0, now - 42),
    "60 s": lambda now: max(0, now - 60),
    "a queue, half drained": lambda now: now / 2,
    "a queue, of three one stays": lambda now: now * 2 / 3,
    "5 s, then all": lambda now: min(now, 30) - 5,
}
"""When the oldest that lives came, as a function of now."""


def births(now: float, oldest: float, every: float = 0.25) -> list[int]:
    """Evenly, up to now."""
    return [round((oldest + every * n) * SECOND) for n in range(round((now - oldest) / every))]


def watched(looks: Iterable[float], oldest: Callable[[float], float]) -> Lifetimes:
    lifetimes = Lifetimes()
    for moment in looks:
        living = {LINE: births(moment, oldest(moment)), OTHER: births(moment, moment - 2)}
        lifetimes.look(round(moment * SECOND), living)
    return lifetimes


@pytest.mark.parametrize(
    ("kind", "lengthen"),
    [
        ("all", None),
        ("4 s", False),
        ("30 s", False),
        ("42 s", False),
        ("60 s", None),
        ("a queue, half drained", True),
        ("a queue, of three one stays", True),
        ("5 s, then all", True),
    ],
)
def test_what_comes_and_goes_lives_as_long_as_ever(kind: str, lengthen: bool | None) -> None:
    assert watched(LOOKS, lasting[kind]).lengthen({LINE}) is lengthen


def test_all_lines_have_to_agree() -> None:
    lifetimes = watched(LOOKS, lasting["4 s"])
    assert lifetimes.lengthen([]) is None
    assert lifetimes.lengthen({LINE, OTHER}) is None, "of the other one nothing is known: there are too few samples"
    assert watched(LOOKS, lasting["a queue, half drained"]).lengthen({LINE, OTHER}) is True


def test_many_looks_are_thinned_and_the_first_one_stays() -> None:
    lifetimes = watched(range(100, 180), lasting["a queue, half drained"])
    assert lifetimes.lengthen({LINE}) is True
    assert len(lifetimes._looks) <= 32
    assert lifetimes._looks[0][0] == 100 * SECOND


def test_a_look_reads_what_was_sampled_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are the program's own, whatever library they call."""
    recorder, now = Recorder(1 << 16), [0.0]
    gatherer = evidence.EvidenceCollector(0.1, recorder)
    gatherer._see_lifetimes()
    recorder.sampling = SimpleNamespace(begun=0)  # type: ignore[assignment]
    library, own = Frame("append", "/lib/list.py", 3, 0, 1), Frame("put", "app.py", 7, 0, 1)

    def read(_: Any) -> Any:
        half = births(now[0], now[0] - 4, every=0.5)
        return {(library, own): half, (own,): half}, lambda file: file == "app.py"

    monkeypatch.setattr(evidence, "read_births", read)
    monkeypatch.setattr(evidence.Clock, "monotonic_ns", lambda: round(now[0] * SECOND))
    for time in LOOKS:
        now[0] = time
        gatherer._see_lifetimes()
    survivors = [Sampled((own,), 0, "app.Stream", 1.0, 1e5, SECOND)]
    lines = Lines(survivors, lambda file: file == "app.py")
    monkeypatch.setattr(recorder, "sampling", None)
    gatherer.end()
    assert gatherer.lengthen(lines, survivors, 64.0) is False, "of a suspicion that has lapsed as well"
    assert gatherer.lengthen(lines, survivors, 10.0) is None
