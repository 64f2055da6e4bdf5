"""The version of this package, which its metadata take from here, and whether its files have been replaced since."""

from __future__ import annotations

import os

__version__ = "0.1.0"


def _identity() -> tuple[int, int] | None:
    """Of this file; None where it is in no folder, as in an archive, or where nobody may ask now."""
    try:
        found = os.stat(__file__)
    except Exception:  # also what finds blocking calls in event loops raises
        return None
    return found.st_ino, found.st_mtime_ns


_found = _identity()

REPLACED = "another installation of memwatch has taken the place of the one that this process began with: restart it"


def is_replaced() -> bool:
    """Whether the files are not those any more that this process began with: what is loaded now would not fit."""
    return _identity() not in (None, _found) and _found is not None
