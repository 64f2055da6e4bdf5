"""Records reach a receiver in batches, each counted once it has said so, whatever it answers at first."""

from __future__ import annotations

import base64
import email.utils
import socket
import time
from functools import partial

import pytest

from memwatch import ExportError, NotStartedError, OptionError, trace
from memwatch.targets import make_target
from memwatch.trace import tracer
from memwatch.trace.delivery import Effort, deliver


@pytest.fixture
def slept(fake_clock):
    """The pauses between tries; none of them is waited for."""
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        fake_clock.advance(seconds)

    class Paused:
        """A clock that sleeps by hand."""

        now, jitter = fake_clock, 0.0
        sleep = staticmethod(pause)

    return pauses, Paused


def send(receiver, slept, url=None, headers=None, batch=500, tries=5, timeout=5.0, total=60.0) -> int:
    target = make_target(url or receiver.url, headers)
    return deliver(tracer.latest(), target, Effort(batch, tries, timeout, total), slept[1])


def mark(count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        trace.trace_memory(f"m{number}")


def hang(handler, receiver) -> None:
    receiver.released.wait(10)


def drip(handler, receiver) -> None:
    """A byte now and then, for ever."""
    try:
        while not receiver.released.wait(0.05):
            handler.wfile.write(b"H")
            handler.wfile.flush()
    except OSError:
        pass


def garbage(handler) -> None:
    handler.wfile.write(b"\x00\xff SSH-2.0 hello\r\n\r\n")
    handler.close_connection = True


def cut(handler) -> None:
    """The connection breaks before an answer."""
    handler.connection.shutdown(socket.SHUT_RDWR)


def test_records_go_out_packed_in_batches(receiver) -> None:
    trace.init(unit="KiB")
    mark(5)
    assert trace.export_trace_to_http(receiver.url, batch=2) == 5
    packets = receiver.packets()
    assert [[record["record_name"] for record in packet["records"]] for packet in packets] == [
        ["m0", "m1"],
        ["m2", "m3"],
        ["m4"],
    ]
    assert [record for packet in packets for record in packet["records"]] == [r.to_dict() for r in trace.export_trace()]
    about = tracer.latest().about()
    assert all({key: packet[key] for key in about} == about for packet in packets)
    headers = receiver.requests[0][1]
    assert (headers["Content-Type"], headers["Content-Encoding"]) == ("application/json", "gzip")
    assert len({headers["Idempotency-Key"] for _, headers, _ in receiver.requests}) == 3


def test_what_was_delivered_is_not_sent_again(receiver, slept) -> None:
    trace.init(capacity=6)
    mark(3)
    assert send(receiver, slept) == 3
    assert send(receiver, slept) == 0
    mark(5, 3)
    assert send(receiver, slept) == 5
    assert receiver.numbers() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert send(receiver, slept, url=receiver.url + "/other") == 6
    assert len(trace.export_trace()) == 6


def test_a_new_trace_is_sent_from_its_beginning(receiver, slept) -> None:
    for _ in range(2):
        trace.init()
        mark(2)
        assert send(receiver, slept) == 2
    keys = {packet["trace_key"] for packet in receiver.packets()}
    assert len(keys) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408, 425])
def test_a_busy_receiver_is_asked_again_after_longer_and_longer_pauses(receiver, slept, status) -> None:
    trace.init()
    mark(1)
    receiver.answers = [status] * 4
    assert send(receiver, slept) == 1
    assert slept[0] == [1.0, 2.0, 4.0]
    assert receiver.numbers() == [1] * 5
    assert len({headers["Idempotency-Key"] for _, headers, _ in receiver.requests}) == 1


@pytest.mark.parametrize("bad", [garbage, cut])
def test_no_answer_or_garbage_is_tried_again(receiver, slept, bad) -> None:
    trace.init()
    mark(1)
    receiver.answers = [bad, bad]
    assert send(receiver, slept) == 1
    assert slept[0] == [1.0]


def test_tries_are_bounded_and_the_records_stay(receiver, slept) -> None:
    trace.init()
    mark(4)
    receiver.answers = [200, *[500] * 3]
    with pytest.raises(ExportError, match=r"answered 500 \(3 tries\); 2 records were delivered, 2 are left"):
        send(receiver, slept, batch=2, tries=3)
    assert len(trace.export_trace()) == 4
    assert send(receiver, slept, batch=2) == 2
    assert receiver.packets()[-1]["records"][0]["number"] == 3


