"""Who allocated it: two ways to allocate, flat and nested, and the call tree that keeps what is held.

python examples/allocation_profile.py [--source]
"""

from __future__ import annotations

import argparse
import linecache

import memwatch
from memwatch.calltree import Node

SOURCE_LINES = 5
held: list[object] = []


def flat() -> None:
    held.append([bytes(number % 256) for number in range(10_000)])


def nested(depth: int = 3) -> None:
    held.append({f"{depth}-{number}": float(number) for number in range(5_000)})
    if depth:
        nested(depth - 1)


def print_tree(node: Node, indent: str = "") -> None:
    """The plain form: every call path, with what it holds itself and with all below."""
    print(
        f"{indent}{node.frame}: {node.self_bytes:,} of {node.total_bytes:,} bytes in {node.total_count:,} allocations"
    )
    for child in node.children:
        print_tree(child, indent + "  ")


def print_sources(node: Node) -> None:
    """The formatted form: where, how many of which size, and the beginning of the function."""
    if node.allocations:
        print(f"\n{node.file}:{node.line}:{node.column} {node.function}")
        largest = sorted(node.allocations, key=lambda pair: pair[0] * pair[1])[-5:]
        print("  " + ", ".join(f"{count} x {size}" for size, count in reversed(largest)))
        first = node.frame.first_line
        for line in range(first, first + SOURCE_LINES):
            print(f"  {line:4} {linecache.getline(node.file, line).rstrip()}")
    for child in node.children:
        print_sources(child)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", action="store_true", help="show sizes and source lines")
    given = parser.parse_args()
    memwatch.profile.start(sample_interval=32)
    flat()
    nested()
    root = memwatch.profile.collect_allocations()
    print_sources(root) if given.source else print_tree(root)


if __name__ == "__main__":
    main()
