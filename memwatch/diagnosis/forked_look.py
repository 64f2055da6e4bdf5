"""How is a large heap looked at without holding the program? By a forked child, if a walk here would take too long.

The costs are estimated beforehand: the fork against the pause budget, the child's processor time against its own share
of the time, the memory against what the container leaves. What they were is measured, and corrects the next estimate.
"""

from __future__ import annotations

from typing import Literal, Protocol

from ..backend.census import in_child
from ..backend.census.contract import Look, Overcopied, ShouldCancel
from ..backend.census.fork_price import PAGE_BYTES, ForkPrice, Tables
from ..backend.census.in_child import Used
from ..backend.graph.in_child import Retained, retained_in_child
from ..backend.quiet import quiet
from ..internal import internal
from ..retain import Question
from ..units import format_bytes, format_duration, format_milliseconds
from ..watch import Candidate
from .budget import Allowance, expected_blocks
from .findings import Evidence

Task = Literal["census", "search", "dominators"]
"""What the child does: a census, one and the search for holders, or the graph of all objects with its dominators."""

CHILD_SHARE = 0.02  # of one core
_TASK_SECONDS = {"census": 8e-8, "search": 1.6e-7, "dominators": 8e-7}  # an object, on a busy machine
_TASK_BYTES = {"census": 4, "search": 24, "dominators": 70}  # an object, in the child
_TOUCHED = 0.1  # of what is resident, copied because the program writes to it meanwhile; until it was measured
_MOST_COPIED = 0.25  # of what is resident, until a child is ended: what is found without it has to do
_LEAST_COPIED = 32 << 20  # bytes that are not much anywhere
_PATIENCE = 5.0  # times what is expected


class Host(Protocol):
    """What is asked of the machine; `backend.census.in_child` for all but tests."""

    CAN_LOOK: bool

    def read_tables(self) -> Tables | None: ...

    def count_huge(self) -> tuple[int, float]: ...

    def room(self) -> int: ...

    def used(self) -> Used: ...


@internal
class ForkedLook:
    """Decides whether a forked child may look, and has it look. *pause_budget* is in seconds."""

    def __init__(self, pause_budget: float, host: Host = in_child) -> None:
        self._pause_budget = pause_budget
        self._host = host
        self._price = ForkPrice(host)
        self._seconds = dict(_TASK_SECONDS)
        self._touched = _TOUCHED
        self.reason = ""

    @property
    def can_look(self) -> bool:
        """Whether there can be such a child here at all."""
        return self._host.CAN_LOOK

    def why_not(self, task: Task, allowance: Allowance, verdicts: int = 0) -> str | None:
        """Why a child may not do *task*, in words; None if it may, "" where there can be no child.

        Children have spent the time in *allowance*. Enough for so many *verdicts* must be left.
        """
        if not self.can_look:
            return ""
        hold = self.expected_hold()
        if hold > self._pause_budget:
            allowed = format_milliseconds(self._pause_budget)
            return f"a fork would hold the program for about {format_milliseconds(hold)}, and {allowed} are allowed"
        blocks = allowance.blocks
        needed = blocks * (self._seconds[task] + verdicts * self._seconds["search"])
        if needed > allowance.left(CHILD_SHARE):
            return f"a forked child would need {format_duration(needed)} of processor time, which is over its share"
        taken = blocks * _TASK_BYTES[task] + int(self._touched * self._price.pages * PAGE_BYTES)
        if taken > self._host.room():
            return f"a forked child might take {format_bytes(taken)}, and there is no room for that"
        return None

    def expected_hold(self) -> float:
        """Seconds that a fork is expected to hold the program."""
        expected = self._price.expected()
        return float("inf") if expected is None else expected

    def ask(
        self,
        candidate: Candidate,
        evidence: Evidence,
        wall: float,
        unfinished: str,
        verdicts: int = 0,
        question: Question | None = None,
    ) -> Look | None:
        """What a forked child sees; None if it may not look, as `reason` says, or failed, as *evidence* notes.

        A *question* asks it who holds what is new since the snapshot in *evidence*.
        """
        blocks, ledger = expected_blocks(candidate.last), candidate.ledger
        task: Task = "census" if question is None else "search"
        why = self.why_not(task, Allowance(blocks, ledger.child_seconds, wall), verdicts)
        self.reason = f"; {why}" if why else ""
        if why is not None:
            return None
        known = evidence.snapshot.identity if question is not None and evidence.snapshot else None
        with evidence.noting(unfinished), ledger.walk(), quiet:
            before = self._host.used()
            try:
                look = self._look(blocks, self._unless_overcopied(candidate.should_cancel, before), known, question)
            except Overcopied:
                after = self._host.used()
                copied = after.given_bytes - before.given_bytes
                ledger.child(after.child_seconds - before.child_seconds, copied)
                self._touch(copied)
                raise
            ledger.child(look.work_seconds, look.copied_bytes)
            return look
        return None

    def _unless_overcopied(self, should_cancel: ShouldCancel, before: Used) -> ShouldCancel:
        """*should_cancel*, which raises Overcopied once the program was given too much memory since *before*."""
        most = max(_LEAST_COPIED, round(_MOST_COPIED * self._price.pages * PAGE_BYTES))

        def ask() -> bool:
            if self._host.used().given_bytes - before.given_bytes > most:
                raise Overcopied(f"it was ended, as the program had {format_bytes(most)} copied meanwhile")
            return should_cancel is not None and should_cancel()

        return ask

    def _touch(self, copied: int) -> None:
        """So many bytes were copied while a child lived."""
        self._touched = min(1.0, max(self._touched, copied / max(1, self._price.pages * PAGE_BYTES)))

    def retained(self, candidate: Candidate, evidence: Evidence, wall: float, address: int) -> Retained | None:
        """What the object at *address* retains, if a forked child may find that out."""
        blocks, ledger = expected_blocks(candidate.last), candidate.ledger
        if self.why_not("dominators", Allowance(blocks, ledger.child_seconds, wall)) is not None:
            return None
        with evidence.noting("what the holder retains was not found out"), ledger.walk(), quiet:
            patience = self._patience("dominators", blocks)
            found = retained_in_child(address, candidate.should_cancel, patience)
            ledger.child(found.work_seconds)
            self._seconds["dominators"] = found.work_seconds / max(blocks, 1)
            return found
        return None

    def _patience(self, task: Task, blocks: int) -> float:
        return max(10.0, _PATIENCE * blocks * self._seconds[task])

    def _look(self, blocks: int, should_cancel: ShouldCancel, known: object, question: Question | None) -> Look:
        task: Task = "census" if question is None else "search"
        exclude = [] if question is None else question.parts
        request = None if question is None else question.request
        patience = self._patience(task, blocks)
        found = in_child.look_in_child(exclude, should_cancel, known, request, patience)
        if self._price.pages:
            self._touch(found.copied_bytes)
            self._price.paid(found.price_seconds)
        self._seconds[task] = found.work_seconds / max(blocks, 1)
        return found
