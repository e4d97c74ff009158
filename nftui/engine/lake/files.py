"""What a lake's files can be asked for, wherever they lie, and names for what goes wrong with them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nftui.engine.lake.place import Place
from nftui.text import clean

KEEP_SECONDS = 600
"""Replaced parts, and uploads that nobody goes on with, stay so long: for queries that have listed them."""
_DENIED = ("ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE", "HTTP status 403", "HTTP status 401", "CREDENTIALS",
           "TOKEN", "response code 403", "Access Denied")  # fmt: skip
_AWAY = ("NETWORK_CONNECTION", "curlCode", "SLOW_DOWN", "SERVICE_UNAVAILABLE", "INTERNAL_FAILURE", "REQUEST_TIMEOUT",
         "HTTP status 5", "THROTTLING")  # fmt: skip
_FULL = ("HTTP status 507", "QuotaExceeded", "XMinioStorageFull", "EntityTooLarge")
_ERRNOS = {
    errno.ENOSPC: "full", errno.EDQUOT: "full", errno.EACCES: "denied", errno.EPERM: "denied", errno.EROFS: "denied",
    errno.ENOENT: "missing", errno.ENOTDIR: "missing", errno.ESTALE: "missing", errno.EIO: "unreachable",
    errno.ETIMEDOUT: "unreachable", errno.EHOSTDOWN: "unreachable", errno.ENOTCONN: "unreachable",
}  # fmt: skip
_WORDS = {
    "denied": "it refuses the keys or rights that it is given",
    "unreachable": "it does not answer",
    "full": "it is full",
    "missing": "it is not there",
    "other": "it failed",
}


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A file of a lake.

    Attributes:
        path: absolute, or `bucket/key`.
        size: bytes.
        changed: when it was made or moved, seconds of UNIX time.
    """

    path: str
    size: int
    changed: float = 0.0

    @property
    def name(self) -> str:
        """Its name without the directories."""
        return self.path.rpartition("/")[2]


class LakeFiles(Protocol):
    """Files in a directory or in a bucket. Paths are those of `Place.site_root` and below; every call may wait.

    All raise OSError; FileNotFoundError where the file that they are about is not there.
    """

    def names(self, directory: str) -> list[str]:
        """Names of what lies directly in a directory; none if it is not there."""
        ...

    def walk(self, directory: str) -> list[Entry]:
        """All files below a directory; none if it is not there."""
        ...

    def state(self, path: str) -> Entry | None:
        """What is known of a file, None if it is not there."""
        ...

    def end(self, path: str, count: int) -> bytes:
        """The last bytes of a file, at most `count`."""
        ...

    def put(self, source: Path, path: str, alive: Callable[[int], None]) -> None:
        """Copy a local file. Under its name it is there as a whole or not at all, also if this process dies.

        Args:
            source: the local file.
            path: where to; a file that is there is replaced.
            alive: called with the number of bytes of each piece.
        """
        ...

    def mark(self, path: str) -> None:
        """Make an empty file."""
        ...

    def move(self, path: str, target: str) -> None:
        """Give a file another name."""
        ...

    def delete(self, path: str) -> None:
        """Remove a file; one that is gone is no error."""
        ...

    def fetch(self, path: str, target: Path) -> None:
        """Copy a file of the lake to a local file, which is made, for its owner only."""
        ...


def open_files(place: Place) -> LakeFiles:
    """The files of a lake. Nothing is asked of it yet.

    Raises:
        UsageError: the environment says something about S3 that is not understood.
    """
    if place.remote:
        from nftui.engine.lake.bucket import BucketFiles

        return BucketFiles(place)
    from nftui.engine.lake.directory import DirectoryFiles

    return DirectoryFiles(place)


def cause(error: OSError) -> str:
    """One word for what went wrong with a lake: `denied`, `unreachable`, `full`, `missing` or `other`."""
    if error.errno in _ERRNOS:
        return _ERRNOS[error.errno]
    text = str(error)
    for word, marks in (("denied", _DENIED), ("full", _FULL), ("unreachable", _AWAY)):
        if any(mark in text for mark in marks):
            return word
    return "missing" if isinstance(error, FileNotFoundError) or "NO_SUCH_" in text else "other"


def explained(place: Place, error: OSError) -> str:
    """One line for people: which lake, what, and what the system or the service said."""
    return f"lake {place.label}: {_WORDS[cause(error)]}: {clean(str(error).replace(chr(10), ' '), 240)}"
