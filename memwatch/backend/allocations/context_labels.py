"""The labels that code has given to what it does: by number in a context variable, which the sampler in C reads.

A set of labels, as ``route=GET /orders``, has one number for the whole life of a process. There are at most `MOST`
sets: what comes later is counted together, so that values without end (a user's number) keep bounded memory.
"""

from __future__ import annotations

from contextvars import ContextVar

from ...internal import never_count
from .. import name

Labels = tuple[tuple[str, str], ...]

MOST = 4096
OTHERS = "(other labels)"
_OTHERS = 1

CURRENT: ContextVar[int] = ContextVar("memwatch_label", default=0)
"""The number of the labels of what runs; 0 is none."""

_sets: list[Labels] = [(), ((OTHERS, ""),)]
_numbers: dict[tuple[int, Labels], int] = {}
never_count(_sets, _numbers)

if name == "native":
    from .. import _native

    _native.sampling_follow_label(CURRENT)


def number_of(outer: int, labels: Labels) -> int:
    """The number of *labels* together with those of the number *outer*, over which they go."""
    known = _numbers.get((outer, labels))
    if known is not None:
        return known
    joined = tuple(sorted((dict(_sets[outer]) | dict(labels)).items()))
    number = next((place for place, one in enumerate(_sets) if one == joined), 0)
    if (not number and len(_sets) >= MOST) or len(_numbers) >= 4 * MOST:
        return _OTHERS
    if not number:
        number = len(_sets)
        _sets.append(joined)
    _numbers[outer, labels] = number
    return number


def label_text(number: int) -> str:
    """``route=GET /orders``; empty for none."""
    return ", ".join(f"{key}={value}" if value else key for key, value in _sets[number]) if number < len(_sets) else ""
