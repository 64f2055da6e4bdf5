"""Labels in Python: what native/sampling/label_type.c does in C, for interpreters without it."""

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
Kept = tuple[Labels, dict[int, int]]
"""Labels as they are kept, and their numbers by those of the labels around them."""

known: dict[tuple[str, ...], dict[Any, Kept]] = {}
"""By the names, and by the value or the values, as they were given."""

never_count(known)
_count = 0  # of what is known


class label:  # noqa: N801  it stands in `with` statements, as a function would
    """For a `with` statement, or by `enter` and `leave`: what is allocated in it bears these labels.

    Names and values are text; values are cut at 100 characters. Use names that group, as a route's pattern: of sets of
    labels 4096 are kept apart, later ones are counted together. Raises OptionError for no label, more than 8, or a
    value that is no text.
    """

    __slots__ = ("_kept", "_outer", "_token")

    def __init__(self, **labels: str) -> None:
        names, given = tuple(labels), tuple(labels.values())
        values = given[0] if len(given) == 1 else given
        try:
            self._kept = known[names][values]
        except (KeyError, TypeError):
            self._kept = make(names, values)
        self._token: Token[int] | None = None

    def __enter__(self) -> label:
        self._outer = outer = CURRENT.get()
        try:
            number = self._kept[1][outer]
        except KeyError:
            number = number_for(outer, *self._kept)
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


def make(names: tuple[str, ...], values: Any) -> Kept:
    """What is kept of labels that were not met before: *values* is the one value, or a tuple. Raises OptionError."""
    global _count
    items = tuple(zip(names, (values,) if len(names) == 1 else values, strict=True))
    if not 0 < len(items) <= _MOST or not all(type(value) is str for _, value in items):
        raise OptionError(f"label takes 1 to {_MOST} names with text, as in label(route='GET /orders')")
    kept = tuple([(name, value[:LONGEST]) for name, value in items]), dict[int, int]()
    if _count < MOST and kept[0] == items:
        known.setdefault(names, {})[values] = kept
        _count += 1
    return kept


def number_for(outer: int, labels: Labels, numbers: dict[int, int]) -> int:
    """The number of *labels* within those of the number *outer*; it is entered in *numbers*."""
    number = number_of(outer, labels)
    if len(numbers) < _MOST_OUTER:
        numbers[outer] = number
    return number
