"""How right the sampler's estimates are: bias and deviation of each call site, beside what theory says.

    python benchmarks/accuracy.py [--runs N] [--interval BYTES]

Each site allocates twice its bytes in blocks of one size and frees a random half. Over the runs the mean error is
given in standard errors (3 are within what chance does), and the deviation as a share of the truth beside the
theoretical sqrt(size * (1 - p) / (p * bytes)) with p = 1 - exp(-size / interval), which is about sqrt(interval /
bytes) for small blocks.
"""

from __future__ import annotations

import argparse
import platform
import random
import statistics
import sys
from collections.abc import Callable
from datetime import date
from math import expm1, sqrt
from pathlib import Path

from memwatch.backend._sampling import Sampling

MEBIBYTE = 2**20
SITES = ((16, 1), (48, 4), (200, 4), (500, 4), (1000, 4), (10_000, 8), (60_000, 8), (300_000, 16), (650_000, 16))
"""Bytes of a block, MiB that stay."""


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


def held_by(sampling: Sampling) -> dict[str, int]:
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
    sampling, kept, truth = Sampling(), [], {}
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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--interval", type=int, default=65536, help="bytes")
    given = parser.parse_args()
    command = " ".join(["python", f"benchmarks/{Path(__file__).name}", *sys.argv[1:]])
    print(f"`{command}`, {date.today()}, CPython {platform.python_version()}, {platform.machine()}\n")
    chance = random.Random(2026)
    runs = [run(given.interval, chance) for _ in range(given.runs)]
    print("| block | held | mean error | in standard errors | deviation | theory |\n|---|---|---|---|---|---|")
    for size, mebibytes in SITES:
        found = [one[f"site_{size}"] for one in runs]
        error, deviation = statistics.mean(found) - 1, statistics.stdev(found)
        expected = theory(size, mebibytes, given.interval)
        errors = error / (expected / sqrt(len(runs)))
        shares = f"{error:+.1%} | {errors:+.1f} | {deviation:.1%} | {expected:.1%}"
        print(f"| {block_size(size):,} B | {mebibytes} MiB | {shares} |")


if __name__ == "__main__":
    main()
