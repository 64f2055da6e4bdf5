"""Walks over the heap: counts by type, sets of objects that were there, and who came and went between two of them."""
