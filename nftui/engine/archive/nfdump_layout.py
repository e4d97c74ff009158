"""Layout 2 of nfdump's files (nfdump 1.7): headers, record types and extensions as NumPy types.

A file is a header, blocks, and the blocks of its appendix, which hold the ident and the statistics. A block is a
header and a payload that is compressed as a whole. A payload is a sequence of records, each with type and size; a
flow record (type 11) is a header and elements, each with id and length of its own: what a reader does not know, it
steps over. All numbers are in the byte order of the machine that wrote the file, addresses too.

Source: nfdump 1.7.1 and 1.7.8, the headers nffileV2.h, nfxV3.h, id.h and exporter.h. Types here are little endian;
`in_order` gives those of files from big-endian machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np

MAGIC = 0xA50C
"""First number of a file in its own byte order."""
LAYOUT = 2

NO_ELEMENT_PEN = 0xFFFFFFFF
"""Enterprise number under which `extra` keeps an extension without IPFIX elements: its id and its bytes."""


class Compression(IntEnum):
    """How the payloads of blocks are compressed, in the header of layout 2."""

    NONE = 0
    LZO = 1
    BZ2 = 2
    LZ4 = 3
    ZSTD = 4


class Creator(IntEnum):
    """Program that wrote the file."""

    UNKNOWN = 0
    NFCAPD = 1
    NFPCAPD = 2
    SFCAPD = 3
    NFDUMP = 4
    NFANON = 5
    NFPROFILE = 6
    GEOLOOKUP = 7
    FT2NFDUMP = 8


class RecordType(IntEnum):
    """Types of records."""

    EXPORTER = 7
    EXPORTER_STATISTICS = 8
    SAMPLER_V1 = 9
    """Sampler of nfdump 1.6."""
    FLOW = 11
    NBAR = 12
    IF_NAME = 13
    VRF_NAME = 14
    SAMPLER = 15
    IDENT = 0x8001
    STATISTICS = 0x8002


class BlockFlag(IntFlag):
    """Exceptions from what the file's header says of its blocks."""

    NOT_COMPRESSED = 1
    NOT_ENCRYPTED = 2


class FlowFlag(IntFlag):
    """Flags of a flow record."""

    EVENT = 1
    SAMPLED = 2
    """Packets and bytes were multiplied by the sampling rate before they were written."""
    ANONYMISED = 4
    PASSED = 128


BLOCK_MIXED = 3
"""Type of blocks with records of any type, flows among them."""
BLOCK_ARRAY = 4
"""Type of blocks of numbers, nothing that flows need."""

LARGEST_BLOCK = 5 << 20
"""Bytes of a payload before compression: nfdump has no more room for one."""
USUAL_BLOCK = 1 << 20
"""nfdump writes a block when its payload reaches this size."""

FILE_HEADER = np.dtype([
    ("magic", "<u2"), ("layout", "<u2"), ("nfdump_version", "<u4"), ("created", "<i8"), ("compression", "u1"),
    ("encryption", "u1"), ("appendix_blocks", "<u2"), ("creator", "<u4"), ("appendix_offset", "<i8"),
    ("block_size", "<u4"), ("blocks", "<u4"),
])  # fmt: skip
"""40 bytes; `created` in seconds, `blocks` without those of the appendix."""

BLOCK_HEADER = np.dtype([("records", "<u4"), ("size", "<u4"), ("type", "<u2"), ("flags", "<u2")])
"""12 bytes; `size` of the payload as it is stored, without this header."""

RECORD_HEADER = np.dtype([("type", "<u2"), ("size", "<u2")])
"""First 4 bytes of every record; `size` of all of it."""

FLOW_HEADER = np.dtype([
    ("type", "<u2"), ("size", "<u2"), ("elements", "<u2"), ("engine_type", "u1"), ("engine_id", "u1"),
    ("exporter", "<u2"), ("flags", "u1"), ("export_version", "u1"),
])  # fmt: skip
"""12 bytes before the elements; `exporter` is the number of an exporter record of the file."""

ELEMENT_HEADER = np.dtype([("id", "<u2"), ("length", "<u2")])
"""4 bytes before an extension; `length` counts them."""

