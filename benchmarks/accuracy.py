"""How right the sampler's estimates are: bias and deviation of each call site, beside what theory says.

    python benchmarks/accuracy.py [--runs N] [--interval BYTES]

Each site allocates twice its bytes in blocks of one size and frees a random half. Over the runs the mean error is
given in standard errors (3 are within what chance does), and the deviation as a share of the truth beside the
theoretical sqrt(size * (1 - p) / (p * bytes)) with p = 1 - exp(-size / interval), which is about sqrt(interval /
bytes) for small blocks and less for larger ones.

The deviation of so few runs is itself known to a tenth or so. All sites together, each by its theory, tell more:
their common ratio may be 1.05, and two of its own standard errors above that. A site counts there if some blocks of it
are missed in most runs; of large blocks a part of the deviation is how their counts are made whole. The exit status is
1 if one of the two does not hold.
"""

from __future__ import annotations

import argparse
import platform
import random
import statistics
import sys
from collections.abc import Callable
from datetime import date
from math import exp, expm1, sqrt
from pathlib import Path

from memwatch.backend.allocations.sampled import SampledHeap

MEBIBYTE = 2**20
SITES = (
    *((16, 1), (48, 4), (200, 4), (500, 4), (1000, 4), (10_000, 8)),
    *((30_000, 8), (60_000, 8), (130_000, 16), (300_000, 16), (650_000, 16)),
)
"""Bytes of a block, MiB that stay."""
MOST_ERRORS = 3.0
MOST_DEVIATION = 1.05


def make_site(size: int) -> Callable[[int], list[bytearray | float]]:
    """A function of its own that makes so many blocks of *size* bytes; those of 16 are floats, which have 24."""
    source = f"def site_{size}(count, n=0.5):\n"
    source += (
        "    return [n + i for i in range(count)]"
        if size == 16
        else f"    return [bytes({size - 33}) for i in range(count)]"
    )
    space: dict[str, Callable[[int], list[bytearray | float]]] = {}
    exec(source, space)
    return space[f"site_{size}"]


def held_by(sampling: SampledHeap) -> dict[str, int]:
    """Estimated bytes by site, without those of lists."""
    held: dict[str, int] = {}
    for live in sampling.read().stacks:
        for place in live.places:
            if place.function.startswith("site_"):
                name = place.function.partition(".")[0]
                size = block_size(int(name.removeprefix("site_")))
                held[name] = held.get(name, 0) + sum(bytes_ * count for bytes_, count in live.sizes if bytes_ == size)
                break
    return held


def block_size(size: int) -> int:
    return 24 if size == 16 else size


def run(interval: int, chance: random.Random) -> dict[str, float]:
    """Estimate by truth, of each site."""
    sampling, kept, truth = SampledHeap(), [], {}
    sampling.start(interval, 16)
    for size, mebibytes in SITES:
        count = max(1, mebibytes * MEBIBYTE // block_size(size))
        blocks = make_site(size)(2 * count)
        chance.shuffle(blocks)
        del blocks[count:]
        kept.append(blocks)
        truth[f"site_{size}"] = count * block_size(size)
    held = held_by(sampling)
    sampling.stop()
    return {name: held.get(name, 0) / size for name, size in truth.items()}


def theory(size: int, mebibytes: int, interval: int) -> float:
    size = block_size(size)
    p = -expm1(-size / interval)
    return sqrt(size * (1 - p) / (p * mebibytes * MEBIBYTE))


def misses(size: int, mebibytes: int, interval: int) -> float:
    """How many blocks that stay are not sampled, on average."""
    size = block_size(size)
    return mebibytes * MEBIBYTE / size * exp(-size / interval)


def table(runs: list[dict[str, float]], interval: int) -> tuple[float, float, float]:
    """Print a row for each site; the worst error in standard errors, the common ratio and its standard error."""
    worst, squares = 0.0, []
    for size, mebibytes in SITES:
        found = [one[f"site_{size}"] for one in runs]
        error, deviation = statistics.mean(found) - 1, statistics.stdev(found)
        expected = theory(size, mebibytes, interval)
        errors = error / (expected / sqrt(len(runs)))
        shares = f"{error:+.1%} | {errors:+.1f} | {deviation:.1%} | {expected:.1%} | {deviation / expected:.2f}"
        print(f"| {block_size(size):,} B | {mebibytes} MiB | {shares} |")
        missed = misses(size, mebibytes, interval)
        worst = max(worst, abs(errors) if missed * len(runs) >= 10 else 0.0)  # of fewer it is not normally distributed
        if missed >= 1:
            squares.append((deviation / expected) ** 2)
    ratio = sqrt(statistics.mean(squares))
    return worst, ratio, ratio / sqrt(2 * len(squares) * (len(runs) - 1))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--interval", type=int, default=65536, help="bytes")
    given = parser.parse_args()
    command = " ".join(["python", f"benchmarks/{Path(__file__).name}", *sys.argv[1:]])
    print(f"`{command}`, {date.today()}, CPython {platform.python_version()}, {platform.machine()}\n")
    chance = random.Random(2026)
    runs = [run(given.interval, chance) for _ in range(given.runs)]
    print(
        "| block | held | mean error | in standard errors | deviation | theory | ratio |\n|---|---|---|---|---|---|---|"
    )
    worst, ratio, error = table(runs, given.interval)
    held = worst <= MOST_ERRORS and ratio <= MOST_DEVIATION + 2 * error
    print(f"\nworst mean error: {worst:.1f} standard errors of {MOST_ERRORS:.0f}; deviation of all by theory:", end=" ")
    print(f"{ratio:.3f} +- {error:.3f} of {MOST_DEVIATION}: {'holds' if held else 'DOES NOT HOLD'}")
    return not held


if __name__ == "__main__":
    sys.exit(main())
