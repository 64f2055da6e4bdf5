"""The MEMWATCH_* variables: read by `memwatch.autostart`, written by `memwatch run` for the program's children."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

Report = Literal["log", "stderr"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the variables say; None where memwatch's own default holds. Times are seconds.

    `json` is the file that events are appended to, `html` that of a leak's page, `report` where a leak is told, and
    `run_pid` the process whose last line `memwatch run` owes to its user, `run_folder` where the processes below it
    write down what they found. `profile` samples allocations, one byte in
    `sample_interval`, `native` those of C libraries too, where they may leak. `show_keys` shows the keys of dicts in
    reports.
    """

    pace: str = "service"
    tick: float | None = None
    detector: str | None = None
    pause_budget: float | None = None
    json: str | None = None
    report: Report = "log"
    run_pid: int | None = None
    profile: bool = True
    sample_interval: int | None = None
    show_keys: bool = False
    html: str | None = None
    native: bool = True
    run_folder: str | None = None

    def options(self) -> dict[str, Any]:
        """The options for `start()`: those that were given."""
        given: dict[str, Any] = {"tick": self.tick, "detector": self.detector, "pause_budget": self.pause_budget}
        given |= {"profile": None if self.profile else False, "sample_interval": self.sample_interval}
        given |= {"show_keys": True if self.show_keys else None}
        given |= {"native": None if self.native else False}
        return {"pace": self.pace} | {name: value for name, value in given.items() if value is not None}


def _report(text: str) -> Report:
    if text not in ("log", "stderr"):
        raise ValueError("it must be log or stderr")
    return "log" if text == "log" else "stderr"


def _switch(text: str) -> bool:
    if text.lower() not in _SWITCHES:
        raise ValueError("it must be 1 or 0")
    return _SWITCHES[text.lower()]


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
    "profile": _switch,
    "sample_interval": int,
    "show_keys": _switch,
    "native": _switch,
}


def variable(field: str) -> str:
    """The variable's name: ``pause_budget`` is MEMWATCH_PAUSE_BUDGET."""
    return f"MEMWATCH_{field.upper()}"


def read_settings(environ: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """The settings, and what is wrong with the variables that could not be read and therefore keep their defaults."""
    settings, problems = Settings(), []
    for field, parse in _PARSERS.items():
        text = environ.get(variable(field), "")
        try:
            settings = replace(settings, **{field: parse(text)}) if text else settings
        except ValueError as error:
            problems.append(f"{variable(field)}={text!r}: {error}")
    return settings, tuple(problems)


def export_settings(settings: Settings) -> dict[str, str]:
    """The variables that make a child process read these settings; one that holds its default is empty."""
    default = Settings()
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    changed = {name: "" if value == getattr(default, name) else str(value) for name, value in values.items()}
    return {"MEMWATCH": "1"} | {variable(name): text for name, text in changed.items()}
