"""Writes the table of options into docs/reference.md, as `memwatch.options` declares them: python docs/options.py"""

from __future__ import annotations

from pathlib import Path

from memwatch.options import table

PAGE = Path(__file__).parent / "reference.md"
HEAD = "| `start()` | variable |"


def with_table(text: str) -> str:
    """The page's text with the table as it should be."""
    before, head, rest = text.partition(HEAD)
    _, _, after = (head + rest).partition("\n\n")
    return before + "\n".join(table()) + "\n\n" + after


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
