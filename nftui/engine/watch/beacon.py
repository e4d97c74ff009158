"""Beacons: a host that calls the same service again and again at the same interval, as implants do and cron does.

The starts of flows of each (source, destination, destination port, protocol) are kept for two hours. A series is told
when it has at least eight calls whose intervals differ little: the standard deviation is at most a tenth of the mean.
Flows that start within five seconds of each other are one call.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui import text
from nftui.engine.watch.finding import Finding
from nftui.engine.watch.moment import Bools, Hashes, Ints, Keys, Moment, address_text, group

WINDOW_MS = 2 * 3600 * 1000
_LOOK_MS = 60_000
_SAME_MS = 5000
_CALLS = 8
_JITTER = 0.1
_SHORTEST_MS, _LONGEST_MS = 10_000, 20 * 60_000
_TCP, _UDP = 6, 17
_NTP = 123
_MOST_FOUND = 100
_COLUMNS = ("src_hi", "src_lo", "dst_hi", "dst_lo", "dst_port", "proto", "start", "bytes", "packets")
KEPT_COLUMNS = (*_COLUMNS, "seen")
_WIDTHS = (np.int8, np.int16, np.int32, np.int64)
_SEVERAL = 3
"""Series of fewer calls are not worth keeping over a restart: most are of a single connection."""


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls of one moment, one of each series and second.

    Attributes:
        now_ms: UTC of the moment.
        keys: uint64[calls], which series.
        columns: integers[calls] each, as narrow as their values allow: there are seven hundred moments.
    """

    now_ms: int
    keys: Keys
    columns: dict[str, NDArray[np.signedinteger[Any]]]

    def take(self, rows: Bools | Ints) -> _Calls:
        """Some of the calls."""
        return _Calls(self.now_ms, self.keys[rows], {name: values[rows] for name, values in self.columns.items()})


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
        return self._regular(moment.now_ms)

    def kept(self, most: int) -> dict[str, Ints]:
        """The latest calls of series that have several, at most so many; columns of a call and `seen`, UTC ms."""
        if not self._calls:
            return {name: np.zeros(0, np.int64) for name in KEPT_COLUMNS}
        series = group(np.concatenate([part.keys for part in self._calls]))
        rows = np.flatnonzero(series.sizes[series.of] >= _SEVERAL)[-most:]
        columns = {name: self._column(name)[rows] for name in _COLUMNS}
        seen = np.concatenate([np.full(len(part.keys), part.now_ms, np.int64) for part in self._calls])
        return {**columns, "seen": seen[rows]}

    def restore(self, columns: dict[str, Ints]) -> None:
        """Know calls of before; to be called before the first flow."""
        if not len(columns["seen"]):
            return
        order = np.argsort(columns["seen"], kind="stable")
        columns = {name: values[order] for name, values in columns.items()}
        keys = self._keys(columns)
        moments, starts = np.unique(columns["seen"], return_index=True)
        for seen, start, end in zip(moments, starts, [*starts[1:], len(order)], strict=True):
            part = {name: _narrow(columns[name][start:end]) for name in _COLUMNS}
            self._calls.append(_Calls(int(seen), keys[start:end], part))
        self._kept = len(order)
        while self._kept > self._most:
            self._thin()

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
            keys = keys[keys % self._parts == 0]
            self._calls.append(_Calls(moment.now_ms, keys, {name: _narrow(column[name][rows]) for name in _COLUMNS}))
            self._kept += len(rows)
        while self._calls and self._calls[0].now_ms <= moment.now_ms - WINDOW_MS:
            self._kept -= len(self._calls.popleft().keys)
        if self._kept > self._most:
            self._thin()

    def _thin(self) -> None:
        """Forget half of the series, whole: what is kept of the others stays complete."""
        self._parts *= np.uint64(2)
        self._calls = deque(part.take(part.keys % self._parts == 0) for part in self._calls)
        self._kept = sum(len(part.keys) for part in self._calls)

    def _keys(self, columns: dict[str, Ints]) -> Keys:
        return self._hashes.keys(
            *(columns[name] for name in ("src_hi", "src_lo", "dst_hi", "dst_lo", "dst_port", "proto"))
        )

    def _regular(self, now_ms: int) -> list[Finding]:
        keys = np.concatenate([part.keys for part in self._calls])
        start = self._column("start")
        order = np.lexsort((start, keys))
        keys, start = keys[order], start[order]
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
            self._finding(self._columns(order[series.of == number]), float(mean[number]), float(deviation[number]))
            for number in chosen
        ]

    def _columns(self, rows: Ints) -> dict[str, Ints]:
        """Some calls, numbered over all moments."""
        rows = np.sort(rows)
        ends = np.cumsum([len(part.keys) for part in self._calls])
        parts = np.searchsorted(ends, rows, side="right")
        calls = [
            self._calls[part].take(rows[parts == part] - (ends[part - 1] if part else 0)) for part in np.unique(parts)
        ]
        return {name: np.concatenate([part.columns[name] for part in calls]).astype(np.int64) for name in _COLUMNS}

    def _column(self, name: str) -> Ints:
        """A column of all calls."""
        return np.concatenate([part.columns[name] for part in self._calls]).astype(np.int64)

    def _finding(self, columns: dict[str, Ints], mean: float, deviation: float) -> Finding:
        source = address_text(int(columns["src_hi"][0]), int(columns["src_lo"][0]))
        target = address_text(int(columns["dst_hi"][0]), int(columns["dst_lo"][0]))
        port, proto = int(columns["dst_port"][0]), int(columns["proto"][0])
        name = text.protocol(proto)
        packets, octets, start = int(columns["packets"].sum()), columns["bytes"], columns["start"]
        return Finding(
            "beacon", "regular calls", f"{source} {target} {name} {port}",
            f"{source} calls {target} {name} port {port} every {mean / 1000:.0f} s",
            f"src ip {source} and dst ip {target} and proto {proto} and dst port {port}",
            int(start.min()), int(start.max()), len(start), packets, int(octets.sum()),
            (
                ("calls", str(len(start))),
                ("interval", f"{mean / 1000:.1f} s, standard deviation {deviation / 1000:.1f} s"),
                ("octets a call", f"{octets.min()} to {octets.max()}"),
            ),
        )  # fmt: skip


def _narrow(values: Ints) -> NDArray[np.signedinteger[Any]]:
    """The same numbers in the narrowest signed integers that hold them."""
    least, most = int(values.min()), int(values.max())
    kind = next(kind for kind in _WIDTHS if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max)
    return values.astype(kind)
