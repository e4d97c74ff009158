"""What exporters say of themselves in options data: names, rates, elements of their own, statistics."""

from __future__ import annotations

import struct

import pytest
from export_wire import (
    VARIABLE,
    Collector,
    a_set,
    column,
    ipfix,
    message,
    options_template,
    template,
    v9,
    varying,
)

from nftui.engine.limits import Limits

FLOW = [(8, 4), (12, 4), (1, 4)]
ADDRESSES = b"\x0a\0\0\1\x0a\0\0\2" + struct.pack(">I", 1000)


def padded(text: str, size: int) -> bytes:
    return text.encode().ljust(size, b"\0")


def test_names_of_vrfs_are_joined_into_flows() -> None:
    # IOS XE: "option vrf-table" has the VRF id as scope and its name of 32 bytes.
    collector = Collector()
    names = a_set(257, struct.pack(">I", 3) + padded("CUST-A", 32) + struct.pack(">I", 7) + padded("CUST-B", 32))
    flows = a_set(256, ADDRESSES + struct.pack(">II", 3, 7) + ADDRESSES + struct.pack(">II", 7, 9))
    decoded = collector.feed(
        ipfix(options_template(10, 257, [(234, 4)], [(236, 32)]) + names),
        ipfix(template(10, 256, [*FLOW, (234, 4), (235, 4)]) + flows, sequence=2),
    )
    assert column(decoded, "ingress_vrf_name") == ["CUST-A", "CUST-B"]
    assert column(decoded, "egress_vrf_name") == ["CUST-B", None]
    assert column(decoded, "ingress_vrf") == [3, 7]
    (status,) = collector.decoder.exporters()
    assert status.announced[0].vrfs == ((3, "CUST-A"), (7, "CUST-B"))


def test_application_description_stands_in_for_a_missing_name() -> None:
    collector = Collector()
    names = a_set(257, b"\x03\0\0\x50" + padded("World Wide Web", 24))
    flows = a_set(256, ADDRESSES + b"\x03\0\0\x50")
    decoded = collector.feed(
        v9(options_template(9, 257, [(1, 0)], [(95, 4), (94, 24)]) + names),
        v9(template(9, 256, [*FLOW, (95, 4)]) + flows, sequence=1),
    )
    assert column(decoded, "application_name") == ["World Wide Web"]


def test_domain_0_names_interfaces_for_all_domains() -> None:
    collector = Collector()
    names = a_set(257, struct.pack(">I", 5) + padded("et-0/0/5", 16))
    decoded = collector.feed(
        ipfix(options_template(10, 257, [(10, 4)], [(82, 16)]) + names, domain=0),
        ipfix(template(10, 256, [*FLOW, (10, 4)]) + a_set(256, ADDRESSES + struct.pack(">I", 5)), domain=77),
    )
    assert column(decoded, "in_if_name") == ["et-0/0/5"]


def test_own_names_of_a_domain_come_before_those_of_domain_0() -> None:
    collector = Collector()
    tables = [
        ipfix(options_template(10, 257, [(10, 4)], [(82, 8)]) + a_set(257, struct.pack(">I", 5) + name), domain=domain)
        for domain, name in ((0, b"general\0"), (77, b"special\0"))
    ]
    flow = ipfix(template(10, 256, [*FLOW, (14, 4)]) + a_set(256, ADDRESSES + struct.pack(">I", 5)), domain=77)
    assert column(collector.feed(*tables, flow), "out_if_name") == ["special"]


def test_rate_of_the_outbound_interface_counts_where_the_inbound_one_has_none() -> None:
    collector = Collector()
    rates = a_set(257, struct.pack(">II", 9, 512))
    flows = a_set(256, ADDRESSES + struct.pack(">II", 4, 9) + ADDRESSES + struct.pack(">II", 9, 4))
    decoded = collector.feed(
        v9(options_template(9, 257, [(2, 4)], [(34, 4)]) + rates),
        v9(template(9, 256, [*FLOW, (10, 4), (14, 4)]) + flows, sequence=1),
    )
    assert column(decoded, "sampling_rate") == [512, 512]
    (status,) = collector.decoder.exporters()
    assert [(item.interface, item.rate, item.source) for item in status.sampling] == [(9, 512, "options")]


