"""A report as one HTML page: growth, types, suspects with their source and holders, flame graph; light and dark.

The page needs nothing beside itself and may ask for nothing: its content security policy allows the style and the
script that are in it, by their hash. Text of the program is escaped where it becomes an element (`elements`), and the
flame graph's data stands in a block of JSON. Without JavaScript all is there but the flame graph.

It stays small: 120 points of the curve, 20 types, 5 suspects with 7 lines of source each, paths of 13 steps, names cut
at 300 characters, and the 3000 frames that `lines` keeps. Most of a usual page's 75 KB are the flame graph's code; no
page has more than 2 MB.
"""

from __future__ import annotations

from string import Template
from typing import Any

from ...calltree import CallTree
from ...diagnosis import Report
from ...flamegraph import as_json, content_policy, drawing_code, read_asset, style_sheet
from ...flamegraph.columns import describe
from .elements import Markup, element, text
from .head import draw_head, stamp_of, title_of
from .suspects import draw_suspects
from .tables import draw_curve_section, draw_missing, draw_types, draw_words_alone, growth_note

_SIZES = (("low", 9), ("middle", 14))
"""The levels of calls for which the room for the graph is as high as the style sheet says."""


def render_html(report: Report) -> str:
    """The page; it has no character that UTF-8 cannot hold."""
    graph = describe(report.growth) if report.growth is not None else None
    style = style_sheet() + read_asset(__package__, "style.css")
    script = drawing_code() + read_asset(__package__, "page.js")
    return Template(read_asset(__package__, "page.html")).substitute(
        policy=content_policy(style, script),
        title=text(f"{stamp_of(report)}: {title_of(report)}"),
        style=style,
        head=draw_head(report),
        main=_main(report, graph),
        data=as_json(graph) if graph is not None else "null",
        script=script,
    )


def _main(report: Report, graph: dict[str, Any] | None) -> Markup:
    sections = (
        draw_curve_section(report),
        draw_suspects(report) or draw_words_alone(report),
        draw_types(report),
        _flame_graph(report.growth, graph),
        draw_missing(report),
    )
    return Markup("\n".join(section for section in sections if section))


def _flame_graph(tree: CallTree | None, graph: dict[str, Any] | None) -> Markup:
    """The room for the graph, which the script draws."""
    if tree is None or graph is None:
        return Markup()
    levels = max(graph["nodes"]["depth"])
    size = next((name for name, most in _SIZES if levels <= most), "high")
    return element(
        "section",
        element("h2", "Who allocated the growth"),
        element("p", growth_note(tree), class_="note"),
        element("div", id="growth", class_=f"graph graph-{size}"),
        element("noscript", "The flame graph is drawn with JavaScript, which is switched off here."),
    )
