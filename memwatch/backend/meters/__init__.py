"""The numbers that are read at every tick: blocks, malloc's bytes, resident memory, its limit, and collections."""
