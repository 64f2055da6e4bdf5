"""JSON of any depth is read, and what is wrong with it is said with its place."""

from __future__ import annotations

import json

import pytest

from memwatch.errors import FormatError
from memwatch.formats.deepjson import _Parser, parse

from ..properties import HealthCheck, given, settings, st

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values, st.sampled_from([None, 1]))
def test_both_parsers_agree(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert _Parser(text).run() == json.loads(text)


def test_a_hundred_thousand_brackets_are_no_problem() -> None:
    found = parse(b'[{"a":' * 50_000 + b"7" + b"}]" * 50_000)
    depth = 0
    while isinstance(found, list):
        found, depth = found[0]["a"], depth + 1
    assert (found, depth) == (7, 50_000)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert parse(b"\xef\xbb\xbf[1]") == [1]


DEEP = 20_000


@pytest.mark.parametrize("deep", [0, DEEP])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1", "truncated"),
        ('{"a": [1, 2], "b"', "truncated"),
        ('{"a', "Unterminated string"),
        ("[1,]", "broken JSON"),
        ("[1 2]", "Expecting ',' delimiter"),
        ("{1: 2}", "Expecting property name enclosed in double quotes"),
        ('{"a" 2}', "Expecting ':' delimiter"),
        ("[1}", "Expecting ',' delimiter"),
        ("nonsense", "Expecting value"),
    ],
)
def test_what_is_broken_is_said(text: str, message: str, deep: int) -> None:
    with pytest.raises(FormatError, match=message):
        parse(("[" * deep + text).encode())


def test_more_after_the_end_is_refused() -> None:
    for text in ("[1] 2", "[" * DEEP + "]" * DEEP + "2"):
        with pytest.raises(FormatError, match="Extra data at line 1"):
            parse(text.encode())


def test_text_that_is_no_utf_8_and_numbers_without_end_are_refused() -> None:
    with pytest.raises(FormatError, match="no UTF-8 text: invalid start byte at byte 2"):
        parse(b'["\xff"]')
    with pytest.raises(FormatError, match="broken JSON: Exceeds the limit"):
        parse(b"[" + b"9" * 10_000 + b"]")
