"""Where a container stands that only grows; the kind of container says how to empty or to bound it."""

from __future__ import annotations

from .cause import Cause

_CONTAINER = "list|dict|set|collections.deque"  # and what is derived from them

VARIABLES = (
    Cause(
        "default-argument",
        "a {holder} that is a default argument of {name}, made once and added to by every call",
        "make it inside: def f(items=None): items = [] if items is None else items",
        (
            f"@*: function > .__defaults__: tuple > []: {_CONTAINER} > []",
            f"@*: function > .__kwdefaults__: dict > []: {_CONTAINER} > []",
        ),
        counted=True,
        many=True,
        for_owner=True,
    ),
    Cause(
        "closure",
        "a {holder} in the closure of {name} that only grows, and lives as long as that function",
        "{drop}; a cache is better made by functools.lru_cache(maxsize=128)",
        (f"@*: function > cell *: {_CONTAINER} > []",),
        counted=True,
        many=True,
        for_owner=True,
    ),
    Cause(
        "class-attribute",
        "a {holder} on the class {name} that only grows, shared by all instances and outliving them",
        "make it an attribute of the instance (self.items = [] in __init__), so that it goes with its object; or "
        "{drop}",
        (f"@*: type > .*: {_CONTAINER} > []",),
        counted=True,
        many=True,
        for_owner=True,
    ),
    Cause(
        "module-variable",
        "a module-level {holder} that only grows",
        "{drop}",
        (f"module * > .*: {_CONTAINER} > []",),
        counted=True,
        many=True,
        for_owner=True,
    ),
    Cause(
        "growing-stream",
        "a stream in memory that is written to and never emptied",
        "empty it after its text was used, stream.seek(0) and stream.truncate(), or make a new one for each piece of "
        "work; or write to a file",
        (".*|[]|local *|cell *: _io.BytesIO|_io.StringIO", "*: _io.BytesIO > *: bytes"),
        many=False,
        for_owner=True,
    ),
    Cause(
        "growing-text",
        "a text or a buffer that is added to and never cleared",
        "write it out and start a new one when it is large, or keep only its last parts: collections.deque(maxlen=100)",
        (".*|[]|local *|cell *: str|bytes|bytearray",),
        many=False,
        for_owner=True,
    ),
)
