"""What many lives tell together: the same leak in several workers, and whether a fix worked."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing

import pytest

from memwatch.cli import main
from memwatch.errors import RecordingError
from memwatch.recording.cases import put_together, roles_of
from memwatch.recording.compare import compare, split_by_release, split_since
from memwatch.recording.lives import Reader

from .conftest import FINGERPRINT, TUESDAY

MIB = 1 << 20


def read(path):
    with Reader(path) as reader:
        return reader.lives(), reader.leaks()


def test_the_same_leak_in_three_of_eight_workers_is_one_case(shop, path, capsys):
    for number in range(8):
        shop(number, 7200, rate=41.0 if number < 3 else 0.1, after=1800 if number < 3 else None)
    shop(0, 7200, role="gunicorn")
    shop(90000, 7200, release="1.1")
    lives, leaks = read(path)
    (case,) = put_together(lives, leaks)
    assert (len(case.lives), case.of, case.rate, case.recovered) == (3, 8, 41.0 * MIB, 0)
    assert [(role.role, role.lives) for role in roles_of(lives)] == [("gunicorn worker", 9), ("gunicorn", 1)]
    assert main(["report", path]) == 0
    shown = capsys.readouterr().out
    assert "  1  app.Order held by app.CACHE\n     3 of 8 workers (gunicorn worker), 41.0 MiB/h each" in shown
    assert "first seen" in shown and "14:32" in shown and "; in 1.0" in shown


def test_told_again_counts_once_and_what_stopped_is_said(shop, path, capsys):
    life = shop(0, 7200, rate=41.0, after=1800, over=4000)
    with closing(sqlite3.connect(path)) as connection, connection:
        names = "life, time, fingerprint, verdict, subject, growth, rate, recovered, report, text, page"
        connection.execute(f"insert into leaks ({names}) select {names} from leaks")
    lives, leaks = read(path)
    (case,) = put_together(lives, leaks)
    assert len(leaks) == 2 and case.lives == (life,) and case.recovered == 1
    main(["report", path])
    assert "stopped in 1 of these" in capsys.readouterr().out


def test_a_leak_is_shown_by_its_number_or_its_fingerprint(shop, path, capsys):
    shop(0, 7200, rate=41.0, after=1800)
    for name in ("1", FINGERPRINT, "0123"):
        assert main(["report", path, name]) == 0
        assert capsys.readouterr().out.endswith("\n\nLEAK\n")
    shop(0, 7200, rate=99.0, after=1800, name="fedcba987654")
    assert main(["report", path, "0123"]) == 0
    assert capsys.readouterr().out.startswith("  2  app.Order")
    assert main(["report", path, "3"]) == 1
    assert "there is no leak '3': the list has 2" in capsys.readouterr().err
    assert main(["report", path, "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {}


def test_the_list_is_json_and_a_page_too(shop, path, tmp_path, capsys):
    shop(0, 7200, rate=41.0, after=1800, role="<worker>")
    assert main(["report", path, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == 1 and found["leaks"][0]["of"] == 1 and found["lives"][0]["state"] == "exit"
    page = tmp_path / "shop.html"
    assert main(["report", path, "--html", str(page)]) == 0
    assert "1 of 1 process (&lt;worker&gt;)" in (text := page.read_text()) and "<worker>" not in text
    assert '<td data-name="role">&lt;worker&gt;</td>' in text, "in a narrow window a cell bears the name of its column"


OUTCOMES = {
    # reported by so many of so many older lives; newer lives, each of so many seconds; outcome, confidence
    "all reported, watched as long": (8, 8, 8, 7200, "gone", 1 - (1 / 9) ** 8),
    "all reported, not watched until then": (8, 8, 8, 900, "maybe gone", 0.0),
    "one of four, four watched": (1, 4, 4, 7200, "maybe gone", 1 - (4 / 5) ** 4),
    "one of four, twelve watched": (1, 4, 12, 7200, "gone", 1 - (4 / 5) ** 12),
    "nobody watched": (4, 4, 0, 0, "maybe gone", 0.0),
}


def test_short_lives_that_ended_in_silence_count_for_as_long_as_they_lasted(shop, path):
    for number in range(40):
        shop(number, 30, rate=200.0, after=24 if number in (4, 5) else None)
    shop(0, 20, rate=200.0)
    for number in range(4):
        shop(90000 + number, 600, release="1.1")
    lives, leaks = read(path)
    (change,) = compare(*split_by_release(lives, "1.0", "1.1"), leaks)
    assert change.outcome == "maybe gone" and change.confidence == pytest.approx(1 - (39 / 41) ** 4)


@pytest.mark.parametrize("kind", OUTCOMES)
def test_a_leak_that_is_not_told_any_more_is_gone_as_far_as_the_time_watched_allows(kind, shop, path):
    reported, of, newer, seconds, outcome, confidence = OUTCOMES[kind]
    for number in range(of):
        shop(number, 7200, rate=41.0, after=1800 if number < reported else None)
    for number in range(newer):
        shop(90000 + number, seconds, release="1.1")
    shop(90000, 60, release="1.1", role="gunicorn")
    lives, leaks = read(path)
    (change,) = compare(*split_by_release(lives, "1.0", "1.1"), leaks)
    assert change.outcome == outcome and change.confidence == pytest.approx(confidence)


def test_workers_that_kept_silent_for_another_are_not_counted(shop, path):
    over = '{"reason": "heap growth over 5 consecutive lives (23s): +1.77 MiB"}'
    for number in range(30):
        shop(100 * number, 90, rate=200.0, after=80 if number == 5 else None, report=over)
    for number in range(24):
        shop(90000 + 100 * number, 50, release="1.1")
    lives, leaks = read(path)
    (change,) = compare(*split_by_release(lives, "1.0", "1.1"), leaks)
    assert change.outcome == "gone" and change.confidence == pytest.approx(1 - (6 / 7) ** 24)


def test_what_is_still_there_or_new_comes_first_and_the_status_tells(shop, path, capsys):
    shop(0, 7200, rate=41.0, after=1800)
    shop(90000, 7200, rate=20.0, after=1800, release="1.1")
    shop(90000, 7200, rate=5.0, after=1800, release="1.1", name="ba9876543210")
    lives, leaks = read(path)
    changes = compare(*split_since(lives, "1.1"), leaks)
    assert [change.outcome for change in changes] == ["new", "still there"]
    assert main(["report", path, "--since", "1.1"]) == 1
    shown = capsys.readouterr().out
    assert "still there: app.Order held by app.CACHE" in shown
    assert "before: 1 of 1 worker (gunicorn worker), 41.0 MiB/h each" in shown
    assert "now: 1 of 2 workers (gunicorn worker), 20.0 MiB/h each" in shown


def test_a_fix_that_is_sure_ends_with_status_0(shop, path, capsys):
    for number in range(4):
        shop(number, 7200, rate=41.0, after=1800)
        shop(90000 + number, 7200, release="1.1")
    assert main(["report", path, "--compare", "1.0", "1.1"]) == 0
    assert "gone: app.Order" in (shown := capsys.readouterr().out)
    assert "not seen in 4 workers, 8 h together; unfixed, it was 99.8 % likely to be reported by then" in shown
    assert main(["report", path, "--compare", "1.0", "1.1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"][0]["outcome"] == "gone"


def test_a_release_that_nobody_has_is_refused_with_those_there_are(shop, path, capsys):
    shop(0, 60, release="1.0")
    with pytest.raises(RecordingError, match=r"no process of release '2' is recorded; there are 1\.0"):
        split_since(read(path)[0], "2")
    assert main(["report", path, "--since", "2"]) == 1
    assert "there are 1.0" in capsys.readouterr().err


def test_releases_that_leave_nothing_to_compare_are_refused(shop, path, capsys):
    shop(0, 7200, rate=41.0, after=1800, release="1.0")
    assert main(["report", path, "--compare", "1.0", "1.0"]) == 1
    assert "release '1.0' cannot be compared with itself" in capsys.readouterr().err
    assert main(["report", path, "--since", "1.0"]) == 1
    assert "no process before release '1.0' is recorded" in capsys.readouterr().err


def test_an_old_worker_that_is_replaced_beside_new_ones_is_an_old_one(shop, path, capsys):
    shop(0, 7200, release="")
    for begun, release in ((0, "1.0"), (90000, "1.1"), (90001, "1.0"), (90002, "1.2")):
        shop(begun, 7200, rate=41.0, after=1800 if release == "1.0" else None, release=release)
    shop(90003, 7200, release="")
    old, new = split_since(read(path)[0], "1.1")
    assert [it.birth.release for it in old] == ["", "1.0", "1.0"] and [it.birth.release for it in new] == [
        "1.1",
        "1.2",
        "",
    ]
    assert main(["report", path, "--since", "1.2"]) == 1
    assert "before 1.2: 5 processes; since 1.2: 2 processes" not in (shown := capsys.readouterr().out)
    assert "before 1.2: 4 processes; since 1.2: 2 processes" in shown


def test_workers_without_a_release_are_counted_where_they_told(shop, path):
    shop(0, 7200, rate=41.0, after=1800, release="")
    shop(1, 7200, rate=41.0, after=1800, release="1.0")
    shop(2, 7200, release="1.1")
    (case,) = put_together(*read(path))
    assert (len(case.lives), case.of, case.releases) == (2, 2, ("1.0",))


@pytest.mark.parametrize("more", [["1"], ["--for-agents"], ["--html", "page.html"]])
def test_what_does_not_go_with_a_comparison_is_refused(more, shop, path, capsys):
    shop(0, 60)
    with pytest.raises(SystemExit) as ended:
        main(["report", path, *more, "--since", "1.0"])
    assert ended.value.code == 2 and "comparison" in capsys.readouterr().err


def test_two_forms_at_once_and_profiles_that_nobody_kept_are_refused(shop, path, tmp_path, capsys):
    shop(0, 60)
    with pytest.raises(SystemExit):
        main(["report", path, "--json", "--html", "page.html"])
    assert "give one" in capsys.readouterr().err
    assert main(["report", path, "--profiles", str(tmp_path)]) == 1
    assert "holds no profiles" in capsys.readouterr().err


def test_growth_that_was_suspected_but_not_reported_is_counted(shop, path, capsys):
    shop(0, 7200, rate=41.0, after=1800, looked=600)
    for number in range(3):
        shop(90000 + number, 600, rate=41.0, looked=300 if number else None, release="1.1")
    assert main(["report", path, "--compare", "1.0", "1.1"]) == 1
    shown = capsys.readouterr().out
    assert "not seen in 3 workers, 30m 0s together; unfixed, it was 0 % likely" in shown
    assert "growth was suspected in 2 of these, which a leak may be behind" in shown
    assert main(["report", path, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["roles"][0]["suspected"] == 3 and [it["suspicions"] for it in found["lives"]] == [1, 0, 1, 1]


BAD = {
    "there is no such file": ["report", "none.db"],
    "it is a directory": ["report", "."],
    "some other file": ["report", "notes.txt"],
    "it is empty": ["report", "empty.db"],
}


@pytest.mark.parametrize("message", BAD)
def test_what_is_no_recording_is_said_to_be_none(message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("a text that is longer than the head of a database is " * 20)
    (tmp_path / "empty.db").touch()
    assert main(BAD[message]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_ten_thousand_lives_are_read_at_once(shop, path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("begin")
    shop_life = (
        "insert into lives values (?, 'vm', ?, 1, 'boot', 'p', 'p worker', null, 'p', '1', '3', '0', 1, ?, ?, 'exit')"
    )
    for number in range(10_000):
        begun = TUESDAY + 60 * number
        connection.execute(shop_life, (number, number, begun, begun + 600))
        readings = [(number, begun + 10 * it, 10.0, MIB, MIB, MIB, 9) for it in range(60)]
        connection.executemany("insert into meters values (?, ?, ?, ?, ?, ?, ?)", readings)
    connection.execute("commit")
    connection.close()
    begun = time.process_time()
    lives, leaks = read(path)
    assert len(lives) == 10_000 and not leaks
    assert roles_of(lives)[0].lives == 10_000
    assert time.process_time() - begun < 5.0


def test_a_report_for_agents_shows_no_line_of_a_file_that_was_written_since(shop, path, tmp_path, capsys):
    app = tmp_path / "app.py"
    app.write_text("CACHE.append(order)\n")
    frame = {"function": "add", "file": str(app), "line": 1, "in_app": True}
    suspect = {"type": "app.Order", "allocated_at": [frame], "samples": 9, "count_growth": 9, "bytes_growth": MIB}
    suspect |= {"share": 1.0, "held_by": [], "retained_items": 0, "cause": "", "hint": ""}
    growth = {"growth_bytes": MIB, "rate_bytes_per_hour": 1.0, "verdict": "objects", "missing": []}
    shop(0, 7200, rate=41.0, after=1800, report=json.dumps({**growth, "suspects": [suspect]}))
    for written, is_shown in ((TUESDAY, True), (TUESDAY + 9000, False)):
        os.utime(app, (written, written))
        assert main(["report", path, "--for-agents"]) == 0
        said = capsys.readouterr().out
        assert "app.py:1 in add` allocates it" in said and ("CACHE.append(order)" in said) == is_shown
