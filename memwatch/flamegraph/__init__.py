"""What a page with a flame graph is made of: style, script, data, and the policy that keeps all else out.

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
from typing import Any

from ..errors import UnsupportedError

_SCRIPTS = ("tree", "match", "canvas", "words", "parts", "view")
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}


def style_sheet() -> str:
    """The style of the page and of the graph in it."""
    return read_asset(__package__, "style.css")


def drawing_code() -> str:
    """JavaScript that defines ``flameGraph(container, data)``, for this page and for others that show a graph."""
    return "".join(read_asset(__package__, f"{name}.js") for name in _SCRIPTS)


def as_json(data: dict[str, Any]) -> str:
    """*data* as JSON that can stand in a script element whatever its texts are."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


def content_policy(style: str, script: str) -> str:
    """The content security policy of a page with this style and this script, and nothing else."""
    return (
        f"default-src 'none'; style-src {content_hash(style)}; script-src {content_hash(script)}; worker-src blob:; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def content_hash(text: str) -> str:
    """How a policy names the style or the script that is *text*."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def read_asset(package: str, name: str) -> str:
    """A file of a package's folder, also where it lies in a zip."""
    data = pkgutil.get_data(package, name)
    if data is None:
        raise UnsupportedError(f"{name} cannot be read: memwatch was installed without its data files")
    return data.decode().replace("\r\n", "\n")
