"""Containers in C that show the collector nothing: found near the program's own modules, with their bound."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from memwatch.retain import Unseen, bounds, find_unseen, unseen


@pytest.mark.parametrize("limit", [9000, None])
def test_a_container_whose_items_no_walk_meets(app: Any, monkeypatch: pytest.MonkeyPatch, limit: int | None) -> None:
    """An array stands for one: it has a length in C, and is not the collector's."""
    app.service = SimpleNamespace(cache=numpy.zeros(4096), names=["cache"] * 10)
    monkeypatch.setattr(unseen, "modules", lambda: [("__main__", app)])
    if limit:
        tells = lambda holder: bounds.Bound(limit, len(holder)) if holder is app.service.cache else None  # noqa: E731
        monkeypatch.setattr(unseen, "bound_in_c", tells)
    found = [it for it in find_unseen() if it.what == "numpy.ndarray"]
    assert found == ([Unseen("numpy.ndarray", 4096, 9000)] if limit else [])
