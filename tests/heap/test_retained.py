"""What living objects retain, and where much hangs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

import memwatch
from memwatch.errors import OptionError, UnsupportedError

NATIVE = memwatch.backend.name == "native"
in_c = pytest.mark.skipif(not NATIVE, reason="in Python it takes half a minute with pytest's own heap")


class Keeper:
    def __init__(self) -> None:
        self.store: dict[str, Any] = {}


KEPT = Keeper()
SHARED = bytearray(2_000_000)


@pytest.fixture
def _full() -> None:
    KEPT.store.clear()
    KEPT.store.update({f"{number} of many": [bytearray(3_000), SHARED] for number in range(400)})


@in_c
@pytest.mark.usefixtures("_full")
def test_an_object_retains_what_it_alone_leads_to() -> None:
    found = memwatch.retained_size(KEPT)
    assert 400 * 3_000 < found < 2_000_000
    assert found == memwatch.retained_size(KEPT, in_child=False)


@in_c
@pytest.mark.usefixtures("_full")
def test_what_two_hold_neither_retains() -> None:
    assert memwatch.retained_size(SHARED, in_child=False) >= 2_000_000
    other = KEPT.store["7 of many"]
    assert 3_000 < memwatch.retained_size(other) < 5_000
    del other


@in_c
@pytest.mark.usefixtures("_full")
def test_where_much_hangs_is_told_with_the_way_and_the_classes() -> None:
    found = memwatch.heap.dominators(top=200)
    assert found.size_bytes > 3_000_000
    kept = [point for point in found.points if "KEPT" in point.drawn and point.objects > 800]
    point = kept[0]
    assert point.what == "dict"
    assert {it.what for it in point.accumulated} >= {"bytearray", "list"}
    assert point.drawn.startswith("(Modules) > ")
    assert [it.size_bytes for it in found.points] == sorted((it.size_bytes for it in found.points), reverse=True)
    assert "at (Modules) > " in found.table()
    assert json.loads(json.dumps(found.to_dict()))["points"][0]["size_bytes"] == found.points[0].size_bytes


def test_wrong_options_are_told() -> None:
    with pytest.raises(OptionError, match="in_child"):
        memwatch.retained_size([], in_child="never")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="top"):
        memwatch.heap.dominators(top=0)
    if not NATIVE:
        with pytest.raises(UnsupportedError, match="in_child=True needs"):
            memwatch.heap.dominators(in_child=True)


SMALL = """
import memwatch
store = {f"{number} of many": [bytearray(3_000)] for number in range(400)}
found = memwatch.heap.dominators(top=3, in_child=False)
print(memwatch.retained_size(store, in_child=False), found.points[0].drawn)
"""


def test_a_small_program_is_told_by_both_backends() -> None:
    done = subprocess.run([sys.executable, "-c", SMALL], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    size, _, way = done.stdout.strip().partition(" ")
    assert 1_200_000 < int(size) < 1_400_000
    assert way == "(Modules) > __main__ > store"
