"""Interpreters that are made and stay are told as such, with the line that makes them."""

from __future__ import annotations

import pytest

from memwatch.diagnosis.account import Account
from memwatch.diagnosis.interpreters import with_interpreters
from memwatch.diagnosis.lines import NO_OBJECT, Site
from memwatch.diagnosis.report import Suspect

MIB = 1 << 20
ACCOUNT = Account(grew=100 * MIB, walked=True, sampled=True)
CODE = Suspect("code", 900, 30 * MIB, 0.3, 0.3, None, 0, "references lost", "")
RAW = Suspect(NO_OBJECT, 10, 25 * MIB, 0.25, 0.25, None, 0, "memory of C", "")


def site(label: str, size_bytes: int, *files: str, native: bool = False) -> Site:
    frames = tuple({"function": "f", "file": file, "line": 1, "in_app": file.startswith("app")} for file in files)
    return Site(frames, 40, 40.0, size_bytes, label, native)


IN_THEM = site("code", 30 * MIB, "<frozen importlib._bootstrap_external>")
OF_C = site(NO_OBJECT, 25 * MIB, "app/c.py", native=True)


@pytest.mark.parametrize(
    "files",
    [
        ("app/main.py",),
        ("/lib/python3.14/concurrent/interpreters/__init__.py", "app/main.py"),
        ("/lib/python3.14/concurrent/futures/interpreter.py", "/lib/python3.14/threading.py"),
    ],
)
def test_what_nothing_holds_is_theirs_and_the_line_that_makes_them_is_named(files: tuple[str, ...]) -> None:
    maker = site(NO_OBJECT, 10 * MIB, *files)
    told = with_interpreters([CODE, RAW], [IN_THEM, OF_C, maker, site("str", 5 * MIB, "app/other.py")], ACCOUNT, 20)
    assert [(it.type, it.count_growth, it.share) for it in told] == [("interpreter", 20, 0.45), (NO_OBJECT, 10, 0.25)]
    assert [frame["file"] for frame in told[0].allocated_at] == list(files)
    assert told[0].cause.startswith("interpreters that are made and not closed")


def test_without_a_line_of_the_program_none_is_named() -> None:
    assert [it.allocated_at for it in with_interpreters([CODE], [IN_THEM], ACCOUNT, 20)] == [()]


@pytest.mark.parametrize(("loose", "more"), [([IN_THEM], 1), ([OF_C], 20), ([], 20)])
def test_what_cannot_be_theirs_stays_as_it_is(loose: list[Site], more: int) -> None:
    assert with_interpreters([CODE, RAW], loose, ACCOUNT, more) == (CODE, RAW)
