"""A program that leaks and shows its page, for the tests in a browser; with "large", one with a long past as well."""

from __future__ import annotations

import base64
import sys
import time

import memwatch
from memwatch import default
from memwatch.calltree import CallTree, Stack
from memwatch.clock import Clock
from memwatch.formats import pprof
from memwatch.frames import Frame
from memwatch.reach import curve, jobs
from memwatch.reach.reply import Reply
from memwatch.treebuilder import build
from memwatch.watch import Sample
from memwatch.watch.contract import make_leak
from memwatch.watch.sample import Growth

SECONDS = 200


class Order:
    def __init__(self, number: int) -> None:
        self.number = number
        self.lines = [f"line {line} of {number}" for line in range(20)]


SEEN: dict[int, Order] = {}


def grow_up() -> None:
    """As many readings as are kept, a suspicion and a leak with its report, a profile of 10,000 frames."""
    kept, now, begun = curve.keep_curve(), Clock.wall(), Clock.monotonic()
    for number in range(19_900):
        base = (40 << 20) + 2000 * number + (number * 7919) % 500_000
        kept.at_tick(
            None, Sample(now - 19_900 + number, begun, "tick", base, base * 2, 1, 1, 1, 1, number // 90, 1, 0.0, ())
        )
    growth = Growth("leak", "ratchet", "base", now - 4000, now - 1000, 3000.0, 1, 6 << 20, 8, "windows")
    kept.leaked(None, make_leak(growth, "objects", memwatch.report_now(seconds=0.5)))
    frames = [
        [Frame(f"function_{level}_{n}", f"/srv/app/module_{level}.py", n) for n in range(10)] for level in range(4)
    ]
    stacks = [
        Stack((one, two, three, four), 1000 + (n * 7919) % 90_000, 3)
        for n, (one, two, three, four) in enumerate(
            (one, two, three, four)
            for one in frames[0]
            for two in frames[1]
            for three in frames[2]
            for four in frames[3]
        )
    ]
    tree = CallTree(build(stacks), "heap", "sampler", 524288, now, 60.0, 1)
    watcher = default.watcher()
    assert watcher is not None
    answer = {"pprof": base64.b64encode(pprof.write(tree)).decode(), "total_bytes": 1}
    jobs.JOBS.begin(Reply(watcher, None, lambda *_: None), {"ask": "profile"}, lambda reply, _: reply.give(answer))  # type: ignore[arg-type]


def main() -> None:
    memwatch.start(pace="job")
    for number in range(5_000):  # 8 MB, so that the first profile has samples
        SEEN[number] = Order(number)
    with memwatch.serve() as server:
        if "large" in sys.argv:
            grow_up()
        print(server.url, flush=True)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            number = len(SEEN)
            SEEN[number] = Order(number)
            time.sleep(0.01)


if __name__ == "__main__":
    main()
