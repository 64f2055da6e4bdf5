"""How sure an estimate is: intervals that hold the truth as often as they say, ages, and sums by thread and task."""

from __future__ import annotations

import random
from math import exp, inf, sqrt

import pytest

from memwatch.calltree import CallTree, Node, Stack, stacks_of, walk
from memwatch.combine import diff, keep, merge
from memwatch.estimates import AGES, Part, count_ages, interval, merge_parts, weigh
from memwatch.frames import Frame
from memwatch.treebuilder import build

INTERVAL = 1000
MAIN, LOAD, SAVE = Frame("main", "app.py", 3), Frame("load", "app.py", 7), Frame("save", "app.py", 9)


def part(thread: str, task: str = "", size: int = 10, count: int = 4, samples: int = 2, youngest: int = 0) -> Part:
    ages = [0] * len(AGES)
    ages[youngest] = samples
    return Part(thread, task, ((size, count),), samples, 100.0, tuple(ages))


def stack(path: tuple[Frame, ...], *parts: Part) -> Stack:
    pairs: dict[int, int] = {}
    for one in parts:
        for size, count in one.allocations:
            pairs[size] = pairs.get(size, 0) + count
    held = sum(size * count for size, count in pairs.items())
    return Stack(path, held, sum(pairs.values()), tuple(sorted(pairs.items())), parts)


def node(root: Node, function: str) -> Node:
    return next(one for one in walk(root) if one.function == function)


def draw(sizes: list[int], chance: random.Random) -> tuple[float, int, float]:
    """Estimate, samples and variance of one draw."""
    estimate = variance = 0.0
    samples = 0
    for size in sizes:
        p = 1 - exp(-size / INTERVAL)
        if chance.random() < p:
            estimate += size / p
            variance += (1 - p) * (size / p) ** 2
            samples += 1
    return estimate, samples, variance


@pytest.mark.parametrize(
    "sizes",
    [[16] * 400, [100] * 300, [1000] * 12, [2500] * 8, [50] * 200 + [3000] * 3, [700] * 20 + [9000]],
    ids=["small", "many", "as the interval", "large", "mixed", "one is most"],
)
def test_the_truth_is_in_95_of_100_intervals(sizes: list[int]) -> None:
    chance, hits, draws = random.Random(2026), 0, 1500
    for _ in range(draws):
        low, high = interval(*draw(sizes, chance))
        hits += low <= sum(sizes) <= high
    assert hits / draws >= 0.93


def test_the_interval_of_many_samples_is_two_deviations_wide() -> None:
    low, high = interval(1_000_000, 1000, 1000 * 1000.0**2)
    assert (1_000_000 - low) / (1000 * sqrt(1000)) == pytest.approx(1.96, abs=0.05)
    assert (high - 1_000_000) / (1000 * sqrt(1000)) == pytest.approx(1.96, abs=0.08)


def test_a_single_small_sample_says_little() -> None:
    low, high = interval(INTERVAL, 1, float(INTERVAL**2))
    assert 0 <= low < 0.05 * INTERVAL and 5.4 * INTERVAL < high < 5.7 * INTERVAL


def test_where_each_block_is_a_sample_there_is_no_doubt() -> None:
    assert interval(12_345, 7, 0.0) == (12_345, 12_345)


def test_ages_are_counted_by_their_bounds() -> None:
    assert count_ages((0.5, 2.0, 59.0, 60.0, 90000.0), 5) == (1, 1, 1, 1, 0, 0, 0, 1)
    assert count_ages((), 0) == (0,) * len(AGES)


def test_some_ages_stand_for_all() -> None:
    assert count_ages((0.5, 5.0), 1000) == (500, 500, 0, 0, 0, 0, 0, 0)


def test_a_node_says_what_all_samples_below_it_say() -> None:
    root = build(
        [
            stack((MAIN, LOAD), part("a", "job"), part("b", youngest=1)),
            stack((MAIN, LOAD), part("a", "job")),
            stack((MAIN,), part("a")),
        ]
    )
    load, main = node(root, "load"), node(root, "main")
    assert (load.samples, load.threads, load.tasks) == (6, (("a", 80), ("b", 40)), (("job", 80),))
    assert (main.samples, main.threads, root.samples) == (8, (("a", 120), ("b", 40)), 8)
    assert load.ages is not None and load.ages[:2] == ((1.0, 4), (10.0, 2)) and load.ages[-1] == (inf, 0)
    assert load.interval == interval(120, 6, 300.0) and main.interval == interval(160, 8, 400.0)
    assert [(one.thread, one.task, one.samples) for one in load.parts] == [("a", "job", 4), ("b", "", 2)]


def test_what_was_not_sampled_leaves_all_above_it_unknown() -> None:
    root = build([stack((MAIN, LOAD), part("a")), Stack((MAIN, SAVE), 5, 1)])
    assert node(root, "load").samples == 2
    assert [node(root, name).samples for name in ("save", "main", "(root)")] == [None, None, None]
    mixed = build([stack((MAIN,), part("a")), Stack((MAIN,), 5, 1)])
    assert node(mixed, "main").interval is None and node(mixed, "main").parts == ()


def test_an_empty_tree_knows_nothing() -> None:
    root = build([])
    assert (root.samples, root.interval, root.ages, root.threads, root.tasks) == (None,) * 5


def test_samples_stay_in_parts_and_sums_and_not_in_differences() -> None:
    tree = CallTree(build([stack((MAIN, LOAD), part("a"))]), samples_taken=3, samples_expected=4.0)
    more = CallTree(build([stack((MAIN, LOAD), part("b"))]), samples_taken=5, samples_expected=5.5)
    both = merge([tree, more])
    assert (both.root.samples, both.samples_taken, both.samples_expected) == (4, 8, 9.5)
    assert merge([tree, CallTree(build([]))]).samples_taken is None
    assert keep(tree, lambda one: LOAD in one.frames).root.samples == 2
    change = diff(both, tree)
    assert (change.root.total_bytes, change.root.samples, change.samples_taken) == (40, None, None)
    assert next(iter(stacks_of(tree.root))).parts == (part("a"),)


def test_a_dict_holds_json_of_it() -> None:
    told = node(build([stack((LOAD,), part("a", "job"))]), "load").flat()
    assert told["samples"] == 2 and told["interval"] == list(interval(40, 2, 100.0))
    assert told["ages"] == [2, 0, 0, 0, 0, 0, 0, 0] and (told["threads"], told["tasks"]) == ({"a": 40}, {"job": 40})
    assert node(build([Stack((LOAD,), 8, 1)]), "load").flat()["samples"] is None


def test_parts_of_the_same_thread_and_task_become_one() -> None:
    merged = merge_parts([part("b"), part("a", size=7), part("a"), part("b")])
    assert [(one.thread, one.allocations, one.samples) for one in merged] == [
        ("a", ((7, 4), (10, 4)), 4),
        ("b", ((10, 8),), 4),
    ]
    assert weigh(merged).size_bytes == 148
