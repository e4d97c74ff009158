"""A lake in a directory, which may be of a network file system."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from nftui.engine.lake.files import Entry
from nftui.engine.lake.place import SITE, Place
from nftui.engine.store import disk
from nftui.engine.store.layout import TEMPORARY

_PIECE = 4 << 20


class DirectoryFiles:
    """Files below a directory, which must exist: it may be the place where a disk is to be mounted.

    Args:
        place: where.
    """

    def __init__(self, place: Place) -> None:
        self._root = Path(place.root)

    def names(self, directory: str) -> list[str]:
        """See `LakeFiles`."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return os.listdir(directory)
        return []

    def walk(self, directory: str) -> list[Entry]:
        """See `LakeFiles`."""
        return sorted(_walk(directory))

    def state(self, path: str) -> Entry | None:
        """See `LakeFiles`."""
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Entry(path, found.st_size, found.st_ctime)

    def end(self, path: str, count: int) -> bytes:
        """See `LakeFiles`."""
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - count))
            return file.read(count)

    def put(self, source: Path, path: str, alive: Callable[[int], None]) -> None:
        """See `LakeFiles`. The copy is forced to the disk before it gets its name."""
        final = Path(path)
        temporary = self._store(final) / TEMPORARY / f".{final.name}.tmp"
        with source.open("rb") as file:
            self._make(temporary.parent)
            self._make(final.parent)
            try:
                disk.make_file(temporary)
                with temporary.open("r+b") as copy:
                    while piece := file.read(_PIECE):
                        copy.write(piece)
                        alive(len(piece))
                    copy.flush()
                    os.fsync(copy.fileno())
                os.rename(temporary, final)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
        disk.sync_directory(final.parent)

    def mark(self, path: str) -> None:
        """See `LakeFiles`."""
        self._make(Path(path).parent)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640))
        disk.sync_directory(Path(path).parent)

    def move(self, path: str, target: str) -> None:
        """See `LakeFiles`."""
        self._make(Path(target).parent)
        os.rename(path, target)
        disk.sync_directory(Path(path).parent)

    def delete(self, path: str) -> None:
        """See `LakeFiles`. Directories that this empties go, too, up to that of the site."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(path)
        for directory in Path(path).parents[:2]:
            if directory.name.startswith(SITE) or self._root not in directory.parents:
                return
            with contextlib.suppress(OSError):
                os.rmdir(directory)

    def fetch(self, path: str, target: Path) -> None:
        """See `LakeFiles`."""
        with open(path, "rb") as file, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as to:
            shutil.copyfileobj(file, to, _PIECE)

    def _make(self, directory: Path) -> None:
        if not self._root.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._root))
        disk.make_directory(directory, self._root)

    def _store(self, path: Path) -> Path:
        """Directory of the site that a path is of."""
        return next(one for one in path.parents if one.name.startswith(SITE) or one == self._root)


def _walk(directory: str) -> Iterator[Entry]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)
            else:
                with contextlib.suppress(FileNotFoundError):
                    found = entry.stat(follow_symlinks=False)
                    yield Entry(entry.path, found.st_size, found.st_ctime)
