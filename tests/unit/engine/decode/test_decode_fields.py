"""Fields of flows: addresses, strings, ICMP, biflows, extra elements, and who sent them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from export_wire import (
    EXPORTER,
    NOW_MS,
    V4,
    VARIABLE,
    Collector,
    Field,
    a_set,
    column,
    flows,
    ipfix,
    message,
    template,
    v5,
    v5_record,
    v9,
    varying,
)

from nftui.engine.decode import texts
from nftui.engine.decode.datagrams import Wire, block_of
from nftui.engine.schema import FIELDS, NON_NULL, FlowSource

V6 = 0x20010DB8 << 96


def one(fields: list[Field], values: bytes, version: int = 10) -> tuple[Collector, object]:
    collector = Collector()
    return collector, collector.feed(message(version, template(version, 256, fields) + a_set(256, values)))


def test_v5_record_in_full() -> None:
    decoded = Collector().feed(v5([v5_record()], engine=0x0203))
    expected = {
        "src_addr": V4 | 0x0A000001, "dst_addr": V4 | 0x0A000002, "next_hop": V4, "in_if": 1, "out_if": 2,
        "packets": 3, "bytes": 100, "src_port": 1024, "dst_port": 80, "tcp_flags": 0x1B, "proto": 6, "ip_tos": 4,
        "src_as": 65001, "dst_as": 65002, "src_mask": 24, "dst_mask": 16, "engine_type": 2, "engine_id": 3,
        "observation_domain_id": 0x0203, "sampler_address": EXPORTER, "flow_source": FlowSource.V5, "flows": 1,
        "time_received_ms": NOW_MS, "time_flow_start_ms": NOW_MS - 10_000, "time_flow_end_ms": NOW_MS - 1000,
        "quality": 0,
    }  # fmt: skip
    found = {name: column(decoded, name)[0] for name in FIELDS}
    assert {name: value for name, value in found.items() if value is not None} == expected


def test_every_column_has_its_dtype_and_is_filled() -> None:
    collector = Collector()
    for payload in (
        v5([v5_record()] * 3),
        v9(template(9, 256, [(8, 4), (7, 2), (1, 3)]) + a_set(256, bytes(18))),
        ipfix(template(10, 256, [(27, 16), (96, VARIABLE)]) + a_set(256, bytes(16) + varying(b"x"))),
    ):
        batch = flows(collector.feed(payload))
        for name, values in batch.columns.items():
            field = next(item for item in FIELDS.values() if name in item.physical)
            assert values.dtype == np.dtype(field.dtype), name
            assert len(values) == len(batch)
        assert {name for name in NON_NULL if not batch.has(name) or name in batch.valid} == set()


@pytest.mark.parametrize(
    ("fields", "values", "expected"),
    [
        ([(8, 4), (12, 4)], struct.pack(">II", 1, 2), (V4 | 1, V4 | 2)),
        ([(27, 16), (28, 16)], (V6 | 1).to_bytes(16, "big") + (V6 | 2).to_bytes(16, "big"), (V6 | 1, V6 | 2)),
        ([(8, 4), (12, 4), (27, 16), (28, 16)], struct.pack(">II", 1, 2) + bytes(32), (V4 | 1, V4 | 2)),
        ([(8, 4), (12, 4), (27, 16), (28, 16)], bytes(8) + (V6 | 1).to_bytes(16, "big") * 2, (V6 | 1, V6 | 1)),
        ([(27, 16), (28, 16), (8, 4), (12, 4)], bytes(32) + struct.pack(">II", 1, 2), (V4 | 1, V4 | 2)),
        ([(27, 16), (28, 16), (8, 4), (12, 4)], bytes(32) + struct.pack(">II", 0, 2), (V4, V4 | 2)),
        ([(27, 16), (28, 16), (8, 4), (12, 4)], (V6 | 1).to_bytes(16, "big") * 2 + struct.pack(">II", 1, 2),
         (V6 | 1, V6 | 1)),
    ],
)  # fmt: skip
def test_address_families(fields: list[Field], values: bytes, expected: tuple[int, int]) -> None:
    """The first on the wire, unless it is zero and the other one is not; source and destination go together."""
    _, decoded = one(fields, values)
    assert (column(decoded, "src_addr")[0], column(decoded, "dst_addr")[0]) == expected


def test_second_occurrence_goes_to_extra() -> None:
    """Tunnels: Cisco sends the outer header first, then the inner one."""
    _, decoded = one([(8, 4), (4, 1), (8, 4), (4, 1)], struct.pack(">IBIB", 1, 4, 2, 17))
    assert column(decoded, "src_addr") == [V4 | 1]
    assert column(decoded, "proto") == [4]
    assert column(decoded, "extra") == [[(0, 8, b"\0\0\0\2"), (0, 4, b"\x11")]]


def test_preferred_element_wins() -> None:
    _, decoded = one([(85, 8), (1, 4)], struct.pack(">QI", 9_000, 77))
    assert column(decoded, "bytes") == [77]
    assert column(decoded, "extra") == [[(0, 85, (9000).to_bytes(8, "big"))]]


@pytest.mark.parametrize(
    ("fields", "values", "expected"),
    [
        ([(4, 1), (32, 2)], b"\1\3\1", (3, 1, 0x0301)),
        ([(4, 1), (139, 2)], b"\x3a\x80\0", (0x80, 0, 0x8000)),
        ([(4, 1), (32, 2), (11, 2)], b"\1\3\1\0\0", (3, 1, 0)),
        ([(4, 1), (32, 2), (11, 2)], b"\6\0\0\1\xbb", (None, None, 443)),
        ([(4, 1), (176, 1), (177, 1), (32, 2)], b"\1\3\1\7\7", (3, 1, 0x0707)),
        ([(4, 1), (11, 2)], b"\1\3\1", (None, None, 0x0301)),
    ],
)
def test_icmp(fields: list[Field], values: bytes, expected: tuple[int | None, int | None, int]) -> None:
    _, decoded = one(fields, values)
    assert tuple(column(decoded, name)[0] for name in ("icmp_type", "icmp_code", "dst_port")) == expected


def test_biflow() -> None:
    """RFC 5103: one flow with the reverse direction's counters; other reverse elements are kept."""
    fields: list[Field] = [(1, 4), (2, 4), (1, 4, 29305), (2, 4, 29305), (6, 1, 29305)]
    _, decoded = one(fields, struct.pack(">IIIIB", 10, 1, 20, 2, 0x12))
    assert [column(decoded, name) for name in ("bytes", "packets", "out_bytes", "out_packets", "flows")] == [
        [10], [1], [20], [2], [1],
    ]  # fmt: skip
    assert column(decoded, "extra") == [[(29305, 6, b"\x12")]]


