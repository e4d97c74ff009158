"""Export datagrams in one arena, as encoders return them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nftui.engine.counters import Counts

Bytes = NDArray[np.uint8]

PAYLOAD_BYTES = 1464
"""Default size of a datagram: 30 records of NetFlow v5, and below every Ethernet MTU over IPv4 and IPv6."""


@dataclass(slots=True)
class Datagrams:
    """Datagrams one after the other, in the order to send them.

    Attributes:
        data: uint8, all datagrams without gaps.
        offset: int64[d], start of each datagram in `data`.
        length: int64[d], bytes of each datagram.
        flows: int64[d], flow records in each datagram; 0 where it holds templates or options only.
        counts: what could not be carried as it was, see `nftui.engine.encode.records`.
    """

    data: Bytes
    offset: NDArray[np.int64]
    length: NDArray[np.int64]
    flows: NDArray[np.int64]
    counts: Counts = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offset)

    def __iter__(self) -> Iterator[memoryview]:
        view = memoryview(self.data.data)
        for start, size in zip(self.offset.tolist(), self.length.tolist(), strict=True):
            yield view[start : start + size]


@dataclass(slots=True)
class Part:
    """Datagrams of equal size that await their headers.

    Attributes:
        data: uint8[d, size]; room for the message header is left at the start of each row.
        records: records of every kind in each of the d datagrams: templates, options and data.
        data_records: flow and options data records in each.
        flows: flow records in each.
    """

    data: Bytes
    records: NDArray[np.int64]
    data_records: NDArray[np.int64]
    flows: NDArray[np.int64]


def uniform_part(data: Bytes, records: int, data_records: int, flows: int) -> Part:
    """A part whose d datagrams all hold the same number of records; `data` is uint8[d, size]."""
    d = len(data)
    return Part(data, np.full(d, records), np.full(d, data_records), np.full(d, flows))


@dataclass(slots=True)
class Assembled:
    """Parts joined, before their headers are written; numbers per datagram as in `Part`."""

    datagrams: Datagrams
    records: NDArray[np.int64]
    data_records: NDArray[np.int64]

    def write_headers(self, headers: Bytes) -> None:
        """Write row i of uint8[d, header size] to the start of datagram i."""
        if len(headers):
            places = self.datagrams.offset[:, None] + np.arange(headers.shape[1])
            self.datagrams.data[places] = headers


def assemble(parts: Sequence[Part], counts: Counts) -> Assembled:
    """Join parts in order into one arena."""
    empty = np.zeros(0, np.int64)
    length = np.concatenate([empty, *(np.full(len(p.data), p.data.shape[1]) for p in parts)])
    offset = np.zeros(len(length), np.int64)
    np.cumsum(length[:-1], out=offset[1:])
    data = np.concatenate([np.zeros(0, np.uint8), *(p.data.reshape(-1) for p in parts)])
    return Assembled(
        Datagrams(data, offset, length, np.concatenate([empty, *(p.flows for p in parts)]), counts),
        np.concatenate([empty, *(p.records for p in parts)]),
        np.concatenate([empty, *(p.data_records for p in parts)]),
    )
