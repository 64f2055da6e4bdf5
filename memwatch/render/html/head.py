"""The head of the page: what leaks and who holds it, the verdict, and the figures to act on."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from ...diagnosis import Report
from ...diagnosis.places import own_frames
from ...tables import shorten
from ...units import format_bytes, format_delta, format_duration, format_rate
from ..words import pace_text, share_text, verdict_words
from .elements import Markup, element, join

_LONGEST_NAME = 90


def title_of(report: Report) -> str:
    """``str held by __main__.kept``, or ``str allocated in load``; where nobody is suspected the verdict."""
    if not report.suspects:
        return _verdict(report)
    first = report.suspects[0]
    holder = first.held_by.holder if first.held_by else ""
    name = shorten(first.type, _LONGEST_NAME)
    if holder:
        return f"{name} held by {shorten(holder, _LONGEST_NAME)}"
    return f"{name} allocated in {own_frames(first.allocated_at)[0]['function']}" if first.allocated_at else name


def stamp_of(report: Report) -> str:
    """What kind of report it is: one that somebody has asked for is no verdict."""
    return "Now" if report.asked else "Leak"


def draw_head(report: Report) -> Markup:
    """All of the page's head."""
    about = [f"pid {report.pid}", f"after {format_delta(report.age_seconds)}", _time(report.time), report.fingerprint]
    line = element(
        "p",
        element("b", stamp_of(report), class_="stamp asked" if report.asked else "stamp"),
        *(element("span", fact) for fact in about if fact),
        class_="about",
    )
    sentence = element(
        "p", f"{_verdict(report)}: {report.reason}" if report.suspects else report.reason, class_="reason"
    )
    return join(element("div", line, element("h1", title_of(report)), sentence), _figures(report))


def _verdict(report: Report) -> str:
    words = verdict_words(report)
    return f"{words[:1].upper()}{words[1:]}"


def _figures(report: Report) -> Markup:
    figures = [
        ("Growth", format_bytes(report.growth_bytes, signed=True), "over the window of the verdict"),
        ("Rate", format_rate(report.rate_bytes_per_hour), "at this pace"),
        ("Confidence", share_text(report.confidence), "that it goes on"),
    ]
    if report.time_to_limit_seconds is not None:
        limit = format_bytes(report.limit_bytes)
        figures.insert(
            2, ("Limit", f"in {format_duration(report.time_to_limit_seconds)}", f"{limit}, {pace_text(report)}")
        )
    return element("dl", *(_figure(*figure) for figure in figures), class_="figures")


def _figure(name: str, value: str, aside: str) -> Markup:
    return element("div", element("dt", name), element("dd", element("b", value), " ", element("span", aside)))


def _time(seconds: float) -> str:
    """The moment in UTC; empty for one that no calendar has."""
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if seconds else ""
    return ""