def test_counters_and_flow_counts() -> None:
    _, decoded = one([(1, 8), (3, 4), (148, 8)], b"\xff" * 8 + struct.pack(">I", 5) + b"\xff" * 8)
    assert column(decoded, "bytes") == [2**63 - 1]
    assert column(decoded, "flows") == [5]
    assert column(decoded, "flow_id") == [None]
    assert column(decoded, "quality")[0] & 64  # type: ignore[operator]


@pytest.mark.parametrize("raw", [b"\x1b]0;PWNED\x07", b"a\xc2\x9bb", b"\xff\xfe", "\u202eabc".encode(), b"eth0\0\0"])
@pytest.mark.parametrize("fixed", [True, False])
def test_strings_are_made_harmless(raw: bytes, fixed: bool) -> None:
    """A19: no control character, no override of direction reaches a column."""
    fields: list[Field] = [(371, len(raw) if fixed else VARIABLE), (8, 4)]
    _, decoded = one(fields, (raw if fixed else varying(raw)) + bytes(4))
    (value,) = column(decoded, "username")
    assert value == {
        b"\x1b]0;PWNED\x07": "]0;PWNED", b"a\xc2\x9bb": "ab", b"\xff\xfe": "\ufffd\ufffd",
        "\u202eabc".encode(): "abc", b"eth0\0\0": "eth0",
    }[raw]  # fmt: skip


