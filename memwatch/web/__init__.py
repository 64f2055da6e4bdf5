"""The page of a running program, and small applications that it mounts in its own server. Nothing listens by itself."""

from __future__ import annotations

from .app import Page, asgi_app, wsgi_app
from .pprof import PprofApp, pprof_app
from .server import Server, serve

__all__ = ["Page", "PprofApp", "Server", "asgi_app", "pprof_app", "serve", "wsgi_app"]
