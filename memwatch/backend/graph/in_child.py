"""What does one object retain? A forked child looks at the whole heap while the program goes on."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from ...errors import UnsupportedError
from ...internal import internal
from .. import name, reason
from ..census.contract import Cancelled
from ..census.in_child import CAN_LOOK

_exact: Any = import_module(".exact", __package__) if name == "native" else None


@internal
class Retained(NamedTuple):
    """Bytes and objects that the end of an object would free, 0 if it was not found. The child has worked for
    `work_seconds`."""

    size_bytes: int
    objects: int
    work_seconds: float


def retained_in_child(address: int, should_cancel: Callable[[], bool], patience: float) -> Retained:
    """What the object at *address* retains; *should_cancel* is asked while the child works, for *patience* seconds of
    processor time at most.

    Raises Cancelled, and UnsupportedError where there can be no child or it did not come to its end.
    """
    if not CAN_LOOK:
        raise UnsupportedError(f"a look in a forked child needs Linux and the C extension; backend {name}: {reason}")

    def ask() -> None:
        if should_cancel():
            raise Cancelled("gave up while a child looked at the heap")

    answer = _exact.retained(0, address, True, ask, patience)
    size, objects = answer["wanted"]
    return Retained(size, objects, answer["work"])
