"""Retaining paths, made by hand."""

from __future__ import annotations

from memwatch.retain import Edge, EdgeKind, RetainingPath, Root, RootKind, Step


def path(module: str, *steps: Step, suspect: int = 1, known: str | None = None) -> RetainingPath:
    """The path of *steps* from a module."""
    return RetainingPath(Root(RootKind.MODULE, module), steps, "0123456789abcdef", suspect, known)


def attribute(name: str, kind: str, items: int | None = None) -> Step:
    """The step to an attribute or a variable of the type *kind*."""
    return Step(Edge(EdgeKind.ATTRIBUTE, name), kind, items=items)


def key(text: str, kind: str, items: int | None = None) -> Step:
    """The step to what a dict has under the key that is told as *text*."""
    return Step(Edge(EdgeKind.KEY, text), kind, items=items)


ITEM = Step(Edge(EdgeKind.INDEX, "index"), "str", bare=True)
KEPT = path("__main__", attribute("kept", "list", 640), ITEM)
"""``module __main__ > kept: list, 640 items > [index]``"""
