"""Finds the answer to one question on the watcher's thread, without waiting for anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import UnsupportedError
from ..internal import internal
from ..loading import Loader
from ..watch import Watcher

_LOADING = 0.05  # seconds between checks whether what is needed is loaded
_PATIENCE = 60.0  # seconds that loading may take


@internal
class Reply:
    """The answer to one question while it is being found. *tell* is called once with the answer or an error.

    *looks* loads what a look at the heap needs.
    """

    def __init__(self, watcher: Watcher, looks: Loader, tell: Callable[[object, Exception | None], None]) -> None:
        self.watcher = watcher
        self.looks = looks
        self.on_cancel: Callable[[], object] | None = None
        self._tell: Callable[[object, Exception | None], None] | None = tell

    def give(self, value: object) -> None:
        """Give the answer."""
        self._end(value, None)

    def fail(self, error: Exception) -> None:
        """Give an error instead of an answer."""
        self._end(None, error)

    def cancel(self) -> None:
        """Nobody wants the answer any more."""
        self._tell = None
        if self.on_cancel is not None:
            self.on_cancel()

    def later(self, seconds: float, function: Callable[[], object]) -> None:
        """Call *function* in so many seconds, unless nobody wants the answer by then. What it raises is the answer."""

        def go_on() -> None:
            if self._tell is None:
                return
            try:
                function()
            except Exception as error:
                self.fail(error)

        self.watcher.call_later(seconds, go_on)

    def when_loaded(self, loader: Loader, function: Callable[[Any], object], patience: float = _PATIENCE) -> None:
        """Call *function* with the module that *loader* loads, once it is loaded."""
        if loader.room is not None:
            function(loader.room)
        elif loader.problem or patience <= 0:
            raise UnsupportedError(f"memwatch cannot look into the heap: {loader.problem or 'loading takes too long'}")
        else:
            loader.begin()
            self.later(_LOADING, lambda: self.when_loaded(loader, function, patience - _LOADING))

    def _end(self, value: object, error: Exception | None) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(value, error)
