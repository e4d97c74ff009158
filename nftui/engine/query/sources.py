"""What `-r`, `-R` and `-M` name: stores, directories of Parquet files, single Parquet files, live segments."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nftui.errors import UsageError

if TYPE_CHECKING:
    from nftui.engine.store.catalog import SlotFile
    from nftui.engine.store.segment import SegmentReader

_SEALED = ".parquet"


@dataclass(slots=True)
class Sources:
    """Files that a query reads.

    Attributes:
        files: Parquet files, in order of their names.
        segments: opened live segments; `close` gives them back.
        skipped: path and reason of what cannot be read.
        rollups: by their paths, those of the files that have a roll-up.
    """

    files: list[str] = field(default_factory=list)
    segments: list[SegmentReader] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    rollups: dict[str, SlotFile] = field(default_factory=dict)

    def keep_oldest(self, share: float) -> bool:
        """Keep the first files that hold about this share of all bytes, at least one, and no segments.

        Returns:
            Whether fewer are left, and at least one.
        """
        sizes = [os.path.getsize(path) if os.path.exists(path) else 0 for path in self.files]
        if not sizes or len(sizes) + len(self.segments) < 2:
            return False
        room = share * sum(sizes)
        count = 0
        while count < len(sizes) and sum(sizes[: count + 1]) <= room:
            count += 1
        count = max(1, min(count, len(sizes) - (not self.segments)))
        self.rollups = {path: slot for path, slot in self.rollups.items() if path in self.files[:count]}
        self.files = self.files[:count]
        self.close()
        return True

    def close(self) -> None:
        """Give the segments back."""
        for reader in self.segments:
            reader.close()
        self.segments = []


def find_sources(
    paths: list[str], start_ms: int | None = None, end_ms: int | None = None, ranges: bool = False
) -> Sources:
    """Files for the given paths that may hold flows of the window.

    Args:
        paths: a store, a directory, a Parquet file each; with `ranges` also `DIR/FIRST:LAST` and `DIR/FIRST`
            (all files from FIRST on), nfdump's `-R`.
        start_ms: the window, UTC, inclusive; only files that cannot overlap it are left out.
        end_ms: as `start_ms`.
        ranges: paths are those of `-R`.

    Raises:
        UsageError: a path does not exist or is no source of flows.
    """
    found = Sources()
    try:
        for path in paths:
            _add(found, path, start_ms, end_ms, ranges)
    except BaseException:
        found.close()
        raise
    return found


def expand(dirlist: str, names: list[str]) -> list[str]:
    """Nfdump's `-M /any/a:b:c`: each name below /any/a, /any/b and /any/c; the directories if there are no names."""
    first, *others = dirlist.split(":")
    parent = os.path.dirname(first.rstrip("/"))
    folders = [first, *(os.path.join(parent, other) for other in others)]
    return [os.path.join(folder, name) for folder in folders for name in names or [""]]


def is_store(path: str) -> bool:
    """Whether a directory has the marks of a store."""
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        return any(e.name in {".lock", "_live"} or e.name.startswith("date=") for e in entries)
    return False


def _add(found: Sources, path: str, start_ms: int | None, end_ms: int | None, ranges: bool) -> None:
    if os.path.isdir(path):
        if is_store(path):
            _add_store(found, path, start_ms, end_ms)
        else:
            found.files += sorted(_parquet_below(path))
    elif os.path.isfile(path) and not ranges:
        _add_file(found, path)
    elif ranges and os.path.isdir(os.path.dirname(path.partition(":")[0]) or "."):
        found.files += _range(path)
    elif os.path.lexists(path):
        raise UsageError(f"{path}: neither a directory nor a file")
    else:
        raise UsageError(f"{path}: no such file or directory")


def _add_store(found: Sources, path: str, start_ms: int | None, end_ms: int | None) -> None:
    from nftui.engine.store.catalog import Catalog

    snapshot = Catalog(Path(path)).snapshot(start_ms, end_ms)
    found.segments += snapshot.live
    found.files += [slot.file for slot in snapshot.sealed]
    found.rollups |= {slot.file: slot for slot in snapshot.sealed if slot.rollup is not None}


def _add_file(found: Sources, path: str) -> None:
    if path.endswith(".arrows"):
        from nftui.engine.store.segment import SegmentReader

        found.segments.append(SegmentReader(Path(path)))
        return
    with open(path, "rb") as file:
        magic = file.read(4)
    if magic != b"PAR1":
        found.skipped.append((path, "not a Parquet file" if magic else "empty"))
    else:
        found.files.append(path)


def _range(path: str) -> list[str]:
    """Files of `DIR/FIRST:LAST` or `DIR/FIRST`, by name, LAST relative to DIR as FIRST is."""
    start, _, last = path.partition(":")
    folder = os.path.dirname(start) or "."
    files = sorted(_parquet_below(folder))
    first = os.path.join(folder, os.path.basename(start))
    final = os.path.join(folder, last) if last else None
    if first not in files or (final is not None and final not in files):
        missing = first if first not in files else final
        raise UsageError(f"{missing}: no such file; -R takes DIR, DIR/FIRST or DIR/FIRST:LAST")
    return [name for name in files if name >= first and (final is None or name <= final)]


def _parquet_below(folder: str) -> Iterator[str]:
    """Parquet files below a directory; names that begin with `_` or `.` are somebody's work in progress."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] in "_.":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _parquet_below(entry.path)
            elif entry.name.endswith(_SEALED):
                yield entry.path
