"""The census: counts and bytes by type, largest first."""

from __future__ import annotations

import doctest
import json
from collections.abc import Callable

import pytest

from memwatch.heap import Cancelled, take_census
from memwatch.heap import census as census_module

KEPT: list[dict[str, int]] = []


class Order:
    pass


def test_counts_and_bytes_of_a_type(size_of: Callable[[object], int]) -> None:
    orders = [Order() for _ in range(321)]
    row = next(row for row in take_census().types if row.what == f"{__name__}.Order")
    assert (row.count, row.size_bytes) == (321, sum(map(size_of, orders)))


def test_shallow_has_no_untracked_types_and_deep_has() -> None:
    deep, shallow = take_census().counts(), take_census(deep=False).counts()
    assert deep["str"] > 1000 and "str" not in shallow
    assert deep["function"] == shallow["function"]


def test_rows_come_largest_first_and_add_up() -> None:
    census = take_census()
    sizes = [row.size_bytes for row in census.types]
    assert sizes == sorted(sizes, reverse=True)
    assert census.size_bytes == sum(sizes)
    assert census.nodes == sum(census.counts().values())


def test_to_dict_is_json() -> None:
    data = json.loads(json.dumps(take_census(deep=False).to_dict()))
    assert set(data) == {"time", "deep", "nodes", "size_bytes", "types"}
    assert set(data["types"][0]) == {"what", "count", "size_bytes"}


def test_it_can_be_given_up() -> None:
    with pytest.raises(Cancelled):
        take_census(should_cancel=lambda: True)


def test_the_text_keys_of_dicts_are_counted():
    before = take_census().counts()["str"]
    KEPT.append({f"key {number} of many": number for number in range(1000)})
    after = take_census().counts()["str"]
    assert after - before >= 1000


def test_the_example_of_its_docstring_runs() -> None:
    assert doctest.testmod(census_module).failed == 0
