"""What memwatch raises and warns about.

Exception
└── MemwatchError                 every error that memwatch raises
    ├── OptionError               an option out of range, or not known (also ValueError)
    ├── UnknownEventError         an event name that does not exist (also ValueError)
    ├── ReceiverError             a receiver that could never be called (also TypeError)
    ├── AlreadyStartedError       start() with other options while a watcher runs
    ├── AlreadyEndedError         end() of a HeapDiff that was ended before
    └── UnsupportedError          this interpreter or platform cannot do it
"""

from __future__ import annotations


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
    """No such event; the message lists those that exist."""


class ReceiverError(MemwatchError, TypeError):
    """A receiver that memwatch could never call, such as a coroutine function connected outside any loop."""


class AlreadyStartedError(MemwatchError, RuntimeError):
    """`start()` was called with other options while a watcher that was started by hand is running."""


class AlreadyEndedError(MemwatchError, RuntimeError):
    """`end()` was called on a HeapDiff that had already been ended."""


class UnsupportedError(MemwatchError, RuntimeError):
    """This interpreter, thread or platform cannot do what was asked; the message says why."""
