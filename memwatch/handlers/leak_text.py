"""A leak as text for a receiver: all of its report, one line, and what is the same for the same leak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..units import format_rate, short_name

if TYPE_CHECKING:
    from ..watch.sample import Leak


def fingerprint_of(leak: Leak) -> str:
    """What is the same for the same leak in every process; its reason where nobody could look into it."""
    return str(leak.report.to_dict().get("fingerprint") or leak.reason)


def render_report(leak: Leak, color: bool = False, unicode: bool = False, source: bool = True) -> str:
    """The report as text, plain unless told otherwise, without a newline at its end.

    *source* shows the text of the allocating lines: for a terminal, not for what is sent elsewhere.
    """
    render = getattr(leak.report, "render", None)  # a report by another judge has its text only
    return (str(leak.report) if render is None else str(render(color=color, unicode=unicode, source=source))).rstrip()


def summarize(leak: Leak) -> str:
    """All that matters on one line: what leaks, who holds it, where it comes from, how fast, and the fingerprint."""
    report = leak.report
    first = next(iter(getattr(report, "suspects", ())), None)
    frames = [*(frame for frame in first.allocated_at if frame["in_app"]), *first.allocated_at] if first else []
    return ", ".join(
        [
            f"memory leak: {getattr(report, 'subject', '') or f'{leak.verdict} memory'}",
            *(
                f"allocated at {short_name(it['file'])}:{it['line']} in {short_name(it['function'])}"
                for it in frames[:1]
            ),
            format_rate(leak.rate_per_hour),
            f"fingerprint {getattr(report, 'fingerprint', '') or 'none'}",
        ]
    )
