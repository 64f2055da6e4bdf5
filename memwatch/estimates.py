"""What live samples tell of an estimate: how sure it is, how old what is held is, and who allocated it.

A block of s bytes is a sample with probability p = 1 - exp(-s / interval), each for itself. The bytes of a call path
are estimated as the sum of s / p over its samples (Horvitz and Thompson, 1952). The variance of that sum is estimated
without bias from the samples themselves, as the sum of (1 - p) * (s / p) ** 2: for independent draws, which survey
statistics call Poisson sampling (Särndal, Swensson and Wretman, Model Assisted Survey Sampling, 1992, section 3.5).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, inf, sqrt
from typing import Any

AGES = (1.0, 10.0, 60.0, 600.0, 3600.0, 21600.0, 86400.0, inf)
"""Samples are counted by age up to each of these, in seconds."""

_Z = 1.959964
"""The normal distribution's 97.5 % point: an interval leaves out 2.5 % at either end."""


@dataclass(frozen=True, slots=True)
class Part:
    """The live samples of one call path that one thread and one asyncio task took, with the same labels.

    `allocations` is what they stand for, (size, how many), `variance` that of the bytes, `ages` how many samples there
    are by the bounds of `AGES`. A name that is not known is empty.
    """

    thread: str
    task: str
    allocations: tuple[tuple[int, int], ...]
    samples: int
    variance: float
    ages: tuple[int, ...]
    label: str = ""

    @property
    def size_bytes(self) -> int:
        """The estimated bytes."""
        return sum(size * count for size, count in self.allocations)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What all live samples below a call path say together: estimated bytes, their variance, samples, samples by the
    bounds of `AGES`; by thread, by task and by labels the estimated bytes, the most first.
    """

    size_bytes: int
    samples: int
    variance: float
    ages: tuple[int, ...]
    threads: tuple[tuple[str, int], ...]
    tasks: tuple[tuple[str, int], ...]
    labels: tuple[tuple[str, int], ...] = ()

    @property
    def interval(self) -> tuple[int, int]:
        """Between how many bytes the truth lies, with 95 % confidence; see `interval`."""
        return interval(self.size_bytes, self.samples, self.variance)


def interval(size_bytes: float, samples: int, variance: float) -> tuple[int, int]:
    """A 95 % confidence interval of bytes that were estimated from so many samples with that variance.

    How many samples there are is close to a Poisson number n, whose exact limits are scaled to the estimate's own
    deviation: estimate + sqrt(variance / n) * (limit(n) - n), after Dobson, Kuulasmaa, Eberle and Scherer, Confidence
    intervals for weighted sums of Poisson parameters (Statistics in Medicine 10, 1991). The limits of n are Byar's
    (Breslow and Day, Statistical Methods in Cancer Research II, 1987, section 2.3). With many samples this is the
    estimate -+ 1.96 deviations; with few it is wider upwards; where each block is a sample it has no width.
    """
    if samples <= 0:
        return max(0, floor(size_bytes)), ceil(size_bytes)
    scale = sqrt(variance / samples)
    low = samples * (1 - 1 / (9 * samples) - _Z / (3 * sqrt(samples))) ** 3
    above = samples + 1
    high = above * (1 - 1 / (9 * above) + _Z / (3 * sqrt(above))) ** 3
    return max(0, floor(size_bytes + scale * (low - samples))), ceil(size_bytes + scale * (high - samples))


def count_ages(ages: tuple[float, ...], samples: int) -> tuple[int, ...]:
    """How many of *samples* fall below each bound of `AGES`, and not below the one before it.

    *ages* are seconds, the youngest first: of each sample, or of some that are as evenly spread.
    """
    if not ages:
        return (0,) * len(AGES)
    below = [round(bisect_left(ages, bound) * samples / len(ages)) for bound in AGES]
    return tuple([here - before for here, before in zip(below, [0, *below], strict=False)])


def weigh(parts: Iterable[Part]) -> Estimate:
    """What *parts* say together."""
    return total(
        Estimate(
            part.size_bytes,
            part.samples,
            part.variance,
            part.ages,
            ((part.thread, part.size_bytes),),
            ((part.task, part.size_bytes),) if part.task else (),
            ((part.label, part.size_bytes),) if part.label else (),
        )
        for part in parts
    )


def total(every: Iterable[Estimate]) -> Estimate:
    """What *every* piece says together; samples of different call paths are independent, so variances add up."""
    found = list(every)
    if len(found) == 1:
        return found[0]
    return Estimate(
        sum(one.size_bytes for one in found),
        sum(one.samples for one in found),
        sum(one.variance for one in found),
        tuple([sum(column) for column in zip(*[one.ages for one in found], strict=True)]),
        _sum(one.threads for one in found),
        _sum(one.tasks for one in found),
        _sum(one.labels for one in found),
    )


def describe(estimate: Estimate | None) -> dict[str, Any]:
    """What a node's dict says of its samples, as JSON can hold it; `ages` are by the bounds of `AGES`."""
    if estimate is None:
        return dict.fromkeys(("samples", "interval", "ages", "threads", "tasks", "labels"))
    return {
        "samples": estimate.samples,
        "interval": list(estimate.interval),
        "ages": list(estimate.ages),
        "threads": dict(estimate.threads),
        "tasks": dict(estimate.tasks),
        "labels": dict(estimate.labels),
    }


def merge_parts(parts: Iterable[Part]) -> tuple[Part, ...]:
    """*parts* of one call path with one part for each thread, task and set of labels, in their order."""
    groups: dict[tuple[str, str, str], list[Part]] = {}
    for part in parts:
        groups.setdefault((part.thread, part.task, part.label), []).append(part)
    return tuple([_merge(found) for _, found in sorted(groups.items())])


def _merge(parts: list[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    sizes: Counter[int] = Counter()
    for part in parts:
        for size, count in part.allocations:
            sizes[size] += count
    together = weigh(parts)
    return Part(
        parts[0].thread,
        parts[0].task,
        tuple(sorted(sizes.items())),
        together.samples,
        together.variance,
        together.ages,
        parts[0].label,
    )


def _sum(shares: Iterable[tuple[tuple[str, int], ...]]) -> tuple[tuple[str, int], ...]:
    summed: Counter[str] = Counter()
    for some in shares:
        for name, size in some:
            summed[name] += size
    return tuple(sorted(summed.items(), key=lambda share: (-share[1], share[0])))


ALIKE = 2.0  # times


def is_alike(one: float, other: float) -> bool:
    """Whether two numbers are so near that what they count may belong together, one to one."""
    return one > 0 and other > 0 and 1 / ALIKE <= one / other <= ALIKE
