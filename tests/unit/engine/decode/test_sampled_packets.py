"""Sampled packets in IPFIX and NetFlow v9: sections of frames become addresses, ports and labels of the flow."""

from __future__ import annotations

import struct

import pytest
from export_wire import VARIABLE, Collector, Field, a_set, flows, message, template, varying
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from nftui.engine.batch import FlowBatch
from nftui.text import parse_address

MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
IMON: list[Field] = [(137, 4, 2636), (10, 4), (14, 4), (61, 1), (312, 2), (315, VARIABLE)]
"""Juniper, inline monitoring."""


def sampled(packet: Packet, section: int = 128, fields: list[Field] | None = None) -> FlowBatch:
    """The flow of a packet of which so many bytes came."""
    raw = bytes(packet)
    head = b"\x18\0\1\xb5" + struct.pack(">IIBH", 737, 738, 0, len(raw))
    collector = Collector()
    sets = template(10, 384, fields or IMON) + a_set(384, head + varying(raw[:section]))
    batch = flows(collector.feed(message(10, sets)))
    assert len(batch) == 1
    entries = {(pen, number): value for pen, number, value in batch.extra.at(0)} if batch.extra else {}
    assert entries[0, 315] == raw[:section]
    return batch


def test_tcp_in_a_vlan() -> None:
    packet = Ether(**MACS) / Dot1Q(vlan=1000) / IP(src="10.0.0.1", dst="10.0.0.2", tos=0x20, id=77, ttl=59, len=1440)
    batch = sampled(packet / TCP(sport=80, dport=43908, flags="PA") / Raw(bytes(1400)))
    expected = {
        "src_addr": parse_address("10.0.0.1"), "dst_addr": parse_address("10.0.0.2"), "src_port": 80,
        "dst_port": 43_908, "proto": 6, "tcp_flags": 0x18, "ip_tos": 0x20, "fragment_id": 77, "min_ttl": 59,
        "max_ttl": 59, "src_vlan": 1000, "in_src_mac": 0x020000000001, "in_dst_mac": 0x020000000002,
        "etype": 0x0800, "packets": 1, "bytes": 1440, "in_if": 737, "out_if": 738, "direction": 0,
    }  # fmt: skip
    assert {name: batch.value(name, 0) for name in expected} == expected


def test_udp_over_ipv6() -> None:
    packet = Ether(**MACS) / IPv6(src="2001:db8::1", dst="2001:db8::2", fl=152_740, hlim=254, tc=8)
    batch = sampled(packet / UDP(sport=5000, dport=53) / Raw(bytes(60)))
    assert batch.value("src_addr", 0) == parse_address("2001:db8::1")
    assert batch.value("ipv6_flow_label", 0) == 152_740
    assert (batch.value("src_port", 0), batch.value("dst_port", 0)) == (5000, 53)
    assert batch.value("bytes", 0) == 40 + 8 + 60
    assert batch.value("max_ttl", 0) == 254


def test_icmp_type_and_code() -> None:
    batch = sampled(Ether(**MACS) / IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(type=3, code=1))
    assert (batch.value("icmp_type", 0), batch.value("icmp_code", 0)) == (3, 1)
    assert batch.value("dst_port", 0) == 3 << 8 | 1


def test_labels_and_a_frame_behind_a_control_word() -> None:
    # RFC 4448 section 4.6: an Ethernet pseudowire with control word, 4 bytes that begin with four zero bits.
    inner = (
        Ether(src="06:00:00:00:00:01", dst="06:00:00:00:00:02") / IP(src="192.0.2.1", dst="192.0.2.2") / UDP(dport=99)
    )
    outer = Ether(**MACS, type=0x8847) / MPLS(label=16_001, s=0) / MPLS(label=299_776, s=1)
    batch = sampled(outer / Raw(bytes(4) + bytes(inner)))
    assert [int(str(batch.value(f"mpls_{place}", 0))) >> 4 for place in (1, 2)] == [16_001, 299_776]
    assert batch.value("src_addr", 0) == parse_address("192.0.2.1")
    assert batch.value("dst_port", 0) == 99
    assert batch.value("in_src_mac", 0) == 0x020000000001


def test_a_section_without_ip_leaves_what_it_has() -> None:
    batch = sampled(Ether(**MACS, type=0x88CC) / Raw(bytes(40)))
    assert batch.value("in_src_mac", 0) == 0x020000000001
    assert batch.value("src_addr", 0) is None
    assert batch.value("bytes", 0) is None


@pytest.mark.parametrize("section", [0, 1, 13, 14, 20, 33, 34, 37, 53, 54])
def test_short_sections_do_no_harm(section: int) -> None:
    packet = Ether(**MACS) / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=1, dport=2)
    batch = sampled(packet, section)
    assert batch.value("src_addr", 0) == (parse_address("10.0.0.1") if section >= 34 else None)
    assert batch.value("dst_port", 0) == (2 if section >= 54 else None)


def test_what_the_record_says_comes_first() -> None:
    packet = Ether(**MACS) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2)
    raw = bytes(packet)
    fields = [(8, 4), (1, 4), (2, 4), (7, 2), (315, len(raw))]
    record = b"\xc0\0\2\1" + struct.pack(">IIH", 5000, 10, 4321) + raw
    batch = flows(Collector().feed(message(9, template(9, 256, fields) + a_set(256, record))))
    assert batch.value("src_addr", 0) == parse_address("192.0.2.1")
    assert batch.value("dst_addr", 0) == parse_address("10.0.0.2")
    assert (batch.value("bytes", 0), batch.value("packets", 0)) == (5000, 10)
    assert (batch.value("src_port", 0), batch.value("dst_port", 0)) == (4321, 2)


def test_sections_that_begin_with_the_ip_header() -> None:
    # RFC 5477 section 8.5.2: ipHeaderPacketSection.
    raw = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=7, dport=9) / Raw(b"x"))
    fields: list[Field] = [(302, 4), (313, VARIABLE)]
    batch = flows(Collector().feed(message(10, template(10, 256, fields) + a_set(256, bytes(4) + varying(raw)))))
    assert batch.value("dst_addr", 0) == parse_address("10.0.0.2")
    assert batch.value("dst_port", 0) == 9
    assert batch.value("bytes", 0) == 29
    assert batch.value("in_src_mac", 0) is None


def test_packets_beside_flows_of_other_templates() -> None:
    """Few records of many layouts are read together; those with packets are not among them."""
    raw = bytes(Ether(**MACS) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=7, dport=9))
    sets = b""
    for number in range(4):
        sets += template(9, 300 + number, [(8, 4), (4, 1 + number)]) + a_set(
            300 + number, b"\xc0\0\2\1" + bytes(1 + number)
        )
    sets += template(9, 310, [(10, 4), (104, len(raw))]) + a_set(310, bytes(4) + raw)
    batch = flows(Collector().feed(message(9, sets)))
    sources = [batch.value("src_addr", row) for row in range(5)]
    assert sorted(map(str, sources)) == sorted([str(parse_address("192.0.2.1"))] * 4 + [str(parse_address("10.0.0.1"))])
