"""A whole test run under watch: which tests leave memory behind, of what type, from which line, held by whom."""

from __future__ import annotations

from .findings import Findings, Left
from .watch import SuiteWatch

__all__ = ["Findings", "Left", "SuiteWatch"]
