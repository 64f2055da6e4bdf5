"""How much memory this process may have: its container's limit, its own, or the machine's."""

from __future__ import annotations

from pathlib import Path

import psutil

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_CGROUP = Path("/sys/fs/cgroup")
_NO_LIMIT = 1 << 60  # cgroup v1 writes a number near 2 ** 63 for "none"


def memory_limit() -> int:
    """Bytes: the least of the container's limit (cgroup v2 or v1), RLIMIT_AS and the machine's memory."""
    limits = [psutil.virtual_memory().total, _cgroup_limit(), _address_space_limit()]
    return min(limit for limit in limits if limit is not None)


def _cgroup_limit() -> int | None:
    found = [_read_limit(path / "memory.max") for path in _cgroup_folders()]
    found.append(_read_limit(_CGROUP / "memory/memory.limit_in_bytes"))
    return min((limit for limit in found if limit is not None), default=None)


def _cgroup_folders() -> list[Path]:
    """This process's v2 group and the groups above it; a container sees its own as the root."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return [_CGROUP]
    own = next((line[3:] for line in lines if line.startswith("0::")), "/").lstrip("/")
    folder = _CGROUP / own
    return [path for path in (folder, *folder.parents) if path == _CGROUP or _CGROUP in path.parents]


def _read_limit(path: Path) -> int | None:
    try:
        limit = int(path.read_text())
    except (OSError, ValueError):  # no such file, or the word "max"
        return None
    return limit if 0 < limit < _NO_LIMIT else None


def _address_space_limit() -> int | None:
    if resource is None:
        return None
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return soft if 0 < soft < _NO_LIMIT else None
