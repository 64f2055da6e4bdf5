"""Every example runs as its first lines say; what memwatch makes of the leaky ones is in the slow part."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memwatch.retain.search import IN_C

EXAMPLES = Path(__file__).parent.parent / "examples"

ARGUMENTS = {
    "slightly_leaky.py": ["--seconds", "1"],
    "do_nothing_server.py": ["--seconds", "2"],
    "allocation_profile.py": ["--source"],
    "allocation_web.py": ["--port", "0", "--seconds", "1"],
    "profile_hourly.py": ["--interval", "0.3", "--count", "2"],
}
"""What makes an example short; the others need no arguments."""

SERVED_BY_GUNICORN = {"leaky_flask.py", "load_flask.py"}
has_gunicorn = all(importlib.util.find_spec(package) for package in ("gunicorn", "flask"))

SUSPECTED_WITHIN = 20.0
REPORTED_WITHIN = 70.0


def run(*arguments: str | Path, timeout: float = 60, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Python with *arguments* in *folder*, warnings being errors; fails the test if it fails."""
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, env=environment, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def events(path: Path) -> Iterator[dict[str, object]]:
    yield from (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("name", sorted({path.name for path in EXAMPLES.glob("*.py")} - SERVED_BY_GUNICORN))
def test_example_runs_without_a_word_of_complaint(name: str, tmp_path: Path) -> None:
    done = run(EXAMPLES / name, *ARGUMENTS.get(name, []), folder=tmp_path)
    assert done.stdout
    assert done.stderr == ""


def test_idle_server_says_its_base_and_no_leak() -> None:
    done = run(EXAMPLES / "do_nothing_server.py", "--seconds", "7.5")
    bases = [line for line in done.stdout.splitlines() if line.startswith("base ")]
    assert len(bases) >= 3  # of seven, on a machine that has time for it
    assert "LEAK" not in done.stdout


@pytest.mark.slow
def test_slightly_leaky_is_suspected_then_reported_with_its_holder(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    begun = time.time()
    done = run("-m", "memwatch", "run", "--json", log, EXAMPLES / "slightly_leaky.py", timeout=150)
    first = {str(event["event"]): event for event in reversed(list(events(log)))}
    assert float(str(first["suspect"]["time"])) - begun <= SUSPECTED_WITHIN
    assert float(str(first["leak"]["time"])) - begun <= REPORTED_WITHIN
    assert "two clients, ten strings kept a second" in done.stdout
    told = done.stdout + done.stderr
    assert told.count("LEAK") == 1
    assert "kept" in told
    if IN_C:
        assert re.search(r"allocated .*slightly_leaky\.py:\d+ in leak_a_little ", told) and "> kept.append(f" in told


@pytest.mark.slow
def test_idle_server_is_left_in_peace(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    run("-m", "memwatch", "run", "--json", log, EXAMPLES / "do_nothing_server.py", "--seconds", "80", timeout=150)
    assert {str(event["event"]) for event in events(log)} <= {"stats"}


@pytest.mark.slow
@pytest.mark.skipif(not has_gunicorn, reason="needs gunicorn and Flask, which the test extra brings")
def test_of_two_gunicorn_workers_the_one_that_leaks_is_named() -> None:
    for seconds in (100, 300):  # a busy machine takes longer; a test may take ten minutes
        done = run(EXAMPLES / "load_flask.py", "--seconds", str(seconds), timeout=seconds + 300)
        told = done.stdout + done.stderr
        if "LEAK" in told:
            break
    assert told.count("LEAK") == 1
    assert "remembered" in told
