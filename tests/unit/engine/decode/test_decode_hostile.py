"""Malformed and hostile input: what is kept, what is refused, and that all of it is counted."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from export_wire import (
    NOW_MS,
    PAIR,
    V4,
    VARIABLE,
    Collector,
    a_set,
    balanced,
    column,
    ipfix,
    message,
    options_template,
    specifiers,
    template,
    v5,
    v5_record,
    v9,
    varying,
    withdrawal,
)

from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.layout import TARGETS, compile_layout
from nftui.engine.limits import Limits
from nftui.engine.schema import FIELDS, Kind


@pytest.mark.parametrize("version", [9, 10])
@pytest.mark.parametrize(
    ("fields", "flows"),
    [([], 0), ([(8, 0), (1, 0)], 0), ([(8, 4), (1, 0), (2, 4)], 3), ([(8, VARIABLE)], 24)],
    ids=["no fields", "all zero", "one zero", "all variable"],
)
def test_records_of_no_size(version: int, fields: list[tuple[int, int]], flows: int) -> None:
    """A1: only a record of no size at all is refused."""
    collector = Collector()
    collector.feed(message(version, template(version, 256, fields) + a_set(256, bytes(24))))
    assert collector.counts.get("records.flows", 0) == flows
    assert collector.counts.get("sets.buffered", 0) == (0 if flows else 1)
    balanced(collector)


@pytest.mark.parametrize("version", [9, 10])
@pytest.mark.parametrize("fields", [[], [(34, 0)], [(34, 4), (35, 0)]])
def test_options_of_no_size(version: int, fields: list[tuple[int, int]]) -> None:
    """A1 for options data: never a flow."""
    collector = Collector()
    scope = [(1 if version == 9 else 143, 0)]
    collector.feed(message(version, options_template(version, 256, scope, fields) + a_set(256, bytes(24))))
    assert collector.counts.get("records.flows", 0) == 0
    assert collector.counts.get("records.options", 0) == (6 if len(fields) == 2 else 0)
    balanced(collector)


@pytest.mark.parametrize("version", [9, 10])
def test_field_count_beyond_the_set(version: int) -> None:
    """A2: 65 535 fields in a set of 40 bytes are refused before anything is allocated for them."""
    collector = Collector()
    body = struct.pack(">HH", 256, 65535) + bytes(32)
    datagram = message(version, a_set(0 if version == 9 else 2, body))
    collector.feed(v9(b""))
    tracemalloc.start()
    collector.feed(datagram)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert collector.counts["templates.rejected.truncated"] == 1
    assert peak < 64 << 10


def test_template_of_300_fields() -> None:
    """A2: ASA sends 285 fields."""
    collector = Collector()
    fields = [(8, 4), *[(1000 + i, 2) for i in range(298)], (1, 4)]
    record = struct.pack(">I", 0x0A000001) + bytes(596) + struct.pack(">I", 77)
    decoded = collector.feed(message(10, template(10, 256, fields) + a_set(256, record)))
    assert column(decoded, "bytes") == [77]
    assert collector.counts["extra.dropped"] == 298 - 2048 // 10


def test_too_many_fields() -> None:
    collector = Collector(Limits(template_fields=5))
    collector.feed(message(10, template(10, 256, [(1, 4)] * 6)))
    assert collector.counts["templates.rejected.fields"] == 1


@pytest.mark.parametrize("version", [9, 10])
@pytest.mark.parametrize("left", [4, 40, 400])
def test_all_set_lengths(version: int, left: int) -> None:
    """A3: whatever length a set claims, the sets before it are kept and nothing beyond the datagram is read."""
    collector = Collector()
    collector.feed(message(version, template(version, 256, PAIR)))
    good = a_set(256, struct.pack(">II", 1, 2))
    lengths = sorted({*range(left + 80), *range(0, 65536, 251), 65535})
    for start in range(0, len(lengths), 64):
        part = lengths[start : start + 64]
        payloads = [message(version, good + struct.pack(">HH", 999, length) + bytes(left - 4)) for length in part]
        decoded = collector.feed(*payloads)
        assert column(decoded, "bytes") == [2] * len(part)
    wrong = sum(1 for length in lengths if length < 4 or length > left)
    assert collector.counts["sets.bad_length"] >= wrong
    balanced(collector)


def test_all_v5_counts() -> None:
    """A4: a v5 datagram holds what it claims, or what fits if that is less."""
    collector = Collector()
    for fits in (0, 1, 7, 30):
        records = [v5_record()] * fits
        counts = [*range(40), 255, 256, 4095, 32768, 65535]
        decoded = [collector.feed(v5(records, count=count)) for count in counts]
        assert [len(column(part, "bytes")) for part in decoded] == [min(count, fits) for count in counts]
    balanced(collector)


def test_ipfix_length_and_datagram_length() -> None:
    """A4: the shorter one of message and datagram counts; what is beyond is counted."""
    collector = Collector()
    record = a_set(256, struct.pack(">II", 1, 2))
    collector.feed(ipfix(template(10, 256, PAIR)))
    longer = ipfix(record + record, length=16 + len(record))
    assert len(column(collector.feed(longer), "bytes")) == 1
    assert collector.counts["datagrams.trailing"] == 1
    assert len(column(collector.feed(ipfix(record, length=5000)), "bytes")) == 1
    assert collector.counts["datagrams.truncated"] == 1
    for length in range(16):
        collector.feed(ipfix(record, length=length))
    assert collector.counts["datagrams.rejected.header"] == 16
    balanced(collector)


def test_every_short_datagram() -> None:
    collector = Collector()
    whole = [v5([v5_record()]), v9(a_set(256, bytes(8))), ipfix(a_set(256, bytes(8)))]
    payloads = [item[:size] for item in whole for size in range(len(item))]
    collector.feed(*payloads)
    assert collector.counts["datagrams.received"] == len(payloads)
    assert collector.counts["datagrams.rejected.empty"] == 3
    balanced(collector)


def test_unknown_versions() -> None:
    collector = Collector()
    versions = [n for n in range(65536) if n not in {1, 5, 7, 9, 10}][::97]
    collector.feed(*[struct.pack(">H", version) + bytes(30) for version in versions])
    assert collector.counts["datagrams.rejected.version"] == len(versions)
    balanced(collector)


ELEMENTS = sorted(element for pen, element in TARGETS if pen == 0)


@pytest.mark.parametrize("element", ELEMENTS)
def test_every_element_in_every_length(element: int) -> None:
    """A5: integers of 1 to 8 bytes are read big-endian, addresses of 4 and 16; anything else leaves null."""
    target = TARGETS[0, element]
    for length in [*range(41), 65534]:
        collector = Collector(Limits(extra_bytes_per_record=70_000))
        raw = bytes(range(1, length + 1)) if length <= 40 else bytes(length)
        fields = [(12 if target.name == "src_addr" else 8, 4), (element, length)]
        record = struct.pack(">I", 5) + raw
        collector.feed(message(9, template(9, 256, fields)))
        decoded = collector.feed(message(9, a_set(256, record)) if length < 60_000 else b"")
        if length >= 60_000:
            continue
        assert len(column(decoded, "flows")) == 1
        if target.kind is Kind.TEXT or target.name not in FIELDS:
            continue
        number = int.from_bytes(raw, "big")
        value = column(decoded, target.name)[0]
        if target.kind is Kind.ADDRESS:
            expected = {4: V4 | number, 16: number}.get(length)
        elif (element, length) == (95, 9):
            expected = raw[0] << 56 | int.from_bytes(raw[2:], "big")
        else:
            top = (1 << 63) - 1 if target.dtype == "i8" else (1 << 8 * int(target.dtype[1:])) - 1
            expected = number if 1 <= length <= 8 and number <= top else None
            if target.name == "flows" and expected is None:
                expected = 1
            if target.name == "observation_domain_id" and expected is None:
                continue
        assert value == expected, (element, length)
        if length and expected is None and target.name != "flows":
            assert collector.counts["fields.ignored"] == 1


def test_truncated_variable_records() -> None:
    """A6: a record cut at any byte is no record, and nothing behind the set is read."""
    fields = [(8, 4), (371, VARIABLE), (1, 4), (96, VARIABLE)]
    records = [
        struct.pack(">I", i) + varying(b"user%d" % i, long=i % 2 == 1) + struct.pack(">I", i) + varying(b"\xff" * i)
        for i in range(12)
    ]
    collector = Collector()
    collector.feed(message(10, template(10, 256, fields)))
    whole = b"".join(records)
    ends = [sum(len(part) for part in records[: i + 1]) for i in range(len(records))]
    cuts = list(range(len(whole) + 1))
    decoded = collector.feed(*[message(10, a_set(256, whole[:cut])) for cut in cuts])
    seen: dict[int, int] = {}
    for batch in decoded.batches:
        assert batch.text["username"].at(0) == "user0"
    total = sum(sum(1 for end in ends if end <= cut) for cut in cuts)
    assert len(column(decoded, "bytes")) == total
    for cut in cuts:  # one by one takes the other way through the sets
        part = collector.feed(message(10, a_set(256, whole[:cut])))
        assert column(part, "bytes") == list(range(sum(1 for end in ends if end <= cut)))
        seen[cut] = len(part.batches)
    balanced(collector)


@pytest.mark.parametrize(
    ("version", "head", "kind"),
    [
        (9, (256, 3, 4), "scope"), (9, (256, 4, 6), "scope"), (9, (256, 400, 4), "truncated"),
        (9, (256, 4, 65532), "truncated"), (10, (256, 2, 0), "scope"), (10, (256, 2, 3), "scope"),
        (10, (256, 400, 1), "truncated"),
    ],
)  # fmt: skip
def test_options_template_counts_that_lie(version: int, head: tuple[int, int, int], kind: str) -> None:
    """A7: scope and field counts are checked against each other and against the set."""
    collector = Collector()
    body = struct.pack(">HHH", *head) + specifiers([(1, 4), (34, 4)])
    collector.feed(message(version, a_set(1 if version == 9 else 3, body) + a_set(256, bytes(64))))
    assert collector.counts[f"templates.rejected.{kind}"] == 1
    assert collector.counts.get("records.flows", 0) == 0


def test_redefinition_in_flight() -> None:
    """A8: each record is decoded by the template before it on the wire."""
    one, two = [(8, 4), (1, 4)], [(1, 4), (8, 4), (2, 4)]
    parts, expected = [], []
    for i in range(2000):
        fields = one if i % 2 == 0 else two
        record = struct.pack(">II", 7, i) if i % 2 == 0 else struct.pack(">III", i, 7, 1)
        parts.append(template(10, 256, fields) + a_set(256, record))
        expected.append(i)
    for per_datagram, per_block in ((1, 100), (10, 7), (50, 1)):
        collector = Collector()
        payloads = [message(10, b"".join(parts[i : i + per_datagram])) for i in range(0, len(parts), per_datagram)]
        found: list[object] = []
        for start in range(0, len(payloads), per_block):
            decoded = collector.feed(*payloads[start : start + per_block])
            assert set(column(decoded, "src_addr")) == {V4 | 7}
            found += column(decoded, "bytes")
        assert sorted(found) == expected  # type: ignore[type-var]
        assert collector.counts["templates.changed"] == 1999


@pytest.mark.parametrize("version", [9, 10])
def test_invalid_redefinition_drops_the_old_template(version: int) -> None:
    """A8: no data are decoded by a definition that the exporter no longer means."""
    collector = Collector()
    data = a_set(256, struct.pack(">II", 1, 2))
    collector.feed(message(version, template(version, 256, PAIR) + data))
    collector.feed(message(version, template(version, 256, [(8, 0)]) + data))
    assert collector.counts["records.flows"] == 1
    decoded = collector.feed(message(version, template(version, 256, PAIR) + data))
    assert len(column(decoded, "bytes")) == 2  # the waiting one and the new one


def test_one_owner_per_id() -> None:
    """A8: an id that becomes an options template is no longer a data template, and the other way round."""
    collector = Collector()
    data = a_set(256, bytes(8))
    collector.feed(message(10, template(10, 256, PAIR) + data))
    collector.feed(message(10, options_template(10, 256, [(149, 4)], [(34, 4)]) + data))
    assert collector.counts["records.flows"] == 1
    assert collector.counts["records.options"] == 1
    collector.feed(message(10, template(10, 256, PAIR) + data))
    assert collector.counts["records.flows"] == 2


def test_define_withdraw_data() -> None:
    """A9: in one message, in the order of the wire."""
    collector = Collector()
    collector.feed(message(10, template(10, 256, PAIR) + withdrawal(256) + a_set(256, bytes(8))))
    assert collector.counts.get("records.flows", 0) == 0
    assert collector.counts["sets.buffered"] == 1
    assert collector.counts["templates.withdrawn"] == 1


@pytest.mark.parametrize("options", [False, True])
def test_withdraw_all(options: bool) -> None:
    collector = Collector()
    collector.feed(message(10, template(10, 256, PAIR) + options_template(10, 257, [(149, 4)], [(34, 4)])))
    kind = 3 if options else 2
    collector.feed(message(10, a_set(kind, struct.pack(">HH", kind, 0))))
    (status,) = collector.decoder.exporters()
    assert [item.template_id for item in status.templates] == [256 if options else 257]


def test_spoofed_exporters_do_not_push_out_a_real_one() -> None:
    """A10: bounded memory, and the exporter that delivers flows keeps its templates."""
    limits = Limits(exporters=64, templates=4096, domains=1024)
    collector = Collector(limits)
    data = a_set(256, struct.pack(">II", 1, 2))
    collector.feed(message(9, template(9, 256, PAIR)))
    collector.feed(message(9, data, 1))
    collector.feed(message(9, data, 2))
    for round_ in range(40):
        payloads, sessions = [], []
        for i in range(100):
            sessions.append(collector.decoder.session(V4 | 0x0B000000 | round_ << 8 | i, 1))
            payloads.append(
                v9(b"".join(template(9, 300 + n, [(8, 4), (1, 4 + n)]) for n in range(10)), domain=round_ * 100 + i)
            )
        collector.note(collector.decoder.decode(block_of(payloads, sessions, NOW_MS + round_ * 1000)))
        decoded = collector.feed(message(9, data, 3 + round_), now_ms=NOW_MS + round_ * 1000)
        assert column(decoded, "bytes") == [2]
    assert len(collector.decoder.exporters()) <= limits.exporters + 100
    assert collector.counts.get("sequence.lost", 0) == 0
    balanced(collector)


def test_what_goes_with_a_forgotten_exporter_is_counted() -> None:
    collector = Collector(Limits(exporters=4))
    for place in range(10):
        datagram = ipfix(template(10, 256, PAIR) + a_set(300, bytes(8)))
        collector.feed(datagram, address=V4 | place, now_ms=NOW_MS + place)
    kept = collector.decoder.exporters()
    gone = 10 - len(kept)
    assert len(kept) == 5  # the limit, and the one that came last
    assert collector.counts["sessions.evicted"] == gone
    assert collector.counts["templates.evicted"] == gone
    assert collector.counts["sets.waiting_evicted"] == gone
    assert sum(item.waiting_sets for item in kept) == collector.counts["sets.buffered"] - gone


def test_templates_per_exporter() -> None:
    collector = Collector(Limits(templates_per_exporter=50))
    collector.feed(*[message(10, template(10, 256 + i, PAIR)) for i in range(80)])
    (status,) = collector.decoder.exporters()
    assert [item.template_id for item in status.templates] == list(range(286, 336))
    assert collector.counts["templates.evicted"] == 30


def test_sessions_of_one_address_do_not_share_templates() -> None:
    """A11: address, port, version and domain make the key."""
    collector = Collector()
    for port, fields in ((1000, [(8, 4), (1, 4)]), (2000, [(1, 4), (8, 4)])):
        collector.feed(message(9, template(9, 256, fields)), port=port)
    record = struct.pack(">II", 3, 4)
    assert column(collector.feed(message(9, a_set(256, record)), port=1000), "bytes") == [4]
    assert column(collector.feed(message(9, a_set(256, record)), port=2000), "bytes") == [3]
    assert column(collector.feed(message(9, a_set(256, record), domain=2), port=1000), "bytes") == []
    assert column(collector.feed(message(10, a_set(256, record)), port=1000), "bytes") == []


def test_data_before_template() -> None:
    """A12: every set is decoded once, late, with the time at which it came."""
    collector = Collector()
    for i in range(500):
        collector.feed(message(10, a_set(256, struct.pack(">II", 1, i)), i), now_ms=NOW_MS + i)
    decoded = collector.feed(message(10, template(10, 256, PAIR)), now_ms=NOW_MS + 5000)
    assert column(decoded, "bytes") == list(range(500))
    assert column(decoded, "time_received_ms") == [NOW_MS + i for i in range(500)]
    assert set(column(decoded, "quality")) == {32 | 2}
    assert collector.counts["sets.replayed"] == 500
    assert column(collector.feed(message(10, template(10, 256, PAIR))), "bytes") == []
    balanced(collector)


def test_waiting_sets_are_bounded_and_expire() -> None:
    """A12: over the limit they are refused and counted; after their time they are dropped and counted."""
    collector = Collector(Limits(waiting_bytes_per_exporter=10 * 300))
    for i in range(30):
        collector.feed(message(10, a_set(256, bytes(44)), i))
    assert collector.counts["sets.buffered"] == 10
    assert collector.counts["sets.waiting_overflow"] == 20
    assert collector.expire(NOW_MS + 59_000).counts == {}
    assert collector.expire(NOW_MS + 61_000).counts == {"sets.waiting_expired": 10}
    assert column(collector.feed(message(10, template(10, 256, PAIR))), "bytes") == []


def test_amplification() -> None:
    """A13: a datagram of 60 000 one-byte records is refused and counted, without making rows of them."""
    collector = Collector()
    datagram = message(9, template(9, 256, [(4, 1)]) + a_set(256, bytes(60_000)))
    collector.feed(v9(b""))
    tracemalloc.start()
    decoded = collector.feed(datagram)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert decoded.batches == []
    assert collector.counts["records.skipped.too_many"] == 60_000
    assert peak < 8 << 20
    balanced(collector)


def test_amplification_by_variable_records() -> None:
    collector = Collector()
    collector.feed(message(10, template(10, 256, [(371, VARIABLE)]) + a_set(256, bytes(60_000))))
    assert collector.counts["records.flows"] == 8192
    assert collector.counts["sets.too_many_records"] == 1
    balanced(collector)


def test_idle_templates_are_forgotten() -> None:
    collector = Collector()
    collector.feed(message(10, template(10, 256, PAIR)))
    assert collector.expire(NOW_MS + 1_799_000).counts == {}
    assert collector.expire(NOW_MS + 1_801_000).counts == {"templates.expired": 1}
    assert collector.decoder.exporters()[0].templates == ()


def test_a_layout_of_every_element_compiles() -> None:
    fields = [(element, 4, pen) for pen, element in TARGETS if element < 1 << 15 and pen < 1 << 32]
    assert compile_layout([], 100).runs == [0]
    collector = Collector(Limits(extra_bytes_per_record=100_000))
    record = bytes(4 * len(fields))
    decoded = collector.feed(message(10, template(10, 256, fields) + a_set(256, record)))
    assert len(column(decoded, "flows")) == 1
