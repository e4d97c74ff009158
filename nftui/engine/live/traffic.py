"""Sums over the window and throughput over time of the flows that match a filter."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.live.amounts import Amounts, amounts
from nftui.engine.live.backlog import Chunk, View
from nftui.engine.live.matching import Matcher
from nftui.engine.live.pace import LONGEST, ladder
from nftui.engine.live.snapshot import Amount, Series

HISTORY_SECONDS = 300
"""Buckets of the throughput chart, more than the window: a wide screen has room for them."""

_AHEAD = 720
"""Longest replay of a flow in the chart; together with the history the length of the ring."""

_RING = HISTORY_SECONDS + _AHEAD

_SERIES = 7
"""Protocols shown by name; the rest is one series."""

_NO_PROTOCOL = 256
_CODES = _NO_PROTOCOL + 1


@dataclass(frozen=True, slots=True)
class _Sum:
    """Sums of a chunk, `short` without the flows that last longer than the window."""

    first: int
    flows: int
    packets: int
    bytes: int
    short_packets: int
    short_bytes: int
    exact: bool


class Traffic:
    """Running totals and series of one filter.

    Args:
        scaled: multiply by the sampling rate.
        seconds: length of the window.
    """

    def __init__(self, scaled: bool, seconds: int) -> None:
        self._scaled = scaled
        self._seconds = seconds
        self._next = 0
        self._forget()

    def _forget(self) -> None:
        self._sums: deque[_Sum] = deque()
        self._replayed: list[tuple[int, float, float]] = []  # heap of (last second, bits/s, packets/s)
        # Of 256 protocols a network has a handful: a row each for those that came, in order of their coming.
        self._ring = np.zeros((0, _RING))
        self._row_of: dict[int, int] = {}
        self._first = 0
        self._second = 0

    def update(self, view: View, match: Matcher) -> None:
        """Let go of what left the window and take in the flows that came since the last call."""
        now = int(view.now)
        if self._next < max(1, view.first):  # new, or flows came and went unseen
            self._forget()
            self._first = self._second = int(view.since)
            for chunk in view.elders:
                self._take_in(chunk, match, now, elder=True)
        while self._sums and self._sums[0].first < view.first:
            self._sums.popleft()
        while self._replayed and self._replayed[0][0] < now:
            heapq.heappop(self._replayed)
        # Seconds that left the history become those furthest ahead.
        stale = np.arange(self._second, min(now, self._second + _RING)) - HISTORY_SECONDS + 1
        self._ring[:, stale % _RING] = 0
        self._second = now
        for chunk in view.after(self._next):
            self._take_in(chunk, match, now)
        self._next = view.end

    def _take_in(self, chunk: Chunk, match: Matcher, now: int, elder: bool = False) -> None:
        batch = match(chunk)
        if not len(batch):
            return
        rows = amounts(batch, self._scaled)
        octets = rows.forward + rows.backward
        long = rows.seconds > self._seconds
        if not elder:
            packets, total = int(rows.packets.sum()), int(octets.sum())
            some = bool(long.any())
            long_packets = int(rows.packets[long].sum()) if some else 0
            long_bytes = int(octets[long].sum()) if some else 0
            flows = int(rows.flows.sum())
            self._sums.append(
                _Sum(chunk.first, flows, packets, total, packets - long_packets, total - long_bytes, rows.exact)
            )
        self._draw(chunk.second, batch, octets, rows.seconds, now)
        if long.any():
            self._replay(chunk.second, rows.take(long), octets[long], now)

    def _replay(self, second: int, rows: Amounts, octets: NDArray[np.int64], now: int) -> None:
        rungs, rung = ladder(rows.seconds, self._seconds, LONGEST)
        bits = np.bincount(rung, octets * 8 / rows.seconds, len(rungs))
        packets = np.bincount(rung, rows.packets / rows.seconds, len(rungs))
        for place in np.flatnonzero(bits + packets):
            last = second + int(rungs[place])
            if last >= now:
                heapq.heappush(self._replayed, (last, float(bits[place]), float(packets[place])))

    def _draw(
        self, second: int, batch: FlowBatch, octets: NDArray[np.int64], seconds: NDArray[np.float64], now: int
    ) -> None:
        """Put flows into the chart, from their arrival on for as long as they lasted."""
        rungs, rung = ladder(seconds, 1, _AHEAD)
        code = rung * _CODES + _protocols(batch)
        table = np.bincount(code, octets, len(rungs) * _CODES).reshape(len(rungs), _CODES)
        start = max(second, now - HISTORY_SECONDS + 1)
        for place in np.flatnonzero(table.any(axis=1)):
            hold = int(rungs[place])
            codes = np.flatnonzero(table[place])
            cells = np.arange(start, second + hold) % _RING
            rows = self._rows(codes.tolist())
            self._ring[rows[:, None], cells] += (table[place, codes] / hold)[:, None]

    def _rows(self, codes: list[int]) -> NDArray[np.intp]:
        """Where the chart of each of these protocols is."""
        for code in codes:
            self._row_of.setdefault(code, len(self._row_of))
        missing = len(self._row_of) - len(self._ring)
        if missing:
            self._ring = np.vstack([self._ring, np.zeros((missing, _RING))])
        return np.array([self._row_of[code] for code in codes], np.intp)

    def amount(self, seconds: float) -> Amount:
        """Sums over the window, and rates.

        Args:
            seconds: time that the window covers.
        """
        flows = sum(part.flows for part in self._sums)
        bits = sum(rate for _, rate, _ in self._replayed)
        packets = sum(rate for _, _, rate in self._replayed)
        return Amount(
            flows,
            sum(part.packets for part in self._sums),
            sum(part.bytes for part in self._sums),
            flows / seconds,
            sum(part.short_packets for part in self._sums) / seconds + packets,
            sum(part.short_bytes for part in self._sums) * 8 / seconds + bits,
        )

    @property
    def exact(self) -> bool:
        """Whether no counter in the window was cut."""
        return all(part.exact for part in self._sums)

    def series(self, view: View) -> Series:
        """Throughput by protocol, bits per second."""
        last = int(view.now)
        first = max(self._first, last - HISTORY_SECONDS + 1)
        table = self._ring[:, np.arange(first, last + 1) % _RING] * 8
        busy = table.sum(axis=1)
        codes = np.array(list(self._row_of), np.intp)
        order = np.lexsort((codes, -busy))
        order = order[busy[order] > 0]
        values = table[order[:_SERIES]]
        labels = ["-" if code == _NO_PROTOCOL else text.protocol(code) for code in codes[order[:_SERIES]].tolist()]
        if len(order) > _SERIES:
            values = np.vstack([values, table[order[_SERIES:]].sum(axis=0)])
            labels.append("other")
        start_ms = view.now_ms - round((view.now - first) * 1000)
        return Series(start_ms, 1000, tuple(labels), values, True)


def _protocols(batch: FlowBatch) -> NDArray[np.intp]:
    """Protocol of each row, `_NO_PROTOCOL` for null."""
    column = batch.columns.get("proto")
    if column is None:
        return np.full(len(batch), _NO_PROTOCOL)
    proto = column.astype(np.intp)
    valid = batch.valid.get("proto")
    return proto if valid is None else np.where(valid, proto, _NO_PROTOCOL)
