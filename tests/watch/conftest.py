"""Collections of the tests here walk what a test makes, and not the thousands of tests that pytest has collected."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _small_heap() -> Iterator[None]:
    gc.freeze()
    yield
    gc.unfreeze()
