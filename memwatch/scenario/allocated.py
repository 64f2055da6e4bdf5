"""Which lines allocated what a check finds: the last round is sampled, almost every object of it."""

from __future__ import annotations

from collections.abc import Collection

from ..backend.allocations.recorded import read_recorded
from ..backend.allocations.recorder import Recorder
from ..backend.process import is_main_interpreter
from ..clock import Clock
from ..diagnosis.lines import Lines, ShownFrame
from ..errors import NotStartedError
from ..internal import internal

_INTERVAL = 64  # bytes a sample: most objects are one


@internal
class LastRound:
    """Samples the allocations of one round; without the C backend it knows of none."""

    __slots__ = ("_lines", "_recorder", "_since")

    def __init__(self) -> None:
        is_main_interpreter()  # loads the module that sampling asks for: what is loaded within a round is counted in it
        self._recorder = Recorder(_INTERVAL)
        self._since = 0
        self._lines = Lines()

    def start(self) -> None:
        """Sample from now on."""
        self._since = Clock.monotonic_ns()
        self._recorder.start()

    def stop(self) -> None:
        """Keep what is alive of it, and end."""
        until = Clock.monotonic_ns()
        try:
            samples, is_app = read_recorded(self._recorder, self._since, until)
            self._lines = Lines(samples, is_app, None, _INTERVAL, self._since, until)
        except NotStartedError:  # the function has replaced Python's allocators, as tracemalloc.stop() may
            pass
        finally:
            self._recorder.stop()

    def line_of(self, labels: Collection[str]) -> tuple[ShownFrame, ...]:
        """Where most of these types was allocated, innermost first; empty where that is not known."""
        site = self._lines.of_types(labels)
        return site.frames if site is not None else ()
