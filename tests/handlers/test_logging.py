"""Leaks in the logs of programs that write JSON, and on one line."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys

import pytest

from memwatch import handlers

from .test_handlers import make_leak

REPORT = {"fingerprint": "f", "suspects": []}


@pytest.fixture
def logger():
    made = logging.Logger("memwatch")
    made.stream = io.StringIO()
    made.addHandler(logging.StreamHandler(made.stream))
    return made


def test_python_json_logger_writes_the_report_as_an_object(logger):
    json_logger = pytest.importorskip("pythonjsonlogger.json")
    logger.handlers[0].setFormatter(json_logger.JsonFormatter("%(levelname)s %(name)s %(message)s"))
    handlers.log_leaks(logger, short=True)(make_leak())
    written = json.loads(logger.stream.getvalue())
    assert written["memwatch_report"] == REPORT and written["levelname"] == "WARNING"
    assert written["message"] == "memory leak: objects memory, 0.00 MiB/h, fingerprint f"


def test_structlog_writes_the_report_as_an_object(logger):
    structlog = pytest.importorskip("structlog")
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    logger.handlers[0].setFormatter(formatter)
    handlers.log_leaks(logger)(make_leak())
    written = json.loads(logger.stream.getvalue())
    assert (
        written["memwatch_report"] == REPORT and written["event"].startswith("LEAK ") and written["level"] == "warning"
    )


def test_a_leak_that_another_process_has_told_is_one_line(logger):
    handlers.log_leaks(logger, reported_by=lambda leak: 4711)(make_leak())
    (line,) = logger.stream.getvalue().splitlines()
    assert line.endswith("fingerprint f; process 4711 has reported it in full")


TELLING = """
import logging, os, sys, time
sys.path.insert(0, sys.argv[2])
import memwatch
from memwatch.recording import record
from test_handlers import Report, make_leak
Report.to_html = lambda self: "<html>"
memwatch.start(pace="service", tick=0.05, sample=60.0, profile=False)
recording = record(sys.argv[1])
time.sleep(0.5)
memwatch.leak.publish(None, make_leak(sys.argv[3]))
print(os.getpid(), recording.reported_by(make_leak(sys.argv[3])))
"""


def tell(path, fingerprint):
    """The number of a process that tells of a leak, and of the one that it says has told it before."""
    done = subprocess.run(
        [sys.executable, "-c", TELLING, path, os.path.dirname(__file__), fingerprint],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return tuple(map(int, done.stdout.split()))


@pytest.mark.slow
def test_a_recording_tells_who_was_first(tmp_path):
    path = tmp_path / "fleet.memwatch"
    first, none = tell(path, "aaaa")
    _, told = tell(path, "aaaa")
    assert (none, told) == (0, first)
    assert tell(path, "bbbb")[1] == 0
