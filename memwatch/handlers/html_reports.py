"""The report of each leak as a page for a browser, in a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import OptionError, WriteError
from ..files import check_writable, write_file
from ..logs import Log
from .leak_text import fingerprint_of

if TYPE_CHECKING:
    from ..watch.sample import Leak

_MOST_PAGES = 20

_log = Log()


class HtmlReports:
    """Writes the report of each leak as a page: the first to *path*, further leaks beside it, ``leak-2.html``.

    A leak that is reported again replaces its page; a process writes at most 20. They can be read by their owner only.
    The name belongs to process *pid*, the one that makes the object unless given; any other, as a forked child, adds
    its own number: ``leak-4211.html``. *written* is called with each page's path. What cannot be written is logged.
    Raises WriteError where it is clear from the start, and OptionError if *path* ends in neither ``.html`` nor
    ``.htm``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        pid: int | None = None,
        written: Callable[[str], object] | None = None,
    ) -> None:
        if not os.fspath(path).lower().endswith((".html", ".htm")):
            raise OptionError(f"a report is an HTML page, and {os.fspath(path)!r} ends in neither .html nor .htm")
        check_writable(os.fspath(path), "a report")
        self._path = os.path.abspath(path)
        self._owner = os.getpid() if pid is None else pid
        self._written = written
        self._numbers: dict[tuple[int, str], int] = {}

    def leak(self, value: Leak) -> None:
        """Handler of "leak"; never raises WriteError."""
        to_html = getattr(value.report, "to_html", None)
        path = self._path_for(fingerprint_of(value))
        if to_html is None or path is None:  # a report by another judge has no page
            return
        try:
            write_file(path, to_html().encode())
        except WriteError as error:
            _log.warning("no report written: %s", error)
        else:
            if self._written is not None:
                self._written(path)

    def _path_for(self, fingerprint: str) -> str | None:
        """The page's path; None if there are pages enough."""
        pid = os.getpid()
        known = [key for key in self._numbers if key[0] == pid]
        if (pid, fingerprint) not in self._numbers and len(known) >= _MOST_PAGES:
            return None
        number = self._numbers.setdefault((pid, fingerprint), len(known) + 1)
        stem, suffix = os.path.splitext(self._path)
        process = "" if pid == self._owner else f"-{pid}"
        return f"{stem}{process}{f'-{number}' if number > 1 else ''}{suffix}"
