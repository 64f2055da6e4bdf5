"""Finds whether a fix worked: which leaks older lives reported and newer ones do not, and how sure that is by now."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from ..errors import RecordingError
from .cases import Case, put_together, releases_of
from .lives import Life, RecordedLeak
from .past import REPORTED_LASTS

SURE = 0.9
"""A leak that is no longer reported is called gone from this confidence on."""

_ENOUGH = 0.5

Outcome = Literal["gone", "maybe gone", "still there", "new"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one leak between older and newer lives.

    before      its case in the older lives, None without one.
    after       its case in the newer lives, None without one.
    confidence  how likely the newer lives would have reported it by now if nothing had changed. 1.0 if they did
                report it, or if it is new.
    watched     how many newer lives of its role there are.
    suspected   in how many of these growth was suspected.
    seconds     how long all of these were watched together.
    """

    outcome: Outcome
    before: Case | None
    after: Case | None
    confidence: float
    watched: int
    suspected: int
    seconds: float

    @property
    def case(self) -> Case:
        """The newer of the two cases."""
        found = self.after or self.before
        assert found is not None
        return found

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return {
            "outcome": self.outcome,
            "confidence": self.confidence,
            "watched": self.watched,
            "suspected": self.suspected,
            "seconds": self.seconds,
            "before": self.before.to_dict() if self.before else None,
            "after": self.after.to_dict() if self.after else None,
        }


def split_by_release(lives: Sequence[Life], old: str, new: str) -> tuple[list[Life], list[Life]]:
    """The lives of release *old* and of release *new*. Raises RecordingError if both are the same, or if no life has
    one of the labels.
    """
    for release in (old, new):
        _check(lives, release)
    if old == new:
        raise RecordingError(f"release {old!r} cannot be compared with itself: name an older and a newer one")
    return [it for it in lives if it.birth.release == old], [it for it in lives if it.birth.release == new]


def split_since(lives: Sequence[Life], release: str) -> tuple[list[Life], list[Life]]:
    """The lives before *release*, and those from it on.

    Releases are ordered by when they began, so an old worker that is restarted beside new ones counts as old. A life
    without a label is placed by the time at which it began. Raises RecordingError if no life has the label, or if there
    are no lives before it.
    """
    _check(lives, release)
    known = releases_of(lives)
    earlier = known[: known.index(release)]
    begun = min(life.birth.started for life in lives if life.birth.release == release)
    old = [it for it in lives if (it.birth.release in earlier if it.birth.release else it.birth.started < begun)]
    if not old:
        raise RecordingError(f"no process before release {release!r} is recorded: there is nothing to compare it with")
    ids = {life.id for life in old}
    return old, [it for it in lives if it.id not in ids]


def compare(old: Sequence[Life], new: Sequence[Life], leaks: Sequence[RecordedLeak]) -> tuple[Change, ...]:
    """What became of each leak. New ones come first, then those that are still there."""
    before = {(case.role, case.fingerprint): case for case in put_together(old, leaks)}
    after = {(case.role, case.fingerprint): case for case in put_together(new, leaks)}
    changes = [_change(key[0], before.get(key), after.get(key), old, new, leaks) for key in {**before, **after}]
    order = ("new", "still there", "maybe gone", "gone")
    return tuple(sorted(changes, key=lambda change: (order.index(change.outcome), -change.case.rate)))


def since_reported(case: Case, lives: Sequence[Life], leaks: Sequence[RecordedLeak]) -> Change | None:
    """What became of *case* in the lives of its role that began after its last report. None if there are no such
    lives.
    """
    newer = [life for life in lives if life.birth.role == case.role and life.birth.started > case.last]
    if not newer:
        return None
    ids = {life.id for life in newer}
    return _change(case.role, case, None, [life for life in lives if life.id not in ids], newer, leaks)


def _change(
    role: str,
    before: Case | None,
    after: Case | None,
    old: Sequence[Life],
    new: Sequence[Life],
    leaks: Sequence[RecordedLeak],
) -> Change:
    watched = [life for life in new if life.birth.role == role]
    numbers = len(watched), sum(it.suspicions > 0 for it in watched), sum(it.seconds for it in watched)
    if after is not None or before is None:
        return Change("still there" if before else "new", before, after, 1.0, *numbers)
    earlier = _that_could_tell([life for life in old if life.birth.role == role], leaks)
    confidence = _confidence(earlier, watched, _times_to_tell(before.fingerprint, earlier, leaks))
    outcome: Outcome = "gone" if confidence >= SURE else "maybe gone"
    return Change(outcome, before, None, confidence, *numbers)


def _that_could_tell(lives: Sequence[Life], leaks: Sequence[RecordedLeak]) -> list[Life]:
    """The *lives* of a role that could have reported: others keep silent if an earlier life has reported the same
    leak.
    """
    born = {life.id: life.birth for life in lives}
    reported = [(born[it.life].release, it.time) for it in leaks if it.over_lives and it.life in born]
    telling = {it.life for it in leaks}

    def is_excused(life: Life) -> bool:
        release, started = life.birth.release, life.birth.started
        return any(of == release and at < started < at + REPORTED_LASTS for of, at in reported)

    return [life for life in lives if life.id in telling or not is_excused(life)]


def _times_to_tell(fingerprint: str, lives: Sequence[Life], leaks: Sequence[RecordedLeak]) -> dict[int, float]:
    """After how many seconds each life reported the leak first.

    A leak that shows only over several lives is reported at the end of one, however long that was. Half of its time
    counts there.
    """
    begun = {life.id: life.birth.started for life in lives}
    found: dict[int, float] = {}
    for leak in leaks:
        if leak.fingerprint == fingerprint and leak.life in begun:
            found.setdefault(leak.life, (leak.time - begun[leak.life]) * (_ENOUGH if leak.over_lives else 1.0))
    return found


def _confidence(old: Sequence[Life], new: Sequence[Life], reported_after: dict[int, float]) -> float:
    """1 - the chance that none of *new* reports the leak, if each is as likely to as an older life was by that age."""
    times, untold = _untold(old, reported_after)
    return 1 - prod(untold[bisect_right(times, life.seconds)] for life in new)


def _untold(lives: Sequence[Life], reported_after: dict[int, float]) -> tuple[list[float], list[float]]:
    """The ages at which lives reported the leak, and the chance that a life has not by each of them.

    This is the Kaplan-Meier estimate: a life that ended early counts for as long as it lasted. One silent life is added
    to those there were, so that a few lives do not make it sure.
    """
    times, untold = sorted(reported_after.values()), [1.0]
    silent = sorted(life.seconds for life in lives if life.id not in reported_after)
    for place, age in enumerate(times):
        watched = len(times) - place + len(silent) - bisect_left(silent, age)
        untold.append(untold[-1] * (1 - 1 / (watched + 1)))
    return times, untold


def _check(lives: Sequence[Life], release: str) -> None:
    known = releases_of(lives)
    if release not in known:
        there = f"there are {', '.join(known)}" if known else "none has a label: record with one"
        raise RecordingError(f"no process of release {release!r} is recorded; {there}")
