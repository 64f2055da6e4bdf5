"""The shipped detectors over recorded meters of real programs, each leaking, fixed or healthy.

    python benchmarks/series.py DIR [--tick SECONDS] [--pace job]

DIR holds ``<program>.<leaky|fixed|healthy>.csv`` with the columns t, blocks, native, rss, full, modules, a row a tick.
Exit status 1 when a leak is missed or a healthy or fixed program alarmed. A recording cannot show what the judge's
forced collection would: garbage that waits for a collection looks like a leak here until it comes.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from memwatch.watch.detectors import make_detectors
from memwatch.watch.pace import Pace, choose_pace
from memwatch.watch.sample import Growth, Sample

BYTES_PER_BLOCK = 96


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the detectors said of one recording; times are seconds since it began."""

    program: str
    kind: str
    seconds: float
    said: tuple[Growth, ...]

    def first(self, level: str) -> Growth | None:
        """The first word of that level."""
        return next((growth for growth in self.said if growth.level == level), None)

    @property
    def is_right(self) -> bool:
        """Leaks must be found, nothing else may alarm."""
        return (self.first("leak") is not None) == (self.kind == "leaky")


def read_samples(path: Path) -> Iterator[Sample]:
    """The rows of a recording as samples; times count from its beginning."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            seconds, blocks, native = float(row["t"]), int(row["blocks"]), int(row["native"])
            yield Sample(
                time=seconds,
                clock=seconds,
                trigger="tick",
                base=native + BYTES_PER_BLOCK * blocks,
                rss=int(row["rss"]),
                blocks=blocks,
                small=BYTES_PER_BLOCK * blocks,
                native=native,
                modules=int(row["modules"]),
                full=int(row["full"]),
                young=0,
                gc_seconds=0.0,
                meters=("blocks", "native"),
            )


def judge_recording(path: Path, pace: Pace) -> Outcome:
    """Everything that the detectors of that pace say of one recording."""
    program, kind = path.name.removesuffix(".csv").rsplit(".", 1)
    detectors = make_detectors(pace)
    said, seconds = [], 0.0
    for sample in read_samples(path):
        seconds = sample.time
        said += [growth for detector in detectors if (growth := detector.update(sample)) is not None]
    return Outcome(program, kind, seconds, tuple(said))


def _cell(growth: Growth | None) -> str:
    return f"{growth.end:.0f} s {growth.meter}" if growth else ""


def print_table(outcomes: list[Outcome]) -> None:
    """One markdown row per recording, wrong ones marked, and the totals."""
    print("| program | kind | suspect | leak | growth | recovered | |")
    print("|---|---|---|---|---|---|---|")
    for outcome in outcomes:
        leak = outcome.first("leak")
        grown = f"{leak.growth / 2**20:.1f} MiB" if leak else ""
        cells = (_cell(outcome.first("suspect")), _cell(leak), grown, _cell(outcome.first("recovered")))
        mark = "" if outcome.is_right else "**wrong**"
        print(f"| {outcome.program} | {outcome.kind} | {' | '.join(cells)} | {mark} |")
    print()
    for kind in ("leaky", "fixed", "healthy"):
        of_kind = [outcome for outcome in outcomes if outcome.kind == kind]
        counts = [sum(outcome.first(level) is not None for outcome in of_kind) for level in ("suspect", "leak")]
        print(f"{kind}: {len(of_kind)} recordings, {counts[0]} suspected, {counts[1]} called a leak")


def main() -> int:
    """Run over a folder; 1 when any recording was judged wrongly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--pace", default="job")
    parser.add_argument("--tick", type=float)
    options = parser.parse_args()
    pace = choose_pace(options.pace, options.tick)
    paths = sorted(options.folder.glob("*.csv"))
    if not paths:
        parser.error(f"no recordings in {options.folder}")
    outcomes = [judge_recording(path, pace) for path in paths]
    print_table(outcomes)
    return 0 if all(outcome.is_right for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
