"""Has the report for coding agents all that a fix needs, and is it short? Over leaks that were recorded.

    python benchmarks/corpus.py --json FOLDER ...; python benchmarks/agents.py FOLDER [FOLDER or FILE ...] [--each]

--budget 300 asks it of the shortest report that there is.

Reads the events that `memwatch run --json` writes, and makes the text of the first leak in each file, as
`memwatch report FILE --for-agents` prints it. Of each is asked whether a file and line, holder, cause and fix stand
in it. Where the file is of a program of the corpus, line and holder have to be those that its docstring names.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from corpus import PROGRAMS, has_line, has_words, truth_of

from memwatch.render.markdown import BUDGET, markdown_of

TOKEN = 3  # characters, at least; of such text it has about four
NEEDED = ("line", "holder", "cause", "fix")


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """The event files at *paths*, also in folders there; of the corpus without the twins."""
    for path in paths:
        found = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
        yield from (it for it in found if not it.stem.endswith(".healthy"))


def first_leak(path: Path) -> dict[str, Any] | None:
    """The report of the first leak in an event file."""
    events = (json.loads(line) for line in path.read_text().splitlines())
    reports = (event["data"].get("report") for event in events if event["event"] == "leak")
    return next((report for report in reports if report), None)


def _has_place(text: str) -> bool:
    """Whether the first heading, which says what is suspected, begins with a file and line."""
    heading = next((line for line in text.splitlines() if line.startswith("## 1. ")), "")
    return re.match(r"## 1\. .+:\d+ in ", heading) is not None


def lacks(path: Path, report: dict[str, Any], text: str) -> list[str]:
    """What a fix needs and the text has not, or has wrong."""
    suspect = next(iter(report["suspects"]), {})
    program = PROGRAMS / f"{path.name.partition('.')[0]}.py"
    truth = truth_of(program) if program.exists() else {}
    frames, holder = suspect.get("allocated_at", ()), suspect.get("held_by", ())
    there = {
        "line": _has_place(text) and ("Line" not in truth or has_line(frames, truth["Line"])),
        "holder": "It is held by" in text and ("Holder" not in truth or has_words(holder, truth["Holder"].split())),
        "cause": "The likely cause is" in text,
        "fix": "To fix it," in text or "To find it," in text,
    }
    return [name for name in NEEDED if not there[name]]


def main() -> None:
    """Print how many reports have what, and the longest."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--each", action="store_true", help="a line for each report that lacks something")
    parser.add_argument("--budget", type=int, default=BUDGET, help="tokens of a report")
    options = parser.parse_args()
    missing: list[list[str]] = []
    longest = 0.0
    for path in files(options.paths):
        report = first_leak(path)
        if report is None:
            continue
        text = markdown_of(report, options.budget, source=False)
        longest = max(longest, len(text) / TOKEN)
        missing.append(lacks(path, report, text))
        if options.each and missing[-1]:
            print(f"{path.stem}: no or the wrong {', '.join(missing[-1])}")
    counts = ", ".join(f"{name} {sum(name not in it for it in missing)}" for name in NEEDED)
    print(f"{len(missing)} reports, at most {longest:,.0f} tokens; with {counts}")


if __name__ == "__main__":
    main()
