"""Labels: what the program is doing, so that samples, profiles and reports can say for what memory was allocated.

    with memwatch.label(route="GET /orders"):
        handle(request)

A label belongs to the context (`contextvars`): to a thread, or to an asyncio task and all that it starts. Inner labels
go over outer ones of the same name. `frameworks` sets them for Flask, Django, FastAPI and Celery.
"""

from __future__ import annotations

from contextvars import Token
from types import TracebackType
from typing import Any

from ..backend.allocations.context_labels import CURRENT, MOST, Labels, number_of
from ..errors import OptionError
from ..internal import never_count

LONGEST = 100
"""Characters of a label's value; what is longer is cut."""

_MOST = 8  # labels at once
_known: dict[Labels, Labels] = {}  # as they were given, and as they are kept
never_count(_known)


class label:  # noqa: N801  it stands in `with` statements, as a function would
    """For a `with` statement, or by `enter` and `leave`: what is allocated in it bears these labels.

    Names and values are text; values are cut at 100 characters. Use names that group, as a route's pattern: of sets of
    labels 4096 are kept apart, later ones are counted together. Raises OptionError for no label, more than 8, or a
    value that is no text.
    """

    __slots__ = ("_labels", "_outer", "_token")

    def __init__(self, **labels: str) -> None:
        items = tuple(labels.items())
        try:
            self._labels = _known[items]
        except (KeyError, TypeError):
            self._labels = _check(items)
        self._outer = 0
        self._token: Token[int] | None = None

    def enter(self) -> label:
        """Begin."""
        self._outer = CURRENT.get()
        self._token = CURRENT.set(number_of(self._outer, self._labels))
        return self

    def leave(self) -> None:
        """End, also in another context than the one it began in, as frameworks do with generators."""
        token, self._token = self._token, None
        if token is not None:
            try:
                CURRENT.reset(token)
            except ValueError:
                CURRENT.set(self._outer)

    def __enter__(self) -> label:
        return self.enter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()


def _check(items: tuple[tuple[str, Any], ...]) -> Labels:
    if not 0 < len(items) <= _MOST or not all(type(value) is str for _, value in items):
        raise OptionError(f"label takes 1 to {_MOST} names with text, as in label(route='GET /orders')")
    kept = tuple([(name, value[:LONGEST]) for name, value in items])
    if len(_known) < MOST and kept == items:
        _known[items] = kept
    return kept
