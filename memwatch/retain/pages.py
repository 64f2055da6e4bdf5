"""What a walk knows of an address: was the object there before, and was it visited?

One byte stands for each 16 of the heap, in pages of 64 KiB. As objects lie beside each other, this is smaller and
faster than a set of addresses.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..internal import internal

KNOWN, VISITED, ALIVE, DEFERRED = 1, 2, 4, 8


@internal
class Pages:
    """A byte for each 16 bytes of memory, made where asked for; *blank* fills what is new."""

    __slots__ = ("_blank", "bytes")

    def __init__(self, blank: int) -> None:
        self._blank = bytes([blank]) * 4096
        self.bytes: dict[int, bytearray] = {}

    def page(self, address: int) -> bytearray:
        """The page of *address*; its place there is ``address >> 4 & 4095``."""
        found = self.bytes.get(address >> 16)
        if found is None:
            found = self.bytes[address >> 16] = bytearray(self._blank)
        return found

    def mark(self, addresses: Iterable[int], flag: int) -> None:
        """Set *flag* for each of *addresses*."""
        pages = self.bytes
        for address in addresses:
            try:
                pages[address >> 16][address >> 4 & 4095] |= flag
            except KeyError:
                self.page(address)[address >> 4 & 4095] |= flag

    def flags(self, address: int) -> int:
        """What was marked for *address*."""
        return self.page(address)[address >> 4 & 4095]
