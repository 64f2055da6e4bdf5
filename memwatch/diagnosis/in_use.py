"""Is what grows still in use? Then it may be as many as there are to serve, and a leak only if it goes on.

What leaked is never touched again. People who are connected, and whatever a program serves in turn, come for a while
and stay: there are more and more of them, and nothing says how many there will be.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..backend.meters.connections import count_accepted
from ..retain import Holding
from .benign_growth import bytes_of
from .pinned import strong_of
from .verdict import HALF

_SEVERAL = 10  # connections
_NEARLY = 0.6  # some of the new items lie where others lay, and look old
_EACH = 2  # items, at most, that a connection has in a container


def is_connected(holdings: Sequence[Holding], grew: int, before: int | None) -> str | None:
    """In words, that about as many connections have been accepted as items came into what holds most of the *grew*
    bytes, and that the peers are connected still. *before* is how many there were before."""
    found = _most_of(holdings, grew) if before is not None else []
    now = count_accepted() if found and found[0].targets >= _SEVERAL else None
    if before is None or now is None:
        return None
    came = now - before
    if came < _SEVERAL or not _NEARLY * came <= found[0].targets <= _EACH * came / _NEARLY:
        return None
    return f"{came:,} more peers are connected, and have {found[0].frontier_type} objects here"


def _most_of(holdings: Sequence[Holding], grew: int) -> list[Holding]:
    """The holder of most of the growth, or all that hold the same objects with it; none where others hold as much."""
    strong = strong_of(holdings)
    top = max(strong, key=bytes_of, default=None)
    alike = [] if top is None else [it for it in strong if _is_alike(it, top)]
    return alike if sum(map(bytes_of, alike)) >= HALF * grew else []


def _is_alike(held: Holding, top: Holding) -> bool:
    return (held.frontier_type, held.targets) == (top.frontier_type, top.targets)
