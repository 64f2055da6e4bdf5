"""Leaks over many short lives, and regressions after a deploy: how often they are told, and how often falsely.

    python benchmarks/lives.py [--roles 200] [--seed 2026]

Simulated at true scale, without waiting: lives of about ten minutes for a week, read every ten seconds. Healthy lives
are noise, warm-ups that take up to a life, caches that take up to three to fill, sawteeth of up to three lives and
daily cycles. Printed is what the trend alone says, before the heap is asked: a candidate is told only where it has a
single holder without a bound, which nothing empties. A cache that fills for longer than a life, or a sawtooth that
falls after its end, is a leak to any trend.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np

from memwatch.recording.evidence import LIVES, USUAL_LIVES, Shape, leaky, shape_of, usual
from memwatch.watch import Sample
from memwatch.watch.lives import AcrossLives

MIB = 1 << 20
TICK = 10.0
WEEK = 7 * 86400.0
OF_THE_HEAP = ("cache fills", "sawtooth")  # bounded, or emptied: the heap shows it
Random = np.random.Generator
Growth = Callable[[np.ndarray, float], np.ndarray]  # (ages, start of the life) -> MiB above the base


def noise(random: Random, count: int, base: float) -> np.ndarray:
    """Half autoregressive, half of one side, together 0.2 to 2 % of the base, as in the simulation of the ratchet."""
    size = base * random.uniform(0.002, 0.02)
    phi, steps = random.uniform(0, 0.8), random.normal(size=count)
    slow = np.empty(count)
    last = 0.0
    for index in range(count):
        last = slow[index] = phi * last + steps[index] * np.sqrt(1 - phi * phi)
    return size * (0.5 * slow + 0.5 * random.gamma(1.0, 1.0, count))


def healthy(random: Random, kind: str, base: float, life: float) -> Growth:
    """The growth of a healthy role; times of warm-up and filling are drawn in units of a life."""
    longest = 3.0 if kind in OF_THE_HEAP else 1.0
    amount, tau = base * random.uniform(0.2, 2.0), life * np.exp(random.uniform(np.log(0.03), np.log(longest)))
    if kind == "warm-up":
        return lambda age, start: amount * (1 - np.exp(-age / tau))
    if kind == "logarithmic":
        return lambda age, start: amount * np.log1p(age / tau) / np.log1p(life / tau)
    if kind == "cache fills":
        return lambda age, start: amount * np.minimum(1.0, age / tau)
    if kind == "sawtooth":
        return lambda age, start: 0.3 * amount * ((age / tau) % 1.0)
    if kind == "daily":
        swing = base * random.uniform(0.05, 0.5)
        return lambda age, start: swing * (1 + np.sin(2 * np.pi * (start + age) / 86400))
    return lambda age, start: 0.0 * age


def lives_of(random: Random, growth: Growth, base: float, life: float, jitter: float) -> Iterator[np.ndarray]:
    """One life after the other for a week: their readings in bytes."""
    start = 0.0
    while start < WEEK:
        seconds = life * random.uniform(1 - jitter, 1 + jitter)
        age = np.arange(0.0, seconds, TICK)
        yield (MIB * (base + growth(age, start) + noise(random, len(age), base))).astype(int)
        start += seconds


def shape(readings: np.ndarray) -> Shape:
    return shape_of(list(zip((TICK * np.arange(len(readings))).tolist(), readings.tolist(), strict=True)))


def tells(detector: AcrossLives, readings: np.ndarray) -> float | None:
    """The age, in seconds, at which the detector brings a candidate."""
    for index, base in enumerate(readings.tolist()):
        clock = TICK * index
        sample = Sample(clock, clock, "tick", base, base, 1, 1, 1, 1, 0, 0, 0.0, ())
        growth = detector.update(sample)
        if growth is not None and growth.level == "early":
            return clock
    return None


def told_in_life(random: Random, growth: Growth, life: float, jitter: float, most: int = 10**9) -> tuple[int, int]:
    """How many lives brought a candidate, and the number of the first that did (0: none), until *most* lives."""
    base = random.uniform(40, 600)
    before: list[Shape] = []
    told = first = 0
    for number, readings in enumerate(lives_of(random, growth, base, life, jitter), 1):
        if number > most:
            break
        detector = AcrossLives()
        detector.leaky = leaky(before)
        if detector.leaky is not None and tells(detector, readings) is not None:
            told, first = told + 1, first or number
        before = [shape(readings), *before][:LIVES]
    return told, first


def report_healthy(random: Random, roles: int, life: float) -> None:
    kinds = ("stationary", "warm-up", "logarithmic", "cache fills", "sawtooth", "daily")
    print(
        f"healthy roles, lives of {life / 60:g} minutes for a week: candidates of the trend per 1000 h [roles with one]"
    )
    total, hours = dict.fromkeys((False, True), 0.0), 0.0
    for kind in kinds:
        counts = []
        for _ in range(max(1, roles // len(kinds))):
            growth = healthy(random, kind, random.uniform(40, 600), life)
            counts.append(told_in_life(random, growth, life, 0.1)[0])
        spent = len(counts) * WEEK / 3600
        total[kind in OF_THE_HEAP], hours = total[kind in OF_THE_HEAP] + sum(counts), hours + spent
        print(f"  {kind:12} {1000 * sum(counts) / spent:8.2f} [{sum(map(bool, counts))} of {len(counts)}]")
    everything, unseen = (1000 * it / hours for it in (sum(total.values()), total[False]))
    print(f"  all {everything:.2f}, without those that the heap tells {unseen:.2f}")


def report_leaks(random: Random, roles: int, life: float) -> None:
    print(f"leaks, lives of {life / 60:g} minutes: told within 5, 10, 20, 50 lives")
    for rate in (100.0, 30.0, 10.0):  # KiB/s
        firsts = []
        for _ in range(max(1, roles // 4)):
            warm = healthy(random, "warm-up", 60.0, life / 10)
            firsts.append(
                told_in_life(random, lambda age, start, s=warm, r=rate: s(age, start) + r * age / 1024, life, 0.1, 50)[
                    1
                ]
            )
        shares = [sum(0 < it <= most for it in firsts) / len(firsts) for most in (5, 10, 20, 50)]
        print(f"  {rate:5.0f} KiB/s  " + "  ".join(f"{share:4.0%}" for share in shares))


def report_regressions(random: Random, roles: int) -> None:
    """A service of 400 MiB that is deployed every day, watched for a month, and then leaks 5 MiB/h."""
    print("regressions of 5 MiB/h after a deploy, service of 400 MiB, 30 lives before: told within 60 minutes [median]")
    for minutes in (3.0, 20.0):
        for share in (0.001, 0.002, 0.005):
            found = [regression(random, minutes, share) for _ in range(max(1, roles // 4))]
            within = [it for it, _ in found if it is not None and it <= 3600]
            middle = f"{np.median(within) / 60:.0f} min" if within else "-"
            wrong = sum(falsely for _, falsely in found)
            print(
                f"  warm-up of up to {minutes:2.0f} min, noise {share:.1%} of the base: {len(within)} of {len(found)} "
                f"[{middle}]; healthy ones told within a day: {wrong} of {len(found)}"
            )


def regression(random: Random, minutes: float, share: float) -> tuple[float | None, bool]:
    """When a leak after a deploy is told, and whether a healthy one is. Warm-ups differ by 5 and 10 %."""
    amount, tau = random.uniform(40, 200), random.uniform(60, 60 * minutes)

    def life(hours: float, rate: float) -> np.ndarray:
        age = np.arange(0.0, 3600 * hours, TICK)
        warm = amount * random.uniform(0.95, 1.05) * (1 - np.exp(-age / tau / random.uniform(0.9, 1.1)))
        jitter = 400 * share * (0.5 * random.normal(size=len(age)) + 0.5 * random.gamma(1.0, 1.0, len(age)))
        return (MIB * (400 + warm + jitter + rate * age / 3600)).astype(int)

    detectors = AcrossLives(), AcrossLives()
    for detector in detectors:
        detector.usual = usual([shape(life(8, 0.0)) for _ in range(USUAL_LIVES)])
    return tells(detectors[0], life(2, 5.0)), tells(detectors[1], life(24, 0.0)) is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--roles", type=int, default=200)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--life", type=float, default=600.0, help="seconds")
    args = parser.parse_args()
    random = np.random.default_rng(args.seed)
    report_leaks(random, args.roles, args.life)
    report_regressions(random, args.roles)
    report_healthy(random, args.roles, args.life)


if __name__ == "__main__":
    main()
