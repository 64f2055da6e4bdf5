"""What kind of file system is a path on?"""

from __future__ import annotations

import os

import psutil

_NETWORK = frozenset(
    ("afpfs", "afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "gpfs", "lustre", "ocfs2", "webdav")
)
_FAMILIES = ("9p", "nfs", "smb", "fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs")


def type_of(path: str) -> str:
    """The system's name for the type of the file system that *path* is on; empty if it is not known."""
    path, found, kind = os.path.realpath(path), "", ""
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, psutil.Error):
        return ""
    for mount in mounts:
        point = mount.mountpoint
        if len(point) >= len(found) and _is_below(path, point):
            found, kind = point, mount.fstype
    return kind


def _is_below(path: str, point: str) -> bool:
    return os.path.join(path, "").startswith(os.path.join(point, ""))


def is_network(kind: str) -> bool:
    """Whether processes of several machines may share it."""
    return kind.lower() in _NETWORK or kind.lower().startswith(_FAMILIES)
