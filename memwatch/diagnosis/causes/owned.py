"""What is said of a container that belongs to a library: neither to bound it nor to empty it is up to the program."""

from __future__ import annotations

import sys

from ...retain import Owner
from ..distributions import find_distribution
from .cause import Cause

OWNED = Cause(
    "library-container",
    "a {holder} of {library} that only grows, {container}",
    "look for the call of the library that takes out again what {line} puts there (close, cancel, remove, disconnect), "
    "or for a newer release; {attribute} is the library's own, and not for the program to bound",
    counted=True,
)


def library_of(owner: Owner) -> str:
    """The name and version of the distribution; of an installed one without records the package's name."""
    if owner.is_standard:
        return f"the standard library (Python {'.'.join(map(str, sys.version_info[:3]))})"
    found = find_distribution(owner.file) if owner.file else None
    return f"{found[0]} {found[1]}" if found else owner.name.partition(".")[0]
