"""The detector that counts growth from collection to collection, as node-memwatch did."""

from __future__ import annotations

from ..internal import internal
from .contract import Detector
from .progress import SHARE
from .sample import Growth, Level, Sample, Trigger

_SHARE = 0.01
_FLOOR = 1 << 20
_GONE = 0.75
_EARLIER = 3  # growths between suspicion and leak


@internal
class _Alarm:
    """A reported leak of `growth` bytes, by so many `growths` in a row. At the base `low` most of it is gone.

    Whether it goes on is measured from the base `mark`; `readings` were taken since.
    """

    __slots__ = ("growth", "growths", "mark", "published", "readings", "sample")

    def __init__(self, sample: Sample, growth: int, growths: int, published: bool = True) -> None:
        self.sample, self.growth, self.growths = sample, growth, growths
        self.mark, self.readings, self.published = sample.base, 0, published

    @property
    def low(self) -> float:
        return self.sample.base - _GONE * self.growth

    def has_stopped(self, base: int) -> bool:
        """Whether it grew by less than a quarter of itself in as many readings as it had taken."""
        if self.readings < self.growths:
            return False
        won, self.mark, self.readings = base - self.mark, base, 0
        return won < SHARE * self.growth


@internal
class ConsecutiveGrowth(Detector):
    """node-memwatch's rule: a base that is strictly higher after each of five collections in a row.

    The first reading is what growth is measured from and is none itself, so five growths span five intervals
    (node-memwatch measured from the second reading, over four). Growth below 1 MiB or one per cent, or in no time, is
    not reported; the count goes on. It is suspected up to three growths earlier, once it has a fifth of that size.
    Each report doubles the growths that the next one takes, until three quarters of its own growth are gone again. It
    is recovered then, or when it has stopped for as many readings as it took.
    """

    name = "consecutive"

    def __init__(self, threshold: int = 5, triggers: frozenset[Trigger] = frozenset({"forced"})) -> None:
        self._threshold = threshold
        self._triggers = triggers
        self._last: Sample | None = None
        self._first: Sample | None = None
        self._count = 0
        self._suspected = False
        self._before: tuple[Sample, int] | None = None
        self._alarms: list[_Alarm] = []

    def update(self, sample: Sample) -> Growth | None:
        """Take in a reading; readings without such a collection are not looked at."""
        if sample.trigger not in self._triggers:
            return None
        last, self._last = self._last, sample
        for alarm in self._alarms:
            alarm.readings += 1
        if last is None or self._first is None:
            self._first = sample
            return None
        if sample.base <= last.base:
            self._begin(sample)
            return self._recovered(sample)
        self._count += 1
        needed = self._threshold << len(self._alarms)
        if self._count >= needed:
            return self._leak(self._first, sample)
        return self._suspect(self._first, sample) if self._count >= needed - _EARLIER else None

    def withdraw(self) -> None:
        """The last leak is not published: the count goes on."""
        if self._before is not None:
            self._alarms.pop()
            self._first, self._count = self._before
            self._before = None

    def dismiss(self, growth: Growth) -> None:
        """*growth* was no leak: say nothing when it goes away, and ask for twice as many growths of the next."""
        if growth.detector == self.name and self._last is not None:
            last = self._last
            self._alarms.append(_Alarm(last, growth.growth, growth.count, published=False))
            self._begin(last)

    def _begin(self, sample: Sample) -> None:
        self._first, self._count, self._suspected = sample, 0, False

    def _suspect(self, first: Sample, sample: Sample) -> Growth | None:
        """Growth that may be a leak three readings on: time to look at who is there already."""
        if self._suspected or sample.base - first.base < max(_FLOOR, _SHARE * first.base) / self._threshold:
            return None
        self._suspected = True
        return self._growth("suspect", first, sample, self._count)

    def _leak(self, first: Sample, sample: Sample) -> Growth | None:
        growth = sample.base - first.base
        if sample.clock <= first.clock or growth < max(_FLOOR, _SHARE * first.base):
            return None
        leak = self._growth("leak", first, sample, self._count)
        self._alarms.append(_Alarm(sample, growth, self._count))
        self._before = (first, self._count)
        self._begin(sample)
        return leak

    def _recovered(self, sample: Sample) -> Growth | None:
        """Once the growth of every published leak is gone or has stopped; the fall is measured from the last one."""
        published = [alarm for alarm in self._alarms if alarm.published]
        self._alarms = [alarm for alarm in self._alarms if alarm.low < sample.base]
        for alarm in self._alarms:
            alarm.published = alarm.published and not alarm.has_stopped(sample.base)
        if not published or any(alarm.published for alarm in self._alarms):
            return None
        return self._growth("recovered", published[-1].sample, sample, 1)

    def _growth(self, level: Level, first: Sample, last: Sample, count: int) -> Growth:
        return Growth(
            level=level,
            detector=self.name,
            meter="base",
            start=first.time,
            end=last.time,
            seconds=last.clock - first.clock,
            before=first.base,
            growth=last.base - first.base,
            count=count,
            unit="GCs",
        )
