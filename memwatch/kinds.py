"""Sets of types, asked by identity.

A metaclass of the program's may define what equal means, or a hash. `in` and a dict would call it, with its errors and
whatever it does, in memwatch's own thread.
"""

from __future__ import annotations

from .internal import internal


@internal
class Kinds:
    """``type(obj) in Kinds(int, float)``: whether it is one of them; a subclass is not."""

    __slots__ = ("_addresses",)

    def __init__(self, *kinds: type) -> None:
        self._addresses = frozenset(map(id, kinds))

    def __contains__(self, kind: type) -> bool:
        return id(kind) in self._addresses


NUMBERS = Kinds(int, float)
METHOD_WRAPPERS = Kinds(staticmethod, classmethod)
