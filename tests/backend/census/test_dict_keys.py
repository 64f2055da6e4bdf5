"""How a dict's keys look: names from source code are shown, at most four, and never data."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from memwatch.backend.census.dict_keys import is_interned, key_signature


class Key:
    pass


def made(text: str) -> str:
    """The same text as data: not interned."""
    return "".join(list(text))


@pytest.mark.parametrize(
    ("names", "shape"),
    [
        ({}, "{}"),
        ({"id": 1}, "{id}"),
        ({"id": 1, "name": 2, "rows": 3, "size": 4}, "{id,name,rows,size}"),
        ({"id": 1, "name": 2, "rows": 3, "size": 4, "last": 5}, "{id,name,rows,size,...}"),
        ({made("id"): 1}, "{str}"),
        ({"id": 1, made("name"): 2}, "{str}"),
        ({"id": 1, 7: 2}, "{mixed}"),
        ({7: 1, 8: 2}, "{int}"),
        ({Key(): 1}, f"{{{__name__}.Key}}"),
        ({b"id": 1}, "{bytes}"),
        ({sys.intern(made("x" * 41)): 1}, "{str}"),
        ({sys.intern(made("tab\tname")): 1}, r"{tab\tname}"),
        ({"": 1}, "{str}"),
    ],
)
def test_shapes(names: dict[Any, Any], shape: str) -> None:
    assert key_signature(names) == shape


def test_five_keys_are_looked_at_of_a_million() -> None:
    assert key_signature(dict.fromkeys(range(1_000_000))) == "{int}"


def test_asking_interns_nothing() -> None:
    text = made("some data of a user")
    assert not is_interned(text) and not is_interned(text)
    assert is_interned("a_name") and is_interned(sys.intern(made("made a name")))
