"""Which flow ends next: rows of the flow table in the order of their expiry.

A sorted dictionary of short spans of time holds the rows. A packet moves the expiry of its flow, but not its
row: an entry may lie too early, never too late, and is moved on when its span comes up. So a flow costs one
entry for its life and not one for each packet.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from sortedcontainers import SortedDict

Rows = NDArray[np.int64]
Seconds = NDArray[np.int64]

SPAN_BITS = 4
"""A span is 16 s: few spans are touched by one batch, and few rows are looked at before their time."""
_NEAR = 16
"""Spans this close together are told apart by comparison, which beats a sort."""
_NEVER = np.int64(1 << 62)


class ExpiryQueue:
    """Rows by expiry time, in UTC seconds; 0 stands for at once.

    Args:
        capacity: rows of the table; `grow` raises it.
    """

    def __init__(self, capacity: int) -> None:
        self._span_of = np.full(capacity, _NEVER, np.int64)
        self._stamp = np.zeros(capacity, np.int64)
        self._spans: SortedDict = SortedDict()
        self._entries = 0
        self._rows = 0

    def grow(self, capacity: int) -> None:
        """Make room for more rows."""
        more = capacity - len(self._span_of)
        self._span_of = np.concatenate([self._span_of, np.full(more, _NEVER, np.int64)])
        self._stamp = np.concatenate([self._stamp, np.zeros(more, np.int64)])

    def schedule(self, rows: Rows, expires: Seconds) -> None:
        """Note the expiry of rows; only those without an entry that is early enough get one."""
        spans = expires >> SPAN_BITS
        known = self._span_of[rows]
        early = spans < known
        if early.any():
            self._rows += int(np.count_nonzero(known[early] == _NEVER))
            self._put(rows[early], spans[early])
            if self._entries > 4 * self._rows + 65_536:
                self._compact()

    def forget(self, rows: Rows) -> None:
        """Drop rows that no longer hold a flow."""
        self._rows -= int(np.count_nonzero(self._span_of[rows] != _NEVER))
        self._span_of[rows] = _NEVER

    def take_due(self, now: int, expires: NDArray[np.uint32]) -> Rows:
        """Take out the rows whose expiry lies before `now`.

        Args:
            now: UTC seconds.
            expires: expiry of every row of the table.
        """
        found = [np.empty(0, np.int64)]
        waiting = []
        while self._spans and self._spans.peekitem(0)[0] <= now >> SPAN_BITS:
            span, rows = self._take_first(expires)
            due = expires[rows] < now
            found.append(rows[due])
            waiting.append((span, rows[~due]))
        return self._finish(found, waiting)

    def take_first(self, count: int, expires: NDArray[np.uint32], sequence: NDArray[np.int64]) -> Rows:
        """Take out the `count` rows that expire next, those of equal time by the number of their flow."""
        found = [np.empty(0, np.int64)]
        waiting = []
        while count > 0 and self._spans:
            span, rows = self._take_first(expires)
            if len(rows) > count:
                chosen = _lowest(count, expires[rows], sequence[rows])
                waiting.append((span, rows[~chosen]))
                rows = rows[chosen]
            found.append(rows)
            count -= len(rows)
        return self._finish(found, waiting)

    def _finish(self, found: list[Rows], waiting: list[tuple[int, Rows]]) -> Rows:
        for span, rows in waiting:
            self._put(rows, np.full(len(rows), span, np.int64))
        taken = np.concatenate(found)
        self.forget(taken)
        return taken

    def _put(self, rows: Rows, spans: Rows) -> None:
        self._span_of[rows] = spans
        self._entries += len(rows)
        if not len(rows):
            return
        low, high = int(spans.min()), int(spans.max())
        if low == high:
            self._spans.setdefault(low, []).append(rows)
            return
        if high - low < _NEAR:
            for span in (np.flatnonzero(np.bincount(spans - low)) + low).tolist():
                self._spans.setdefault(span, []).append(rows[spans == span])
            return
        order = np.argsort(spans, kind="stable")
        ordered = spans[order]
        edges = np.flatnonzero(np.diff(ordered)) + 1
        for span, part in zip(ordered[np.append(0, edges)], np.split(rows[order], edges), strict=True):
            self._spans.setdefault(int(span), []).append(part)

    def _take_first(self, expires: NDArray[np.uint32]) -> tuple[int, Rows]:
        """Rows of the earliest span that are really due in it; the others move on."""
        span, parts = self._spans.popitem(0)
        rows = np.concatenate(parts) if len(parts) > 1 else parts[0]
        self._entries -= len(rows)
        rows = rows[self._span_of[rows] == span]
        # A row that was freed and taken again may have two entries here.
        self._stamp[rows] = np.arange(len(rows))
        rows = rows[self._stamp[rows] == np.arange(len(rows))]
        true = expires[rows].astype(np.int64) >> SPAN_BITS
        later = true > span
        if later.any():
            self._put(rows[later], true[later])
            rows = rows[~later]
        return cast("int", span), rows

    def _compact(self) -> None:
        """Throw away entries that stand for nothing any more."""
        rows = np.flatnonzero(self._span_of != _NEVER)
        self._spans.clear()
        self._entries = 0
        self._put(rows, self._span_of[rows])


def _lowest(count: int, expires: NDArray[np.uint32], sequence: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mask of the `count` rows that are lowest by (expires, sequence)."""
    edge = np.partition(expires, count - 1)[count - 1]
    chosen = expires < edge
    level = np.flatnonzero(expires == edge)
    missing = count - int(np.count_nonzero(chosen))
    if missing < len(level):
        level = level[np.argpartition(sequence[level], missing - 1)[:missing]]
    chosen[level] = True
    return np.asarray(chosen)
