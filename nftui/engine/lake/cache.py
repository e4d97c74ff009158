"""Files of a bucket, kept on this machine while there is room: their names never stand for another content.

    CACHE/<digest of the place>/site=NAME/date=YYYY-MM-DD/hour=H/<stem>.parquet and .rollup, as in the lake
    CACHE/<digest of the place>/.../<stem>.footer      the end of a file that is not here itself
    CACHE/.lock                                        held by those who read

Nothing is fetched before a question needs it: what roll-ups answer costs no more than the roll-ups. The files that
were not used for longest go when there is no room, if nobody else reads just then.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nftui.engine.lake.files import LakeFiles, cause, explained
from nftui.engine.lake.listing import LakeFile, footer_bytes
from nftui.engine.lake.place import Place
from nftui.engine.store import checksum
from nftui.engine.store.catalog import SlotFile
from nftui.engine.store.layout import REPLACED_SUFFIX, TEMPORARY
from nftui.errors import BackendError, PermissionDenied, StoreError, UsageError

_AT_ONCE = 8
_FOOTER = ".footer"
_GONE = "gone: expired or removed while it was to be read"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class Uncached(Exception):
    """A file cannot be had; the text says why."""


class LakeCache:
    """The files of one question to a lake in a bucket, as local paths that are filled when they are needed.

    Args:
        place: the lake.
        files: of the place.
        listed: the files that the question may need.
        root: directory of the cache, made if it is missing.
        most_bytes: what may lie in it.

    Raises:
        PermissionDenied: the directory belongs to somebody else, or others may write it.
        StoreError: it cannot be made.
    """

    def __init__(self, place: Place, files: LakeFiles, listed: Sequence[LakeFile], root: Path, most_bytes: int) -> None:
        digest = hashlib.sha256(f"{place.endpoint}\n{place.root}".encode()).hexdigest()[:16]
        self._place = place
        self._files = files
        self._cache = root
        self._root = root / digest
        self._most = most_bytes
        self._sizes: dict[str, int] = {}
        self.slots: list[SlotFile] = []
        for one in listed:
            slot = SlotFile(one.file.name, self._local(one.file.file), one.file.rollup)
            self.slots.append(slot)
            self._sizes[slot.file] = one.size
            if slot.rollup_file is not None:
                self._sizes[slot.rollup_file] = one.rollup_size
        self._lock = self._open()
        self._room = self._make_room()

    @property
    def paths(self) -> Collection[str]:
        """All that may be fetched."""
        return self._sizes.keys()

    def size(self, path: str) -> int:
        """Bytes of a file."""
        return self._sizes[path]

    def shown(self, path: str) -> str:
        """Where a file lies in the lake."""
        return f"s3://{self._remote(path)}"

    def close(self) -> None:
        """Let others remove what is not used."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def fetch(self, paths: Iterable[str], cancelled: Callable[[], bool] = lambda: False) -> dict[str, str]:
        """Have files here.

        Args:
            paths: local paths of this cache.
            cancelled: asked between files; then some are left out without a word.

        Returns:
            Those that cannot be had, with the reason.

        Raises:
            UsageError: they need more room than the cache may take.
            BackendError: the lake does not answer or refuses.
            StoreError: the disk of the cache failed.
        """
        wanted = list(paths)
        missing = [path for path in wanted if not self._touch(path)]
        need = sum(self._sizes[path] for path in missing)
        if need > self._room:
            raise UsageError(
                f"{_megabytes(need)} of lake {self._place.label} are needed, and the cache {self._cache} has room for "
                f"{_megabytes(self._room)} more: ask for a shorter time, or raise lake.cache (NFTUI_LAKE_CACHE)"
            )
        self._room -= need
        failed: dict[str, str] = {}

        def one(path: str) -> None:
            if not cancelled():
                try:
                    self._fetch(path)
                except Uncached as error:
                    failed[path] = str(error)

        with ThreadPoolExecutor(_AT_ONCE, "lake") as pool:
            for _ in pool.map(one, missing):
                pass
        return failed

    def footers(
        self, paths: Iterable[str], cancelled: Callable[[], bool] = lambda: False
    ) -> tuple[Mapping[str, pq.FileMetaData], dict[str, str]]:
        """What the ends of Parquet files say, without fetching more than these; and those that cannot be had."""
        found: dict[str, pq.FileMetaData] = {}
        failed: dict[str, str] = {}

        def one(path: str) -> None:
            if not cancelled():
                try:
                    found[path] = self._footer(path)
                except Uncached as error:
                    failed[path] = str(error)

        with ThreadPoolExecutor(_AT_ONCE, "lake") as pool:
            for _ in pool.map(one, paths):
                pass
        return found, failed

    def _local(self, remote: str) -> str:
        """Every part of the name has been parsed by the listing: it cannot lead elsewhere."""
        return str(self._root / remote.removeprefix(f"{self._place.root}/"))

    def _remote(self, local: str) -> str:
        return f"{self._place.root}/{Path(local).relative_to(self._root).as_posix()}"

    def _touch(self, path: str) -> bool:
        """Whether a file is here; its use is noted."""
        try:
            if os.stat(path).st_size != self._sizes[path]:
                return False
            os.utime(path)
        except OSError:
            return False
        return True

    def _fetch(self, path: str) -> None:
        temporary = self._temporary(path)
        try:
            self._try(lambda remote: self._files.fetch(remote, temporary), path)
            if temporary.stat().st_size != self._sizes[path] or checksum.check(temporary) is False:
                raise Uncached("damaged")
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    def _footer(self, path: str) -> pq.FileMetaData:
        place = Path(path).with_suffix(_FOOTER)
        try:
            with contextlib.suppress(OSError, pa.ArrowException):
                return pq.read_metadata(path if self._touch(path) else place)
            end: list[bytes] = []
            self._try(lambda remote: end.append(footer_bytes(self._files, remote)), path)
            found = pq.read_metadata(io.BytesIO(end[0]))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise Uncached("damaged") from error
        temporary = self._temporary(path)
        with contextlib.suppress(OSError):  # it would only save asking again
            temporary.write_bytes(end[0])
            os.replace(temporary, place)
        return found

    def _try(self, ask: Callable[[str], object], path: str) -> None:
        """Ask for a file of the lake, or for what it is called since a compaction has replaced it."""
        remote = self._remote(path)
        names = [remote]
        if len(parts := remote.split("/")) > 3:
            replaced = Path(path).stem + REPLACED_SUFFIX
            names.append("/".join([*parts[:-3], TEMPORARY, replaced]))
        for name in names:
            try:
                ask(name)
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    raise StoreError(f"cache {self._cache}: {error.strerror}: see lake.cache") from error
                if cause(error) != "missing":
                    raise BackendError(explained(self._place, error)) from error
        raise Uncached(_GONE)

    def _temporary(self, path: str) -> Path:
        try:
            Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=Path(path).parent)
        except OSError as error:
            raise StoreError(f"cache {self._cache}: {error.strerror}") from error
        os.close(handle)
        return Path(name)

    def _open(self) -> int:
        try:
            self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = os.stat(self._cache)
            if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise PermissionDenied(f"cache {self._cache}: it must belong to you, and nobody else may write it")
            return os.open(self._cache / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot use the cache {self._cache}: {error.strerror}") from error

    def _make_room(self) -> int:
        """Remove what was not used for longest, if nobody else reads; bytes that may be fetched."""
        alone = True
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            alone = False
        here = self._here()
        total = sum(size for _, _, size in here)
        need = sum(size for path, size in self._sizes.items() if not os.path.exists(path))
        if alone:
            for _, path, size in here:
                if total + min(need, self._most) <= self._most:
                    break
                if path not in self._sizes:
                    with contextlib.suppress(OSError):
                        os.unlink(path)
                        total -= size
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        return max(0, self._most - total)

    def _here(self) -> list[tuple[float, str, int]]:
        """All files: when they were used, path, size; the one that was not used for longest first."""
        found = []
        for directory, _, names in os.walk(self._cache):
            for name in names:
                path = os.path.join(directory, name)
                with contextlib.suppress(OSError):
                    status = os.stat(path)
                    if name != ".lock":
                        found.append((status.st_mtime, path, status.st_size))
        return sorted(found)


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def open_cache(place: Place, sites: Sequence[str], start_ms: int | None, end_ms: int | None) -> LakeCache:
    """The cache of the user, for the files of a lake that may hold flows of a window.

    Raises:
        NftuiError: the lake cannot be listed, or the cache not be used.
    """
    import platformdirs

    from nftui.config import APP, load
    from nftui.engine.lake.files import open_files
    from nftui.engine.lake.listing import list_files
    from nftui.engine.store.retention import parse_policy

    most = parse_policy(size=load().lake.cache).most_bytes
    files = open_files(place)
    listed = list_files(place, sites, start_ms, end_ms, files)
    root = Path(platformdirs.user_cache_dir(APP, appauthor=False)) / "lake"
    return LakeCache(place, files, listed, root, most or 0)
