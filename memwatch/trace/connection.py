"""HTTP connections that end at a deadline: urllib's timeout begins anew with every byte that a slow receiver sends."""

from __future__ import annotations

import io
import time
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)


def make_opener(deadline: float) -> OpenerDirector:
    """What opens http and https, through the environment's proxies, and reads nothing after *deadline* (`monotonic`).

    Redirects are left to the caller: urllib would go on with a GET, and what was to be sent would be lost.
    """
    opener = OpenerDirector()
    handlers = (ProxyHandler(), _Http(deadline), _Https(deadline), HTTPDefaultErrorHandler(), HTTPErrorProcessor())
    for handler in handlers:
        opener.add_handler(handler)
    return opener


class _Http(HTTPHandler):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: Request) -> Any:
        return self.do_open(partial(_HttpConnection, deadline=self._deadline), req)


class _Https(HTTPSHandler):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, req: Request) -> Any:
        return self.do_open(partial(_HttpsConnection, deadline=self._deadline), req)


class _HttpConnection(HTTPConnection):
    def __init__(self, *args: Any, deadline: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.response_class = partial(_Response, deadline=deadline)  # type: ignore[assignment]


class _HttpsConnection(HTTPSConnection):
    def __init__(self, *args: Any, deadline: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.response_class = partial(_Response, deadline=deadline)  # type: ignore[assignment]


class _Response(HTTPResponse):
    """A response of which every byte must have come by the deadline."""

    def __init__(self, sock: Any, *args: Any, deadline: float, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_UntilDeadline(self.fp.detach(), sock, deadline))


class _UntilDeadline(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, sock: Any, deadline: float) -> None:
        self._raw, self._sock, self._deadline = raw, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
