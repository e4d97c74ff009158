"""Beacons: a host that calls the same service again and again at the same interval, as implants do and cron does.

The starts of flows of each (source, destination, destination port, protocol) are kept for two hours. A series is told
when it has at least eight calls whose intervals differ little: the standard deviation is at most a tenth of the mean.
Flows that start within five seconds of each other are one call.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from nftui import text
from nftui.engine.watch.finding import Finding
from nftui.engine.watch.moment import Hashes, Ints, Moment, address_text, group

_WINDOW_MS = 2 * 3600 * 1000
_LOOK_MS = 60_000
_SAME_MS = 5000
_CALLS = 8
_JITTER = 0.1
_SHORTEST_MS, _LONGEST_MS = 10_000, 20 * 60_000
_TCP, _UDP = 6, 17
_NTP = 123
_MOST_FOUND = 100
_COLUMNS = ("src_hi", "src_lo", "dst_hi", "dst_lo", "dst_port", "proto", "start", "bytes", "packets")


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls of one moment, one of each series and second."""

    now_ms: int
    columns: dict[str, Ints]


class BeaconFinder:
    """Finds calls at regular intervals.

    NTP is left out: it calls regularly by design.

    Args:
        hashes: keys of rows.
        most: calls kept; of more, whole series are left out by chance, and the oldest go.
    """

    def __init__(self, hashes: Hashes, most: int) -> None:
        self._hashes = hashes
        self._most = most
        self._calls: deque[_Calls] = deque()
        self._kept = 0
        self._parts = np.uint64(1)
        self._looked_ms = 0

    def find(self, moment: Moment) -> list[Finding]:
        """Regular calls, looked for once a minute."""
        self._take(moment)
        if abs(moment.now_ms - self._looked_ms) < _LOOK_MS or not self._calls:
            return []
        self._looked_ms = moment.now_ms
        columns = {name: np.concatenate([part.columns[name] for part in self._calls]) for name in _COLUMNS}
        return self._regular(columns, moment.now_ms)

    def _take(self, moment: Moment) -> None:
        column = moment.columns
        rows = np.flatnonzero(
            np.isin(column["proto"], (_TCP, _UDP))
            & (column["dst_port"] < column["src_port"])
            & (column["dst_port"] != _NTP)
        )
        keys = self._keys({name: column[name][rows] for name in _COLUMNS})
        _, first = np.unique(self._hashes.keys(keys.view(np.int64), column["start"][rows] // 1000), return_index=True)
        rows, keys = rows[first], keys[first]
        rows = rows[keys % self._parts == 0]
        if len(rows):
            self._calls.append(_Calls(moment.now_ms, {name: column[name][rows] for name in _COLUMNS}))
            self._kept += len(rows)
        while self._calls and self._calls[0].now_ms <= moment.now_ms - _WINDOW_MS:
            self._kept -= len(self._calls.popleft().columns["proto"])
        if self._kept > self._most:
            self._thin()

    def _thin(self) -> None:
        """Forget half of the series, whole: what is kept of the others stays complete."""
        self._parts *= np.uint64(2)
        thinned: deque[_Calls] = deque()
        for part in self._calls:
            rows = np.flatnonzero(self._keys(part.columns) % self._parts == 0)
            thinned.append(_Calls(part.now_ms, {name: values[rows] for name, values in part.columns.items()}))
        self._calls = thinned
        self._kept = sum(len(part.columns["proto"]) for part in thinned)

    def _keys(self, columns: dict[str, Ints]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        return self._hashes.keys(
            *(columns[name] for name in ("src_hi", "src_lo", "dst_hi", "dst_lo", "dst_port", "proto"))
        )

    def _regular(self, columns: dict[str, Ints], now_ms: int) -> list[Finding]:
        keys = self._keys(columns)
        order = np.lexsort((columns["start"], keys))
        keys, start = keys[order], columns["start"][order]
        # A call is the first flow of those that start together.
        same = np.r_[False, (keys[1:] == keys[:-1]) & (start[1:] - start[:-1] < _SAME_MS)]
        order, keys, start = order[~same], keys[~same], start[~same]
        series = group(keys)
        gap = np.diff(start, prepend=start[:1])
        inner = np.r_[False, keys[1:] == keys[:-1]]
        intervals = np.maximum(series.sizes - 1, 1).astype(np.float64)
        mean = np.bincount(series.of[inner], gap[inner].astype(np.float64), len(series.first)) / intervals
        off = (gap - mean[series.of]) ** 2
        deviation = np.sqrt(np.bincount(series.of[inner], off[inner], len(series.first)) / intervals)
        told = (series.sizes >= _CALLS) & (mean >= _SHORTEST_MS) & (mean <= _LONGEST_MS) & (deviation <= _JITTER * mean)
        # A series that stopped is told once more by nobody.
        last = np.zeros(len(series.first), np.int64)
        np.maximum.at(last, series.of, start)
        told &= last >= now_ms - 2 * mean - _LOOK_MS
        chosen = np.flatnonzero(told)
        chosen = chosen[np.argsort((deviation / np.maximum(mean, 1))[chosen], kind="stable")][:_MOST_FOUND]
        return [
            self._finding(columns, order[series.of == number], float(mean[number]), float(deviation[number]))
            for number in chosen
        ]

    def _finding(self, columns: dict[str, Ints], rows: Ints, mean: float, deviation: float) -> Finding:
        row = int(rows[0])
        source = address_text(int(columns["src_hi"][row]), int(columns["src_lo"][row]))
        target = address_text(int(columns["dst_hi"][row]), int(columns["dst_lo"][row]))
        port, proto = int(columns["dst_port"][row]), int(columns["proto"][row])
        name = text.protocol(proto)
        packets, octets = int(columns["packets"][rows].sum()), columns["bytes"][rows]
        start = columns["start"][rows]
        return Finding(
            "beacon", "regular calls", f"{source} {target} {name} {port}",
            f"{source} calls {target} {name} port {port} every {mean / 1000:.0f} s",
            f"src ip {source} and dst ip {target} and proto {proto} and dst port {port}",
            int(start.min()), int(start.max()), len(rows), packets, int(octets.sum()),
            (
                ("calls", str(len(rows))),
                ("interval", f"{mean / 1000:.1f} s, standard deviation {deviation / 1000:.1f} s"),
                ("octets a call", f"{octets.min()} to {octets.max()}"),
            ),
        )  # fmt: skip
