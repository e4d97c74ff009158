"""The flows of the window as they came: what every view is computed from.

The decode thread adds batches; nothing is copied or looked at then. Batches are kept in slices of at most one second
(and at most a part of the permitted rows), the unit in which flows leave the window. Readers take a `View`, a list of
references that later additions do not change.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from nftui.engine.batch import ExtraColumn, FlowBatch, TextColumn, concat
from nftui.engine.clock import Clock
from nftui.engine.limits import Limits
from nftui.engine.live.amounts import durations
from nftui.engine.live.pace import LONGEST

_SLICES_AT_LIMIT = 32
"""A slice is closed early when it holds this part of the permitted rows, so that little goes when it is dropped."""

_ELDERS = 4
"""Long flows from before the window may take this part of the permitted rows and bytes on top."""


@dataclass(slots=True)
class Slice:
    """Batches that arrived within the same second.

    Attributes:
        second: `Clock.monotonic` rounded down.
        opened: `Clock.monotonic` of the first batch.
        opened_ms: UTC of the first batch.
        first: sequence number of the first flow; flows are numbered from 1 in order of arrival.
        rows: number of flows.
        size: memory in bytes.
        batches: the flows.
        tidy: how many of `batches`, from the first on, are the result of merging.
    """

    second: int
    opened: float
    opened_ms: int
    first: int
    rows: int = 0
    size: int = 0
    batches: list[FlowBatch] = field(default_factory=list)
    tidy: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Flows to process together: they arrived within the same second.

    Attributes:
        first: sequence number of the first flow.
        second: `Clock.monotonic` of their arrival, rounded down.
        arrived_ms: UTC of their arrival, to the second.
        batch: the flows.
    """

    first: int
    second: int
    arrived_ms: int
    batch: FlowBatch


@dataclass(frozen=True, slots=True)
class View:
    """The window at one moment.

    Attributes:
        now: `Clock.monotonic`.
        now_ms: UTC.
        since: `Clock.monotonic` from which on no flow is missing.
        first: sequence number of the first flow in the window; of the next one to come when it is empty.
        end: sequence number of the next flow to come.
        chunks: the flows, in order of arrival.
        elders: flows from before the window that lasted longer than it, see `nftui.engine.live.pace`.
    """

    now: float
    now_ms: int
    since: float
    first: int
    end: int
    chunks: tuple[Chunk, ...]
    elders: tuple[Chunk, ...]

    def after(self, sequence: int) -> Iterator[Chunk]:
        """Flows from a sequence number on."""
        for chunk in self.chunks:
            skip = sequence - chunk.first
            if skip <= 0:
                yield chunk
            elif skip < len(chunk.batch):
                yield Chunk(sequence, chunk.second, chunk.arrived_ms, _from_row(chunk.batch, skip))


