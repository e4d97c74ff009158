"""Structured data of RFC 6313 within records: skipped to the byte, kept whole, lists shown by value."""

from __future__ import annotations

import struct

import pytest
from export_wire import VARIABLE, Collector, Field, a_set, column, flows, ipfix, template, varying

from nftui.engine.elements import shown_value

BASIC = b"\x03" + struct.pack(">HH", 11, 2) + struct.pack(">HHH", 80, 443, 8080)
"""basicList: all of destinationTransportPort 80, 443, 8080 (RFC 6313 section 4.5.1)."""
SUB = b"\xff" + struct.pack(">H", 257) + b"\x0a\0\0\1\x0a\0\0\2"
"""subTemplateList of template 257, two records of 4 bytes (section 4.5.2)."""
MULTI = b"\xff" + struct.pack(">HH", 257, 12) + b"\x0a\0\0\1\x0a\0\0\2" + struct.pack(">HH", 258, 6) + b"\1\2"
"""subTemplateMultiList of the templates 257 and 258 (section 4.5.3)."""
FIELDS: list[Field] = [(8, 4), (291, VARIABLE), (12, 4), (292, VARIABLE), (293, VARIABLE), (1, 8), (7, 2)]


def record(last: int, long: bool = False) -> bytes:
    return (
        struct.pack(">I", 0x0A000000 | last) + varying(BASIC, long) + b"\xc0\0\2\1" + varying(SUB, long)
        + varying(MULTI, long) + struct.pack(">QH", 1000 + last, last)
    )  # fmt: skip


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("long", [False, True])
def test_lists_are_kept_and_what_follows_is_right(count: int, long: bool) -> None:
    sets = template(10, 257, [(8, 4)]) + template(10, 258, [(4, 1)]) + template(10, 256, FIELDS)
    decoded = Collector().feed(ipfix(sets + a_set(256, b"".join(record(n, long) for n in range(count)))))
    batch = flows(decoded)
    assert column(decoded, "bytes") == [1000 + n for n in range(count)]
    assert column(decoded, "src_port") == list(range(count))
    assert batch.extra is not None
    for row in range(count):
        assert batch.extra.at(row) == [(0, 291, BASIC), (0, 292, SUB), (0, 293, MULTI)]
    assert shown_value(0, 291, BASIC) == "all of destinationTransportPort [80, 443, 8080]"


def test_a_basic_list_of_fixed_length_is_kept_too() -> None:
    sets = template(10, 256, [(291, len(BASIC)), (7, 2)]) + a_set(256, BASIC + struct.pack(">H", 9))
    batch = flows(Collector().feed(ipfix(sets)))
    assert batch.value("src_port", 0) == 9
    assert batch.extra is not None
    assert batch.extra.at(0) == [(0, 291, BASIC)]


def test_a_long_list_is_left_out_with_a_count_and_the_rest_is_right() -> None:
    collector = Collector()
    long_list = b"\x03" + struct.pack(">HH", 7, 2) + bytes(3000)
    body = b"".join(varying(long_list) + struct.pack(">H", port) for port in (1, 2))
    decoded = collector.feed(ipfix(template(10, 256, [(291, VARIABLE), (7, 2)]) + a_set(256, body)))
    assert column(decoded, "src_port") == [1, 2]
    assert collector.counts["extra.dropped"] == 2


@pytest.mark.parametrize("cut", range(1, len(record(1))))
def test_a_list_that_runs_out_of_its_set_makes_no_flow(cut: int) -> None:
    collector = Collector()
    collector.feed(ipfix(template(10, 256, FIELDS)))
    decoded = collector.feed(ipfix(a_set(256, record(1)[:cut])))
    assert column(decoded, "flows") == []
