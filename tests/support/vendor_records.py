"""Templates of real devices, by their vendors' documents, and what each habit must come out as.

Each case has the fields in the vendor's order and the values of one record; expected are columns of the flow.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import ip_address

from export_wire import (
    NOW_MS,
    NOW_S,
    VARIABLE,
    Field,
    a_set,
    message,
    options_template,
    template,
    varying,
)

UPTIME = 3_600_000
"""sysUptime in the header of a v9 datagram of `export_wire`."""
Value = int | str | bytes


@dataclass(frozen=True)
class Case:
    """A device's template with one record."""

    name: str
    version: int
    record: list[tuple[Field, Value]]
    expected: dict[str, object]
    extra: dict[tuple[int, int], str] = field(default_factory=dict)
    before: bytes = b""
    """Sets in front of the template: options."""


def encode_value(spec: Field, value: Value) -> bytes:
    length = spec[1]
    if isinstance(value, str) and len(spec) == 2 and spec[0] in {8, 12, 15, 18, 27, 28, 62, 225, 226, 281, 282, 130}:
        return ip_address(value).packed
    raw = value.encode() if isinstance(value, str) else value
    if isinstance(raw, bytes):
        return varying(raw) if length == VARIABLE else raw.ljust(length, b"\0")
    return raw.to_bytes(length, "big")