class Backlog:
    """The last seconds of flows, bounded in rows and bytes; the oldest slice goes first.

    Args:
        clock: gives arrival times.
        limits: `live_rows` and `live_bytes` bound it.
        seconds: length of the window.
    """

    def __init__(self, clock: Clock, limits: Limits, seconds: int) -> None:
        self._clock = clock
        self._limits = limits
        self._seconds = seconds
        self._lock = threading.Lock()
        self._slices: deque[Slice] = deque()
        self._rows = 0
        self._size = 0
        self._since = clock.monotonic()
        self._elders: deque[Chunk] = deque()
        self._elder_rows = 0
        self._elder_size = 0
        self._next_flow = 1

    def add(self, batch: FlowBatch) -> None:
        """Append flows that arrive now. From one thread or many; takes microseconds."""
        if not len(batch):
            return
        if len(batch) > self._limits.live_rows:
            batch = _from_row(batch, len(batch) - self._limits.live_rows)
        now = self._clock.monotonic()
        size = _size(batch)
        with self._lock:
            piece = self._slices[-1] if self._slices else None
            full = self._limits.live_rows // _SLICES_AT_LIMIT
            if piece is None or piece.second != int(now) or piece.rows + len(batch) > full:
                piece = Slice(int(now), now, self._clock.now_ms(), self._next_flow)
                self._slices.append(piece)
            piece.batches.append(batch)
            piece.rows += len(batch)
            piece.size += size
            self._next_flow += len(batch)
            self._rows += len(batch)
            self._size += size
            self._expire(now)

    def view(self) -> View:
        """What is in the window now. Small batches are merged, once, for all who read them later.

        From one thread at a time.
        """
        now = self._clock.monotonic()
        with self._lock:
            self._expire(now)
            pieces = [(piece, tuple(piece.batches[piece.tidy :])) for piece in self._slices]
        for piece, loose in pieces:
            if loose:
                self._tidy(piece, loose)
        with self._lock:
            chunks = [chunk for piece, _ in pieces for chunk in _chunks(piece)]
            first = self._slices[0].first if self._slices else self._next_flow
            chunks = [chunk for chunk in chunks if chunk.first >= first]
            end = chunks[-1].first + len(chunks[-1].batch) if chunks else first
            since = max(self._since, float(int(now) - self._seconds))
            elders = tuple(chunk for chunk in self._elders if chunk.first < first)
        return View(now, self._clock.now_ms(), since, first, end, tuple(chunks), elders)

    def flow(self, sequence: int) -> tuple[FlowBatch, int] | None:
        """Where the flow with a sequence number is, or None when it has left the window."""
        with self._lock:
            place = bisect_right(self._slices, sequence, key=lambda piece: piece.first) - 1
            if place < 0:
                return None
            piece = self._slices[place]
            batches = tuple(piece.batches)
        row = sequence - piece.first
        for batch in batches:
            if row < len(batch):
                return batch, row
            row -= len(batch)
        return None

    def _tidy(self, piece: Slice, loose: tuple[FlowBatch, ...]) -> None:
        merged = concat(loose)
        size = _size(merged) - sum(_size(batch) for batch in loose) if len(loose) > 1 else 0
        with self._lock:
            piece.batches[piece.tidy : piece.tidy + len(loose)] = [merged]
            piece.tidy += 1
            piece.size += size
            if self._slices and piece.first >= self._slices[0].first:
                self._size += size

    def _expire(self, now: float) -> None:
        """Drop slices that left the window, then the oldest until the bounds hold."""
        first = int(now) - self._seconds
        while self._slices and self._slices[0].second < first:
            self._drop()
        while len(self._slices) > 1 and (self._rows > self._limits.live_rows or self._size > self._limits.live_bytes):
            self._drop()
            self._since = self._slices[0].opened

    def _drop(self) -> None:
        piece = self._slices.popleft()
        self._rows -= piece.rows
        self._size -= piece.size
        # Nobody needs the long flows when nobody looks: then nothing has been merged.
        for chunk in _chunks(piece):
            self._keep_long(chunk)

    def _keep_long(self, chunk: Chunk) -> None:
        long = durations(chunk.batch) > self._seconds
        if not long.any():
            return
        batch = chunk.batch.take(long)
        self._elders.append(Chunk(chunk.first, chunk.second, chunk.arrived_ms, batch))
        self._elder_rows += len(batch)
        self._elder_size += _size(batch)
        while self._elders and (
            self._elder_rows > self._limits.live_rows // _ELDERS
            or self._elder_size > self._limits.live_bytes // _ELDERS
            or self._elders[0].second < chunk.second - LONGEST
        ):
            old = self._elders.popleft()
            self._elder_rows -= len(old.batch)
            self._elder_size -= _size(old.batch)


def _chunks(piece: Slice) -> Iterator[Chunk]:
    """The merged batches of a slice."""
    first = piece.first
    for batch in piece.batches[: piece.tidy]:
        yield Chunk(first, piece.second, piece.opened_ms, batch)
        first += len(batch)


def _from_row(batch: FlowBatch, start: int) -> FlowBatch:
    """The flows from a row on, as views."""
    extra = batch.extra
    return FlowBatch(
        len(batch) - start,
        {name: column[start:] for name, column in batch.columns.items()},
        {name: mask[start:] for name, mask in batch.valid.items()},
        {name: TextColumn(column.codes[start:], column.values) for name, column in batch.text.items()},
        ExtraColumn(extra.offsets[start:], extra.data) if extra is not None else None,
    )


def _size(batch: FlowBatch) -> int:
    """Bytes of memory of a batch's columns; texts are shared and not counted."""
    size = sum(column.nbytes for column in batch.columns.values()) + sum(mask.nbytes for mask in batch.valid.values())
    size += sum(column.codes.nbytes for column in batch.text.values())
    if batch.extra is not None:
        size += batch.extra.offsets.nbytes + batch.extra.data.nbytes
    return size
