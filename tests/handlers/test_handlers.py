"""Ready receivers: what they write, and what they do when they cannot."""

import json
import logging
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memwatch import handlers, signals
from memwatch.default import start, stop
from memwatch.errors import OptionError, WriteError
from memwatch.watch import Leak, Suspicion

MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
SUSPICION = Suspicion(MOMENT, MOMENT, 1000, "heap growth", 1.0, "ratchet", "base")
UNWRITABLE = Path("/dev/full")


@dataclass(frozen=True)
class Report:
    """As much of a report as handlers use."""

    fingerprint: str = "f"

    def to_dict(self):
        return {"fingerprint": self.fingerprint, "suspects": []}

    def render(self, color, unicode, source):
        return f"LEAK {color=} {unicode=} {source=} 97 %\n"


def make_leak(fingerprint="f"):
    return Leak(MOMENT, MOMENT, 1000, "heap growth", 1.0, "ratchet", "objects", Report(fingerprint))


@pytest.fixture(autouse=True)
def watching():
    """A running watcher, so that connecting a receiver starts none."""
    stop()
    yield start(pace="service", tick=60.0, sample=60.0)
    stop()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "events.jsonl"


def read(path):
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_a_leak_becomes_one_record_with_its_report(caplog):
    handlers.log_leaks()(make_leak())
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("memwatch", logging.WARNING)
    assert record.getMessage() == "LEAK color=False unicode=False source=False 97 %"
    assert record.memwatch_report == {"fingerprint": "f", "suspects": []}


def test_logger_and_level_can_be_chosen(caplog):
    handlers.log_leaks(logging.getLogger("app"), logging.ERROR)(make_leak())
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("app", logging.ERROR)


def test_the_same_leak_is_passed_on_once():
    seen = []
    handler = handlers.once_per_fingerprint(seen.append)
    for fingerprint in "abab":
        handler(make_leak(fingerprint))
    assert [leak.report.fingerprint for leak in seen] == ["a", "b"]


def test_only_the_last_fingerprints_are_remembered():
    seen = []
    handler = handlers.once_per_fingerprint(seen.append, limit=2)
    for fingerprint in "abcab":
        handler(make_leak(fingerprint))
    assert [leak.report.fingerprint for leak in seen] == ["a", "b", "c", "a", "b"]


@dataclass(frozen=True)
class Paged(Report):
    """A report that has a page."""

    page: str = "a page"

    def to_html(self):
        return self.page


def page_leak(fingerprint="f", page="a page"):
    return Leak(MOMENT, MOMENT, 1000, "heap growth", 1.0, "ratchet", "objects", Paged(fingerprint, page))


