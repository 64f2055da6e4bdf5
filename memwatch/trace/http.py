"""One POST to a receiver: bounded in time whatever it does, never elsewhere than told, no credentials in any message.

Proxies are taken from the environment, as urllib does.
"""

from __future__ import annotations

import base64
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import Request

from ..errors import ExportError, OptionError
from .connection import make_opener

_SCHEMES = ("http", "https")
_HOPS = 5
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\U0010ffff]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send to: the URL without credentials, `shown` without its query as well, the headers for it."""

    url: str
    shown: str
    headers: dict[str, str] = field(repr=False)

    @property
    def origin(self) -> tuple[str, str]:
        """Scheme, host and port: credentials are for this place alone."""
        parts = urlsplit(self.url)
        return parts.scheme, parts.netloc


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status and the seconds that the receiver wants to be left alone; or why nothing came."""

    status: int = 0
    retry_after: float = 0.0
    trouble: str = ""
    is_final: bool = False


def make_target(url: object, headers: Mapping[str, str] | None = None) -> Target:
    """Check *url* and *headers*; user and password in the URL become a header. Raises OptionError, which hides both."""
    if not isinstance(url, str):
        raise OptionError(f"a receiver's URL is a str, not of type {type(url).__qualname__}")
    parts = _split(url)
    given = _check_headers(headers or {})
    if parts.username is not None and "authorization" not in map(str.lower, given):
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        given["Authorization"] = f"Basic {base64.b64encode(secret).decode('ascii')}"
    netloc = parts.netloc.rpartition("@")[2]
    clean = parts._replace(netloc=netloc, path=parts.path or "/", fragment="")
    return Target(clean.geturl(), f"{parts.scheme}://{netloc}{clean.path}", given)


def _split(url: str) -> SplitResult:
    if _UNSAFE.search(url):
        raise OptionError("a receiver's URL is ASCII without spaces; write other characters as %-escapes")
    try:
        parts = urlsplit(url)
        known = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise OptionError("the receiver's URL has no valid host and port") from None
    if parts.scheme not in _SCHEMES:
        shown = repr(parts.scheme) if "://" in url else "none"
        raise OptionError(f"the scheme of a receiver's URL is http or https; this one has {shown}")
    if not known:
        raise OptionError("the receiver's URL has no valid host and port")
    return parts


def _check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(headers, Mapping):
        raise OptionError(f"headers is a mapping of names to values, not of type {type(headers).__qualname__}")
    for name, value in headers.items():
        if not (isinstance(name, str) and _HEADER_NAME.fullmatch(name)):
            raise OptionError("a header's name is a str of letters, digits and dashes")
        if not (isinstance(value, str) and _HEADER_VALUE.fullmatch(value)):
            raise OptionError(f"the value of the header {name} is not a str of Latin letters on one line")
    return dict(headers)


def post(target: Target, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
    """Send *body* and wait for the head of the answer, *timeout* seconds for all of it, redirects included.

    307 and 308 are followed; other redirects would drop the body. Raises ExportError where no retry can help.
    """
    deadline = time.monotonic() + timeout
    for _ in range(_HOPS + 1):
        answer, location = _post_once(target, body, headers, deadline)
        if answer.status not in (307, 308) or not location:
            return answer
        target = _redirect(target, location)
    raise ExportError(f"{target.shown} redirects more than {_HOPS} times")


def _post_once(target: Target, body: bytes, headers: Mapping[str, str], deadline: float) -> tuple[Answer, str]:
    request = Request(target.url, data=body, headers={**headers, **target.headers}, method="POST")
    try:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        with make_opener(deadline).open(request, timeout=left) as response:
            return Answer(response.status), ""
    except HTTPError as error:
        with error:
            return Answer(error.code, _retry_after(error.headers.get("Retry-After"))), error.headers.get("Location", "")
    except (OSError, HTTPException, ValueError) as error:
        return _explain(error), ""


def _redirect(target: Target, location: str) -> Target:
    try:
        found = make_target(urljoin(target.url, location))
    except (OptionError, ValueError):
        raise ExportError(f"{target.shown} redirects to an address that cannot be used") from None
    if found.origin == target.origin:
        return replace(found, headers=target.headers)
    if target.origin[0] == "https" and found.origin[0] == "http":
        raise ExportError(f"{target.shown} redirects away from https, to {found.shown}")
    return replace(found, headers={})


def _explain(error: Exception) -> Answer:
    """Why nothing came, in words that cannot hold what was sent."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Answer(trouble=f"its certificate is not valid: {cause.verify_message}", is_final=True)
    if isinstance(cause, TimeoutError):
        return Answer(trouble="no answer in time")
    if isinstance(cause, OSError) and cause.strerror:
        return Answer(trouble=cause.strerror)
    return Answer(trouble=f"no HTTP answer ({type(cause).__name__})")


def _retry_after(text: str | None) -> float:
    """Seconds from a number or a date; 0 for anything else."""
    if text is None:
        return 0.0
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
