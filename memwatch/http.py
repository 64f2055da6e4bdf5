"""POST to a receiver, by urllib3 (extra ``[http]``): tried again as its Retry does, and bounded in time.

Three things are added to urllib3: waits and tries end at a deadline; a try ends in time also where the receiver sends
byte after byte (urllib3's timeout begins anew with each); and redirects are followed only where what is sent arrives
whole and as well protected. Proxies are taken from the environment, as urllib does.
"""

from __future__ import annotations

import io
import logging
import ssl
import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any, Self
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from .errors import ExportError, OptionError, UnsupportedError
from .targets import Target, make_target


class _MissingError(UnsupportedError, ImportError):
    """An ImportError, too: who looks at all attributes of all modules, as freezegun does, passes over one of those."""


try:
    import urllib3
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import HTTPError, MaxRetryError, SSLError
    from urllib3.exceptions import TimeoutError as TimedOut
    from urllib3.filepost import encode_multipart_formdata
    from urllib3.util import Retry, Timeout, make_headers
except ImportError as error:
    raise _MissingError(f"urllib3 2 is needed ({error}); pip install 'memwatch[http]'") from None

_HOPS = 5
_BACKOFF = 0.5  # seconds: 0 before the first try again, then 1, 2, 4
_LONGEST_WAIT = 30.0
_BUSY = (408, 425, 429, *range(500, 600))
_SMALL = 65536  # bytes of an answer that are read, so that the connection can be used again


class Clock:
    """Where time comes from and goes to; `jitter` seconds at most are added to a wait, by chance."""

    now = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)
    jitter = 0.5


class GivenUp(Exception):
    """No try will follow; the text says why."""


class Refused(ExportError):
    """The receiver does not want this, now or later."""


