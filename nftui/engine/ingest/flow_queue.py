"""Flows on their way to the store: reception never waits for a disk."""

from __future__ import annotations

import threading
from collections import deque

from nftui.engine.batch import FlowBatch


class FlowQueue:
    """Batches in order, bounded by rows; when it is full, the oldest go.

    Args:
        rows: most flows that may wait.
        enough: flows that are worth waking the taker for.
    """

    def __init__(self, rows: int, enough: int) -> None:
        self._limit = rows
        self._enough = enough
        self._batches: deque[FlowBatch] = deque()
        self._ready = threading.Condition()
        self._closed = False
        self.rows = 0
        self._most = 0

    @property
    def fill(self) -> float:
        """How full it is, 0 to 1."""
        return self.rows / self._limit

    @property
    def peak(self) -> float:
        """How full it was at its fullest, 0 to 1."""
        return self._most / self._limit

    def put(self, batches: list[FlowBatch]) -> int:
        """Add batches; returns how many of the oldest flows had to go."""
        dropped = 0
        with self._ready:
            self._batches.extend(batches)
            self.rows += sum(map(len, batches))
            while self.rows > self._limit:
                dropped += self._drop(self.rows - self._limit)
            self._most = max(self._most, self.rows)
            if self.rows >= self._enough:
                self._ready.notify()
        return dropped

    def take(self, seconds: float) -> list[FlowBatch]:
        """All batches, as soon as there are enough flows, the queue is closed or the time is over."""
        with self._ready:
            self._ready.wait_for(lambda: self._closed or self.rows >= self._enough, seconds)
            batches = list(self._batches)
            self._batches.clear()
            self.rows = 0
        return batches

    def close(self) -> None:
        """Let the taker wait no longer."""
        with self._ready:
            self._closed = True
            self._ready.notify()

    def _drop(self, rows: int) -> int:
        oldest = self._batches.popleft()
        if len(oldest) > rows:
            self._batches.appendleft(oldest.slice(rows, len(oldest)))
        dropped = min(rows, len(oldest))
        self.rows -= dropped
        return dropped
