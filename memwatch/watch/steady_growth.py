"""The ratchet: growth that reaches new ground at a steady pace, first suspected, then confirmed on a longer window.

It takes the least reading of each sample and looks at it on all time scales (see `scales`). Growth must last a share of
the process's age before it is looked at, so that chance finds fewer and fewer occasions as a process grows old.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..internal import internal
from .contract import Detector
from .pace import Pace
from .progress import SHARE, Progress
from .sample import Growth, MeterName, Sample
from .scales import BLOCKS, Origin, Scale, ScaleStack

_SHARE = 0.01  # of the base: less is no leak
_FLOOR = {"base": 1 << 20, "rss": 1 << 22}  # bytes; RSS also grows by what the C allocator and the kernel keep
_SUSPECT = 0.25  # of both: a slow leak must be suspected long before it weighs enough
_AGE_SHARE = 0.10  # of the process's age
_EXPIRES = 4  # windows
_URGENT = 1.0  # of the base: growth that leaves no time to wait
_FAST = 0.02  # of the base, since the suspected growth began: reported on evidence before the window that confirms it
_SOON = 0.25  # windows since it was suspected
_HALF = 0.5
_REALERT = 4  # windows
_LONGER = 1.5  # times the dismissed growth's seconds, which are never quite a window: the next window is twice as long
_FASTER = 4  # times the rate that was reported last: a different leak
_IMPORTS = 1.02  # more modules than this share of those at the window's start: still starting up
_GONE = 0.75  # of the published growth: when so much is gone, so is the leak
_GONE_FOR = 8  # samples: what a program gives back as it ends is no recovery
_STILL = 3  # times the shortest window: what stands still for less may be at rest
_WARM = 4  # times a known warm-up: growth that lasts so long is none
_LOADS = 4  # times a window: who imports for longer does nothing else


@internal
class _Forecast(NamedTuple):
    """After a published leak: at the age `due` (seconds), `scale` should stand well above `value`."""

    due: float
    scale: Scale
    value: float
    growth: float
    time: float
    clock: float


@internal
class _Reported(NamedTuple):
    """What was reported last: the window (seconds) and rate of that growth, and what comes of it.

    New growth lasts `asked` seconds and begins after `ended`, when that which has recovered stopped (monotonic clock).
    """

    asked: float = 0.0
    window: float = 0.0
    rate: float = 0.0
    forecast: _Forecast | None = None
    ended: float = float("-inf")


@internal
class SteadyGrowth(Detector):
    """Suspects, confirms and takes back leaks in one meter; all windows and ages are seconds.

    A suspicion that no window renews lapses after four times the window that would have confirmed it. After a leak only
    a window four times as long is reported, or growth four times as fast; after a candidate that the judge dismissed,
    in this meter or another, a window twice as long; until the growth has stopped for four windows.

    Where the pace holds leaks back for a day, what would be one is reported as "early" meanwhile, window after window;
    so is growth that goes on after its suspicion and is large by then.
    """

    name = "ratchet"

    def __init__(self, meter: MeterName, pace: Pace) -> None:
        self.meter = meter
        self._floor = _FLOOR[meter]
        self._pace = pace
        self._scales = ScaleStack(pace.sample, pace.group)
        self._low = 0
        self._modules = 0
        self._born: float | None = None
        self._edge = 0.0
        self._origin: Origin | None = None
        self._confirm = 0.0
        self._known_confirm = 0.0
        self._suspected = (0.0, 0.0, 0.0)  # age, window and reading before it
        self._lapses = 0.0
        self._reported = _Reported()
        self._before: _Reported | None = None
        self._below = 0
        self._progress: Progress | None = None
        self._was_reported = False

    def update(self, sample: Sample) -> Growth | None:
        """Take in a reading; growth that became suspect or a leak, or that stopped after it was published as one."""
        value = sample.reading(self.meter)
        if value <= 0:
            return None
        if self._is_loading(sample):
            self._scales, self._origin, self._low = ScaleStack(self._pace.sample, self._pace.group), None, 0
        origin = self._origin or self._start(sample)
        if not self._low or value < self._low:
            self._low = value
        if sample.clock < self._edge:
            return None
        return self._close(sample, origin)

    def hasten(self, sample: Sample) -> Growth | None:
        """Growth since before the suspicion, which the look just taken may prove where noise lets no window rise.

        Only at a pace that reports early.
        """
        scale = self._scales.whole
        if not self._confirm or scale is None or not self._keeps_up(scale) or self._is_importing(scale, sample):
            return None
        return self._leak(scale, sample, "early") if self._is_fast(scale) and self._is_new(scale) else None

    def withdraw(self) -> None:
        """The leak that this sample brought is not published: all is as it was before."""
        if self._before is not None:
            self._reported, self._before = self._before, None

    def dismiss(self, growth: Growth) -> None:
        """*growth*, in whatever meter, is none: forget the suspicion, and ask again only on a window twice as long.

        A leak that was published before is still followed to its end.
        """
        if growth.detector != self.name:
            return
        self.withdraw()
        reported, window = self._reported, growth.seconds
        self._known_confirm = max(reported.asked, _LONGER * window)
        self._confirm = 0.0
        rate = growth.growth / window
        self._reported = reported._replace(asked=self._known_confirm, window=max(reported.window, window), rate=rate)
        self._renew()

    def settle(self, seconds: float) -> None:
        """Earlier processes of this kind had warmed up at the age of *seconds*: twice that is long enough to wait."""
        pace = self._pace
        hold, slow = max(2 * seconds, pace.confirm), max(_WARM * seconds, pace.confirm)
        self._pace = pace._replace(hold=min(pace.hold, hold), slow_confirm=min(pace.slow_confirm, slow))

    @property
    def _age(self) -> float:
        return self._scales.age * self._pace.sample

    def _start(self, sample: Sample) -> Origin:
        """A reading stands for the tick before it, so the first sample begins one tick earlier."""
        tick = self._pace.tick
        self._born = sample.clock if self._born is None else self._born
        self._edge = sample.clock + self._pace.sample - 1.5 * tick
        self._origin = Origin(sample.time - tick, sample.clock - tick, sample.modules)
        self._modules = sample.modules
        return self._origin

    def _is_loading(self, sample: Sample) -> bool:
        """Whether the program is still importing what it runs on; its life begins after that.

        Who imports for longer may be what leaks: a module of its own for each plugin, template or request.
        """
        if self._born is None or sample.clock - self._born >= _LOADS * self._pace.min_window:
            return False
        return self._age < self._pace.min_window and sample.modules > _IMPORTS * self._modules > 0

    def _close(self, sample: Sample, origin: Origin) -> Growth | None:
        """End the current sample; half a tick of slack keeps late readings from emptying the next one."""
        pace, scales = self._pace, self._scales
        low, self._low = self._low, 0
        self._origin = Origin(sample.time, sample.clock, sample.modules)
        self._edge += pace.sample
        if self._edge <= sample.clock:
            self._edge = sample.clock + pace.sample - 0.5 * pace.tick
        closed = scales.push(low, origin)
        age = scales.age * pace.sample
        if age > self._lapses:
            self._confirm = self._known_confirm = 0.0
            if self._reported.asked:
                self._reported = self._reported._replace(asked=0.0)
            if self._reported.forecast is None and not self._was_reported:
                self._progress = None
        self._follow(low)
        recovered = self._recovered(low, sample)
        if recovered is not None:
            return recovered
        window = max(pace.min_window, min(_AGE_SHARE * age, pace.suspect_cap, scales.longest))
        rising = scales.rising(closed, window, _SUSPECT * _SHARE, _SUSPECT * self._floor)
        return self._weigh(rising, sample) if rising else self._begin_early(closed, sample)

    def _begin_early(self, closed: int, sample: Sample) -> Growth | None:
        """Suspect what grows in a straight line under noise, while the process is too young for anything to be
        confirmed: only evidence can tell by then, and it takes its time. The line covers half of the life."""
        pace, age = self._pace, self._age
        if not pace.early or self._confirm or age > pace.confirm:
            return None
        window = max(pace.min_window, _HALF * age)
        straight = self._scales.straight(closed, window, _SUSPECT * _SHARE, _SUSPECT * self._floor)
        new = next((scale for scale in straight if self._is_new(scale)), None)
        return self._suspect(new, sample) if new is not None else None

    def _weigh(self, rising: list[Scale], sample: Sample) -> Growth | None:
        """What the scales that rise now, shortest first, come to."""
        self._renew()
        rising = [scale for scale in rising if self._is_new(scale)]
        if not rising:
            return None
        if not self._confirm:
            return self._suspect(rising[0], sample)
        scale = rising[-1]
        if self._is_importing(scale, sample):
            return None
        if scale.window >= self._confirm and self._is_material(scale):
            return self._leak(scale, sample, "leak" if self._is_settled(scale) else "early")
        return self._leak(scale, sample, "early") if self._is_fast(scale) else None

    def _is_new(self, scale: Scale) -> bool:
        """Whether the growth is more than what was reported or dismissed before: longer, or of another speed."""
        reported = self._reported
        if scale.origin.clock < reported.ended:
            return False
        return scale.window >= reported.asked or scale.growth >= _FASTER * reported.rate * scale.window

    def _renew(self) -> None:
        self._lapses = self._age + _EXPIRES * max(self._confirm, self._reported.window)

    def _suspect(self, scale: Scale, sample: Sample) -> Growth:
        asked = self._known_confirm or self._pace.confirm_window(scale.window)
        self._confirm = min(asked, self._scales.longest)
        self._reported = self._reported._replace(window=scale.window, rate=scale.growth / scale.window)
        self._suspected = self._age, scale.window, scale.values[0]
        self._measure(scale)
        self._renew()
        return self._growth("suspect", scale, sample)

    def _is_material(self, scale: Scale) -> bool:
        return scale.growth >= max(self._floor, _SHARE * scale.values[0])

    def _is_fast(self, scale: Scale) -> bool:
        """Whether it has grown so much since before the suspicion that evidence may tell it without the usual wait."""
        suspected, window, before = self._suspected
        if not self._pace.early or self._age - suspected < max(self._pace.early, _SOON * window):
            return False
        grew = scale.line.slope * BLOCKS / scale.window * (self._age - suspected + window)
        return grew >= max(self._floor, _FAST * before)

    def _keeps_up(self, scale: Scale) -> bool:
        """Whether it shows at least half of the rate since before the suspicion: later growth is measured by that."""
        suspected, window, before = self._suspected
        rate = (scale.values[-1] - before) / (self._age - suspected + window)
        return scale.growth >= max(1.0, _HALF * rate * scale.window)

    def _is_settled(self, scale: Scale) -> bool:
        """Whether the process was past its start-up, by its age or the size of the growth."""
        if scale.growth >= _URGENT * scale.values[0]:
            return True
        return scale.window >= min(self._pace.slow_confirm, self._scales.longest) and self._age >= self._pace.hold

    def _is_importing(self, scale: Scale, sample: Sample) -> bool:
        """Whether new modules may explain the growth; they come to an end, or are what leaks."""
        return sample.modules > _IMPORTS * scale.origin.modules and scale.window < _LOADS * self._pace.confirm

    def _leak(self, scale: Scale, sample: Sample, level: Literal["leak", "early"]) -> Growth:
        window, forecast = scale.window, self._foresee(scale, scale.growth, sample)
        self._before = self._reported
        self._reported = self._reported._replace(
            asked=_REALERT * window, window=window, rate=scale.growth / window, forecast=forecast
        )
        self._measure(scale)
        self._renew()
        return self._growth(level, scale, sample)

    def _measure(self, scale: Scale) -> None:
        """From now on the growth is to keep up with the rate that it has on *scale*."""
        rate = scale.growth / scale.window
        if self._progress is None:
            self._progress = Progress(self._age, scale.values[-1], rate)
        self._progress.rate = rate

    def _foresee(self, scale: Scale, growth: float, sample: Sample) -> _Forecast:
        return _Forecast(self._age + scale.window, scale, scale.values[-1], growth, sample.time, sample.clock)

    def _follow(self, low: float) -> None:
        """See how suspected or reported growth goes on: how long it may stand still is not forgotten."""
        if self._progress is not None:
            fall = SHARE * self._progress.rate * self._reported.window
            self._progress.add(self._age, low, fall)

    def _recovered(self, low: float, sample: Sample) -> Growth | None:
        """Since the leak was published: are three quarters of it gone, or has its growth stopped?"""
        forecast = self._reported.forecast
        if forecast is None:
            return None
        growth = forecast.scale.values[-1] - forecast.value
        self._below = self._below + 1 if low <= forecast.value - _GONE * forecast.growth else 0
        gone = self._below >= _GONE_FOR
        if not gone and not self._has_stopped(growth, forecast, sample):
            return None
        ended = sample.clock - (self._progress.still(self._age) if self._progress else 0.0)
        self._reported = self._reported._replace(asked=self._reported.window, forecast=None, ended=ended)
        self._confirm, self._below, self._was_reported = 0.0, 0, True
        return Growth(
            level="recovered",
            detector=self.name,
            meter=self.meter,
            start=forecast.time,
            end=sample.time,
            seconds=sample.clock - forecast.clock,
            before=round(forecast.value),
            growth=round(low - forecast.value if gone else growth),
            count=BLOCKS,
            unit="windows",
        )

    def _has_stopped(self, growth: float, forecast: _Forecast, sample: Sample) -> bool:
        """Whether it stands still for longer than ever, or has grown by less than a quarter of itself in a window."""
        least = _STILL * self._pace.min_window
        if self._progress is not None and self._progress.has_stopped(self._age, self._reported.window, least):
            return True
        if self._age < forecast.due:
            return False
        if growth < SHARE * forecast.growth:
            return True
        again = self._foresee(forecast.scale, forecast.growth, sample)
        self._reported = self._reported._replace(forecast=again)
        return False

    def _growth(self, verdict: Literal["suspect", "early", "leak"], scale: Scale, sample: Sample) -> Growth:
        """The growth over the whole window: the first and the last block are 7 eighths of it apart."""
        first = scale.origin
        return Growth(
            level=verdict,
            detector=self.name,
            meter=self.meter,
            start=first.time,
            end=sample.time,
            seconds=sample.clock - first.clock,
            before=round(scale.values[0]),
            growth=round(scale.growth * BLOCKS / (BLOCKS - 1)),
            count=BLOCKS,
            unit="windows",
        )
