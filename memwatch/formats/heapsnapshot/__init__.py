"""V8's heap snapshots: the graph of a heap as JSON that Chrome DevTools, node's tools and memlab open."""

from .reader import read
from .snapshot import HeapSnapshot

__all__ = ["HeapSnapshot", "read"]
