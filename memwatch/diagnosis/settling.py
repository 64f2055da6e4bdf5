"""Growth whose objects come more and more slowly: as keys of which there are so many, or a start-up that fills a table.

What leaks comes as often as the work does that leaks it. The meters may rise evenly all the same, for what there is
grows as well: so the objects are counted.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..backend.meters.meters import counted_bytes
from ..heap import TypeSeries
from ..retain import Holding
from .benign_growth import bytes_of
from .pinned import strong_of
from .verdict import HALF

_SEVERAL = 50  # objects: of fewer the flow is not known
_ALIKE = 0.1
_SLOWER = 0.8  # of the flow before


def settles(holdings: Sequence[Holding], series: TypeSeries, grew: int) -> str | None:
    """In words, that what makes most of the *grew* bytes comes more and more slowly; None if it does not.

    That is what one holder gets, or objects of types that many hold.
    """
    top = max(strong_of(holdings), key=bytes_of, default=None)
    if top is not None and bytes_of(top) >= HALF * grew and flow_of(top, series) < _SLOWER:
        return f"new {top.frontier_type} objects come more and more slowly"
    slow = [it for it in series.ratchets() if it.objects >= _SEVERAL and max(it.flow, it.steadiness) < _SLOWER]
    if sum(counted_bytes(it.growth, it.objects) for it in slow) >= HALF * grew:
        return f"new {slow[0].what} objects come more and more slowly"
    return None


def flow_of(held: Holding, series: TypeSeries) -> float:
    """How fast items have come in the second half of the looks, as a part of the first; 1 where that is not known.

    Objects are counted where the growing number of them is that of the holder's; bytes where more came elsewhere.
    """
    flows = [
        it.flow if abs(it.objects - held.type_counts[it.what]) <= _ALIKE * it.objects else it.steadiness
        for it in series.ratchets()
        if it.objects >= _SEVERAL and it.what in _items_of(held)
    ]
    return max(flows, default=1.0)


def _items_of(held: Holding) -> set[str]:
    """The types that tell how many items came: a class of their own, else all of which each item has about one.

    Objects of a builtin type come elsewhere in the program as well.
    """
    if "." in held.frontier_type:
        return {held.frontier_type} & held.type_counts.keys()
    items = max(held.type_counts.values(), default=0) if held.targets == 1 else held.targets
    return {what for what, count in held.type_counts.items() if HALF * items <= count <= items / HALF}
