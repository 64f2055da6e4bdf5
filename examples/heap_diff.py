"""What grew in a stretch of code: ten thousand objects are kept, and the diff says so.

python examples/heap_diff.py
"""

from __future__ import annotations

import memwatch


class LeakingClass:
    """An object that somebody forgot to let go of."""

    def __init__(self, number: int) -> None:
        self.name = f"leaking instance {number}"


def main() -> None:
    leaked: list[LeakingClass] = []
    with memwatch.HeapDiff() as heap_diff:
        for number in range(10_000):
            leaked.append(LeakingClass(number))
    print(heap_diff.diff)


if __name__ == "__main__":
    main()
