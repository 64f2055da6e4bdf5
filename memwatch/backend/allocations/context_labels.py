"""The labels that code has given to its work, as a number in a context variable that the sampler in C reads.

A set of labels, as ``route=GET /orders``, has one number for the whole life of a process. There are at most `MOST`
sets, and later ones are counted together, so that endless values (a user's number) take bounded memory. A framework
that keeps its route in a local variable sets nothing: `follow` has that variable read.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from types import CodeType
from typing import Any

from ...internal import never_count
from .. import samples

Labels = tuple[tuple[str, str], ...]

MOST = 4096
OTHERS = "(other labels)"
_OTHERS = 1

CURRENT: ContextVar[int] = ContextVar("memwatch_label", default=0)
"""The number of the labels of what runs; 0 is none."""

_sets: list[Labels] = [(), ((OTHERS, ""),)]
_numbers: dict[tuple[int, Labels], int] = {}
_followed: dict[CodeType, Callable[[Any], Labels]] = {}
never_count(_sets, _numbers, _followed)

if samples:
    from .. import _native

    _native.sampling_follow_label(CURRENT)


def number_of(outer: int, labels: Labels) -> int:
    """The number of *labels*, added to those of the number *outer*, which they override."""
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


def follow(code: CodeType, variable: str, name_it: Callable[[Any], Labels]) -> bool:
    """Label samples by the object that *variable* holds in the function of *code*, while that runs.

    Its calls cost nothing: the sampler looks at the frames. *name_it* makes labels of the object when somebody reads
    them; it must neither wait nor import. The object is kept, so it must be one of few that live long. False if this
    cannot be done.
    """
    if code in _followed:
        return True
    if not samples or variable not in code.co_varnames or variable in code.co_cellvars:
        return False
    if _native.sampling_follow_local(code, code.co_varnames.index(variable)) is None:
        return False
    _followed[code] = name_it
    return True


def label_text(number: int) -> str:
    """``route=GET /orders``; empty for none. *number* is that of a sample."""
    return ", ".join(f"{key}={value}" if value else key for key, value in _labels_of(number))


def label_now() -> str:
    """The text that a sample would have if it were taken here."""
    return label_text(_native.sampling_label_now() if samples else CURRENT.get())


def _labels_of(number: int) -> Labels:
    if number < len(_sets):
        return _sets[number]
    found = _native.sampling_label(number) if samples else None
    if found is None:
        return ()
    place, held, outer = found
    return tuple(sorted((dict([*_followed.values()][place](held)) | dict(_sets[outer])).items()))
