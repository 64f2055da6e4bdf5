"""The texts of `memwatch run`."""

import os
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from memwatch.cli.descendants import Result
from memwatch.cli.screen import Outcome, Screen, Terminal, format_end, format_start, open_terminal
from memwatch.descriptors import identity
from memwatch.watch import Cost, Leak
from memwatch.watch.sample import Growth

COST = Cost(0.004, 0.006, 3, 1000)
MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
SUSPICION = Growth("suspect", "ratchet", "base", 0.0, 16.0, 16.0, 0, 1 << 20, 8, "windows")
SUSPECTED = f"suspicious: {SUSPICION.summary}"


def found(pid, *leaks, **more):
    """What a process below found in two minutes."""
    known = {"seconds": 120.0, "readings": 480, "leaks": leaks, "recovered": 0, "suspicion": ""}
    return Result(pid, "worker.py", **(known | more))


@dataclass(frozen=True)
class Told:
    """As much of a report as the screen uses."""

    fingerprint: str
    subject: str

    def to_dict(self):
        return {"fingerprint": self.fingerprint}

    def render(self, color, unicode, source):
        return f"LEAK {self.fingerprint} {color=} {unicode=}\n"


def make_leak(fingerprint="a", subject="str held by __main__.kept"):
    return Leak(MOMENT, MOMENT, 1, "heap growth", 1.0, "ratchet", "objects", Told(fingerprint, subject))


CALM = Outcome(
    watched=True,
    seconds=120.0,
    seconds_needed=64.0,
    leaks=(),
    recovered=0,
    suspicion=None,
    cost=COST,
    readings=480,
)


def test_the_first_line():
    version = ".".join(map(str, sys.version_info[:2]))
    assert (
        format_start(4211, "pure") == f"memwatch: watching pid 4211 (CPython {version}, pure); quiet until it is sure"
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "no leak seen in 2m 0s; own cost 0.4 % of CPU, 480 readings"),
        ({"children": True}, "no leak seen in this process in 2m 0s; own cost 0.4 % of CPU, 480 readings"),
        ({"cost": Cost(0.0004, 0, 0, 0)}, "no leak seen in 2m 0s; own cost under 0.1 % of CPU, 480 readings"),
        ({"seconds": 20.2}, "too short to judge (ran 20 s, needs 64 s); nothing suspicious so far"),
        ({"seconds": 0.24}, "too short to judge (ran 0.2 s, needs 64 s); nothing suspicious so far"),
        ({"seconds_needed": 3600.0}, "too short to judge (ran 2m 0s, needs 1 h); nothing suspicious so far"),
        (
            {"seconds": 20.0, "suspicion": SUSPICION},
            f"too short to judge (ran 20 s, needs 64 s); {SUSPECTED}",
        ),
        (
            {"suspicion": SUSPICION},
            f"no leak seen in 2m 0s, but {SUSPECTED}; own cost 0.4 % of CPU, 480 readings",
        ),
        ({"watched": False}, "cannot judge (watching ended before the program); nothing suspicious so far"),
        ({"recovered": 1}, "no leak grows any more after 2m 0s, 1 was freed; own cost 0.4 % of CPU, 480 readings"),
        (
            {"recovered": 1, "stopped": ("list held by a.b, no longer growing",)},
            "1 leak in 2m 0s (list held by a.b, no longer growing); own cost 0.4 % of CPU, 480 readings",
        ),
        (
            {"leaks": (make_leak(),), "seconds": 80.0},
            "1 leak in 1m 20s (str held by __main__.kept); own cost 0.4 % of CPU, 480 readings",
        ),
        (
            {"leaks": (make_leak(subject=""), make_leak(subject="a.B"))},
            "2 leaks in 2m 0s (objects, a.B); own cost 0.4 % of CPU, 480 readings",
        ),
        (
            {"others": (found(4212, "str held by a.b"),)},
            "1 leak in 2m 0s (str held by a.b in pid 4212, worker.py); own cost 0.4 % of CPU, 480 readings",
        ),
        (
            {"leaks": (make_leak(),), "others": (found(4212, "str held by __main__.kept"), found(4213, "objects"))},
            "2 leaks in 2m 0s (str held by __main__.kept in 2 processes, objects in pid 4213, worker.py); "
            "own cost 0.4 % of CPU, 480 readings",
        ),
        (
            {"seconds": 20.0, "others": (found(4212, suspicion="heap growth"),)},
            "too short to judge (ran 20 s, needs 64 s); suspicious: heap growth in pid 4212, worker.py",
        ),
        (
            {"others": (found(4212), found(4213, seconds=20.0), found(4214, readings=0))},
            "no leak seen in this process and 1 below it (2 more too short to judge) in 2m 0s; "
            "own cost 0.4 % of CPU, 480 readings",
        ),
        (
            {"others": (found(4212, recovered=1),)},
            "no leak grows any more after 2m 0s, 1 was freed; own cost 0.4 % of CPU, 480 readings",
        ),
    ],
)
def test_the_last_line(changes, line):
    assert format_end(replace(CALM, **changes)) == f"memwatch: {line}"


