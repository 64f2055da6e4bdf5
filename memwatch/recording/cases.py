"""Groups the leaks of many processes: the same leak in several lives of one role is one case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from .lives import Life, RecordedLeak


@dataclass(frozen=True, slots=True)
class Case:
    """One leak, in all lives of one `role` that reported it.

    lives       the numbers of the lives that reported it.
    of          how many lives of the role there were in the same releases.
    rate        the median of what each life reported last, in bytes an hour.
    first       when it was reported first, in epoch seconds.
    last        when it was reported last, in epoch seconds.
    recovered   in how many lives it has stopped.
    releases    the program's releases in which it was reported, in the order in which they began.
    leak        the number of the newest report.
    """

    fingerprint: str
    verdict: str
    subject: str
    role: str
    lives: tuple[int, ...]
    of: int
    rate: float
    first: float
    last: float
    recovered: int
    releases: tuple[str, ...]
    leak: int

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return {name: list(it) if isinstance(it := getattr(self, name), tuple) else it for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Role:
    """The lives of one role in numbers.

    lives       how many there were.
    running     how many run now.
    longest     the length of the longest one, in seconds.
    rate        the median growth over the second half of each life, in bytes an hour. None if nothing was read.
    suspected   in how many of them growth was suspected, reported as a leak or not.
    lost        how many ended without notice.
    at_limit    how many of the lost ones had nearly reached their memory limit.
    """

    role: str
    lives: int
    running: int
    longest: float
    rate: float | None
    suspected: int
    lost: int
    at_limit: int
    releases: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return {name: list(it) if isinstance(it := getattr(self, name), tuple) else it for name in self.__slots__}


def put_together(lives: Sequence[Life], leaks: Iterable[RecordedLeak]) -> tuple[Case, ...]:
    """The cases. Those that most lives reported come first, then those that grow fastest."""
    by_id = {life.id: life for life in lives}
    groups: dict[tuple[str, str], list[RecordedLeak]] = {}
    for leak in leaks:
        if leak.life in by_id:
            groups.setdefault((by_id[leak.life].birth.role, leak.fingerprint), []).append(leak)
    cases = [_case(role, reported, by_id) for (role, _), reported in groups.items()]
    return tuple(sorted(cases, key=lambda case: (-len(case.lives), -case.rate)))


def roles_of(lives: Sequence[Life]) -> tuple[Role, ...]:
    """The numbers of each role, in the order in which the roles began."""
    return tuple(
        _role(role, [life for life in lives if life.birth.role == role])
        for role in dict.fromkeys(it.birth.role for it in lives)
    )


def releases_of(lives: Iterable[Life]) -> tuple[str, ...]:
    """The labels of the program's releases, in the order in which they began."""
    return tuple(dict.fromkeys(life.birth.release for life in lives if life.birth.release))


def _case(role: str, reported: Sequence[RecordedLeak], by_id: dict[int, Life]) -> Case:
    newest = {leak.life: leak for leak in reported}  # the reports are sorted by time
    last, releases = reported[-1], releases_of(by_id[life] for life in sorted(newest))
    labels = {by_id[life].birth.release for life in newest}  # "" stands for lives without a label
    alike = [it for it in by_id.values() if it.birth.role == role and it.birth.release in labels]
    return Case(
        fingerprint=last.fingerprint,
        verdict=last.verdict,
        subject=last.subject,
        role=role,
        lives=tuple(newest),
        of=len(alike),
        rate=median(leak.rate for leak in newest.values()),
        first=reported[0].time,
        last=last.time,
        recovered=sum(leak.recovered is not None for leak in newest.values()),
        releases=releases,
        leak=last.id,
    )


def _role(role: str, lives: Sequence[Life]) -> Role:
    rates = [life.rate for life in lives if life.rate is not None]
    return Role(
        role=role,
        lives=len(lives),
        running=sum(life.state == "runs" for life in lives),
        longest=max(life.seconds for life in lives),
        rate=median(rates) if rates else None,
        suspected=sum(life.suspicions > 0 for life in lives),
        lost=sum(life.state == "lost" for life in lives),
        at_limit=sum(life.died_at_limit for life in lives),
        releases=releases_of(lives),
    )
