"""NetFlow v5 (Cisco, "NetFlow Export Datagram Formats"): flow batches to export packets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch
from nftui.engine.counters import Counts, add
from nftui.engine.encode.datagrams import PAYLOAD_BYTES, Datagrams, Part, assemble, uniform_part
from nftui.engine.encode.records import UINT32_MAX, uptime_of
from nftui.engine.encode.templated import before, count_left_out
from nftui.engine.encode.templates import presence
from nftui.engine.schema import FIELDS

HEADER_BYTES = 24
MAX_RECORDS = 30
AS_TRANS = 23456
"""Stands for an AS number above 65535 where there are two bytes, RFC 6793 section 4.2.2."""
MAX_SAMPLING = (1 << 14) - 1

_RECORD = np.dtype(
    [("src_addr", ">u4"), ("dst_addr", ">u4"), ("next_hop", ">u4"), ("in_if", ">u2"), ("out_if", ">u2"),
     ("packets", ">u4"), ("bytes", ">u4"), ("time_flow_start_ms", ">u4"), ("time_flow_end_ms", ">u4"),
     ("src_port", ">u2"), ("dst_port", ">u2"), ("pad1", "u1"), ("tcp_flags", "u1"), ("proto", "u1"),
     ("ip_tos", "u1"), ("src_as", ">u2"), ("dst_as", ">u2"), ("src_mask", "u1"), ("dst_mask", "u1"),
     ("pad2", ">u2")]
)  # fmt: skip
_HEADER = np.dtype(
    [("version", ">u2"), ("count", ">u2"), ("uptime", ">u4"), ("seconds", ">u4"), ("nanoseconds", ">u4"),
     ("sequence", ">u4"), ("engine_type", "u1"), ("engine_id", "u1"), ("sampling", ">u2")]
)  # fmt: skip
_NUMBERS = ("in_if", "out_if", "packets", "bytes", "src_port", "dst_port", "tcp_flags", "proto", "ip_tos", "src_as",
            "dst_as", "src_mask", "dst_mask")  # fmt: skip

CARRIED = frozenset(_RECORD.names or ()) - {"pad1", "pad2"}
"""Fields that a v5 record has. It has no nulls: what a flow does not have is sent as 0."""


class NetFlow5Encoder:
    """Encoder of one NetFlow v5 engine; the sequence number counts flows.

    What v5 cannot carry is counted: IPv6 flows are left out (`flows.not_carried.ipv6`), counters above 2^32-1
    and other numbers that are too large saturate, AS numbers above 65535 become AS_TRANS.

    Args:
        boot_ms: UTC milliseconds at which the exporter started; flow times are relative to it.
        engine_type: of the header.
        engine_id: of the header.
        sampling_rate: 1 in n packets, at most 16383; None for not stated.
        payload_bytes: largest datagram; 30 records to a datagram at most.
    """

    def __init__(
        self,
        *,
        boot_ms: int,
        engine_type: int = 0,
        engine_id: int = 0,
        sampling_rate: int | None = None,
        payload_bytes: int = PAYLOAD_BYTES,
    ) -> None:
        if sampling_rate is not None and not 0 < sampling_rate <= MAX_SAMPLING:
            raise ValueError("a v5 header has 14 bits for the sampling rate")
        self.boot_ms = boot_ms
        self.engine = (engine_type, engine_id)
        self.sampling_rate = sampling_rate
        self.sequence = 0
        self._records = min(MAX_RECORDS, (payload_bytes - HEADER_BYTES) // _RECORD.itemsize)
        if self._records < 1:
            raise ValueError("payload_bytes is too small for one record")

    def encode(self, batch: FlowBatch, export_ms: int) -> Datagrams:
        """Encode the IPv4 flows; `export_ms` is UTC milliseconds of export, for the headers."""
        counts: Counts = {}
        batch = _without_ipv6(batch, counts)
        count_left_out(batch, set(CARRIED), counts)
        records = self._pack(batch, export_ms, counts).view(np.uint8).reshape(len(batch), _RECORD.itemsize)
        whole = len(records) // self._records * self._records
        parts = []
        for start, stop, size in ((0, whole, self._records), (whole, len(records), len(records) - whole)):
            if start < stop:
                body = records[start:stop].reshape((stop - start) // size, size * _RECORD.itemsize)
                room = np.zeros((len(body), HEADER_BYTES), np.uint8)
                parts.append(uniform_part(np.concatenate([room, body], axis=1), size, size, size))
        return self._with_headers(parts, export_ms, counts)

    def _with_headers(self, parts: list[Part], export_ms: int, counts: Counts) -> Datagrams:
        assembled = assemble(parts, counts)
        header = np.zeros(len(assembled.records), _HEADER)
        header["version"] = 5
        header["count"] = assembled.records
        header["uptime"] = (export_ms - self.boot_ms) & UINT32_MAX
        header["seconds"] = export_ms // 1000 & UINT32_MAX
        header["nanoseconds"] = export_ms % 1000 * 1_000_000
        header["sequence"] = before(assembled.records, self.sequence)
        header["engine_type"], header["engine_id"] = self.engine
        if self.sampling_rate is not None:
            header["sampling"] = 1 << 14 | self.sampling_rate
        self.sequence = (self.sequence + int(assembled.records.sum())) & UINT32_MAX
        assembled.write_headers(header.view(np.uint8).reshape(len(header), HEADER_BYTES))
        return assembled.datagrams

    def _pack(self, batch: FlowBatch, export_ms: int, counts: Counts) -> NDArray[np.void]:
        out = np.zeros(len(batch), _RECORD)
        for name in ("src_addr", "dst_addr", "next_hop"):
            if batch.has(name):
                code = presence(batch, FIELDS[name])
                out[name] = np.where(np.equal(code, 1), batch.columns[name + "_lo"] & UINT32_MAX, 0)
                lost = int(np.count_nonzero(np.broadcast_to(np.equal(code, 2), len(batch))))
                if lost:  # an IPv6 next hop of an IPv4 flow
                    add(counts, {f"fields.not_carried.{name}": lost})
        for name in ("time_flow_start_ms", "time_flow_end_ms"):
            out[name] = uptime_of(batch.columns[name], self.boot_ms, export_ms, name, counts)
        for name in _NUMBERS:
            if batch.has(name):
                out[name] = _fit(batch, name, _RECORD[name].itemsize, counts)
        return out


def _without_ipv6(batch: FlowBatch, counts: Counts) -> FlowBatch:
    ipv6 = np.zeros(len(batch), np.bool_)
    for name in ("src_addr", "dst_addr"):
        if batch.has(name):
            ipv6 |= np.equal(presence(batch, FIELDS[name]), 2)
    lost = int(np.count_nonzero(ipv6))
    if not lost:
        return batch
    add(counts, {"flows.not_carried.ipv6": lost})
    return batch.take(~ipv6)


def _fit(batch: FlowBatch, name: str, size: int, counts: Counts) -> NDArray[np.int64]:
    """Values of a field, 0 for null, no larger than `size` bytes hold."""
    values = batch.columns[name].astype(np.int64)
    if name in batch.valid:
        values = np.where(batch.valid[name], values, 0)
    largest = (1 << (8 * size)) - 1
    over = values > largest
    lost = int(np.count_nonzero(over))
    if lost:
        is_as = name in {"src_as", "dst_as"}
        add(counts, {f"values.{'as_trans' if is_as else 'saturated'}.{name}": lost})
        values = np.where(over, AS_TRANS if is_as else largest, values)
    return values
