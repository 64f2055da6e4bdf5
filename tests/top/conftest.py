"""What the tests of this folder share: a report as a process answers it, and a process that answers by hand."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from memwatch.errors import OptionError, ProcessError
from memwatch.reach import client

MIB = 1 << 20
SUSPECT = {
    "type": "app.Order",
    "samples": 30,
    "allocated_at": [{"function": "order", "file": "/srv/shop.py", "line": 12, "in_app": True}],
    "allocated_in": [{"label": "route=GET /orders", "share": 1.0}],
    "held_by": ["module app", ".CACHE: dict, 640 items", "[int key]"],
    "also_held_by": [],
    "cause": "a module-level dict that only grows",
    "hint": "delete keys",
}
REPORT: dict[str, Any] = {
    "verdict": "objects",
    "reason": "heap growth over 2 consecutive looks (10s)",
    "rows": [
        {"what": "str", "count": 40000, "size_bytes": 4 * MIB, "share": 0.55},
        {"what": "app.Order", "count": 2106, "size_bytes": 3 * MIB, "share": 0.45},
        {"what": "not explained", "count": 0, "size_bytes": 0, "share": 0.0},
    ],
    "suspects": [SUSPECT],
}
STATUS: dict[str, Any] = {
    "command": ["shop.py"],
    "program": "shop.py",
    "state": "leak",
    "thinks": "it leaks: heap growth",
    "started": 1000.0,
    "tick_seconds": 1.0,
    "base_bytes": 20 * MIB,
    "rss_bytes": 40 * MIB,
    "growth": {"bytes": MIB, "seconds": 60.0, "rate_bytes_per_hour": 60 * MIB},
    "leaks": [{"subject": "app.Order held by app.CACHE", "verdict": "objects", "reason": "heap growth"}],
    "cost": {"cpu_share": 0.003, "longest_pause_seconds": 0.02},
}


class Processes:
    """Answers by number: a status, or an error; questions that were asked are counted in `asked`."""

    def __init__(self) -> None:
        self.there: dict[int, Any] = {}
        self.reports: list[Any] = []
        self.asked: list[tuple[int, str]] = []

    def add(self, pid: int, **changes: Any) -> None:
        self.there[pid] = {**deepcopy(STATUS), "pid": pid, **changes}

    def ask(self, pid: int, name: str, patience: float = 1.0, **words: Any) -> Any:
        self.asked.append((pid, name))
        found = self.there.get(pid, client.NotWatched(f"there is no process {pid}"))
        if isinstance(found, Exception):
            raise found
        if name == "curve":
            return {"curve": [[1000.0, 18 * MIB], [1060.0, 19 * MIB]]}
        if name == "paths" and words["type"] != "str":
            raise OptionError("there is no such type")
        return (
            {"paths": [{"steps": ["module app", ".NAMES: list"]}]} if name == "paths" else json.loads(json.dumps(found))
        )

    def ask_to_look(self, pid: int, name: str, seconds: float, **words: Any) -> Any:
        report = self.reports.pop(0) if self.reports else REPORT
        if isinstance(report, Exception):
            raise report
        return {"report": report}

    def ask_all(self, name: str, patience: float = 1.0) -> list[tuple[int, Any]]:
        return sorted(self.there.items())


@pytest.fixture
def processes(monkeypatch) -> Processes:
    """No process at first."""
    made = Processes()
    for name in ("ask", "ask_to_look", "ask_all"):
        monkeypatch.setattr(client, name, getattr(made, name))
    return made


def silent() -> ProcessError:
    return client.NoAnswer("process 7 has not answered within 5 s")
