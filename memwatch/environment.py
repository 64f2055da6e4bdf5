"""The MEMWATCH_* variables: read by whatever starts a watcher, written by `memwatch run` for the program's children."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import OptionError
from .options import NO_OPTIONS, OPTIONS, Options

_OF_THE_BUILD = ("MEMWATCH_REQUIRE_NATIVE", "MEMWATCH_CFLAGS")


def read_variables(environ: Mapping[str, str]) -> tuple[Options, tuple[str, ...]]:
    """The options that are given there, and what is wrong: a variable that cannot be read is not given."""
    given, problems = {}, []
    for option in OPTIONS.values():
        if text := environ.get(option.variable, ""):
            try:
                given[option.name] = option.read(text)
            except OptionError as error:
                problems.append(f"{option.variable}={text!r}: {error}")
    return Options(**given), (*problems, *_unknown(environ))


def _unknown(environ: Mapping[str, str]) -> list[str]:
    """The variables that nobody reads, each with the nearest name that somebody does."""
    known = {*NO_OPTIONS, *_OF_THE_BUILD, *(option.variable for option in OPTIONS.values())}
    return [f"{name} is not known{_nearest(name, known)}" for name in environ if _is_ours(name) and name not in known]


def _is_ours(name: str) -> bool:
    return name.upper().startswith("MEMWATCH")


def _nearest(name: str, known: set[str]) -> str:
    from difflib import get_close_matches  # only for a mistake

    names = get_close_matches(name.upper(), sorted(known - {"MEMWATCH"}), 1)
    return f" (is {names[0]} meant?)" if names else ""


def export_options(options: Options) -> dict[str, str]:
    """The variables that make a child process read these options; one that is not given is empty."""
    given = {name: value for name, value in options.given.items() if value is not None}
    texts = {name: OPTIONS[name].kind.write(value) for name, value in given.items()}
    return {"MEMWATCH": "1"} | {option.variable: texts.get(name, "") for name, option in OPTIONS.items()}
