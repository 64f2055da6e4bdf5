"""Unpacks gzip within a limit, so that a small file cannot fill the memory."""

from __future__ import annotations

import zlib

from ..errors import FormatError

MAX_BYTES = 256 * 1024 * 1024
"""The largest profile that is read, unpacked: several hundred times what one usually has."""

_MAGIC = b"\x1f\x8b"
_GZIP = 31  # zlib's number for a gzip wrapper


def is_packed(data: bytes) -> bool:
    """Whether *data* begins as gzip does."""
    return data.startswith(_MAGIC)


def unpack(data: bytes, limit: int = MAX_BYTES) -> bytes:
    """What is packed in *data*, or *data* itself if it is no gzip; only the first member of several.

    Raises FormatError if it is damaged or truncated, or would be larger than *limit* bytes.
    """
    if not is_packed(data):
        return data
    unpacker = zlib.decompressobj(wbits=_GZIP)
    try:
        content = unpacker.decompress(data, limit + 1)
    except zlib.error as error:
        raise FormatError(f"damaged gzip: {error}") from None
    if len(content) > limit:
        raise FormatError(f"larger than {limit // (1024 * 1024)} MiB when unpacked, the most that is read")
    if not unpacker.eof:
        raise FormatError("truncated gzip: its end is missing")
    return content
