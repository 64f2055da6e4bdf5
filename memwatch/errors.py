"""What memwatch raises and warns about.

Exception
└── MemwatchError                 every error that memwatch raises
    ├── OptionError               an option out of range, or not known (also ValueError)
    ├── UnknownEventError         an event name that does not exist (also ValueError)
    ├── ReceiverError             a receiver that could never be called (also TypeError)
    ├── AlreadyStartedError       start() with other options while a watcher or a profile runs (also RuntimeError)
    ├── AlreadyEndedError         end() of a HeapDiff that was ended before (also RuntimeError)
    ├── NotStartedError           a profile or trace is asked for that was not started (also RuntimeError)
    ├── FormatError               a file that is no profile, or a format that does not exist (also ValueError)
    ├── WriteError                a file that cannot be written (also OSError)
    ├── ExportError               a receiver of records that cannot be reached or refuses them (also OSError)
    ├── RecordingError            a file that is no recording, or cannot be one (also ValueError)
    ├── LeakFound                 a checked function leaks (also AssertionError)
    ├── ProcessError              a process that is not there or must not be read (also LookupError)
    └── UnsupportedError          this interpreter or platform cannot do it (also RuntimeError)
"""

from __future__ import annotations

import typing


def describe_error(error: BaseException) -> str:
    """The type of *error* and where it was raised; a traceback is not to be kept, for its frames hold objects."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno}" if trace is not None else "C code"
    return f"{type(error).__name__} in {place}"


class MemwatchError(Exception):
    """Base of every error that memwatch raises."""


class OptionError(MemwatchError, ValueError):
    """An option is unknown, of the wrong type or out of range; the message says what is allowed."""


class UnknownEventError(MemwatchError, ValueError):
    """There is no such event. The message lists those that exist."""


class ReceiverError(MemwatchError, TypeError):
    """A receiver that memwatch could never call, such as a coroutine function connected outside any loop."""


class AlreadyStartedError(MemwatchError, RuntimeError):
    """`start()` was called with other options while a profile, or a watcher that was started by hand, runs."""


class AlreadyEndedError(MemwatchError, RuntimeError):
    """`end()` was called a second time on a HeapDiff."""


class NotStartedError(MemwatchError, RuntimeError):
    """A profile or a trace was asked for that was not started, or was stopped."""


class FormatError(MemwatchError, ValueError):
    """A file is not a profile that memwatch can read, or no format has this name; the message says which do."""


class WriteError(MemwatchError, OSError):
    """A file cannot be written. The message names it and the reason. An older file is left as it was."""

    def __str__(self) -> str:
        return self.strerror or super().__str__()


class ExportError(MemwatchError, OSError):
    """A receiver of records cannot be reached or refuses them. The records are kept."""


class RecordingError(MemwatchError, ValueError):
    """A file cannot be recorded into, or read as a recording; the message names it and the reason."""


class LeakFound(MemwatchError, AssertionError):
    """`check` found growth in every round; the message is the report, `result` the CheckResult behind it."""

    def __init__(self, message: str, result: typing.Any = None) -> None:
        super().__init__(message)
        self.result = result


class ProcessError(MemwatchError, LookupError):
    """There is no such process, or it must not be read. The message says which."""


class UnsupportedError(MemwatchError, RuntimeError):
    """This interpreter, thread or platform cannot do what was asked. The message says why."""
