"""A leak that newer processes have not reported is said to be old, in every report of the recording."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from memwatch.cli import main

from ..render.test_text import REPORT

TEXT = json.dumps(REPORT.to_dict())
SINCE = "not seen in 2 workers, 4 h together; unfixed, it was 56 % likely to be reported by then"


@pytest.fixture
def said(capsys):
    """What `memwatch report` prints."""

    def said(*words):
        assert main(["report", *words]) == 0
        return capsys.readouterr().out

    return said


def test_what_newer_processes_do_not_report_is_old(shop, path, said, tmp_path):
    shop(0, 7200, rate=41.0, after=1800, report=TEXT)
    shop(600, 7200)  # began before it was reported: says nothing of a fix
    for form in ((), ("--for-agents",), ("1",), ("1", "--for-agents")):
        assert "not seen" not in said(path, *form)
    for number in range(2):
        shop(8000 + number, 7200, release="1.1")
    assert f"     maybe gone: {SINCE}" in said(path) and f"     maybe gone: {SINCE}" in said(path, "1")
    for form in (("--for-agents",), ("1", "--for-agents")):
        lines = said(path, *form).splitlines()
        assert lines[2].startswith("This is old: last reported") and lines[2].endswith(f"{SINCE} (maybe gone).")
    page = tmp_path / "page.html"
    said(path, "--html", str(page))
    assert f"<p>maybe gone: {SINCE}" in page.read_text()


def test_the_leaks_of_a_recording_share_the_budget(shop, path, said):
    for number in range(9):
        shop(number, 7200, rate=41.0, after=1800, report=TEXT, name=f"{number}{number}{number}456789ab")
    text = said(path, "--for-agents", "--budget", "1000")
    assert len(text) <= 3000 and text.count("# Memory leak") == 3
    assert f"6 more in {path}: `memwatch report {path} --for-agents --budget 2000`." in text
    text = said(path, "--for-agents", "--budget", "300")
    assert len(text) <= 900 and text.count("It is held by") == text.count("The likely cause is") == 1


@pytest.mark.parametrize(
    ("budget", "why"), [("299", "budget must be a whole number, 300 or more, not 299"), ("much", "'much' is no number")]
)
def test_a_budget_that_is_too_small_is_refused(budget, why, path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["report", path, "--for-agents", "--budget", budget])
    assert ended.value.code == 2 and f"argument --budget: {why}" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_ends_it_quietly(shop, path):
    shop(0, 7200, rate=41.0, after=1800)
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "memwatch", "report", path]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")