def pages_in(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_each_leak_has_a_page_and_the_same_one_again_replaces_its(tmp_path):
    written = []
    pages = handlers.HtmlReports(tmp_path / "leak.html", written=written.append)
    for fingerprint, page in (("a", "1"), ("b", "2"), ("a", "3")):
        pages.leak(page_leak(fingerprint, page))
    assert pages_in(tmp_path) == {"leak.html": "3", "leak-2.html": "2"}
    assert written == [str(tmp_path / name) for name in ("leak.html", "leak-2.html", "leak.html")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_process_writes_no_more_than_20_pages(tmp_path):
    pages = handlers.HtmlReports(tmp_path / "leak.html")
    for number in range(25):
        pages.leak(page_leak(str(number)))
    assert len(pages_in(tmp_path)) == 20


def test_another_process_adds_its_number_to_the_name(tmp_path):
    handlers.HtmlReports(tmp_path / "leak.html", pid=1).leak(page_leak())
    assert list(pages_in(tmp_path)) == [f"leak-{os.getpid()}.html"]


@pytest.mark.parametrize("path", ["leak.pdf", "leak", ""])
def test_a_page_is_html(tmp_path, path):
    with pytest.raises(OptionError, match=r"ends in neither \.html nor \.htm"):
        handlers.HtmlReports(f"{tmp_path}/{path}")


@pytest.mark.parametrize("path", ["folder.html", "absent/leak.html"])
def test_a_page_that_could_not_be_written_is_refused_at_once(tmp_path, path):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(WriteError, match="cannot write a report"):
        handlers.HtmlReports(tmp_path / path)


def test_a_page_that_cannot_be_written_is_logged(tmp_path, caplog):
    pages = handlers.HtmlReports(tmp_path / "leak.html", written=pytest.fail)
    (tmp_path / "leak.html").mkdir()
    pages.leak(page_leak())
    assert "no report written: cannot write" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["leak.html"]


def test_a_report_of_another_judge_has_no_page(tmp_path):
    handlers.HtmlReports(tmp_path / "leak.html").leak(make_leak())
    assert pages_in(tmp_path) == {}


def test_an_event_is_a_line(file):
    with handlers.JsonLines(file) as lines:
        lines.suspect(SUSPICION)
        lines.leak(make_leak())
        lines.recovered(make_leak())
    events = read(file)
    assert [event["event"] for event in events] == ["suspect", "leak", "recovered"]
    assert events[0]["data"] == SUSPICION.to_dict()
    assert events[0]["pid"] == os.getpid()
    assert events[0]["time"] == pytest.approx(events[2]["time"], abs=60)


def test_a_new_file_is_the_owners_alone_and_an_old_one_is_continued(file):
    for _ in range(2):
        with handlers.JsonLines(file) as lines:
            lines.suspect(SUSPICION)
    assert len(read(file)) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_all_events_are_received_until_it_is_closed(file, watching):
    with handlers.JsonLines(file).connect_all():
        signals.suspect.publish(watching, SUSPICION)
        signals.leak.publish(watching, make_leak())
    signals.leak.publish(watching, make_leak())
    assert [event["event"] for event in read(file)] == ["suspect", "leak"]


def test_one_event_is_received_by_its_handler(file, watching):
    lines = handlers.JsonLines(file)
    signals.on("leak", lines.leak)
    signals.suspect.publish(watching, SUSPICION)
    signals.leak.publish(watching, make_leak())
    signals.off("leak", lines.leak)
    lines.close()
    assert [event["event"] for event in read(file)] == ["leak"]


@pytest.mark.parametrize("name", [".", "no/such/folder/file"])
def test_a_path_that_cannot_be_opened_is_said_at_once(tmp_path, name):
    with pytest.raises(OptionError, match=r"cannot append events to .*: (Is a directory|No such file or directory)"):
        handlers.JsonLines(tmp_path / name)


def test_a_relative_path_holds_when_the_program_goes_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = handlers.JsonLines("events.jsonl")
    os.close(lines._fd)
    monkeypatch.chdir("/")
    lines.suspect(SUSPICION)
    lines.close()
    assert len(read(tmp_path / "events.jsonl")) == 1


@pytest.mark.skipif(not UNWRITABLE.exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_once_and_what_waits_is_bounded(caplog):
    lines = handlers.JsonLines(UNWRITABLE)
    for _ in range(6000):
        lines.suspect(SUSPICION)
    assert len(caplog.records) == 1
    assert "cannot be written to /dev/full (No space left on device)" in caplog.text
    assert 900_000 < sum(map(len, lines._pending)) <= 1024 * 1024
    lines.close()


def test_a_descriptor_that_the_program_closed_is_not_written_to(file, tmp_path):
    lines = handlers.JsonLines(file)
    taken = lines._fd
    with (tmp_path / "mine").open("w") as mine:
        os.dup2(mine.fileno(), taken)  # the program has closed it, and opened a file of its own
        lines.suspect(SUSPICION)
        lines.close()
        os.write(taken, b"still mine")
        os.close(taken)
    assert (tmp_path / "mine").read_text() == "still mine"
    assert len(read(file)) == 1


@pytest.mark.skipif(not hasattr(os, "fork") or not UNWRITABLE.exists(), reason="needs fork and a full device")
def test_a_forked_child_does_not_write_its_parents_lines():
    lines = handlers.JsonLines(UNWRITABLE)
    lines.suspect(SUSPICION)
    child = os.fork()
    if child == 0:
        lines.suspect(SUSPICION)
        os._exit(len(lines._pending))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    lines.close()


def test_lines_wait_for_a_reader_of_the_pipe_and_none_is_torn(tmp_path, caplog):
    os.mkfifo(tmp_path / "pipe")
    lines = handlers.JsonLines(tmp_path / "pipe")
    assert "(nobody reads it); they wait in memory" in caplog.text
    for _ in range(1000):
        lines.suspect(SUSPICION)
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    got = b""
    while lines._pending:
        lines.suspect(SUSPICION)
        got += os.read(reading, 1 << 20)
    lines.close()
    os.close(reading)
    events = [json.loads(line) for line in got.splitlines()]
    assert len(events) > 1000 and {event["event"] for event in events} == {"suspect"}


def test_a_line_of_which_a_piece_is_written_is_kept_when_others_are_dropped(file, monkeypatch):
    lines = handlers.JsonLines(file)
    monkeypatch.setattr("memwatch.handlers.json_lines._MOST_PENDING", 4)
    lines._pending.extend((b"a\n", b"b\n", b"c\n"))
    lines._keep_within_bounds()
    assert list(lines._pending) == [b"a\n", b"c\n"]
    lines.close()
