"""Small applications that a program mounts in its own server. Nothing listens by itself."""

from __future__ import annotations

from .pprof import PprofApp, pprof_app

__all__ = ["PprofApp", "pprof_app"]
