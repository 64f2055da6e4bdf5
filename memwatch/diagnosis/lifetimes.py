"""How old does what a line makes become, from look to look? What comes and goes lives as long as ever, however much
more of it comes. What waits in a queue that gets longer, or stays, lives longer and longer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..internal import internal
from .lines import Place

_OLD = 0.05  # of a line's samples: so many may be something else that it has made
_FEWEST = 10  # samples; of fewer the age is chance
_MOVED = 0.12  # of the time since the first look: if the oldest were born later by so much, older ones have gone
_WATCHED = 0.33  # times the age: it is looked for so long how that goes on
_AS_FAST = 0.7  # of the time: if the oldest are born later by less, they are older each time
_MOST = 32  # looks


@internal
class Lifetimes:
    """The births of the oldest that live, by line, at each look: nanoseconds of the steady clock."""

    def __init__(self) -> None:
        self._looks: list[tuple[int, dict[Place, int]]] = []

    def look(self, now: int, births: Mapping[Place, Sequence[int]]) -> None:
        """*births* has those of all living samples, by line."""
        if len(self._looks) >= _MOST:
            del self._looks[1::2]
        oldest = {place: sorted(of)[round(_OLD * len(of))] for place, of in births.items() if len(of) >= _FEWEST}
        self._looks.append((now, oldest))

    def lengthen(self, places: Collection[Place], since: int = 0) -> bool | None:
        """Whether what one of the lines has made lives longer than before, by the looks *since* then; None if it is not
        known of all of them."""
        found = [self._lengthens(place, since) for place in places]
        return True if True in found else None if None in found or not found else False

    def _lengthens(self, place: Place, start: int) -> bool | None:
        known = [(time, oldest[place]) for time, oldest in self._looks if place in oldest and time >= start]
        begin, first = known[0] if known else (0, 0)
        going = [(time, oldest) for time, oldest in known if oldest - first >= _MOVED * (time - begin) > 0]
        if not going:
            return None
        (since, old), (until, young) = going[0], going[-1]
        return None if until - since < _WATCHED * (since - old) else young - old < _AS_FAST * (until - since)
