"""Sums over the window and throughput over time of the flows that match a filter."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui import text
from nftui.engine.batch import Array, Mask
from nftui.engine.live.amounts import amounts
from nftui.engine.live.backlog import Cursor, View
from nftui.engine.live.matching import Matcher
from nftui.engine.live.snapshot import Amount, Series

HISTORY_SECONDS = 300
"""Buckets of the throughput chart, more than the window: a wide screen has room for them."""

_SERIES = 7
"""Protocols shown by name; the rest is one series."""

_NO_PROTOCOL = 256


@dataclass(frozen=True, slots=True)
class _Sum:
    number: int
    flows: int
    packets: int
    bytes: int
    exact: bool


class Traffic:
    """Running totals and series of one filter.

    Args:
        scaled: multiply by the sampling rate.
    """

    def __init__(self, scaled: bool) -> None:
        self._scaled = scaled
        self._cursor: Cursor = (0, 0)
        self._sums: deque[_Sum] = deque()
        self._ring = np.zeros((_NO_PROTOCOL + 1, HISTORY_SECONDS))
        self._first: int | None = None
        self._second = 0

    def update(self, view: View, match: Matcher) -> None:
        """Take in the flows that came since the last call."""
        while self._sums and self._sums[0].number < view.oldest:
            self._sums.popleft()
        if self._first is None:
            self._first = int(view.since)
            self._second = self._first - 1
        self._advance(int(view.now))
        for chunk in view.after(self._cursor):
            batch = match(chunk)
            if not len(batch):
                continue
            rows = amounts(batch, self._scaled)
            octets = rows.forward + rows.backward
            self._sums.append(
                _Sum(chunk.slice.number, int(rows.flows.sum()), int(rows.packets.sum()), int(octets.sum()), rows.exact)
            )
            proto = _protocols(batch.columns.get("proto"), batch.valid.get("proto"), len(batch))
            column = chunk.slice.second % HISTORY_SECONDS
            self._ring[:, column] += np.bincount(proto, octets, _NO_PROTOCOL + 1)
        self._cursor = view.end()

    def amount(self, seconds: float) -> Amount:
        """Sums over the window.

        Args:
            seconds: time that the window covers.
        """
        flows = sum(part.flows for part in self._sums)
        packets = sum(part.packets for part in self._sums)
        octets = sum(part.bytes for part in self._sums)
        return Amount(flows, packets, octets, flows / seconds, packets / seconds, octets * 8 / seconds)

    @property
    def exact(self) -> bool:
        """Whether no counter in the window was cut."""
        return all(part.exact for part in self._sums)

    def series(self, view: View) -> Series:
        """Throughput by protocol, bits per second."""
        if self._first is None:
            return Series()
        last = int(view.now)
        first = max(self._first, last - HISTORY_SECONDS + 1)
        table = self._ring[:, np.arange(first, last + 1) % HISTORY_SECONDS] * 8
        busy = table.sum(axis=1)
        order = np.argsort(-busy, kind="stable")
        order = order[busy[order] > 0]
        values = table[order[:_SERIES]]
        labels = ["-" if code == _NO_PROTOCOL else text.protocol(int(code)) for code in order[:_SERIES]]
        if len(order) > _SERIES:
            values = np.vstack([values, table[order[_SERIES:]].sum(axis=0)])
            labels.append("other")
        start_ms = view.now_ms - round((view.now - first) * 1000)
        return Series(start_ms, 1000, tuple(labels), values, True)

    def _advance(self, second: int) -> None:
        """Clear the buckets from the last second seen to this one."""
        fresh = range(max(self._second + 1, second - HISTORY_SECONDS + 1), second + 1)
        if fresh:
            self._ring[:, np.array(fresh) % HISTORY_SECONDS] = 0
            self._second = second


def _protocols(column: Array | None, valid: Mask | None, rows: int) -> NDArray[np.intp]:
    """Protocol of each row as a place in the ring."""
    if column is None:
        return np.full(rows, _NO_PROTOCOL)
    proto = column.astype(np.intp)
    return proto if valid is None else np.where(valid, proto, _NO_PROTOCOL)
