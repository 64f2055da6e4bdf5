"""Where something is sent to: a URL that was checked, and its headers. No message and no `repr` shows a secret."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from .errors import OptionError

_SCHEMES = ("http", "https")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\U0010ffff]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send to: the URL without credentials, `shown` without its query as well, the headers for it."""

    url: str
    shown: str
    headers: dict[str, str] = field(repr=False)


def make_target(url: object, headers: Mapping[str, str] | None = None) -> Target:
    """Check *url* and *headers*; user and password in the URL become a header. Raises OptionError, which hides both."""
    if not isinstance(url, str):
        raise OptionError(f"a receiver's URL must be a str, not of type {type(url).__qualname__}")
    parts = _split(url)
    given = _check_headers({} if headers is None else headers)
    if parts.username is not None and "authorization" not in map(str.lower, given):
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        given["Authorization"] = f"Basic {base64.b64encode(secret).decode('ascii')}"
    netloc = parts.netloc.rpartition("@")[2]
    clean = parts._replace(netloc=netloc, path=parts.path or "/", fragment="")
    return Target(clean.geturl(), f"{parts.scheme}://{netloc}{clean.path}", given)


def _split(url: str) -> SplitResult:
    if _UNSAFE.search(url):
        raise OptionError("a receiver's URL must be ASCII without spaces; write other characters as %-escapes")
    try:
        parts = urlsplit(url)
        known = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise OptionError("the receiver's URL has no valid host and port") from None
    if parts.scheme not in _SCHEMES:
        shown = repr(parts.scheme) if "://" in url else "none"
        raise OptionError(f"the scheme of a receiver's URL must be http or https, not {shown}")
    if not known:
        raise OptionError("the receiver's URL has no valid host and port")
    return parts


def _check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(headers, Mapping):
        raise OptionError(f"headers must be a mapping of names to values, not of type {type(headers).__qualname__}")
    for name, value in headers.items():
        if not (isinstance(name, str) and _HEADER_NAME.fullmatch(name)):
            raise OptionError("a header's name must be a str of letters, digits and dashes")
        if not (isinstance(value, str) and _HEADER_VALUE.fullmatch(value)):
            raise OptionError(f"the value of the header {name} must be a str of Latin letters on one line")
    return dict(headers)
