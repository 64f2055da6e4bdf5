"""The page of causes is the data. `python tests/diagnosis/causes/test_page.py` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from memwatch.diagnosis.causes import ALL, BY_VERDICT, Cause
from memwatch.diagnosis.causes.holders import (
    ATTRIBUTES,
    CYCLE_IN_C,
    FAR_BOUND,
    GENERAL,
    HOLDERS,
    NEAR_BOUND,
    REPLACED,
    UNREACHED,
)  # fmt: skip
from memwatch.diagnosis.causes.kept import KEPT
from memwatch.diagnosis.causes.libraries import LIBRARIES
from memwatch.diagnosis.causes.owned import ALL_OWNED, ANEW, FEW, KEEPS_ALL, TAKE_BACK, TAKERS
from memwatch.diagnosis.causes.runtime import RUNTIME
from memwatch.diagnosis.causes.variables import VARIABLES
from memwatch.diagnosis.causes.verdicts import GC_DISABLED, INTERPRETERS

PAGE = Path(__file__).parents[3] / "docs" / "causes.md"

HEAD = """\
# Causes that memwatch knows by name

A report and a failed `memwatch.check` say what happened (`cause`) and what to do (`hint`), where the end of the path to
the holder is known. The first cause on this page that fits is reported. A container with a bound is reported as such.

Below a cause stand the paths that it fits. Each has the steps from left to right, written as `reference: type`:

* `*` stands for any text, `|` separates alternatives, and a type stands for its subclasses too.
* `[]` is any item of a container, and `?` is a step that may be missing.
* `@` marks the step that the words name.
* The first step may be where the path begins: `module *`, `interpreter, *`, `thread, *`, or `no Python reference`.
"""

OTHERS = (
    ATTRIBUTES, GENERAL, FAR_BOUND, NEAR_BOUND, REPLACED, *ALL_OWNED,
)  # fmt: skip

PARTS = (
    ("Libraries", LIBRARIES),
    ("Python and its standard library", RUNTIME),
    ("What is kept", KEPT),
    ("Where it is kept", VARIABLES),
    ("What keeps it", OTHERS),
    ("Where no path is known", (CYCLE_IN_C, UNREACHED, GC_DISABLED, INTERPRETERS, *BY_VERDICT.values())),
)


def render() -> str:
    """The page."""
    lines = [HEAD]
    for title, causes in PARTS:
        lines.append(f"## {title}\n")
        for cause in causes:
            lines += _section(cause)
    lines += ["## Containers\n", "| {holder} | {drop} |", "| --- | --- |"]
    lines += [f"| {it.word} | {it.drop}{it.weak_items} |" for it in HOLDERS.values()]
    takers = TAKERS.format(line="{line}", takers="Machine.remove_model()")
    lines += ["\n## Functions of a library\n", "`{take_back}` names those that take something out again:\n"]
    lines += [f"* {takers}", f"* where none is seen to: {TAKE_BACK}"]
    lines += [f"\n`{{few}}` stands there alone where none is, and the container is a dict: {FEW.removesuffix('; or ')}"]
    lines += [f"\n`{{anew}}`, where the container is an object's and not a module's: {ANEW.removeprefix('; or ')}"]
    called = KEEPS_ALL.format(kind="InMemoryExporter")
    lines += [f"\nOf a class that is called as one that keeps things in memory the hint says first: {called}"]
    return "\n".join(lines) + "\n"


def _section(cause: Cause) -> Iterator[str]:
    yield f"### {cause.name}\n"
    yield f"**Cause:** {cause.cause}\n"
    yield f"**Hint:** {cause.hint}\n"
    if cause.paths:
        yield "\n".join(["```", *cause.paths, "```\n"])


def test_the_page_is_the_data() -> None:
    assert PAGE.read_text(encoding="utf-8") == render()


def test_the_page_has_every_cause() -> None:
    assert [cause for _, causes in PARTS for cause in causes] == list(ALL)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
