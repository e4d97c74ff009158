"""sFlow: numbering, drops, sampling rates, agents, interfaces, and samples that are odd or broken."""

from __future__ import annotations

import struct

import pytest
from export_wire import EXPORTER, NOW_MS, Collector, column, flows
from probe_packets import ethernet, icmp, ip
from sflow_wire import (
    AGENT,
    a_frame,
    counter_sample,
    datagram,
    expanded_sample,
    flow_sample,
    interface,
    item,
    raw_header,
)  # fmt: skip

from nftui import text
from nftui.engine.counters import datagram_balance, record_balance
from nftui.engine.limits import Limits
from nftui.engine.schema import FlowSource, Quality

A_SAMPLE = flow_sample(raw_header(a_frame()))


def test_a_sample_is_a_flow() -> None:
    collector = Collector()
    batch = flows(collector.feed(datagram(flow_sample(raw_header(a_frame(), octets=1518), source=3), sub_agent=7)))
    wanted = {
        "packets": 1, "flows": 1, "bytes": 1518, "sampling_rate": 512, "in_if": 3, "out_if": 4, "proto": 6,
        "src_port": 1024, "dst_port": 80, "tcp_flags": 0x10, "etype": 0x800, "min_ttl": 64, "max_ttl": 64,
        "observation_domain_id": 7, "observation_point_id": 3, "flow_source": FlowSource.SFLOW,
        "time_flow_start_ms": NOW_MS, "time_flow_end_ms": NOW_MS, "time_received_ms": NOW_MS, "quality": 0,
        "src_addr": text.parse_address("10.0.0.1"), "dst_addr": text.parse_address("10.0.0.2"),
        "sampler_address": text.parse_address(AGENT), "in_src_mac": 0x020000000002, "in_dst_mac": 0x020000000001,
    }  # fmt: skip
    assert {name: batch.value(name, 0) for name in wanted} == wanted
    assert batch.extra is None
    assert collector.counts["records.flows"] == collector.counts["records.seen"] == 1


def test_headers_of_many_shapes_in_one_block() -> None:
    frames = [
        a_frame("10.0.0.1"),
        ethernet(ip("10.0.0.2", "10.9.9.9", 17, struct.pack(">HHHH", 5, 6, 8, 0)), bytes.fromhex("81000064")),
        ethernet(ip("2001:db8::3", "2001:db8::9", 17, struct.pack(">HHHH", 7, 8, 8, 0))),
        icmp("10.0.0.4", "10.9.9.9", 3, 1),
        ethernet(ip("10.0.0.5", "10.9.9.9", 17, b"12345678", fragment=0x2005)),
        bytes.fromhex("020000000001020000000002") + b"\x08\x06" + bytes(28),
        ethernet(ip("10.0.0.7", "10.9.9.9", 47, bytes(8))),
    ]
    got = Collector().feed(datagram(*[flow_sample(raw_header(frame)) for frame in frames]))
    sources = [None if value is None else text.address(value) for value in column(got, "src_addr")]  # type: ignore[arg-type]
    assert sources == ["10.0.0.1", "10.0.0.2", "2001:db8::3", "10.0.0.4", "10.0.0.5", None, "10.0.0.7"]
    assert column(got, "src_port") == [1024, 5, 7, None, None, None, None]
    assert column(got, "dst_port") == [80, 6, 8, 0x301, None, None, None]
    assert column(got, "src_vlan") == [None, 100, None, None, None, None, None]
    assert column(got, "etype") == [0x800, 0x800, 0x86DD, 0x800, 0x800, 0x806, 0x800]
    assert column(got, "icmp_type") == [None, None, None, 3, None, None, None]
    assert column(got, "fragment_offset") == [None, None, None, None, 5, None, None]
    assert column(got, "fragment_flags") == [None, None, None, None, 0x20, None, None]
    assert column(got, "tcp_flags") == [0x10, 0, 0, 0, 0, None, 0]


def test_two_tags() -> None:
    tags = bytes.fromhex("88a80426810005d5")  # 1062 outside, 1493 inside
    got = Collector().feed(datagram(flow_sample(raw_header(ethernet(ip("10.0.0.1", "10.0.0.2", 6, bytes(20)), tags)))))
    assert column(got, "src_vlan") == [1062]
    assert column(got, "customer_vlan") == [1493]


