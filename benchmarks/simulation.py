"""Made-up heaps in wall-clock time: healthy ones of seven kinds, and leaks of known rate on top of them.

A heap is an array of bytes, one value per reading. Bases are 40 to 600 MB, noise is 0.2 to 2 per cent of the base: half
of the heaps have correlated noise (0 to 0.8 from minute to minute), the others work in flight, which only ever adds
(gamma). Time constants are minutes, whatever the distance of the readings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Series = NDArray[Any]
Rng = np.random.Generator

DAY = 1440.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of heap. `leak`: noise deviations a minute; `hourly`: share of the base an hour, with an `onset`
    (minutes) of that of the day before it."""

    name: str
    kind: str
    leak: float = 0.0
    hourly: float = 0.0
    onset: float | None = None


@dataclass(frozen=True, slots=True)
class Heap:
    """What the parts are made from: minutes of each reading, the base and the noise's deviation in bytes."""

    rng: Rng
    minutes: Series
    base: float
    noise: float

    def log_uniform(self, low: float, high: float) -> float:
        """A draw whose logarithm is uniform."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))


def correlated(rng: Rng, count: int, carry: float) -> Series:
    """Stationary noise of deviation 1 that keeps the share `carry` of itself from reading to reading."""
    white: Series = rng.standard_normal(count) * np.sqrt(1.0 - carry * carry)
    white[0] /= np.sqrt(1.0 - carry * carry)
    if carry < 1e-3:
        return white
    taps = min(count, int(np.ceil(np.log(1e-6) / np.log(carry))))
    size = 1 << (count + taps).bit_length()
    kernel = np.fft.rfft(carry ** np.arange(taps), size)
    smoothed: Series = np.fft.irfft(np.fft.rfft(white, size) * kernel, size)[:count]
    return smoothed


def _noise(heap: Heap) -> Series:
    step = float(heap.minutes[1] - heap.minutes[0])
    carry = heap.rng.uniform(0.0, 0.8)
    if heap.rng.random() < 0.5:
        return correlated(heap.rng, len(heap.minutes), carry**step) * heap.noise
    shape = 1.2
    in_flight: Series = heap.rng.gamma(shape, 1.0, len(heap.minutes)) / np.sqrt(shape)
    return in_flight * heap.noise


def _flat(heap: Heap) -> Series:
    return np.zeros_like(heap.minutes)


def _warm_up(heap: Heap, high: float = 2.0) -> Series:
    """Exponential, or logarithmic for a day."""
    amount, tau = heap.base * heap.rng.uniform(0.2, high), heap.log_uniform(5, 300)
    if heap.rng.random() < 0.5 or high < 2.0:
        return amount * (1 - np.exp(-heap.minutes / tau))
    return amount * 0.15 * np.log1p(np.minimum(heap.minutes, DAY) / tau)


def _cache_fill(heap: Heap) -> Series:
    """A bounded cache that begins to fill within the first 33 hours, in a line or slower as keys repeat."""
    amount = heap.base * heap.rng.uniform(0.1, 1.0)
    past = np.clip((heap.minutes - heap.rng.uniform(0, 2000)) / heap.log_uniform(30, 2000), 0, None)
    return amount * (np.minimum(past, 1.0) if heap.rng.random() < 0.5 else 1 - np.exp(-2.5 * past))


def _daily(heap: Heap) -> Series:
    phase = (heap.minutes / DAY + heap.rng.random()) % 1.0
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * phase) if heap.rng.random() < 0.5 else phase
    return heap.base * heap.rng.uniform(0.05, 0.5) * wave


def _sawtooth(heap: Heap) -> Series:
    amount = heap.base * heap.rng.uniform(0.03, 0.4)
    return amount * ((heap.minutes / heap.log_uniform(12, 400) + heap.rng.random()) % 1.0)


def _steps(heap: Heap) -> Series:
    """Configuration reloads and first requests: up by 0.5 to 10 per cent, ever more rarely."""
    total = _flat(heap)
    for _ in range(heap.rng.integers(3, 15)):
        total[heap.minutes >= heap.log_uniform(2, 7 * DAY)] += heap.base * heap.log_uniform(0.005, 0.10)
    return total


def _mean_reverting(heap: Heap) -> Series:
    carry = np.exp(-float(heap.minutes[1] - heap.minutes[0]) / heap.log_uniform(20, 500))
    return heap.base * heap.rng.uniform(0.01, 0.08) * correlated(heap.rng, len(heap.minutes), carry)


def _after_warm_up(heap: Heap) -> Series:
    return _warm_up(heap, high=1.0)


def _stepwise(heap: Heap) -> Series:
    """Jumps of 1 to 4 noise deviations at random, one an hour."""
    jumps = heap.rng.poisson(float(heap.minutes[1] - heap.minutes[0]) / 60.0, len(heap.minutes))
    return np.cumsum(jumps * heap.noise * heap.rng.uniform(1, 4, len(heap.minutes)))


def _in_daily(heap: Heap) -> Series:
    """A daily cycle, and 0.3 of its height leaked a day."""
    cycle = _daily(heap)
    return cycle + 0.3 * float(np.ptp(cycle)) / DAY * heap.minutes


SHAPES: dict[str, Callable[[Heap], Series]] = {
    "flat": _flat,
    "warm-up": _warm_up,
    "cache fill": _cache_fill,
    "daily": _daily,
    "sawtooth": _sawtooth,
    "steps": _steps,
    "mean-reverting": _mean_reverting,
    "after warm-up": _after_warm_up,
    "stepwise": _stepwise,
    "in daily": _in_daily,
}
HEALTHY = tuple(Scenario(kind, kind) for kind in list(SHAPES)[:7])
LEAKY = (
    *(Scenario(f"line {rate:g}", "flat", leak=rate, onset=0.0) for rate in (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)),
    *(Scenario(f"from day 4, {rate:g}", "flat", leak=rate, onset=3 * DAY) for rate in (0.1, 0.01)),
    Scenario("after warm-up, 0.1", "after warm-up", leak=0.1, onset=0.0),
    Scenario("jumps", "stepwise", onset=0.0),
    Scenario("in daily, 0.3", "in daily", onset=0.0),
)
FAST = tuple(
    Scenario(f"{100 * share:.0f} % an hour{kind and ', ' + kind}", kind or "flat", hourly=share)
    for share in (0.3, 0.1, 0.05)
    for kind in ("", "after warm-up")
)
OLD = tuple(Scenario(kind, kind, hourly=0.5, onset=30 * DAY) for kind in list(SHAPES)[:7])


@dataclass(frozen=True, slots=True)
class Made:
    """A heap in bytes, reading by reading, and what a judge could find in it: each part of it by what it is.

    `leaked` stays where it was put, `filled` is in caches with a bound, `loaded` came with imports, `part` is what the
    kind of heap adds.
    """

    base: Series
    leaked: Series
    filled: Series
    loaded: Series
    part: Series


def make_heap(scenario: Scenario, rng: Rng, length: float, step: float, imports: bool = False) -> Made:
    """The heap of a scenario: `length` minutes, one reading every `step` minutes; *imports* make it warm up."""
    minutes = np.arange(int(length / step)) * step
    low, high = np.log(40e6), np.log(600e6)
    base = float(np.exp(rng.uniform(low, high)))
    heap = Heap(rng, minutes, base, base * float(np.exp(rng.uniform(np.log(0.002), np.log(0.02)))))
    noise = _noise(heap)
    part = SHAPES[scenario.kind](heap)
    series = base + noise + part
    onset = scenario.onset or 0.0
    slope = scenario.leak * heap.noise
    if scenario.hourly:
        before = series[minutes < onset][-int(DAY / step) :] if onset else series[:1]
        slope += scenario.hourly * float(before.mean()) / 60.0
    leaked = slope * np.clip(minutes - onset, 0, None)
    nothing = np.zeros_like(minutes)
    return Made(
        (series + leaked).astype(np.int64),
        part if scenario.kind == "stepwise" else leaked,
        part if scenario.kind == "cache fill" else nothing,
        part if scenario.kind == "warm-up" and imports else nothing,
        part,
    )
