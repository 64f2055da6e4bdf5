"""`memwatch run` where a program finds no home, no place for files, no name, or nothing that it can write to."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from .conftest import Ended, Lab

READ_ONLY = ("unshare", "--map-root-user", "--mount", "sh", "-c", 'mount -o remount,bind,ro / && exec "$@"', "sh")
"""Begins a command that sees the file system of / as read-only."""


def assert_ran_and_was_watched(ended: Ended, printed: str) -> None:
    assert (ended.status, ended.stdout, ended.stderr) == (0, f"{printed}\n", "")
    first, last = ended.own
    assert first.startswith("memwatch: watching pid ")
    assert last.startswith("memwatch: too short to judge ")


def test_without_a_home_and_a_place_for_files(lab: Lab) -> None:
    lab.write("x.py", "import os; print(os.path.exists(os.environ['HOME']), os.path.exists(os.environ['TMPDIR']))")
    nowhere = str(lab.folder / "nowhere")
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), nowhere)
    assert_ran_and_was_watched(lab.watched("x.py", **places), "False False")


@pytest.mark.skipif(sys.platform == "win32", reason="users have no numbers there")
def test_a_user_without_a_name(lab: Lab) -> None:
    """The user's number stands in no list, and no variable names the user."""
    lab.write(
        "sitecustomize.py",
        """
        import pwd
        def find(user):
            raise KeyError(f"getpwuid(): uid not found: {user}")
        pwd.getpwuid = find
        """,
    )
    lab.write("x.py", "import os; print(os.path.expanduser('~'))")
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME"):
        lab.env.pop(name, None)
    lab.env["PYTHONPATH"] += f":{lab.folder}"
    assert_ran_and_was_watched(lab.watched("x.py"), "~")


def test_a_read_only_file_system(lab: Lab) -> None:
    lab.write(
        "x.py",
        """
        try:
            open("y", "w")
        except OSError as error:
            print(error.strerror)
        """,
    )
    beginning = [shutil.which("unshare") or "", *READ_ONLY[1:]]
    if not beginning[0] or subprocess.run([*beginning, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be made read-only for one process here: unshare is missing or forbidden")
    watched = [*beginning, sys.executable, "-m", "memwatch", "run"]
    assert_ran_and_was_watched(lab.end(lab.start(*watched, "x.py")), "Read-only file system")
    asked = lab.end(lab.start(*watched, "--json", "events.jsonl", "x.py"))
    assert (asked.status, asked.stdout) == (2, "")
    assert "cannot append events" in asked.stderr
