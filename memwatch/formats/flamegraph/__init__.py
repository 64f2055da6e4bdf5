"""A flame graph as one HTML page: search, zoom, keyboard, light and dark, the heaviest functions as a table."""

from __future__ import annotations

from string import Template

from ...calltree import CallTree
from ...flamegraph import as_json, content_policy, drawing_code, read_asset, style_sheet
from ...flamegraph.columns import describe


def write(tree: CallTree) -> bytes:
    """The page in UTF-8. Beyond `columns.LIMIT` nodes the smallest are drawn together, and the page says so."""
    style, script = style_sheet(), f"{drawing_code()}{read_asset(__package__, 'page.js')}"
    page = Template(read_asset(__package__, "page.html"))
    return page.substitute(
        policy=content_policy(style, script), style=style, script=script, data=as_json(describe(tree))
    ).encode()
