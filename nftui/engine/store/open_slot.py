"""A slot that takes flows: what waits in memory, and the segment that it goes to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from nftui.engine.batch import FlowBatch
from nftui.engine.store.layout import slot_start
from nftui.engine.store.segment import SegmentWriter

_BYTES_PER_ROW = 128
"""Extra elements weigh as further rows of this size: a chunk of large records must not be much larger than others."""


class OpenSlot:
    """Pending flows of one slot, oldest first.

    Attributes:
        start_ms: start of the slot, UTC ms.
        segment: where its flows go, None before the first and after a full one.
        pending_rows: flows that wait.
        first_pending: monotonic time at which the oldest of them came.
        last_added: monotonic time of the newest.
    """

    def __init__(self, start_ms: int) -> None:
        self.start_ms = start_ms
        self.segment: SegmentWriter | None = None
        self.pending_rows = 0
        self.first_pending = 0.0
        self.last_added = 0.0
        self._pending: deque[FlowBatch] = deque()
        self._weight = 0

    def add(self, batch: FlowBatch, now: float) -> None:
        """Queue flows that came at the monotonic time `now`."""
        if not self._pending:
            self.first_pending = now
        self.last_added = now
        self._pending.append(batch)
        self.pending_rows += batch.length
        self._weight += _weight(batch)

    def full(self, rows: int) -> bool:
        """Whether a chunk of `rows` is together."""
        return self._weight >= rows

    def next_chunk(self, rows: int) -> list[FlowBatch]:
        """Take the oldest flows, at most `rows` and at least one."""
        parts: list[FlowBatch] = []
        room = rows
        while self._pending and room > 0:
            batch = self._pending.popleft()
            weight = _weight(batch)
            if weight > room:
                count = max(1, batch.length * room // weight)
                if count < batch.length:
                    self._pending.appendleft(batch.slice(count, batch.length))
                    batch = batch.slice(0, count)
                weight = room
            parts.append(batch)
            room -= weight
        self._taken(parts)
        return parts

    def put_back(self, parts: list[FlowBatch]) -> None:
        """Return a chunk that could not be written."""
        self._pending.extendleft(reversed(parts))
        self.pending_rows += sum(part.length for part in parts)
        self._weight += sum(_weight(part) for part in parts)

    def drop(self, rows: int) -> int:
        """Forget the `rows` oldest flows; returns how many there were to forget."""
        dropped: list[FlowBatch] = []
        left = rows
        while left > 0 and self._pending:
            batch = self._pending.popleft()
            if batch.length > left:
                self._pending.appendleft(batch.slice(left, batch.length))
                batch = batch.slice(0, left)
            left -= batch.length
            dropped.append(batch)
        self._taken(dropped)
        return rows - left

    def _taken(self, parts: list[FlowBatch]) -> None:
        self.pending_rows -= sum(part.length for part in parts)
        self._weight = sum(_weight(batch) for batch in self._pending)


def _weight(batch: FlowBatch) -> int:
    return batch.length + (len(batch.extra.data) // _BYTES_PER_ROW if batch.extra is not None else 0)


def split_by_slot(batch: FlowBatch, slot_seconds: int, now_ms: int) -> Iterator[tuple[int, FlowBatch]]:
    """The batch as (slot start, flows of that slot), by time of reception; `now_ms` stands in where there is none."""
    if not batch.length:
        return
    received = batch.columns.get("time_received_ms")
    if received is None:
        yield slot_start(now_ms, slot_seconds), batch
        return
    first, last = (slot_start(int(edge), slot_seconds) for edge in (received.min(), received.max()))
    if first == last:
        yield first, batch
        return
    slots = np.array([slot_start(int(value), slot_seconds) for value in np.unique(received)])
    starts = slots[np.searchsorted(np.unique(received), received)]
    for start in np.unique(starts):
        yield int(start), batch.take(starts == start)
