"""The census of the chosen backend, bound to one set of names: see `contract.Backend` for what they take and give.

Where the pure backend stands in for one that was not to be had, that is said once, to the logger "memwatch".
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from time import perf_counter
from typing import Any, cast

from . import _pure, name, reason
from .contract import Backend, GiveUp
from .listed import Listed

if name == "pure" and os.environ.get("MEMWATCH_BACKEND") != "pure":
    import logging

    logging.getLogger("memwatch").warning("memwatch walks the heap in Python, which is slower: %s", reason)

_chosen = cast(Backend, import_module("._exact" if name == "native" else "._pure", __package__))

count_objects = _chosen.count_objects
list_objects = _chosen.list_objects
expected_pause = _chosen.expected_pause
expected_time = _chosen.expected_time


def take_identity(
    deep: bool, exclude: Sequence[object], give_up: GiveUp, births: bool = False, since: Any = None
) -> Listed:
    """Which objects there are, by a listing of the chosen backend."""
    if name == "pure":
        return _pure.take_identity(deep, exclude, give_up)
    begun = perf_counter()
    listing = list_objects(deep, exclude, give_up)
    return Listed(listing, deep, perf_counter() - begun)
