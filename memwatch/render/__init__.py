"""A report as a person reads it: as text, or as a page for a browser.

A report knows none of its views. They enter themselves here, under the name that `Report.render` is asked for.
"""

from __future__ import annotations

from ..diagnosis import Report
from .html import render_html
from .markdown import render_markdown
from .text import render_text

__all__ = ["render_html", "render_markdown", "render_text"]

Report.views.update(text=render_text, html=render_html, markdown=render_markdown)
