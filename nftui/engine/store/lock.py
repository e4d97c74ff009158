"""One writer per store: an advisory lock that dies with its owner.

`flock` is released by the kernel when the process ends, however it ends, so there are no stale locks. The
descriptor is closed on exec (Python's default), because a child that inherited it would keep the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from nftui.engine.store.disk import store_error
from nftui.engine.store.layout import LOCK
from nftui.errors import StoreLocked
from nftui.text import clean


class StoreLock:
    """The right to write a store, held from construction until `release`.

    Args:
        root: the store.
        name: file that is locked: `LOCK` to write flows, `COMPACTION_LOCK` to compact them.

    Raises:
        StoreLocked: another process holds it; the error names that process.
        StoreError: the lock file cannot be made.
    """

    def __init__(self, root: Path, name: str = LOCK) -> None:
        self._path = root / name
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise store_error("open", self._path, error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = clean(os.pread(self._descriptor, 200, 0)).strip() or "unknown process"
            os.close(self._descriptor)
            doing = "written" if name == LOCK else "compacted"
            raise StoreLocked(f"store {root} is {doing} by {owner}", owner) from None
        except OSError as error:
            os.close(self._descriptor)
            raise store_error("lock", self._path, error) from error
        # A full disk must not keep a collector from starting: without the text the lock holds all the same.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{_owner()}\n".encode(), 0)

    def in_place(self) -> bool:
        """Whether the lock file is still the one that was locked: not removed, replaced or unmounted."""
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except OSError:
            return False

    def release(self) -> None:
        """Let others write. The file stays: removing it would race with who is about to lock it."""
        os.close(self._descriptor)


def _owner() -> str:
    return f"pid {os.getpid()} on host {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