@pytest.mark.parametrize("key", [[(48, 1)], [(10, 4)], []])
def test_changed_rates_are_counted_and_used(key: list[tuple[int, int]]) -> None:
    collector = Collector()
    fields = [*key, (34, 4)]
    ids = b"".join((1).to_bytes(size, "big") for _, size in key)
    tables = [a_set(257, ids + struct.pack(">I", rate)) for rate in (100, 100, 400)]
    flow_fields = [*FLOW, *key]
    announce = options_template(9, 257, [(1, 0)], fields) + template(9, 256, flow_fields)
    seen = []
    for number, table in enumerate(tables):
        data = collector.feed(v9((announce if not number else b"") + table + a_set(256, ADDRESSES + ids), number))
        seen += column(data, "sampling_rate")
    assert seen == [100, 100, 400]
    assert collector.counts["options.rate_changed"] == 1
    assert collector.decoder.exporters()[0].announced[0].rate_changes == 1


DESCRIBED = [(346, 4), (303, 2)]


def described(pen: int, number: int, kind: int, name: str) -> bytes:
    return struct.pack(">IHB", pen, number, kind) + varying(name.encode())


def test_elements_that_an_exporter_describes_have_its_names() -> None:
    # RFC 5610 section 3.9; bit 15 of the number may be set as in a template.
    collector = Collector()
    table = a_set(257, described(4242, 7, 3, "queueDepth") + described(4242, 0x8008, 13, "queue\x1b[2JName"))
    flow = ADDRESSES + struct.pack(">II", 99, 1) + b"abcd"
    decoded = collector.feed(
        ipfix(options_template(10, 257, DESCRIBED, [(339, 1), (341, VARIABLE)]) + table),
        ipfix(template(10, 256, [*FLOW, (7, 4, 4242), (9, 4, 4242), (8, 4, 4242)]) + a_set(256, flow), sequence=2),
    )
    assert len(column(decoded, "bytes")) == 1
    (status,) = collector.decoder.exporters()
    assert status.announced[0].elements == ("4242.7 queueDepth unsigned32", "4242.8 queue[2JName string")
    assert status.unnamed == ("4242.9",)
    (data,) = [item for item in status.templates if item.template_id == 256]
    assert data.elements == (
        "sourceIPv4Address", "destinationIPv4Address", "octetDeltaCount", "queueDepth", "4242.9", "queue[2JName",
    )  # fmt: skip
    assert collector.counts["fields.unnamed"] == 3


def test_an_exporter_cannot_rename_elements_of_iana() -> None:
    collector = Collector()
    table = a_set(257, described(0, 8, 18, "destinationIPv4Address"))
    collector.feed(ipfix(options_template(10, 257, DESCRIBED, [(339, 1), (341, VARIABLE)]) + table))
    assert collector.decoder.exporters()[0].announced[0].elements == ()


def test_statistics_of_an_exporter_are_in_its_status() -> None:
    # FortiOS: template 256, scope system, 40 to 42, both timeouts, sampling interval and algorithm.
    collector = Collector()
    fields = [(40, 8), (41, 8), (42, 8), (36, 2), (37, 2), (34, 4), (35, 1)]
    body = b"\0\0" + struct.pack(">QQQHHIB", 1 << 40, 900, 30_000, 60, 15, 0, 2)
    collector.feed(v9(options_template(9, 256, [(1, 2)], fields) + a_set(256, body)))
    (status,) = collector.decoder.exporters()
    assert dict(status.announced[0].statistics) == {
        "exportedOctetTotalCount": 1 << 40, "exportedMessageTotalCount": 900, "exportedFlowRecordTotalCount": 30_000,
        "flowActiveTimeout": 60, "flowIdleTimeout": 15,
    }  # fmt: skip
    assert status.sampling == ()
    assert collector.counts["records.options"] == 1


def test_tables_of_names_are_bounded() -> None:
    collector = Collector(Limits(option_entries_per_domain=3))
    rows = b"".join(struct.pack(">I", number) + b"name%04d" % number for number in range(5))
    collector.feed(message(9, options_template(9, 257, [(234, 4)], [(236, 8)]) + a_set(257, rows)))
    assert collector.counts["options.refused"] == 2
    assert len(collector.decoder.exporters()[0].announced[0].vrfs) == 3


def test_scopes_of_netflow_9_are_named_in_templates() -> None:
    collector = Collector()
    collector.feed(v9(options_template(9, 257, [(1, 4), (2, 4)], [(34, 4)])))
    (found,) = collector.decoder.exporters()[0].templates
    assert found.elements == ("scope system", "scope interface", "samplingInterval")
