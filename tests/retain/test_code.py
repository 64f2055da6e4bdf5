"""Code of any shape is read, for nobody knows what a program's looks like: here that of the standard library."""

from __future__ import annotations

import argparse
import asyncio.base_events
from collections.abc import Iterable
from types import CodeType, ModuleType

import pytest

from memwatch.retain import comparisons, emptying, removal
from memwatch.retain.flow import reached
from memwatch.retain.functions import functions_of, with_inner


def read(code: CodeType) -> Iterable[object]:
    """What is asked of code, with the names that stand in it."""
    names = frozenset((*code.co_names[:1], *code.co_varnames[:1]))
    yield from comparisons.statements(code)
    yield from comparisons.slices(code)
    yield from comparisons.stored(code)
    yield from comparisons.adds(code)
    yield comparisons.assigned(code)
    yield comparisons.results_of(code, names)
    yield reached(code)
    yield removal.takes_from(code, names), removal.puts_into(code, names), emptying.takes_out(code)
    for name in names:
        yield from comparisons.set_to(code, name)
        yield emptying.adds_to(name, code), emptying.takes_from(code, name), emptying.puts_into(code, name)
        yield removal._takes_out(code, name)


@pytest.mark.parametrize("module", [argparse, asyncio.base_events])
def test_any_code_is_read(module: ModuleType) -> None:
    codes = [inner for code in functions_of(module) for inner in with_inner(code)]
    assert len(codes) > 60
    with comparisons.code_is_read_once():
        assert all(list(read(code)) for code in codes)
