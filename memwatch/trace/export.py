"""Turns records into the bytes of files: CSV with a column for each field, and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from .records import FIELDS, Record


def to_csv(records: Iterable[Record]) -> bytes:
    """CSV: a header and a line for each record, with the columns of `Record`. None is an empty cell. UTF-8, LF.

    The column `number` skips the records that the ring has dropped.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(record.to_dict() for record in records)
    return text.getvalue().encode("utf-8", "backslashreplace")


def to_json(about: dict[str, Any], records: Sequence[Record], open_blocks: Sequence[Record]) -> bytes:
    """JSON, one object: *about* the trace, the names of blocks that have not ended, and the records."""
    unended = [{"block": record.block, "record_name": record.record_name} for record in open_blocks]
    content = {**about, "open_blocks": unended, "records": [record.to_dict() for record in records]}
    return json.dumps(content, indent=1).encode("ascii")


def to_packet(about: dict[str, Any], records: Sequence[Record]) -> bytes:
    """The body of one request to a receiver: the same in one line, without the blocks that have not ended."""
    content = {**about, "records": [record.to_dict() for record in records]}
    return json.dumps(content, separators=(",", ":")).encode("ascii")
