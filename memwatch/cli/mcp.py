"""Serve the tools of memwatch to coding agents, by the Model Context Protocol on standard input and output."""

from __future__ import annotations

import argparse
from contextlib import suppress

from .asking import FAILED, complain

_NEEDS = "the MCP server needs its SDK, release 2 or later: pip install 'memwatch[mcp]'"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--allow-run", action="store_true", help="offer run_program as well, which starts programs")


def run(args: argparse.Namespace) -> int:
    """Serve until the other end closes; returns 0, or 1 where the SDK is not installed or too old."""
    try:
        from ..assistant.server import make_server
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "anyio"):
            raise
        complain(_NEEDS)
        return FAILED
    with suppress(KeyboardInterrupt):
        make_server(args.allow_run).run("stdio")
    return 0
