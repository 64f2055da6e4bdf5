"""`memwatch top`: the plain text of it, and how it fails."""

from __future__ import annotations

import builtins
import os
import sys

import pytest

import memwatch
from memwatch.cli import main, top
from memwatch.reach import folder

pytestmark = pytest.mark.skipif(not folder.is_supported(), reason="there are no such sockets")

HERE = str(os.getpid())


@pytest.fixture
def sockets(tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("mw")
    monkeypatch.setattr(folder, "folders", lambda: [str(home / "memwatch")])


@pytest.fixture
def watched(sockets):
    yield memwatch.start(tick=0.02)
    memwatch.stop()


@pytest.mark.parametrize("what", [[HERE], []], ids=["a process", "the one that grows fastest"])
def test_once_prints_plain_text(watched, capsys, monkeypatch, what):
    monkeypatch.setenv("COLUMNS", "100")
    kept = bytearray(200_000)
    assert main(["top", *what, "--once", "--for", "0.2s"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"STARTING  pid {HERE}  ") and "\nmemory   " in out and "in 0.2 s, until " in out
    assert max(map(len, out.split("\n"))) <= 100 and "\x1b" not in out
    del kept


def test_where_there_is_no_terminal_it_is_printed_once(watched, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert main(["top", HERE, "--for", "0.1"]) == 0
    assert max(map(len, capsys.readouterr().out.split("\n"))) <= 20


def test_what_there_is_to_install_for_the_whole_terminal(watched, capsys, monkeypatch):
    real = builtins.__import__

    def without(name, *given):
        if name.partition(".")[0] in ("textual", "rich"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *given)

    monkeypatch.delitem(sys.modules, "memwatch.top.app", raising=False)
    monkeypatch.setattr(top, "_has_terminal", lambda: True)
    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["top", HERE]) == 1
    assert "pip install 'memwatch[top]'" in capsys.readouterr().err


def test_what_cannot_be_followed(sockets, capsys, tmp_path):
    assert main(["top", "--once"]) == 1
    assert "no process of this user is watched" in capsys.readouterr().err
    assert main(["top", "999999999", "--once"]) == 1
    assert capsys.readouterr().err == "memwatch: there is no process 999999999\n"
    assert main(["top", str(tmp_path / "missing.db"), "--once"]) == 1
    assert capsys.readouterr().err.startswith("memwatch: ")
    for words, message in (
        (["0"], "is no number of a process"),
        ([HERE, "--for", "0"], "--for takes 0.1 seconds or more"),
    ):
        with pytest.raises(SystemExit):
            main(["top", *words])
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("terminal", "term", "has"), [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)]
)
def test_whether_there_is_a_terminal(monkeypatch, terminal, term, has):
    class Stream:
        def isatty(self):
            return terminal

    monkeypatch.setenv("TERM", term)
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Stream())
    assert top._has_terminal() is has
    monkeypatch.setattr(sys, "stdin", None)
    assert not top._has_terminal()
