"""What is memwatch's own: classes whose instances no census counts, and the records that it keeps while it runs."""

from __future__ import annotations

from typing import TypeVar

Class = TypeVar("Class", bound=type)

TYPES: set[int] = set()
"""The ids of the internal classes: a user's class of the same name is counted as any other."""

RECORDS: list[object] = []
"""Containers of memwatch's that stay for ever and change while it runs; `never_count` adds to them."""


def internal(cls: Class) -> Class:
    """Mark a class as memwatch's own: a census counts neither its instances nor the containers and locks in their
    fields.
    """
    TYPES.add(id(cls))
    return cls


def never_count(*records: object) -> None:
    """Keep *records* out of every census, for as long as the process lives."""
    RECORDS.extend(records)
