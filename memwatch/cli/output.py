"""Standard output of a command: lines as wide as the terminal, and nothing that its encoding cannot say stops it."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from ..tables import wrapped
from .screen import width_of


class Wrapping(io.TextIOBase):
    """Writes whole lines on to *stream*, none longer than the terminal behind it is wide just then."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream."""
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Take *text*; what is a whole line goes on."""
        lines, newline, self._waiting = (self._waiting + text).rpartition("\n")
        if newline:
            columns = width_of(self.fileno())
            self._stream.write((wrapped(lines, columns) if columns else lines) + newline)
        return len(text)

    def flush(self) -> None:
        """Hand on what is there, unless the stream is closed: it is asked for when this goes, too."""
        if not self._stream.closed:
            self._stream.flush()

    def end(self) -> None:
        """Write what ends without a newline."""
        waiting, self._waiting = self._waiting, ""
        self._stream.write(waiting)

    def fileno(self) -> int:
        """That of the stream."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """That of the stream: True."""
        return self._stream.isatty()


@contextmanager
def fitted_output() -> Iterator[None]:
    """Standard output of a command, while it runs; as it was before behind that."""
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