def test_a_receiver_that_is_down(slept) -> None:
    trace.init()
    mark(1)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
        with pytest.raises(ExportError, match=r"cannot be reached: Connection refused \(5 tries\); 0 .* 1 are left"):
            send(None, slept, url=url)
    assert slept[0] == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("slow", [hang, drip])
def test_a_slow_receiver_is_given_up_in_time(receiver, slept, slow) -> None:
    trace.init()
    mark(1)
    receiver.answers = [partial(slow, receiver=receiver)] * 2
    begun = time.monotonic()
    with pytest.raises(ExportError, match="no answer in time"):
        send(receiver, slept, tries=2, timeout=0.2)
    assert time.monotonic() - begun < 5
    while len(receiver.requests) < 2 and time.monotonic() - begun < 5:
        time.sleep(0.01)  # on a busy machine the receiver reads what came after the sender has given up
    assert len(receiver.requests) == 2


def test_the_whole_time_is_bounded(receiver, slept) -> None:
    trace.init()
    mark(1)
    receiver.answers = [500] * 100
    with pytest.raises(ExportError, match=r"answered 500; the next try would be in 30 s, and 30 s are left"):
        send(receiver, slept, tries=100, total=91.0)
    assert slept[0] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0]


def test_retry_after_is_honoured_in_seconds_and_as_a_date(receiver, slept) -> None:
    trace.init()
    mark(1)
    date = email.utils.formatdate(time.time() + 20, usegmt=True)
    answers = ["7", date, "soon", "-3"]
    receiver.answers = [(503, {"Retry-After": text}) for text in answers]
    assert send(receiver, slept) == 1
    assert slept[0][0] == 7.0 and 15.0 < slept[0][1] <= 20.0
    assert slept[0][2:] == [2.0, 4.0]


