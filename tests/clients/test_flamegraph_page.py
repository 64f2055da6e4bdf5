"""The flame graph's page in a real browser: headless Chromium, driven by clicks and keys, reads back what it shows.

Needs Chromium, node, and MEMWATCH_CLIENTS, a folder whose node_modules has playwright-core. Screenshots go to the
folder that MEMWATCH_SHOTS names, if it names one.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from random import Random

import pytest

from memwatch.calltree import CallTree, Stack
from memwatch.combine import diff
from memwatch.formats import flamegraph
from memwatch.frames import Frame
from memwatch.treebuilder import build

DRIVER = Path(__file__).with_name("flamegraph.mjs")
MIB = 1024 * 1024
PATIENCE = 120

MAIN = Frame("main", "/srv/shop.py", 3)
LOAD = Frame("load", "/srv/shop.py", 7, 5)
DECODE = Frame("decode", "/usr/lib/python3.12/json/decoder.py", 2)
RENDER = Frame("render", "/v/lib/python3.12/site-packages/jinja2/environment.py", 9)
HOSTILE = [
    "</script><script>globalThis.broken = 1</script>",
    "<!--<script>",
    "<img src=x onerror=globalThis.broken=1>",
    "\u2028\u2029\ud800\udfff\x00\x1b[31m\u202e",
    "__proto__",
    "constructor",
    "javascript:globalThis.broken=1",
    "long " * 4000,
    "",
]

pytestmark = pytest.mark.clients


def stack(path: tuple[Frame, ...], *allocations: tuple[int, int]) -> Stack:
    return Stack(path, sum(s * n for s, n in allocations), sum(n for _, n in allocations), tuple(sorted(allocations)))


def shop() -> CallTree:
    found = [
        stack((MAIN, LOAD), (MIB, 1)),
        stack((MAIN, LOAD, DECODE), (MIB // 4, 4), (MIB, 1)),
        stack((MAIN, RENDER), (MIB, 1)),
    ]
    return CallTree(build(found), "shop", "tracemalloc", 524288, time=1_700_000_000.0, duration=64.0, pid=42)


def change() -> CallTree:
    def tree(*paths: tuple[str, int]) -> CallTree:
        return CallTree(build(stack((MAIN, Frame(name, "/srv/shop.py", 9)), (MIB, count)) for name, count in paths))

    return diff(tree(("grows", 3), ("same", 5)), tree(("grows", 1), ("shrinks", 1), ("same", 5)))


def hostile() -> CallTree:
    size = len(HOSTILE)
    paths = [(Frame(name, HOSTILE[-at], at), Frame(HOSTILE[(at + 1) % size], name)) for at, name in enumerate(HOSTILE)]
    found = [stack(path, (10 ** (2 * at), 7**at)) for at, path in enumerate(paths)]
    return CallTree(build([*found, stack((MAIN,), (2**90, 1))]), HOSTILE[0], HOSTILE[1], notes=tuple(HOSTILE))


def blocks() -> CallTree:
    names = [("import", 3, 1), ("import/read csv", 12, 1), ("import/parse/clean", 7, 4), ("import/parse", 1, 1)]
    paths = [(tuple(map(Frame, name.split("/"))), mebibytes * MIB, n) for name, mebibytes, n in names]
    paths.append(((Frame("report"),), 5 * MIB, 2))
    return CallTree(build(Stack(*path) for path in paths), "nightly", "trace")


def large() -> CallTree:
    chance = Random(4)
    places = [Frame(f"function_{number}", f"/srv/module_{number % 40}.py", number + 1) for number in range(40)]
    paths = [tuple(chance.choices(places, k=2 + seed % 12)) for seed in range(5000)]
    return CallTree(build(stack(path, (chance.randrange(9, 90_000), 3)) for path in paths), "large")


TREES = {
    "mouse": shop,
    "search": shop,
    "keys": shop,
    "table": shop,
    "theme": shop,
    "narrow": shop,
    "print": shop,
    "difference": change,
    "hostile": hostile,
    "blocks": blocks,
    "empty": lambda: CallTree(build([])),
    "large": large,
}


@pytest.mark.parametrize("scenario", TREES)
def test_page_in_a_browser(scenario: str, environment: dict[str, str], tmp_path: Path) -> None:
    page = tmp_path / f"{scenario}.html"
    page.write_bytes(flamegraph.write(TREES[scenario]()))
    shots = [folder] if (folder := os.environ.get("MEMWATCH_SHOTS")) else []
    done = subprocess.run(
        ["node", str(DRIVER), scenario, str(page), *shots],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr
