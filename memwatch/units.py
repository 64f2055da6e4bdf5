"""Bytes, durations, rates and names as text."""

from __future__ import annotations

_KIB = 1024
_MIB = 1024 * 1024
_LONGEST_NAME = 200  # characters: of a type, a function, a module, an attribute
_NAME_ENDS = 98
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")


def _six_digits(value: float) -> str:
    """The number with at most six significant digits and no trailing zeros, never in scientific form."""
    text = f"{value:.6g}"
    return f"{value:.0f}" if "e" in text else text


def format_size(size_bytes: float) -> str:
    """Bytes in node-memwatch's grammar: ``84 bytes``, ``11.5 kb``, ``-2.07 kb``, ``11.67 mb``.

    Thresholds are strict, as there: 1024 is ``1024 bytes`` and 1048576 is ``1024 kb``.
    """
    magnitude = abs(size_bytes)
    if magnitude > _MIB:
        return f"{_six_digits(round(size_bytes / _MIB, 2))} mb"
    if magnitude > _KIB:
        return f"{_six_digits(round(size_bytes / _KIB, 2))} kb"
    return f"{int(size_bytes)} bytes"


def format_delta(seconds: float) -> str:
    """Whole seconds in node-memwatch's grammar: ``20s``, ``60s``, ``1m 4s``, ``25h 0s``."""
    left = max(0, int(seconds))
    text = ""
    if left > 3600:
        text += f"{left // 3600}h "
        left %= 3600
    if left > 60:
        text += f"{left // 60}m "
        left %= 60
    return f"{text}{left}s"


def format_bytes(size_bytes: float, signed: bool = False) -> str:
    """Bytes for a person: ``512 B``, ``21.4 MiB``; with *signed*, ``+1.9 MiB``."""
    sign = "-" if size_bytes < 0 else "+" if signed else ""
    value = abs(float(size_bytes))
    for unit in _BINARY:
        if value < 1024 or unit == _BINARY[-1]:
            break
        value /= 1024
    digits = 0 if unit == "B" or value >= 100 else 1 if value >= 10 else 2
    return f"{sign}{value:,.{digits}f} {unit}"


def format_rate(bytes_per_hour: float) -> str:
    """Growth in the one unit that rates have: ``142 MiB/h``, ``0.31 MiB/h``."""
    rate = bytes_per_hour / _MIB
    digits = 0 if abs(rate) >= 100 else 1 if abs(rate) >= 10 else 2
    return f"{rate:,.{digits}f} MiB/h"


def format_growth(size_bytes: float, seconds: float) -> str:
    """How much and how fast: ``+2.53 MiB, 142 MiB/h``; the amount alone where it took no time."""
    amount = format_bytes(size_bytes, signed=True)
    return f"{amount}, {format_rate(size_bytes / seconds * 3600)}" if seconds > 0 else amount


def format_duration(seconds: float) -> str:
    """Seconds for a person: ``0.4 s``, ``16 s``, ``1m 4s``, ``14 h``, ``3 days``."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60}m {int(seconds) % 60}s"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"


def format_milliseconds(seconds: float) -> str:
    """A pause for a person: ``0.4 ms``, ``93 ms``, ``1,700 ms``."""
    return f"{1000 * seconds:,.1f} ms" if seconds < 0.01 else f"{1000 * seconds:,.0f} ms"


def plural(count: int, what: str) -> str:
    """``1 process``, ``2 processes``, ``1,000 samples``"""
    return f"{count:,} {what}{'' if count == 1 else 'es' if what.endswith('s') else 's'}"


def printable(text: object) -> str:
    """*text* on one line, with what does not print escaped; ``?`` for anything that is not exactly a str."""
    if type(text) is not str:
        return "?"
    return text if text.isprintable() else repr(text)[1:-1]


def short_name(text: object) -> str:
    """A name of the program's own as it may leave the process: printable, without the middle of a very long one."""
    name = printable(text)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_NAME_ENDS]}...{name[-_NAME_ENDS:]}"
