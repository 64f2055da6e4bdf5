"""The standard output of a command: lines fit the terminal, and characters that it cannot encode are escaped."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from ..tables import wrapped
from .screen import width_of


class Wrapping(io.TextIOBase):
    """Writes whole lines to *stream*, none longer than the terminal is wide at that moment."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Take *text* and pass on its whole lines."""
        lines, newline, self._waiting = (self._waiting + text).rpartition("\n")
        if newline:
            columns = width_of(self.fileno())
            self._stream.write((wrapped(lines, columns) if columns else lines) + newline)
        return len(text)

    def flush(self) -> None:
        """Flush the stream, unless it is closed: this is also called when the object is freed."""
        if not self._stream.closed:
            self._stream.flush()

    def end(self) -> None:
        """Write the last line, which has no newline."""
        waiting, self._waiting = self._waiting, ""
        self._stream.write(waiting)

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()


@contextmanager
def fitted_output() -> Iterator[None]:
    """Replaces standard output while a command runs."""
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    if stream is None or not stream.isatty():
        yield
        return
    sys.stdout = fitted = Wrapping(stream)
    try:
        yield
    finally:
        sys.stdout = stream
        fitted.end()