def test_a_receiver_that_wants_more_time_than_there_is_gets_no_more_tries(receiver, slept) -> None:
    trace.init()
    mark(1)
    receiver.answers = [(429, {"Retry-After": "3600"})]
    with pytest.raises(ExportError, match=r"answered 429; the next try would be in 3600 s"):
        send(receiver, slept)
    assert (len(receiver.requests), slept[0]) == (1, [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_a_refusal_is_final(receiver, slept, status) -> None:
    trace.init()
    mark(1)
    receiver.answers = [status]
    with pytest.raises(ExportError, match=f"answered {status}; 0 records were delivered, 1 are left"):
        send(receiver, slept)
    assert (len(receiver.requests), slept[0]) == (1, [])


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_keeps_the_records_is_followed(receiver, slept, status) -> None:
    trace.init()
    mark(2)
    receiver.answers = [(status, {"Location": "/moved?to=here"})]
    assert send(receiver, slept, headers={"X-Token": "t"}) == 2
    assert [path for path, _, _ in receiver.requests] == ["/marks", "/moved?to=here"]
    assert receiver.requests[0][2] == receiver.requests[1][2]
    assert receiver.requests[1][1]["X-Token"] == "t"


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_would_drop_the_records_is_said(receiver, slept, status) -> None:
    trace.init()
    mark(1)
    receiver.answers = [(status, {"Location": "/moved"})]
    with pytest.raises(ExportError, match=f"answered {status}, a redirect that cannot be followed"):
        send(receiver, slept)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_without_an_address_is_asked_once(receiver, slept, status) -> None:
    trace.init()
    mark(1)
    receiver.answers = [status]
    with pytest.raises(ExportError, match=f"answered {status}, a redirect that cannot be followed"):
        send(receiver, slept)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("headers", [[("X-Token", "t")], "X-Token: t"])
def test_headers_that_are_no_mapping_are_refused(headers) -> None:
    trace.init()
    with pytest.raises(OptionError, match="mapping of names to values"):
        trace.export_trace_to_http("http://127.0.0.1:1/", headers=headers)


def test_credentials_do_not_follow_to_another_place(receiver, slept) -> None:
    trace.init()
    mark(1)
    elsewhere = f"http://localhost:{receiver.server.server_port}/x"
    receiver.answers = [(307, {"Location": elsewhere})]
    assert send(receiver, slept, f"http://me:pass@{receiver.place}/", {"X-Token": "t"}) == 1
    assert receiver.requests[0][1]["Authorization"].startswith("Basic ")
    assert not {"Authorization", "X-Token"} & receiver.requests[1][1].keys()


@pytest.mark.parametrize("location", ["ftp://elsewhere/", "http://[bad", "http://a b/"])
def test_a_redirect_to_nowhere(receiver, slept, location) -> None:
    trace.init()
    mark(1)
    receiver.answers = [(307, {"Location": location})]
    with pytest.raises(ExportError, match="cannot be used"):
        send(receiver, slept)


def test_a_circle_of_redirects_ends(receiver, slept) -> None:
    trace.init()
    mark(1)
    receiver.answers = [(307, {"Location": "/marks"})] * 20
    with pytest.raises(ExportError, match="more than 5 times"):
        send(receiver, slept)
    assert len(receiver.requests) == 6


def test_credentials_are_sent_and_never_told(receiver, slept) -> None:
    trace.init()
    mark(1)
    url = f"http://us%40er:s3cr%3At@{receiver.place}/p?token=s3cr3t-query"
    receiver.answers = [500, 500, 403]
    for tries in (2, 1):
        with pytest.raises(ExportError) as caught:
            send(receiver, slept, url=url, headers={"X-Api-Key": "s3cr3t-header"}, tries=tries)
        assert "s3cr" not in str(caught.value) and "us" not in str(caught.value).partition("answered")[0]
        assert caught.value.__cause__ is None and f"{receiver.place}/p" in str(caught.value)
    sent = receiver.requests[0]
    assert sent[0] == "/p?token=s3cr3t-query" and sent[1]["X-Api-Key"] == "s3cr3t-header"
    assert base64.b64decode(sent[1]["Authorization"].removeprefix("Basic ")) == b"us@er:s3cr:t"
    assert "s3cr" not in repr(make_target(url.partition("?")[0], {"X-Api-Key": "s3cr3t"}))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/x", "http or https"),
        ("file:///etc/passwd", "http or https"),
        ("host/x", "http or https"),
        ("", "http or https"),
        ("http://", "host"),
        ("http://user:s3cret@:80/", "host"),
        ("http://user:s3cret@host:99999/", "host"),
        ("http://user:s3cret@[bad/", "host"),
        ("http://user:s3cret@host/a b", "%-escapes"),
        ("http://user:s3cret@host/a\r\nX: y", "%-escapes"),
        ("http://müller/", "%-escapes"),
        (None, "str"),
        (b"http://host/", "str"),
    ],
)
def test_a_url_that_is_none_is_refused_before_anything_is_sent(url, said) -> None:
    trace.init()
    with pytest.raises(OptionError, match=said) as caught:
        trace.export_trace_to_http(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("headers", [{"A b": "x"}, {"A": "s3cret\r\nB: y"}, {"A": 3}, {1: "x"}, {"": "x"}])
def test_headers_are_checked_and_not_told(headers) -> None:
    with pytest.raises(OptionError, match="header") as caught:
        make_target("http://host/", headers)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        *({"batch": wrong} for wrong in (0, 1.5, 10**9)),
        *({"tries": wrong} for wrong in (0, True)),
        *({"timeout": wrong} for wrong in (0, "1", float("inf"))),
        *({"total_timeout": wrong} for wrong in (-1, float("nan"), None)),
    ],
)
def test_options_out_of_range(options) -> None:
    trace.init()
    with pytest.raises(OptionError, match=next(iter(options))):
        trace.export_trace_to_http("http://127.0.0.1/", **options)


def test_nothing_is_sent_of_a_trace_that_was_never_begun(receiver) -> None:
    with pytest.raises(NotStartedError):
        trace.export_trace_to_http(receiver.url)
    assert receiver.requests == []


def test_two_exports_at_once_do_not_send_twice(receiver, slept) -> None:
    trace.init()
    mark(1)
    with tracer.latest().sending, pytest.raises(ExportError, match="another export"):
        send(receiver, slept, total=0.05)
    assert send(receiver, slept) == 1


def test_a_receiver_that_speaks_no_tls(receiver, slept) -> None:
    trace.init()
    mark(1)
    with pytest.raises(ExportError, match="cannot be reached: "):
        send(receiver, slept, url=f"https://{receiver.place}/", tries=1)