def test_labels() -> None:
    frame = bytes.fromhex("0200000000010200000000028847") + bytes.fromhex("0001003f0002013f")
    got = Collector().feed(datagram(flow_sample(raw_header(frame + ip("10.0.0.1", "10.0.0.2", 17, bytes(8))))))
    assert column(got, "mpls_1") == [0x000100]
    assert column(got, "mpls_2") == [0x000201]
    assert column(got, "src_addr") == [text.parse_address("10.0.0.1")]


def test_sampled_ipv4_without_a_header() -> None:
    body = struct.pack(">II", 1000, 17) + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + struct.pack(">IIII", 53, 5353, 0, 8)
    got = Collector().feed(datagram(flow_sample(item(3, body)), flow_sample(item(3, body), raw_header(a_frame()))))
    assert column(got, "bytes") == [1000, 58]
    assert column(got, "dst_port") == [5353, 80]
    assert column(got, "src_addr") == [text.parse_address("10.0.0.1")] * 2
    assert column(got, "ip_tos") == [8, 0]


def test_sampled_ipv6_and_ethernet() -> None:
    v6 = text.parse_address("2001:db8::1").to_bytes(16, "big")
    six = struct.pack(">II", 900, 6) + v6 * 2 + struct.pack(">IIII", 53, 5353, 2, 8)
    macs = bytes.fromhex("0200000000020000") + bytes.fromhex("0200000000010000")
    frame = struct.pack(">I", 918) + macs + struct.pack(">I", 0x86DD)
    got = Collector().feed(datagram(flow_sample(item(2, frame), item(4, six))))
    assert column(got, "bytes") == [918]
    assert column(got, "src_addr") == [text.parse_address("2001:db8::1")]
    assert column(got, "in_src_mac") == [0x020000000002]
    assert column(got, "tcp_flags") == [2]


def test_priorities_users_nat_and_unknown_records_are_kept() -> None:
    switch = item(1001, struct.pack(">IIII", 10, 5, 20, 0))
    user = item(1004, struct.pack(">II", 106, 3) + b"ann\0" + struct.pack(">II", 106, 0))
    nat = item(1007, struct.pack(">I", 1) + bytes([1, 2, 3, 4]) + struct.pack(">I", 1) + bytes([5, 6, 7, 8]))
    ports = item(1020, struct.pack(">II", 1111, 2222))
    vendor = item(9 << 12 | 77, b"abcd")
    url = item(1005, struct.pack(">II", 1, 4) + b"/abc" + struct.pack(">I", 0))
    sample = flow_sample(raw_header(a_frame()), switch, user, nat, ports, vendor, url)
    batch = flows(Collector().feed(datagram(sample, A_SAMPLE)))
    assert [batch.value("src_vlan", 0), batch.value("dst_vlan", 0)] == [10, 20]
    assert batch.value("username", 0) == "ann"
    assert batch.value("post_nat_src_addr", 0) == text.parse_address("1.2.3.4")
    assert batch.value("post_nat_dst_addr", 0) == text.parse_address("5.6.7.8")
    assert [batch.value("post_nat_src_port", 0), batch.value("post_nat_dst_port", 0)] == [1111, 2222]
    assert batch.extra is not None
    assert batch.extra.at(0) == [(14706, 1001, switch[8:]), (9, 77, b"abcd"), (14706, 1005, url[8:])]
    assert batch.extra.at(1) == []
    assert batch.value("src_vlan", 1) is None


def test_special_interfaces() -> None:
    samples = [
        flow_sample(raw_header(a_frame()), out_if=2 << 30 | 7),
        flow_sample(raw_header(a_frame()), out_if=1 << 30 | 258),
        flow_sample(raw_header(a_frame()), out_if=0x3FFFFFFF),
        expanded_sample(raw_header(a_frame()), in_if=1 << 30),
    ]
    got = Collector().feed(datagram(*samples))
    assert column(got, "out_if") == [None, None, 0x3FFFFFFF, 7]
    assert column(got, "in_if") == [3, 3, 3, 1 << 30]
    assert column(got, "forwarding_status") == [None, 130, None, None]
    extra = flows(got).extra
    assert extra is not None
    assert extra.at(0) == [(14706, 0, struct.pack(">I", 2 << 30 | 7))]


