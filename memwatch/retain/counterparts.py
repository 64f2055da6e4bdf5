"""What takes back what a call has done, by its name: ``remove`` for ``add``, ``unsubscribe`` for ``subscribe``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_FIRST = re.compile("[A-Za-z][a-z]*")
_OTHERS = {
    "add": ("remove", "delete", "discard"),
    "append": ("remove", "pop"),
    "push": ("pop",),
    "insert": ("remove", "delete"),
    "put": ("remove", "delete"),
    "set": ("unset", "remove", "delete"),
    "create": ("delete", "destroy", "drop", "remove"),
    "register": ("unregister", "deregister", "remove"),
    "subscribe": ("unsubscribe",),
    "connect": ("disconnect",),
    "attach": ("detach",),
    "open": ("close",),
    "start": ("stop", "cancel"),
    "begin": ("end", "finish"),
    "acquire": ("release",),
    "schedule": ("unschedule", "cancel"),
    "enable": ("disable",),
    "listen": ("unlisten", "remove"),
    "on": ("off", "remove"),
}
"""The first word of a name, and those of what may undo it; for all others "un" stands before it."""


def counterparts(name: str, known: Iterable[str]) -> list[str]:
    """Those of the *known* names that undo *name*: ``removeTrigger`` for ``addTrigger``, ``unwatch`` for ``watch``."""
    names = set(known)
    return [it for it in _candidates(name) if it in names]


def _candidates(name: str) -> Iterator[str]:
    found = _FIRST.match(name)
    first = found.group() if found else ""
    for other in _OTHERS.get(first, ()):
        yield other + name[len(first) :]
    yield f"un{name}"
