"""How often the meters are read and how long growth must last, for a short job and for a service; all in seconds."""

from __future__ import annotations

from typing import NamedTuple

from ..checks import check_number
from ..errors import OptionError
from ..internal import internal
from .scales import BLOCKS

_SHORTEST = 0.01
_LONGEST = 3600.0
_LONGER = 4


@internal
class Pace(NamedTuple):
    """The times of the detectors, in seconds.

    `tick`: the meters are read this often. `sample`: of the readings within so many seconds the lowest one counts.
    `group`: up to this length the least reading stands for a stretch of time, beyond it the mean of such ones.
    `min_window`: the shortest growth that is looked at. `confirm`: the shortest that is called a leak.
    `slow_confirm`: the same for growth that does not double the base. `hold`: before this age (a day and an eighth, so
    that a daily cycle has turned) such growth is no leak.
    `early`: so long after the suspicion such growth may be reported all the same, if evidence leaves no doubt; `looks`:
    how many looks are taken for that in a window of the suspicion, at the most. `suspect_cap`, `confirm_cap`: however
    old the process is, no longer growth than this or `slow_confirm` is asked for. `seasonal`: whether to compare each
    hour with the same hour of the days before.
    """

    name: str
    tick: float
    sample: float
    group: float
    min_window: float
    confirm: float
    slow_confirm: float
    hold: float
    early: float
    looks: int
    suspect_cap: float
    confirm_cap: float
    seasonal: bool

    @property
    def seconds_to_judge(self) -> float:
        """The earliest age at which a leak can be confirmed."""
        return self.window(self.confirm_window(self.window(self.min_window)))

    def window(self, asked: float) -> float:
        """The shortest window of the scales that is as long as *asked*."""
        window = BLOCKS * self.sample
        while window < asked:
            window *= 2
        return window

    def confirm_window(self, suspected: float) -> float:
        """How long growth must last to confirm a suspicion that arose on a window of *suspected*."""
        return max(self.confirm, min(_LONGER * suspected, self.confirm_cap))


PACES = {
    "job": Pace(
        name="job",
        tick=0.25,
        sample=0.25,
        group=4.0,
        min_window=16.0,
        confirm=64.0,
        slow_confirm=64.0,
        hold=0.0,
        early=0.0,
        looks=1,
        suspect_cap=900.0,
        confirm_cap=1800.0,
        seasonal=False,
    ),
    "service": Pace(
        name="service",
        tick=1.0,
        sample=10.0,
        group=160.0,
        min_window=600.0,
        confirm=3600.0,
        slow_confirm=40000.0,
        hold=97200.0,
        early=360.0,
        looks=10,
        suspect_cap=7200.0,
        confirm_cap=10240.0,
        seasonal=True,
    ),
}


def choose_pace(name: str, tick: float | None = None, sample: float | None = None) -> Pace:
    """The pace of that name, with `tick` and `sample` (seconds) replaced where given.

    A sample is never shorter than a tick. The windows stay what they are in seconds. Raises OptionError for an
    unknown name and for times out of range.
    """
    if name not in PACES:
        raise OptionError(f"unknown pace {name!r}; there are: {', '.join(sorted(PACES))}")
    pace = PACES[name]
    tick = pace.tick if tick is None else check_number("tick", tick, _SHORTEST, _LONGEST)
    sample = max(tick, pace.sample) if sample is None else check_number("sample", sample, _SHORTEST, _LONGEST)
    if sample < tick:
        raise OptionError(f"sample must be at least one tick of {tick:g} seconds, not {sample:g}")
    return pace._replace(tick=tick, sample=sample)
