"""`memwatch convert`: reads what there is, writes what is asked for, overwrites nothing by itself."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from memwatch import cli, formats
from memwatch.calltree import CallTree, Stack, stacks_of
from memwatch.frames import Frame
from memwatch.treebuilder import build

MAIN, LOAD, DROP = Frame("main", "app.py", 3), Frame("load", "app.py", 7), Frame("drop", "app.py", 9)


def tree_of(**sizes: int) -> CallTree:
    frames = {"load": LOAD, "drop": DROP}
    stacks = [Stack((MAIN, frames[name]), size, size // 8, ((8, size // 8),)) for name, size in sizes.items()]
    return CallTree(build(stacks), name="shop", time=sum(sizes.values()))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with two profiles of the same program."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.heapprofile").write_bytes(formats.write(tree_of(load=8000, drop=80), "heapprofile"))
    (tmp_path / "old.pb.gz").write_bytes(formats.write(tree_of(load=2000, drop=880), "pprof"))
    return tmp_path


def convert(*args: str) -> int:
    return cli.main(["convert", *args])


def sizes_in(path: Path) -> dict[str, int]:
    return {stack.frames[-1].function: stack.size_bytes for stack in stacks_of(formats.read_file(path).root)}


@pytest.mark.parametrize("name", list(formats.FORMATS))
def test_the_file_is_written_beside_the_profile(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "old.pb.gz" if name == "heapprofile" else "new.heapprofile"
    assert convert(source, "--to", name) == 0
    path = folder / (source.partition(".")[0] + formats.FORMATS[name].suffixes[0])
    assert path.stat().st_size > 0
    totals = "2.81 KiB in 360" if name == "heapprofile" else "7.89 KiB in 1,010"
    assert capsys.readouterr().out == f"wrote {path}: {totals} allocations, 2 call paths ({name})\n"


def test_the_suffix_of_the_output_chooses_the_format(folder: Path) -> None:
    assert convert("new.heapprofile", "-o", "elsewhere.folded") == 0
    assert (folder / "elsewhere.folded").read_text() == (
        "main (app.py:3);load (app.py:7) 8000\nmain (app.py:3);drop (app.py:9) 80\n"
    )


def test_the_format_that_is_named_wins_over_the_suffix(folder: Path) -> None:
    assert convert("new.heapprofile", "--to", "csv", "--output", "table.txt") == 0
    assert (folder / "table.txt").read_bytes().startswith(b"id,parent_id,")


def test_several_profiles_are_added_up(folder: Path) -> None:
    assert convert("new.heapprofile", "old.pb.gz", "-o", "both.csv") == 0
    assert sizes_in(folder / "both.csv") == {"load": 10_000, "drop": 960}


def test_an_older_profile_is_subtracted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert("new.heapprofile", "--base", "old.pb.gz", "-o", "change.pprof") == 0
    assert sizes_in(folder / "change.pprof") == {"load": 6000, "drop": -800}
    assert formats.read_file(folder / "change.pprof").difference
    assert capsys.readouterr().out.endswith(": +5.08 KiB in +650 allocations, 2 call paths (pprof)\n")


def test_what_shrank_is_left_out_where_it_cannot_be_shown_and_that_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert("new.heapprofile", "--base", "old.pb.gz", "-o", "change.json") == 0
    assert sizes_in(folder / "change.json") == {"load": 6000}
    assert capsys.readouterr().out.endswith(
        ": +5.86 KiB in +750 allocations, 1 call path "
        "(speedscope; what shrank is left out, the format has no negative numbers)\n"
    )


def test_standard_input_is_read(folder: Path) -> None:
    command = [sys.executable, "-m", "memwatch", "convert", "-", "-o", "new.csv"]
    done = subprocess.run(command, input=(folder / "new.heapprofile").read_bytes(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sizes_in(folder / "new.csv") == {"load": 8000, "drop": 80}


def test_standard_input_is_read_once_and_has_no_place_beside_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert("-", "--base", "-", "-o", "x.csv") == 2
    assert convert("-", "--to", "csv") == 2
    twice, beside = capsys.readouterr().err.splitlines()
    assert "standard input (-) is given twice" in twice and "say -o FILE" in beside


def test_the_numbers_of_a_pprof_file_are_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert("old.pb.gz", "--sample-type", "alloc_space", "-o", "old.csv") == 0
    assert sizes_in(folder / "old.csv") == {"load": 2000, "drop": 880}
    assert convert("new.heapprofile", "--sample-type", "alloc_space", "-o", "new.csv") == 2
    assert "pprof files alone have" in capsys.readouterr().err


def test_a_differential_flame_graph(folder: Path) -> None:
    assert convert("new.heapprofile", "--base", "old.pb.gz", "--to", "flamegraph") == 0
    assert b"drop" in (folder / "new.html").read_bytes()


def test_standard_output_holds_the_file_alone(folder: Path) -> None:
    command = [sys.executable, "-m", "memwatch", "convert", "new.heapprofile", "--to", "pprof", "-o", "-"]
    ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 0
    assert formats.read(ended.stdout).root.total_bytes == 8080
    assert ended.stderr == b"wrote standard output: 7.89 KiB in 1,010 allocations, 2 call paths (pprof)\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_standard_output_that_takes_nothing_is_an_error_in_one_line(folder: Path) -> None:
    command = [sys.executable, "-m", "memwatch", "convert", "new.heapprofile", "--to", "csv", "-o", "-"]
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stderr == b"memwatch: cannot write to standard output: No space left on device\n"


def test_standard_output_that_is_closed_is_an_error_in_one_line(folder: Path) -> None:
    shell = f"{sys.executable} -m memwatch convert new.heapprofile --to csv -o - >&-"
    ended = subprocess.run(["sh", "-c", shell], stderr=subprocess.PIPE, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (2, b"memwatch: cannot write to standard output: it is closed\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_message_that_cannot_be_said_leaves_the_file(folder: Path) -> None:
    command = [sys.executable, "-m", "memwatch", "convert", "new.heapprofile", "--to", "csv"]
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (ended.returncode, ended.stderr.count(b"\n")) == (2, 1)
    assert sizes_in(folder / "new.csv") == {"load": 8000, "drop": 80}


def test_a_name_that_the_terminal_has_no_letters_for_is_escaped(folder: Path) -> None:
    command = [sys.executable, "-m", "memwatch", "convert", "new.heapprofile", "-o", "größe.csv"]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(command, env=env, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"/gr\\xf6\\xdfe.csv: 7.89 KiB" in ended.stdout


def test_a_file_that_exists_is_replaced_only_by_force(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "new.csv").write_text("mine")
    assert convert("new.heapprofile", "--to", "csv") == 2
    assert capsys.readouterr().err == "memwatch: 'new.csv' exists; --force replaces it\n"
    assert (folder / "new.csv").read_text() == "mine"
    assert convert("new.heapprofile", "--to", "csv", "--force") == 0
    assert sizes_in(folder / "new.csv") == {"load": 8000, "drop": 80}
    assert stat.S_IMODE((folder / "new.csv").stat().st_mode) == 0o600 or os.name == "nt"


@pytest.mark.parametrize(
    "args",
    [
        ("new.heapprofile", "--to", "heapprofile", "--force"),
        ("new.heapprofile", "-o", "./new.heapprofile", "--force"),
        ("new.heapprofile", "-o", "link.heapprofile", "--force"),
        ("new.heapprofile", "--base", "old.pb.gz", "-o", "old.pb.gz", "--force"),
    ],
)
def test_a_profile_that_is_read_is_never_overwritten(
    args: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "link.heapprofile").symlink_to("new.heapprofile")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert convert(*args) == 2
    assert "is a profile to be read, and is not overwritten; name another with -o" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ("new.heapprofile",),
            "say --to FORMAT, one of heapprofile, pprof, speedscope, collapsed, flamegraph, csv, or -o FILE",
        ),
        (("new.heapprofile", "-o", "-"), "say --to FORMAT"),
        (("new.heapprofile", "--to", "svg"), "there is no format 'svg'; there are heapprofile, pprof,"),
        (
            ("new.heapprofile", "-o", "new.png"),
            "no format has the suffix of 'new.png'; there are .heapprofile (heapprofile),",
        ),
        (("none.csv", "--to", "pprof"), "cannot read 'none.csv': No such file or directory"),
        ((".", "--to", "csv"), "cannot read '.': Is a directory"),
        (("new.heapprofile", "--base", "none", "--to", "csv"), "cannot read 'none': No such file or directory"),
        (
            ("empty", "--to", "csv"),
            "'empty' is no profile that memwatch can read: it is empty; memwatch reads heapprofile,",
        ),
        (("cut.heapprofile", "--to", "csv"), "'cut.heapprofile' is no profile that memwatch can read: broken JSON:"),
        (("page.html", "--to", "csv"), "'page.html' is no profile that memwatch can read: it is a page (HTML or XML)"),
        (
            ("new.heapprofile", "-o", "no/such/folder.csv"),
            "cannot write 'no/such/folder.csv': No such file or directory",
        ),
        (("new.heapprofile", "--to", "csv", "-o", "folder"), "cannot write 'folder': Is a directory"),
        (("new.heapprofile", "--base", "", "--to", "csv"), "cannot read '': No such file or directory"),
        (("new.heapprofile", "--to", "csv", "-o", ""), "cannot write ''"),
        (("/dev/null", "--to", "csv"), "'/dev/null' is no file, and nothing is written beside it; say -o FILE"),
        (("line\nbreak", "--to", "csv"), "cannot read 'line\\nbreak'"),
        (("huge.csv", "--to", "pprof"), "cannot write pprof: pprof holds numbers up to 2**63 - 1"),
    ],
)
def test_an_error_is_one_line_and_nothing_is_written(
    args: tuple[str, ...], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty").touch()
    (folder / "folder").mkdir()
    (folder / "cut.heapprofile").write_bytes((folder / "new.heapprofile").read_bytes()[:-50])
    (folder / "page.html").write_bytes(b"<!doctype html><title>heap</title>")
    (folder / "huge.csv").write_bytes(formats.write(CallTree(build([Stack((MAIN,), 2**63, 1)])), "csv"))
    before = sorted(folder.iterdir())
    assert convert(*args) == 2
    written = capsys.readouterr()
    assert written.err.startswith(f"memwatch: {message}")
    assert written.err.count("\n") == 1 and written.out == ""
    assert sorted(folder.iterdir()) == before


def test_without_a_profile_there_is_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        convert("--to", "csv")
    assert ended.value.code == 2
    assert "the following arguments are required: PROFILE" in capsys.readouterr().err


def test_formats_are_not_loaded_to_run_a_program(folder: Path) -> None:
    code = "import sys\nprint([name for name in sys.modules if name.startswith('memwatch.formats')])"
    (folder / "program.py").write_text(code)
    command = [sys.executable, "-m", "memwatch", "run", "program.py"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "[]\n"
