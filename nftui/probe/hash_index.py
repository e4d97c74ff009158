"""Open addressing over two arrays: 64-bit hash to row, many look-ups at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_U = np.uint64
_EMPTY, _DEAD, _LIVE = _U(0), _U(1), _U(2)
"""Hashes have their two lowest bits free; a stored one has bit 1 set, so that it is neither empty nor dead."""
_SHIFT = _U(20)

Rows = NDArray[np.int64]


class HashIndex:
    """Finds rows by hash. At most half of the places are taken, so that searches stay short.

    Args:
        capacity: rows that can be stored; `grow` raises it.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._allocate()

    def _allocate(self) -> None:
        size = 1 << (4 * self._capacity - 1).bit_length()
        self._tags = np.zeros(size, np.uint64)
        self._rows = np.zeros(size, np.int32)
        self._place = np.zeros(self._capacity, np.int64)
        self._mask = size - 1
        self._dead = 0

    def _home(self, hashes: NDArray[np.uint64]) -> Rows:
        return (hashes >> _SHIFT).astype(np.int64) & self._mask

    def find(self, hashes: NDArray[np.uint64]) -> tuple[Rows, NDArray[np.bool_]]:
        """Row of each hash, and which were not found (their row is 0)."""
        tags = hashes | _LIVE
        place = self._home(tags)
        seen = self._tags[place]
        hit = seen == tags
        rows = self._rows[place].astype(np.int64)
        if hit.all():
            return rows, ~hit
        missing = seen == _EMPTY
        pending = np.flatnonzero(~(hit | missing))
        place = place[pending]
        while len(pending):
            place = (place + 1) & self._mask
            wanted = tags[pending]
            seen = self._tags[place]
            hit = seen == wanted
            empty = seen == _EMPTY
            rows[pending[hit]] = self._rows[place[hit]]
            missing[pending[empty]] = True
            going = ~(hit | empty)
            pending, place = pending[going], place[going]
        rows[missing] = 0
        return rows, missing

    def insert(self, hashes: NDArray[np.uint64], rows: Rows) -> None:
        """Store hashes that are not there yet, all different."""
        tags = hashes | _LIVE
        pending = np.arange(len(tags))
        place = self._home(tags)
        while len(pending):
            seen = self._tags[place]
            open_ = seen < _LIVE
            # Several may claim one place: the last writer has it, the others see a foreign tag and go on.
            target = place[open_]
            self._tags[target] = tags[pending[open_]]
            won = np.zeros(len(pending), np.bool_)
            won[open_] = self._tags[target] == tags[pending[open_]]
            winner, at = pending[won], place[won]
            self._rows[at] = rows[winner]
            self._place[rows[winner]] = at
            self._dead -= int(np.count_nonzero(seen[won] == _DEAD))
            pending, place = pending[~won], (place[~won] + 1) & self._mask

    def remove(self, rows: Rows) -> None:
        """Forget stored rows."""
        self._tags[self._place[rows]] = _DEAD
        self._dead += len(rows)
        if self._dead > (self._mask + 1) // 4:
            self._rebuild()

    def grow(self, capacity: int) -> None:
        """Make room for more rows."""
        self._capacity = capacity
        self._rebuild()

    def _rebuild(self) -> None:
        live = np.flatnonzero(self._tags >= _LIVE)
        hashes, rows = self._tags[live], self._rows[live].astype(np.int64)
        self._allocate()
        self.insert(hashes & ~_LIVE, rows)
