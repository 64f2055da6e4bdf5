"""Serve the tools of memwatch to coding agents, by the Model Context Protocol on standard input and output."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress

_FAILED = 1
_NEEDS = "the MCP server needs its SDK, release 2 or later: pip install 'memwatch[mcp]'"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--allow-run", action="store_true", help="offer run_program as well, which starts programs")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Serve until the other end closes; returns 0, or 1 where the SDK is not installed or too old."""
    try:
        from ..assistant.server import make_server
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "anyio"):
            raise
        print(f"memwatch: {_NEEDS}", file=sys.stderr)
        return _FAILED
    with suppress(KeyboardInterrupt):
        make_server(args.allow_run).run("stdio")
    return 0