def test_strings_of_every_length() -> None:
    """Short and long ones, equal prefixes, NUL in the middle; over 255 bytes they are cut and counted."""
    collector = Collector()
    collector.feed(ipfix(template(10, 256, [(371, VARIABLE), (1, 4)])))
    strings = [b"x" * size for size in range(300)] + [b"x" * size + b"y" for size in range(250)] + [b"a\0b", b""]
    records = [varying(raw) + struct.pack(">I", i) for i, raw in enumerate(strings)]
    for size in (1, 50):
        payloads = [ipfix(a_set(256, b"".join(records[i : i + size]))) for i in range(0, len(records), size)]
        decoded = collector.feed(*payloads)
        found = dict(zip(column(decoded, "bytes"), column(decoded, "username"), strict=True))
        for i, raw in enumerate(strings):
            assert found[i] == raw[:255].decode().replace("\0", "")
    assert collector.counts["text.cut"] == 2 * 44


def test_hash_collisions_give_right_strings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_MIX", np.uint64(0))
    strings = [b"user%d" % i for i in range(100)]
    block = block_of(strings, [0] * 100, 0)
    coded = texts.code_texts(Wire(block.data), block.offset, block.length, None, 255)
    assert [coded.at(i) for i in range(100)] == [raw.decode() for raw in strings]


def test_extra_is_bounded_and_counted() -> None:
    fields: list[Field] = [(1000, VARIABLE), (1001, VARIABLE), (8, 4)]
    collector, decoded = one(fields, varying(b"a") + varying(b"b" * 3000) + bytes(4))
    assert column(decoded, "extra") == [[(0, 1000, b"a")]]
    assert collector.counts["extra.dropped"] == 1


def test_observation_domain_of_the_record_wins() -> None:
    _, decoded = one([(149, 4)], struct.pack(">I", 4711))
    assert column(decoded, "observation_domain_id") == [4711]


def test_exporters_are_told_apart() -> None:
    collector = Collector()
    addresses = [V4 | 0x0A000001, V4 | 0x0A000002, V6 | 1]
    sessions = [collector.decoder.session(address, 2055) for address in addresses]
    payloads = [v5([v5_record(octets=i)], engine=i) for i in range(3)]
    decoded = collector.note(collector.decoder.decode(block_of(payloads, sessions, NOW_MS)))
    assert column(decoded, "sampler_address") == addresses
    assert column(decoded, "observation_domain_id") == [0, 1, 2]
    assert {name: counts["flows.in"] for name, counts in decoded.by_exporter.items()} == {
        "10.0.0.1": 1, "10.0.0.2": 1, "2001:db8::1": 1,
    }  # fmt: skip


def test_status_of_an_exporter() -> None:
    collector = Collector()
    collector.feed(v9(template(9, 256, [(8, 4), (1, 4)]) + a_set(999, bytes(8)), domain=5, seconds=1_700_000_002))
    collector.feed(v5([v5_record()], sampling=10))
    (status,) = collector.decoder.exporters()
    assert (status.address, status.port, status.versions) == ("192.0.2.1", 2055, (5, 9))
    assert status.domains == ((5, 0), (9, 5))
    (found,) = status.templates
    assert (found.version, found.domain, found.template_id, found.fields, found.options) == (9, 5, 256, 2, False)
    assert (found.first_ms, found.refreshed_ms) == (NOW_MS, NOW_MS)
    assert status.waiting_sets == 1
    assert [(item.rate, item.source) for item in status.sampling] == [(10, "header")]
    assert status.counts["datagrams.received"] == 2


def test_clock_skew() -> None:
    collector = Collector()
    collector.feed(v9(b"", seconds=1_700_000_002), now_ms=NOW_MS)
    assert collector.decoder.exporters()[0].clock_skew_ms == 2000


def test_a_session_that_was_forgotten_is_rejected() -> None:
    collector = Collector()
    decoded = collector.decoder.decode(block_of([v5([v5_record()])] * 2, [12345, -1], NOW_MS))
    assert decoded.counts["datagrams.rejected.session"] == 2
    assert not decoded.batches
