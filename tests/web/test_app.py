"""The page's application: what it tells, to whom, and by which methods; over WSGI and ASGI."""

from __future__ import annotations

import base64
import gzip
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest

import memwatch
from memwatch import backend, formats
from memwatch.errors import OptionError
from memwatch.reach import curve
from memwatch.reach.jobs import JOBS
from memwatch.web import app as web_app

from ..properties import HealthCheck, given, settings, st
from .conftest import TOKEN, both, by_asgi, by_wsgi, finish, forget, post, until

native = pytest.mark.skipif(backend.name != "native", reason="the sampler is in the C extension")
MIB = 1 << 20
KEPT: list[object] = []


class Kept:
    def __init__(self, number: int) -> None:
        self.number = number
        self.secret = "a value that nobody else may see"


@pytest.fixture(autouse=True)
def nothing_kept():
    yield
    KEPT.clear()


def page_of_another_process() -> bytes:
    code = "import sys; from memwatch.web.page import answer; sys.stdout.buffer.write(answer().body)"
    return subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, timeout=120).stdout


@both
def test_the_page_is_one_answer_without_data(page, by):
    found = by(page, "/", headers={"Authorization": None})
    assert found.status == 200 and found.headers["Content-Type"] == "text/html; charset=utf-8"
    assert len(found.body) <= 150_000 and found.body == page_of_another_process()
    policy = found.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert not re.search(rb"(src|href)=[\"']?(https?:)?//", found.body)
    assert by(page, "", headers={"Authorization": None}).body == found.body
    packed = by(page, "/", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.body) == found.body


@both
def test_reading(page, by):
    memwatch.gc()
    until(lambda: len(by_wsgi(page, "/api/readings").json["time"]) >= 2)
    said = by(page, "/api/processes")
    assert said.status == 200 and said.headers["Cache-Control"] == "no-store"
    (status,) = (it for it in said.json["processes"] if it["pid"] == os.getpid())
    assert status["state"] == "starting" and status["base_bytes"] > 0
    columns = by(page, "/api/readings").json
    assert len(columns["time"]) == len(columns["base"]) == len(columns["rss"]) == len(columns["full"]) >= 2
    later = by(page, "/api/readings", query=f"since={columns['time'][-1] + 1e6}").json
    assert later["time"] == [] and later["events"] == []
    assert by(page, "/api/jobs", query=f"pid={os.getpid()}").json == {"jobs": []}


@both
@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer wrong-token-of-some-length", TOKEN, "Bearer \xff", "Basic ???"]
)
def test_without_the_token_nothing_is_told(page, by, given):
    for path in (
        "/api/processes",
        "/api/readings",
        "/api/file",
        "/nothing",
        "/metrics",
        "/debug/pprof/heap",
        "/../api/jobs",
    ):
        found = by(page, path, headers={"Authorization": given})
        assert found.status == 401 and TOKEN.encode() not in found.body, path
    assert post(page, "/api/begin", by, {"Authorization": given}, ask="gc").status == 401


@both
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost@evil.example", "[::1", "evil.example:8000"]
)
def test_other_hosts_are_refused(page, by, host):
    assert by(page, "/", headers={"Host": host}).status == 403
    assert by(page, "/api/processes", headers={"Host": host}).status == 403
    assert post(page, "/api/begin", by, {"Host": host}, ask="gc").status == 403


def test_hosts_that_are_named_are_known():
    app = memwatch.web.wsgi_app(token=TOKEN, hosts=["Admin.example"])
    try:
        assert by_wsgi(app, "/", headers={"Host": "admin.example:8443"}).status == 200
        assert by_wsgi(app, "/", headers={"Host": "localhost"}).status == 200
        assert by_wsgi(app, "/", headers={"Host": "[::1]:80"}).status == 200
    finally:
        forget()


@both
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    ],
)
def test_other_origins_are_refused(page, by, headers):
    assert post(page, "/api/begin", by, headers, ask="gc").status == 403
    assert by(page, "/api/processes", headers=headers).status == 403
    assert not JOBS.list()


