"""Top talkers: running sums per group of one view and filter, and the ranked rows of a snapshot."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch
from nftui.engine.live.amounts import Amounts, amounts
from nftui.engine.live.backlog import Chunk, View
from nftui.engine.live.grouping import GroupTable, Part, group, select
from nftui.engine.live.identity import Identity, KeyCollision
from nftui.engine.live.keys import End, TalkerView
from nftui.engine.live.matching import Matcher
from nftui.engine.live.pace import LONGEST, ladder
from nftui.engine.live.ranked import HISTORY_PARTS, Level, Rows
from nftui.engine.live.snapshot import Amount, ColumnSpec, LiveRequest
from nftui.engine.schema import Show

(BYTES, PACKETS, FLOWS, LONG_BYTES, LONG_PACKETS, REPLAY_BYTES, REPLAY_PACKETS, TX, RX, LONG_TX, LONG_RX,
 REPLAY_TX, REPLAY_RX) = range(13)  # fmt: skip
"""Columns of the table. LONG: the part of the sum that is due to flows longer than the window, which rates take from
their replay instead. Views with one end use the first seven."""

_LONG = {
    BYTES: (LONG_BYTES, REPLAY_BYTES),
    PACKETS: (LONG_PACKETS, REPLAY_PACKETS),
    TX: (LONG_TX, REPLAY_TX),
    RX: (LONG_RX, REPLAY_RX),
}
RATES = {"rate": BYTES, "packet_rate": PACKETS, "flow_rate": FLOWS, "tx": TX, "rx": RX}
_SUMS = {"bytes": BYTES, "packets": PACKETS, "flows": FLOWS, "tx_bytes": TX, "rx_bytes": RX}
_FINE = 1000
"""Replay rates are summed as integers, thousandths per second, so that what is added can be taken away exactly."""


@dataclass(frozen=True, slots=True, order=True)
class _Source:
    """When and where in the order of arrival the flows of a part came."""

    first: int
    second: int
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class _Held:
    """A part of the table that stays for as long as its flows are in the window."""

    source: _Source
    part: Part


@dataclass(frozen=True, slots=True, order=True)
class _Replayed:
    """A part of the table with replay rates, held to the end of a second."""

    last: int
    source: _Source
    part: Part = field(compare=False)


@dataclass(frozen=True, slots=True)
class Counted:
    """What is grouped: one row per flow, or one per flow and end.

    Attributes:
        words: key columns.
        sums: column of the table to int64[rows].
        seconds: float64[rows], durations of the flows.
        moments: column of the table's least values to int64[rows].
    """

    words: list[NDArray[np.uint64]]
    sums: dict[int, NDArray[np.int64]]
    seconds: NDArray[np.float64]
    moments: dict[int, NDArray[np.int64]] = field(default_factory=dict)


class Talkers:
    """Groups of the flows in the window that match a filter.

    A group is there for as long as a flow of it is in the window or is replayed (see `nftui.engine.live.pace`).

    Args:
        view: what makes a group.
        identity: gives groups their keys; shared by all states of the view, so that keys stay the same.
        scaled: multiply by the sampling rate.
        seconds: length of the window.
        replayed: how many groups of replayed flows to keep; those that end next go first.
    """

    def __init__(self, view: TalkerView, identity: Identity, scaled: bool, seconds: int, replayed: int) -> None:
        self._view = view
        self._identity = identity
        self._scaled = scaled
        self._seconds = seconds
        self._replay_limit = replayed
        self._next = 0
        self._forget()

    def _forget(self) -> None:
        self._table = self._new_table()
        self._held: deque[_Held] = deque()
        self._replayed: list[_Replayed] = []
        self._replayed_groups = 0
        self._aliases = self._identity.aliases

    def _new_table(self) -> GroupTable:
        return GroupTable(self._view.words, REPLAY_RX + 1 if self._view.two_ends else TX)

    @property
    def groups(self) -> int:
        """Number of groups kept."""
        return self._table.groups

    def update(self, view: View, match: Matcher) -> None:
        """Let go of what left the window and take in the flows that came since the last call."""
        while True:
            try:
                self._catch_up(view, match)
            except KeyCollision as collision:
                self._identity.alias(collision.words)
            else:
                return

    def _catch_up(self, view: View, match: Matcher) -> None:
        now = int(view.now)
        # Start afresh when new, when flows came and went unseen, and when groups got other keys.
        afresh = self._next < max(1, view.first) or self._aliases != self._identity.aliases
        if afresh:
            self._forget()
            self._next = 0
        while self._held and self._held[0].source.first < view.first:
            self._table.remove(self._held.popleft().part)
        while self._replayed and self._replayed[0].last < now:
            self._end_replay()
        elders = [item for chunk in view.elders for item in self._parts(chunk, match, now, True)] if afresh else []
        fresh = elders + [item for chunk in view.after(self._next) for item in self._parts(chunk, match, now)]
        if afresh and fresh:
            self._table.expect(np.concatenate([item.part.keys for item in fresh]))
        for item in fresh:
            self._table.add(item.part, item.source.arrived_ms)
            if isinstance(item, _Held):
                self._held.append(item)
            else:
                heapq.heappush(self._replayed, item)
                self._replayed_groups += len(item.part.keys)
        while self._replayed_groups > self._replay_limit:
            self._end_replay()
        self._next = view.end

    def _parts(self, chunk: Chunk, match: Matcher, now: int, elder: bool = False) -> Iterator[_Held | _Replayed]:
        """Group the matching flows of a chunk; those from before the window only for their replay."""
        batch = match(chunk)
        if not len(batch):
            return
        source = _Source(chunk.first, chunk.second, chunk.arrived_ms)
        counted = self._count(batch, amounts(batch, self._scaled))
        words, sums, seconds = counted.words, counted.sums, counted.seconds
        if not elder and len(words[0]):
            yield _Held(source, group(self._identity, words, sums, counted.moments))
        long = np.flatnonzero(seconds > self._seconds)
        if not len(long):
            return
        words = [word[long] for word in words]
        sums = {column: values[long] for column, values in sums.items() if column in _LONG}
        if not elder:
            kept = {_LONG[column][0]: values for column, values in sums.items()}
            yield _Held(source, group(self._identity, words, kept))
        rates = {_LONG[c][1]: (values * _FINE / seconds[long]).astype(np.int64) for c, values in sums.items()}
        rungs, rung = ladder(seconds[long], self._seconds, LONGEST)
        for place in np.flatnonzero(np.bincount(rung, minlength=len(rungs))):
            last = chunk.second + int(rungs[place])
            if last >= now:
                rows = np.flatnonzero(rung == place)
                part = group(self._identity, [word[rows] for word in words], {c: v[rows] for c, v in rates.items()})
                yield _Replayed(last, source, part)

    def _end_replay(self) -> None:
        part = heapq.heappop(self._replayed).part
        self._replayed_groups -= len(part.keys)
        self._table.remove(part)

    def _count(self, batch: FlowBatch, rows: Amounts) -> Counted:
        """Key columns, amounts and durations to group."""
        octets = rows.forward + rows.backward
        ends = self._view.ends(batch)
        if len(ends) == 1:
            return Counted(ends[0][0], {BYTES: octets, PACKETS: rows.packets, FLOWS: rows.flows}, rows.seconds)
        chosen: list[NDArray[np.bool_]] = []
        amounts: dict[int, list[NDArray[np.int64]]] = {}
        for place, (words, valid) in enumerate(ends):
            once = ~_repeated(ends[:place], words)
            if self._view.two_ends:
                tx, rx = (rows.backward, rows.forward) if place else (rows.forward, rows.backward)
                sums = {BYTES: octets * once, PACKETS: rows.packets * once, FLOWS: rows.flows * once, TX: tx, RX: rx}
                once = np.ones(len(batch), np.bool_)
            else:
                sums = {BYTES: octets, PACKETS: rows.packets, FLOWS: rows.flows}
            chosen.append(once if valid is None else once & valid)
            for column, values in sums.items():
                amounts.setdefault(column, []).append(values[chosen[-1]])
        words = [
            np.concatenate([end[0][word][rows_] for end, rows_ in zip(ends, chosen, strict=True)])
            for word in range(self._view.words)
        ]
        seconds = np.concatenate([rows.seconds[rows_] for rows_ in chosen])
        return Counted(words, {column: np.concatenate(parts) for column, parts in amounts.items()}, seconds)

    def columns(self) -> tuple[ColumnSpec, ...]:
        """Columns of the view in display order."""
        return talker_columns(self._view)

    def rows(self, request: LiveRequest, sort: str, view: View, total: Amount, seconds: float) -> Rows:
        """The first rows in the order wanted.

        Args:
            request: how many rows from where on; those that are equal are in order of their keys.
            sort: name of a column.
            view: the window that the state is up to date with.
            total: sums over the window, for shares.
            seconds: time that the window covers.
        """
        table = self._table
        pool = np.flatnonzero(table.parts[: table.used])
        levels = [*self._levels(sort, request.descending, seconds), (table.key, False)]
        at = table.find(request.anchor) if request.anchor is not None else None
        slots, ranks = select(levels, pool, max(1, request.limit), request.offset, at)
        keys = table.key[slots]
        return Rows(keys, ranks, table.groups, self._values(slots, total, seconds), self._history(keys, view))

    def _levels(self, sort: str, descending: bool, seconds: float) -> list[Level]:
        """Arrays by slot to order the rows by."""
        table = self._table
        for column in self._view.columns:
            if column.spec.name == sort:
                return [(values, descending) for values in column.order(table.words)]
        if sort == "seen":
            return [(table.seen, descending)]
        if sort in RATES:
            everything = slice(0, table.used)
            return [(self._rate(RATES[sort], everything, seconds), descending)]
        return [(table.sums[_SUMS.get(sort, BYTES)], descending)]

    def _rate(self, column: int, slots: NDArray[np.int64] | slice, seconds: float) -> NDArray[np.float64]:
        """Octets, packets or flows per second by slot."""
        sums = self._table.sums
        if column in _LONG:
            long, replay = _LONG[column]
            rate = (sums[column][slots] - sums[long][slots]) / seconds + sums[replay][slots] / _FINE
        else:
            rate = sums[column][slots] / seconds
        return np.asarray(rate, np.float64)

    def _values(self, slots: NDArray[np.int64], total: Amount, seconds: float) -> dict[str, NDArray[Any] | list[str]]:
        table = self._table
        words = [word[slots] for word in table.words]
        values: dict[str, NDArray[Any] | list[str]] = {
            column.spec.name: column.write(words) for column in self._view.columns
        }
        ends = self._view.two_ends
        for name, column in RATES.items():
            if ends or column < TX:
                values[name] = self._rate(column, slots, seconds) * (1 if column in {PACKETS, FLOWS} else 8)
        for name, column in _SUMS.items():
            if ends or column < TX:
                values[name] = table.sums[column][slots]
        values["share"] = table.sums[BYTES][slots] * (100 / max(1, total.bytes))
        values["seen"] = table.seen[slots]
        return values

    def _history(self, keys: NDArray[np.uint64], view: View) -> NDArray[np.float64]:
        """Bits per second of each row in equal parts of the window."""
        length = (self._seconds + 1) / HISTORY_PARTS
        start = int(view.now) - self._seconds
        octets = np.zeros((len(keys), HISTORY_PARTS))
        for held in self._held:
            part = held.part
            places = np.minimum(np.searchsorted(part.keys, keys), len(part.keys) - 1)
            place = min(HISTORY_PARTS - 1, int((held.source.second - start) / length))
            if BYTES not in part.sums:
                continue
            octets[:, place] += np.where(part.keys[places] == keys, part.sums[BYTES][places], 0)
        return octets * 8 / length


def talker_columns(view: TalkerView) -> tuple[ColumnSpec, ...]:
    """Columns of a view in display order."""
    rates = [ColumnSpec("rate", "Rate", Show.COUNT, "bit/s")]
    totals = [ColumnSpec("bytes", "Bytes", Show.COUNT, "B")]
    if view.two_ends:
        tx, rx = view.titles
        rates += [ColumnSpec("tx", tx, Show.COUNT, "bit/s"), ColumnSpec("rx", rx, Show.COUNT, "bit/s")]
        totals += [
            ColumnSpec("tx_bytes", tx + " bytes", Show.COUNT, "B"),
            ColumnSpec("rx_bytes", rx + " bytes", Show.COUNT, "B"),
        ]
    return (
        *(column.spec for column in view.columns),
        *rates,
        ColumnSpec("packet_rate", "Packets/s", Show.COUNT, "packets/s"),
        ColumnSpec("flow_rate", "Flows/s", Show.COUNT, "flows/s"),
        ColumnSpec("share", "Share", Show.NUMBER, "%"),
        *totals,
        ColumnSpec("packets", "Packets", Show.COUNT, "packets"),
        ColumnSpec("flows", "Flows", Show.COUNT, "flows"),
        ColumnSpec("seen", "Last seen", Show.TIME, "ms"),
    )


def _repeated(earlier: list[End], words: list[NDArray[np.uint64]]) -> NDArray[np.bool_]:
    """Where an end of a flow equals one of its earlier ends."""
    out = np.zeros(len(words[0]), np.bool_)
    for others, valid in earlier:
        same = np.ones(len(out), np.bool_)
        for one, other in zip(others, words, strict=True):
            same &= one == other
        out |= same if valid is None else same & valid
    return out
