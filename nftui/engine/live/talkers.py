"""Top talkers: running sums per group of one view and filter, and the ranked rows of a snapshot."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.engine.live.amounts import Amounts, amounts
from nftui.engine.live.backlog import Chunk, Cursor, View
from nftui.engine.live.grouping import GroupTable, Part, best, group, rank
from nftui.engine.live.identity import Identity, KeyCollision
from nftui.engine.live.keys import End, TalkerView
from nftui.engine.live.matching import Matcher
from nftui.engine.live.ranked import HISTORY_PARTS, Level, Rows
from nftui.engine.live.snapshot import Amount, ColumnSpec
from nftui.engine.schema import Show

_BYTES, _PACKETS, _FLOWS, _TX, _RX = range(5)


@dataclass(slots=True)
class _Held:
    """A part of the table and the slice that it came from."""

    number: int
    second: int
    part: Part


class Talkers:
    """Groups of the flows in the window that match a filter.

    Args:
        view: what makes a group.
        identity: gives groups their keys; shared by all states of the view, so that keys stay the same.
        scaled: multiply by the sampling rate.
        seconds: length of the window.
    """

    def __init__(self, view: TalkerView, identity: Identity, scaled: bool, seconds: int) -> None:
        self._view = view
        self._identity = identity
        self._scaled = scaled
        self._seconds = seconds
        self._table = GroupTable(view.words, 5 if view.two_ends else 3)
        self._held: deque[_Held] = deque()
        self._cursor: Cursor = (0, 0)

    def update(self, view: View, match: Matcher) -> None:
        """Let go of what left the window and take in the flows that came since the last call."""
        while self._held and self._held[0].number < view.oldest:
            self._table.remove(self._held.popleft().part)
        for chunk in view.after(self._cursor):
            self._take_in(chunk, match)
        self._cursor = view.end()

    def _take_in(self, chunk: Chunk, match: Matcher) -> None:
        batch = match(chunk)
        if not len(batch):
            return
        words, sums = self._rows(self._view.ends(batch), amounts(batch, self._scaled))
        if not len(words[0]):
            return
        while True:
            try:
                part = group(self._identity, words, sums)
                self._table.add(part, chunk.slice.opened_ms)
                break
            except KeyCollision as collision:
                self._identity.alias(collision.words)
        self._held.append(_Held(chunk.slice.number, chunk.slice.second, part))

    def _rows(self, ends: list[End], rows: Amounts) -> tuple[list[NDArray[np.uint64]], dict[int, NDArray[np.int64]]]:
        """Key columns and amounts to group: one row per flow, or one per flow and end."""
        octets = rows.forward + rows.backward
        if not self._view.two_ends:
            return ends[0][0], {_BYTES: octets, _PACKETS: rows.packets, _FLOWS: rows.flows}
        (near, near_valid), (far, far_valid) = ends
        same = np.ones(len(octets), np.bool_)
        for one, other in zip(near, far, strict=True):
            same &= one == other
        if near_valid is not None:
            same &= near_valid
        once = ~same
        sides = {
            _BYTES: (octets, octets * once),
            _PACKETS: (rows.packets, rows.packets * once),
            _FLOWS: (rows.flows, rows.flows * once),
            _TX: (rows.forward, rows.backward),
            _RX: (rows.backward, rows.forward),
        }
        first = slice(None) if near_valid is None else near_valid
        second = slice(None) if far_valid is None else far_valid
        words = [np.concatenate([one[first], other[second]]) for one, other in zip(near, far, strict=True)]
        return words, {column: np.concatenate([a[first], b[second]]) for column, (a, b) in sides.items()}

    def columns(self) -> tuple[ColumnSpec, ...]:
        """Columns of the view in display order."""
        rates = [ColumnSpec("rate", "Rate", Show.COUNT, "bit/s")]
        totals = [ColumnSpec("bytes", "Bytes", Show.COUNT, "B")]
        if self._view.two_ends:
            tx, rx = self._view.titles
            rates += [ColumnSpec("tx", tx, Show.COUNT, "bit/s"), ColumnSpec("rx", rx, Show.COUNT, "bit/s")]
            totals += [
                ColumnSpec("tx_bytes", tx + " bytes", Show.COUNT, "B"),
                ColumnSpec("rx_bytes", rx + " bytes", Show.COUNT, "B"),
            ]
        return (
            *(column.spec for column in self._view.columns),
            *rates,
            ColumnSpec("packet_rate", "Packets/s", Show.COUNT, "packets/s"),
            ColumnSpec("flow_rate", "Flows/s", Show.COUNT, "flows/s"),
            ColumnSpec("share", "Share", Show.NUMBER, "%"),
            *totals,
            ColumnSpec("packets", "Packets", Show.COUNT, "packets"),
            ColumnSpec("flows", "Flows", Show.COUNT, "flows"),
            ColumnSpec("seen", "Last seen", Show.TIME, "ms"),
        )

    def rows(
        self, sort: str, descending: bool, limit: int, anchor: int | None, view: View, total: Amount, seconds: float
    ) -> Rows:
        """The first rows in the order wanted.

        Args:
            sort: name of a column.
            descending: largest first; rows that are equal are in order of their keys either way.
            limit: number of rows.
            anchor: key of a row to give in any case.
            view: the window that the state is up to date with.
            total: sums over the window, for shares.
            seconds: time that the window covers.
        """
        table = self._table
        pool = np.flatnonzero(table.parts[: table.used])
        levels = [*self._levels(sort, descending), (table.key, False)]
        slots = best(levels, limit, pool)
        ranks = np.arange(len(slots))
        at = table.find(anchor) if anchor is not None else None
        if at is not None and at not in slots:
            slots = np.append(slots[: limit - 1], at)
            ranks = np.append(ranks[: limit - 1], rank(levels, at, pool))
        keys = table.key[slots]
        return Rows(keys, ranks, table.groups, self._values(slots, total, seconds), self._history(keys, view))

    def _levels(self, sort: str, descending: bool) -> list[Level]:
        """Arrays by slot to order the rows by."""
        table = self._table
        for column in self._view.columns:
            if column.spec.name == sort:
                return [(values, descending) for values in column.order(table.words)]
        if sort == "seen":
            return [(table.seen, descending)]
        counters = {
            "packet_rate": _PACKETS, "packets": _PACKETS, "flow_rate": _FLOWS, "flows": _FLOWS, "tx": _TX,
            "tx_bytes": _TX, "rx": _RX, "rx_bytes": _RX,
        }  # fmt: skip
        return [(table.sums[counters.get(sort, _BYTES)], descending)]

    def _values(
        self, slots: NDArray[np.int64], total: Amount, seconds: float
    ) -> dict[str, NDArray[np.float64] | NDArray[np.int64] | list[str]]:
        table = self._table
        words = [word[slots] for word in table.words]
        sums = table.sums[:, slots]
        values: dict[str, NDArray[np.float64] | NDArray[np.int64] | list[str]] = {
            column.spec.name: column.write(words) for column in self._view.columns
        }
        values |= {
            "rate": sums[_BYTES] * 8 / seconds,
            "packet_rate": sums[_PACKETS] / seconds,
            "flow_rate": sums[_FLOWS] / seconds,
            "share": sums[_BYTES] * (100 / max(1, total.bytes)),
            "bytes": sums[_BYTES],
            "packets": sums[_PACKETS],
            "flows": sums[_FLOWS],
            "seen": table.seen[slots],
        }
        if self._view.two_ends:
            values |= {
                "tx": sums[_TX] * 8 / seconds,
                "rx": sums[_RX] * 8 / seconds,
                "tx_bytes": sums[_TX],
                "rx_bytes": sums[_RX],
            }
        return values

    def _history(self, keys: NDArray[np.uint64], view: View) -> NDArray[np.float64]:
        """Bits per second of each row in equal parts of the window."""
        length = (self._seconds + 1) / HISTORY_PARTS
        start = int(view.now) - self._seconds
        octets = np.zeros((len(keys), HISTORY_PARTS))
        for held in self._held:
            part = held.part
            places = np.minimum(np.searchsorted(part.keys, keys), len(part.keys) - 1)
            place = min(HISTORY_PARTS - 1, int((held.second - start) / length))
            octets[:, place] += np.where(part.keys[places] == keys, part.sums[_BYTES][places], 0)
        return octets * 8 / length
