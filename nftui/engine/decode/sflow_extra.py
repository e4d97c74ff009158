"""What samples have beside the columns, in the format of `nftui.engine.batch.ExtraColumn`.

Flow records of sFlow are kept under their enterprise number and format; the standard ones, of enterprise 0, under
sFlow.org's enterprise number, because 0 is IANA's registry of information elements here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nftui.engine.batch import ExtraColumn
from nftui.engine.decode.datagrams import Bytes, Ints, Wire, spans

PEN = 14706
"""sFlow.org's enterprise number."""
FATE = 0
"""Element of `PEN`: the sample's output where it is no interface index (format and value), or the reason of a drop."""
EXPORTER_IPV4, EXPORTER_IPV6 = 130, 131
"""IANA elements for the agent's address where the datagram came from another one."""

_HEADER = np.dtype([("pen", ">u4"), ("element", ">u2"), ("length", ">u2")])
_FORMAT_BITS = 12


@dataclass(slots=True)
class Run:
    """k entries: row, 8 bytes of header, position and length of the value in the arena."""

    rows: Ints
    headers: Bytes
    positions: Ints
    lengths: Ints


def _run(rows: Ints, pen: Ints | int, element: Ints | int, positions: Ints, lengths: Ints) -> Run:
    head = np.empty(len(rows), _HEADER)
    head["pen"], head["element"], head["length"] = pen, element, np.minimum(lengths, 0xFFFF)
    return Run(rows, head.view(np.uint8).reshape(-1, 8), positions, lengths)


def of_agents(rows: Ints, positions: Ints, size: Ints) -> Run:
    """Agents' addresses."""
    return _run(rows, 0, np.where(size == 4, EXPORTER_IPV4, EXPORTER_IPV6), positions, size)


def of_fates(rows: Ints, positions: Ints, size: Ints) -> Run:
    """What became of packets that did not leave by one interface."""
    return _run(rows, PEN, FATE, positions, size)


def of_records(rows: Ints, formats: Ints, start: Ints, end: Ints) -> Run:
    """Whole flow records."""
    enterprise = formats >> _FORMAT_BITS
    pen = np.where(enterprise == 0, PEN, enterprise)
    return _run(rows, pen, formats & ((1 << _FORMAT_BITS) - 1), start, end - start)


def build(wire: Wire, count: int, runs: Sequence[Run], limit: int) -> tuple[ExtraColumn | None, Ints]:
    """Column of the entries, each row's in the order of the runs.

    Args:
        wire: the arena.
        count: number of rows.
        runs: entries.
        limit: bytes kept per row; entries beyond it are left out.

    Returns:
        The column (None when there is nothing), and the row of each entry left out.
    """
    rows = np.concatenate([run.rows for run in runs])
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    headers = np.concatenate([run.headers for run in runs])[order]
    positions = np.concatenate([run.positions for run in runs])[order]
    lengths = np.concatenate([run.lengths for run in runs])[order]
    sizes = lengths + 8
    ends = np.cumsum(sizes)
    first = np.searchsorted(rows, rows)
    over = ends - (ends - sizes)[first] > limit
    dropped = rows[over]
    if over.any():
        fits = ~over
        rows, headers, positions, lengths = rows[fits], headers[fits], positions[fits], lengths[fits]
        sizes = lengths + 8
        ends = np.cumsum(sizes)
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(rows, weights=sizes, minlength=count).astype(np.int64), out=offsets[1:])
    if not offsets[-1]:
        return None, dropped
    begin = ends - sizes
    data = np.empty(int(offsets[-1]), np.uint8)
    data[begin[:, None] + np.arange(8)] = headers
    inner = spans(lengths)
    data[np.repeat(begin + 8, lengths) + inner] = wire.data[np.repeat(positions, lengths) + inner]
    return ExtraColumn(offsets, data), dropped
