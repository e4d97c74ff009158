"""Disk operations that must survive a crash or a full disk, and names for what goes wrong."""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nftui.engine.limits import Limits
from nftui.errors import DiskFull, PermissionDenied, StoreError

_KINDS = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "quota",
    errno.EROFS: "read_only",
    errno.EIO: "io_error",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.EFBIG: "file_too_large",
    errno.ENOENT: "directory_gone",
    errno.ENOTDIR: "directory_gone",
    errno.ESTALE: "directory_gone",
    errno.EMFILE: "open_files",
    errno.ENFILE: "open_files",
}


@dataclass(frozen=True, slots=True)
class Space:
    """Room on a file system for this user; -1 where it is unknown or without a limit.

    Attributes:
        free_bytes: that can be written.
        all_bytes: size of the file system.
        free_inodes: files that can be made.
        all_inodes: files that there can be.
    """

    free_bytes: int = -1
    all_bytes: int = -1
    free_inodes: int = -1
    all_inodes: int = -1

    @classmethod
    def of(cls, root: Path) -> Self:
        """What the system says now; may wait where a disk hangs."""
        try:
            found = os.statvfs(root)
        except OSError:
            return cls()
        # btrfs and others without a fixed table report 0 inodes in all.
        inodes = (found.f_favail, found.f_files) if found.f_files else (-1, -1)
        return cls(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, *inodes)

    def shortage(self, limits: Limits) -> str:
        """What is below the reserve, in words; empty if nothing is."""
        least = min(limits.reserve_share * self.all_bytes, limits.reserve_bytes)
        if 0 <= self.free_bytes < least:
            return f"{self.free_bytes / 2**20:.1f} MiB of the disk are free, {least / 2**20:.1f} MiB stay in reserve"
        least = min(limits.reserve_share * self.all_inodes, limits.reserve_files)
        if 0 <= self.free_inodes < least:
            return f"{self.free_inodes} more files can be made on the disk, {least:.0f} stay in reserve"
        return ""


def fault_kind(error: OSError, root: Path) -> str:
    """One word for a disk error, as used in `flows.failed.<kind>`."""
    if error.errno == errno.ENOSPC:
        with contextlib.suppress(OSError):
            space = os.statvfs(root)
            # btrfs and others without a fixed table report 0 inodes in all.
            if space.f_files and not space.f_favail:
                return "no_inodes"
    return _KINDS.get(error.errno or 0, "other_error")


def store_error(action: str, path: Path, error: OSError) -> StoreError | PermissionDenied:
    """The program's error for a failed system call, in one line."""
    text = f"cannot {action} {path}: {error.strerror or error}"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFull(text)
    if error.errno in {errno.EACCES, errno.EPERM}:
        return PermissionDenied(f"{text}; the store must belong to the user that collects")
    return StoreError(text)


def sync_file(path: Path) -> None:
    """Force a file's content to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Force a directory's entries to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path, root: Path) -> None:
    """Make a directory below `root`, with parents, so that it survives a crash. `root` itself must exist."""
    if path == root or path.is_dir():
        return
    make_directory(path.parent, root)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)
    sync_directory(path.parent)


def make_file(path: Path) -> None:
    """Make an empty file that only its user and group may read, for writers that would leave that to the umask."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640))


def publish(temporary: Path, final: Path) -> None:
    """Give a finished file its name, durably, without ever replacing another.

    Raises:
        FileExistsError: the name is taken; both files are as they were.
    """
    try:
        os.link(temporary, final)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}:
            raise
        # No hard links here (vfat, some network file systems). Checking first is safe: only the lock's owner writes.
        if final.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final)) from error
        os.rename(temporary, final)
    sync_directory(final.parent)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)


def self_test(directory: Path) -> None:
    """Prove that a file can be written, forced to disk, linked and removed; raises OSError if not."""
    first, second = directory / ".self-test", directory / ".self-test-linked"
    for path in (first, second):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    descriptor = os.open(first, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    try:
        os.write(descriptor, b"nftui\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    publish(first, second)
    os.unlink(second)
