"""The wire format: bytes as the specification's own examples have them, and nothing read beyond the end."""

from __future__ import annotations

import contextlib

import pytest

from memwatch.errors import FormatError
from memwatch.formats.pprof.protobuf import Message, fields_of, integers, signed, varint

from ..properties import given, settings, st

int64 = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (150, "9601"),
        (-1, "ffffffffffffffffff01"),
        (-2, "fe" + "ff" * 8 + "01"),
    ],
)
def test_varint(value: int, encoded: str) -> None:
    assert varint(value).hex() == encoded


def test_fields_are_written_as_the_specification_shows() -> None:
    message = Message()
    message.number(1, 150)
    message.data(2, b"testing")
    message.packed(6, [3, 270, 86942])
    assert message.content.hex() == "089601" + "120774657374696e67" + "3206038e029ea705"


def test_zero_is_not_written_but_empty_bytes_are() -> None:
    message = Message()
    message.number(1, 0)
    message.data(6, b"")
    assert message.content == b"\x32\x00"


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 2**29 - 1), int64 | st.binary(max_size=300))))
def test_what_is_written_is_read(fields: list[tuple[int, int | bytes]]) -> None:
    message = Message()
    for field, value in fields:
        message.number(field, value) if isinstance(value, int) else message.data(field, value)
    found = [(field, signed(v) if isinstance(v, int) else v) for field, v in fields_of(bytes(message.content))]
    assert found == [(field, value) for field, value in fields if value != 0]


@settings(deadline=None)
@given(st.lists(int64))
def test_packed_numbers_are_read(values: list[int]) -> None:
    message = Message()
    message.packed(1, values)
    ((_, packed),) = fields_of(bytes(message.content))
    assert [signed(value) for value in integers(packed)] == values
    assert integers(5) == [5]


def test_fixed_width_fields_are_stepped_over() -> None:
    assert [field for field, _ in fields_of(b"\x09" + b"x" * 8 + b"\x15" + b"y" * 4 + b"\x18\x07")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("0a05616263", "truncated protobuf: field 1 goes 2 bytes beyond the end"),
        ("08", "truncated protobuf: it ends inside a number"),
        ("0896", "truncated protobuf: it ends inside a number"),
        ("08" + "ff" * 11, "broken protobuf: a number"),
        ("0b", "broken protobuf: field 1 is of the unknown kind 3"),
        ("0effff", "broken protobuf: field 1 is of the unknown kind 6"),
        ("0affffffffffffffffff01", "truncated protobuf: field 1 goes 18,446,744,073,709,551,615 bytes beyond the end"),
    ],
)
def test_broken_bytes_are_refused(data: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        list(fields_of(bytes.fromhex(data)))
    assert str(caught.value).startswith(message)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_fields_or_a_format_error(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        list(fields_of(data))
