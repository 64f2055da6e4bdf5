"""Leaks as requests to a URL."""

from __future__ import annotations

import json
import sys

import pytest

import memwatch
from memwatch import handlers, signals
from memwatch.errors import OptionError, UnsupportedError

from .test_handlers import MOMENT, Report, make_leak


@pytest.fixture(autouse=True)
def watching():
    """A running watcher, so that connecting a receiver starts none."""
    memwatch.stop()
    yield memwatch.start(pace="service", tick=60.0, sample=60.0)
    memwatch.stop()


def test_a_leak_and_its_end_are_posted(receiver):
    hook = handlers.Webhook(receiver.url, headers={"X-Token": "t"}).connect_all()
    signals.leak.publish(None, make_leak("ab12"))
    signals.recovered.publish(None, make_leak("ab12"))
    hook.close()
    signals.leak.publish(None, make_leak("ab12"))
    told = [json.loads(body) for _, _, body in receiver.requests]
    assert [it["event"] for it in told] == ["leak", "recovered"]
    assert told[0]["text"] == "memory leak: objects memory, 0.00 MiB/h, fingerprint ab12"
    assert told[1]["text"].startswith("over: memory leak")
    assert told[0]["data"]["report"] == Report("ab12").to_dict() and told[0]["data"]["start"] == MOMENT.isoformat()
    assert receiver.requests[0][1]["X-Token"] == "t"


@pytest.mark.parametrize("url", ["ftp://host/", "", None, "http://user:s3cret@host/a b"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(OptionError) as caught:
        handlers.Webhook(url)
    assert "s3cret" not in str(caught.value)


def test_without_urllib3_it_says_how_to_get_it(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("memwatch.http") or name.endswith(".outbox")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "memwatch.handlers.webhook", raising=False)
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(UnsupportedError, match=r"memwatch\[http\]"):
        handlers.Webhook("http://127.0.0.1/")
