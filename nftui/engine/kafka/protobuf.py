"""A batch as goflow2's FlowMessage in protocol buffers, each message after its length.

Source: goflow2 v2, pb/flow.proto for the numbers of the fields; the encoding is described at protobuf.dev, "Encoding".
Messages after their lengths are what ClickHouse's format `Protobuf` and Go's `protodelim` read. As in every proto3
message, what is zero or absent is left out. Counters are those of the exporter, before sampling is applied.

All rows of a field are written at once: a message per flow in Python would take fifty times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch
from nftui.engine.schema import FlowSource

_Words = NDArray[np.uint64]
_Bytes = NDArray[np.uint8]
_Places = NDArray[np.int64]

_NUMBER, _BYTES = 0, 2
"""Wire types: variable-length integer, and length with bytes."""

_NUMBERS: tuple[tuple[int, str], ...] = (
    (3, "sampling_rate"), (9, "bytes"), (10, "packets"), (13, "next_as"), (14, "src_as"), (15, "dst_as"),
    (16, "src_mask"), (17, "dst_mask"), (18, "in_if"), (19, "out_if"), (20, "proto"), (21, "src_port"),
    (22, "dst_port"), (23, "ip_tos"), (24, "forwarding_status"), (25, "min_ttl"), (26, "tcp_flags"),
    (27, "in_src_mac"), (28, "out_dst_mac"), (30, "etype"), (31, "icmp_type"), (32, "icmp_code"), (33, "src_vlan"),
    (34, "dst_vlan"), (35, "fragment_id"), (36, "fragment_offset"), (37, "ipv6_flow_label"), (38, "fragment_flags"),
    (70, "observation_domain_id"), (71, "observation_point_id"),
)  # fmt: skip
_ADDRESSES: tuple[tuple[int, str], ...] = (
    (6, "src_addr"), (7, "dst_addr"), (11, "sampler_address"), (12, "next_hop"), (100, "bgp_next_hop"),
)  # fmt: skip
_TIMES: tuple[tuple[int, str], ...] = (
    (110, "time_received_ms"), (111, "time_flow_start_ms"), (112, "time_flow_end_ms"),
)  # fmt: skip
_TYPE = 1
_TYPES = {FlowSource.SFLOW: 1, FlowSource.V5: 2, FlowSource.V9: 3, FlowSource.IPFIX: 4}
"""FlowType of a record; others are 0, unknown."""
_MS = np.uint64(1_000_000)
_V4_MAPPED = 0xFFFF


@dataclass(frozen=True, slots=True)
class _Part:
    """One field of all rows.

    Attributes:
        number: of the field.
        values: numbers; None for bytes.
        data: uint8[rows, 16], right-aligned; None for numbers.
        sizes: bytes of the value alone, 0 where the field is left out.
    """

    number: int
    values: _Words | None
    data: _Bytes | None
    sizes: _Places


def flow_messages(batch: FlowBatch, bounds: Sequence[int]) -> list[bytes]:
    """The flows as messages, each after its length.

    Args:
        batch: flows.
        bounds: rows at which the parts of the result begin, ascending from 0, and the number of rows at the end.
    """
    parts = [part for part in _parts(batch) if part.sizes.any()]
    length = np.zeros(len(batch), np.int64)
    for part in parts:
        length += np.where(part.sizes > 0, part.sizes + len(_tag(part)) + (part.data is not None), 0)
    prefix = _varint_sizes(length.astype(np.uint64))
    ends = np.cumsum(prefix + length)
    place = ends - prefix - length
    out = np.zeros(int((prefix + length).sum()), np.uint8)
    _write_varints(out, place, length.astype(np.uint64), prefix)
    place += prefix
    for part in parts:
        rows = np.flatnonzero(part.sizes)
        at, sizes = place[rows], part.sizes[rows]
        for byte in _tag(part):
            out[at] = byte
            at = at + 1
        if part.values is not None:
            _write_varints(out, at, part.values[rows], sizes)
        else:
            assert part.data is not None
            out[at] = sizes  # an address: its length is a single byte
            at = at + 1
            for i in range(16):
                there = np.flatnonzero(i < sizes)
                out[at[there] + i] = part.data[rows[there], 16 - sizes[there] + i]
        place[rows] = at + sizes
    cuts = [int(ends[row - 1]) if row else 0 for row in bounds]
    return [out[start:stop].tobytes() for start, stop in pairwise(cuts)]


def _parts(batch: FlowBatch) -> Iterator[_Part]:
    source = batch.or_zero("flow_source")
    kinds = np.zeros(len(batch), np.uint64)
    for name, number in _TYPES.items():
        kinds[source == name.value] = number
    yield _numbers(_TYPE, kinds)
    for number, field in _NUMBERS:
        if batch.has(field):
            yield _numbers(number, batch.or_zero(field).view(np.uint64))
    for number, field in _TIMES:
        if batch.has(field):
            yield _numbers(number, np.maximum(batch.or_zero(field), 0).astype(np.uint64) * _MS)
    for number, field in _ADDRESSES:
        if batch.has(field):
            yield _address(batch, number, field)


def _numbers(number: int, values: _Words) -> _Part:
    return _Part(number, values, None, np.where(values > 0, _varint_sizes(values), 0))


def _address(batch: FlowBatch, number: int, field: str) -> _Part:
    halves = np.empty((len(batch), 2), ">i8")
    halves[:, 0], halves[:, 1] = batch.columns[f"{field}_hi"], batch.columns[f"{field}_lo"]
    high, low = batch.columns[f"{field}_hi"], batch.columns[f"{field}_lo"]
    sizes = np.where((high == 0) & (low >> 32 == _V4_MAPPED), 4, 16)
    if field in batch.valid:
        sizes = np.where(batch.valid[field], sizes, 0)
    return _Part(number, None, halves.view(np.uint8).reshape(-1, 16), sizes)


def _tag(part: _Part) -> bytes:
    key = part.number << 3 | (_NUMBER if part.values is not None else _BYTES)
    return bytes([key]) if key < 0x80 else bytes([key & 0x7F | 0x80, key >> 7])


def _varint_sizes(values: _Words) -> _Places:
    sizes = np.ones(len(values), np.int64)
    most = int(values.max()) if len(values) else 0
    for k in range(1, 10):
        if most >> 7 * k == 0:
            break
        sizes += values >= np.uint64(1 << 7 * k)
    return sizes


def _write_varints(out: _Bytes, place: _Places, values: _Words, sizes: _Places) -> None:
    for k in range(int(sizes.max()) if len(sizes) else 0):
        there = np.flatnonzero(sizes > k)
        group = (values[there] >> np.uint64(7 * k)).astype(np.uint8) & 0x7F
        out[place[there] + k] = group | np.where(sizes[there] > k + 1, 0x80, 0).astype(np.uint8)