def test_a_leak_is_printed_once_and_again_after_it_had_recovered(tmp_path):
    path = tmp_path / "shown"
    with path.open("w") as file:
        screen = Screen(Terminal(file.fileno(), "ascii", False, False, identity(file.fileno())), pid=1)
        screen.leak(make_leak("a"))
        screen.leak(make_leak("a"))
        screen.leak(make_leak("b"))
        screen.recovered(make_leak("a"))
        screen.recovered(make_leak("a"))
        screen.leak(make_leak("a"))
    heads = [line.split(" color")[0] for line in path.read_text().splitlines() if line]
    assert heads[:2] == ["LEAK a", "LEAK b"]
    assert "has stopped growing: +1 B over 0s" in heads[2]
    assert heads[3:] == ["LEAK a"]
    assert list(screen.leaks) == ["b", "a"] and screen.recoveries == 1


def test_what_the_encoding_lacks_is_escaped(tmp_path):
    with (tmp_path / "shown").open("w") as file:
        Terminal(file.fileno(), "ascii", False, False, identity(file.fileno())).write("größe\n")
    assert (tmp_path / "shown").read_text() == "gr\\xf6\\xdfe\n"


def test_a_file_that_the_program_has_put_in_its_place_is_not_written_to(tmp_path):
    with (tmp_path / "log").open("w") as log:
        fd = log.fileno()
        terminal = Terminal(fd, "ascii", False, False, identity(fd))
        terminal.write("1")
        with (tmp_path / "data").open("w") as data:
            os.dup2(data.fileno(), fd)
        terminal.write("2")
    terminal.write("3")
    Terminal(fd, "ascii", False, False, None).write("4")
    assert ((tmp_path / "log").read_text(), (tmp_path / "data").read_text()) == ("1", "")


def test_without_a_standard_error_nothing_is_drawn():
    terminal = open_terminal(None, {})
    assert (terminal.color, terminal.unicode, terminal.encoding) == (False, False, "ascii")


def test_no_leak_seen_is_not_said_of_what_was_not_looked_at():
    gap = "not watched: 3 readings of 480 expected, its thread did not get to run"
    assert format_end(replace(CALM, gap=gap)) == f"memwatch: {gap}; nothing suspicious so far"
    assert format_end(replace(CALM, gap=gap, seconds=9.0)).startswith("memwatch: too short to judge")
    assert "1 leak in" in format_end(replace(CALM, gap=gap, leaks=(make_leak(),)))
    below = (found(5), found(6, gap=gap), found(7, seconds=9.0))
    assert (
        "no leak seen in this process and 1 below it (1 more not watched, 1 more too short to judge) in 2m 0s;"
        in format_end(replace(CALM, children=True, others=below))
    )