def test_its_own_origin_and_a_link_are_not(page):
    own = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert post(page, "/api/begin", headers=own, ask="gc").status == 200
    assert by_wsgi(page, "/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status == 200


@both
def test_a_change_is_a_post_and_reading_is_none(page, by):
    for path in ("/api/begin", "/api/drop"):
        found = by(page, path, query="ask=gc&job=1")
        assert (found.status, found.headers["Allow"]) == (405, "POST")
    for path in ("/api/processes", "/api/jobs", "/", "/metrics", "/debug/pprof/heap"):
        assert by(page, path, "POST", body=b"{}").status == 405
        assert by(page, path, "DELETE").status == 405
    assert not JOBS.list()
    assert by(page, "/", "HEAD").body == b""


@both
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b'{"ask": "gc"}', "text/plain", 415),
        (b'{"ask": "gc"}', "application/x-www-form-urlencoded", 415),
        (b'"' + b"x" * 70_000 + b'"', "application/json", 413),
        (b'{"ask": "detach"}', "application/json", 400),
        (b'{"ask": "begin"}', "application/json", 400),
        (b'{"ask": ["gc"]}', "application/json", 400),
        (b'{"ask": "snapshot", "path": "/etc/passwd"}', "application/json", 400),
        (b'{"ask": "report", "page": false}', "application/json", 400),
        (b'{"ask": "report", "seconds": "30"}', "application/json", 400),
        (b'{"ask": "report", "seconds": NaN}', "application/json", 400),
        (b'{"ask": "report", "seconds": true}', "application/json", 400),
        (b'{"ask": "holders", "type": 7}', "application/json", 400),
        (b'{"ask": "gc", "pid": "1"}', "application/json", 400),
        (b'{"ask": "gc", "pid": 1}', "application/json", 404),
        (b'{"ask": "gc", "pid": -1}', "application/json", 400),
        (b'{"ask": "gc", "pid": 99999999999999999999}', "application/json", 400),
    ],
)
def test_what_is_no_question_is_refused(page, by, body, kind, status):
    assert by(page, "/api/begin", "POST", {"Content-Type": kind}, body=body).status == status
    assert not JOBS.list()


@both
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/job", ""),
        ("/api/job", "job=0"),
        ("/api/job", "job=1"),
        ("/api/job", "job=../../etc/passwd"),
        ("/api/job", "job=1e3"),
        ("/api/leak", "leak=1"),
        ("/api/readings", "since=x"),
        ("/api/readings", "since=nan"),
        ("/api/readings", "since=-1"),
        ("/api/file", "job=1&as=../../../etc/passwd"),
        ("/api/file", "job=1&as=html"),
        ("/api/graph", "job=1&base=2"),
        ("/api/jobs", "pid=x"),
        ("/api/jobs", "&".join(f"a{n}=1" for n in range(99))),
        ("/api/jobs", "pid=%00"),
    ],
)
def test_bad_words_are_told(page, by, path, query):
    found = by(page, path, query=query)
    assert found.status == 400 and b"Traceback" not in found.body, found.body


@both
@pytest.mark.parametrize(
    "path",
    ["/api/../../etc/passwd", "/api/file/../../x", "/../page.py", "/api", "/static/x", "/api/begin/x", "/%2e%2e/"],
)
def test_there_are_no_other_paths(page, by, path):
    assert by(page, path).status == 404


@native
def test_a_profile_as_a_graph_a_difference_and_files(page):
    first = post(page, "/api/begin", ask="profile", seconds=0.2).json["job"]
    assert finish(page, first)["state"] == "done"
    second = post(page, "/api/begin", ask="profile", seconds=0.5).json["job"]
    assert finish(page, second, lambda: KEPT.append(bytearray(MIB)))["state"] == "done"
    graph = by_wsgi(page, "/api/graph", query=f"job={second}").json
    assert graph["nodes"]["total_bytes"][0] > MIB and not graph["difference"]
    assert by_wsgi(page, "/api/graph", query=f"job={second}&base={first}").json["difference"]
    for kind in ("pprof", "heapprofile", "speedscope", "flamegraph", "collapsed", "csv"):
        found = by_wsgi(page, "/api/file", query=f"job={second}&as={kind}")
        name = found.headers["Content-Disposition"]
        assert found.status == 200 and re.fullmatch(r'attachment; filename="memwatch-profile-[\w.-]+"', name), kind
    assert formats.read(by_wsgi(page, "/api/file", query=f"job={second}&as=pprof").body).root.total_bytes > 0
    assert by_wsgi(page, "/api/file", query=f"job={second}&as=html").status == 400


