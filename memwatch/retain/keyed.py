"""The code around a container that a registry has under a key of the program's: ``app[SESSIONS]``, as web frameworks
keep what an application shares. Nothing is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from ..kinds import Kinds
from .attributes import is_instance_dict
from .functions import functions_of
from .references import OWN, distance, modules, namespace
from .views import View

_MOST = 200  # items of a registry
_PLAIN = Kinds(int, float, bytes, bool, tuple, type(None))


def views_by_key(chain: Sequence[Any], holder: Any) -> Iterator[View]:
    """The code of the program's own modules that have the key of *holder* as a variable; *chain* leads there."""
    place = next((n for n, obj in enumerate(chain) if obj is holder), 0)
    above = chain[place - 1] if place else None
    if type(above) is not dict or len(above) > _MOST or (place > 1 and _is_of_names(chain[place - 2], above)):
        return
    key = next((key for key, held in list(above.items()) if held is holder), None)
    for name, module in modules() if type(key) not in _PLAIN else ():
        if distance(name, module) <= OWN:
            variables = namespace(module)
            for word in [word for word, value in list(variables.items()) if value is key]:
                yield View(word, tuple(functions_of(module)), (variables.get,))


def _is_of_names(owner: Any, names: Any) -> bool:
    return issubclass(type(owner), ModuleType) or is_instance_dict(owner, names)
