"""Show what grows in a running process now, or which leaks many have recorded, and whether a fix worked."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ..errors import RecordingError
from ..files import write_file
from ..recording.cases import Case, put_together, roles_of
from ..recording.compare import SURE, Change, compare, since_reported, split_by_release, split_since
from ..recording.html import write
from ..recording.lives import Life, Reader
from ..recording.text import (
    case_lines,
    change_lines,
    heading,
    moment,
    old_text,
    role_lines,
    suspected_lines,
)
from ..render.markdown import BUDGET, LEAST, characters_of, fitted, markdown_of
from ..units import plural, printable
from .agents import for_agents, tokens
from .asking import FAILED, add_time, complain, pid, reports_errors, show, waiting

_SCHEMA = 1


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="PID|FILE", help="a watched process, or a recording, as `memwatch run --record FILE` writes it")
    add("leak", metavar="LEAK", nargs="?", help="the whole report of one leak: its number in the list, or fingerprint")
    add("--compare", nargs=2, metavar=("OLD", "NEW"), help="what became of the leaks of release OLD in release NEW")
    add("--since", metavar="RELEASE", help="the same of all before RELEASE and all from then on")
    add("--profiles", metavar="FOLDER", help="write the profiles that are kept in the recording into FOLDER, as pprof")
    add("--html", metavar="PAGE", help="write it as a page for a browser")
    add("--json", action="store_true", help="print it as JSON")
    add("--for-agents", action="store_true", help="print it as a coding agent reads it: Markdown, file and line first")
    add(
        "--budget",
        type=tokens,
        metavar="TOKENS",
        default=BUDGET,
        help=f"with --for-agents: its greatest length, {LEAST} or more (default: {BUDGET})",
    )
    add_time(parser, 30.0, "of a process: how long lies between the two looks")


@reports_errors
def run(args: argparse.Namespace) -> int:
    """Print; returns 0, or 1 where something cannot be read, or a comparison finds a leak that is not surely gone."""
    if (args.html is not None) + args.json + args.for_agents > 1:
        args.parser.error("--html, --json and --for-agents are three forms of the same: give one")
    if args.file.isascii() and args.file.isdigit():
        return _report_process(args)
    if args.compare and args.since:
        args.parser.error("--compare and --since are two ways to say the same: give one")
    if args.html and (args.compare or args.since):
        args.parser.error("--html shows the leaks of a recording; a comparison is printed, or given as --json")
    if (args.leak or args.for_agents or args.profiles) and (args.compare or args.since):
        args.parser.error("LEAK, --for-agents and --profiles do not go with a comparison, which is of all leaks")
    with Reader(args.file) as reader:
        if args.compare or args.since:
            return _compare(reader, args)
        if args.leak is not None:
            return _show(reader, args)
        if args.profiles:
            return _write_profiles(reader, args.profiles)
        return _list(reader, args)


def _report_process(args: argparse.Namespace) -> int:
    """Ask the process whose number is `args.file`, wait and print; returns 0, or 1 if there is no report."""
    if args.leak or args.compare or args.since or args.profiles:
        args.parser.error("LEAK, --compare, --since and --profiles are about a recording, not about a process")
    try:
        number = pid(args.file)
    except argparse.ArgumentTypeError as error:
        args.parser.error(str(error))
    from ..reach.client import ask_to_look

    with waiting(f"process {number} looks for {args.seconds:g} s"):
        answer = ask_to_look(number, "report", args.seconds, page=args.html is not None)
    if args.html is not None:
        complain(f"written to {write_file(args.html, answer['page'].encode())}")
        return 0
    if args.for_agents:
        print(markdown_of(answer["report"], args.budget, command=f"memwatch report {number}"), end="")
        return 0
    show(answer["report"], args.json, lambda: str(answer["text"]))
    return 0


def _list(reader: Reader, args: argparse.Namespace) -> int:
    lives, leaks, now = reader.lives(), reader.leaks(), time.time()
    roles, cases = roles_of(lives), put_together(lives, leaks)
    since = [(case, since_reported(case, lives, leaks)) for case in cases]
    if args.html:
        texts = [(*it, reader.text(it[0].leak)) for it in since]
        page = write(reader.path, lives, roles, texts, _suspected(reader, cases), now)
        _put(args.html, page)
    elif args.for_agents:
        print(for_agents(reader, args.file, args.budget), end="")
    elif args.json:
        _dump(
            lives=[life.to_dict() for life in lives],
            roles=[role.to_dict() for role in roles],
            leaks=[{**case.to_dict(), "report": reader.report(case.leak)} for case in cases],
            types=[asdict(grown) for grown in reader.types()],
            profiles=[asdict(kept) for kept in reader.profiles()],
        )
    else:
        print("\n".join([heading(reader.path, lives, roles, now), "", *_overview(reader, args.file, since, now)]))
    return 0


def _overview(reader: Reader, file: str, cases: Sequence[tuple[Case, Change | None]], now: float) -> Iterator[str]:
    """The cases, each with the news from newer processes; what was suspected; the roles; and what to run next."""
    lives = reader.lives()
    for number, (case, since) in enumerate(cases, 1):
        yield from (*case_lines(number, case, now, since), "")
    if lives and not cases:
        yield from ("  no leak was reported", "")
    if suspected := _suspected(reader, [case for case, _ in cases]):
        yield from (*suspected, "")
    yield from role_lines(roles_of(lives)) if lives else ()
    command = f"memwatch report {shlex.quote(file)}"
    if kept := reader.profiles():
        yield from ("", f"  {plural(len(kept), 'profile')} kept: {command} --profiles FOLDER")
    if cases:
        yield from ("", f"  next   {command} 1   (the whole report)")


def _suspected(reader: Reader, cases: Sequence[Case]) -> list[str]:
    return suspected_lines(reader.lives(), reader.types(), {life for case in cases for life in case.lives})


def _show(reader: Reader, args: argparse.Namespace) -> int:
    lives, leaks = reader.lives(), reader.leaks()
    number, case = _find(put_together(lives, leaks), args.leak)
    since = since_reported(case, lives, leaks)
    if args.html:
        _put(args.html, reader.page(case.leak))
    elif args.for_agents:
        age = old_text(case, since, time.time())
        print(fitted(reader.report(case.leak), characters_of(args.budget), age=age), end="")
    elif args.json:
        print(json.dumps(reader.report(case.leak), allow_nan=False))
    else:
        print("\n".join(case_lines(number, case, time.time(), since)) + "\n\n" + reader.text(case.leak))
    return 0


def _write_profiles(reader: Reader, folder: str) -> int:
    pids, profiles = {life.id: life.birth.pid for life in reader.lives()}, reader.profiles()
    if not profiles:
        raise RecordingError(f"{reader.path} holds no profiles: memwatch.record(path, profile=True) keeps some")
    for kept in profiles:
        path = os.path.join(folder, f"profile-{pids.get(kept.life, 0)}-{kept.id}.pb.gz")
        written = write_file(path, reader.profile(kept.id))
        print(f"{written}  {moment(kept.time, time.time())}, {printable(kept.reason)}")
    return 0


def _find(cases: Sequence[Case], leak: str) -> tuple[int, Case]:
    """The case by its place in the list, or else by the beginning of its fingerprint."""
    numbered = list(enumerate(cases, 1))
    if leak.isdecimal() and len(leak) < 6 and 1 <= int(leak) <= len(cases):
        return numbered[int(leak) - 1]
    found = [it for it in numbered if len(leak) >= 4 and it[1].fingerprint.startswith(leak.lower())]
    if not found:
        there = f"the list has {len(cases)}" if cases else "no leak was reported"
        raise RecordingError(f"there is no leak {leak!r}: {there}")
    return found[0]


def _compare(reader: Reader, args: argparse.Namespace) -> int:
    lives, leaks = reader.lives(), reader.leaks()
    old, new = split_by_release(lives, *args.compare) if args.compare else split_since(lives, args.since)
    changes = compare(old, new, leaks)
    if args.json:
        _dump(changes=[change.to_dict() for change in changes])
    else:
        print("\n".join(_comparison(args, old, new, changes)))
    return 0 if all(change.outcome == "gone" for change in changes) else FAILED


def _comparison(
    args: argparse.Namespace, old: Sequence[Life], new: Sequence[Life], changes: Sequence[Change]
) -> list[str]:
    names = args.compare or (f"before {args.since}", f"since {args.since}")
    lines = [f"{names[0]}: {plural(len(old), 'process')}; {names[1]}: {plural(len(new), 'process')}", ""]
    for number, change in enumerate(changes, 1):
        lines += [*change_lines(number, change), ""]
    if not changes:
        lines += ["  no leak was reported in either", ""]
    if any(change.outcome == "maybe gone" for change in changes):
        lines.append(f"  gone is said from {SURE:.0%} on: watch more processes of the new release".replace("%", " %"))
    return lines[:-1] if lines[-1] == "" else lines


def _put(path: str, page: str) -> None:
    complain(f"written to {write_file(path, page.encode())}")


def _dump(**values: Any) -> None:
    print(json.dumps({"schema": _SCHEMA, **values}, allow_nan=False))