@pytest.mark.parametrize(
    ("rate", "stored", "quality"),
    [(0, None, Quality.RATE_UNKNOWN), (1, 1, 0), (2**32 - 1, 10_000_000, Quality.RATE_CLAMPED)],
)
def test_sampling_rates(rate: int, stored: int | None, quality: int) -> None:
    batch = flows(Collector().feed(datagram(flow_sample(raw_header(a_frame(), octets=1000), rate=rate), A_SAMPLE)))
    assert [batch.value("sampling_rate", row) for row in range(2)] == [stored, 512]
    assert [batch.value("bytes", row) for row in range(2)] == [1000, 58]
    assert [batch.value("quality", row) for row in range(2)] == [quality, 0]


def test_configured_rates() -> None:
    samples = datagram(A_SAMPLE, flow_sample(raw_header(a_frame()), rate=0))
    assert column(Collector(static_sampling={AGENT: 100}).feed(samples), "sampling_rate") == [512, 100]
    assert column(Collector(static_sampling={AGENT: -100}).feed(samples), "sampling_rate") == [100, 100]


def test_sampling_is_known_by_source() -> None:
    collector = Collector()
    collector.feed(datagram(flow_sample(raw_header(a_frame()), source=3, rate=100)))
    collector.feed(datagram(flow_sample(raw_header(a_frame()), source=9, rate=200), sequence=2))
    (exporter,) = collector.decoder.exporters()
    assert exporter.versions == (FlowSource.SFLOW,)
    assert {(item.sampler, item.rate, item.source) for item in exporter.sampling} == {
        (3, 100, "sample"), (9, 200, "sample"),
    }  # fmt: skip


def test_lost_datagrams_and_samples_have_their_own_units() -> None:
    collector = Collector()
    for number in (1, 2, 6):
        sample = flow_sample(raw_header(a_frame()), sequence=10 * number)
        collector.feed(datagram(sample, sequence=number))
    collector.expire(NOW_MS + 2000)
    assert collector.counts["sequence.lost"] == 3
    assert collector.counts["samples.lost"] == 9 + 39


def test_reordered_datagrams_are_not_lost() -> None:
    collector = Collector()
    for number in (1, 2, 5, 4, 3, 6):
        collector.feed(datagram(flow_sample(raw_header(a_frame()), sequence=number), sequence=number))
    collector.expire(NOW_MS + 2000)
    assert "sequence.lost" not in collector.counts
    assert "samples.lost" not in collector.counts


def test_numbers_wrap_and_restart() -> None:
    collector = Collector()
    for number in (2**32 - 1, 0, 1):
        collector.feed(datagram(sequence=number))
    collector.expire(NOW_MS + 2000)
    assert "sequence.lost" not in collector.counts
    collector.feed(datagram(sequence=900_000))
    collector.expire(NOW_MS + 4000)
    assert collector.counts.pop("sequence.lost") == 899_998
    collector.feed(datagram(sequence=1))
    collector.feed(datagram(sequence=2))
    collector.expire(NOW_MS + 6000)
    assert collector.counts["sequence.restarts"] == 1
    assert "sequence.lost" not in collector.counts


def test_sub_agents_and_relayed_agents_have_their_own_numbers() -> None:
    collector = Collector()
    for number in range(1, 4):
        collector.feed(datagram(A_SAMPLE, sequence=number, sub_agent=1))
        collector.feed(datagram(A_SAMPLE, sequence=1000 * number, sub_agent=2))
        batch = flows(collector.feed(datagram(A_SAMPLE, sequence=number, agent="2001:db8::5")))
    collector.expire(NOW_MS + 2000)
    assert collector.counts["sequence.lost"] == 2 * 999
    assert batch.extra is not None
    assert batch.extra.at(0) == [(0, 131, text.parse_address("2001:db8::5").to_bytes(16, "big"))]
    assert batch.value("sampler_address", 0) == EXPORTER


def test_drops_are_counted_from_the_first_sample_on() -> None:
    collector = Collector()
    for number, drops in ((1, 2**32 - 5), (2, 2**32 - 5), (3, 10)):
        collector.feed(datagram(flow_sample(raw_header(a_frame()), sequence=number, drops=drops), sequence=number))
    assert collector.counts["samples.dropped"] == 15


