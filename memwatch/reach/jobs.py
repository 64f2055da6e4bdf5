"""Questions that take long. A client begins one with `begin`, then asks for its `job` until that is done.

So no client has to wait with a request open, and any connection may ask. The number of jobs that are kept is bounded.
The answers are compressed, so that a look at the heap does not find them.
"""

from __future__ import annotations

import atexit
import json
import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..clock import Clock
from ..errors import MemwatchError, OptionError, describe_error
from ..internal import internal, never_count
from .reply import Reply

LONG = ("report", "diff", "profile", "holders", "snapshot", "gc")
"""The questions that can be begun as jobs."""

_MOST_RUNNING = 4
_MOST_KEPT = 12


@internal
class Job:
    """One job. `state` is "running", "done" or "failed". `begun` is in epoch seconds."""

    def __init__(self, number: int, question: dict[str, Any], reply: Reply) -> None:
        self.number = number
        self.question = question
        self.begun = Clock.wall()
        self._state = "running"
        self.error = ""
        self.path = ""  # of a file that is deleted with the job
        self._packed = b""
        self._watcher = reply.watcher
        self.reply: Reply | None = Reply(reply.watcher, reply.looks, self._end)

    @property
    def state(self) -> str:
        """Fail the job if watching has ended: no answer will come."""
        if self._state == "running" and not self._watcher.running:
            self._fail("the watcher was stopped meanwhile")
        return self._state

    def answer(self) -> Any:
        """Take the answer."""
        return json.loads(zlib.decompress(self._packed)) if self._packed else None

    def to_dict(self) -> dict[str, Any]:
        """The fields of the job, without the answer."""
        about = {"job": self.number, "question": self.question, "begun": self.begun}
        return {**about, "state": self.state, "error": self.error}

    def drop(self) -> None:
        """Nobody wants the answer any more."""
        reply, self.reply = self.reply, None
        if reply is not None:
            reply.cancel()
        if self.path:
            with suppress(OSError):
                os.unlink(self.path)
                os.rmdir(os.path.dirname(self.path))

    def _end(self, value: Any, error: Exception | None) -> None:
        if error is not None:
            self._fail(str(error) if isinstance(error, MemwatchError) else describe_error(error))
            return
        if self.question.get("temporary"):
            self.path = value["path"]
            JOBS.clean_at_exit()
        self._packed = zlib.compress(json.dumps(value, allow_nan=False).encode(), 1)
        self._state, self.reply = "done", None

    def _fail(self, why: str) -> None:
        self._state, self.error, self.reply = "failed", why, None


@internal
class Jobs:
    """The jobs of this process, by number."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._last = 0
        self._pid = os.getpid()
        self._cleans = False

    def begin(self, reply: Reply, question: Any, ask: Callable[[Reply, object], object]) -> int:
        """Have *question* answered by *ask*. Returns the job's number. Raises OptionError if it is no such question."""
        if not isinstance(question, dict) or question.get("ask") not in LONG:
            raise OptionError(f"a job must be one of {', '.join(LONG)}")
        known = self._known()
        if sum(job.state == "running" for job in known.values()) >= _MOST_RUNNING:
            raise MemwatchError(f"{_MOST_RUNNING} questions are being answered: wait for one of them, or cancel it")
        self._last += 1
        known[self._last] = job = Job(self._last, question, reply)
        if (own := job.reply) is not None:
            own.later(0.0, lambda: ask(own, question))  # a look may take seconds, but the number is needed at once
        self._make_room(question["ask"] == "snapshot")
        return self._last

    def list(self) -> list[dict[str, Any]]:
        """All jobs that are known, newest last."""
        return [job.to_dict() for job in self._known().values()]

    def find(self, number: object) -> Job:
        """The job with this number. Raises OptionError if there is none."""
        job = self._known().get(number) if type(number) is int else None
        if job is None:
            raise OptionError("there is no such job, or its answer is not kept any more")
        return job

    def drop(self, number: object) -> None:
        """Cancel it, or forget its answer."""
        job = self.find(number)
        del self._jobs[job.number]
        job.drop()

    def clean_at_exit(self) -> None:
        """Delete the files of all jobs."""
        if not self._cleans:
            self._cleans = True
            atexit.register(self._drop_all)

    def _drop_all(self) -> None:
        for number in list(self._known()):
            self.drop(number)

    def _make_room(self, one_file: bool) -> None:
        """Delete the files of all but the newest job that has one."""
        over = [number for number, job in self._jobs.items() if job.path and one_file]
        ended = [number for number, job in self._jobs.items() if job.state != "running" and number not in over]
        for number in (*over, *ended[: 1 - _MOST_KEPT]):
            self.drop(number)

    def _known(self) -> dict[int, Job]:
        """A forked child drops all jobs: they were begun in its parent."""
        if self._pid != os.getpid():
            self._pid, self._jobs = os.getpid(), {}
        return self._jobs


JOBS = Jobs()
never_count(JOBS)
