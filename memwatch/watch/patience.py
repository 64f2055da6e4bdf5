"""How long memwatch waits for its own thread and for receivers, in seconds; then it goes on without them."""

from __future__ import annotations

GC_PATIENCE = 5.0  # gc() waits for its events to be delivered
JUDGE_PATIENCE = 10.0  # after which a leak goes out with what is known
PARK_PATIENCE = 0.05  # a fork waits for the thread
LAST_PATIENCE = 0.7  # the same, for what is found while the program ends
EXIT_PATIENCE = 1.0  # the exit waits for the thread
