"""NetFlow v1, v5 and v7: fixed records behind a fixed header.

Formats: Cisco, "NetFlow Services Solutions Guide", appendix "NetFlow export datagram formats" (v1, v5, v7). The
number of records in the header is not trusted: what fits counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nftui.engine.decode import extra
from nftui.engine.decode.datagrams import Ints, Wire, positions
from nftui.engine.decode.rows import Messages, Rows

_COMMON = [
    ("src_addr", ">u4"), ("dst_addr", ">u4"), ("next_hop", ">u4"), ("in_if", ">u2"), ("out_if", ">u2"),
    ("packets", ">u4"), ("bytes", ">u4"), ("first", ">u4"), ("last", ">u4"), ("src_port", ">u2"),
    ("dst_port", ">u2"),
]  # fmt: skip
_V1 = np.dtype([
    *_COMMON, ("pad1", ">u2"), ("proto", "u1"), ("ip_tos", "u1"), ("tcp_flags", "u1"), ("pad2", "V7"),
])  # fmt: skip
_V5 = np.dtype([
    *_COMMON, ("pad1", "u1"), ("tcp_flags", "u1"), ("proto", "u1"), ("ip_tos", "u1"), ("src_as", ">u2"),
    ("dst_as", ">u2"), ("src_mask", "u1"), ("dst_mask", "u1"), ("pad2", ">u2"),
])  # fmt: skip
_V7 = np.dtype([
    *_COMMON, ("pad1", "u1"), ("tcp_flags", "u1"), ("proto", "u1"), ("ip_tos", "u1"), ("src_as", ">u2"),
    ("dst_as", ">u2"), ("src_mask", "u1"), ("dst_mask", "u1"), ("pad2", ">u2"), ("router", ">u4"),
])  # fmt: skip
_ROUTER = 130
"""exporterIPv4Address: where the address of the bypassed router of a v7 record is kept."""


@dataclass(frozen=True, slots=True)
class Format:
    """Shape of a version: bytes of header and record, fields, and whether the header has sequence and engine."""

    version: int
    header: int
    record: np.dtype[np.void]

    @property
    def sequenced(self) -> bool:
        """Whether the header carries a sequence number."""
        return self.version != 1

    @property
    def engine(self) -> bool:
        """Whether the header carries engine and sampling."""
        return self.version == 5


FORMATS = {1: Format(1, 16, _V1), 5: Format(5, 24, _V5), 7: Format(7, 24, _V7)}


@dataclass(slots=True)
class Headers:
    """Headers of n datagrams.

    Attributes:
        count: records that are there: what the header claims, at most what fits.
        claimed: records by the header.
        domain: engine type and id, 0 where the version has none.
        sequence: flow sequence, 0 for v1.
        sampling: packets per sampled packet, 0 where none.
        uptime, export_ms: see `Messages`.
    """

    count: Ints
    claimed: Ints
    domain: Ints
    sequence: Ints
    sampling: Ints
    uptime: Ints
    export_ms: Ints


def read_headers(wire: Wire, form: Format, offset: Ints, length: Ints) -> Headers:
    """Headers of datagrams that are at least as long as one."""
    claimed = wire.u2[offset + 2].astype(np.int64)
    zero = np.zeros(len(offset), np.int64)
    export = wire.u4[offset + 8].astype(np.int64) * 1000 + wire.u4[offset + 12].astype(np.int64) // 1_000_000
    return Headers(
        np.minimum(claimed, (length - form.header) // form.record.itemsize),
        claimed,
        wire.u2[offset + 20].astype(np.int64) if form.engine else zero,
        wire.u4[offset + 16].astype(np.int64) if form.sequenced else zero,
        wire.u2[offset + 22].astype(np.int64) & 0x3FFF if form.engine else zero,
        wire.u4[offset + 4].astype(np.int64),
        export,
    )


def read_rows(messages: Messages, form: Format, headers: Headers, offset: Ints) -> Rows:
    """All records of the datagrams as registers."""
    count = headers.count
    size = form.record.itemsize
    message = np.repeat(np.arange(len(count)), count)
    position = positions(offset + form.header, count, size)
    image = messages.wire.images(position, size).view(form.record)
    rows = Rows(len(message), messages, message)
    for name in form.record.names or ():
        if name in _REGISTERS:
            register, dtype = _REGISTERS[name]
            rows.values[register] = image[name].astype(dtype)
    if form.engine:
        rows.values["engine_type"] = (headers.domain >> 8).astype(np.uint8)[message]
        rows.values["engine_id"] = headers.domain.astype(np.uint8)[message]
    if form.version == 7:
        entry = extra.Entries(extra.header(0, _ROUTER, 4), position + 48, 4)
        rows.extra, _ = extra.build(messages.wire, rows.length, [entry], 12)
    return rows


_REGISTERS: dict[str, tuple[str, str]] = {
    "src_addr": ("src_addr.4", "i8"), "dst_addr": ("dst_addr.4", "i8"), "next_hop": ("next_hop.4", "i8"),
    "in_if": ("in_if", "u4"), "out_if": ("out_if", "u4"), "packets": ("packets", "i8"), "bytes": ("bytes", "i8"),
    "first": ("time.22", "u4"), "last": ("time.21", "u4"), "src_port": ("src_port", "u2"),
    "dst_port": ("dst_port", "u2"), "proto": ("proto", "u1"), "ip_tos": ("ip_tos", "u1"),
    "tcp_flags": ("tcp_flags", "u2"), "src_as": ("src_as", "u4"), "dst_as": ("dst_as", "u4"),
    "src_mask": ("src_mask", "u1"), "dst_mask": ("dst_mask", "u1"),
}  # fmt: skip
"""Field of the record to register and its dtype."""
