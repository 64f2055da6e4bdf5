"""A process that is followed: what it answers, and what is said when it ends, is silent, or begins anew."""

from __future__ import annotations

import time

import pytest

from memwatch.errors import AlreadyStartedError, ProcessError
from memwatch.reach import client
from memwatch.top import text
from memwatch.top.process import ProcessSource

from .conftest import MIB, silent


def test_a_view_of_a_process(processes, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1120.0)
    monkeypatch.setattr(time, "strftime", lambda *given: "12:00:00")
    processes.add(7)
    source = ProcessSource(7, 10.0)
    assert source.poll().looked == "the first look takes 10 s" and source.poll().types == ()
    source.look()
    view = source.poll()
    assert text.render(view, 80) == (
        "LEAK  pid 7  shop.py\n"
        "it leaks: heap growth\n"
        "\n" + "\n".join(text.chart(view.curve, 80, 6)) + "\n"
        "\n"
        "memory   20.0 MiB held, 40.0 MiB resident; +1.00 MiB in 1m 0s, 60.0 MiB/h\n"
        "leak     app.Order held by app.CACHE; heap growth\n"
        "cost     0.30 % of CPU, longest pause 20 ms\n"
        "\n"
        "live Python objects: in 10 s, until 12:00:00\n"
        "type       objects     growth  share\n"
        "str        +40,000  +4.00 MiB   55 %\n"
        "app.Order   +2,106  +3.00 MiB   45 %\n"
        "\n"
        "app.Order\n"
        "  allocated   /srv/shop.py:12 in order                  30 samples\n"
        "  while       route=GET /orders 100 %\n"
        "  held by     module app > .CACHE: dict, 640 items > [int key]\n"
        "  cause       a module-level dict that only grows\n"
        "  hint        delete keys\n"
    )
    assert [held for _, held in view.curve[:2]] == [18 * MIB, 19 * MIB]


def test_no_line_is_wider_than_a_terminal_of_20_columns(processes):
    processes.add(7)
    source = ProcessSource(7, 10.0)
    source.look()
    for unicode in (True, False):
        lines = text.render(source.poll(), 20, unicode).split("\n")
        assert max(map(len, lines)) <= 20
    assert "app.Order  +3.00 MiB" in lines


def test_one_that_does_not_answer_is_said_to_be_silent(processes):
    processes.add(7)
    source = ProcessSource(7, 10.0)
    processes.there[7] = silent()
    view = source.poll()
    assert (view.state, view.news) == ("leak", "process 7 has not answered within 5 s")
    processes.add(7)
    assert source.poll().news == ""


def test_one_that_was_executed_anew_is_followed_from_its_beginning(processes):
    processes.add(7)
    source = ProcessSource(7, 10.0)
    source.look()
    processes.add(7, started=2000.0)
    view = source.poll()
    assert view.news.startswith("process 7 was executed anew, or watching began again, at ")
    assert view.types == () and view.looked == "the first look takes 10 s"
    assert source.poll().news == view.news


def test_one_that_ended_is_waited_for_and_so_is_another_that_runs_the_same_program(processes):
    processes.add(7)
    source = ProcessSource(7, 10.0)
    del processes.there[7]
    processes.add(8, started=time.time() + 5, command=["other.py"])
    processes.add(9, started=1.0)
    view = source.poll()
    assert view.state == "ended" and "there is no process 7. Waiting for it, or for another" in view.news
    assert source.poll().news == view.news, "the time is that at which it was seen"
    processes.add(10, started=time.time() + 5)
    view = source.poll()
    assert "process 10 runs the same program, and is followed now" in view.news
    assert (source.pid, view.state) == (10, "leak")


def test_a_look_that_fails_is_told_and_one_at_another_process_is_not_taken(processes):
    processes.add(7)
    processes.add(8)
    source = ProcessSource(7, 10.0)
    processes.reports = [AlreadyStartedError("another report is under way")]
    source.look()
    assert source.poll().looked == "no look: another report is under way"
    look = processes.ask_to_look

    def turn_meanwhile(*given):
        source.turn(1)
        return look(*given)

    client.ask_to_look = turn_meanwhile
    source.look()
    assert source.pid == 8 and source.poll().types == ()


def test_the_one_that_grows_fastest_and_the_next_one(processes):
    with pytest.raises(ProcessError, match="no process of this user is watched"):
        ProcessSource(None, 10.0)
    processes.add(7, growth=None)
    processes.add(8)
    processes.there[9] = silent()
    source = ProcessSource(None, 10.0)
    assert source.pid == 8
    for _ in range(2):
        source.turn(1)
    assert source.pid == 8 and source.poll().state == "leak"
    with pytest.raises(ProcessError, match="there is no process 6"):
        ProcessSource(6, 10.0)


def test_holders_are_asked_for(processes):
    processes.add(7)
    source = ProcessSource(7, 10.0)
    assert source.holders("str") == ["held by     module app > .NAMES: list"]
    assert source.holders("x") == ["not found: there is no such type"]
