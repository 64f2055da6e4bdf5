"""What is opened: no link of a stranger, no file of a stranger, no standard stream, and nobody is waited for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memwatch import WriteError, folders
from memwatch.descriptors import above_standard, identity
from memwatch.errors import OptionError
from memwatch.files import check_writable, write_file
from memwatch.folders import locate, others_can_write
from memwatch.handlers import JsonLines

pytestmark = pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="files are opened by their path alone")


def append(path: Path) -> None:
    with JsonLines(path):
        pass


def replace(path: Path) -> None:
    write_file(path, b"1")


def check(path: Path) -> None:
    check_writable(str(path), "a report")


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A folder that everybody can write, as /tmp is."""
    folder = tmp_path / "public"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("old")
    return path


WAYS = pytest.mark.parametrize("way", [append, replace, check])


@WAYS
def test_a_link_that_others_may_have_put_there_is_not_followed(way: Callable[[Path], None], public: Path, secret: Path):
    (public / "out").symlink_to(secret)
    with pytest.raises((WriteError, OptionError), match="'out' is a link in a folder that others can write"):
        way(public / "out")
    assert secret.read_text() == "old" and (public / "out").is_symlink()


@WAYS
def test_nor_is_one_on_the_way(way: Callable[[Path], None], public: Path, tmp_path: Path):
    (public / "logs").symlink_to(tmp_path)
    with pytest.raises((WriteError, OptionError), match="'logs' is a link"):
        way(public / "logs" / "out")
    assert not (tmp_path / "out").exists()


@WAYS
def test_nor_is_one_that_a_good_link_leads_to(way: Callable[[Path], None], public: Path, tmp_path: Path):
    (public / "logs").symlink_to(tmp_path)
    (tmp_path / "mine").symlink_to("public/logs/out")
    with pytest.raises((WriteError, OptionError), match="'logs' is a link"):
        way(tmp_path / "mine")


@WAYS
def test_a_hard_link_there_is_a_link_too(way: Callable[[Path], None], public: Path, secret: Path):
    os.link(secret, public / "out")
    with pytest.raises((WriteError, OptionError), match="'out' is a link"):
        way(public / "out")
    assert secret.read_text() == "old"


@WAYS
def test_a_file_of_another_user_is_left_alone(
    way: Callable[[Path], None], secret: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(folders, "_is_trusted", lambda user: False)
    with pytest.raises((WriteError, OptionError), match="it belongs to another user"):
        way(secret)
    assert secret.read_text() == "old"


@pytest.mark.parametrize("way", [append, replace])
def test_links_in_folders_of_ones_own_are_followed(way: Callable[[Path], None], tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "logs").symlink_to("./real/../real")
    (tmp_path / "real" / "link").symlink_to(tmp_path / "real" / "out")
    way(tmp_path / "logs" / "link")
    assert (tmp_path / "real" / "out").exists() and (tmp_path / "real" / "link").is_symlink()


@WAYS
def test_links_in_a_circle_end(way: Callable[[Path], None], tmp_path: Path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises((WriteError, OptionError), match="symbolic links"):
        way(tmp_path / "a")


@pytest.mark.parametrize(
    ("mode", "group", "answer"),
    [(0o755, 7, False), (0o775, 0, False), (0o775, 7, True), (0o777, 0, True), (0o1777, 0, True)],
)
def test_who_can_write_a_folder(mode: int, group: int, answer: bool):
    assert others_can_write(os.stat_result((0o40000 | mode, 1, 1, 1, 0, group, 0, 0, 0, 0))) is answer


def test_the_owner_can_write_a_folder():
    stranger = os.stat_result((0o40755, 1, 1, 1, os.geteuid() + 1, 0, 0, 0, 0, 0))
    assert others_can_write(stranger)


def test_a_descriptor_is_never_a_standard_stream():
    text = "import os; from memwatch.folders import above_standard as a; print(a(os.open('/dev/null', os.O_WRONLY)))"
    script = f"import os; os.close(0); os.close(2); {text}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 2
    assert above_standard(7) == 7


def test_what_is_closed_has_no_identity(tmp_path: Path):
    with (tmp_path / "a").open("w") as file:
        fd = file.fileno()
        assert identity(fd) == (os.fstat(fd).st_dev, os.fstat(fd).st_ino)
    assert identity(fd) is None


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
def test_an_open_file_of_ones_own_is_written_to_as_it_is(tmp_path: Path):
    reading, writing = os.pipe()
    write_file(f"/proc/self/fd/{writing}", b"1")
    assert os.read(reading, 9) == b"1"
    with (tmp_path / "out").open("wb", buffering=0) as file:
        file.write(b"before ")
        write_file(f"/proc/self/fd/{file.fileno()}", b"1")
    assert (tmp_path / "out").read_bytes() == b"before 1"
    os.close(reading)
    os.close(writing)


def test_no_descriptor_stays_open(public: Path, secret: Path, tmp_path: Path):
    def count() -> int:
        return sum(identity(fd) is not None for fd in range(200))

    (public / "out").symlink_to(secret)
    before = count()
    with pytest.raises(WriteError):
        write_file(public / "out", b"1")
    with pytest.raises(WriteError):
        write_file(tmp_path / "absent" / "out", b"1")
    write_file(tmp_path / "new", b"1")
    with locate(str(tmp_path)):
        pass
    assert count() == before
