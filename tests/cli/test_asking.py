"""`memwatch ps`, `status`, `report`, `diff`, `profile` and `gc`: what they print, and how they fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import memwatch
from memwatch.backend import name as backend
from memwatch.cli import main, ps
from memwatch.errors import ProcessError
from memwatch.reach import folder

pytestmark = pytest.mark.skipif(not folder.is_supported(), reason="there are no such sockets")

HERE = str(os.getpid())


@pytest.fixture
def watched(tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("mw")
    monkeypatch.setattr(folder, "folders", lambda: [str(home / "memwatch")])
    yield memwatch.start(tick=0.02)
    memwatch.stop()


def test_ps_lists_what_is_watched(watched, capsys):
    assert main(["ps"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["pid", "state", "age", "base", "rss", "growth", "cpu", "program", "culprit"]
    assert row.split()[:2] == [HERE, "starting"]
    assert main(["ps", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pid"] == os.getpid()
    memwatch.stop()
    assert main(["ps"]) == 0 and capsys.readouterr().err == "no process of this user is watched\n"


def test_ps_fits_a_narrow_terminal_and_tells_of_the_silent():
    answer = {
        "state": "leak",
        "age_seconds": 7200.0,
        "base_bytes": 1 << 30,
        "rss_bytes": 2 << 30,
        "growth": {"rate_bytes_per_hour": 10 << 20},
        "cost": {"cpu_share": 0.003},
        "program": "gunicorn\x1b[2J",
        "culprit": "app.Order held by app.CACHE",
    }
    lines = ps.table([(7, answer), (4211, ProcessError("process 4211 is stopped"))], 0)
    assert lines == [
        " pid   state  age      base       rss       growth    cpu  program          culprit",
        "   7    leak  2 h  1.00 GiB  2.00 GiB  +10.0 MiB/h  0.3 %  gunicorn\\x1b[2J  app.Order held by app.CACHE",
        "4211  silent    -         -         -            -      -                   process 4211 is stopped",
    ]
    assert ps.table([(7, answer), (4211, ProcessError("process 4211 is stopped"))], 50) == [
        " pid   state  age      base       growth    cpu",
        "   7    leak  2 h  1.00 GiB  +10.0 MiB/h  0.3 %",
        "       gunicorn\\x1b[2J: app.Order held by app.CACHE",
        "4211  silent    -         -            -      -",
        "       process 4211 is stopped",
    ]
    assert ps.table([(7, answer)], 20)[:2] == ["pid  state       growth", "  7   leak  +10.0 MiB/h"]


def test_status_for_a_person_and_for_a_machine(watched, capsys):
    assert main(["status", HERE]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"pid {HERE}  starting") and "a leak is reported after 1 h at the earliest" in out
    assert main(["status", HERE, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["backend"] == backend


@pytest.mark.parametrize("command", ["report", "diff"])
def test_looks(watched, capsys, command):
    assert main([command, HERE, "--for", "0.2s"]) == 0
    assert ("NOW  pid" if command == "report" else "two looks, longest pause") in capsys.readouterr().out
    assert main([command, HERE, "--for", "0.2", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


def test_gc(watched, capsys):
    assert main(["gc", HERE]) == 0 and f"pid {HERE}  freed " in capsys.readouterr().out
    assert main(["gc", HERE, "--json"]) == 0 and json.loads(capsys.readouterr().out)["after_bytes"] > 0


@pytest.mark.skipif(backend != "native", reason="the pure backend samples nothing")
def test_profile(watched, capsys, tmp_path):
    kept = [bytearray(100_000) for _ in range(100)]
    assert main(["profile", HERE]) == 0 and "by sampler" in capsys.readouterr().out
    page = tmp_path / "heap.html"
    assert main(["profile", HERE, "-o", str(page)]) == 0 and "(flamegraph)" in capsys.readouterr().err
    assert page.read_text().startswith("<!doctype html>")
    assert main(["profile", HERE, "-o", str(page)]) == 1 and "--force replaces it" in capsys.readouterr().err
    assert main(["profile", HERE, "-o", str(page), "--force"]) == 0
    assert main(["profile", HERE, "-o", "x.unknown"]) == 1 and "no format has the suffix" in capsys.readouterr().err
    capsys.readouterr()
    assert main(["profile", HERE, "--json"]) == 0 and json.loads(capsys.readouterr().out)["root"]["total_bytes"] > 1e6
    del kept


@pytest.mark.parametrize("command", ["status", "report", "diff", "profile", "gc"])
def test_what_cannot_be_asked(watched, capsys, command):
    assert main([command, "999999999"]) == 1
    assert capsys.readouterr().err == "memwatch: there is no process 999999999\n"
    for bad in ("0", "4294967296") if command == "report" else ("x", "-3", "0", "4294967296", "٣"):
        with pytest.raises(SystemExit):
            main([command, bad])
    assert "is no number of a process" in capsys.readouterr().err


def test_a_report_of_a_process_as_a_page_and_what_is_of_recordings_alone(watched, capsys, tmp_path):
    page = tmp_path / "now.html"
    assert main(["report", HERE, "--for", "0.1", "--html", str(page)]) == 0
    assert page.read_text().startswith("<!doctype html>") and str(page) in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["report", HERE, "--since", "1.0"])
    assert "about a recording, not about a process" in capsys.readouterr().err


@pytest.mark.parametrize("time", ["", "x", "-1", "3d", "1 s", "nan"])
def test_what_is_no_time(watched, capsys, time):
    with pytest.raises(SystemExit):
        main(["report", HERE, f"--for={time}"])
    assert "is no time" in capsys.readouterr().err


def test_to_needs_a_place(watched, capsys):
    with pytest.raises(SystemExit):
        main(["profile", HERE, "--to", "pprof"])
    assert "--to FORMAT needs -o FILE" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough():
    code = "import sys; from memwatch.cli import main; sys.exit(main(['ps']))"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr.replace("no process of this user is watched\n", "")) == (0, "")


def test_a_process_writes_its_heap(watched, tmp_path, capsys):
    path = tmp_path / "asked.heapsnapshot"
    if backend == "native":
        assert main(["snapshot", HERE, "-o", str(path)]) == 0
        assert capsys.readouterr().out.startswith(f"wrote {path}: ")
        assert path.stat().st_mode & 0o777 == 0o600
    assert main(["snapshot", HERE, "-o", str(tmp_path / "missing" / "heap")]) == 1
    assert "there is no directory" in capsys.readouterr().err
