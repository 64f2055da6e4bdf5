"""What a process answers: this one is asked by itself, another one is killed meanwhile."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading

import pytest

import memwatch
from memwatch import formats, on_demand
from memwatch.backend import name as backend
from memwatch.reach import client, folder
from memwatch.reach.status import _thought
from memwatch.watch import Growth
from memwatch.watch.contract import Unjudged, make_leak

from .conftest import LEAKY, until

pytestmark = pytest.mark.skipif(not folder.is_supported(), reason="there are no such sockets")

HERE = os.getpid()


class Item:
    def __init__(self) -> None:
        self.data = bytearray(3000)


SHELF: list[Item] = []


@pytest.fixture
def filling():
    """Something that grows meanwhile."""
    over = threading.Event()

    def fill() -> None:
        while not over.wait(0.002):
            SHELF.extend(Item() for _ in range(5))

    thread = threading.Thread(target=fill)
    thread.start()
    yield
    over.set()
    thread.join()
    SHELF.clear()


def test_status_tells_what_it_is_and_what_it_thinks(watched):
    until(lambda: watched.readings > 1)
    found = client.ask(HERE, "status")
    assert (found["pid"], found["state"], found["backend"]) == (HERE, "starting", backend)
    assert found["base_bytes"] > 0 and found["rss_bytes"] > 0 and found["growth"]["seconds"] > 0
    assert found["thinks"] == "nothing is suspected; a leak is reported after 1 h at the earliest"
    assert (found["leaks"], found["suspicion"], found["culprit"], found["gap"]) == ([], None, "", "")
    assert found["cost"]["cpu_share"] < 1


def test_what_it_thinks_of_a_leak_is_in_the_unit_of_all_reports(watched):
    growth = Growth("leak", "ratchet", "base", 0.0, 64.0, 64.0, 0, 1 << 20, 8, "windows")
    leak = make_leak(growth, "objects", Unjudged(growth, "nobody looked"))
    found = _thought(watched, watched.status._replace(leaks=(leak,)))
    assert found == "it leaks: heap growth over 8 consecutive windows (1m 4s): +1.00 MiB, 56.2 MiB/h"


def test_a_report_names_what_grows(watched, filling):
    found = client.ask_to_look(HERE, "report", 1.5)
    first = found["report"]["suspects"][0]
    assert found["report"]["asked"] and first["type"] == f"{__name__}.Item" and "SHELF" in " ".join(first["held_by"])
    assert found["text"].startswith(f"NOW  pid {HERE} ")


def test_a_diff_tells_what_came(watched, filling):
    found = client.ask_to_look(HERE, "diff", 0.3)
    rows = {row["what"]: row for row in found["diff"]["change"]["details"]}
    assert rows[f"{__name__}.Item"]["size_bytes"] > 0 and "test_answers.Item" in found["text"]


def test_a_collection_is_made(watched):
    full = memwatch.gc().num_full_gc
    found = client.ask(HERE, "gc")
    assert found["stats"]["num_full_gc"] > full and found["before_bytes"] > 0 < found["after_bytes"]


@pytest.mark.skipif(backend != "native", reason="the pure backend samples nothing")
@pytest.mark.parametrize("seconds", [0, 0.3])
def test_a_profile_has_the_lines(watched, filling, seconds):
    SHELF.extend(Item() for _ in range(2000))  # 6 MB, of which next to surely some samples are taken
    tree = formats.read(base64.b64decode(client.ask_to_look(HERE, "profile", seconds)["pprof"]))
    assert tree.root.total_bytes > 100_000
    assert "Item.__init__" in {stack.frames[-1].function for stack in memwatch.profile.profile.stacks_of(tree.root)}


@pytest.mark.skipif(backend != "native", reason="the pure backend samples nothing")
def test_without_samples_there_is_no_profile_of_the_past(sockets):
    memwatch.start(tick=0.02, profile=False)
    try:
        with pytest.raises(memwatch.UnsupportedError, match="does not sample allocations"):
            client.ask(HERE, "profile", 20)
    finally:
        memwatch.stop()


@pytest.mark.skipif(backend != "pure", reason="the C backend samples")
def test_the_pure_backend_says_that_it_samples_nothing(watched):
    with pytest.raises(memwatch.UnsupportedError, match="samples no allocations"):
        client.ask(HERE, "profile", 20)


@pytest.mark.parametrize("name", ["report", "diff", "profile"])
@pytest.mark.parametrize("seconds", [-1, "30", [], True, 1e99])
def test_other_times_are_refused(watched, name, seconds):
    with pytest.raises(memwatch.OptionError, match=r"from 0\.1 to 86400"):
        client.ask(HERE, name, seconds=seconds)


def test_one_report_is_made_at_a_time_and_who_leaves_frees_the_place(watched):
    with pytest.raises(client.NoAnswer):
        client.ask(HERE, "report", 1.0, seconds=60)
    until(lambda: on_demand._State.current is None)
    assert client.ask_to_look(HERE, "report", 0.1)["report"]["asked"]


def test_a_process_that_is_killed_meanwhile(start_program):
    program = start_program(LEAKY)
    threading.Timer(0.5, program.kill).start()
    with pytest.raises(memwatch.ProcessError, match="ended before it had answered"):
        client.ask_to_look(program.pid, "report", 30)
    program.wait()
    with pytest.raises(memwatch.ProcessError, match="there is no process"):
        client.ask(program.pid, "status")
    assert folder.find_sockets(program.pid) == []


def test_a_process_of_another_user(sockets, monkeypatch):
    def refuse(pid, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    with pytest.raises(memwatch.ProcessError, match="belongs to another user"):
        client.ask(1, "status")


def test_a_newer_process_is_not_understood_and_said_so(watched, monkeypatch):
    monkeypatch.setattr(client.json, "loads", lambda line: ["news"])
    with pytest.raises(memwatch.ProcessError, match="does not understand"):
        client.ask(HERE, "status")


@pytest.mark.slow
def test_a_process_that_ends_by_a_signal_handler_leaves_no_socket(start_program, sockets):
    program = start_program(LEAKY)
    assert json.dumps(client.ask(program.pid, "status"))
    program.send_signal(signal.SIGINT)
    program.wait()
    assert os.listdir(sockets) == []
