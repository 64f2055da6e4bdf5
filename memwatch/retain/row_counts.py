"""How many rows has a table, which its program makes anew with each change? An array of numpy, or a frame of pandas;
and how many items an array or a bytearray, which grows.

None is a container whose length `length` tells. Only fields of C types and plain attributes are read: nothing of
the program's or the libraries' code is run.
"""

from __future__ import annotations

from array import array
from typing import Any

from ..backend.census.arrays import array_type
from ..backend.type_labels import mro_of, type_label
from .attributes import instance_value
from .references import namespace

_FRAMES = "pandas."
_ROWS = ("_range", "_data")  # of a frame's index


def rows_of(table: Any) -> int | None:
    """The number of rows; None if it is no such table, or has not shown them."""
    base: Any = next((it for it in (array, bytearray) if issubclass(type(table), it)), None)
    if base is not None:
        return int(base.__len__(table))
    numbers = array_type()
    if numbers is not None and issubclass(type(table), numbers):
        shape = namespace(numbers)["shape"].__get__(table)
        return shape[0] if shape else None
    if not type_label(type(table)).startswith(_FRAMES):
        return None
    axes = _axes_of(instance_value(table, "_mgr"))
    if type(axes) is not list or not axes:
        return None
    values = (instance_value(axes[-1], name) for name in _ROWS)
    return next((count for value in values if (count := _count(value)) is not None), None)


def _axes_of(manager: Any) -> Any:
    """The indexes of a frame, its rows' last. The field is one of a type that C code defines."""
    field: Any = next((namespace(cls)["axes"] for cls in mro_of(type(manager)) if "axes" in namespace(cls)), None)
    return field.__get__(manager) if type_label(type(field)).endswith("_descriptor") else None


def _count(values: Any) -> int | None:
    return len(values) if type(values) is range else rows_of(values)
