"""The flow list: the records in the window that match a filter, by any column, normally the latest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui import text
from nftui.engine.batch import FlowBatch, concat
from nftui.engine.live.amounts import amounts
from nftui.engine.live.backlog import View
from nftui.engine.live.field_columns import field_spec, field_values, listable
from nftui.engine.live.grouping import select
from nftui.engine.live.keys import NULL
from nftui.engine.live.matching import Matcher
from nftui.engine.live.ranked import Level, Rows
from nftui.engine.live.snapshot import ColumnSpec, LiveRequest
from nftui.engine.schema import FIELDS, Kind, Show

COLUMNS: tuple[ColumnSpec, ...] = (
    ColumnSpec("time_received_ms", "Received", Show.TIME, "ms", "left"),
    ColumnSpec("duration", "Duration", Show.NUMBER, "s"),
    ColumnSpec("proto", "Proto", Show.PROTOCOL, align="left"),
    ColumnSpec("src_addr", "Source", Show.ADDRESS, align="left"),
    ColumnSpec("src_port", "Port", Show.PORT),
    ColumnSpec("dst_addr", "Destination", Show.ADDRESS, align="left"),
    ColumnSpec("dst_port", "Port", Show.PORT),
    ColumnSpec("tcp_flags", "Flags", Show.TCP_FLAGS, align="left"),
    ColumnSpec("packets", "Packets", Show.COUNT, "packets"),
    ColumnSpec("bytes", "Bytes", Show.COUNT, "B"),
    ColumnSpec("rate", "Rate", Show.COUNT, "bit/s"),
    ColumnSpec("flows", "Flows", Show.COUNT, "flows"),
    ColumnSpec("in_if", "In", Show.NUMBER),
    ColumnSpec("out_if", "Out", Show.NUMBER),
    ColumnSpec("sampler_address", "Exporter", Show.ADDRESS, align="left"),
)
"""Columns of the flow list. Every other field is in the record itself: `LiveWindow.flow`."""

_WRITERS: dict[Show, Callable[[int], str]] = {
    Show.ADDRESS: text.address,
    Show.PROTOCOL: text.protocol,
    Show.TCP_FLAGS: text.tcp_flags,
}
_COUNTERS = ("packets", "bytes", "rate", "flows", "duration")


@dataclass(frozen=True, slots=True)
class _Matched:
    """Matching rows of a chunk.

    Attributes:
        batch: the chunk's batch.
        first: sequence number of its first row.
        rows: int64, places of the matching rows in the batch.
    """

    batch: FlowBatch
    first: int
    rows: NDArray[np.int64]


class FlowList:
    """Records that match a filter.

    Args:
        scaled: multiply by the sampling rate.
    """

    def __init__(self, scaled: bool) -> None:
        self._scaled = scaled
        self._next = 0
        self._matched: deque[_Matched] = deque()
        self._total = 0

    @property
    def groups(self) -> int:
        """0: only positions are kept."""
        return 0

    def update(self, view: View, match: Matcher) -> None:
        """Let go of what left the window and take in the flows that came since the last call."""
        while self._matched and self._matched[0].first < view.first:
            self._total -= len(self._matched.popleft().rows)
        for chunk in view.after(self._next):
            mask = match.mask(chunk)
            rows = np.arange(len(chunk.batch)) if mask is None else np.flatnonzero(mask)
            if len(rows):
                self._matched.append(_Matched(chunk.batch, chunk.first, rows))
                self._total += len(rows)
        self._next = view.end

    def columns(self, fields: Sequence[str] = ()) -> tuple[ColumnSpec, ...]:
        """Columns of the view in display order, those of further fields last."""
        return flow_columns(fields)

    def rows(self, request: LiveRequest, sort: str) -> Rows:
        """The first rows in the order wanted; equal ones are in order of arrival, the latest first.

        Args:
            request: direction, how many rows from where on, further columns.
            sort: name of a column.
        """
        descending, limit, offset = request.descending, max(1, request.limit), request.offset
        parts = list(self._matched)
        sequence = np.concatenate([part.rows + part.first for part in parts]) if parts else np.zeros(0, np.int64)
        by_time = sort == "time_received_ms"
        levels = [(sequence, descending)] if by_time else [*self._levels(parts, sort, descending), (sequence, True)]
        at = _place(sequence, request.anchor)
        if by_time and at is None:
            offset = max(0, min(offset, len(sequence) - limit))
            ranks = np.arange(offset, min(offset + limit, len(sequence)))
            places = len(sequence) - 1 - ranks if descending else ranks
        else:
            places, ranks = select(levels, np.arange(len(sequence)), limit, offset, at)
        keys = sequence[places].astype(np.uint64)
        found = _gather(parts, places, request.fields) if len(places) else FlowBatch(0)
        values = flow_values(found, request.fields, self._scaled)
        return Rows(keys, ranks, self._total, values, np.zeros((0, 0)))

    def _levels(self, parts: list[_Matched], sort: str, descending: bool) -> list[Level]:
        if sort in _COUNTERS:
            return [(_concat([flow_number(part.batch, sort, self._scaled)[part.rows] for part in parts]), descending)]
        field = FIELDS[sort]
        if field.kind is Kind.TEXT:
            return []  # in order of arrival
        levels: list[Level] = []
        for column in field.physical:
            values = [
                part.batch.columns[column][part.rows].astype(np.int64).view(np.uint64)
                if column in part.batch.columns
                else np.zeros(len(part.rows), np.uint64)
                for part in parts
            ]
            levels.append((_concat(values), descending))
        return levels


def flow_number(batch: FlowBatch, name: str, scaled: bool) -> NDArray[Any]:
    """A column of the flow list that is computed from the counters."""
    counters = amounts(batch, scaled)
    octets = counters.forward + counters.backward
    if name == "duration":
        return counters.seconds
    if name == "rate":
        return octets * 8 / np.maximum(counters.seconds, 1)
    return {"packets": counters.packets, "bytes": octets, "flows": counters.flows}[name]


def flow_values(batch: FlowBatch, fields: Sequence[str], scaled: bool) -> dict[str, NDArray[Any] | list[str]]:
    """All columns of the flow list, and those of further fields, by name."""
    values: dict[str, NDArray[Any] | list[str]] = {}
    for column in COLUMNS:
        if column.name in _COUNTERS:
            values[column.name] = flow_number(batch, column.name, scaled)
        elif column.show is Show.TIME:
            values[column.name] = batch.columns.get(column.name, np.zeros(len(batch), np.int64))
        else:
            write = _WRITERS.get(column.show, str)
            found = [batch.value(column.name, row) for row in range(len(batch))]
            values[column.name] = [write(value) if isinstance(value, int) else NULL for value in found]
    for name in further(fields):
        values[name] = field_values(batch, name)
    return values


def _concat(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0)


def _place(sequence: NDArray[np.int64], anchor: int | None) -> int | None:
    """Where a sequence number is among those of the matching flows."""
    if anchor is None:
        return None
    place = int(np.searchsorted(sequence, anchor))
    return place if place < len(sequence) and int(sequence[place]) == anchor else None


_NEEDED = tuple(
    name
    for name in (*(column.name for column in COLUMNS), "time_flow_start_ms", "time_flow_end_ms", "out_bytes",
                 "out_packets", "sampling_rate")
    if name in FIELDS and FIELDS[name].kind is not Kind.TEXT
)  # fmt: skip


def further(fields: Sequence[str]) -> tuple[str, ...]:
    """Those of the fields that are columns beside the usual ones."""
    usual = {column.name for column in COLUMNS}
    return tuple(name for name in dict.fromkeys(fields) if listable(name) and name not in usual)


def flow_columns(fields: Sequence[str]) -> tuple[ColumnSpec, ...]:
    """Columns of the flow list with further fields."""
    return (*COLUMNS, *(field_spec(name) for name in further(fields)))


def _gather(parts: list[_Matched], places: NDArray[np.int64], fields: Sequence[str]) -> FlowBatch:
    """The flows at the given places among all that match, in that order, with the columns that are shown."""
    ends = np.cumsum([len(part.rows) for part in parts])
    owner = np.searchsorted(ends, places, side="right")
    order = np.argsort(owner, kind="stable")
    names = (*_NEEDED, *further(fields))
    found = []
    for index in np.unique(owner):
        part = parts[index]
        rows = part.rows[places[order][owner[order] == index] - (ends[index] - len(part.rows))]
        slim = FlowBatch(
            len(part.batch),
            {c: part.batch.columns[c] for n in names for c in FIELDS[n].physical if c in part.batch.columns},
            {n: part.batch.valid[n] for n in names if n in part.batch.valid},
            {n: part.batch.text[n] for n in names if n in part.batch.text},
        )
        found.append(slim.take(rows))
    back = np.empty(len(places), np.int64)
    back[order] = np.arange(len(places))
    return concat(found).take(back)
