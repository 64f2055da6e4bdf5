"""How long a verdict may take: by the judge's own work, and not by how long a busy machine keeps it waiting."""

from __future__ import annotations

from memwatch.watch.patience import JUDGE_LONGEST, JUDGE_PATIENCE, LAST_PATIENCE, Patience


class Clocks:
    """Both clocks, set by hand."""

    def __init__(self) -> None:
        self.wall = 1000.0
        self.work = 5.0


def make() -> tuple[Patience, Clocks]:
    clocks = Clocks()
    return Patience(lambda: clocks.wall, lambda: clocks.work), clocks


def test_a_busy_machine_does_not_end_it() -> None:
    patience, clocks = make()
    patience.begin(last=False)
    clocks.wall += 60.0
    clocks.work += 1.0
    assert not patience.is_over()
    clocks.work += JUDGE_PATIENCE
    assert patience.is_over()


def test_it_ends_all_the_same_where_nothing_goes_on() -> None:
    patience, clocks = make()
    patience.begin(last=False)
    clocks.wall += JUDGE_LONGEST + 1.0
    assert patience.is_over()
    patience.begin(last=False)
    assert not patience.is_over()


def test_a_program_that_ends_is_not_kept() -> None:
    patience, clocks = make()
    patience.begin(last=False)
    patience.shorten()
    assert not patience.is_over()
    clocks.wall += LAST_PATIENCE + 0.1
    assert patience.is_over()
    patience.begin(last=True)
    clocks.wall += LAST_PATIENCE + 0.1
    assert patience.is_over()
