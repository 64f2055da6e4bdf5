"""A leak becomes one event of a real sentry_sdk, whose transport keeps what it would send."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from memwatch import signals
from memwatch.export import sentry

from .conftest import MIB, make_leak

sentry_sdk = pytest.importorskip("sentry_sdk")


@pytest.fixture
def envelopes(watched):
    """What the program's SDK was to send."""

    class Transport(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope):
            kept.append(envelope)

    kept = []
    options = {"default_integrations": False, "auto_enabling_integrations": False, "release": "1", "server_name": "s"}
    sentry_sdk.init("http://key@127.0.0.1:1/1", transport=Transport, **options)
    yield kept
    sentry_sdk.init()
    sentry._exporter.clear()


def items(envelope):
    """The event and the attachments."""
    event = next(item.payload.json for item in envelope.items if item.type == "event")
    return event, [item for item in envelope.items if item.type == "attachment"]


def test_a_leak_is_one_event_with_the_page(envelopes):
    assert sentry.register() and sentry.register()
    leak = make_leak(more={"growth_bytes": 10 * MIB, "suspects": [{"type": "app.Order"}] * 9, "rows": [1] * 500})
    signals.leak.publish(None, leak)
    signals.leak.publish(None, leak)  # the same leak, told again
    (envelope,) = envelopes
    event, (page,) = items(envelope)
    assert event["fingerprint"] == ["memwatch", "0123456789ab"] and event["level"] == "warning"
    assert event["message"].startswith("memory leak: Order held by CACHE, allocated at ")
    assert event["tags"]["memwatch.holder"].endswith(".CACHE") and event["tags"]["memwatch.verdict"] == "objects"
    assert event["contexts"]["memwatch"]["growth_bytes"] == 10 * MIB
    assert len(event["contexts"]["memwatch"]["suspects"]) == 3 and "rows" not in event["contexts"]["memwatch"]
    assert event["extra"]["report"].startswith("LEAK of orders") and "source=False" in event["extra"]["report"]
    assert page.headers["filename"] == "leak.html" and page.payload.get_bytes() == b"<html>the page</html>"
    assert len(json.dumps(event)) < 20_000


def test_the_program_s_own_events_are_left_alone(envelopes):
    assert sentry.register()
    signals.leak.publish(None, make_leak())
    sentry_sdk.capture_message("of the program")
    event, pages = items(envelopes[1])
    assert pages == [] and "fingerprint" not in event and "memwatch" not in event["contexts"]


@pytest.mark.parametrize("html", ["x" * (2 << 20), ""])
def test_a_page_that_is_too_large_is_left_out(envelopes, html):
    assert sentry.register()
    signals.leak.publish(None, make_leak(html=html))
    assert items(envelopes[0])[1] == []


def test_the_page_can_be_declined(envelopes):
    assert sentry.register(attach_page=False)
    signals.leak.publish(None, make_leak())
    assert items(envelopes[0])[1] == []


def test_a_program_that_has_not_set_it_up_sends_nothing(watched, warnings):
    sentry_sdk.init()
    assert sentry.register()
    signals.leak.publish(None, make_leak())
    assert warnings() == []
    sentry._exporter.clear()


@pytest.mark.parametrize("module", [None, SimpleNamespace(__version__="1.45.1", VERSION="1.45.1")])
def test_an_sdk_that_does_not_fit_is_logged_once(watched, monkeypatch, warnings, module):
    monkeypatch.setitem(sys.modules, "sentry_sdk", module)
    assert not sentry.register() and not sentry.register()
    (said,) = warnings()
    assert "sentry_sdk" in said


def test_an_sdk_that_raises_breaks_nothing(envelopes, monkeypatch, warnings):
    assert sentry.register()
    monkeypatch.setattr(sentry_sdk, "capture_event", lambda event: 1 / 0)
    for number in range(3):
        signals.leak.publish(None, make_leak(f"{number}"))
    (said,) = warnings()
    assert "ZeroDivisionError" in said and "(logged once)" in said


def test_sending_imports_nothing_on_the_watcher_s_thread(envelopes):
    assert sentry.register()
    before = set(sys.modules)
    signals.leak.publish(None, make_leak())
    assert set(sys.modules) == before and len(envelopes) == 1
