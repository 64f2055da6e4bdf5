"""What an exporter made of each call path, kept while the path does not change: an export costs only what has
changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ..calltree import Stack
from ..estimates import Part
from ..internal import internal

if TYPE_CHECKING:
    from ..backend.allocations.live import LivePath

_SPARE = 1024


class Encoder(Protocol):
    """Turns stacks into parts of a message, and enters in its tables whatever is new."""

    def encode(self, stack: Stack, /) -> Any:
        """The part for one stack; it stays valid as long as this encoder is used."""

    @property
    def size(self) -> int:
        """The number of entries in the tables."""


E = TypeVar("E", bound=Encoder)


@internal
class Kept(Generic[E]):
    """The parts that an encoder made, by path; *begin* makes an encoder. The encoder's tables keep what is gone too.
    When they have more than twice what the first paths needed, a new encoder begins, so that they stay bounded."""

    def __init__(self, begin: Callable[[], E]) -> None:
        self._begin = begin
        self.encoder = begin()
        self._parts: dict[LivePath, Any] = {}
        self._most = -1

    def update(self, paths: Iterable[LivePath]) -> Iterable[Any]:
        """The parts of *paths*, in their order. `encoder` has to write them; it may be a new one."""
        is_new = self.encoder.size > self._most
        if is_new:
            self.encoder, self._parts = self._begin(), {}
        known, encode = self._parts, self.encoder.encode
        self._parts = {path: known[path] if path in known else encode(as_stack(path)) for path in paths}
        if is_new:
            self._most = 2 * self.encoder.size + _SPARE
        return self._parts.values()


def as_stack(path: LivePath) -> Stack:
    """The path as a stack that formats can write."""
    held = sum([size * count for size, count in path.sizes])
    part = Part(path.thread, path.task, path.sizes, path.samples, 0.0, (), path.context)
    return Stack(path.places, held, sum([count for _, count in path.sizes]), path.sizes, (part,))
