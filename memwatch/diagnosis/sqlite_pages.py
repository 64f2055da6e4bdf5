"""Is the growth SQLite's pages, and may it end? They are those of files, or of rows that the program deletes later."""

from __future__ import annotations

from collections.abc import Mapping

from ..backend.meters.sqlite import count_writable_bytes, read_sqlite_pages
from ..heap import Totals
from ..internal import internal
from ..retain import find_deleting
from ..units import format_bytes
from .verdict import HALF

_MOST_OF_ALL = 0.65  # of the growth
_OPENED = 0.1  # of the connections: if so many more are there, they are what grows
_CONNECTION = "sqlite3.Connection"


@internal
class SqlitePages:
    """Explains the *grew* bytes since a suspicion: *net* more objects of each type came (None: not counted), of which
    there were so many *before*. Each method by one cause, in words, or None."""

    def __init__(self, net: Mapping[str, int] | None, before: Totals, grew: int) -> None:
        self._opened = net is None or net.get(_CONNECTION, 0) > _OPENED * before.get(_CONNECTION, (0, 0))[0]
        self._grew = grew

    def paging(self, before: int | None) -> str | None:
        """Pages of files that SQLite keeps in its connections, each up to its `cache_size`: *before* took their pages.

        A database in memory has no file that is about as large (pages in memory have a head besides).
        """
        now = self._now(before)
        if now is None or count_writable_bytes() < HALF * now:
            return None
        return f"SQLite keeps pages of its files, as many as its connections may: {format_bytes(now)} so far"

    def deleting(self, before: int | None) -> str | None:
        """The same of a database in memory, if the program has run code that deletes rows: old ones, most likely."""
        now = self._now(before)
        name = None if now is None else find_deleting()
        return f"SQLite keeps rows, and {name} deletes some: {format_bytes(now or 0)} so far" if name else None

    def _now(self, before: int | None) -> int | None:
        """Bytes of SQLite's pages, if they explain the growth. Who opens ever more connections has no bound."""
        now = None if before is None or self._opened else read_sqlite_pages()
        return now if now is not None and before is not None and now - before > _MOST_OF_ALL * self._grew else None
