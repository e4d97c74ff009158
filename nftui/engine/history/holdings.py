"""The files of stores, directories and other tools, opened once and looked at again for every question."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from nftui.engine.history.values import TimeRange
from nftui.engine.query.sources import Sources, find_sources, is_store
from nftui.engine.store.arrow import schema_of
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.narrow import NarrowBatch, narrow
from nftui.engine.store.segment import SegmentReader, widen

if TYPE_CHECKING:
    from nftui.engine.query.foreign import Formats


_MOST_DAMAGED = 10_000
_MOST_DECODED = 32 << 20
"""Bytes of decoded flows of live segments that are kept for the next question."""
_FEW = 16
"""So many decoded batches of like size become one. A segment is written twice a second, and what Arrow needs for each
column of each batch is more than the flows of a quiet network."""

_State = tuple[int, int, int]


def _state(file: str) -> _State | None:
    """What changes when a file does; None without one."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def state_of(sources: Sources) -> tuple[object, ...]:
    """What is the same for as long as the same flows are there, and never where there are files of other tools."""
    paths = [*sources.files, *(str(segment.path) for segment in sources.segments)]
    return (*((path, _state(path)) for path in paths), object() if sources.foreign else None)


class KeptSegment(SegmentReader):
    """A live segment whose flows are decompressed once: each reading gives them all, those that came since included.

    Flows that are forgotten are decoded again by the next reading.

    Attributes:
        last_ms: latest time of reception of the flows read so far, UTC ms.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.last_ms = 0
        self._levels: list[list[NarrowBatch]] = [[]]  # of each level 16 make one of the next; the newest in the first
        self._forgotten = False

    @property
    def decoded_bytes(self) -> int:
        """Memory that the decoded flows take."""
        return sum(batch.record.nbytes for level in self._levels for batch in level)

    def forget(self) -> None:
        """Give the decoded flows back; what was counted stands until the next reading."""
        self._levels = [[]]
        self._forgotten = True

    def narrow_batches(self) -> Iterator[NarrowBatch]:
        """All complete batches of the file, small ones merged."""
        if self._forgotten:
            self.rewind()
            self._forgotten = False
        for batch in super().narrow_batches():
            received: Any = pc.max(batch.restore(("time_received_ms",)).column(0))
            self.last_ms = max(self.last_ms, received.as_py() or 0)
            self._keep(batch)
        for level in reversed(self._levels):
            yield from tuple(level)

    def _keep(self, batch: NarrowBatch) -> None:
        self._levels[0].append(batch)
        for number, level in enumerate(self._levels):
            if len(level) < _FEW:
                break
            if number + 1 == len(self._levels):
                self._levels.append([])
            self._levels[number + 1].append(_merged(level))
            level.clear()

    def close(self) -> None:
        """Nothing: the file stays open until `release`."""

    def release(self) -> None:
        """Give the file and the flows back."""
        super().close()
        self._levels = [[]]


def _merged(batches: Sequence[NarrowBatch]) -> NarrowBatch:
    """One batch with the columns that any of them has."""
    schema = schema_of(name for batch in batches for name in batch.record.schema.names)
    table = pa.Table.from_batches([widen(batch.restore(), schema) for batch in batches], schema)
    return NarrowBatch(*narrow(table.combine_chunks().to_batches()[0]))


class _Store:
    """One store, whose directories are listed again only when they change."""

    def __init__(self, root: Path) -> None:
        self._catalog = Catalog(root)
        self._segments: dict[Path, KeptSegment] = {}

    def add_to(self, found: Sources, ranges: Sequence[TimeRange]) -> None:
        self.release_sealed()
        for within in ranges or (None,):
            start, end = (None, None) if within is None else (within.start_ms, within.end_ms)
            snapshot = self._catalog.snapshot(start, end, self._open)
            found.segments += [segment for segment in snapshot.live if segment not in found.segments]
            found.files += [slot.file for slot in snapshot.sealed if slot.file not in found.rollups]
            found.rollups |= {slot.file: slot for slot in snapshot.sealed}

    def release_sealed(self) -> None:
        """Let go of segments that have become sealed files."""
        for path in [path for path, segment in self._segments.items() if segment.removed]:
            self._segments.pop(path).release()

    def segments(self) -> list[KeptSegment]:
        """Live segments that were opened."""
        return list(self._segments.values())

    def _open(self, path: Path) -> KeptSegment:
        segment = self._segments.get(path)
        if segment is None:
            segment = self._segments[path] = KeptSegment(path)
        return segment

    def close(self) -> None:
        for segment in self._segments.values():
            segment.release()
        self._segments = {}


class Kept(Protocol):
    """What a history can ask about."""

    def sources(self, *ranges: TimeRange) -> Sources:
        """Files that may hold flows of any of the ranges; all without one."""
        ...

    def remember(self, skipped: Sequence[tuple[str, str]]) -> None:
        """Leave out files that a question found damaged, until they change."""
        ...

    def forget(self, everything: bool = False) -> None:
        """Give back what is kept for the next question."""
        ...

    def close(self) -> None:
        """Give all files back."""
        ...


class Holdings:
    """What is stored in directories and files of this machine.

    Args:
        paths: stores, directories, files.
        formats: opens files of other tools; None to know none.
    """

    def __init__(self, paths: Sequence[str], formats: Formats | None) -> None:
        self._paths = tuple(paths)
        self._formats = formats
        self._stores: dict[str, _Store] = {}
        self._damaged: dict[str, tuple[_State, str]] = {}

    def sources(self, *ranges: TimeRange) -> Sources:
        """Files that may hold flows of any of the ranges; all without one. Those that do not exist yet are left out."""
        found = Sources(formats=self._formats)
        start = min((within.start_ms for within in ranges), default=None)
        end = max((within.end_ms for within in ranges), default=None)
        for path in self._paths:
            store = self._stores.get(path)
            if store is None and is_store(path):
                store = self._stores[path] = _Store(Path(path))
            if store is not None:
                store.add_to(found, ranges)
            elif os.path.lexists(path):
                others = find_sources([path], start, end, formats=self._formats)
                found.files += others.files
                found.segments += others.segments
                found.foreign += others.foreign
                found.skipped += others.skipped
        found.rollups = {file: slot for file, slot in found.rollups.items() if slot.rollup is not None}
        for file in [file for file in found.files if file in self._damaged]:
            state, reason = self._damaged[file]
            if _state(file) == state:
                found.files.remove(file)
                found.skipped.append((file, reason))
            else:
                del self._damaged[file]
        return found

    def remember(self, skipped: Sequence[tuple[str, str]]) -> None:
        """Leave out files that a question found damaged, until they change; each new one costs a further reading."""
        for file, reason in skipped:
            state = _state(file)
            if state is not None and len(self._damaged) < _MOST_DAMAGED:
                self._damaged[file] = (state, reason)

    def forget(self, everything: bool = False) -> None:
        """Give back decoded flows of live segments, those of the largest, beyond what is kept for the next question."""
        most = 0 if everything else _MOST_DECODED
        for store in self._stores.values():
            store.release_sealed()
        for segment in sorted(
            (segment for store in self._stores.values() for segment in store.segments()),
            key=lambda segment: segment.decoded_bytes,
        ):
            most -= segment.decoded_bytes
            if most < 0:
                segment.forget()

    def close(self) -> None:
        """Give all files back."""
        for store in self._stores.values():
            store.close()
        self._stores = {}
