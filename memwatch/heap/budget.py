"""What a diff may do within its pause budget: a census falls back, not out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..backend.census.chosen import expected_pause
from ..backend.census.in_child import EXPECTED_PAUSE
from ..backend.meters.meters import expected_objects
from ..backend.quiet import COLLECT_SECONDS
from ..checks import is_number, shown
from ..errors import MemwatchError, OptionError
from ..internal import internal
from ..units import format_milliseconds

_LEAST, _MOST = 5e-324, 1e308  # seconds: whatever is above 0 and finite


@internal
@dataclass(frozen=True, slots=True)
class Plan:
    """How both looks of a diff are made, and in words what was left out."""

    deep: bool
    collect: bool
    in_child: bool
    missing: tuple[str, ...] = ()


def check_budget(pause_budget: Any) -> float | None:
    """*pause_budget* in seconds, None for no bound; raises OptionError."""
    if pause_budget is None:
        return None
    if not is_number(pause_budget, _LEAST, _MOST):
        raise OptionError(f"pause_budget must be None, or seconds above 0, not {shown(pause_budget)}")
    return float(pause_budget)


def plan_looks(plan: Plan, pause_budget: float | None) -> Plan:
    """*plan*, or of it what is expected to hold the interpreter for no longer than *pause_budget* seconds at once.

    Raises MemwatchError where not even a look at tracked objects fits.
    """
    if pause_budget is None:
        return plan
    objects, missing = expected_objects(), list[str]()
    collection = objects * COLLECT_SECONDS
    collect = plan.collect and collection <= pause_budget
    if plan.collect and not collect:
        missing.append(f"no collection before a look: {_over(objects, collection, pause_budget)}")
    deep = plan.deep
    if deep and _pause(objects, plan, deep) > pause_budget and not plan.in_child:
        missing.append(f"tracked objects alone: {_over(objects, _pause(objects, plan, deep), pause_budget)}")
        deep = False
    if _pause(objects, plan, deep) > pause_budget:
        what = "a fork" if plan.in_child else "even a look at tracked objects alone"
        raise MemwatchError(f"{what} is over the budget: {_over(objects, _pause(objects, plan, deep), pause_budget)}")
    return Plan(deep, collect, plan.in_child, tuple(missing))


def _pause(objects: int, plan: Plan, deep: bool) -> float:
    return objects * EXPECTED_PAUSE if plan.in_child else expected_pause(objects, deep)


def _over(objects: int, seconds: float, pause_budget: float) -> str:
    expected, allowed = format_milliseconds(seconds), format_milliseconds(pause_budget)
    return f"{objects:,} blocks would pause the program for about {expected}, and {allowed} are allowed"
