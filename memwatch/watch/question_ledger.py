"""What does a question cost that somebody asks while the watcher runs? A ledger of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..backend.holds import holds_noted_by
from ..clock import Clock
from ..internal import internal
from .cost import Cost, Ledger


@internal
class QuestionLedger(Ledger):
    """The ledger of one question. Its costs are entered in *main*, the watcher's ledger, as well, if there is one.

    Only the time of walks is not: a question takes none from a verdict.
    """

    def __init__(self, main: Ledger | None) -> None:
        super().__init__()
        self._main = main
        if main is not None:
            main.question = self

    def close(self) -> None:
        """The evidence is gone; what its walks have left in resident memory stays."""
        self.let_go()
        if self._main is not None:
            self._main.resident += self.resident
            self._main.question = None

    def pause(self, seconds: float, work: float) -> None:
        """The interpreter lock was held for so long in one piece."""
        super().pause(seconds, work)
        if self._main is not None:
            self._main.pause(seconds, work)

    def child(self, work: float, copied: int = 0) -> None:
        """A forked child has looked."""
        super().child(work, copied)
        if self._main is not None:
            self._main.child_seconds += work
            self._main.copied_bytes = max(self._main.copied_bytes, copied)

    @contextmanager
    def walk(self) -> Iterator[None]:
        """Around a walk of the heap."""
        begun = Clock.thread_time()
        try:
            with holds_noted_by(self.pause):
                yield
        finally:
            self.censuses += 1
            self.walked_seconds += Clock.thread_time() - begun
            if self._main is not None:
                self._main.settle()
                self._main.censuses += 1

    def cost(self) -> Cost:
        """The watcher's costs, those of this question included; where nobody watches, its walks alone."""
        if self._main is not None:
            return self._main.cost()._replace(pause_budget_seconds=self.pause_budget)
        return super().cost()._replace(cpu_share=self.walked_seconds / max(self.age, 1e-9))
