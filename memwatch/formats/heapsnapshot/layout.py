"""The fields of a heap snapshot and their meaning, as V8 numbers them; `native/graph/write.c` writes the same."""

from __future__ import annotations

import json
from typing import Any

NODE_FIELDS = ("type", "name", "id", "self_size", "edge_count")
TRACED = "trace_node_id"
EDGE_FIELDS = ("type", "name_or_index", "to_node")
NODE_TYPES = (
    "hidden",
    "array",
    "string",
    "object",
    "code",
    "closure",
    "regexp",
    "number",
    "native",
    "synthetic",
    "concatenated string",
    "sliced string",
    "symbol",
    "bigint",
)
EDGE_TYPES = ("context", "element", "property", "internal", "hidden", "shortcut", "weak")


def head(nodes: int, edges: int, about: dict[str, Any]) -> str:
    """The value of the key ``snapshot``."""
    meta = {
        "node_fields": NODE_FIELDS,
        "node_types": [NODE_TYPES, "string", "number", "number", "number"],
        "edge_fields": EDGE_FIELDS,
        "edge_types": [EDGE_TYPES, "string_or_number", "node"],
        "trace_function_info_fields": ["function_id", "name", "script_name", "script_id", "line", "column"],
        "trace_node_fields": ["id", "function_info_index", "count", "size", "children"],
        "sample_fields": ["timestamp_us", "last_assigned_id"],
        "location_fields": ["object_index", "script_id", "line", "column"],
    }
    counts = {"node_count": nodes, "edge_count": edges, "trace_function_count": 0, "memwatch": about}
    return json.dumps({"meta": meta, **counts}, separators=(",", ":"))
