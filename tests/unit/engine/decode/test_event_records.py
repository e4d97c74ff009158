"""Event records of firewalls (NSEL) and NAT: own times, kinds, translations, port blocks, and bytes counted once."""

from __future__ import annotations

from event_wire import CREATED_MS, EVENT_MS, asa_events, cgn_events
from export_wire import Collector, column, flows

from nftui.text import parse_address


def test_connection_of_an_asa_counts_its_bytes_once() -> None:
    collector = Collector()
    decoded = collector.feed(*asa_events())
    assert column(decoded, "firewall_event") == [1, 5, 2, 3]
    assert column(decoded, "firewall_ext_event") == [0, None, 2030, 1001]
    # Updates and the end tell what came since the record before; the creation has no counters at all.
    assert column(decoded, "bytes") == [None, 1000, 500, None]
    assert column(decoded, "out_bytes") == [None, 20_000, 7000, None]
    assert column(decoded, "flow_id") == [7, 7, 7, None]
    assert column(decoded, "flows") == [1, 1, 1, 1]


def test_events_have_their_own_time_and_the_connection_its_beginning() -> None:
    decoded = Collector().feed(*asa_events())
    assert column(decoded, "time_flow_end_ms") == [EVENT_MS - 80_000, EVENT_MS - 40_000, EVENT_MS, EVENT_MS]
    assert column(decoded, "time_flow_start_ms") == [CREATED_MS, CREATED_MS, CREATED_MS, EVENT_MS]
    assert column(decoded, "quality") == [0, 0, 0, 0]


def test_translation_user_and_access_lists_of_an_asa() -> None:
    batch = flows(Collector().feed(*asa_events()))
    assert batch.value("post_nat_src_addr", 0) == parse_address("198.51.100.7")
    assert (batch.value("post_nat_src_port", 0), batch.value("post_nat_dst_port", 0)) == (30_000, 443)
    assert [batch.value("username", row) for row in range(4)] == ["LOCAL\\alice", None, "LOCAL\\alice", None]
    names = [f"{side}_{part}_id" for side in ("ingress", "egress") for part in ("acl", "ace", "xace")]
    assert [batch.value(name, 0) for name in names] == [0x1A2B3C4D, 0x01020304, 0, 0xCAFEBABE, 0, 0]
    assert [batch.value(name, 3) for name in names] == [0x11111111, 0x22222222, 0x33333333, 0, 0, 0]
    assert [batch.value(name, 1) for name in names] == [None] * 6


def test_sessions_and_port_blocks_of_a_nat() -> None:
    decoded = Collector().feed(*cgn_events())
    assert column(decoded, "nat_event") == [4, 5, 16, 17]
    assert column(decoded, "time_flow_end_ms") == [EVENT_MS - 5000, EVENT_MS] * 2
    assert column(decoded, "port_block_start") == [None, None, 1024, 1024]
    assert column(decoded, "port_block_end") == [None, None, 1535, 1535]
    assert column(decoded, "port_block_step") == [None, None, 1, 1]
    assert column(decoded, "port_block_size") == [None, None, 512, 512]
    assert column(decoded, "post_nat_src_port") == [40_001, 40_001, None, None]
    assert column(decoded, "egress_vrf") == [11, 11, None, None]
    assert column(decoded, "bytes") == [None] * 4
