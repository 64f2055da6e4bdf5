"""The scenario check for tests: a function runs in rounds, and what grows in every round is a leak."""

from __future__ import annotations

from .result import CheckResult, GrowthRow
from .run import check

__all__ = ["CheckResult", "GrowthRow", "check"]