def test_types_and_who_holds_them(page):
    number = post(page, "/api/begin", ask="diff", seconds=0.3).json["job"]
    diff = finish(page, number, lambda: KEPT.extend(map(Kept, range(50))))["answer"]["diff"]
    kept = f"{__name__}.Kept"
    (row,) = (row for row in diff["change"]["details"] if row["what"] == kept)
    assert row["size_bytes"] > 0
    number = post(page, "/api/begin", ask="holders", type=kept).json["job"]
    said = finish(page, number)
    held = said["answer"]
    assert held["objects"] == len(KEPT) and [it["what"] for it in held["tree"]] == [f"module {__name__}"]
    assert held["tree"][0]["below"][0]["name"] == "KEPT"
    assert {it["name"]: it["type"] for it in held["examples"][0]["fields"]} == {"number": "int", "secret": "str"}
    assert "nobody else" not in json.dumps(said)
    assert b"Kept" in by_asgi(page, "/api/file", query=f"job={number}&as=json").body


def test_a_report_and_its_files(page):
    number = post(page, "/api/begin", ask="report", seconds=0.5).json["job"]
    answer = finish(page, number, lambda: KEPT.extend(map(Kept, range(200))))["answer"]
    assert answer["report"]["pid"] == os.getpid() and answer["page"].startswith("<!doctype html>")
    for kind, begins in (("html", b"<!doctype"), ("json", b"{"), ("text", b"")):
        found = by_wsgi(page, "/api/file", query=f"job={number}&as={kind}")
        assert found.status == 200 and found.body.startswith(begins)


def test_a_snapshot_is_a_file_that_goes_with_its_job(page):
    number = post(page, "/api/begin", ask="snapshot").json["job"]
    path = Path(finish(page, number)["answer"]["path"])
    words = {"path": "/api/file", "query": f"job={number}&as=heapsnapshot"}
    for by in (by_wsgi, by_asgi):
        found = by(page, **words)
        assert found.status == 200 and found.body == path.read_bytes()
    assert gzip.decompress(found.body).startswith(b'{"snapshot"') and path.parent.stat().st_mode & 0o77 == 0
    path.rename(aside := path.with_suffix(".x"))
    path.symlink_to("/etc/passwd")
    assert by_wsgi(page, **words).status == 409
    path.unlink()
    aside.rename(path)
    assert post(page, "/api/drop", job=number).status == 200
    assert not path.exists() and not path.parent.exists()
    assert by_wsgi(page, **words).status == 400


def test_a_collection(page):
    number = post(page, "/api/begin", ask="gc").json["job"]
    assert finish(page, number)["answer"]["stats"]["trigger"] == "forced"


@native
@both
def test_tools_come_with_the_token_alone(page, by):
    KEPT.extend(bytearray(MIB) for _ in range(32))
    any_host = {"Host": "10.1.2.3:8000"}
    found = by(page, "/debug/pprof/heap", headers=any_host)
    assert found.status == 200 and formats.read(found.body).root.total_bytes == pytest.approx(32 * MIB, rel=0.5)
    memwatch.gc()
    assert b"memwatch_base_bytes " in by(page, "/metrics", headers=any_host).body
    secret = base64.b64encode(f"any:{TOKEN}".encode()).decode()
    assert by(page, "/metrics", headers=any_host | {"Authorization": f"Basic {secret}"}).status == 200
    asked = by(page, "/metrics", headers=any_host | {"Authorization": ""})
    assert {name.title(): text for name, text in asked.headers.items()}["Www-Authenticate"] == "Basic"


