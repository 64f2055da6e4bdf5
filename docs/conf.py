"""The documentation as a site: pip install -e '.[docs]' && sphinx-build -W docs site; it begins at site/index.html.

Sphinx with furo and MyST: the pages are Markdown that reads in the repository as it is, docstrings become a page by
what Sphinx itself has, and the search needs no server. (Material for MkDocs would have been the other choice; it
announces its end of life for May 2027.)
"""

from __future__ import annotations

import re
from typing import Any

from memwatch import __version__

project = "memwatch"
release = version = __version__
html_theme = "furo"
html_title = "memwatch"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
root_doc = "index"
myst_heading_anchors = 4
html_copy_source = html_show_copyright = False
html_extra_path = ["report.schema.json"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True}
add_module_names = False
suppress_warnings = ["myst.header"]  # some pages begin a part without its chapter
nitpicky = False

_IN_COLUMNS = ("memwatch.HeapDiff", "memwatch.errors")
_MEASURED = "](../benchmarks/README.md"


def setup(app: Any) -> None:
    """Have the links lead to where pages are in the site: the measurements lie beside the benchmarks."""
    app.connect("source-read", _point_links)
    app.connect("include-read", _point_links_of_measured)
    app.connect("autodoc-process-docstring", _keep_tables)


def _point_links(_app: Any, _name: str, source: list[str]) -> None:
    source[0] = source[0].replace(_MEASURED, "](measured.md").replace("](report.schema.json)", "](#the-values)")


def _point_links_of_measured(_app: Any, _path: Any, _name: str, source: list[str]) -> None:
    source[0] = re.sub(r"\[([^\]]*)\]\(corpus/\)", r"\1", source[0].replace("](../docs/", "]("))


def _keep_tables(_app: Any, _what: str, name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """A docstring that is laid out in columns is shown as it stands."""
    if name in _IN_COLUMNS:
        lines[:] = ["::", "", *(f"    {line}" for line in lines)]
