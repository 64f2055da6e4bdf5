"""The census of the chosen backend, under one set of names: see `contract.Backend`.

If the pure backend replaces one that could not be had, this is logged once, to the logger "memwatch".
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import cast

from .. import name, reason
from .contract import Backend

if name == "pure" and os.environ.get("MEMWATCH_BACKEND") != "pure":
    from ...logs import Log

    Log().warning("memwatch walks the heap in Python, which is slower: %s", reason)

_chosen = cast(Backend, import_module(".exact" if name == "native" else ".pure", __package__))

count_objects = _chosen.count_objects
list_objects = _chosen.list_objects
expected_pause = _chosen.expected_pause
expected_time = _chosen.expected_time
take_identity = _chosen.take_identity
