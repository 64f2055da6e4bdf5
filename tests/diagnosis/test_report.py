"""The report as machines read it."""

import json
from dataclasses import replace

import pytest

from memwatch.diagnosis import Account, Report, Suspect, TypeRow
from memwatch.watch import Cost

from ..paths import attribute, path

REPORT_KEYS = [
    "pid", "meter", "growth_bytes", "rss_growth_bytes", "rate_bytes_per_hour", "curve", "confidence",
    "fingerprint", "time_to_limit_seconds", "verdict", "explained", "since_seconds", "since_bytes", "rows", "suspects",
    "missing", "cost",
]  # fmt: skip
SUSPECT_KEYS = {
    "type", "count_growth", "bytes_growth", "share", "score", "samples", "allocated_at", "held_by", "retained_items",
    "cause", "hint", "also_held_by",
}  # fmt: skip


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


NUMBER = (int, float)
SCHEMA = {
    "pid": int, "meter": {"base", "rss"},
    "growth_bytes": int, "rss_growth_bytes": int, "rate_bytes_per_hour": NUMBER, "curve": [[NUMBER, int]],
    "confidence": float, "fingerprint": str, "time_to_limit_seconds": (float, type(None)),
    "verdict": {"objects", "untracked", "native", "fragmentation", "garbage", "unknown"},
    "explained": (float, type(None)), "since_seconds": float, "since_bytes": int,
    "rows": [{
        "what": str, "kind": {"objects", "untracked", "native", "unknown"}, "count": int, "size_bytes": int,
        "share": float, "samples": int,
    }],
    "suspects": [{
        "type": str, "count_growth": int, "bytes_growth": int, "share": float, "score": float, "samples": int,
        "allocated_at": [{"function": str, "file": str, "line": int, "in_app": bool}],
        "held_by": [str], "also_held_by": [[str]], "retained_items": int, "cause": str, "hint": str,
    }],
    "missing": [str],
    "cost": {
        "cpu_share": float, "longest_pause_seconds": float, "censuses": int, "bytes": int,
        "child_seconds": float, "pause_budget_seconds": float,
    },
}  # fmt: skip
"""A type or several, a set of values, a list of one kind (or of the kinds of its items), or an object with its keys."""


def faults(value, schema, where="report"):
    """What of *value*, as JSON gives it, is not as *schema* says."""
    if isinstance(schema, dict):
        missing = [f"{where} has not {key}" for key in schema if key not in value]
        return missing + [fault for key in value for fault in faults(value[key], schema.get(key, ()), f"{where}.{key}")]
    if isinstance(schema, list):
        kinds = schema[0] if isinstance(schema[0], list) and len(schema[0]) > 1 else None
        if kinds:
            return [fault for row in value for pair in zip(row, kinds, strict=True) for fault in faults(*pair, where)]
        return [fault for item in value for fault in faults(item, schema[0], f"{where}[]")]
    if isinstance(schema, set):
        return [] if value in schema else [f"{where} is {value!r}"]
    fits = isinstance(value, schema) and (schema is bool or not isinstance(value, bool))
    return [] if fits else [f"{where} is a {type(value).__name__}"]


def test_the_schema_finds_what_is_wrong(report):
    found = report.to_dict()
    assert faults(found, SCHEMA) == []
    broken = {**found, "pid": "4211", "curve": [[0.0, "a"]], "verdict": "doubt", "extra": 1}
    del broken["missing"]
    assert faults(broken, SCHEMA) == [
        "report has not missing", "report.pid is a str", "report.curve is a str", "report.verdict is 'doubt'",
        "report.extra is a int",
    ]  # fmt: skip


def test_a_judged_report_has_the_same_keys(case, app):
    app.kept = []
    found = case.judge(lambda: app.kept.extend(bytearray(4000) for _ in range(1000))).report.to_dict()
    assert list(found) == REPORT_KEYS and all(set(suspect) == SUSPECT_KEYS for suspect in found["suspects"])
    assert faults(json.loads(json.dumps(found, allow_nan=False)), SCHEMA) == []
    assert found["suspects"] and found["curve"]
    assert 0 < found["time_to_limit_seconds"] < float("inf")
    assert found["growth_bytes"] == pytest.approx(4_000_000, rel=0.3) and found["verdict"] == "objects"


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