def ntp(ms: int) -> int:
    """NTP timestamp of UTC milliseconds."""
    return (ms // 1000 + 2_208_988_800) << 32 | (ms % 1000 << 32) // 1000


FORTINET_NAMES = options_template(9, 257, [(1, 2)], [(95, 9), (96, 64)]) + a_set(
    257, b"\0\0" + b"\x14" + struct.pack(">II", 12356, 16_354) + b"HTTP.BROWSER".ljust(64, b"\0")
)
XR_SAMPLERS = options_template(9, 257, [(1, 4)], [(48, 2), (49, 1), (50, 4)]) + a_set(
    257, bytes(4) + struct.pack(">HBI", 5, 2, 1000)
)
XR_VRFS = options_template(9, 258, [(1, 4)], [(234, 4), (236, 32)]) + a_set(
    258, bytes(4) + struct.pack(">I", 0x60000002) + b"internet".ljust(32, b"\0")
)
NEXUS_NAMES = options_template(9, 259, [(1, 4)], [(10, 4), (82, 32), (83, 64)]) + a_set(
    259, bytes(4) + struct.pack(">I", 0x1A000200) + b"Ethernet1/2".ljust(32, b"\0") + b"uplink".ljust(64, b"\0")
)
JUNIPER_SYSTEM = options_template(10, 512, [(144, 4)], [(34, 4), (36, 2), (37, 2), (160, 8)]) + a_set(
    512, struct.pack(">IIHHQ", 1, 4096, 60, 60, NOW_MS - 86_400_000)
)

V4_FLOW: list[tuple[Field, Value]] = [((8, 4), "192.0.2.1"), ((12, 4), "198.51.100.2")]
ENDS = {"src_addr": "192.0.2.1", "dst_addr": "198.51.100.2"}
SWITCHED: list[tuple[Field, Value]] = [((22, 4), UPTIME - 9000), ((21, 4), UPTIME - 2000)]
SPAN = {"time_flow_start_ms": NOW_MS - 9000, "time_flow_end_ms": NOW_MS - 2000}
MILLIS: list[tuple[Field, Value]] = [((152, 8), NOW_MS - 9000), ((153, 8), NOW_MS - 2000)]

CASES = [
    Case(
        "Cisco ASR 9000 (IOS XR), v9 with MPLS labels, sampler and VRF", 9,
        [((1, 4), 1500), ((2, 4), 3), *V4_FLOW, ((10, 4), 7), ((14, 4), 9), *SWITCHED, ((70, 3), b"\x05\xdc\x10"),
         ((71, 3), b"\x05\xdc\x21"), ((7, 2), 1024), ((11, 2), 443), ((17, 4), 64_500), ((18, 4), "203.0.113.1"),
         ((9, 1), 24), ((13, 1), 16), ((4, 1), 6), ((6, 1), 0x1B), ((5, 1), 0xB8), ((61, 1), 0), ((89, 1), 64),
         ((48, 2), 5), ((234, 4), 0x60000002), ((235, 4), 0x60000000)],
        {**ENDS, **SPAN, "bytes": 1500, "packets": 3, "mpls_1": 0x5DC10, "mpls_2": 0x5DC21, "sampling_rate": 1000,
         "ingress_vrf_name": "internet", "egress_vrf_name": None, "bgp_next_hop": "203.0.113.1",
         "forwarding_status": 64,
         "dst_as": 64_500, "tcp_flags": 0x1B, "ip_tos": 0xB8, "src_mask": 24, "dst_mask": 16, "quality": 0},
        before=XR_SAMPLERS + XR_VRFS,
    ),
    Case(
        "Cisco Nexus 9000, v9 with times of 8 bytes and names of interfaces", 9,
        [*V4_FLOW, ((4, 1), 17), ((7, 2), 53), ((11, 2), 40_000), ((10, 4), 0x1A000200), ((14, 4), 0),
         ((1, 8), 1 << 33), ((2, 8), 7), ((22, 8), UPTIME - 9000), ((21, 8), UPTIME - 2000), ((60, 1), 4),
         ((58, 2), 100)],
        {**ENDS, **SPAN, "bytes": 1 << 33, "in_if_name": "Ethernet1/2", "out_if_name": None, "src_vlan": 100,
         "ip_version": 4},
        before=NEXUS_NAMES,
    ),
    Case(
        "Cisco IOS XE, Flexible NetFlow over IPFIX: DSCP in place of TOS, NBAR, AVC", 10,
        [*V4_FLOW, ((195, 1), 46), ((4, 1), 6), ((95, 4), b"\x0d\0\x01\xc5"), ((61, 1), 1), *MILLIS, ((1, 8), 9),
         ((2, 8), 1),
         ((9265, 8, 9), 77), ((12235, VARIABLE, 9), "example.org"), ((239, 1), 1)],
        {**ENDS, **SPAN, "ip_tos": 184, "application_id": 0x0D0001C5, "direction": 1, "biflow_direction": 1},
        {(9, 9265): "77", (9, 12235): b"example.org".hex()},
    ),
    Case(
        "Cisco Catalyst SD-WAN (Viptela), IPFIX", 10,
        [((4321, 4, 41916), 10), *V4_FLOW, ((195, 1), 0), ((11, 2), 22), ((7, 2), 5000), ((4, 1), 6), ((6, 1), 2),
         ((10, 4), 1), ((14, 4), 2), ((2, 8), 3), ((1, 8), 180), ((150, 4), NOW_S - 9), ((151, 4), NOW_S - 2),
         ((136, 1), 1)],
        {**ENDS, **SPAN, "flow_end_reason": 1, "ip_tos": 0, "bytes": 180},
        {(41916, 4321): "10"},
    ),
    Case(
        "Juniper MX, inline active flow monitoring, IPFIX", 10,
        [*V4_FLOW, ((5, 1), 0), ((4, 1), 1), ((7, 2), 0), ((11, 2), 0), ((32, 2), 0x0800), ((10, 4), 500), ((58, 2), 0),
         ((9, 1), 24), ((13, 1), 8), ((16, 4), 65_001), ((17, 4), 4_200_000_000), ((15, 4), "203.0.113.9"), ((6, 1), 0),
         ((14, 4), 501), ((52, 1), 60), ((53, 1), 64), ((1, 8), 84), ((2, 8), 1), *MILLIS, ((136, 1), 2), ((243, 2), 0),
         ((245, 2), 0)],
        {**ENDS, **SPAN, "icmp_type": 8, "icmp_code": 0, "src_as": 65_001, "dst_as": 4_200_000_000, "min_ttl": 60,
         "max_ttl": 64, "next_hop": "203.0.113.9", "sampling_rate": 4096, "customer_vlan": 0},
        before=JUNIPER_SYSTEM,
    ),
    Case(
        "Huawei NetStream, v9 with routes and both MACs", 9,
        [*V4_FLOW, ((15, 4), "203.0.113.2"), ((10, 4), 12), ((14, 4), 13), ((2, 4), 4), ((1, 4), 400), *SWITCHED,
         ((7, 2), 1), ((11, 2), 2), ((6, 1), 16), ((4, 1), 6), ((5, 1), 0), ((9, 1), 32), ((13, 1), 32),
         ((16, 2), 65_000),
         ((17, 2), 23_456), ((61, 1), 1), ((56, 6), b"\2\0\0\0\0\1"), ((80, 6), b"\2\0\0\0\0\2"), ((59, 2), 20)],
        {**ENDS, **SPAN, "src_as": 65_000, "dst_as": 23_456, "in_src_mac": 0x020000000001, "in_dst_mac": 0x020000000002,
         "dst_vlan": 20, "direction": 1},
    ),
    Case(
        "Fortinet FortiGate, v9 with NAT and application ids of 9 bytes", 9,
        [((1, 8), 5000), ((23, 8), 700), ((2, 4), 10), ((24, 4), 3), *SWITCHED, ((7, 2), 1024), ((11, 2), 443),
         ((10, 2), 3),
         ((14, 2), 4), ((4, 1), 6), ((95, 9), b"\x14" + struct.pack(">II", 12356, 16_354)), ((65, 2), 2), ((89, 1), 64),
         ((136, 1), 2), *V4_FLOW, ((225, 4), "203.0.113.5"), ((226, 4), "198.51.100.2"), ((227, 2), 61_000),
         ((228, 2), 443)],
        {**ENDS, **SPAN, "bytes": 5000, "out_bytes": 700, "packets": 10, "out_packets": 3, "in_if": 3, "out_if": 4,
         "application_name": "HTTP.BROWSER", "post_nat_src_addr": "203.0.113.5", "post_nat_src_port": 61_000,
         "application_id": 0x14 << 56 | 12356 << 32 | 16_354},
        {(0, 65): "2"}, before=FORTINET_NAMES,
    ),
    Case(
        "Palo Alto PAN-OS, v9 with App-ID and User-ID", 9,
        [*V4_FLOW, ((1, 4), 100), ((2, 4), 2), ((4, 1), 6), ((5, 1), 0), ((6, 1), 2), ((7, 2), 5), ((10, 4), 1),
         ((11, 2), 6),
         ((14, 4), 2), ((21, 4), UPTIME - 2000), ((22, 4), UPTIME - 9000), ((32, 2), 0), ((61, 1), 0),
         ((148, 8), 1 << 40),
         ((233, 1), 2), ((346, 4), 25_461), ((56701, 32), "web-browsing"), ((56702, 64), "example\\bob")],
        {**ENDS, **SPAN, "application_name": "web-browsing", "username": "example\\bob", "firewall_event": 2,
         "flow_id": 1 << 40, "icmp_type": None},
    ),
    Case(
        "MikroTik RouterOS 7, v9 with translation", 9,
        [((60, 1), 4), *V4_FLOW, ((4, 1), 17), ((5, 1), 0), ((7, 2), 500), ((11, 2), 500), ((10, 4), 2), ((14, 4), 3),
         ((15, 4), "0.0.0.0"), ((9, 1), 0), ((13, 1), 0), *SWITCHED, ((1, 4), 1), ((2, 4), 1), ((225, 4),
         "203.0.113.7"),
         ((226, 4), "198.51.100.2"), ((227, 2), 501), ((228, 2), 500), ((80, 6), bytes(6)), ((56, 6), b"\2" + bytes(5)),
         ((33, 1), 0), ((190, 2), 29), ((205, 2), 9)],
        {**ENDS, **SPAN, "post_nat_src_addr": "203.0.113.7", "post_nat_dst_port": 500, "ip_version": 4},
        {(0, 190): "29"},
    ),
    Case(
        "Ubiquiti EdgeOS, v9 of pmacct: 64-bit counters, Class of Service last", 9,
        [*SWITCHED, ((1, 8), 40), ((2, 8), 1), ((60, 1), 4), ((10, 4), 1), ((14, 4), 2), *V4_FLOW, ((7, 2), 1),
         ((11, 2), 2),
         ((4, 1), 6), ((61, 1), 0), ((5, 1), 8)],
        {**ENDS, **SPAN, "ip_tos": 8, "packets": 1},
    ),
    Case(
        "VMware vSphere distributed switch, IPFIX with VXLAN", 10,
        [*V4_FLOW, ((1, 8), 1000), ((2, 8), 10), *MILLIS, ((7, 2), 50_000), ((11, 2), 4789), ((10, 4), 4), ((14, 4), 7),
         ((351, 8), 0x01 << 56 | 5001), ((4, 1), 17), ((136, 1), 1), ((61, 1), 1), ((880, 1, 6876), 6),
         ((881, 4, 6876), b"\x0a\0\0\1"), ((882, 4, 6876), b"\x0a\0\0\2"), ((886, 2, 6876), 80), ((890, 2, 6876), 2),
         ((210, 1), 0)],
        {**ENDS, **SPAN, "layer2_segment_id": 0x01 << 56 | 5001, "dst_port": 4789},
        {(6876, 880): "6", (6876, 881): "10.0.0.1", (6876, 882): "10.0.0.2", (6876, 886): "80"},
    ),
    Case(
        "Citrix NetScaler AppFlow, IPFIX with microseconds", 10,
        [((144, 4), 1), ((148, 8), 99), ((60, 1), 4), *V4_FLOW, ((4, 1), 6), ((7, 2), 1), ((11, 2), 80),
         ((1, 8), 5), ((2, 8), 1),
         ((154, 8), ntp(NOW_MS - 9000)), ((155, 8), ntp(NOW_MS - 2000)), ((132, 8, 5951), 3), ((128, 4, 5951), 250),
         ((130, VARIABLE, 5951), "/index.html")],
        {**ENDS, **SPAN, "flow_id": 99},
        {(5951, 128): "250", (0, 144): "1"},
    ),
    Case(
        "Nokia 7750 SR, NAT over IPFIX", 10,
        [((148, 8), 5), ((230, 1), 1), *V4_FLOW, ((4, 1), 17), ((7, 2), 5060), ((227, 2), 10_240), ((225, 4),
         "203.0.113.1"),
         ((91, 2, 637), 100), ((93, VARIABLE, 637), "LSN-Host@10.0.0.1"), *MILLIS],
        {**ENDS, **SPAN, "nat_event": 1, "post_nat_src_port": 10_240, "post_nat_src_addr": "203.0.113.1"},
        {(637, 91): "100", (637, 93): "LSN-Host@10.0.0.1"},
    ),
    Case(
        "CERT yaf, biflow with lists", 10,
        [*MILLIS, ((85, 8), 1000), ((85, 8, 29305), 40_000), ((86, 8), 10), ((86, 8, 29305), 30), *V4_FLOW, ((7, 2), 1),
         ((11, 2), 80), ((4, 1), 6), ((136, 1), 3), ((14, 1, 6871), 2), ((0x4000 - 1, 1, 6871), 0),
         ((15, 1, 6871), 0x1B),
         ((293, VARIABLE), b"\xff\xd0\x03\0\x08\0\0\0\1")],
        {**ENDS, **SPAN, "bytes": 1000, "out_bytes": 40_000, "packets": 10, "out_packets": 30, "flow_end_reason": 3},
        {(6871, 14): "2", (6871, 15): "27", (0, 293): "ffd0030008" + "00000001"},
    ),
    Case(
        "ntop nProbe, IPFIX with layer 7 and delays", 10,
        [*V4_FLOW, ((1, 4), 9), ((2, 4), 1), *MILLIS, ((4, 1), 6), ((118, 2, 35632), 91), ((119, VARIABLE, 35632),
         "TLS"),
         ((123, 4, 35632), 15), ((124, 4, 35632), struct.pack(">f", 2.5)), ((125, 4, 35632), 0)],
        {**ENDS, **SPAN, "client_latency_us": 15_000, "server_latency_us": 2500, "app_latency_us": 0},
        {(35632, 118): "91", (35632, 119): "TLS"},
    ),
    Case(
        "OpenBSD pflow, IPFIX", 10,
        [*V4_FLOW, ((10, 4), 1), ((14, 4), 2), ((2, 8), 3), ((1, 8), 300), *MILLIS, ((7, 2), 1), ((11, 2), 2),
         ((5, 1), 0),
         ((4, 1), 6), ((210, 2), 0)],
        {**ENDS, **SPAN, "bytes": 300, "packets": 3},
    ),
    Case(
        "Barracuda CloudGen, extended uniflow", 10,
        [((148, 8), 3), ((1, 4, 10704), NOW_S), ((2, 1, 10704), 4), ((4, VARIABLE, 10704), "LAN-2-INTERNET"), *V4_FLOW,
         ((7, 2), 1), ((11, 2), 2), ((4, 1), 6), ((1, 8), 1), ((2, 8), 1), ((23, 8), 2), ((24, 8), 2),
         ((8, 4, 10704), b"\xcb\0\x71\1"), *MILLIS, ((161, 4), 7000)],
        {**ENDS, **SPAN, "out_bytes": 2, "out_packets": 2},
        {(10704, 4): "LAN-2-INTERNET", (10704, 8): "203.0.113.1"},
    ),
    Case(
        "times as distance to the export, RFC 7012: microseconds before it", 10,
        [*V4_FLOW, ((158, 4), 9_000_000), ((159, 4), 2_000_000)], {**ENDS, **SPAN},
    ),
    Case(
        "times in nanoseconds, RFC 7011 section 6.1.10", 10,
        [*V4_FLOW, ((156, 8), ntp(NOW_MS - 9000)), ((157, 8), ntp(NOW_MS - 2000))], {**ENDS, **SPAN},
    ),
    Case(
        "sysUptime in IPFIX beside its origin", 10,
        [*V4_FLOW, ((22, 4), 1000), ((21, 4), 8000), ((160, 8), NOW_MS - 10_000)], {**ENDS, **SPAN},
    ),
    Case(
        "prefixes only, as aggregation schemes of routers send them", 9,
        [((44, 4), b"\xc0\0\2\1"), ((45, 4), ip_address("198.51.100.2").packed), ((9, 1), 24), *SWITCHED, ((3, 4), 12)],
        {**ENDS, **SPAN, "flows": 12, "src_mask": 24},
    ),
    Case(
        "layer 2 only: octets of frames where there are no others", 10,
        [((56, 6), b"\2" + bytes(5)), ((80, 6), b"\6" + bytes(5)), ((256, 2), 0x88CC), ((352, 8), 640), ((2, 8), 10),
         ((243, 2), 7), ((255, 2), 8), *MILLIS],
        {**SPAN, "bytes": 640, "etype": 0x88CC, "src_vlan": 7, "dst_customer_vlan": 8, "src_addr": None},
    ),
]  # fmt: skip


def datagram(case: Case) -> bytes:
    """The template and two records: the second one is found only if every length was right."""
    specs = [spec for spec, _ in case.record]
    body = b"".join(encode_value(spec, value) for spec, value in case.record)
    return message(case.version, template(case.version, 400, specs) + a_set(400, body * 2), 2)