def test_counter_samples_make_a_table_of_interfaces() -> None:
    collector = Collector()
    name = item(1005, struct.pack(">I", 5) + b"ge-0\x1b" + bytes(3))
    collector.feed(datagram(counter_sample(name, interface(3, 1000)), uptime=60_000))
    collector.feed(datagram(counter_sample(interface(3, 11_000), item(2, bytes(52))), sequence=2, uptime=70_000))
    (exporter,) = collector.decoder.exporters()
    (found,) = exporter.interfaces
    assert (found.index, found.speed, found.type, found.direction) == (3, 10**9, 6, 1)
    assert found.name.startswith("ge-0")
    assert "\x1b" not in found.name
    assert found.admin_up
    assert found.oper_up
    assert (found.in_octets, found.out_octets, found.in_discards, found.out_errors) == (11_000, 22_000, 13, 24)
    assert (found.in_bits_per_second, found.out_bits_per_second) == (8_000, 16_000)
    assert (found.uptime_ms, found.updated_ms) == (70_000, NOW_MS)
    assert collector.counts["records.options"] == collector.counts["samples.counters"] == 2
    assert collector.counts["samples.counter_records_skipped"] == 1
    assert record_balance(collector.counts) == 0


def test_tables_are_bounded() -> None:
    collector = Collector(Limits(interfaces_per_exporter=3, sflow_sources=64, sflow_agents=8))
    for number in range(200):
        records = datagram(
            counter_sample(interface(number), source=number), flow_sample(raw_header(a_frame()), source=number),
            sub_agent=number % 32, sequence=number,
        )  # fmt: skip
        collector.feed(records)
        if number % 20 == 19:
            collector.expire(NOW_MS + number)
    state = collector.decoder._sflow.state
    assert len(state.agents) <= 8
    assert len(state.sources.streams) <= 64
    assert collector.counts["agents.evicted"] > 0
    assert collector.counts["sequence.untracked"] > 0
    assert collector.counts["records.flows"] == 200
    (exporter,) = collector.decoder.exporters()
    assert len(exporter.interfaces) <= 8 * 3


def test_broken_samples_end_only_themselves() -> None:
    cut_record = flow_sample(struct.pack(">II", 1, 400) + bytes(16))
    cut_behind = flow_sample(raw_header(a_frame()), struct.pack(">II", 1002, 16) + bytes(8))
    unknown = item(77, bytes(8))
    short = item(1, bytes(8))
    collector = Collector()
    got = collector.feed(datagram(A_SAMPLE, cut_record, cut_behind, unknown, short, A_SAMPLE))
    assert column(got, "dst_port") == [80, 80, 80]
    assert collector.counts["samples.broken"] == 2
    assert collector.counts["records.skipped.broken_sample"] == 1
    assert collector.counts["records.skipped.sample_format"] == 1
    assert collector.counts["records.skipped.short_sample"] == 1
    assert record_balance(collector.counts) == 0


def test_counts_bound_the_walk() -> None:
    collector = Collector()
    assert len(flows(collector.feed(datagram(A_SAMPLE, A_SAMPLE, count=1)))) == 1
    assert collector.counts["datagrams.trailing"] == 1
    assert len(flows(collector.feed(datagram(A_SAMPLE, A_SAMPLE, count=2**32 - 1)))) == 2
    assert collector.counts["datagrams.count_mismatch"] == 1


@pytest.mark.parametrize(
    "payload", [b"\0\0\0\5", datagram()[:20], struct.pack(">II", 5, 9) + bytes(40), datagram()[:27]]
)
def test_headers_that_are_none(payload: bytes) -> None:
    collector = Collector()
    collector.feed(payload, datagram(A_SAMPLE))
    assert collector.counts["records.flows"] == 1
    assert collector.counts["datagrams.decoded"] == 1
    assert datagram_balance(collector.counts) == 0


@pytest.mark.parametrize("first", [0, 1, 2, 3, 4, 6, 9, 10])
def test_other_first_words_are_not_sflow(first: int) -> None:
    collector = Collector()
    collector.feed(struct.pack(">I", first) + datagram(A_SAMPLE)[4:])
    assert collector.counts["datagrams.rejected.version"] == 1


def test_sflow_and_netflow_come_to_one_port() -> None:
    from export_wire import v5, v5_record

    collector = Collector()
    got = collector.feed(v5([v5_record()]), datagram(A_SAMPLE), v5([v5_record()], sequence=1))
    assert sorted(column(got, "flow_source")) == [FlowSource.V5, FlowSource.V5, FlowSource.SFLOW]  # type: ignore[type-var]


def test_forgotten_sessions_take_their_agents_along() -> None:
    collector = Collector(Limits(exporters=2))
    for port in range(6):
        collector.feed(datagram(A_SAMPLE, counter_sample(interface())), port=port, now_ms=NOW_MS + port)
    state = collector.decoder._sflow.state
    assert len(state.agents) <= 3
    assert len(state.sources.streams) <= 6
