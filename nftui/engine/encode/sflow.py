"""sFlow version 5 (sflow.org, "sFlow Version 5", July 2004): flow batches to datagrams, one flow sample a flow.

The sampled header is made up from the flow's fields: Ethernet, IPv4 or IPv6, TCP, UDP, SCTP or ICMP.
VLANs, routes and AS numbers go into extended records. There are no flow times, and one sample is one packet.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import Array, FlowBatch, Index
from nftui.engine.counters import Counts, add
from nftui.engine.encode.datagrams import PAYLOAD_BYTES, Bytes, Datagrams, Part, assemble, uniform_part
from nftui.engine.encode.records import UINT32_MAX
from nftui.engine.encode.templated import before, count_left_out
from nftui.text import V4_PREFIX

_HEADER_BYTES = {4: 28, 16: 40}
_TRAILER = 4
"""Bytes of the frame check sequence, stripped from the sampled header."""
_TCP, _UDP, _SCTP, _ICMP, _ICMP6 = 6, 17, 132, 1, 58
_PORTS = (_TCP, _UDP, _SCTP)
_NO_PORTS = 0
_TRANSPORT_BYTES = {_TCP: 20, _UDP: 8, _SCTP: 12, _ICMP: 4, _NO_PORTS: 0}
_LARGEST_INTERFACE = (1 << 30) - 1
_LARGEST_SOURCE = (1 << 24) - 1

CARRIED = frozenset(
    {
        "src_addr", "dst_addr", "src_port", "dst_port", "proto", "tcp_flags", "ip_tos", "icmp_type", "icmp_code",
        "bytes", "packets", "in_if", "out_if", "in_src_mac", "in_dst_mac", "min_ttl", "max_ttl", "fragment_id",
        "ipv6_flow_label", "src_vlan", "dst_vlan", "next_hop", "src_mask", "dst_mask", "bgp_next_hop", "src_as",
        "dst_as", "prev_as", "next_as", "observation_point_id", "etype", "flows",
    }
)  # fmt: skip
"""Fields that samples have a place for. What a flow does not have of a header or record is sent as 0."""

_SWITCH = ("src_vlan", "dst_vlan")
_ROUTER = ("next_hop", "src_mask", "dst_mask")
_GATEWAY = ("bgp_next_hop", "src_as", "dst_as", "prev_as")


class SflowEncoder:
    """Encoder of one sFlow agent.

    What a sample cannot carry is counted: `values.saturated.packets` (a sample is one packet), and fields without a
    place as for the other encoders.

    Args:
        agent: the agent's address, 128 bits, IPv4 mapped.
        sub_agent: number of the sub-agent.
        header_bytes: bytes sampled of a long packet; what is behind the transport header is zeros.
        payload_bytes: largest datagram.
    """

    def __init__(
        self, agent: int, *, sub_agent: int = 0, header_bytes: int = 0, payload_bytes: int = PAYLOAD_BYTES
    ) -> None:
        self._v4 = agent >> 32 == V4_PREFIX >> 32
        self._agent = agent
        self.sub_agent = sub_agent
        self.header_bytes = header_bytes
        self.sequence = 0
        self._samples: dict[int, int] = {}
        self._room = payload_bytes - _HEADER_BYTES[4 if self._v4 else 16]

    def encode(self, batch: FlowBatch, export_ms: int) -> Datagrams:
        """Encode all flows; `export_ms` becomes the agent's uptime, modulo 2^32."""
        counts: Counts = {}
        count_left_out(batch, set(CARRIED), counts)
        many = int(np.count_nonzero(_values(batch, "packets", 1) != 1))
        if many:
            add(counts, {"values.saturated.packets": many})
        parts: list[Part] = []
        for rows, shape in _groups(batch, self.header_bytes):
            parts += self._parts(shape.pack(batch.take(rows), self._next_numbers(batch, rows)))
        assembled = assemble(parts, counts)
        header = np.zeros((len(assembled.records), _HEADER_BYTES[4 if self._v4 else 16]), np.uint8)
        words = header.view(">u4")
        words[:, 0], words[:, 1] = 5, 1 if self._v4 else 2
        raw = self._agent.to_bytes(16, "big")
        address = np.frombuffer(raw[12:] if self._v4 else raw, ">u4")
        words[:, 2 : 2 + len(address)] = address
        words[:, -4] = self.sub_agent
        words[:, -3] = before(np.ones(len(words), np.int64), self.sequence)
        words[:, -2] = export_ms & UINT32_MAX
        words[:, -1] = assembled.records
        self.sequence = (self.sequence + len(words)) & UINT32_MAX
        assembled.write_headers(header)
        return assembled.datagrams

    def _next_numbers(self, batch: FlowBatch, rows: Index) -> NDArray[np.int64]:
        """Number of each sample among those of its source."""
        sources = _source(batch)[rows]
        order = np.argsort(sources, kind="stable")
        found, first, count = np.unique(sources[order], return_index=True, return_counts=True)
        numbers = np.empty(len(rows), np.int64)
        base = np.array([self._samples.get(source, 0) for source in found.tolist()], np.int64)
        numbers[order] = np.arange(len(rows)) - np.repeat(first - base, count)
        self._samples.update(zip(found.tolist(), (base + count).tolist(), strict=True))
        return numbers & UINT32_MAX

    def _parts(self, samples: Bytes) -> list[Part]:
        size = samples.shape[1]
        each = self._room // size
        if not each:
            raise ValueError("payload_bytes is too small for one sample")
        whole = len(samples) // each * each
        head = _HEADER_BYTES[4 if self._v4 else 16]
        parts = []
        for start, stop, count in ((0, whole, each), (whole, len(samples), len(samples) - whole)):
            if start < stop:
                body = samples[start:stop].reshape((stop - start) // count, count * size)
                room = np.zeros((len(body), head), np.uint8)
                parts.append(uniform_part(np.concatenate([room, body], axis=1), count, count, count))
        return parts


class _Shape:
    """Layout of the samples of a group of flows: which headers and records they have.

    Args:
        expanded: whether the large form of the sample is needed.
        v6: IPv6 in the header.
        transport: key of `_TRANSPORT_BYTES`.
        header: bytes of the sampled header, at least those that are made.
        switch: with an extended switch record.
        router: size of the next hop's address in an extended router record, 0 without one.
        gateway: the same of an extended gateway record.
        path: AS numbers in the gateway's path.
    """

    def __init__(
        self, expanded: bool, v6: bool, transport: int, long: int, switch: bool, router: int, gateway: int, path: int
    ) -> None:
        self.expanded, self.v6, self.transport = expanded, v6, transport
        self.switch, self.router, self.gateway, self.path = switch, router, gateway, path
        self.header = max(long, 14 + (40 if v6 else 20) + _TRANSPORT_BYTES[transport])
        records = 1 + switch + (router > 0) + (gateway > 0)
        head = ["format", "length", "sequence"]
        head += ["class", "index"] if expanded else ["index"]
        head += ["rate", "pool", "drops"]
        head += ["in_format", "in_if", "out_format", "out_if"] if expanded else ["in_if", "out_if"]
        fields: list[tuple[str, str] | tuple[str, str, int]] = [(name, ">u4") for name in [*head, "records"]]
        self.fixed = {"format": 3 if expanded else 1, "records": records}
        self._record(fields, "raw", 1, ["protocol", "frame", "stripped", "size"], self.header + 3 & ~3)
        fields += self._packet()
        fields.append(("payload", "u1", (self.header + 3 & ~3) - self._made))
        if switch:
            self._record(fields, "switch", 1001, ["src_vlan", "src_priority", "dst_vlan", "dst_priority"])
        if router:
            self._record(fields, "router", 1002, ["next_hop_type"], router + 8)
            fields += [("next_hop", "u1", router), ("src_mask", ">u4"), ("dst_mask", ">u4")]
        if gateway:
            self._record(fields, "gateway", 1003, ["bgp_next_hop_type"], gateway + 4 * (6 + (path and path + 2)))
            fields += [("bgp_next_hop", "u1", gateway)]
            fields += [(name, ">u4") for name in ("own_as", "src_as", "prev_as", "segments")]
            if path:
                fields += [("segment_type", ">u4"), ("segment_size", ">u4")]
                fields += [(name, ">u4") for name in ("next_as", "dst_as")[2 - path :]]
            fields += [("communities", ">u4"), ("local_preference", ">u4")]
        self.dtype = np.dtype(fields)
        self.fixed["length"] = self.dtype.itemsize - 8

    def _record(
        self, fields: list[tuple[str, str] | tuple[str, str, int]], name: str, number: int, words: list[str],
        more: int = 0,
    ) -> None:  # fmt: skip
        fields += [(f"{name}_format", ">u4"), (f"{name}_length", ">u4"), *((word, ">u4") for word in words)]
        self.fixed |= {f"{name}_format": number, f"{name}_length": 4 * len(words) + more}

    def _packet(self) -> list[tuple[str, str] | tuple[str, str, int]]:
        fields: list[tuple[str, str] | tuple[str, str, int]] = [
            ("target_mac", "u1", 6), ("source_mac", "u1", 6), ("etype", ">u2"),
        ]  # fmt: skip
        if self.v6:
            fields += [("first_word", ">u4"), ("ip_length", ">u2"), ("proto", "u1"), ("ttl", "u1")]
            fields += [("src_addr", "u1", 16), ("dst_addr", "u1", 16)]
        else:
            fields += [("version", "u1"), ("tos", "u1"), ("ip_length", ">u2"), ("ident", ">u2"), ("fragment", ">u2")]
            fields += [("ttl", "u1"), ("proto", "u1"), ("checksum", ">u2"), ("src_addr", "u1", 4)]
            fields += [("dst_addr", "u1", 4)]
        if self.transport in _PORTS:
            fields += [("src_port", ">u2"), ("dst_port", ">u2")]
        if self.transport == _TCP:
            fields += [("numbers", "u1", 8), ("tcp_size", "u1"), ("tcp_flags", "u1"), ("tcp_rest", "u1", 6)]
        elif self.transport == _UDP:
            fields += [("udp_length", ">u2"), ("udp_checksum", ">u2")]
        elif self.transport == _SCTP:
            fields.append(("sctp_rest", "u1", 8))
        elif self.transport == _ICMP:
            fields += [("icmp_type", "u1"), ("icmp_code", "u1"), ("icmp_checksum", ">u2")]
        self._made = 14 + (40 if self.v6 else 20) + _TRANSPORT_BYTES[self.transport]
        return fields

    def pack(self, batch: FlowBatch, numbers: Array) -> Bytes:
        """Samples of flows that have this shape, uint8[n, size]."""
        out = np.zeros(len(batch), self.dtype)
        for name, value in self.fixed.items():
            out[name] = value
        source = _source(batch)
        out["sequence"], out["rate"] = numbers, _values(batch, "sampling_rate")
        if self.expanded:
            out["class"], out["index"] = source >> 32, source & UINT32_MAX
        else:
            out["index"] = (source >> 32) << 24 | source & _LARGEST_SOURCE
        out["in_if"], out["out_if"] = _values(batch, "in_if"), _values(batch, "out_if")
        octets = np.minimum(_values(batch, "bytes"), UINT32_MAX)
        out["protocol"], out["frame"], out["stripped"], out["size"] = 1, octets, _TRAILER, self.header
        self._pack_packet(out, batch, octets)
        for name in (*_SWITCH, "src_mask", "dst_mask", "src_as", "dst_as", "prev_as", "next_as"):
            if name in (self.dtype.names or ()):
                out[name] = _values(batch, name)
        for name, size in (("next_hop", self.router), ("bgp_next_hop", self.gateway)):
            if size:
                out[name], out[f"{name}_type"] = _address(batch, name, size), 1 if size == 4 else 2
        if self.path:
            out["segments"], out["segment_type"], out["segment_size"] = 1, 2, self.path
        return out.view(np.uint8).reshape(len(batch), self.dtype.itemsize)

    def _pack_packet(self, out: NDArray[np.void], batch: FlowBatch, octets: Array) -> None:
        for name, column in (("target_mac", "in_dst_mac"), ("source_mac", "in_src_mac")):
            wide = _values(batch, column).astype(">u8").view(np.uint8).reshape(-1, 8)
            out[name] = wide[:, 2:]
        out["etype"] = 0x86DD if self.v6 else 0x0800
        total = np.clip(octets - 14 - _TRAILER, 0, 0xFFFF)
        size = 16 if self.v6 else 4
        for name in ("src_addr", "dst_addr"):
            out[name] = _address(batch, name, size)
        out["proto"], out["ttl"] = _values(batch, "proto"), _values(batch, "max_ttl", 64)
        if self.v6:
            label, tos = _values(batch, "ipv6_flow_label"), _values(batch, "ip_tos")
            out["first_word"] = 6 << 28 | tos << 20 | label & 0xFFFFF
            out["ip_length"] = np.maximum(total - 40, 0)
        else:
            out["version"], out["tos"], out["ip_length"] = 0x45, _values(batch, "ip_tos"), total
            out["ident"] = _values(batch, "fragment_id")
        if self.transport in _PORTS:
            out["src_port"], out["dst_port"] = _values(batch, "src_port"), _values(batch, "dst_port")
        if self.transport == _TCP:
            out["tcp_size"], out["tcp_flags"] = 0x50, _values(batch, "tcp_flags") & 0xFF
        elif self.transport == _UDP:
            out["udp_length"] = np.maximum(total - (40 if self.v6 else 20), 8)
        elif self.transport == _ICMP:
            code = _values(batch, "dst_port")
            out["icmp_type"] = _values(batch, "icmp_type", code >> 8)
            out["icmp_code"] = _values(batch, "icmp_code", code & 0xFF)


def _groups(batch: FlowBatch, header_bytes: int) -> Iterator[tuple[Index, _Shape]]:
    """Flows whose samples have one shape, and that shape."""
    v6 = _is_v6(batch, "src_addr") | _is_v6(batch, "dst_addr")
    proto = _values(batch, "proto")
    icmp = np.where(v6, proto == _ICMP6, proto == _ICMP)
    transport = np.where(np.isin(proto, _PORTS), proto, np.where(icmp, _ICMP, _NO_PORTS))
    long = np.where(_values(batch, "bytes") >= header_bytes + _TRAILER, header_bytes, 0)
    source = _source(batch)
    expanded = (_values(batch, "in_if") > _LARGEST_INTERFACE) | (_values(batch, "out_if") > _LARGEST_INTERFACE)
    expanded |= (source & UINT32_MAX) > _LARGEST_SOURCE
    path = np.where(_has(batch, ("next_as",)), 2, (_values(batch, "dst_as") != 0) * 1)
    gateway = _has(batch, _GATEWAY)
    keys = np.stack(
        [
            expanded, v6, transport, long, _has(batch, _SWITCH), _has(batch, _ROUTER) * _size(batch, "next_hop"),
            gateway * _size(batch, "bgp_next_hop"), path * gateway,
        ],
        axis=1,
    ).astype(np.int64)  # fmt: skip
    shapes, inverse = np.unique(keys, axis=0, return_inverse=True)
    for number, (wide, six, kind, size, switch, router, hop, length) in enumerate(shapes.tolist()):
        shape = _Shape(bool(wide), bool(six), kind, size, bool(switch), router, hop, length)
        yield np.flatnonzero(inverse == number), shape


def _values(batch: FlowBatch, name: str, default: int | Array = 0) -> Array:
    """Values of a field as int64, the default where there is none."""
    if name not in batch.columns:
        return np.broadcast_to(np.asarray(default, np.int64), (len(batch),))
    values: Array = batch.columns[name].astype(np.int64)
    return np.where(batch.valid[name], values, default) if name in batch.valid else values


def _has(batch: FlowBatch, names: tuple[str, ...]) -> Array:
    """Which flows have a value of any of the fields."""
    out = np.zeros(len(batch), np.bool_)
    for name in names:
        if batch.has(name):
            out |= batch.valid.get(name, True)
    return out


def _is_v6(batch: FlowBatch, name: str) -> Array:
    if not batch.has(name):
        return np.zeros(len(batch), np.bool_)
    mapped = (batch.columns[name + "_hi"] == 0) & (batch.columns[name + "_lo"] >> 32 == 0xFFFF)
    found: Array = ~mapped & batch.valid.get(name, True)
    return found


def _size(batch: FlowBatch, name: str) -> Array:
    return np.where(_is_v6(batch, name), 16, 4)


def _address(batch: FlowBatch, name: str, size: int) -> Bytes:
    """Addresses as uint8[n, size]; without a value 0."""
    out = np.zeros((len(batch), 16), np.uint8)
    if batch.has(name):
        for half, place in (("_hi", 0), ("_lo", 8)):
            wide = np.where(batch.valid.get(name, True), batch.columns[name + half], 0)
            out[:, place : place + 8] = wide.astype(">i8").view(np.uint8).reshape(-1, 8)
    return out[:, 16 - size :]


def _source(batch: FlowBatch) -> Array:
    """Class of the data source << 32 | index: as in the flow, or else its inbound interface."""
    return _values(batch, "observation_point_id", _values(batch, "in_if"))
