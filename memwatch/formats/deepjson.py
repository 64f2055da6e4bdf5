"""Reads JSON of any depth: the standard library's parser where it gets through, else one that does not recurse."""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import FormatError

_BLANK = re.compile(r"[ \t\n\r]*")
_CLOSING = {"{": "}", "[": "]"}


def parse(data: bytes) -> Any:
    """The value in *data* (UTF-8, also with a byte order mark). Raises FormatError with the place of the fault."""
    try:
        text = data.decode("utf-8-sig")
        try:
            return json.loads(text)
        except RecursionError:
            return _Parser(text).run()
    except UnicodeDecodeError as error:
        raise FormatError(f"no UTF-8 text: {error.reason} at byte {error.start:,}") from None
    except json.JSONDecodeError as error:
        end = " (the end of the file: is it truncated?)" if error.pos >= len(text.rstrip()) else ""
        raise FormatError(f"broken JSON: {error.msg} at line {error.lineno}, column {error.colno}{end}") from None
    except ValueError as error:
        raise FormatError(f"broken JSON: {error}") from None


class _Parser:
    """Keeps the containers that are open in a list of its own; strings and numbers are the library's business."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.open: list[Any] = []
        self.keys: list[str] = []
        self.scalar = json.JSONDecoder().raw_decode

    def run(self) -> Any:
        """The whole text's value."""
        value, complete = self._begin()
        while not (complete and not self.open):
            if complete:
                value, complete = self._go_on(value)
            else:
                value, complete = self._begin()
        if self._char():
            raise self._fault("Extra data")
        return value

    def _begin(self) -> tuple[Any, bool]:
        """Read a value's beginning: the value and True, or nothing and False where a container was opened."""
        char = self._char()
        if char not in _CLOSING or not char:
            value, self.at = self.scalar(self.text, self.at)
            return value, True
        self.at += 1
        container: Any = {} if char == "{" else []
        if self._char() == _CLOSING[char]:
            self.at += 1
            return container, True
        self.open.append(container)
        self._key()
        return None, False

    def _go_on(self, value: Any) -> tuple[Any, bool]:
        """Put a value that is complete where it belongs; then the container may be complete."""
        container = self.open[-1]
        if isinstance(container, dict):
            container[self.keys.pop()] = value
        else:
            container.append(value)
        char = self._char()
        if char == ",":
            self.at += 1
            self._key()
            return None, False
        if char != ("}" if isinstance(container, dict) else "]"):
            raise self._fault("Expecting ',' delimiter")
        self.at += 1
        return self.open.pop(), True

    def _key(self) -> None:
        """In an object, read a key and its colon."""
        if isinstance(self.open[-1], dict):
            if self._char() != '"':
                raise self._fault("Expecting property name enclosed in double quotes")
            key, self.at = self.scalar(self.text, self.at)
            if self._char() != ":":
                raise self._fault("Expecting ':' delimiter")
            self.at += 1
            self.keys.append(key)

    def _char(self) -> str:
        """The next character that is not blank; empty at the end."""
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def _fault(self, what: str) -> json.JSONDecodeError:
        return json.JSONDecodeError(what, self.text, self.at)
