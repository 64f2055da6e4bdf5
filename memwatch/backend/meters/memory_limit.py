"""How much memory this process may have, and how much of it is taken: by its container, itself, or the machine.

Everything about cgroups is a function of two paths, so that a folder of text files can stand in for the kernel.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from ...internal import internal

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_CGROUP = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_MACHINE = Path("/proc/meminfo")
_psutil: Any = None if sys.platform == "linux" else import_module("psutil")  # 20 modules, for what one file says
_UNREAD = (OSError, ValueError, KeyError, RuntimeError) if _psutil is None else (OSError, RuntimeError, _psutil.Error)
NO_LIMIT = 1 << 60  # cgroup v1 writes a number near 2 ** 63 for "none"


@internal
class Machine(NamedTuple):
    """The machine's memory in bytes, and how much of it can be had without swapping."""

    total: int
    available: int


@internal
@dataclass(frozen=True, slots=True)
class Container:
    """The cgroup with the least memory limit among this process's own and those above it.

    `version` is 1 or 2, the others are bytes. `usage` is what all processes of the group hold, without the file pages
    that the kernel would give back before it killed one of them.
    """

    version: int
    limit: int
    usage: int

    @property
    def share(self) -> float:
        """How much of the limit is taken, 0.0 to 1.0."""
        return self.usage / self.limit

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, with the share."""
        return {"version": self.version, "limit": self.limit, "usage": self.usage, "share": self.share}


@internal
@dataclass(frozen=True, slots=True)
class _Group:
    """One cgroup: its folder, and how its version names the files in it."""

    folder: Path
    version: int

    def limit(self) -> int | None:
        return _read_limit(self.folder / ("memory.max" if self.version == 2 else "memory.limit_in_bytes"))

    def usage(self) -> int | None:
        current = self.folder / ("memory.current" if self.version == 2 else "memory.usage_in_bytes")
        try:
            return max(0, int(current.read_text(encoding="utf-8")) - self._idle_file_pages())
        except (OSError, ValueError):
            return None

    def _idle_file_pages(self) -> int:
        name = "inactive_file" if self.version == 2 else "total_inactive_file"
        try:
            lines = (self.folder / "memory.stat").read_text(encoding="utf-8").splitlines()
            return next((int(line.split()[1]) for line in lines if line.startswith(name + " ")), 0)
        except (OSError, ValueError, IndexError):
            return 0


def container(root: Path = _CGROUP, membership: Path = _MEMBERSHIP) -> Container | None:
    """The memory limit of this process's container, or None where there is none or the kernel does not tell.

    *root* is where cgroups are mounted, *membership* the file that names this process's groups.
    """
    known = []
    for group in _groups(root, membership):
        limit, usage = group.limit(), group.usage()
        if limit is not None and usage is not None:
            known.append(Container(group.version, limit, usage))
    return min(known, key=lambda found: found.limit, default=None)


def memory_limit() -> int:
    """Bytes: the least of the container's limit (cgroup v2 or v1), RLIMIT_AS and the machine's memory.

    Where none of them can be read (no /proc) it is 2 ** 60, which no process reaches.
    """
    here = machine()
    limits = [here and here.total, _address_space_limit()]
    limits += [group.limit() for group in _groups(_CGROUP, _MEMBERSHIP)]
    return min((limit for limit in limits if limit is not None), default=NO_LIMIT)


def machine() -> Machine | None:
    """The memory of the machine, or None where it does not tell."""
    try:
        if _psutil is not None:
            memory = _psutil.virtual_memory()
            return Machine(int(memory.total), int(memory.available))
        lines = (line.split() for line in _MACHINE.read_text(encoding="utf-8").splitlines())
        sizes = {name: 1024 * int(size) for name, size, *_ in lines}
        return Machine(sizes["MemTotal:"], sizes["MemAvailable:"])
    except _UNREAD:
        return None


def _groups(root: Path, membership: Path) -> Iterator[_Group]:
    """Every cgroup that may limit this process; where both versions are mounted, version 2 lies in a folder beside."""
    paths = _own_paths(membership)
    unified = root if (root / "cgroup.controllers").exists() else root / "unified"
    by_memory = next((path for names, path in paths.items() if "memory" in names.split(",")), "/")
    yield from (_Group(folder, 2) for folder in _upwards(unified, paths.get("", "/")))
    yield from (_Group(folder, 1) for folder in _upwards(root / "memory", by_memory))


def _own_paths(membership: Path) -> dict[str, str]:
    """This process's group in each hierarchy, by the names of its controllers; version 2 has the empty name."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    fields = [line.split(":", 2) for line in lines]
    return {field[1]: field[2] for field in fields if len(field) == 3}


def _upwards(mount: Path, own: str) -> list[Path]:
    """The folder of the group *own* below *mount*, and those above it; a container sees its own group as the mount.

    A path that leads out of the mount belongs to a group that cannot be seen from here.
    """
    parts = [part for part in own.split("/") if part]
    if ".." in parts:
        return [mount]
    return [mount.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _read_limit(path: Path) -> int | None:
    try:
        limit = int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no such file, or the word "max"
        return None
    return limit if 0 < limit < NO_LIMIT else None


def _address_space_limit() -> int | None:
    if resource is None:
        return None
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return soft if 0 < soft < NO_LIMIT else None
