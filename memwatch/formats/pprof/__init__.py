"""pprof's `profile.proto`: `writer` and `reader`, the `fields` of its messages, and `protobuf`, their wire format."""

from __future__ import annotations

from .reader import read
from .writer import Encoder, write

__all__ = ["Encoder", "read", "write"]
