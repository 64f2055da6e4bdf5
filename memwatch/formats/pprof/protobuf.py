"""Protocol Buffers' wire format, as far as a profile needs it: an encoder and a decoder of flat messages.

A message is a row of fields, each a number (a varint) or a run of bytes (a text, a message, or packed numbers).
https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...errors import FormatError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_LAST_SHIFT = 63  # of the tenth byte of a number, the last that it may have
_WORD = 1 << 64
INT64_MAX = (1 << 63) - 1


def varint(value: int) -> bytes:
    """*value* in groups of seven bits, the lowest first; a negative one as two's complement of 64 bits."""
    value %= _WORD
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


class Message:
    """A message while it is written. A number that is 0 is not written, as proto3 has it; bytes always are."""

    __slots__ = ("content",)

    def __init__(self) -> None:
        self.content = bytearray()

    def number(self, field: int, value: int) -> None:
        """An integer from -2**63 to 2**63-1, or a truth value."""
        if value:
            self.content += varint(field << 3 | _VARINT) + varint(value)

    def data(self, field: int, data: bytes | bytearray) -> None:
        """Bytes as they are: a text in UTF-8, or another message's content."""
        self.content += varint(field << 3 | _BYTES) + varint(len(data)) + data

    def packed(self, field: int, values: Iterable[int]) -> None:
        """A list of integers."""
        self.data(field, b"".join(map(varint, values)))


def fields_of(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Each field of the message *data*: its number and its value, unsigned if it is an integer.

    Raises FormatError where a field goes beyond the end or is of a kind that no profile has.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = _read_varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, at = _read_varint(data, at)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise FormatError(f"broken protobuf: field {key >> 3} is of the unknown kind {kind}")
        if at + size > end:
            raise FormatError(f"truncated protobuf: field {key >> 3} goes {at + size - end:,} bytes beyond the end")
        yield key >> 3, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The integer at *at*, and where it ends."""
    value = shift = 0
    for byte in data[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value % _WORD, at
        shift += 7
    raise FormatError("truncated protobuf: it ends inside a number" if at >= len(data) else "broken protobuf: a number")


def signed(value: int) -> int:
    """The int64 whose unsigned form is *value*."""
    return value - _WORD if value > INT64_MAX else value


def integers(value: int | bytes) -> list[int]:
    """The unsigned integers of a repeated field, which is written packed or one at a time."""
    if isinstance(value, int):
        return [value]
    if value.isascii():  # numbers below 128 are a byte each
        return list(value)
    found, number, shift = [], 0, 0
    for byte in value:  # not by _read_varint: a large profile has millions of them
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            found.append(number % _WORD)
            number = shift = 0
        elif (shift := shift + 7) > _LAST_SHIFT:
            raise FormatError("broken protobuf: a number")
    if shift:
        raise FormatError("truncated protobuf: it ends inside a number")
    return found
