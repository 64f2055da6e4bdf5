"""Records the lives of many processes into one file. The reader then finds what they show together."""

from __future__ import annotations

import atexit
import os
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from .. import default, signals
from ..errors import NotStartedError
from ..handlers import fingerprint_of
from ..watch import Watcher
from ..watch.lives import AcrossLives
from ..watch.sample import Leak, Sample
from .past import Past
from .type_growth import TypeGrowth
from .upkeep import Limits
from .writer import Writer

if TYPE_CHECKING:
    from .profiles import Profiles

__all__ = ["Recording", "record"]


class Recording:
    """A recording that this process and its forked children write. `close` ends it, and `path` is its file."""

    def __init__(
        self, path: str | os.PathLike[str], release: str = "", limits: Limits | None = None, profile: bool = False
    ) -> None:
        self._writer = Writer(os.fspath(path), release, limits)
        self.path = self._writer.path
        self._types = TypeGrowth(self._writer)
        self._profiles: Profiles | None = None
        if profile:
            room = import_module(".profiles", __name__)  # in the caller's thread, and only where it is asked for
            self._profiles = room.Profiles(self._writer)
            signals.on("leak", self._keep_with_leak)
        self._detector = AcrossLives()
        self._watcher: Watcher | None = None
        self._past: Past | None = None
        signals.tick.connect(self._tick, weak=False)
        for event in _EVENTS:
            signals.on(event, getattr(self._writer, event))
        atexit.register(self._end)

    def __repr__(self) -> str:
        return f"<Recording {self.path!r}{f': {self.problem}' if self.problem else ''}>"

    @property
    def problem(self) -> str:
        """Why this process is no longer recorded. It is empty while the process is recorded."""
        return self._writer.problem

    def reported_by(self, leak: Leak) -> int:
        """The process that reported the same leak within the minute before this one; 0 if none did."""
        return self._writer.reported_by(fingerprint_of(leak))

    def keep_profile(self, event: object = None) -> None:
        """Write the present profile of allocations into the recording. The last ten profiles of each life are kept.

        A rule may call this: *event* is what the rule passes. Raises NotStartedError if the recording was not begun
        with ``profile=True``, or if the program has ended the profile.
        """
        if self._profiles is None:
            raise NotStartedError("no profile is being taken for this recording; begin it with profile=True")
        self._profiles.keep("asked for" if event is None else str(event).partition("\n")[0][:200])

    def close(self) -> None:
        """Stop recording."""
        atexit.unregister(self._end)
        signals.tick.disconnect(self._tick)
        signals.off("leak", self._keep_with_leak)
        self._hand_over()
        for event in _EVENTS:
            signals.off(event, getattr(self._writer, event))
        self._writer.close()

    def _keep_with_leak(self, leak: Leak) -> None:
        with suppress(NotStartedError):  # the program has ended it
            self.keep_profile(f"leak {fingerprint_of(leak)}")

    def _hand_over(self) -> None:
        if self._profiles is not None:
            self._profiles.tick()

    def _tick(self, sender: object, tick: Sample) -> None:
        self._types.tick()
        self._hand_over()
        self._writer.tick(tick)
        if self._writer.is_new:
            self._detector.begin_anew()
            self._writer.is_new = False
        watcher, past = default.watcher(), self._writer.past
        if watcher is not None and (watcher is not self._watcher or past is not self._past):
            self._watcher, self._past = watcher, past
            self._detector.leaky, self._detector.usual = past.leaky, past.usual
            watcher.learn(self._detector, past.settled)

    def _end(self) -> None:
        """The interpreter ends. The watcher is stopped first, which takes a last reading."""
        default.stop()
        self._hand_over()
        self._writer.end()


_EVENTS: tuple[signals.EventName, ...] = ("stats", "suspect", "leak", "recovered")


def record(path: str | os.PathLike[str], release: str = "", *, profile: bool = False) -> Recording:
    """Record this process and its forked children into the file at *path*: readings once a second, suspicions, leaks.

    Any number of processes of one machine may write into one file. `memwatch report FILE` reads it at any time.
    *release* is the program's own version; releases can be compared by it. With *profile*, allocations are sampled as
    `memwatch.profile.start` does, and the recording gets a profile with each leak and at each `keep_profile`. This
    starts the watcher, as a first receiver does.

    Raises RecordingError if the file cannot be a recording: on a network file system, in a folder that others can write
    to, of another user, of another program, or written by a newer memwatch.
    """
    return Recording(path, release, profile=profile)