def test_a_page_around_another_application():
    def program(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    app = memwatch.web.wsgi_app(program, token=TOKEN)
    try:
        assert by_wsgi(app, "/orders").body == b"/orders" and by_wsgi(app, "/memwatches").body == b"/memwatches"
        assert by_wsgi(app, "/memwatch").body.startswith(b"<!doctype html>")
        assert by_wsgi(app, "/memwatch/api/jobs").json == {"jobs": []}
    finally:
        forget()


def test_a_page_around_another_asgi_application():
    async def program(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    app = memwatch.web.asgi_app(program, at="/x/mem/", token=TOKEN)
    try:
        assert by_asgi(app, "/orders").body == b"/orders"
        assert by_asgi(app, "/x/mem/api/jobs").json == {"jobs": []}
        assert by_asgi(app, "/x/mem/api/jobs", mount="/outer").json == {"jobs": []}
    finally:
        forget()


def test_a_server_takes_it_for_asgi_3(page):
    for app in (memwatch.web.asgi_app(token=TOKEN), page.asgi):
        assert inspect.isfunction(app) and inspect.iscoroutinefunction(app)


@both
def test_without_a_token_the_page_is_closed(by, monkeypatch, caplog):
    monkeypatch.delenv("MEMWATCH_TOKEN", raising=False)
    try:
        app = memwatch.web.wsgi_app()
        found = by(app, "/api/processes", headers={"Authorization": "Bearer "})
        assert found.status == 503 and b"MEMWATCH_TOKEN" in found.body
        monkeypatch.setenv("MEMWATCH_TOKEN", TOKEN)
        assert by(memwatch.web.wsgi_app(), "/api/processes").status == 200
    finally:
        forget()


@pytest.mark.parametrize(
    "options",
    [
        {"token": "short"},
        {"token": 7},
        {"token": TOKEN, "at": "memwatch"},
        {"token": TOKEN, "at": "/"},
        {"token": TOKEN, "at": None},
        {"token": TOKEN, "hosts": "evil.example"},
        {"token": TOKEN, "hosts": ["*"]},
        {"token": TOKEN, "hosts": ["http://x"]},
        {"token": TOKEN, "hosts": 7},
    ],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(OptionError):
        memwatch.web.wsgi_app(**options)


@both
def test_a_process_that_is_not_watched_any_more(page, by):
    memwatch.stop()
    assert by(page, "/api/processes").json["processes"] == []
    found = by(page, "/api/readings")
    assert found.status == 503 and b"was stopped" in found.body
    assert by(page, "/").status == 200


def test_the_text_of_an_unknown_error_stays_inside(page, monkeypatch):
    def fail(*_, **__):
        raise ValueError("a value of the program")

    monkeypatch.setattr(web_app.asking, "ask", fail)
    found = by_wsgi(page, "/api/jobs")
    assert found.status == 500 and b"ValueError" in found.body and b"a value" not in found.body


def test_too_many_at_once_are_told_so(page, monkeypatch):
    inside = []

    def ask_again(*_, **__):
        inside.append(by_wsgi(page, "/").status)
        return {}

    monkeypatch.setattr(web_app, "_MOST_AT_ONCE", 1)
    monkeypatch.setattr(web_app.asking, "ask", ask_again)
    assert by_wsgi(page, "/api/jobs").status == 200 and inside == [503]
    assert by_wsgi(page, "/").status == 200


def test_nothing_of_it_is_loaded_before_it_is_asked_for():
    code = "import sys, memwatch; memwatch.start(); print([it for it in sys.modules if it.startswith('memwatch.web')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_curve_is_kept_once(page):
    memwatch.web.wsgi_app(token=TOKEN)
    assert curve.keep_curve() is curve.keep_curve()


WORD = st.text(alphabet=st.characters(codec="latin-1"), max_size=30)
PATHS = ["", "/", "/api/job", "/api/file", "/api/graph", "/api/readings", "/api/begin", "/api/drop", "/metrics"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | WORD, lambda it: st.lists(it) | st.dictionaries(WORD, it)
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(PATHS) | WORD.map("/".__add__),
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS"]),
    query=WORD | st.dictionaries(st.sampled_from(["pid", "job", "base", "as", "since", "leak"]), WORD).map(urlencode),
    words=st.dictionaries(st.sampled_from(["ask", "pid", "seconds", "type", "job", "path"]), VALUES),
    host=st.sampled_from(["localhost", "127.0.0.1:8000", "[", "\xff"]) | WORD,
)
def test_whatever_is_asked_gets_an_answer(page, path, method, query, words, host):
    found = by_wsgi(page, path, method, {"Host": host.strip()}, query=query, body=json.dumps(words).encode())
    assert found.status in (200, 400, 403, 404, 405, 409, 503) and b"Traceback" not in found.body
    assert "Content-Security-Policy" in found.headers
