"""Connections that this process has accepted, and whose peers are there."""

import socket
import sys
from contextlib import ExitStack

import pytest

from memwatch.backend.meters import connections


@pytest.mark.skipif(sys.platform != "linux", reason="sockets are told apart by /proc, which Linux alone has")
def test_what_either_end_has_closed_is_not_counted(monkeypatch):
    before = connections.count_accepted()
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        peers = [stack.enter_context(socket.create_connection(server.getsockname())) for _ in range(5)]
        accepted = [stack.enter_context(server.accept()[0]) for _ in range(5)]
        assert connections.count_accepted() == before + 5
        accepted[0].close()
        peers[1].shutdown(socket.SHUT_RDWR)
        assert accepted[1].recv(1) == b""
        assert connections.count_accepted() == before + 3
        monkeypatch.setattr(connections, "_LARGEST", 100)
        assert connections.count_accepted() is None


def test_nothing_is_asked_where_there_are_no_sockets(monkeypatch):
    monkeypatch.delitem(sys.modules, "_socket")
    assert connections.count_accepted() is None
