"""The census of the chosen backend, bound to one pair of names: see `contract.Backend` for what they take and give."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from . import name
from .contract import Backend

_chosen = cast(Backend, import_module("._exact" if name == "native" else "._pure", __package__))

count_objects = _chosen.count_objects
list_objects = _chosen.list_objects
