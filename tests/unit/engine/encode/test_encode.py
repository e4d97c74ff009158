"""Encoders write what the RFCs say, read back here field by field with nothing but `struct`."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from nftui.engine.batch import FlowBatch, TextColumn
from nftui.engine.encode.ipfix import IpfixEncoder
from nftui.engine.encode.netflow5 import NetFlow5Encoder
from nftui.engine.encode.netflow9 import NetFlow9Encoder
from nftui.engine.schema import FIELDS, Quality
from nftui.text import parse_address

NOW = 1_700_000_000_250
BOOT = NOW - 86_400_000


def flows(n: int = 1, **values: object) -> FlowBatch:
    batch = FlowBatch(n)
    base = {
        "src_addr": "10.0.0.1", "dst_addr": "192.0.2.2", "src_port": 40000, "dst_port": 443, "proto": 6,
        "bytes": 1500, "packets": 3, "time_flow_start_ms": NOW - 5000, "time_flow_end_ms": NOW - 1000,
    }  # fmt: skip
    for name, value in {**base, **values}.items():
        column = np.broadcast_to(np.asarray(value), n)
        if name.endswith("_addr") or name == "next_hop":
            numbers = [parse_address(str(text)) for text in column]
            batch.columns[name + "_hi"] = np.array([x >> 64 for x in numbers], np.uint64).view(np.int64)
            batch.columns[name + "_lo"] = np.array([x & (1 << 64) - 1 for x in numbers], np.uint64).view(np.int64)
        else:
            batch.columns[name] = column.astype(FIELDS[name].dtype)
    return batch


def sets(message: bytes, header: int) -> list[tuple[int, bytes]]:
    out, place = [], header
    while place < len(message):
        number, size = struct.unpack_from(">HH", message, place)
        assert size >= 4
        assert size % 4 == 0
        out.append((number, message[place + 4 : place + size]))
        place += size
    assert place == len(message)
    return out


def template_of(body: bytes) -> list[tuple[int, int]]:
    number, count = struct.unpack_from(">HH", body)
    assert number == 256
    return [struct.unpack_from(">HH", body, 4 + 4 * i) for i in range(count)]


def test_v5_record_and_header_are_cisco_s() -> None:
    batch = flows(2, in_if=3, out_if=4, tcp_flags=0x1B, ip_tos=8, src_as=64496, dst_as=[65000, 70000], src_mask=24,
                  dst_mask=16, next_hop="192.0.2.254")  # fmt: skip
    encoder = NetFlow5Encoder(boot_ms=BOOT, engine_type=1, engine_id=2, sampling_rate=100)
    (message,) = map(bytes, encoder.encode(batch, NOW))
    assert len(message) == 24 + 2 * 48
    header = struct.unpack(">HHIIIIBBH", message[:24])
    assert header == (5, 2, 86_400_000, 1_700_000_000, 250_000_000, 0, 1, 2, 0x4000 | 100)
    record = struct.unpack(">IIIHHIIIIHHBBBBHHBBH", message[24:72])
    assert record == (
        0x0A000001, 0xC0000202, 0xC00002FE, 3, 4, 3, 1500, 86_395_000, 86_399_000, 40000, 443, 0, 0x1B, 6, 8,
        64496, 65000, 24, 16, 0,
    )  # fmt: skip
    assert struct.unpack_from(">H", message, 24 + 48 + 42) == (23456,)


def test_v5_counts_what_it_cannot_carry() -> None:
    batch = flows(
        3,
        src_addr=["10.0.0.1", "2001:db8::1", "10.0.0.3"],
        dst_addr=["10.0.0.2", "2001:db8::2", "10.0.0.4"],
        bytes=[1, 2, 1 << 32],
        src_as=[1, 2, 65536],
        src_vlan=9,
    )
    out = NetFlow5Encoder(boot_ms=BOOT).encode(batch, NOW)
    assert out.flows.tolist() == [2]
    assert out.counts == {
        "flows.not_carried.ipv6": 1,
        "values.saturated.bytes": 1,
        "values.as_trans.src_as": 1,
        "fields.not_carried.src_vlan": 2,
    }
    assert struct.unpack_from(">I", bytes(out.data), 24 + 48 + 20) == (0xFFFFFFFF,)


def test_v5_sequence_counts_flows_and_datagrams_hold_thirty() -> None:
    encoder = NetFlow5Encoder(boot_ms=BOOT)
    first = encoder.encode(flows(65), NOW)
    second = encoder.encode(flows(1), NOW)
    assert first.flows.tolist() == [30, 30, 5]
    assert first.length.tolist() == [1464, 1464, 264]
    headers = [struct.unpack_from(">HHIIII", bytes(m)) for m in [*first, *second]]
    assert [(h[1], h[5]) for h in headers] == [(30, 0), (30, 30), (5, 60), (1, 65)]


def test_v9_sends_templates_first_and_counts_packets() -> None:
    encoder = NetFlow9Encoder(7, boot_ms=BOOT)
    template, data = map(bytes, encoder.encode(flows(), NOW))
    uptime = 1_700_000_000_000 - BOOT
    assert struct.unpack(">HHIIII", template[:20]) == (9, 1, uptime, 1_700_000_000, 0, 7)
    assert struct.unpack(">HHIIII", data[:20]) == (9, 1, uptime, 1_700_000_000, 1, 7)
    ((number, body),) = sets(template, 20)
    assert number == 0
    assert template_of(body) == [(22, 4), (21, 4), (8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 8), (2, 8)]
    ((number, body),) = sets(data, 20)
    assert number == 256
    assert struct.unpack_from(">IIIIHHBQQ", body) == (
        NOW - 5000 - BOOT, NOW - 1000 - BOOT, 0x0A000001, 0xC0000202, 40000, 443, 6, 1500, 3,
    )  # fmt: skip


def test_v9_announces_sampling_in_an_options_template() -> None:
    messages = [bytes(m) for m in NetFlow9Encoder(1, boot_ms=BOOT, sampling_rate=128).encode(flows(), NOW)]
    assert len(messages) == 3
    (template, options) = sets(messages[1], 20)
    assert template[0] == 1
    assert struct.unpack_from(">9H", template[1]) == (999, 4, 8, 1, 4, 34, 4, 35, 1)
    assert options[0] == 999
    assert struct.unpack_from(">IIB", options[1]) == (1, 128, 1)
    assert struct.unpack_from(">H", messages[1], 2) == (2,)


def test_ipfix_sequence_counts_data_records_of_both_kinds() -> None:
    encoder = IpfixEncoder(9, sampling_rate=128)
    messages = [bytes(m) for m in [*encoder.encode(flows(3), NOW), *encoder.encode(flows(2), NOW)]]
    headers = [struct.unpack_from(">HHIII", m) for m in messages]
    assert [h[0] for h in headers] == [10] * 4
    assert [h[1] for h in headers] == [len(m) for m in messages]
    assert [h[3] for h in headers] == [0, 0, 1, 4]
    assert {h[4] for h in headers} == {9}
    (template, options) = sets(messages[1], 16)
    assert template[0] == 3
    assert struct.unpack_from(">9H", template[1]) == (999, 3, 1, 149, 4, 34, 4, 35, 1)
    assert struct.unpack_from(">IIB", options[1]) == (9, 128, 1)


def test_ipfix_strings_have_variable_length_and_null_gets_its_own_template() -> None:
    batch = flows(3)
    batch.text["application_name"] = TextColumn(np.array([1, -1, 0], np.int32), ["dns", "x" * 255])
    messages = [bytes(m) for m in IpfixEncoder(1).encode(batch, NOW)]
    kinds = [sets(m, 16)[0] for m in messages]
    assert [k[0] for k in kinds] == [2, 256, 2, 257]
    assert kinds[0][1][-4:] == struct.pack(">HH", 96, 0xFFFF)
    first = kinds[1][1]
    fixed = 8 + 8 + 4 + 4 + 2 + 2 + 1 + 8 + 8
    assert first[fixed : fixed + 3] == b"\xff\x00\xff"
    assert first[fixed + 3 : fixed + 258] == b"x" * 255
    assert first[2 * fixed + 258 : 2 * fixed + 262] == b"\x03dns"
    assert len(kinds[3][1]) == (fixed + 3) // 4 * 4


def test_ipfix_reverse_counters_carry_the_enterprise_number() -> None:
    (template, _) = map(bytes, IpfixEncoder(1).encode(flows(out_bytes=7), NOW))
    assert struct.pack(">HHI", 0x8001, 8, 29305) in template
    assert struct.pack(">HH", 232, 8) in bytes(
        next(iter(NetFlow9Encoder(1, boot_ms=BOOT).encode(flows(out_bytes=7), NOW)))
    )


def test_families_have_their_own_elements() -> None:
    batch = flows(src_addr="2001:db8::1", dst_addr="2001:db8::2", next_hop="2001:db8::3", src_mask=48, icmp_type=128)
    (template, data) = map(bytes, IpfixEncoder(1).encode(batch, NOW))
    elements = [e for e, _ in template_of(sets(template, 16)[0][1])]
    assert {27, 28, 62, 29, 178} <= set(elements)
    assert not {8, 12, 15, 9, 176} & set(elements)
    assert bytes.fromhex("20010db8000000000000000000000001") in data


def test_what_says_nothing_is_not_sent() -> None:
    batch = flows(flows=1, etype=0x0800, quality=Quality.TIME_MISSING)
    (template, _) = map(bytes, IpfixEncoder(1).encode(batch, NOW))
    elements = [e for e, _ in template_of(sets(template, 16)[0][1])]
    assert elements == [8, 12, 7, 11, 4, 1, 2]


def test_templates_come_again_by_count_and_by_time() -> None:
    encoder = NetFlow9Encoder(1, boot_ms=BOOT, refresh_datagrams=3, refresh_ms=1000)
    kinds = [sets(bytes(m), 20)[0][0] for m in encoder.encode(flows(200), NOW)]
    per = 1440 // 41
    assert 200 // per == 5
    assert kinds == [0, 256, 256, 256, 0, 256, 256, 256]
    assert [sets(bytes(m), 20)[0][0] for m in encoder.encode(flows(1), NOW + 999)] == [0, 256]
    assert [sets(bytes(m), 20)[0][0] for m in encoder.encode(flows(1), NOW + 999)] == [256]
    assert [sets(bytes(m), 20)[0][0] for m in encoder.encode(flows(1), NOW + 1000)] == [0, 256]


def test_no_datagram_is_larger_than_asked_and_no_flow_is_missing() -> None:
    batch = flows(500)
    batch.text["username"] = TextColumn(np.arange(500, dtype=np.int32) % 7, ["u" * (20 * i) for i in range(1, 8)])
    for encoder in (NetFlow9Encoder(1, boot_ms=BOOT, payload_bytes=600), IpfixEncoder(1, payload_bytes=600)):
        out = encoder.encode(batch, NOW)
        assert out.length.max() <= 600
        assert out.flows.sum() == 500
        assert out.length.sum() == len(out.data)


def test_a_record_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="payload_bytes"):
        IpfixEncoder(1, payload_bytes=40).encode(flows(), NOW)
    with pytest.raises(ValueError, match="payload_bytes"):
        NetFlow5Encoder(boot_ms=BOOT, payload_bytes=60)


def test_reduced_sizes_saturate_and_are_counted() -> None:
    encoder = NetFlow9Encoder(1, boot_ms=BOOT, sizes={"bytes": 4, "in_if": 2})
    out = encoder.encode(flows(2, bytes=[5, 1 << 40], in_if=70000), NOW)
    assert out.counts == {"values.saturated.bytes": 1, "values.saturated.in_if": 2}
    assert struct.pack(">I", 0xFFFFFFFF) in bytes(out.data)


def test_times_before_boot_wrap_and_too_old_ones_are_counted() -> None:
    encoder = NetFlow5Encoder(boot_ms=NOW - 1000)
    out = encoder.encode(flows(2, time_flow_start_ms=[NOW - 5000, NOW - (1 << 31) - 5]), NOW)
    (message,) = map(bytes, out)
    assert struct.unpack_from(">I", message, 24 + 24) == ((1000 - 5000) & 0xFFFFFFFF,)
    assert out.counts == {"values.saturated.time_flow_start_ms": 1}


def test_texts_are_cut_between_characters() -> None:
    batch = flows()
    batch.text["in_if_name"] = TextColumn(np.zeros(1, np.int32), ["x" + "\u00fc" * 17])
    out = NetFlow9Encoder(1, boot_ms=BOOT).encode(batch, NOW)
    assert out.counts == {"values.truncated.in_if_name": 1}
    assert ("x" + "\u00fc" * 15).encode() + b"\0" in bytes(out.data)


def test_an_empty_batch_makes_no_datagrams() -> None:
    for encoder in (NetFlow5Encoder(boot_ms=BOOT), NetFlow9Encoder(1, boot_ms=BOOT), IpfixEncoder(1)):
        assert len(encoder.encode(flows(0), NOW)) == 0
