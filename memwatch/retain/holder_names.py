"""The words of a path: its root, each of its steps, and the name of its holder, such as ``app.CACHE``."""

from __future__ import annotations

from collections.abc import Sequence

from ..units import short_name
from .steps import ATTRIBUTES, Edge, EdgeKind, Root, RootKind, Step

_IN_C = {
    RootKind.HELD_IN_C: "no Python reference (held in C)",
    RootKind.CYCLE: "no Python reference (held in C, or a cycle)",
}
_BEFORE_NAME = {
    EdgeKind.ATTRIBUTE: ".",
    EdgeKind.SLOT: ".",
    EdgeKind.CELL: "cell ",
    EdgeKind.LOCAL: "local ",
    EdgeKind.CONTEXT_VARIABLE: "context variable ",
    EdgeKind.FIELD: "",
}
_CALLED = {
    "function": "function",
    "generator": "generator",
    "async_generator": "generator",
    "coroutine": "coroutine",
    "functools._lru_cache_wrapper": "functools.lru_cache wrapper of",
}
"""Before the name of what has one, by its type."""

_UNNAMED_CACHE = {"functools._lru_cache_wrapper": "functools.lru_cache wrapper"}


def root_text(root: Root) -> str:
    """``module app``, ``main thread, function app.run``, ``no Python reference (held in C)``"""
    if root.kind in _IN_C:
        return _IN_C[root.kind]
    name = short_name(root.name)
    if root.kind is RootKind.MODULE:
        return f"module {name}"
    if root.kind is RootKind.INTERPRETER:
        return f"interpreter, {name}"
    if root.kind is RootKind.GREENLET:
        return f"suspended greenlet, function {name}"
    thread = "main thread" if root.main else "another thread"
    return f"{thread}, function {name}" if root.kind is RootKind.FUNCTION else f"{thread}, {name}"


def edge_text(edge: Edge) -> str:
    """``.CACHE``, ``['name']``, ``[index]``, ``local rows``; empty where there is no word for it."""
    before = _BEFORE_NAME.get(edge.kind)
    return f"[{edge.name}]" if before is None else before + short_name(edge.name)


def target_text(step: Step) -> str:
    """What a step leads to: ``dict, 640 items``, ``app.Order``, ``class app.Order``, ``function app.handle``."""
    before = "class" if "type" in step.kinds else _CALLED.get(step.type, "")
    named = before and step.name
    text = f"{before} {short_name(step.name)}" if named else short_name(_UNNAMED_CACHE.get(step.type, step.type))
    return text if step.items is None else f"{text}, {step.items} item{'s' * (step.items != 1)}"


def step_text(step: Step) -> str:
    """``.CACHE: dict, 640 items``, or ``[index]`` for what is shown by its reference alone."""
    return _joined(edge_text(step.edge), "" if step.bare else target_text(step))


def path_lines(root: Root, steps: Sequence[Step]) -> tuple[str, ...]:
    """The root and each step as text, as they stand in JSON."""
    return (root_text(root), *map(step_text, steps))


def path_pairs(root: Root, steps: Sequence[Step]) -> tuple[tuple[str, str], ...]:
    """For each step its reference and what it leads to; either may be empty. A module's variable is without its dot."""
    pairs = [(edge_text(step.edge), "" if step.bare else target_text(step)) for step in steps]
    if pairs and root.kind is RootKind.MODULE and steps[0].edge.kind in ATTRIBUTES:
        pairs[0] = short_name(steps[0].edge.name), pairs[0][1]
    return tuple(pairs)


def path_parts(root: Root, steps: Sequence[Step]) -> tuple[str, ...]:
    """The root and each step for one line."""
    return (root_text(root), *(_joined(*pair) for pair in path_pairs(root, steps)))


def holder_text(root: Root, steps: Sequence[Step]) -> str:
    """The named beginning of a path: ``app.CACHE``, ``main thread, function app.run``; of a chain each name once.

    It begins anew at each variable of a function: ``app.run, local client.sessions``.
    """
    text = short_name(root.name) if root.kind is RootKind.MODULE else root_text(root)
    runs = root.name if root.kind in (RootKind.FUNCTION, RootKind.GREENLET) else ""
    names, goes_on = list[str](), True
    for step in steps:
        name = edge_text(step.edge)
        if step.edge.kind is EdgeKind.LOCAL and runs:
            text, names, goes_on = f"{short_name(runs)}, {name}", [], True
        elif step.edge.kind in ATTRIBUTES and goes_on:
            names += [] if names[-1:] == [name] else [name]
        else:
            goes_on = False
        runs = step.name
    return text + "".join(names)


def normalized_text(root: Root, steps: Sequence[Step]) -> str:
    """A path whose *steps* are normalized, without all that differs between processes."""
    return "\n".join([root_text(root), *(_joined(edge_text(step.edge), step.type) for step in steps)])


def draw_lines(root: Root, steps: Sequence[Step], suspect: int, known: str | None) -> str:
    """A line for each step; below those from *suspect* on, the name of the reference is underlined by ``~``."""
    lines = [root_text(root)]
    for number, step in enumerate(steps, 1):
        lines.append(f"  > {step_text(step)}")
        if number >= suspect:
            lines.append("    " + "~" * len(edge_text(step.edge) or target_text(step)))
    if known is not None:
        lines.append(f"  ({known})")
    return "\n".join(lines)


def _joined(edge: str, target: str) -> str:
    return f"{edge}: {target}" if edge and target else edge or target
