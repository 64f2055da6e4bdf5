"""What SQLite's pages take, and whether files are as large."""

import sqlite3
import sys

import pytest

from memwatch import backend
from memwatch.backend.meters import sqlite

MIB = 1 << 20


def fill(connection):
    """About 4 MiB of rows."""
    connection.execute("pragma cache_size = -16000")
    connection.execute("create table rows (body text)")
    connection.executemany("insert into rows values (?)", [("x" * 8000,) for _ in range(500)])
    connection.commit()


@pytest.mark.skipif(backend.name != "native", reason="only the C extension can ask SQLite")
def test_pages_are_counted_for_files_and_memory(tmp_path):
    before = sqlite.read_sqlite_pages()
    if before is None:
        pytest.skip("this SQLite has no sqlite3_status64")
    file, memory = sqlite3.connect(tmp_path / "rows.db"), sqlite3.connect(":memory:")
    fill(file)
    with_file = sqlite.read_sqlite_pages()
    fill(memory)
    with_memory = sqlite.read_sqlite_pages()
    assert 3 * MIB < with_file - before < 6 * MIB
    assert 3 * MIB < with_memory - with_file < 6 * MIB
    file.close()
    memory.close()


def test_nothing_is_asked_where_sqlite_is_not_in_use(monkeypatch):
    monkeypatch.delitem(sys.modules, "_sqlite3", raising=False)
    assert sqlite.read_sqlite_pages() is None


@pytest.mark.skipif(sys.platform != "linux", reason="open files are counted by /proc, which Linux alone has")
def test_files_that_may_be_written_are_counted_once(tmp_path):
    before, path = sqlite.count_writable_bytes(), tmp_path / "file"
    path.write_bytes(b"x" * MIB)
    with path.open("rb"):
        assert sqlite.count_writable_bytes() == before
    with path.open("r+b"), path.open("r+b"):
        assert sqlite.count_writable_bytes() == before + MIB
