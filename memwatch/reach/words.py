"""Puts a process's answer about its memory into words, for all faces."""

from __future__ import annotations

from typing import Any

from ..units import format_bytes, format_duration, format_rate


def memory_of(status: dict[str, Any]) -> str:
    """The memory part of the answer to `status`: the base, resident memory, and how it grows."""
    if status["base_bytes"] is None:
        return "not read yet"
    text = f"{format_bytes(status['base_bytes'])} held, {format_bytes(status['rss_bytes'])} resident"
    growth = status["growth"]
    if growth is None:
        return text
    grew = f"{format_bytes(growth['bytes'], signed=True)} in {format_duration(growth['seconds'])}"
    return f"{text}; {grew}, {format_rate(growth['rate_bytes_per_hour'])}"
