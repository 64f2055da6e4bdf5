"""Which container is it whose content is kept below a number?"""

from __future__ import annotations

from memwatch.retain.bounds import bound_of
from memwatch.retain.kept import kept_measure
from memwatch.retain.views import View


class Pinned:
    """Keeps a budget with what is idle; what is in use comes back to that by the same method."""

    def __init__(self) -> None:
        self.rows, self.idle, self.size, self.budget = list[int](), list[int](), 2000, 5000

    def put(self, row: int) -> None:
        self.idle.append(row)
        self.size += row
        while self.size > self.budget:
            self.size -= self.idle.pop(0)

    def use(self) -> None:
        self.rows.append(self.idle.pop())

    def give_back(self) -> None:
        self.put(self.rows.pop())


def test_a_sum_that_is_kept_below_a_number_bounds_what_is_taken_out_for_it_alone() -> None:
    kept = Pinned()
    codes = tuple(it.__code__ for it in (kept.put, kept.use, kept.give_back))
    rows, idle = (View(name, codes, (vars(kept).get,)) for name in ("rows", "idle"))
    kept.rows += [1]
    assert bound_of([kept, vars(kept), kept.rows], kept.rows, 2000.0) is None
    assert (kept_measure(rows, 20, 2000.0), kept_measure(idle, 20, 2000.0)) == (None, (5000, 2000))
