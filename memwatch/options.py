"""What the default watcher can be told, and what is allowed."""

from __future__ import annotations

from typing import Any, NamedTuple

from .errors import OptionError


class Options(NamedTuple):
    """What `start` takes. `tick`, `sample` and `pause_budget` are seconds; None means the pace's own.

    `profile` samples allocations, one byte in `sample_interval`; `native` those of C libraries too, if they may leak.
    `show_keys` shows data: the keys of dicts in reports.
    """

    pace: str = "service"
    detector: str = "ratchet"
    tick: float | None = None
    sample: float | None = None
    pause_budget: float = 0.1
    stats_interval: float = 60.0
    profile: bool = True
    sample_interval: int = 524288
    show_keys: bool = False
    native: bool = True


PACES = ("job", "service")
DETECTORS = ("consecutive", "ratchet")
_MOST_INTERVAL = 1 << 40  # bytes
_RANGES = (
    ("tick", 0.01, 3600.0),
    ("sample", 0.01, 3600.0),
    ("pause_budget", 0.0, 60.0),
    ("stats_interval", 0.1, 86400.0),
)


def checked(options: dict[str, Any]) -> Options:
    """The options by name as `Options`. Raises OptionError for a name or a value that is not allowed."""
    known = Options._fields
    for name in options:
        if name not in known:
            raise OptionError(f"unknown option {name!r}; there are {', '.join(known)}")
    wanted = Options(**options)
    _check_names(wanted)
    for name, least, most in _RANGES:
        value = getattr(wanted, name)
        if value is None and name in ("tick", "sample"):
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise OptionError(f"{name} must be a number of seconds from {least:g} to {most:g}, not {value!r}")
    interval = wanted.sample_interval
    for name in ("profile", "native", "show_keys"):
        if type(getattr(wanted, name)) is not bool:
            raise OptionError(f"{name} must be True or False, not {getattr(wanted, name)!r}")
    if type(interval) is not int or not 1 <= interval <= _MOST_INTERVAL:
        raise OptionError(f"sample_interval must be a whole number of bytes from 1 to {_MOST_INTERVAL}")
    return wanted


def _check_names(wanted: Options) -> None:
    for name, allowed in (("pace", PACES), ("detector", DETECTORS)):
        if getattr(wanted, name) not in allowed:
            raise OptionError(f"unknown {name} {getattr(wanted, name)!r}; there are: {', '.join(allowed)}")
