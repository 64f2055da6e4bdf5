"""The heap as a graph, written as a heap snapshot: in C (`exact`), or in Python (`pure`)."""
