"""Every option, declared once: its kind, its default, and what it does.

A declaration is the keyword of `start()`, the variable MEMWATCH_NAME, the flag of `memwatch run`, the check of all
three, their help, and the row in docs/reference.md (`python docs/options.py` writes it).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict

from .errors import OptionError
from .option_kinds import Choice, File, Option, Seconds, Switch, Text, Whole, Words


class StartOptions(TypedDict, total=False):
    """The keywords of `start()`, for type checkers; a test compares them with the declarations below."""

    pace: Literal["service", "job"]
    detector: Literal["ratchet", "consecutive"]
    tick: float | None
    sample: float | None
    pause_budget: float
    stats_interval: float
    profile: bool
    sample_interval: int
    show_keys: bool
    native: bool
    socket: bool
    ignore: Sequence[str]
    min_growth: int


class Options:
    """Values by name: `given` are those that somebody gave; any other reads as its default.

    ``left | right`` has what either gives, and that of *right* where both do. Raises OptionError for an unknown name
    and for a value that is not allowed.
    """

    __slots__ = ("given",)

    pace = Option(
        Choice("service", "job"),
        "service",
        "`service` decides within hours, `job` within minutes",
        shown="service; of `run` job",
        in_run="job",
    )
    detector = Option(
        Choice("ratchet", "consecutive"),
        "ratchet",
        "the rule that decides: `ratchet` by steady growth, `consecutive` by growth at five full collections in a row, "
        "as node-memwatch does",
    )
    tick = Option(
        Seconds(0.01, 3600.0),
        None,
        "seconds between two readings of the memory in use",
        shown="1; at pace job 0.25",
        in_run="0.25; at pace service 1",
    )
    sample = Option(
        Seconds(0.01, 3600.0),
        None,
        "of the readings within so many seconds the lowest one counts",
        shown="10; at pace job 0.25",
        in_run="0.25; at pace service 10",
    )
    pause_budget = Option(Seconds(0.0, 60.0), 0.1, "seconds for which one step of memwatch may stop the program")
    stats_interval = Option(Seconds(0.1, 86400.0), 60.0, "send `stats` at least once in so many seconds")
    profile = Option(
        Switch(),
        True,
        "sample allocations, so that a leak's report names the line (C extension)",
        off="sample no allocations: few reports name a line",
    )
    sample_interval = Option(
        Whole(1, 1 << 40, "bytes"),
        524288,
        "sample one byte in this many; 65536 or fewer while growth is suspected",
        shown="524288; of `run` 65536",
        in_run="65536",
    )
    show_keys = Option(Switch(), False, "show every key of a dict in reports; keys are data of the program")
    native = Option(
        Switch(),
        True,
        "may sample what C libraries allocate while they are suspected (Linux with glibc)",
        off="never sample what C libraries allocate",
    )
    socket = Option(
        Switch(),
        True,
        "listen for `memwatch ps`, `status PID` and the like, of the same user",
        off="listen for no `memwatch ps`, `status PID` and the like",
    )
    ignore = Option(
        Words(),
        (),
        "types or holders, such as `app.Cache*`, whose growth is accepted and no leak",
        shown="none",
    )
    min_growth = Option(Whole(0, 1 << 50, "bytes"), 0, "smaller growth is no leak", shown="1 % of the base, 1 MiB")

    json = Option(File(), None, "a file that gets every event, one JSON object a line", keyword=False)
    html = Option(
        File(),
        None,
        "a page for each leak: `leak.html`, or `leak-4211.html` in a process that `run` did not start",
        keyword=False,
        flag="--report",
    )
    snapshot_signal = Option(
        Text(),
        None,
        "a signal, such as `USR1`, on which the heap is written to a file in the current directory",
        keyword=False,
        flag="",
    )
    record = Option(
        File(), None, "a file that any number of processes record into; `memwatch report` shows it", keyword=False
    )
    release = Option(Text(), None, "the program's own version, by which recordings are compared", keyword=False)
    report = Option(
        Choice("log", "stderr"), "log", "`stderr` prints leaks as `memwatch run` does", keyword=False, flag=""
    )

    log = Option(
        Choice("full", "line"),
        "full",
        "`line` logs a leak as one line, for collectors that split lines: culprit, place, rate and fingerprint",
        keyword=False,
        flag="",
    )

    run_pid = Option(Whole(0, 1 << 32), None, keyword=False, flag="")
    """The process whose last line `memwatch run` owes to its user."""

    run_folder = Option(File(), None, keyword=False, flag="")
    """Where the processes below a `memwatch run` write down what they found."""

    run_profile = Option(File(), None, keyword=False, flag="")
    """The file of the profile of a `memwatch run`, if it takes one."""

    def __init__(self, **given: Any) -> None:
        self.given = {name: _find(name).check(value) for name, value in given.items()}

    @classmethod
    def of_start(cls, keywords: Mapping[str, Any]) -> Options:
        """Those of `start()`, which does not take all."""
        for name in keywords:
            if name not in OPTIONS or not OPTIONS[name].keyword:
                raise _unknown(name)
        return cls(**keywords)

    def for_start(self) -> Options:
        """What is given of those that `start()` takes."""
        return Options(**{name: value for name, value in self.given.items() if OPTIONS[name].keyword})

    def __or__(self, right: Options) -> Options:
        made, left = Options(), self.given
        if {"tick", "sample"} & right.given.keys():  # one is chosen for the other
            left = {name: value for name, value in left.items() if name not in ("tick", "sample")}
        made.given = left | right.given
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Options) and all(getattr(self, name) == getattr(other, name) for name in OPTIONS)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Options({', '.join(f'{name}={value!r}' for name, value in self.given.items())})"


OPTIONS: dict[str, Option[Any]] = {name: it for name, it in vars(Options).items() if isinstance(it, Option)}
"""The declarations by name, in their order."""

NO_OPTIONS = {
    "MEMWATCH": ("`1`, `true`, `yes` or `on` starts watching at interpreter start", "off"),
    "MEMWATCH_BACKEND": (
        "`pure` or `native`; `memwatch.backend.reason` says why, if it cannot be had",
        "the best there is",
    ),
    "MEMWATCH_TOKEN": (
        "who knows this text of 16 characters or more may see the page of `memwatch.web`",
        "none: it is closed",
    ),
}
"""Variables that are read before there are options: what they do, and what holds without them."""


def describe_keywords() -> str:
    """A line for each option of `start()`."""
    rows = [option for option in OPTIONS.values() if option.keyword]
    return "\n".join(f"    `{it.name}` ({it.shown_default}): {it.help}" for it in rows)


def table() -> Iterator[str]:
    """The rows of the table in Markdown: keyword, variable, flag, meaning, default."""
    yield "| `start()` | variable | `memwatch run` | meaning | default |"
    yield "|---|---|---|---|---|"
    for name, (meaning, default) in NO_OPTIONS.items():
        yield f"| | `{name}` | | {meaning} | {default} |"
    for it in OPTIONS.values():
        if it.help:
            keyword = f"`{it.name}`" if it.keyword else ""
            flag = f"`{' '.join([it.flag, it.kind.placeholder]).strip()}`" if it.flag else ""
            yield f"| {keyword} | `{it.variable}` | {flag} | {it.help} | {it.shown_default} |"


def _find(name: str) -> Option[Any]:
    if name not in OPTIONS:
        raise _unknown(name)
    return OPTIONS[name]


def _unknown(name: str) -> OptionError:
    known = ", ".join(it.name for it in OPTIONS.values() if it.keyword)
    return OptionError(f"unknown option {name!r}; there are {known}")
