"""The columns of a listing sorted together, in steps short enough to let other threads run."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator

from .contract import Cancelled, Listing, ShouldCancel

_RUN = 1 << 15
_LARGEST_INT = (1 << 32) - 1


def sort_listing(listing: Listing, labels: tuple[str, ...], should_cancel: ShouldCancel = None) -> Listing:
    """A new listing with the rows in order of address; sizes come as array("I") where they fit, else as array("Q").

    One sort of everything would hold the GIL for its whole length (0.7 s for a million objects). So runs of 32 Ki
    rows are sorted each by itself, cut at common addresses, and joined a cut at a time.
    """
    code = "I" if max(listing.sizes, default=0) <= _LARGEST_INT else "Q"
    result = Listing(labels, array("Q"), array("I"), array(code))
    for order in _orders(listing.addresses):
        if should_cancel is not None and should_cancel():
            raise Cancelled("gave up while sorting the snapshot")
        result.addresses.fromlist(list(map(listing.addresses.__getitem__, order)))
        result.kinds.fromlist(list(map(listing.kinds.__getitem__, order)))
        result.sizes.fromlist(list(map(listing.sizes.__getitem__, order)))
    return result


def _orders(addresses: array[int]) -> Iterator[list[int]]:
    """The row numbers in order of address, about 32 Ki at a time."""
    key = addresses.__getitem__
    rows = len(addresses)
    runs = [array("I", sorted(range(at, min(at + _RUN, rows)), key=key)) for at in range(0, rows, _RUN)]
    cuts = _cuts(addresses, runs)
    starts = [0] * len(runs)
    for cut in cuts:
        order: list[int] = []
        for place, run in enumerate(runs):
            end = len(run) if cut is None else bisect_left(run, cut, starts[place], key=key)
            order.extend(run[starts[place] : end])
            starts[place] = end
        order.sort(key=key)
        yield order


def _cuts(addresses: array[int], runs: list[array[int]]) -> list[int | None]:
    """Addresses that part the rows into as many pieces as there are runs, of about one size; None is the end."""
    step = max(1, _RUN // 64)
    sample = sorted(addresses[row] for run in runs for row in run[::step])
    return [*sample[64::64], None]
