"""The MEMWATCH_* variables: read by whatever starts a watcher, written by `memwatch run` for the program's children."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from .errors import OptionError
from .options import checked

Report = Literal["log", "stderr"]


class Settings(NamedTuple):
    """What the variables say; None where they say nothing. Times are seconds.

    `json` is the file that events are appended to, `html` that of a leak's page, `report` where a leak is told, and
    `run_pid` the process whose last line `memwatch run` owes to its user, `run_folder` where the processes below it
    write down what they found, `run_profile` the file of its profile, if it takes one. `profile` samples allocations,
    one byte in `sample_interval`, `native` those of C libraries too, where they may leak. `show_keys` shows the keys of
    dicts in reports.
    """

    pace: str | None = None
    tick: float | None = None
    detector: str | None = None
    pause_budget: float | None = None
    json: str | None = None
    report: Report = "log"
    run_pid: int | None = None
    profile: bool | None = None
    sample_interval: int | None = None
    show_keys: bool | None = None
    html: str | None = None
    native: bool | None = None
    run_folder: str | None = None
    run_profile: str | None = None

    def options(self) -> dict[str, Any]:
        """The options for `start()`: those that were given."""
        given = {name: getattr(self, name) for name in _OPTIONS}
        return {name: value for name, value in given.items() if value is not None}


_OPTIONS = ("pace", "tick", "detector", "pause_budget", "profile", "sample_interval", "show_keys", "native")


def _report(text: str) -> Report:
    if text not in ("log", "stderr"):
        raise ValueError("it must be log or stderr")
    return "log" if text == "log" else "stderr"


def switch(text: str) -> bool:
    """1, true, yes, on or their contrary, in any case of letters; raises ValueError."""
    word = text.strip().lower()
    if word not in _SWITCHES:
        raise ValueError("it must be 1, true, yes, on, or 0, false, no, off")
    return _SWITCHES[word]


_SWITCHES = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_PARSERS: dict[str, Callable[[str], Any]] = {
    "pace": str,
    "tick": float,
    "detector": str,
    "pause_budget": float,
    "json": str,
    "html": str,
    "report": _report,
    "run_pid": int,
    "run_folder": str,
    "run_profile": str,
    "profile": switch,
    "sample_interval": int,
    "show_keys": switch,
    "native": switch,
}


_READ_ELSEWHERE = ("backend", "require_native", "cflags")


def variable(field: str) -> str:
    """The variable's name: ``pause_budget`` is MEMWATCH_PAUSE_BUDGET."""
    return f"MEMWATCH_{field.upper()}"


def read_settings(environ: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """The settings, and what is wrong with variables: those that cannot be read keep their defaults."""
    settings, problems = Settings(), []
    for field, parse in _PARSERS.items():
        text = environ.get(variable(field), "")
        try:
            settings = _with(settings, field, parse(text)) if text else settings
        except (ValueError, OptionError) as error:
            problems.append(f"{variable(field)}={text!r}: {error}")
    return settings, (*problems, *_unknown(environ))


def _with(settings: Settings, field: str, value: Any) -> Settings:
    if field in _OPTIONS:
        checked({field: value})
    return settings._replace(**{field: value})


def _unknown(environ: Mapping[str, str]) -> list[str]:
    """The variables that nobody reads, each with the nearest name that somebody does."""
    known = {"MEMWATCH", *map(variable, (*_PARSERS, *_READ_ELSEWHERE))}
    return [f"{name} is not known{_nearest(name, known)}" for name in environ if _is_ours(name) and name not in known]


def _is_ours(name: str) -> bool:
    return name.upper().startswith("MEMWATCH")


def _nearest(name: str, known: set[str]) -> str:
    from difflib import get_close_matches  # only for a mistake

    names = get_close_matches(name.upper(), sorted(known - {"MEMWATCH"}), 1)
    return f" (is {names[0]} meant?)" if names else ""


def export_settings(settings: Settings) -> dict[str, str]:
    """The variables that make a child process read these settings; one that holds its default is empty."""
    default = Settings()
    values = settings._asdict()
    changed = {name: "" if value == getattr(default, name) else str(value) for name, value in values.items()}
    return {"MEMWATCH": "1"} | {variable(name): text for name, text in changed.items()}
