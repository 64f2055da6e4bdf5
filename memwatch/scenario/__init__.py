"""The scenario check for tests: a function runs in rounds, and what grows in every round is a leak."""

from __future__ import annotations

from .result import CheckResult, GrowthRow
from .run import HeapDiffFixture, check, check_with_fixtures

__all__ = ["CheckResult", "GrowthRow", "HeapDiffFixture", "check", "check_with_fixtures"]
