"""What a fork is expected to take: by the tables that it copies, and by what going through them takes now."""

from __future__ import annotations

import sys

import pytest

from memwatch.backend.census import fork_price
from memwatch.backend.census.fork_price import ForkPrice, Tables, count_huge, read_tables


class Kernel:
    """A fake one, in which counting a page takes so many microseconds."""

    def __init__(self, pages: int = 10_000, sparse: int = 0, huge: int = 0, page: float = 0.2) -> None:
        self.tables: Tables | None = Tables(pages, sparse)
        self.huge, self.page, self.counted = huge, page, 0

    def read_tables(self) -> Tables | None:
        return self.tables

    def count_huge(self) -> tuple[int, float]:
        assert self.tables is not None
        self.counted += 1
        return self.huge, 1e-6 * self.page * (self.tables.pages - self.huge + 13 * self.tables.sparse)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    time = [100.0]
    monkeypatch.setattr(fork_price.Clock, "monotonic", lambda: time[0])
    return time


def test_the_first_fork_is_expected_by_what_counting_the_pages_takes(now: list[float]) -> None:
    assert ForkPrice(Kernel()).expected() == pytest.approx(1.1 * 0.002)
    assert ForkPrice(Kernel(page=0.4)).expected() == pytest.approx(1.1 * 0.004)
    assert ForkPrice(Kernel(pages=510_000, huge=500_000)).expected() == pytest.approx(1.1 * 0.002)
    threads = ForkPrice(Kernel(sparse=3000))
    assert threads.expected() == pytest.approx(1.1 * 0.2e-6 * (10_000 + 33 * 3000))
    assert ForkPrice(Kernel(page=0.0)).expected() == pytest.approx(0.0016)  # nothing could be measured
    assert ForkPrice(Kernel(page=0.01)).expected() == pytest.approx(0.0008)


def test_later_ones_by_what_forks_have_taken_until_the_last_was_long_ago(now: list[float]) -> None:
    kernel = Kernel()
    price = ForkPrice(kernel)
    first = price.expected() or 0.0
    price.paid(3 * first)
    assert (price.expected(), kernel.counted) == (pytest.approx(2 * first), 1)
    price.paid(2 * first)
    now[0] += 59.0
    kernel.tables = Tables(20_000, 0)
    assert (price.expected(), kernel.counted) == (pytest.approx(4 * first), 1)
    now[0] += 2.0
    assert (price.expected(), kernel.counted) == (pytest.approx(2 * first), 2)


def test_pages_are_counted_for_a_thousandth_of_the_time_at_most(now: list[float]) -> None:
    kernel = Kernel(pages=1_000_000)  # 0.2 s
    price = ForkPrice(kernel)
    for _ in range(4):
        price.expected()
        now[0] += 70.0
    assert kernel.counted == 2


def test_where_the_kernel_tells_nothing_nothing_is_known(now: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    kernel.tables = None
    assert ForkPrice(kernel).expected() is None
    for name in ("_STATM", "_ROLLUP"):
        monkeypatch.setattr(fork_price, name, getattr(fork_price, name).with_name("no such file"))
    assert read_tables() is None
    assert count_huge() == (0, 0.0)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc, which tells the page tables")
def test_what_this_kernel_tells() -> None:
    tables = read_tables()
    assert tables is not None and tables.pages > 1000 and tables.sparse >= 0
    huge, seconds = count_huge()
    assert huge % 512 == 0 and 0 < seconds < 5
