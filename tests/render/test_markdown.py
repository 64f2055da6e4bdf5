"""The report as a coding agent reads it: file and line first, whole sentences, never more than its budget."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memwatch import OptionError
from memwatch.render.markdown import markdown_of

from .test_text import REPORT


def frame(file: str, line: int, function: str, in_app: bool = True) -> dict[str, Any]:
    return {"function": function, "file": file, "line": line, "in_app": in_app}


def located(file: str) -> Any:
    """The report with an allocating line of *file* for its first suspect."""
    frames = (frame("/usr/lib/json.py", 9, "loads", in_app=False), frame(file, 2, "load"), frame(file, 8, "main"))
    first = replace(REPORT.suspects[0], allocated_at=frames, samples=30)
    return replace(REPORT, suspects=(first, *REPORT.suspects[1:]), missing=("no collection before the verdict",))


def test_it_begins_with_the_line_to_look_at(tmp_path: Path) -> None:
    source = tmp_path / "app.py"
    source.write_text("def load():\n    kept.append(json.loads(text))\n", encoding="utf-8")
    text = located(str(source)).to_markdown()
    lines = text.splitlines()
    assert lines[0] == "# Memory leak, process 4211: live Python objects"
    assert lines[2] == f"## 1. {source}:2 in load: str"
    assert f"`{source}:2 in load` allocates it (30 samples)." in lines
    assert "That line is `kept.append(json.loads(text))`." in lines
    assert "The allocation itself is made in `/usr/lib/json.py:9 in loads`." in lines
    assert f"It is called from `{source}:8 in main`." in lines
    assert "+480 objects of `str` came and stayed, +1.90 MiB: 95 % of the growth." in lines
    assert "It is held by `module __main__ > .kept: list, 640 items > [index]`, which has 640 items." in lines
    assert "The likely cause is a list that only grows: 480 added, 640 kept." in lines
    assert "To fix it, drop items when they are done with." in lines
    assert "The process grew by 2.00 MiB, which is 142 MiB/h." in lines
    assert "- no collection before the verdict." in lines
    assert "kept.append(json" not in located(str(source)).to_markdown(source=False)


def test_what_is_over_the_budget_is_left_out_and_that_is_said() -> None:
    long = tuple(replace(REPORT.suspects[0], type=f"app.Type{number}", hint="do this " * 40) for number in range(5))
    for budget in (300, 500, 1000):
        text = replace(REPORT, suspects=long).to_markdown(budget)
        assert len(text) <= 3 * budget
        assert text.endswith("The rest of the report was left out to keep within the budget.\n")
        assert "## 1. app.Type0" in text
    with pytest.raises(OptionError, match="budget must be a whole number, 300 or more, not 299"):
        REPORT.to_markdown(299)


@pytest.mark.parametrize("length", [1, 100, 3000])
def test_line_holder_cause_and_fix_stay_in_the_least_budget(length: int) -> None:
    data = located(f"/srv/{'deep/' * (length // 5)}app.py").to_dict()
    steps = [f"step {number} {'x' * length}" for number in range(9)]
    data["suspects"][0].update(held_by=steps, cause=f"a cause{'e' * length}", hint=f"a fix{'x' * length}")
    text = markdown_of(data, 300)
    assert len(text) <= 900
    for words in ("app.py:2 in load", "It is held by `step 0", "The likely cause is a cause", "To fix it, a fix"):
        assert words in text
    assert text.index("## 1.") < text.index("It is held by") < text.index("The likely cause") < text.index("To fix it")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("untracked", "Nothing in Python holds it, so"),
        ("native", "Nothing in Python was found to hold it: C code"),
        ("garbage", "Nothing holds it but the reference cycles"),
        ("objects", "No Python object that holds it was found."),
    ],
)
def test_a_leak_without_a_holder_is_said_to_have_none(verdict: str, words: str) -> None:
    data = {**REPORT.to_dict(), "verdict": verdict}
    data["suspects"] = [{**data["suspects"][0], "held_by": (), "hint": "look for a newer release"}]
    text = markdown_of(data, 300)
    assert words in text and "To fix it, look for a newer release" in text


def test_a_report_that_nobody_could_look_into_reads_as_well() -> None:
    data = {"schema": 1, "growth_bytes": 5 << 20, "rate_bytes_per_hour": 1e6, "verdict": "unknown", "suspects": []}
    text = markdown_of({**data, "missing": ["the judge could not be loaded"]})
    assert "No type or line is suspected by itself." in text
    assert "- the judge could not be loaded." in text


def test_a_process_that_shrank_is_not_said_to_have_grown() -> None:
    text = markdown_of({**REPORT.to_dict(), "growth_bytes": -6 << 20, "rate_bytes_per_hour": -1e9, "suspects": []})
    assert "The process did not grow." in text and "grew by" not in text


@pytest.mark.parametrize(
    ("program", "words"),
    [("app.py", "app.py ..."), ("flask", "-m flask ..."), ("my app.py", "'my app.py' ..."), ("", "PROGRAM.py ...")],
)
def test_the_command_that_proves_a_fix_starts_the_program_as_it_is_started(program: str, words: str) -> None:
    text = markdown_of({**REPORT.to_dict(), "program": program})
    assert f"`memwatch run --fail-on-leak {words}` ends with status 1" in text


def test_a_script_below_another_folder_is_named_with_it() -> None:
    frame = {"function": "load", "file": "../shop/app.py", "line": 2, "in_app": True}
    data = REPORT.to_dict()
    data["suspects"] = [{**data["suspects"][0], "allocated_at": [frame]}]
    text = markdown_of({**data, "program": "app.py"})
    assert "`memwatch run --fail-on-leak ../shop/app.py ...` ends with status 1" in text
