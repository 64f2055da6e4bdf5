"""The C extension; native/module.c says what each function does."""

from array import array
from collections.abc import Callable, Collection, Sequence

def count(
    deep: bool,
    own_types: Collection[int],
    part_types: Collection[int],
    records: tuple[object, ...],
    exclude: Sequence[object],
    /,
) -> list[tuple[type, int, int]] | None: ...
def listing(
    deep: bool,
    own_types: Collection[int],
    part_types: Collection[int],
    records: tuple[object, ...],
    exclude: Sequence[object],
    name: Callable[[list[type]], list[int]],
    copy: Callable[[str, memoryview], array[int]],
    /,
) -> tuple[array[int], array[int], array[int]] | None: ...
def measure(instance: object, /) -> int: ...
def peak_bytes() -> int: ...
def fail_after(mappings: int, /) -> int: ...
