"""A flame graph as one HTML page: search, zoom, keyboard, light and dark, the heaviest functions as a table.

The page needs nothing beside itself and may ask for nothing: its content security policy allows the style and the
script that are in it, by their hash, a worker that the script makes of a text of its own, and no request. Everything
that comes from the program stands in one block of JSON, in ASCII and without ``<``, ``>`` and ``&``, so that no name
can end the block; the script shows it as text only.
"""

from __future__ import annotations

import json
import pkgutil
from base64 import b64encode
from hashlib import sha256
from string import Template
from typing import Any

from ...calltree import CallTree
from ...errors import UnsupportedError
from .columns import describe

_SCRIPTS = ("tree", "match", "canvas", "words", "parts", "view")
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}


def write(tree: CallTree) -> bytes:
    """The page in UTF-8. Beyond `columns.LIMIT` nodes the smallest are drawn together, and the page says so."""
    style, script = style_sheet(), f"{drawing_code()}{_asset('page.js')}"
    page = Template(_asset("page.html"))
    return page.substitute(
        policy=_policy(style, script), style=style, script=script, data=as_json(describe(tree))
    ).encode()


def style_sheet() -> str:
    """The style of the page and of the graph in it."""
    return _asset("style.css")


def drawing_code() -> str:
    """JavaScript that defines ``flameGraph(container, data)``, for this page and for others that show a graph."""
    return "".join(_asset(f"{name}.js") for name in _SCRIPTS)


def as_json(data: dict[str, Any]) -> str:
    """*data* as JSON that can stand in a script element whatever its texts are."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; worker-src blob:; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    """A file of this folder, also where the package lies in a zip."""
    data = pkgutil.get_data(__package__, name)
    if data is None:
        raise UnsupportedError(
            f"the flame graph's {name} cannot be read: memwatch was installed without its data files"
        )
    return data.decode().replace("\r\n", "\n")
