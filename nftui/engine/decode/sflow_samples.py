"""Heads of the samples of sFlow version 5: flow samples in both sizes, discarded packets, counter samples.

Format: "sFlow Version 5" section 5 and "sFlow Dropped Packet Notification Structures" (sflow.org).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from nftui.engine.batch import Mask
from nftui.engine.decode.datagrams import Ints, Wire
from nftui.engine.decode.sflow_walk import Items

FLOW, COUNTERS, EXPANDED_FLOW, EXPANDED_COUNTERS, DISCARDED = 1, 2, 3, 4, 5
"""Sample formats of enterprise 0."""

_FLOW_HEADS = {FLOW: 32, EXPANDED_FLOW: 44, DISCARDED: 32}
_COUNTER_HEADS = {COUNTERS: 12, EXPANDED_COUNTERS: 16}
"""Bytes in front of the records."""

INDEX = 0
"""Format of an interface that is an index; 1 is a packet that was discarded, 2 one that left by several interfaces."""
_FORMAT_BITS = 30


@dataclass(slots=True)
class FlowSamples:
    """n sampled or discarded packets.

    Attributes:
        datagram: row of the datagram.
        format: `FLOW`, `EXPANDED_FLOW` or `DISCARDED`.
        sequence: samples of this source so far.
        source: class of the data source << 32 | its index; class 0 is an interface.
        rate: 1 packet of this many was sampled, 0 for discarded packets, which are all reported.
        drops: samples that the agent could not send so far.
        in_format, in_if, out_format, out_if: interfaces, see `INDEX`.
        out_at, out_bytes: where the output interface (discarded packets: the reason) lies on the wire, and its size.
        begin, end: the records.
        records: their number, as claimed.
    """

    datagram: Ints
    format: Ints
    sequence: Ints
    source: Ints
    rate: Ints
    drops: Ints
    in_format: Ints
    in_if: Ints
    out_format: Ints
    out_if: Ints
    out_at: Ints
    out_bytes: Ints
    begin: Ints
    end: Ints
    records: Ints

    def __len__(self) -> int:
        return len(self.datagram)

    def take(self, rows: Ints | Mask) -> FlowSamples:
        """The chosen samples."""
        return FlowSamples(*(getattr(self, item.name)[rows] for item in fields(self)))


@dataclass(slots=True)
class CounterSamples:
    """n counter samples.

    Attributes:
        datagram, sequence, source, begin, end, records: as in `FlowSamples`.
    """

    datagram: Ints
    sequence: Ints
    source: Ints
    begin: Ints
    end: Ints
    records: Ints

    def __len__(self) -> int:
        return len(self.datagram)


def head_bytes(items: Items) -> tuple[Ints, Ints]:
    """Size of the head of each sample: as a flow sample and as a counter sample, 0 where it is none."""
    flow, counter = np.zeros(len(items), np.int64), np.zeros(len(items), np.int64)
    for heads, out in ((_FLOW_HEADS, flow), (_COUNTER_HEADS, counter)):
        for number, size in heads.items():
            out[items.format == number] = size
    return flow, counter


def read_flow_samples(wire: Wire, items: Items, head: Ints) -> FlowSamples:
    """Heads of samples that are long enough for theirs; all have a head size from `head_bytes`."""
    first = items.format[0] if len(items) else FLOW
    if (items.format == first).all():
        return _READERS[int(first)](wire, items, items.start + head)
    parts, places = [], []
    for number, reader in _READERS.items():
        rows = np.flatnonzero(items.format == number)
        if len(rows):
            parts.append(reader(wire, items.take(rows), items.start[rows] + head[rows]))
            places.append(rows)
    back = np.argsort(np.concatenate(places), kind="stable")
    return FlowSamples(
        *(np.concatenate([getattr(part, item.name) for part in parts])[back] for item in fields(FlowSamples))
    )


def read_counter_samples(wire: Wire, items: Items, head: Ints) -> CounterSamples:
    """Heads of samples that are long enough for theirs."""
    at = items.start
    expanded = items.format == EXPANDED_COUNTERS
    source = _source(wire, at + 4)
    if expanded.any():
        wide = (wire.u4[at + 4].astype(np.int64) & 0xFF) << 32 | wire.u4[at + 8].astype(np.int64)
        source = np.where(expanded, wide, source)
    records = wire.u4[at + head - 4].astype(np.int64)
    return CounterSamples(items.owner, wire.u4[at].astype(np.int64), source, at + head, items.end, records)


def split_interface(word: Ints) -> tuple[Ints, Ints]:
    """Format and value of an interface in one word."""
    return word >> _FORMAT_BITS, word & ((1 << _FORMAT_BITS) - 1)


_FLOW_HEAD = np.dtype([(name, ">u4") for name in ("sequence", "source", "rate", "pool", "drops", "input", "output")])
_EXPANDED_HEAD = np.dtype(
    [
        (name, ">u4")
        for name in (
            "sequence",
            "class",
            "index",
            "rate",
            "pool",
            "drops",
            "in_format",
            "input",
            "out_format",
            "output",
        )
    ]
)
_DISCARDED_HEAD = np.dtype(
    [(name, ">u4") for name in ("sequence", "class", "index", "drops", "input", "output", "reason")]
)


def _source(wire: Wire, at: Ints) -> Ints:
    return _split_source(wire.u4[at].astype(np.int64))


def _split_source(word: Ints) -> Ints:
    return (word >> 24) << 32 | word & 0xFFFFFF


def _read_flow(wire: Wire, items: Items, begin: Ints) -> FlowSamples:
    head = wire.images(items.start, _FLOW_HEAD.itemsize).view(_FLOW_HEAD)
    in_format, in_if = split_interface(head["input"].astype(np.int64))
    out_format, out_if = split_interface(head["output"].astype(np.int64))
    return FlowSamples(
        items.owner, items.format, head["sequence"].astype(np.int64), _split_source(head["source"].astype(np.int64)),
        head["rate"].astype(np.int64), head["drops"].astype(np.int64), in_format, in_if, out_format, out_if,
        items.start + 24, np.full(len(items), 4), begin, items.end,
        wire.u4[begin - 4].astype(np.int64),
    )  # fmt: skip


def _wide_source(head: np.ndarray[tuple[int], np.dtype[np.void]]) -> Ints:
    source: Ints = (head["class"].astype(np.int64) & 0xFF) << 32 | head["index"].astype(np.int64)
    return source


def _read_expanded(wire: Wire, items: Items, begin: Ints) -> FlowSamples:
    head = wire.images(items.start, _EXPANDED_HEAD.itemsize).view(_EXPANDED_HEAD)
    return FlowSamples(
        items.owner, items.format, head["sequence"].astype(np.int64), _wide_source(head),
        head["rate"].astype(np.int64), head["drops"].astype(np.int64), head["in_format"].astype(np.int64),
        head["input"].astype(np.int64), head["out_format"].astype(np.int64), head["output"].astype(np.int64),
        items.start + 32, np.full(len(items), 8), begin, items.end,
        wire.u4[begin - 4].astype(np.int64),
    )  # fmt: skip


def _read_discarded(wire: Wire, items: Items, begin: Ints) -> FlowSamples:
    head = wire.images(items.start, _DISCARDED_HEAD.itemsize).view(_DISCARDED_HEAD)
    zero = np.zeros(len(items), np.int64)
    return FlowSamples(
        items.owner, items.format, head["sequence"].astype(np.int64), _wide_source(head), zero,
        head["drops"].astype(np.int64), zero, head["input"].astype(np.int64), zero, head["output"].astype(np.int64),
        items.start + 24, np.full(len(items), 4), begin, items.end,
        wire.u4[begin - 4].astype(np.int64),
    )  # fmt: skip


_READERS = {FLOW: _read_flow, EXPANDED_FLOW: _read_expanded, DISCARDED: _read_discarded}
