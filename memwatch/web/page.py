"""The page: one answer with everything that it needs. It loads nothing else, and has no data of the program in it."""

from __future__ import annotations

import re
from string import Template

from ..flamegraph import content_hash, drawing_code, read_asset, style_sheet
from .http import Answer, answer_with

_COMMENT = re.compile(r"^ *//.*\n", re.MULTILINE)
_SCRIPTS = ("api", "chart", "jobs", "types", "profiles", "page")


def answer() -> Answer:
    """The page, with the policy that forbids it to load anything else. It is seldom asked for, so it is not cached."""
    styles = (
        read_asset(__package__, "uplot.css"),
        style_sheet(),
        read_asset("memwatch.render.html", "style.css"),
        read_asset(__package__, "page.css"),
    )
    style = "".join(styles)
    code = "".join(read_asset(__package__, f"{name}.js") for name in _SCRIPTS)
    scripts = read_asset(__package__, "uplot.js"), _COMMENT.sub("", drawing_code() + code)
    made = Template(read_asset(__package__, "page.html")).substitute(style=style, chart=scripts[0], script=scripts[1])
    policy = (
        f"default-src 'none'; style-src {content_hash(style)}; script-src {' '.join(map(content_hash, scripts))}; "
        "connect-src 'self'; worker-src blob:; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    kind = "text/html; charset=utf-8"
    return answer_with(made.encode(), kind, ("Content-Security-Policy", policy))
