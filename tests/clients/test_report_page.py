"""A report's page in a real browser: headless Chromium, wide, narrow, dark and without JavaScript.

Needs what the flame graph's page needs; screenshots go to the folder that MEMWATCH_SHOTS names, if it names one.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from memwatch.calltree import CallTree, Stack
from memwatch.diagnosis import Account, Report, Suspect, TypeRow
from memwatch.frames import Frame
from memwatch.render import render_html
from memwatch.treebuilder import build
from memwatch.watch import Cost

from ..paths import ITEM, attribute, key, path

DRIVER = Path(__file__).with_name("report.mjs")
MIB = 1 << 20
PATIENCE = 120
NASTY = "</script><script>globalThis.broken = 1</script><img src=x onerror=globalThis.broken=1>\u2028\ud800\x00\u202e"
SOURCE = "kept = []\n\n\ndef leak(number):\n    kept.append(str(number) * 99)\n\n\nfor n in range(9):\n    leak(n)\n"

pytestmark = pytest.mark.clients


def tree(name: str) -> CallTree:
    main, leak, other = Frame("main", "/srv/app.py", 9), Frame(name, "/srv/app.py", 5), Frame("other", "/srv/app.py", 7)
    stacks = [Stack((main, leak), 3 * MIB, 480), Stack((main, other), MIB, 9)]
    return CallTree(build(stacks), "growth", "sampler", 65536, 1.8e9, 48.0, 4211)


def report(folder: Path, name: str = "str") -> Report:
    """A report of which all names are *name*."""
    (file := folder / "app.py").write_text(SOURCE)
    held_by = path("app", attribute(name, "dict", 3), key(repr(name), "list", 640), ITEM, suspect=2)
    frames = ({"function": name, "file": str(file), "line": 5, "in_app": True},)
    suspect = Suspect(name, 480, 2 * MIB, 0.95, 0.95, held_by, 640, f"cause {name}", f"hint {name}", 30, frames)
    return Report(
        pid=4211, age_seconds=64.2, reason="heap growth", growth_bytes=2 * MIB, rss_growth_bytes=0,
        rate_bytes_per_hour=142.31 * MIB,
        meter="base", curve=tuple((float(n), (20 << 20) + n * 99_999) for n in range(60)), confidence=0.9,
        fingerprint="0123456789ab", limit_bytes=2 << 30, time_to_limit_seconds=5e4, verdict="objects",
        since_seconds=44.0, account=Account(2 * MIB, (TypeRow(name, 502, 22, 2 * MIB, True),), True),
        suspects=(suspect,) * 2,
        missing=(f"missing {name}",), cost=Cost(0.004, 0.0062, 3, 3 * MIB), time=1.8e9, growth=tree(name),
    )  # fmt: skip


def made(scenario: str, folder: Path) -> Report:
    if scenario == "hostile":
        return report(folder, NASTY)
    if scenario == "long":
        return report(folder, "a_very_long_name." * 40)
    if scenario == "bare":
        nothing = Account(2 * MIB, (), True)
        return replace(report(folder), suspects=(), account=nothing, growth=None, curve=(), verdict="native")
    return report(folder)


@pytest.mark.parametrize("scenario", ["wide", "dark", "narrow", "long", "hostile", "bare", "noscript"])
def test_page_in_a_browser(scenario: str, environment: dict[str, str], tmp_path: Path) -> None:
    page = tmp_path / f"{scenario}.html"
    page.write_text(render_html(made(scenario, tmp_path)), encoding="utf-8")
    shots = [folder] if (folder := os.environ.get("MEMWATCH_SHOTS")) else []
    done = subprocess.run(
        ["node", str(DRIVER), scenario, str(page), *shots],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
