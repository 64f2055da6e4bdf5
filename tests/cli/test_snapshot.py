"""`memwatch snapshot`: tells what is in a file of any origin, and says in one line what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memwatch import cli
from memwatch.formats.heapsnapshot import writer

STRINGS = ["", "(GC roots)", "(Modules)", "<module app>", "app", "app.Order", "orders"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with two snapshots of one program: it keeps 3 orders, then 30."""
    monkeypatch.chdir(tmp_path)
    for name, count in (("old", 3), ("new", 30)):
        nodes = [(9, 0, 1, 0, 1), (9, 1, 2, 0, 1), (9, 2, 3, 0, 1), (3, 3, 65_536, 10, count)]
        nodes += [(3, 5, 70_000 + number, 100, 0) for number in range(count)]
        edges = [(1, 0, 1), (1, 0, 2), (2, 4, 3), *((2, 6, 4 + number) for number in range(count))]
        with open(f"{name}.heapsnapshot", "wb") as file:
            writer.write(file, (len(nodes), len(edges)), nodes, edges, STRINGS, {})
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_it_tells_where_much_hangs_and_the_classes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["snapshot", "new.heapsnapshot"]) == 0
    out = capsys.readouterr().out
    assert "<module app> at (Modules) > app" in out
    assert "app.Order" in out


@pytest.mark.usefixtures("folder")
def test_it_compares_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["snapshot", "--compare", "old.heapsnapshot", "new.heapsnapshot"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:3] == ["app.Order", "+27", "-0"]
    assert lines[1].endswith("<module app> at (Modules) > app")
    assert cli.main(["snapshot", "--json", "--compare", "old.heapsnapshot", "new.heapsnapshot"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["retained_bytes"] == 2700


@pytest.mark.usefixtures("folder")
def test_it_tells_who_holds_a_class(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["snapshot", "new.heapsnapshot", "--type", "app.Order"]) == 0
    assert "kept by <module app> at (Modules) > app" in capsys.readouterr().out
    assert cli.main(["snapshot", "new.heapsnapshot", "--type", "app.Customer"]) == 2
    assert "has no object of the class app.Customer" in capsys.readouterr().err


def test_what_cannot_be_read_is_told_in_a_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "cut.heapsnapshot").write_bytes((folder / "new.heapsnapshot").read_bytes()[:-30])
    for name, reason in (("cut", "truncated"), ("none", "No such file")):
        assert cli.main(["snapshot", "--compare", "new.heapsnapshot", f"{name}.heapsnapshot"]) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"memwatch: {name}.heapsnapshot: ")
        assert reason in told
    with pytest.raises(SystemExit):
        cli.main(["snapshot"])
    assert "give FILE" in capsys.readouterr().err
