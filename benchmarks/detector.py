"""How often the shipped detectors cry wolf on made-up heaps, and how soon they find a leak, in wall-clock hours.

    python benchmarks/detector.py [--quick] [--seed N] [--jobs N] [--pace service|job] [--visible SHARE] [--memos SHARE]
        [--hours H]

Prints markdown tables. The heaps are those of `simulation`, read once a sample, without RSS. Service pace: seven days
each; job pace: four hours each. Healthy heaps are watched twice: with a judge that looks at nothing, and with one that
knows what the shipped judge would find. It knows that a cache which fills has a bound (of the share *visible* of them),
and which growth came with imports (in every second heap that warms up; the others grow by many types); that growth has
stopped since it was suspected, or comes ever more slowly; that what follows a day or a sawtooth is emptied by code, so
that it is never told early; that steps and jumps do not grow at every look. A leak is told early if it grew evenly at
every look, of five at least, and is 0.8 of the growth since it was suspected, or since an early look found that it was
not, two looks in a row. So is what no look can tell from a leak: a cache whose bound cannot be read, and in the share
*memos* of the heaps that warm up one dict without a bound. No code empties the leaks made here.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from model_judge import Model, Reading
from simulation import DAY, FAST, HEALTHY, LEAKY, OLD, Scenario, make_heap

from memwatch.watch import Ledger
from memwatch.watch.detectors import make_detectors
from memwatch.watch.observer import Observer
from memwatch.watch.pace import choose_pace
from memwatch.watch.sample import Sample

LENGTH = {"service": 7 * DAY, "job": 240.0}


@dataclass(frozen=True, slots=True)
class Task:
    """One heap to make and watch; the seed and the number make it the same on every machine."""

    scenario: Scenario
    group: int
    number: int
    seed: int
    pace: str
    length: float
    judged: bool
    visible: bool
    memo: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was said of one heap: (event, minutes since the start)."""

    task: Task
    said: tuple[tuple[str, float], ...]

    def at(self, event: str) -> list[float]:
        """When that was said, minutes."""
        return [when for said, when in self.said if said == event]

    @property
    def onset(self) -> float:
        """When the leak began, minutes."""
        return self.task.scenario.onset or 0.0

    def delay(self, level: str) -> float | None:
        """How long after the onset that level was first said, minutes."""
        return min((when - self.onset for when in self.at(level) if when > self.onset), default=None)


def watch(task: Task) -> Outcome:
    """Run the shipped detectors over one heap."""
    pace = choose_pace(task.pace)
    pace = choose_pace(task.pace, tick=pace.sample)
    rng = np.random.default_rng([task.seed, task.group, task.number])
    made = make_heap(task.scenario, rng, task.length, pace.sample / 60, imports=task.number % 2 == 0)
    if not task.visible:
        made = replace(made, filled=np.zeros_like(made.filled), leaked=made.leaked + made.filled)
    if task.memo:
        made = replace(made, leaked=made.leaked + made.part)
    reading, said = Reading(), []
    judge = Model(made if task.judged else None, reading, pace.sample)
    read = lambda: reading  # noqa: E731
    parts = make_detectors(pace), judge, Ledger(), read, lambda: False, pace.hold + pace.slow_confirm, pace.looks
    observer = Observer(*parts)  # type: ignore[arg-type]
    largest = max(1.0, float(made.loaded[-1]))
    modules = (300 * (1 + made.loaded / largest)).astype(np.int64).tolist()
    for number, base in enumerate(made.base.tolist()):
        reading.number, reading.base, reading.modules = number, base, modules[number]
        reading.time = reading.clock = reading.clock + pace.sample
        said += [(event, reading.clock / 60) for event, _ in observer.observe(reading, False)]  # type: ignore[arg-type]
    return Outcome(task, tuple(said))


def moved(scenario: Scenario, number: int) -> Scenario:
    """The late leaks begin a little later in each heap, at any point of the detector's windows."""
    return (
        replace(scenario, onset=(scenario.onset or 0.0) + 17.0 * number)
        if scenario.onset and scenario.hourly
        else scenario
    )


def run(
    scenarios: Iterable[Scenario], each: int, options: argparse.Namespace, length: float, judged: bool = True
) -> list[list[Outcome]]:
    """The outcomes, by scenario."""
    seen, memos = options.visible * each, options.memos * each
    tasks = [
        Task(
            moved(scenario, number),
            group,
            number,
            options.seed,
            options.pace,
            length,
            judged,
            number < seen,
            scenario.kind == "warm-up" and number % 2 == 1 and number < 2 * memos,
        )
        for group, scenario in enumerate(scenarios)
        for number in range(each)
    ]
    with ProcessPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(watch, tasks, chunksize=2))
    return [outcomes[start : start + each] for start in range(0, len(outcomes), each)]


def per_1000_hours(counts: list[int], hours: float, rng: np.random.Generator) -> str:
    """Alarms per 1000 h with a 95 % interval: bootstrap over programs, 3 / hours where there was none."""
    total = len(counts) * hours / 1000
    if not any(counts):
        return f"0 (< {3 / total:.2f})"
    draws = rng.choice(counts, (2000, len(counts))).sum(axis=1) / total
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{sum(counts) / total:.2f} ({low:.2f} to {high:.2f})"


