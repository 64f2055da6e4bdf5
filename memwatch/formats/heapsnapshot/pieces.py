"""Takes JSON apart as it is read: keys, lists of whole numbers, strings; never more than a piece of it at once."""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from ...errors import FormatError

_PIECE = 1 << 20
_LONGEST_VALUE = 1 << 24  # bytes of what is no list of numbers: the head of the file, or one string
_MOST_SHRUNK = 1000  # a file may be so many times larger than it is compressed: more is no heap
_BLANK = b" \t\r\n"
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NUMBERS = re.compile(rb"[0-9,\s]*")
_KEY = re.compile(rb'\s*"([^"\\]{0,100})"\s*:\s*')
_OPENING, _CLOSING = b"[{", b"]}"


class Readable(Protocol):
    """Whatever gives bytes."""

    def read(self, size: int, /) -> bytes:
        """At most *size* bytes more; none at the end."""


@contextmanager
def open_snapshot(path: str | os.PathLike[str]) -> Iterator[Readable]:
    """The file, unpacked if it is compressed. Raises FormatError where its content is broken."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            if not packed:
                yield file
                return
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield _Bounded(unpacked, os.fstat(file.fileno()).st_size * _MOST_SHRUNK)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise FormatError(f"the compressed file is broken: {error}") from None


class _Bounded:
    """What is unpacked, as far as a file of its size can be one."""

    def __init__(self, file: Readable, most: int) -> None:
        self._file, self._left = file, most

    def read(self, size: int, /) -> bytes:
        piece = self._file.read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise FormatError(f"no heap snapshot: unpacked it is more than {_MOST_SHRUNK:,} times as large")
        return piece


class Pieces:
    """The text of a file from the place that is reached."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._text: bytes = self._file.read(_PIECE).removeprefix(b"\xef\xbb\xbf")
        self._at = 0

    def _more(self) -> bool:
        """Read on, and forget what was passed; whether there was something."""
        piece = self._file.read(_PIECE)
        self._text, self._at = self._text[self._at :] + piece, 0
        return bool(piece)

    def _cut(self, what: str) -> FormatError:
        return FormatError(f"the file ends in the middle of {what}: is it truncated?")

    def _char(self) -> int:
        """The next character that is no blank, which is not passed; -1 at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return -1

    def expect(self, char: str) -> None:
        """Pass *char*."""
        if self._char() != ord(char):
            raise FormatError(f"no heap snapshot: {char!r} is missing where a value begins")
        self._at += 1

    def key(self) -> str:
        """Pass a key and its colon."""
        found = _KEY.match(self._text, self._at)
        while found is None or found.end() == len(self._text):
            if len(self._text) - self._at > _PIECE or not self._more():
                raise FormatError("no heap snapshot: a key is missing, or the file is truncated")
            found = _KEY.match(self._text, self._at)
        self._at = found.end()
        return found[1].decode("utf-8", "replace")

    def next_key(self) -> str | None:
        """Pass a comma and the next key; None at the end of the whole."""
        char = self._char()
        if char == ord("}"):
            return None
        if char == -1:
            raise self._cut("the snapshot")
        self.expect(",")
        return self.key()

    def value(self, what: str) -> Any:
        """Pass a value that is small."""
        end = self._end_of_value(what)
        text = self._text[self._at : end]
        self._at = end
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"broken JSON in {what}: {error}") from None

    def _end_of_value(self, what: str) -> int:
        depth, at = 0, self._at
        while True:
            if at >= len(self._text):
                start = self._at
                if len(self._text) - start > _LONGEST_VALUE:
                    raise FormatError(f"no heap snapshot: {what} is longer than any")
                if not self._more():
                    raise self._cut(what)
                at -= start
            char = self._text[at : at + 1]
            if char == b'"':
                found = _STRING.match(self._text, at)
                if found is None:  # not all of it is there: it is looked at again with more
                    start = self._at
                    if len(self._text) - start > _LONGEST_VALUE or not self._more():
                        raise self._cut(what)
                    at -= start
                    continue
                at = found.end()
                continue
            depth += (char in (b"[", b"{")) - (char in (b"]", b"}"))
            at += 1
            if depth == 0 and char in (b"]", b"}"):
                return at

    def numbers(self, what: str, most: int) -> array[int]:
        """Pass a list of whole numbers from 0 to 2^32 - 1, of which there are *most*."""
        self.expect("[")
        found, rest = array("I"), b""
        while True:
            end = self._text.find(b"]", self._at)
            text = rest + self._text[self._at : len(self._text) if end < 0 else end]
            cut = len(text) if end >= 0 else text.rfind(b",") + 1
            self._add(found, text[:cut], what, last=end >= 0)
            rest = text[cut:]
            if len(found) > most or len(rest) > 100:
                raise FormatError(f"{what}: more numbers than the file says, or one that is too long")
            if end >= 0:
                self._at = end + 1
                break
            self._at = len(self._text)
            if not self._more():
                raise self._cut(what)
        if len(found) != most:
            raise FormatError(f"{what}: {len(found):,} numbers, and {most:,} are said to be there")
        return found

    def _add(self, found: array[int], text: bytes, what: str, last: bool) -> None:
        if not last:
            text = text[:-1]
        if not text.strip():
            if found and last:
                raise FormatError(f"{what}: a number is missing at the end")
            return
        if _NUMBERS.fullmatch(text) is None:
            raise FormatError(f"{what}: something that is no whole number")
        try:
            found.extend(map(int, text.split(b",")))
        except (ValueError, OverflowError):
            raise FormatError(f"{what}: a number is missing, or does not fit into 32 bits") from None

    def strings(self) -> list[str]:
        """Pass a list of strings."""
        self.expect("[")
        found: list[str] = []
        while True:
            end = self._end_of_strings()
            found += self._decoded(self._text[self._at : end])
            before, self._at = self._text, end
            char = self._char()
            self._at += char in (ord(","), ord("]"))
            if char == ord("]"):
                return found
            went_on = char == ord(",") or self._text is not before
            is_long = len(self._text) - self._at > _LONGEST_VALUE + _PIECE
            if not went_on and (is_long or not self._more()):
                raise self._cut("the strings")

    def _end_of_strings(self) -> int:
        """The end of the last string from here on that is whole, with nothing but commas between them."""
        end = self._at
        for match in _STRING.finditer(self._text, self._at):
            if self._text[end : match.start()].strip(b", \t\r\n"):
                break
            end = match.end()
        return end

    def _decoded(self, text: bytes) -> list[str]:
        try:
            values = json.loads(b"[" + text.strip(b", \t\r\n") + b"]", strict=False)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"broken JSON in the strings: {error}") from None
        return [str(value) for value in values]

    def skip(self) -> None:
        """Pass a value that nobody needs, however long: its numbers are not kept."""
        depth = 0
        while True:
            char = self._char()
            if char == -1:
                raise self._cut("a value")
            if char == ord('"'):
                match = _STRING.match(self._text, self._at)
                while match is None:
                    if len(self._text) - self._at > _LONGEST_VALUE or not self._more():
                        raise self._cut("a string")
                    match = _STRING.match(self._text, self._at)
                self._at = match.end()
            elif depth == 0 and char in b",}]":
                return
            else:
                depth += (char in _OPENING) - (char in _CLOSING)
                self._at += 1
                if depth == 0 and char in _CLOSING:
                    return
            if depth:
                self._pass_plain()

    def _pass_plain(self) -> None:
        found = _NUMBERS.match(self._text, self._at)
        self._at = found.end() if found else self._at