class _Tries(Retry):
    """urllib3's, with a number of tries in all, a deadline, and safe redirects only."""

    tries = 1
    deadline = 0.0
    clock: Any = Clock

    def new(self, **changes: Any) -> Self:
        made = super().new(**changes)
        made.tries, made.deadline, made.clock = self.tries, self.deadline, self.clock
        return made

    def increment(
        self,
        method: Any = None,
        url: Any = None,
        response: Any = None,
        error: Any = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> Self:
        moved = response.get_redirect_location() if response is not None and error is None else None
        if moved:
            _check_redirect(response.status, urljoin(url, moved), _pool.scheme)
        else:
            said = _explain(error) if error is not None else f"answered {response.status}"
            self._check_left(said, final=isinstance(error, SSLError))
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def _check_left(self, said: str, final: bool) -> None:
        tried = 1 + sum(not past.redirect_location for past in self.history)
        if final:
            raise GivenUp(said)
        if tried >= self.tries:
            raise GivenUp(f"{said} ({tried} {'try' if tried == 1 else 'tries'})")

    def sleep(self, response: Any = None) -> None:
        """Wait before the next try: as urllib3 would, or as long as the receiver wants to be left alone."""
        wait = max(self.get_backoff_time(), _retry_after(self, response))
        left = self.deadline - self.clock.now()
        if wait >= left:
            last = self.history[-1]
            said = _explain(last.error) if last.error is not None else f"answered {last.status}"
            raise GivenUp(f"{said}; the next try would be in {wait:.0f} s, and {max(0, left):.0f} s are left")
        if wait > 0:
            self.clock.sleep(wait)


def _is_not_ours(record: logging.LogRecord) -> bool:
    """urllib3 warns of each try, with the query of the URL, which may be secret. We log when all have failed."""
    return not (isinstance(record.args, tuple) and record.args and isinstance(record.args[0], _Tries))


logging.getLogger("urllib3.connectionpool").addFilter(_is_not_ours)


class Sender:
    """Sends to one target over connections that it keeps, in so many tries of `timeout` seconds each.

    None is begun after `deadline`, by the clock. A look-up of a name is not bounded: the system does it. A forked
    process must make a sender of its own.
    """

    def __init__(self, target: Target, tries: int, timeout: float, deadline: float, clock: type[Clock] = Clock) -> None:
        self.target, self.deadline = target, deadline
        self._tries, self._timeout, self._clock = tries, timeout, clock
        self._pool = _make_pool(target.url)

    def post(self, body: bytes, headers: Mapping[str, str], query: str = "") -> None:
        """Deliver *body*, with *query* at the URL's end. Raises ExportError: why not, without a secret."""
        mark = "&" if "?" in self.target.url else "?"
        url = f"{self.target.url}{mark}{query}" if query else self.target.url
        try:
            status = self._post(url, body, {"User-Agent": "memwatch", **headers, **self.target.headers})
        except GivenUp as error:
            raise ExportError(f"{self.target.shown} {error}") from None
        except MaxRetryError as error:
            many = f"redirects more than {_HOPS} times" if "redirects" in str(error.reason) else _explain(error.reason)
            raise ExportError(f"{self.target.shown} {many}") from None
        except ValueError:  # the target itself was checked
            raise ExportError(f"{self.target.shown} redirects to an address that cannot be used") from None
        except (HTTPError, HTTPException, OSError) as error:
            raise ExportError(f"{self.target.shown} {_explain(error)}") from None
        if not 200 <= status < 300:
            lost = ", a redirect that cannot be followed" if 300 <= status < 400 else ""
            raise Refused(f"{self.target.shown} answered {status}{lost}")

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        retries = _Tries(
            total=None, redirect=_HOPS, status_forcelist=_BUSY, allowed_methods=None, raise_on_status=False,
            backoff_factor=_BACKOFF, backoff_max=_LONGEST_WAIT, backoff_jitter=self._clock.jitter,
            remove_headers_on_redirect={name.lower() for name in self.target.headers},
        )  # fmt: skip
        retries.tries, retries.deadline, retries.clock = self._tries, self.deadline, self._clock
        left = max(0.001, self.deadline - self._clock.now())
        answer = self._pool.urlopen(
            "POST", url, body=body, headers=headers, retries=retries, preload_content=False,
            timeout=Timeout(total=min(self._timeout, left)),
        )  # fmt: skip
        if answer.length_remaining is not None and answer.length_remaining <= _SMALL:
            answer.drain_conn()
        else:
            answer.close()
        return answer.status


def make_form(name: str, content: bytes) -> tuple[bytes, str]:
    """A form with one file in the field *name*: the body, and its content type."""
    return encode_multipart_formdata({name: (name, content, "application/octet-stream")})


def _make_pool(url: str) -> urllib3.PoolManager:
    parts, proxies = urlsplit(url), getproxies()
    proxy = None if proxy_bypass(parts.hostname or "") else proxies.get(parts.scheme) or proxies.get("all")
    if proxy:
        auth = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        secret = make_headers(proxy_basic_auth=auth.netloc.rpartition("@")[0]) if "@" in auth.netloc else None
        place = auth._replace(netloc=auth.netloc.rpartition("@")[2]).geturl()
        pool: urllib3.PoolManager = urllib3.ProxyManager(place, proxy_headers=secret, maxsize=1)
    else:
        pool = urllib3.PoolManager(maxsize=1)
    pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return pool


def _check_redirect(status: int, location: str, scheme: str) -> None:
    if status not in (307, 308):
        raise GivenUp(f"answered {status}, a redirect that cannot be followed")
    try:
        found = make_target(location)
    except (OptionError, ValueError):
        raise GivenUp("redirects to an address that cannot be used") from None
    if scheme == "https" and urlsplit(found.url).scheme == "http":
        raise GivenUp(f"redirects away from https, to {found.shown}")


def _retry_after(retry: Retry, response: Any) -> float:
    """Seconds; 0 where nothing is said, or nothing that can be read."""
    try:
        return float(retry.get_retry_after(response) or 0.0) if response is not None else 0.0
    except (HTTPError, ValueError, OverflowError):
        return 0.0


def _explain(error: BaseException | None) -> str:
    """Why nothing came, in words that cannot hold what was sent."""
    root = _root(error)
    if isinstance(root, ssl.SSLCertVerificationError):
        return f"cannot be reached: its certificate is not valid: {root.verify_message}"
    if isinstance(root, OSError) and root.strerror:
        return f"cannot be reached: {root.strerror}"
    if isinstance(root, TimedOut | TimeoutError):
        return "cannot be reached: no answer in time"
    return f"cannot be reached: no HTTP answer ({type(root).__name__})"


def _root(error: BaseException | None) -> BaseException | None:
    """What was raised first: urllib3 keeps it as the cause, or among the arguments."""
    while error is not None:
        inside = [it for it in (error.__cause__, *error.args) if isinstance(it, BaseException)]
        if not inside:
            break
        error = inside[0]
    return error


class _Until(io.RawIOBase):
    """Reads a socket until a deadline; urllib3's timeout begins anew with every byte."""

    def __init__(self, raw: io.RawIOBase, sock: Any) -> None:
        self._raw, self._sock = raw, sock
        self._deadline = time.monotonic() + (sock.gettimeout() or 0.0)

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


class _Answer(HTTPResponse):
    """An answer of which every byte must have come within the timeout of one try."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Until(self.fp.detach(), sock))


class _HttpConnection(HTTPConnection):
    response_class = _Answer


class _HttpsConnection(HTTPSConnection):
    response_class = _Answer


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection
