"""The answer of a job as a flame graph for the page, or as a file to download.

The names of files are made here. A request names a job and a kind of file, both looked up in a table: no part of a
request becomes a path.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import time
from collections.abc import Callable, Mapping
from typing import Any

from .. import combine, formats
from ..calltree import CallTree
from ..clock import Clock
from ..errors import MemwatchError, OptionError, UnsupportedError
from ..flamegraph.columns import describe
from . import asking
from .http import JSON, TEXT, Answer, Request, answer_file, answer_json, answer_with
from .words import Words

_POLL = 0.02  # seconds
_HTML = "text/html; charset=utf-8"
_BYTES = "application/octet-stream"


def graph(request: Request) -> Answer:
    """The profile of `job`, or its difference from that of `base`, in the columns that the drawing code reads."""
    words = Words.of_query(request.query)
    pid, tree = words.pid(), _tree(words.pid(), words.whole("job"))
    if words.has("base"):
        tree = combine.diff(tree, _tree(pid, words.whole("base")))
    return answer_json(describe(tree))


def file(request: Request) -> Answer:
    """The answer of `job` as a file of the kind `as`."""
    words = Words.of_query(request.query)
    pid, number, kind = words.pid(), words.whole("job"), words.text("as")
    done = _finished(pid, number)
    asked = done["question"]["ask"]
    if (asked, kind) in _FILES:
        suffix, media, write = _FILES[asked, kind]
        return answer_with(write(done["answer"]), media, _named(asked, pid, number, suffix))
    if asked == "profile" and kind in formats.FORMATS:
        chosen = formats.FORMATS[kind]
        body = chosen.write(_read(done["answer"]))
        return answer_with(body, _BYTES, _named(asked, pid, number, chosen.suffixes[0]))
    if asked == "snapshot" and kind == "heapsnapshot":
        return _stored(done["answer"]["path"], _named(asked, pid, number, ".heapsnapshot.gz"))
    raise OptionError(f"the answer of job {number} ({asked}) has no such form")


def wait_for_profile(number: int) -> bytes:
    """The pprof file of a job of this process. It needs no look at the heap. Raises the job's error."""
    deadline = Clock.monotonic() + asking.PATIENCE
    while (job := asking.ask(os.getpid(), "job", job=number))["state"] == "running":
        if Clock.monotonic() > deadline:
            raise asking.NoAnswer("memwatch is busy with something else")
        time.sleep(_POLL)
    asking.ask(os.getpid(), "drop", job=number)
    if job["state"] == "failed":
        raise UnsupportedError(job["error"])
    return base64.b64decode(job["answer"]["pprof"])


def _finished(pid: int, number: int) -> dict[str, Any]:
    job = asking.ask(pid, "job", job=number)
    if job["state"] != "done":
        raise MemwatchError(job["error"] or f"job {number} is not done yet")
    return job


def _tree(pid: int, number: int) -> CallTree:
    job = _finished(pid, number)
    if job["question"]["ask"] != "profile":
        raise OptionError(f"job {number} is no profile")
    return _read(job["answer"])


def _read(answer: dict[str, Any]) -> CallTree:
    found = formats.FORMATS["pprof"].read
    assert found is not None
    return found(base64.b64decode(answer["pprof"]))


def _stored(path: str, named: tuple[str, str]) -> Answer:
    """The content of a file that a process of this user has written for a page."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise MemwatchError(f"the file is not there any more ({error.strerror})") from None
    opened = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        opened.close()
        raise MemwatchError("the file is not there any more")
    return answer_file(opened, _BYTES, named)


def _named(asked: str, pid: int, number: int, suffix: str) -> tuple[str, str]:
    return "Content-Disposition", f'attachment; filename="memwatch-{asked}-{pid}-{number}{suffix}"'


def _as_json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


_FILES: Mapping[tuple[str, str], tuple[str, str, Callable[[Any], bytes]]] = {
    ("report", "html"): (".html", _HTML, lambda answer: answer["page"].encode()),
    ("report", "json"): (".json", JSON, lambda answer: _as_json(answer["report"])),
    ("report", "text"): (".txt", TEXT, lambda answer: answer["text"].encode()),
    ("diff", "json"): (".json", JSON, lambda answer: _as_json(answer["diff"])),
    ("diff", "text"): (".txt", TEXT, lambda answer: answer["text"].encode()),
    ("holders", "json"): (".json", JSON, lambda answer: _as_json(answer)),
}
"""By question and kind of file: the suffix, the media type, and the function that writes it."""