def share(hits: int, of: int) -> str:
    """A share in per cent with its 95 % interval (Wilson)."""
    p, z = hits / of, 1.96
    middle, half = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    low, high = (100 * (middle + sign * half) / (1 + z * z / of) for sign in (-1, 1))
    return f"{100 * p:.0f} % ({low:.0f} to {high:.0f})"


def print_healthy(groups: list[list[Outcome]], hours: float) -> None:
    """False alarms by kind and over the mix."""
    rng = np.random.default_rng(0)
    print("| heap | suspicions per 1000 h | false LEAKs per 1000 h | programs alarmed | after day 1 | withdrawn |")
    print("|---|---|---|---|---|---|")
    everything = [outcome for group in groups for outcome in group]
    for name, group in [*((group[0].task.scenario.name, group) for group in groups), ("**all**", everything)]:
        leaks = [outcome.at("leak") for outcome in group]
        suspects = sum(len(outcome.at("suspect")) for outcome in group) / (len(group) * hours) * 1000
        late = sum(when > DAY for times in leaks for when in times)
        recovered = sum(len(outcome.at("recovered")) for outcome in group)
        rate = per_1000_hours([len(times) for times in leaks], hours, rng)
        alarmed = share(sum(map(bool, leaks)), len(group))
        print(f"| {name} | {suspects:.2f} | {rate} | {alarmed} | {late} | {recovered} |")


def print_leaks(groups: list[list[Outcome]]) -> None:
    """How many leaks of each kind were found, and how soon."""
    print("| leak | found | suspected, median | LEAK, median | LEAK, slowest | before its onset | withdrawn |")
    print("|---|---|---|---|---|---|---|")
    for group in groups:
        firsts = {level: [d for o in group if (d := o.delay(level)) is not None] for level in ("suspect", "leak")}
        early = sum(t <= o.onset for o in group for t in o.at("leak"))
        withdrawn = sum(len(outcome.at("recovered")) for outcome in group)
        found = share(len(firsts["leak"]), len(group))
        cells = [hours_of(median, firsts["suspect"]), hours_of(median, firsts["leak"]), hours_of(max, firsts["leak"])]
        print(f"| {group[0].task.scenario.name} | {found} | {' | '.join(cells)} | {early} | {withdrawn} |")


def hours_of(pick, minutes: list[float]) -> str:  # type: ignore[no-untyped-def]
    """The picked time, in hours."""
    return f"{pick(minutes) / 60:.2f} h" if minutes else "never"


def cost(pace: str, samples: int) -> float:
    """Seconds that the detectors of a pace take for a reading that ends a sample, both meters and the seasonal one."""
    chosen = choose_pace(pace)
    step = chosen.sample
    detectors = make_detectors(choose_pace(pace, tick=step))
    readings = [
        Sample(
            k * step, k * step, "tick", 10**8 + k * 97 % 4096, 2 * 10**8 + k * 89 % 4096, 1, 96, 1, 300, 0, 0, 0.0, ()
        )
        for k in range(samples)
    ]
    began = time.perf_counter()
    for reading in readings:
        for detector in detectors:
            detector.update(reading)
    return (time.perf_counter() - began) / samples


def print_old(options: argparse.Namespace, each: int) -> None:
    """How leaks are found that begin late in a long life."""
    old = run(OLD, each, options, 30 * DAY + 900)
    print("\nAfter 30 days, 50 % of the base an hour, by what lies under it\n")
    print_leaks(old)
    early = [sum(t <= o.onset for t in o.at("leak")) for group in old for o in group]
    print(f"\nFalse LEAKs in those 30 days, per 1000 h: {per_1000_hours(early, 720, np.random.default_rng(0))}")


def main() -> int:
    """Print the tables of one pace."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the heaps")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--visible", type=float, default=1.0, help="the share of caches whose bound can be read")
    parser.add_argument(
        "--memos", type=float, default=0.0, help="the share of start-ups that fill one dict, up to half"
    )
    parser.add_argument("--hours", type=float, help="of each heap's life, without those of 30 days")
    parser.add_argument("--pace", choices=sorted(LENGTH), default="service")
    options = parser.parse_args()
    length, scale = 60 * options.hours if options.hours else LENGTH[options.pace], 10 if options.quick else 1
    print(f"{options.pace} pace, seed {options.seed}: {200 // scale} heaps of each kind, {length / 60:g} h each")
    print("(in brackets: 95 % intervals)")
    for judged in (False, True):
        print(f"\n{'With' if judged else 'Without'} what the judge knows\n")
        print_healthy(run(HEALTHY, 200 // scale, options, length, judged), length / 60)
    if options.pace == "service":
        print(f"\n{100 // scale} leaks of each kind, {length / 60:g} h each; rates in noise deviations a minute\n")
        print_leaks(run(LEAKY, 100 // scale, options, length)) if not options.hours else None
        print(f"\n{100 // scale} fast leaks of each kind from the start, 6 h each; rates in shares of the base\n")
        print_leaks(run(FAST, 100 // scale, options, 360.0))
        print_old(options, max(2, 20 // scale)) if not options.hours else None
    best = min(cost(options.pace, 20_000) for _ in range(7))
    print(f"\n{best * 1e6:.1f} microseconds a sample for all detectors of the pace (best of 7 rounds)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
