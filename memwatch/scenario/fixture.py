"""What pytest's fixture `heap_diff` gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from ..heap import HeapDiff
from ..internal import internal
from .result import CheckResult
from .run import check_with_fixtures


@internal
class HeapDiffFixture:
    """The fixture `heap_diff`: call it with a function to check it, or alone for a diff of a block."""

    def __init__(self, fixtures: Callable[[], Mapping[str, object]] = dict) -> None:
        self._fixtures = fixtures

    @overload
    def __call__(self) -> HeapDiff: ...

    @overload
    def __call__(
        self,
        fn: Callable[[], object],
        loops: int = 2,
        max_rounds: int = 5,
        *,
        ignore: Sequence[object] = (),
        max_growth: int = 0,
    ) -> CheckResult: ...

    def __call__(self, fn: Callable[[], object] | None = None, *args: Any, **options: Any) -> HeapDiff | CheckResult:
        """`memwatch.check` with these arguments; a new HeapDiff, to be used with `with`, where there are none."""
        __tracebackhide__ = True
        if fn is None:
            return HeapDiff(*args, **options)
        return check_with_fixtures(fn, self._fixtures(), *args, **options)
