"""Lengths, counts and sizes that lie: every one of them (docs/reliability.md, A1 to A7, A13).

`tests/unit/engine/decode/test_decode_hostile.py` has single cases of the same; here they are exhaustive.
"""

from __future__ import annotations

import random
import struct
import tracemalloc

import pytest
from export_wire import (
    NOW_MS,
    PAIR,
    VARIABLE,
    Collector,
    a_set,
    balanced,
    column,
    ipfix,
    message,
    options_template,
    template,
    v5,
    v5_record,
    varying,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from nftui.engine.decode.layout import TARGETS
from nftui.engine.limits import DEFAULT


@pytest.mark.parametrize("version", [9, 10])
@pytest.mark.parametrize("left", [4, 5, 64])
def test_a03_all_set_lengths(version: int, left: int) -> None:
    """A3: all 65 536 lengths: the set before is kept, nothing behind the datagram is read."""
    collector = Collector()
    collector.feed(message(version, template(version, 256, PAIR)))
    good = a_set(256, struct.pack(">II", 1, 2))
    for start in range(0, 65536, 2048):
        payloads = [
            message(version, good + struct.pack(">HH", 256, length) + bytes(left - 4))
            for length in range(start, start + 2048)
        ]
        decoded = collector.feed(*payloads)
        octets = column(decoded, "bytes")
        assert octets.count(2) == 2048
        assert set(octets) <= {0, 2}
    wrong = 4 + 65535 - left
    assert collector.counts["sets.bad_length"] == wrong
    balanced(collector)


def test_a04_all_v5_counts() -> None:
    """A4: all 65 536 counts: flows = min(claimed, what fits)."""
    collector = Collector()
    records = b"".join([v5_record()] * 30)
    for start in range(0, 65536, 4096):
        counts = range(start, start + 4096)
        decoded = collector.feed(*[v5([records], count=count) for count in counts])
        assert sum(len(batch) for batch in decoded.batches) == sum(min(count, 30) for count in counts)
    assert collector.counts["datagrams.count_mismatch"] == 65535 - 30
    balanced(collector)


@pytest.mark.parametrize("version", [9, 10])
def test_a04_counts_of_v9_and_lengths_of_ipfix(version: int) -> None:
    """A4: the count of v9 is no bound at all; every length of an IPFIX message is bounded by the datagram."""
    collector = Collector()
    collector.feed(message(version, template(version, 256, PAIR)))
    body = a_set(256, struct.pack(">II", 1, 2) * 3)
    for start in range(0, 65536, 4096):
        payloads = []
        for number in range(start, start + 4096):
            raw = bytearray(message(version, body))
            raw[2:4] = number.to_bytes(2, "big")
            payloads.append(bytes(raw))
        flows = len(column(collector.feed(*payloads), "bytes"))
        if version == 9:
            assert flows == 3 * 4096
        else:
            whole = 16 + len(body)
            assert flows == 3 * sum(1 for length in range(start, start + 4096) if length >= whole)
    balanced(collector)


@pytest.mark.parametrize("version", [9, 10])
def test_a05_every_element_with_every_length(version: int) -> None:
    """A5: every element that has a column, with lengths 0 to 40: no exception, the next field is right."""
    lengths = range(41)
    for pen, element in sorted(TARGETS):
        if element == 1 or element > 0x7FFF or pen > 0xFFFFFFFF or (pen and version == 9):
            continue
        collector = Collector()
        sets = b""
        for length in lengths:
            field = (element, length, pen) if pen else (element, length)
            record = struct.pack(">I", 7) + bytes([0x41]) * length + struct.pack(">I", 1000 + length)
            sets += template(version, 256 + length, [(100, 4), field, (1, 4)]) + a_set(256 + length, record)
        decoded = collector.feed(message(version, sets))
        assert sorted(column(decoded, "bytes")) == [1000 + length for length in lengths], (pen, element)
        balanced(collector)


@pytest.mark.parametrize("length", range(1, 9))
def test_a05_integers_of_reduced_size(length: int) -> None:
    """A5: 1 to 8 bytes are read as a big-endian number (RFC 7011 section 6.2)."""
    collector = Collector()
    value = int.from_bytes(bytes(range(17, 17 + length)), "big")
    record = struct.pack(">I", 7) + value.to_bytes(length, "big")
    decoded = collector.feed(ipfix(template(10, 256, [(8, 4), (1, length)]) + a_set(256, record)))
    assert column(decoded, "bytes") == [value]


def test_a06_records_of_variable_length_cut_anywhere() -> None:
    """A6: 10 000 records with both forms of the length, cut at random bytes: never a record in part."""
    rng = random.Random(6)
    collector = Collector()
    collector.feed(ipfix(template(10, 256, [(1, 4), (371, VARIABLE), (96, VARIABLE), (7, 2)])))
    made = 0
    while made < 10_000:
        payloads, whole = [], 0
        for _ in range(100):
            ends, body = [], b""
            for _ in range(rng.randrange(1, 10)):
                body += struct.pack(">I", made)
                body += varying(rng.randbytes(rng.choice((0, 1, 5, 254, 255, 300))), rng.random() < 0.3)
                body += varying(b"app", rng.random() < 0.3) + struct.pack(">H", 80)
                ends.append(len(body))
                made += 1
            cut = rng.randrange(len(body) + 1)
            payloads.append(ipfix(a_set(256, body[:cut])))
            whole += sum(1 for end in ends if end <= cut)
        decoded = collector.feed(*payloads)
        assert len(column(decoded, "bytes")) == whole
        assert set(column(decoded, "src_port")) <= {80}
    balanced(collector)


def test_a06_one_record_cut_at_every_byte() -> None:
    """A6: each cut of one record; only the whole one is a flow."""
    collector = Collector()
    collector.feed(ipfix(template(10, 256, [(1, 4), (371, VARIABLE), (7, 2)])))
    for value in (b"", b"x", b"y" * 254, b"z" * 300):
        record = struct.pack(">I", 9) + varying(value) + struct.pack(">H", 80)
        decoded = collector.feed(*[ipfix(a_set(256, record[:cut])) for cut in range(len(record) + 1)])
        assert column(decoded, "src_port") == [80]


SPECIFIERS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 70) | st.just(65535)), max_size=6)


