"""The value: differences, sums, parts, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memwatch import errors, formats
from memwatch.calltree import CallTree, Stack
from memwatch.frames import Frame
from memwatch.profile import Profile
from memwatch.treebuilder import build

MAIN, LOAD, PARSE = Frame("main", "app.py", 3), Frame("load", "app.py", 7, 5), Frame("parse", "lib/json.py", 90)


def taken(*stacks: Stack, time: float = 100.0, pid: int = 7, **more: Any) -> Profile:
    return Profile(CallTree(build(stacks), source="tracemalloc", time=time, pid=pid, **more), 64, time - 10)


OLD = taken(Stack((MAIN, LOAD), 2000, 2, ((1000, 2),)), Stack((MAIN, PARSE), 700, 1, ((700, 1),)))
NEW = taken(Stack((MAIN, LOAD), 5000, 5, ((1000, 5),)), time=160.0, pid=8, notes=("half of it",))


def test_it_prints_the_lines_that_hold_the_most() -> None:
    both = taken(Stack((MAIN, LOAD), 2048, 2), Stack((LOAD,), 1024, 1), Stack((MAIN, PARSE), 70, 1), notes=("cut",))
    assert str(both).splitlines() == [
        "3.07 KiB in 4 allocations, by tracemalloc",
        "    3.00 KiB           3  load  app.py:7",
        "        70 B           1  parse  lib/json.py:90",
        "note: cut",
    ]
    assert repr(both) == "<Profile 3.07 KiB in 4 allocations, by tracemalloc>"


def test_it_prints_ten_lines_at_most_and_what_does_not_print_escaped() -> None:
    many = taken(*(Stack((Frame(f"f\n{number}", "x" * 300, number),), 1, 1) for number in range(30)))
    lines = str(many).splitlines()
    assert len(lines) == 11 and all(len(line) < 150 for line in lines)


def test_an_empty_profile_prints() -> None:
    assert str(taken()) == "0 B in 0 allocations, by tracemalloc"


def test_a_difference_is_signed() -> None:
    change = NEW.diff(OLD)
    assert (change.root.total_bytes, change.started, change.tree.difference) == (2300, 100.0, True)
    assert str(change).splitlines()[:3] == [
        "+2.25 KiB in 2 allocations, by tracemalloc",
        "   +2.93 KiB          +3  load  app.py:7",
        "      -700 B          -1  parse  lib/json.py:90",
    ]


def test_a_sum_is_of_all_processes() -> None:
    both = OLD.merge(NEW, NEW)
    assert (both.root.total_bytes, both.pid, both.time, both.started) == (12_700, 0, 160.0, 90.0)
    assert both.notes == ("half of it",)


@pytest.mark.parametrize(
    "conditions",
    [
        {"function": "par"},
        {"file": "lib/"},
        {"where": lambda frame: frame.line == 90},
        {"function": "p", "file": "json"},
    ],
)
def test_a_part_is_the_paths_through_a_frame(conditions: Any) -> None:
    assert OLD.filter(**conditions).root.total_bytes == 700


def test_conditions_hold_for_one_and_the_same_frame() -> None:
    assert OLD.filter(function="main", file="lib").root.total_bytes == 0
    assert OLD.filter(function="main").root.total_bytes == OLD.root.total_bytes


@pytest.mark.parametrize("conditions", [{}, {"function": 5}, {"file": None}])
def test_a_filter_without_a_condition_is_refused(conditions: Any) -> None:
    with pytest.raises(errors.OptionError, match="filter"):
        OLD.filter(**conditions)


@pytest.mark.parametrize("other", [None, OLD.tree, 5])
def test_only_profiles_are_compared(other: Any) -> None:
    with pytest.raises(errors.OptionError, match="compared with a Profile"):
        OLD.diff(other)


def test_it_is_json_and_a_file(tmp_path: Path) -> None:
    told = json.loads(json.dumps(NEW.to_dict()))
    assert (told["source"], told["stack_depth"], told["notes"]) == ("tracemalloc", 64, ["half of it"])
    assert told["root"]["total_bytes"] == 5000 == len(NEW.nodes()) * 5000 // 3
    written = NEW.write(tmp_path / "heap.dat", format="pprof")
    assert formats.read_file(written).root.total_bytes == 5000


def test_it_is_frozen() -> None:
    with pytest.raises(AttributeError):
        OLD.stack_depth = 5  # type: ignore[misc]
