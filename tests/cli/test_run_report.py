"""`memwatch run --report FILE` and `--show-keys`: the page of a leak, in the program and in its children."""

from __future__ import annotations

import stat

import pytest

from memwatch.retain.search import IN_C

from .conftest import FORKING

NESTED = """
import memwatch
kept = {"".join(["hunter", "2 is secret"]): []}
def leak():
    for _ in range(6):
        for value in kept.values():
            value.extend(bytes(1000) for _ in range(2000))
        memwatch.gc()
"""


def test_a_leak_is_written_as_a_page_and_that_is_said_below_it(leaky):
    leaky.write("x.py", "import os, rounds\nos.mkdir('elsewhere')\nos.chdir('elsewhere')\nrounds.leak()\n")
    ended = leaky.watched("--report", "leak.html", "x.py")
    page = leaky.folder / "leak.html"
    assert ended.own[1] == f"memwatch: report written to {page}"
    assert "LEAK  pid " in ended.stderr and "next   memwatch run" not in ended.stderr
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>") and text.endswith("</html>\n")
    assert "heap growth over 5 consecutive GCs" in text
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_without_a_leak_there_is_no_page(lab):
    lab.write("x.py", "pass")
    assert len(lab.watched("--report", "leak.html", "x.py").own) == 2
    assert not (lab.folder / "leak.html").exists()


@pytest.mark.parametrize(
    ("file", "complaint"), [("folder.html", "it is a directory"), ("absent/leak.html", "there is no directory")]
)
def test_a_file_that_could_not_be_written_is_refused_at_once(lab, file, complaint):
    lab.write("x.py", "print('started')")
    (lab.folder / "folder.html").mkdir()
    ended = lab.watched("--report", file, "x.py")
    assert (ended.status, ended.stdout) == (2, "")
    assert complaint in ended.stderr and "usage: memwatch" in ended.stderr


@pytest.mark.filterwarnings("ignore")
def test_a_child_writes_a_page_of_its_own(leaky):
    leaky.write("x.py", FORKING)
    child = leaky.watched("--report", "leak.html", "x.py").stdout.strip()
    assert [path.name for path in leaky.folder.glob("*.html")] == [f"leak-{child}.html"]


def test_a_started_child_writes_a_page_of_its_own(leaky):
    leaky.write("child.py", "import memwatch.autostart, os, rounds\nrounds.leak()\nprint(os.getpid())\n")
    leaky.write("x.py", "import subprocess, sys\nsubprocess.run([sys.executable, 'child.py'], check=True)\n")
    child = leaky.watched("--report", "leak.html", "x.py").stdout.strip()
    assert [path.name for path in leaky.folder.glob("*.html")] == [f"leak-{child}.html"]


def test_the_variable_gives_every_process_a_page_of_its_own(leaky):
    leaky.write("x.py", "import memwatch.autostart, os, rounds\nrounds.leak()\nprint(os.getpid())\n")
    ended = leaky.python("x.py", MEMWATCH_HTML="leak.html")
    assert [path.name for path in leaky.folder.glob("*.html")] == [f"leak-{ended.stdout.strip()}.html"]
    ended = leaky.python("x.py", MEMWATCH_HTML="absent/leak.html")
    assert "MEMWATCH_HTML: cannot write a report" in "".join((ended.stderr, *ended.own))


@pytest.mark.skipif(not IN_C, reason="without the C extension the search for holders takes longer than these rounds")
@pytest.mark.parametrize("options", [(), ("--show-keys",)])
def test_keys_are_shown_where_they_were_asked_for(lab, options):
    lab.write("rounds.py", NESTED)
    lab.write("x.py", "import rounds\nrounds.leak()\n")
    ended = lab.watched(*options, "--report", "leak.html", "--json", "events.jsonl", "x.py")
    faces = (ended.stderr, (lab.folder / "leak.html").read_text("utf-8"), str(lab.events()))
    assert [("hunter2 is secret" in face) for face in faces] == [bool(options)] * 3
