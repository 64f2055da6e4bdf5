"""What a client may do, and what it may not: hand-made connections and a fake clock."""

from __future__ import annotations

import json
import socket
from types import SimpleNamespace

import pytest

from memwatch.errors import UnsupportedError
from memwatch.reach import answers, server


class Agenda:
    """In the place of a watcher: calls wait until they are made."""

    def __init__(self) -> None:
        self.calls = []

    def call_later(self, seconds, function):
        self.calls.append(function)

    def make(self):
        waiting, self.calls = self.calls, []
        for function in waiting:
            function()


@pytest.fixture
def agenda():
    return Agenda()


@pytest.fixture
def host(agenda, fake_clock):
    made = server.Server(agenda, SimpleNamespace(room=None, problem="", begin=lambda: None), fake_clock)
    yield made
    made.close()


@pytest.fixture
def visit(host):
    """Makes connections to the server."""
    ends = []

    def come():
        ours, theirs = socket.socketpair(socket.AF_UNIX)
        theirs.setblocking(False)
        ours.settimeout(0.2)
        host.welcome(theirs)
        ends.append(ours)
        return ours

    yield come
    for end in ends:
        end.close()


@pytest.fixture(autouse=True)
def questions(monkeypatch):
    """What can be asked in these tests."""

    def echo(reply, word="nothing"):
        reply.give({"said": word})

    def later(reply, seconds=1.0):
        reply.on_cancel = lambda: cancelled.append(seconds)
        reply.later(seconds, lambda: reply.give({"waited": seconds}))

    def broken(reply):
        raise RuntimeError("secret")

    cancelled = []
    monkeypatch.setattr(answers, "ANSWERS", {"echo": echo, "later": later, "broken": broken})
    return cancelled


def say(end, agenda, line):
    end.sendall(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
    agenda.make()
    return hear(end, agenda)


def hear(end, agenda):
    agenda.make()
    got = b""
    while not got.endswith(b"\n"):
        got += end.recv(1)
    return json.loads(got)


def test_a_connection_asks_again_and_again(visit, agenda):
    end = visit()
    assert say(end, agenda, {"ask": "echo"}) == {"answer": {"said": "nothing"}}
    assert say(end, agenda, {"ask": "echo", "word": "one"}) == {"answer": {"said": "one"}}
    end.sendall(b'{"ask": "echo", "word": 1}\n{"ask": "echo", "word": 2}\n')
    agenda.make()
    assert [hear(end, agenda)["answer"]["said"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        (b"\n", "OptionError", "one line of JSON"),
        (b"status\n", "OptionError", "one line of JSON"),
        (b"[]\n", "OptionError", "there are echo, later, broken"),
        (b'{"ask": "exec"}\n', "OptionError", "there are echo, later, broken"),
        (b'{"ask": ["echo"]}\n', "OptionError", "there is no such question"),
        (b'{"ask": "echo", "seconds": 3}\n', "OptionError", "takes word, not 'seconds'"),
        (b'{"ask": "broken"}\n', "MemwatchError", "RuntimeError in questions.<locals>.broken"),
        (b"[" * 60000 + b"\n", "OptionError", "one line of JSON"),
        (b"\xff\xfe\n", "OptionError", "one line of JSON"),
        (b"x" * 70000, "MemwatchError", "at most 65536 bytes"),
    ],
)
def test_what_is_no_question_is_told_so(visit, agenda, line, kind, words):
    end = visit()
    error = say(end, agenda, line)["error"]
    assert error["kind"] == kind and words in error["message"] and "secret" not in error["message"]


def test_of_very_many_guests_the_last_are_refused(visit, agenda):
    ends = [visit() for _ in range(server.MOST_CLIENTS + 1)]
    assert "16 others ask" in hear(ends[-1], agenda)["error"]["message"]
    agenda.make()
    agenda.make()
    assert ends[-1].recv(1) == b"", "it is sent away"
    assert say(ends[0], agenda, {"ask": "echo"})["answer"]
    ends[1].close()
    agenda.make()
    assert say(visit(), agenda, {"ask": "echo"})["answer"]


def test_a_guest_who_says_nothing_is_sent_away(visit, agenda, fake_clock):
    end = visit()
    fake_clock.advance(server.SILENCE + 1)
    agenda.make()
    assert end.recv(1) == b"" and agenda.calls == [], "nobody is looked after any more"


def test_a_guest_who_does_not_read_is_sent_away(visit, agenda, fake_clock, host):
    end = visit()
    end.sendall(b'{"ask": "echo"}\n')
    agenda.make()
    host._clients[0]._send({"answer": "y" * 4_000_000})
    fake_clock.advance(9)
    agenda.make()
    assert host._clients
    fake_clock.advance(2)
    agenda.make()
    assert not host._clients


def test_an_answer_comes_when_it_is_found_and_silence_is_no_fault_meanwhile(visit, agenda, fake_clock):
    end = visit()
    end.sendall(b'{"ask": "later", "seconds": 300}\n')
    agenda.calls[0]()  # the turn alone
    fake_clock.advance(300)
    assert hear(end, agenda) == {"answer": {"waited": 300}}


def test_who_leaves_is_not_worked_for_any_more(visit, agenda, questions):
    end = visit()
    end.sendall(b'{"ask": "later", "seconds": 5}\n')
    turn = agenda.calls.pop()
    turn()
    end.close()
    agenda.calls.pop()()
    assert questions == [5]
    agenda.make()


def test_what_cannot_be_loaded_is_told():
    reply = answers.Reply(Agenda(), None, lambda value, error: None)
    with pytest.raises(UnsupportedError, match="cannot look into the heap: no room"):
        reply.when_loaded(SimpleNamespace(room=None, problem="no room"), print)
    with pytest.raises(UnsupportedError, match="loading takes too long"):
        reply.when_loaded(SimpleNamespace(room=None, problem=""), print, patience=0)
