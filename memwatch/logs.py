"""What memwatch says by `logging`: nothing that a handler or a filter of the program's raises comes back.

`Handler.emit` may raise, and `logging` hands that on to who logs: here to memwatch's thread, which would end, or to a
call of the program's that has nothing to do with its logging.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from .internal import internal


@internal
class Log:
    """Writes to ``logging.getLogger("memwatch")``, with the methods of a logger. None of them raises an Exception."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("memwatch")

    def log(self, level: int, text: str, *args: object, **options: Any) -> None:
        self._say(level, text, args, options)

    def debug(self, text: str, *args: object, **options: Any) -> None:
        self._say(logging.DEBUG, text, args, options)

    def info(self, text: str, *args: object) -> None:
        self._say(logging.INFO, text, args, {})

    def warning(self, text: str, *args: object, **options: Any) -> None:
        self._say(logging.WARNING, text, args, options)

    def error(self, text: str, *args: object, **options: Any) -> None:
        self._say(logging.ERROR, text, args, options)

    def exception(self, text: str) -> None:
        """With the traceback of the exception that is being handled."""
        self._say(logging.ERROR, text, (), {"exc_info": True})

    def _say(self, level: int, text: str, args: tuple[object, ...], options: dict[str, Any]) -> None:
        with suppress(Exception):
            self._logger.log(level, text, *args, stacklevel=3, **options)
