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
_MOST_OUTER = 16  # outer labels of one, whose numbers are at hand
_known: dict[Labels, tuple[Labels, dict[int, int]]] = {}
"""By labels as they were given: as they are kept, and their numbers by those of the labels around them."""

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
        self._token: Token[int] | None = None

    def __enter__(self) -> label:
        self._outer = outer = CURRENT.get()
        try:
            number = self._labels[1][outer]
        except KeyError:
            number = _number_of(outer, *self._labels)
        self._token = CURRENT.set(number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        token = self._token
        if token is not None:
            self._token = None
            try:
                CURRENT.reset(token)
            except ValueError:
                CURRENT.set(self._outer)

    def enter(self) -> label:
        """Begin."""
        return self.__enter__()

    def leave(self) -> None:
        """End, also in another context than the one it began in, as frameworks do with generators."""
        self.__exit__(None, None, None)


def _number_of(outer: int, labels: Labels, numbers: dict[int, int]) -> int:
    number = number_of(outer, labels)
    if len(numbers) < _MOST_OUTER:
        numbers[outer] = number
    return number


def _check(items: tuple[tuple[str, Any], ...]) -> tuple[Labels, dict[int, int]]:
    if not 0 < len(items) <= _MOST or not all(type(value) is str for _, value in items):
        raise OptionError(f"label takes 1 to {_MOST} names with text, as in label(route='GET /orders')")
    kept = tuple([(name, value[:LONGEST]) for name, value in items]), dict[int, int]()
    if len(_known) < MOST and kept[0] == items:
        _known[items] = kept
    return kept
