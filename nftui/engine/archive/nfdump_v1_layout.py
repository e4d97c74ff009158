"""Layout 1 of nfdump's files (nfdump 1.6): headers, and the extensions that an extension map may name.

A file is a header, statistics, and blocks. A flow record is a common part, the addresses, packets and bytes, whose
sizes its flags tell, and the extensions of the extension map that it refers to, in the map's order, without headers
of their own. An extension map is a record of the same file, before the flows that refer to it.

Source: nfdump 1.6.24, the headers nffile.h and exporter.h.
"""

from __future__ import annotations

from enum import IntFlag

import numpy as np

from nftui.engine.archive.nfdump_layout import Compression

LAYOUT = 1
BLOCK = 2
"""Type of blocks with records."""
BLOCK_LARGE = 3
"""Type of blocks with histograms."""
BLOCK_COMPRESSION_OFF = 1
"""Flag of a block that is not compressed in a file that is."""

EXTENSION_MAP = 2
FLOW_SHORT = 1
"""Type of flow records without an exporter."""
FLOW = 10

KNOWN = frozenset({FLOW_SHORT, EXTENSION_MAP, 3, 4, 5, 6, 7, 8, 9, FLOW})
"""Types of records."""

FILE_HEADER = np.dtype([
    ("magic", "<u2"), ("layout", "<u2"), ("flags", "<u4"), ("blocks", "<u4"), ("ident", "S128"),
])  # fmt: skip
"""140 bytes."""

STATISTICS = np.dtype([
    *((name, "<u8") for name in (
        "flows", "bytes", "packets", "flows_tcp", "flows_udp", "flows_icmp", "flows_other", "bytes_tcp", "bytes_udp",
        "bytes_icmp", "bytes_other", "packets_tcp", "packets_udp", "packets_icmp", "packets_other",
    )),
    ("first", "<u4"), ("last", "<u4"), ("first_ms", "<u2"), ("last_ms", "<u2"), ("sequence_failures", "<u4"),
])  # fmt: skip
"""136 bytes behind the file's header; `first` and `last` in seconds, with their milliseconds apart."""

SAMPLER = np.dtype([
    ("type", "<u2"), ("size", "<u2"), ("id", "<i4"), ("interval", "<u4"), ("mode", "<u2"), ("exporter", "<u2"),
])  # fmt: skip
"""Record of type 9, 16 bytes."""

COMPRESSIONS = ((1, Compression.LZO), (8, Compression.BZ2), (16, Compression.LZ4))
"""Flags of the file's header."""


class RecordFlag(IntFlag):
    """Flags of a flow record."""

    IPV6 = 1
    PACKETS_64 = 2
    BYTES_64 = 4
    SAMPLED = 128


COMMON = (
    ("u2", "milliseconds of the start"), ("u2", "milliseconds of the end"), ("u4", "start"), ("u4", "end"),
    ("u1", "forwarding_status"), ("u1", "tcp_flags"), ("u1", "proto"), ("u1", "ip_tos"), ("u2", "src_port"),
    ("u2", "dst_port"),
)  # fmt: skip
"""Format and field of the common part, from byte 8 of a record on; `FLOW` has exporter and ICMP (u2 each) behind."""

Members = tuple[tuple[str, str], ...]

EXTENSIONS: dict[int, Members] = {
    4: (("u2", "in_if"), ("u2", "out_if")),
    5: (("u4", "in_if"), ("u4", "out_if")),
    6: (("u2", "src_as"), ("u2", "dst_as")),
    7: (("u4", "src_as"), ("u4", "dst_as")),
    8: (("u1", "dst_tos"), ("u1", "direction"), ("u1", "src_mask"), ("u1", "dst_mask")),
    9: (("u4", "next_hop"),),
    10: (("2u8", "next_hop"),),
    11: (("u4", "bgp_next_hop"),),
    12: (("2u8", "bgp_next_hop"),),
    13: (("u2", "src_vlan"), ("u2", "dst_vlan")),
    14: (("u4", "out_packets"),),
    15: (("u8", "out_packets"),),
    16: (("u4", "out_bytes"),),
    17: (("u8", "out_bytes"),),
    18: (("u4", "flows"),),
    19: (("u8", "flows"),),
    20: (("u8", "in_src_mac"), ("u8", "out_dst_mac")),
    21: (("u8", "in_dst_mac"), ("u8", "out_src_mac")),
    22: tuple(("u4", f"mpls_{i}") for i in range(1, 11)),
    23: (("u4", "sampler_address"),),
    24: (("2u8", "sampler_address"),),
    25: (("u2", "-"), ("u1", "engine_type"), ("u1", "engine_id")),
    26: (("u4", "next_as"), ("u4", "prev_as")),
    27: (("u8", "time_received_ms"),),
    37: (
        ("u8", "#323"), ("u4", "flow_id"), ("u2", "-"), ("u1", "firewall_event"), ("u1", "-"),
        ("u2", "firewall_ext_event"), ("u2", "-"),
    ),
    38: (("u2", "post_nat_src_port"), ("u2", "post_nat_dst_port")),
    39: (("u4", "post_nat_src_addr"), ("u4", "post_nat_dst_addr")),
    40: (("2u8", "post_nat_src_addr"), ("2u8", "post_nat_dst_addr")),
    41: tuple(("u4", f"{side}_{part}_id") for side in ("ingress", "egress") for part in ("acl", "ace", "xace")),
    42: (("S24", "username"),),
    43: (("S72", "username"),),
    45: (("u8", "client_latency_us"), ("u8", "server_latency_us"), ("u8", "app_latency_us")),
    46: (("u1", "nat_event"), ("u1", "-"), ("u2", "-"), ("u4", "egress_vrf"), ("u4", "ingress_vrf")),
    47: (("u4", "post_nat_src_addr"), ("u4", "post_nat_dst_addr")),
    48: tuple(("u2", f"port_block_{part}") for part in ("start", "end", "step", "size")),
}  # fmt: skip
"""Format and meaning of each member, as in `nftui.engine.archive.nfdump_layout`."""