@settings(max_examples=1000, deadline=None)
@given(
    version=st.sampled_from([9, 10]), scope=SPECIFIERS, fields=SPECIFIERS, count=st.integers(0, 70) | st.just(65535),
    scoped=st.integers(0, 70) | st.just(65535), data=st.binary(max_size=200),
)  # fmt: skip
def test_a07_options_templates(
    version: int, scope: list[tuple[int, int]], fields: list[tuple[int, int]], count: int, scoped: int, data: bytes
) -> None:
    """A7: whatever an options template says of itself, its data are never flows, and other sets are as they were."""
    raw = bytearray(options_template(version, 256, scope, fields))
    raw[6:8], raw[8:10] = count.to_bytes(2, "big"), scoped.to_bytes(2, "big")
    collector = Collector()
    good = template(version, 300, PAIR) + a_set(300, struct.pack(">II", 1, 2))
    collector.feed(message(version, bytes(raw) + a_set(256, data) + good))
    assert collector.counts.get("records.flows", 0) == 1
    balanced(collector)


def test_a13_amplification() -> None:
    """A13: the largest datagram of one-byte records: refused as a whole, counted, in little memory."""
    collector = Collector()
    collector.feed(message(9, template(9, 256, [(4, 1)])))
    datagram = message(9, a_set(256, bytes(65_000)))
    tracemalloc.start()
    try:
        decoded = collector.feed(datagram)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert decoded.batches == []
    assert collector.counts["records.skipped.too_many"] == 65_000
    assert peak < 8 << 20
    at_limit = collector.feed(message(9, a_set(256, bytes(DEFAULT.records_per_datagram))), now_ms=NOW_MS + 1)
    assert len(at_limit.batches[0]) == DEFAULT.records_per_datagram
    balanced(collector)
