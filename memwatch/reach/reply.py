"""An answer that is being found for one question, on the watcher's thread and without waiting for anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import UnsupportedError
from ..internal import internal
from ..loading import Loader
from ..watch import Watcher

_LOADING = 0.05  # seconds between two looks whether what is needed is loaded
_PATIENCE = 60.0  # seconds that it may take to load it


@internal
class Reply:
    """An answer that is being found for one question. *tell* gets it, or an error, once.

    *looks* loads what is needed for a look at the heap.
    """

    def __init__(self, watcher: Watcher, looks: Loader, tell: Callable[[object, Exception | None], None]) -> None:
        self.watcher = watcher
        self.looks = looks
        self.on_cancel: Callable[[], object] | None = None
        self._tell: Callable[[object, Exception | None], None] | None = tell

    def give(self, value: object) -> None:
        """This is the answer."""
        self._end(value, None)

    def fail(self, error: Exception) -> None:
        """There is none."""
        self._end(None, error)

    def cancel(self) -> None:
        """Nobody wants it any more."""
        self._tell = None
        if self.on_cancel is not None:
            self.on_cancel()

    def later(self, seconds: float, function: Callable[[], object]) -> None:
        """Go on in so many seconds, unless nobody wants it any more; what it raises is the answer."""

        def go_on() -> None:
            if self._tell is None:
                return
            try:
                function()
            except Exception as error:
                self.fail(error)

        self.watcher.call_later(seconds, go_on)

    def when_loaded(self, loader: Loader, function: Callable[[Any], object], patience: float = _PATIENCE) -> None:
        """Call *function* with what *loader* loads, once it is there."""
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
