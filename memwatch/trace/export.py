"""Records as files: CSV with every field as a column, and JSON. Values go in, bytes come out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from .records import FIELDS, Record


def to_csv(records: Iterable[Record]) -> bytes:
    """A header and a line a record, columns as in `Record`; what is None is an empty cell. UTF-8, lines end in LF.

    Numbers of records that fell out of the ring are missing in the column `number`.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(record.to_dict() for record in records)
    return text.getvalue().encode("utf-8", "backslashreplace")


def to_json(about: dict[str, Any], records: Sequence[Record], open_blocks: Sequence[Record]) -> bytes:
    """One object: *about* (whose trace it is, what fell out), the names of blocks that have not ended, the records."""
    unended = [{"block": record.block, "record_name": record.record_name} for record in open_blocks]
    content = {**about, "open_blocks": unended, "records": [record.to_dict() for record in records]}
    return json.dumps(content, indent=1).encode("ascii")


def to_packet(about: dict[str, Any], records: Sequence[Record]) -> bytes:
    """What one request to a receiver holds: the same in one line, without the blocks that have not ended."""
    content = {**about, "records": [record.to_dict() for record in records]}
    return json.dumps(content, separators=(",", ":")).encode("ascii")
