"""The report as machines read it."""

import json
import os
import platform
from dataclasses import replace
from pathlib import Path

import pytest

import memwatch
from memwatch.diagnosis import Account, Report, Suspect, TypeRow
from memwatch.origin import program_name
from memwatch.watch import Cost, Growth
from memwatch.watch.contract import Unjudged

from ..paths import attribute, path

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8"))
REPORT_KEYS = [
    "schema", "pid", "host", "program", "python", "memwatch", "time", "age_seconds", "subject", "reason", "asked",
    "meter", "window_seconds", "growth_bytes", "rss_growth_bytes", "rate_bytes_per_hour", "curve", "confidence",
    "fingerprint", "limit_bytes", "time_to_limit_seconds", "verdict", "cause", "hint", "explained", "since_seconds",
    "since_bytes", "rows", "shrunk", "ratchets", "suspects", "missing", "cost",
]  # fmt: skip
SUSPECT_KEYS = {
    "type", "count_growth", "bytes_growth", "share", "score", "samples", "allocated_at", "held_by", "retained_items",
    "cause", "hint", "also_held_by", "allocated_in", "retained_bytes", "retained_objects",
}  # fmt: skip


def faults(found):
    """What of *found* is not as the schema says, each with its place."""
    from jsonschema import Draft202012Validator  # a seventh of what the tests of other files would walk

    errors = Draft202012Validator(SCHEMA).iter_errors(found)
    return sorted(f"{error.json_path}: {error.message}" for error in errors)


@pytest.fixture
def report():
    held_by = path("app", attribute("CACHE", "dict"))
    suspect = Suspect("app.Order", 480, 2048, 0.5, 0.5, held_by, 640, "a cause", "a hint")
    return Report(
        pid=4211, age_seconds=64.0, reason="heap growth", growth_bytes=4096, rss_growth_bytes=0,
        rate_bytes_per_hour=1.5, meter="base",
        curve=((0.0, 10), (1.5, 20)), confidence=0.9, fingerprint="0123456789ab", limit_bytes=1 << 30,
        time_to_limit_seconds=None, verdict="objects", since_seconds=48.0,
        account=Account(4096, (TypeRow("app.Order", 480, 0, 2048, True),), walked=True), suspects=(suspect,),
        missing=("census skipped",),
        cost=Cost(0.004, 0.006, 3, 100),
    )  # fmt: skip


def test_the_dict_has_the_keys_of_the_contract_and_no_others(report):
    found = report.to_dict()
    assert list(found) == REPORT_KEYS
    assert set(found["suspects"][0]) == SUSPECT_KEYS
    assert list(found["cost"]) == [
        "cpu_share",
        "longest_pause_seconds",
        "censuses",
        "bytes",
        "child_seconds",
        "pause_budget_seconds",
        "copied_bytes",
        "longest_work_seconds",
    ]


def test_the_rows_add_up_to_all_of_the_growth(report):
    rows = report.to_dict()["rows"]
    assert [(row["what"], row["size_bytes"], row["share"]) for row in rows] == [
        ("app.Order", 2048, 0.5),
        ("not explained", 2048, 0.5),
    ]
    many = replace(report, account=Account(90, tuple(TypeRow(f"app.T{n}", 1, 0, 3, True) for n in range(30)), True))
    rows = many.to_dict()["rows"]
    assert len(rows) == 22 and rows[-2]["what"] == "10 others" and sum(row["share"] for row in rows) == pytest.approx(1)


def test_the_dict_is_json_as_it_is(report):
    found = report.to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["curve"] == [[0.0, 10], [1.5, 20]]
    assert found["suspects"][0]["held_by"] == ["module app", ".CACHE: dict"]
    assert (found["suspects"][0]["samples"], found["suspects"][0]["allocated_at"]) == (0, [])


def test_the_schema_is_one_and_finds_what_is_wrong(report):
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(SCHEMA)
    found = report.to_dict()
    assert faults(found) == []
    broken = {**found, "pid": "4211", "curve": [[0.0, "a"]], "verdict": "doubt", "extra": 1}
    del broken["cost"]
    assert set(faults(broken)) == {
        "$: 'cost' is a dependency of 'fingerprint'",
        "$: Additional properties are not allowed ('extra' was unexpected)",
        "$.curve[0][1]: 'a' is not of type 'integer'",
        "$.pid: '4211' is not of type 'integer'",
        "$.verdict: 'doubt' is not one of ['objects', 'untracked', 'native', 'fragmentation', 'garbage', 'nothing', "
        "'unknown']",
    }


def test_the_schema_tells_every_key_and_no_other(report):
    """All that the dict has is described, so that a new key cannot be forgotten there."""
    found = report.to_dict()
    assert set(found) == set(SCHEMA["properties"])
    for name, part in (("suspect", found["suspects"][0]), ("row", found["rows"][0]), ("cost", found["cost"])):
        assert set(part) == set(SCHEMA["$defs"][name]["properties"])


def test_a_leak_that_nobody_looked_into_fits_the_schema_too():
    growth = Growth("leak", "ratchet", "base", 0.0, 64.0, 64.0, 1 << 20, 1 << 20, 8, "windows")
    assert faults(Unjudged(growth, "no judge").to_dict()) == []


@pytest.mark.parametrize("verdict", ["native", "fragmentation", "garbage", "unknown"])
def test_the_dict_has_the_words_that_the_text_shows_where_nobody_is_suspected(report, verdict):
    found = replace(report, verdict=verdict, suspects=()).to_dict()
    text = str(replace(report, verdict=verdict, suspects=()))
    assert found["cause"] in text and found["hint"] in text and faults(found) == []


def test_a_judged_report_fits_the_schema(case, app):
    app.kept = []
    report = case.judge(lambda: app.kept.extend(bytearray(4000) for _ in range(1000))).report
    found = report.to_dict()
    assert list(found) == REPORT_KEYS and all(set(suspect) == SUSPECT_KEYS for suspect in found["suspects"])
    assert faults(json.loads(json.dumps(found, allow_nan=False))) == []
    assert found["suspects"] and found["curve"]
    assert 0 < found["time_to_limit_seconds"] < float("inf")
    assert found["growth_bytes"] == pytest.approx(4_000_000, rel=0.3) and found["verdict"] == "objects"
    assert (found["host"], found["program"]) == (os.uname().nodename, program_name())
    assert (found["python"], found["memwatch"]) == (platform.python_version().rstrip("+"), memwatch.__version__)
    assert abs(found["time"] - report.time) < 1.0


def test_shares_are_of_the_growth_and_never_more_than_all_of_it(case, app):
    app.one, app.two, app.held_back = [], [], []

    def grow():
        app.one.extend(bytearray(4000) for _ in range(750))
        app.two.extend(bytearray(4000) for _ in range(250))

    suspects = case.judge(grow).report.suspects
    assert [suspect.held_by.lines[1].partition(":")[0] for suspect in suspects[:2]] == [".one", ".two"]
    assert suspects[0].share == pytest.approx(0.72, abs=0.08) and suspects[1].share == pytest.approx(0.24, abs=0.05)
    assert sum(suspect.share for suspect in suspects) <= 1.0


def test_reports_are_values(report):
    with pytest.raises(AttributeError):
        report.verdict = "native"
    assert str(report) == report.render() == report.render(color=False, unicode=True)


def test_what_leaks_and_what_holds_it_in_short(report):
    assert report.subject == "app.Order held by app.CACHE"
    assert replace(report, suspects=(replace(report.suspects[0], held_by=None),)).subject == "app.Order"
    assert replace(report, suspects=()).subject == ""
