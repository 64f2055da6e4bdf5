"""The summary of a watched test run, as it stands below the tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..units import format_bytes, plural, printable
from .findings import Findings, Left

_ROWS = 10
_TESTS = 5
_LONGEST = 400  # characters of a path


def render(findings: Findings, command: str = "pytest") -> list[str]:
    """The lines: what was left at each place, by which tests, and what to run next; one line where nothing was."""
    lines: list[str] = []
    if findings.left:
        total = format_bytes(sum(row.size_bytes for row in findings.left))
        places = plural(len(findings.left), "place")
        lines = [f"{total} stayed behind {plural(findings.tests, 'test')}, at {places}"]
    elif findings.tests or not findings.missing:
        lines = [f"no test of {findings.tests:,} left anything behind that is worth a look"]
    for number, row in enumerate(findings.left[:_ROWS], 1):
        lines += _row(number, row)
    if len(findings.left) > _ROWS:
        lines.append(f"and {len(findings.left) - _ROWS} other places")
    lines += [f"missing: {text}" for text in findings.missing]
    tests = [row.tests[0][0] for row in findings.left if row.tests]
    if tests:
        lines.append(
            f"next     {command} --memwatch-loops=2 {printable(tests[0])!r}   (does it leak each time it runs?)"
        )
    return lines


def _row(number: int, row: Left) -> Iterator[str]:
    yield f"{number}  {printable(row.type)}, {row.count:,} objects, {format_bytes(row.size_bytes, signed=True)}"
    if row.allocated_at:
        yield f"   allocated  {row.allocated_at}"
    if row.source:
        yield f"              > {row.source}"
    yield f"   held by    {_cut(printable(row.held_by))}"
    if row.cause:
        yield f"   cause      {row.cause}"
    if row.hint:
        yield f"   hint       {row.hint}"
    functions = _by_function(row)
    for place, (test, size) in enumerate(functions[:_TESTS]):
        yield f"   {'' if place else 'tests':9}  {printable(test)}   about {format_bytes(size)}"
    if len(functions) > _TESTS:
        yield f"              and {len(functions) - _TESTS:,} others"


def _by_function(row: Left) -> list[tuple[str, int]]:
    """The tests with the bytes of each, the most first; of a parametrized one all cases together."""
    sizes: Counter[str] = Counter()
    for test, size in row.tests:
        sizes[test.partition("[")[0]] += size
    return sizes.most_common()


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}...{text[-_LONGEST // 2 :]}"