EXPORTER = np.dtype([
    ("type", "<u2"), ("size", "<u2"), ("version", "<u4"), ("address", "<u8", 2), ("family", "<u2"), ("number", "<u2"),
    ("domain", "<u4"),
])  # fmt: skip
"""32 bytes; `address` high half first, IPv4 in the low 32 bits; `family` 2 for IPv4 and 10 for IPv6."""

SAMPLER = np.dtype([
    ("type", "<u2"), ("size", "<u2"), ("exporter", "<u2"), ("algorithm", "<u2"), ("id", "<i8"),
    ("packet_interval", "<u4"), ("space_interval", "<u4"),
])  # fmt: skip
"""24 bytes; one packet of (packet_interval + space_interval) / packet_interval was sampled."""

STATISTICS = np.dtype([
    (name, "<u8") for name in (
        "flows", "bytes", "packets", "flows_tcp", "flows_udp", "flows_icmp", "flows_other", "bytes_tcp", "bytes_udp",
        "bytes_icmp", "bytes_other", "packets_tcp", "packets_udp", "packets_icmp", "packets_other", "first_ms",
        "last_ms", "sequence_failures",
    )
])  # fmt: skip
"""144 bytes after the record header, in the appendix."""


@dataclass(frozen=True, slots=True)
class Member:
    """One value of an extension.

    Attributes:
        format: NumPy code, without byte order where it is the file's; `2u8` is an IPv6 address, high half first,
            `u4` in an address field an IPv4 address; `S` is text of the rest of the extension.
        offset: bytes from the end of the element header.
        field: field of the registry; empty if there is none.
        element: IPFIX element (enterprise number, id) under which `extra` keeps it, or None for padding and for
            what a field holds.
        zero_is_null: nfdump writes zero where it knows nothing, and zero would mean something else.
    """

    format: str
    offset: int
    field: str
    element: tuple[int, int] | None
    zero_is_null: bool = False


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension of flow records.

    Attributes:
        id: number in the element header.
        name: what it is about.
        members: its values.
        size: bytes of the payload; 0 if it varies.
        whole: kept in `extra` as it is, under `NO_ELEMENT_PEN` and its id: there are no IPFIX elements for it.
    """

    id: int
    name: str
    members: tuple[Member, ...]
    size: int
    whole: bool = False


def _extension(number: int, name: str, *members: tuple[str, str], size: int | None = None) -> Extension:
    """Members as (format, meaning).

    A meaning is a field, with `?` if zero is null there, `#N` or `#PEN.N` for an element kept in `extra`, or `-`.
    """
    found = []
    offset = 0
    for form, meaning in members:
        element = None
        if meaning.startswith("#"):
            pen, _, number_of = meaning[1:].rpartition(".")
            element = (int(pen or 0), int(number_of))
        name = "" if meaning[0] in "#-" else meaning.removesuffix("?")
        found.append(Member(form, offset, name, element, meaning.endswith("?")))
        offset += np.dtype(form).itemsize
    return Extension(number, name, tuple(found), offset if size is None else size)


_IPV4, _IPV6 = "u4", "2u8"
_ACCESS_LISTS = tuple((">u4", f"{side}_{part}_id") for side in ("ingress", "egress") for part in ("acl", "ace", "xace"))

EXTENSIONS: dict[int, Extension] = {
    extension.id: extension
    for extension in (
        _extension(
            1, "generic flow", ("u8", "time_flow_start_ms"), ("u8", "time_flow_end_ms"), ("u8", "time_received_ms"),
            ("u8", "packets"), ("u8", "bytes"), ("u2", "src_port"), ("u2", "dst_port"), ("u1", "proto"),
            ("u1", "tcp_flags"), ("u1", "forwarding_status"), ("u1", "ip_tos"),
        ),
        _extension(2, "IPv4 addresses", (_IPV4, "src_addr"), (_IPV4, "dst_addr")),
        _extension(3, "IPv6 addresses", (_IPV6, "src_addr"), (_IPV6, "dst_addr")),
        _extension(
            4, "interfaces and masks", ("u4", "in_if"), ("u4", "out_if"), ("u1", "src_mask"), ("u1", "dst_mask"),
            ("u1", "direction"), ("u1", "dst_tos"), ("u1", "biflow_direction?"), ("u1", "flow_end_reason?"),
            ("u2", "-"),
        ),
        _extension(5, "reverse counters", ("u8", "flows"), ("u8", "out_packets"), ("u8", "out_bytes")),
        _extension(6, "VLANs", ("u4", "src_vlan"), ("u4", "dst_vlan")),
        _extension(7, "autonomous systems", ("u4", "src_as"), ("u4", "dst_as")),
        _extension(8, "BGP next hop, IPv4", (_IPV4, "bgp_next_hop")),
        _extension(9, "BGP next hop, IPv6", (_IPV6, "bgp_next_hop")),
        _extension(10, "next hop, IPv4", (_IPV4, "next_hop")),
        _extension(11, "next hop, IPv6", (_IPV6, "next_hop")),
        _extension(12, "exporter, IPv4", (_IPV4, "sampler_address")),
        _extension(13, "exporter, IPv6", (_IPV6, "sampler_address")),
        _extension(14, "MPLS labels", *(("u4", f"mpls_{i}") for i in range(1, 11))),
        _extension(
            15, "MAC addresses", ("u8", "in_src_mac"), ("u8", "out_dst_mac"), ("u8", "in_dst_mac"),
            ("u8", "out_src_mac"),
        ),
        _extension(16, "adjacent autonomous systems", ("u4", "next_as"), ("u4", "prev_as")),
        _extension(17, "latencies", ("u8", "client_latency_us"), ("u8", "server_latency_us"), ("u8", "app_latency_us")),
        _extension(18, "sampler", ("u8", "sampler_id"), ("u2", "-"), ("u2", "-"), size=16),
        _extension(
            19, "firewall event", ("u8", "#323"), ("u4", "flow_id"), ("u2", "firewall_ext_event"),
            ("u1", "firewall_event"), ("u1", "-"),
        ),
        _extension(20, "translated IPv4 addresses", (_IPV4, "post_nat_src_addr"), (_IPV4, "post_nat_dst_addr")),
        _extension(21, "translated IPv6 addresses", (_IPV6, "post_nat_src_addr"), (_IPV6, "post_nat_dst_addr")),
        _extension(22, "translated ports", ("u2", "post_nat_src_port"), ("u2", "post_nat_dst_port")),
        _extension(23, "access lists", *_ACCESS_LISTS),
        _extension(24, "user", ("S66", "username"), ("u2", "-")),
        _extension(25, "NAT event", ("u8", "#323"), ("u4", "#283"), ("u1", "nat_event"), ("u1", "-"), ("u2", "-")),
        _extension(26, "NAT port block", *(("u2", f"port_block_{part}") for part in ("start", "end", "step", "size"))),
        Extension(27, "application id", (), 0),
        Extension(28, "label", (), 0, whole=True),
        Extension(29, "payload", (), 0, whole=True),
        Extension(30, "reverse payload", (), 0, whole=True),
        Extension(31, "tunnel, IPv4", (), 12, whole=True),
        Extension(32, "tunnel, IPv6", (), 40, whole=True),
        _extension(33, "observation", ("u8", "observation_point_id"), ("u4", "observation_domain_id"), size=16),
        Extension(34, "frame size and link type", (), 4, whole=True),
        Extension(35, "frame", (), 0, whole=True),
        _extension(36, "VRFs", ("u4", "egress_vrf"), ("u4", "ingress_vrf")),
        Extension(37, "OpenBSD pf", (), 0, whole=True),
        _extension(
            38, "layer 2", ("u2", "src_vlan"), ("u2", "customer_vlan?"), ("u2", "dst_vlan"),
            ("u2", "dst_customer_vlan?"),
            ("u4", "#252"), ("u4", "#253"), ("u8", "layer2_segment_id?"), ("u2", "etype?"), ("u1", "ip_version?"),
            ("u1", "-"), ("u4", "-"),
        ),
        _extension(39, "flow id", ("u8", "flow_id")),
        _extension(40, "Nokia NAT services", ("u2", "#637.91"), ("u2", "#637.92")),
        Extension(41, "Nokia NAT subscriber", (), 0, whole=True),
        _extension(42, "IP details", ("u1", "-"), ("u1", "fragment_flags"), ("u1", "min_ttl"), ("u1", "max_ttl")),
    )
}  # fmt: skip
"""What the flow records of nfdump 1.7.0 to 1.7.8 are made of, by id."""


def in_order(layout: np.dtype[Any], order: str) -> np.dtype[Any]:
    """A layout in the byte order of a file.

    Args:
        layout: one of the types above.
        order: `<` or `>`.
    """
    return layout.newbyteorder("<" if order == "<" else ">")
