"""Leaks as failing tests: of these two tests for a session store one passes, the other one fails and says why.

pytest examples/check_in_tests.py, or: python examples/check_in_tests.py
"""

from __future__ import annotations

from functools import lru_cache
from itertools import count

import pytest

import memwatch

numbers = count()


class Store:
    """Sessions by number. Logging out forgets the session, and does not forget its visits."""

    def __init__(self) -> None:
        self.sessions: dict[int, list[str]] = {}
        self.visits: list[tuple[int, str]] = []

    def visit(self, number: int, page: str) -> None:
        """A page was asked for."""
        self.sessions.setdefault(number, []).append(page)
        self.visits.append((number, page))

    def log_out(self, number: int) -> None:
        """The session is over."""
        del self.sessions[number]


store = Store()


@lru_cache(maxsize=1000)
def render(number: int) -> str:
    """A page; the thousand asked for last are kept."""
    return f"page {number}"


def test_rendering_keeps_no_more_than_its_cache(heap_diff: memwatch.HeapDiffFixture) -> None:
    heap_diff(lambda: render(next(numbers)))


@pytest.mark.memwatch_check
def test_a_session_leaves_nothing_behind() -> None:
    number = next(numbers)
    store.visit(number, render(number))
    store.log_out(number)


if __name__ == "__main__":
    try:
        memwatch.check(test_a_session_leaves_nothing_behind)
    except memwatch.LeakFound as found:
        print(found)
