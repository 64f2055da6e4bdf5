"""Functions of the program that are handed each record the moment it is made, in the thread that made it."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable
from functools import partial
from types import BuiltinMethodType, MethodType
from typing import Any, TypeVar

from ..errors import ReceiverError, describe_error
from .records import Record

Exporter = TypeVar("Exporter", bound=Callable[[Record], Any])

_METHODS = (MethodType, BuiltinMethodType)  # a new object each time that one is asked for

_log = logging.getLogger("memwatch")
_exporters: tuple[Callable[[Record], Any], ...] = ()
_faulty: list[Callable[[Record], Any]] = []
_busy: set[int] = set()


def add(exporter: Exporter) -> Exporter:
    """Hand every record to *exporter* from now on, once each however often it is added; see `trace.add_exporter`."""
    global _exporters
    if not callable(exporter):
        raise ReceiverError(f"an exporter is called with each record; {type(exporter).__qualname__} cannot be called")
    if _makes_coroutines(exporter):
        raise ReceiverError("an exporter is called in the marking thread and cannot be a coroutine function")
    remove(exporter)
    _exporters = (*_exporters, exporter)
    return exporter


def remove(exporter: Callable[[Record], Any]) -> None:
    """Hand *exporter* nothing any more; nothing happens if it was not added."""
    global _exporters
    _exporters = tuple(other for other in _exporters if not _is_same(other, exporter))
    _faulty[:] = [other for other in _faulty if not _is_same(other, exporter)]


def notify(record: Record) -> None:
    """Call the exporters with *record*, except for what an exporter marks itself; one that raises is logged once."""
    if not _exporters:
        return
    thread = threading.get_ident()  # looked up each time: gevent's gives a number of each greenlet's own
    if thread in _busy:
        return
    _busy.add(thread)
    try:
        for exporter in _exporters:
            try:
                exporter(record)
            except Exception as error:  # whatever it is, the marked program goes on
                _say(exporter, error)
    finally:
        _busy.discard(thread)


def forget_other_threads() -> None:
    """In a forked child: what other threads were exporting does not end here."""
    _busy.intersection_update({threading.get_ident()})


def _say(exporter: Callable[[Record], Any], error: Exception) -> None:
    if not any(other is exporter for other in _faulty):
        _faulty.append(exporter)
        _log.error("a trace exporter raised %s; its further errors are not logged", describe_error(error))


def _makes_coroutines(function: Any) -> bool:
    while type(function) is partial:
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _is_same(one: object, other: object) -> bool:
    """Whether both are one exporter; only bound methods are compared, as other objects may define what equal means."""
    return one is other or (type(one) is type(other) and type(one) in _METHODS and bool(one == other))
