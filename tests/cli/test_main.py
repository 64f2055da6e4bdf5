"""The command line as a whole: version, help, what was perhaps meant, and lines as wide as the terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import memwatch
from memwatch.cli import main, make_parser
from memwatch.cli.output import Wrapping
from memwatch.tables import wrapped

ROOT = Path(__file__).parent.parent.parent
COMMANDS = ["run", "report", "usage", "ps", "status", "profile", "diff", "gc", "mcp", "convert", "completion"]


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[object, str, str]:
    """The exit status, and what was printed."""
    with pytest.raises(SystemExit) as end:
        main(argv)
    return end.value.code, *capsys.readouterr()


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--version") == (0, f"memwatch {memwatch.__version__}\n", "")


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["rnu", "app.py"], "run"),
        (["--vesion"], "--version"),
        (["run", "--prfile=x.html", "app.py"], "--profile"),
        (["usage", "--jsn", "1"], "--json"),
        (["report", "x", "--for-agent"], "--for-agents"),
    ],
)
def test_a_word_that_nearly_fits_is_suggested(argv: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, errors = said(capsys, *argv)
    assert status == 2 and errors.endswith(f"did you mean {meant}?\n")


def test_no_command_is_a_question(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, errors = said(capsys)
    assert status == 2 and errors.endswith("which COMMAND? `memwatch --help` lists them\n")


def test_what_is_like_nothing_gets_no_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, errors = said(capsys, "ps", "--zzz")
    assert errors.splitlines()[-1] == "memwatch ps: error: unrecognized arguments: --zzz"


def test_the_help_has_every_command_and_status(capsys: pytest.CaptureFixture[str]) -> None:
    _, text, _ = said(capsys, "--help")
    assert set(re.findall(r"^    ([a-z]+)\b", text, re.MULTILINE)) >= set(COMMANDS)
    assert re.findall(r"^  (\d+)  ", text, re.MULTILINE) == ["0", "1", "2", "130"]


def test_what_the_pages_show_can_be_given() -> None:
    """Each option of `memwatch COMMAND --option` in a page is one that the help has."""
    (subparsers,) = [action for action in make_parser()._actions if isinstance(action.choices, dict)]
    wrong = []
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for command, rest in re.findall(r"\bmemwatch (\w+) ([^`\n]*)", page.read_text(encoding="utf-8")):
            if command in subparsers.choices:
                known = subparsers.choices[command].format_help()
                given = re.findall(r"(?<![\w-])--[a-z][a-z-]*", re.split(r"\.py|-m ", rest)[0])
                wrong += [(page.name, command, option) for option in given if option not in known]
    assert wrong == []


@pytest.mark.parametrize("width", [20, 40, 80])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int) -> None:
    text = (
        "     allocated   examples/slightly_leaky.py:33 in leak_a_little   27 samples\n"
        "     held by     module __main__ > kept: list, 641 items > [index]\n\n"
        f"  {'x' * 100}\nshort"
    )
    lines = wrapped(text, width).splitlines()
    assert max(map(len, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert lines[-1] == "short" and "" in lines


def test_what_goes_on_begins_behind_the_label() -> None:
    assert wrapped("  hint   drop items when they are done with", 30).splitlines() == [
        "  hint   drop items when they",
        "         are done with",
    ]


def test_a_row_of_a_narrow_table_stays_in_sight_of_its_name() -> None:
    row = "  str                     -79       >=535     +1.60 MiB    87 %"
    assert wrapped(row, 80).splitlines() == [row]
    assert wrapped(row, 40).splitlines() == ["  str  -79  >=535  +1.60 MiB  87 %"]
    assert wrapped(row, 32).splitlines() == ["  str  -79  >=535  +1.60 MiB", "    87 %"]
    assert wrapped("     1 of 2 workers, 41.0 MiB/h each", 30).splitlines()[1] == "       MiB/h each"


def test_colours_take_no_room() -> None:
    line = "\x1b[31mLEAK\x1b[0m  pid 4211 after 64 s"
    assert wrapped(line, 25) == line
    assert len(wrapped(line, 20).splitlines()) == 2


def in_terminal(columns: int, *argv: str, **variables: str) -> str:
    """What a command prints on a terminal that is so wide."""
    pty = pytest.importorskip("pty")
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    command = [sys.executable, "-m", "memwatch", *argv]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**environ, **variables}) as started:
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 65536):
                text += part
        except OSError:  # the other end is closed
            pass
        started.wait(30)
    os.close(ours)
    return text.decode()


def test_a_terminal_of_twenty_columns() -> None:
    text = in_terminal(20, "usage", str(os.getpid()))
    assert max(map(len, text.splitlines())) <= 20
    assert "MiB" in text and str(os.getpid()) in text


@pytest.mark.slow
def test_an_ascii_locale_and_no_colour() -> None:
    text = in_terminal(80, "usage", str(os.getpid()), LC_ALL="C", PYTHONUTF8="0", NO_COLOR="1", TERM="dumb")
    assert text.isascii() and "\x1b" not in text


def test_what_is_no_terminal_gets_whole_lines() -> None:
    command = [sys.executable, "-m", "memwatch", "usage", str(os.getpid())]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "20"}, check=True)
    assert max(map(len, done.stdout.splitlines())) > 60


def test_lines_come_whole_also_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    with (tmp_path / "out").open("w", encoding="utf-8") as stream:
        output = Wrapping(stream)
        output.write("one two ")
        output.write("three\nfo")
        output.write("ur")
        output.end()
    assert (tmp_path / "out").read_text(encoding="utf-8") == "one two\n  three\nfour"


def test_completion_needs_shtab_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 1
    assert "pip install 'memwatch[cli]'" in capsys.readouterr().err


@pytest.mark.clients
@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_names_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert "fail-on-leak" in text and all(command in text for command in COMMANDS)
