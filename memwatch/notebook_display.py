"""How a value shows itself in IPython and Jupyter: text in a terminal; a table, text or a page in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_PAGE = "width:100%;height:{height}px;border:1px solid #8884;border-radius:4px;background:#fff"
_CELL = "text-align:{side};padding:0 1em 0 0;white-space:nowrap;font-variant-numeric:tabular-nums"


class Shown:
    """A value whose `str()` is what a person reads; a subclass with more to show has a `_repr_html_` of its own."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        """IPython asks each class in turn, and a `__repr__` of its own, as a dataclass has, comes before a base's."""
        super().__init_subclass__()
        type.__setattr__(cls, "_repr_pretty_", Shown._repr_pretty_)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """IPython's text: `str()` instead of all the fields."""
        printer.text("..." if cycle else str(self))

    def _repr_html_(self) -> str:
        """Jupyter's output; everything that names something of the program is escaped."""
        return text_html(str(self))


def text_html(text: str) -> str:
    """*text* as it stands."""
    return f'<pre style="line-height:1.25;font-family:monospace">{escape(text)}</pre>'


def table_html(rows: Iterable[Sequence[str]], notes: Iterable[str] = ()) -> str:
    """A table whose first row is the head and whose first column stands left; below it the notes."""
    (head, *body), below = list(rows), list(notes)
    lines = "".join(f"<tr>{_cells(row, 'td')}</tr>" for row in body)
    said = f"<p>{'<br>'.join(map(escape, below))}</p>" if below else ""
    return f"<table><thead><tr>{_cells(head, 'th')}</tr></thead><tbody>{lines}</tbody></table>{said}"


def page_html(page: str, height: int = 480) -> str:
    """A whole page in a frame of its own, which its script does not leave."""
    style = _PAGE.format(height=height)
    return f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{escape(page)}"></iframe>'


def _cells(row: Sequence[str], tag: str) -> str:
    return "".join(
        f'<{tag} style="{_CELL.format(side="right" if place else "left")}">{escape(text)}</{tag}>'
        for place, text in enumerate(row)
    )


def escape(text: str) -> str:
    """*text* as it stands in HTML, also within quotes; what is no text in Unicode is replaced."""
    return text.encode("utf-8", "backslashreplace").decode().translate(_ESCAPED)
