"""Serves heap profiles and metrics: ``/debug/pprof/heap`` for Parca and `go tool pprof`, and ``/metrics``.

The application is a WSGI and an ASGI one. A client must send the token, as Bearer or as the password of Basic.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import MemwatchError
from ..export.heap import read_heap, start_sampling
from ..export.libraries import logged_once
from ..formats import pprof
from ..internal import internal
from .guard import Guard, check_hosts, check_token
from .http import Answer, Application, Request, answer_with, say

READING = ("GET", "HEAD")
NAMED = ("Content-Disposition", 'attachment; filename="heap.pb.gz"')


def pprof_app(token: str) -> PprofApp:
    """An application that can be mounted at any path. It starts to sample allocations, one byte in 512 KiB.

    *token* is a str of at least 16 visible ASCII characters: ``Authorization: Bearer TOKEN``, or the password in
    ``http://any:TOKEN@host/debug/pprof/heap``, which `go tool pprof` takes. Without the C extension the profile answers
    503 with the reason, and so do the metrics without prometheus_client. Raises OptionError.
    """
    return PprofApp(check_token(token))


@internal
class PprofApp(Application):
    """The application that `pprof_app` makes: called with two arguments it is WSGI, with three ASGI."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._guard = Guard(token, check_hosts(()))
        with logged_once("/debug/pprof/heap"):
            start_sampling()

    def answer(self, request: Request) -> Answer:
        if not self._guard.knows(request.headers.get("authorization", "")):
            return say("401 Unauthorized", "the token is missing or wrong", ("WWW-Authenticate", "Basic"))
        routes = [answer for route, answer in _ROUTES.items() if request.path.endswith(route)]
        if not routes:
            return say("404 Not Found", f"there are {', '.join(_ROUTES)}")
        if request.method not in READING:
            return say("405 Method Not Allowed", "GET it", ("Allow", ", ".join(READING)))
        try:
            return routes[0](request)
        except MemwatchError as error:
            return say("503 Service Unavailable", str(error))


def _heap(request: Request) -> Answer:
    return answer_with(pprof.write(read_heap()), "application/octet-stream", NAMED)


def metrics(request: Request) -> Answer:
    """memwatch's metrics for Prometheus."""
    from ..export.prometheus import expose

    return answer_with(*expose(request.headers.get("accept", "")))


_ROUTES: dict[str, Callable[[Request], Answer]] = {"/debug/pprof/heap": _heap, "/metrics": metrics}
