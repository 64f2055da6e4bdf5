"""No profile outlives its test, and none is taken on top of another."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from memwatch import profile


@pytest.fixture(autouse=True)
def _nothing_traced() -> Iterator[None]:
    assert not tracemalloc.is_tracing(), "these tests need tracemalloc for themselves"
    yield
    profile.stop()
    tracemalloc.stop()
