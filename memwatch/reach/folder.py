"""Where the sockets of watched processes are: one for each process, named by its number, in a folder of its user.

The folder is `memwatch` in XDG_RUNTIME_DIR or in /run/user/UID, and /tmp/memwatch-UID if there is neither. A service
may not have that variable, so a client looks in all of them.
"""

from __future__ import annotations

import _socket
import os
import re
import stat
import sys
from contextlib import suppress
from typing import Any

MOST_PATH = 103
"""The longest path of a socket, in bytes: Linux takes 107, macOS 103."""

_MOST_SAME = 4  # processes with the same number: each container has numbers of its own
_PEER = (getattr(_socket, "SOL_SOCKET", 0), getattr(_socket, "SO_PEERCRED", None))  # Linux: pid, uid, gid
if sys.platform == "darwin":
    _PEER = (0, 1)  # LOCAL_PEERCRED: version, uid
_NAME = r"([1-9][0-9]{0,9})(?:\.[0-9])?\.sock"


def is_supported() -> bool:
    """Whether this system has such sockets."""
    return hasattr(os, "geteuid") and hasattr(os, "getuid")


def folders() -> list[str]:
    """The folders in which sockets of this user may be, the preferred one first."""
    user, given = os.geteuid(), os.environ.get("XDG_RUNTIME_DIR", "")
    homes = [given] if given.startswith("/") else []
    homes.append(f"/run/user/{user}")
    found = [os.path.join(home, "memwatch") for home in homes]
    return list(dict.fromkeys([*found, f"/tmp/memwatch-{user}"]))


def make_folder() -> str:
    """The first folder that can be used, created if it is missing. Raises OSError with the reason if none can."""
    problem = OSError("there is no folder for sockets")
    for folder in folders():
        try:
            if len(os.fsencode(folder)) + len("/4294967295.0.sock") > MOST_PATH:
                raise OSError(f"{folder!r} is too long for the path of a socket")
            _make(folder)
            return folder
        except OSError as error:
            problem = error
    raise problem


def check_folder(folder: str) -> None:
    """Raise OSError unless *folder* belongs to this user and nobody else can enter it."""
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(f"{folder!r} is no directory")
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{folder!r} belongs to another user")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise PermissionError(f"{folder!r} is open to other users")


def names_for(pid: int) -> list[str]:
    """The possible names of the socket of a process, by the number that the process itself sees."""
    return [f"{pid}.sock", *(f"{pid}.{number}.sock" for number in range(1, _MOST_SAME))]


def find_sockets(pid: int | None = None) -> list[tuple[int, str]]:
    """The sockets of this user, or of one *pid*: (process number, path). Folders of other users are left out."""
    found = []
    for folder in folders():
        try:
            check_folder(folder)
            names = os.listdir(folder)
        except OSError:
            continue
        for name in sorted(names):
            matched = re.fullmatch(_NAME, name)
            if matched and pid in (None, int(matched[1])):
                found.append((int(matched[1]), os.path.join(folder, name)))
    return sorted(found)


def is_trusted(connected: Any) -> bool:
    """Whether the other end of a socket belongs to this user or to root."""
    level, option = _PEER
    if option is None:
        return False
    credentials = connected.getsockopt(level, option, 12)
    return int.from_bytes(credentials[4:8], sys.byteorder) in (0, os.geteuid())


def _make(folder: str) -> None:
    """Create *folder* if it is missing. Raises OSError if its parent is missing, or if *folder* cannot be trusted."""
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    check_folder(folder)
