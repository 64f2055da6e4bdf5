"""Calls the program's exporters with each record as soon as it is made, in the thread that made it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ..callbacks import Faults, is_same, makes_coroutines
from ..errors import ReceiverError
from .records import Record

Exporter = TypeVar("Exporter", bound=Callable[[Record], Any])

_exporters: tuple[Callable[[Record], Any], ...] = ()
_faults = Faults("a trace exporter", traceback=False)
_busy: set[int] = set()


def add(exporter: Exporter) -> Exporter:
    """Call *exporter* with every record from now on. To add it twice changes nothing. See `trace.add_exporter`."""
    global _exporters
    if not callable(exporter):
        raise ReceiverError(f"an exporter must be callable; {type(exporter).__qualname__} is not")
    if makes_coroutines(exporter):
        raise ReceiverError("an exporter must not be a coroutine function: it is called in the marking thread")
    remove(exporter)
    _exporters = (*_exporters, exporter)
    return exporter


def remove(exporter: Callable[[Record], Any]) -> None:
    """Stop calling *exporter*. Does nothing if it was not added."""
    global _exporters
    _exporters = tuple(other for other in _exporters if not is_same(other, exporter))
    _faults.forget(exporter)


def notify(record: Record) -> None:
    """Call the exporters with *record*, unless an exporter made it. One that raises is logged once."""
    if not _exporters:
        return
    thread = (
        threading.get_ident()
    )  # looked up each time: gevent replaces it, and then each greenlet has a number of its own
    if thread in _busy:
        return
    _busy.add(thread)
    try:
        for exporter in _exporters:
            try:
                exporter(record)
            except Exception as error:  # the marked program must go on
                _faults.tell(exporter, error)
    finally:
        _busy.discard(thread)


def forget_other_threads() -> None:
    """In a forked child: forget the exports of threads that do not exist here."""
    _busy.intersection_update({threading.get_ident()})
