"""Decides who may ask, by the token, the Host header and the Origin header.

There are no cookies: nothing that a browser sends by itself gives access. Host and Origin are checked all the same,
before the token.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from ..errors import OptionError
from ..internal import internal
from .http import Answer, Request, say

LEAST_TOKEN = 16
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def check_token(token: object) -> str:
    """*token* itself. Raises OptionError if it cannot be one."""
    if not (isinstance(token, str) and len(token) >= LEAST_TOKEN and token.isascii() and token.isprintable()):
        raise OptionError(f"a token must be a str of at least {LEAST_TOKEN} visible ASCII characters")
    return token


def check_hosts(hosts: object) -> frozenset[str]:
    """*hosts* as a set: the names under which the page is reached, besides those of loopback. Raises OptionError."""
    given = list(hosts) if isinstance(hosts, Iterable) and not isinstance(hosts, str | bytes) else None
    if given is None or not all(isinstance(it, str) and it and not set(it) & set("/@ *") for it in given):
        raise OptionError("hosts must be a list of names as they stand in a URL, such as ['admin.example.com']")
    return frozenset(it.lower() for it in (*LOOPBACK, *given))


@internal
class Guard:
    """Holds the token, if there is one, and the hosts."""

    def __init__(self, token: str, hosts: frozenset[str]) -> None:
        self._token = token.encode()
        self._hosts = hosts

    def refuse_place(self, request: Request) -> Answer | None:
        """A refusal if the request has another host or comes from another page, else None."""
        host = request.headers.get("host", "")
        if _name_of(host) not in self._hosts and host.lower() not in self._hosts:
            return say("403 Forbidden", "this host is not known here: name it by hosts=[...] where memwatch is mounted")
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return say("403 Forbidden", "this is not for pages of other origins")
        if site not in ("none", "same-origin") and not _is_navigation(request):
            return say("403 Forbidden", "this is not for pages of other sites")
        return None

    def knows(self, authorization: str) -> bool:
        """Whether *authorization* has the token: as Bearer, or as the password of Basic."""
        kind, _, secret = authorization.partition(" ")
        given = secret.strip().encode("latin-1", "replace")
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif kind.lower() != "bearer":
            return False
        return bool(self._token) and hmac.compare_digest(given, self._token)

    @property
    def is_open(self) -> bool:
        """Whether there is a token at all."""
        return bool(self._token)


SAFE: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every answer."""


def _name_of(host: str) -> str:
    """The name in a Host header, without the port. "" if it is malformed."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_navigation(request: Request) -> bool:
    """Whether somebody followed a link: the page that this loads has no data in it."""
    return (
        request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate" and not request.path.strip("/")
    )
