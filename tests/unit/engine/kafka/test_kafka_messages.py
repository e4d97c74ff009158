"""Flows as messages: what a protocol buffers library and an Arrow reader make of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nftui.engine.batch import FlowBatch
from nftui.engine.kafka.messages import messages
from nftui.engine.kafka.protobuf import flow_messages
from nftui.engine.schema import FIELDS, FlowSource
from nftui.engine.store.arrow import from_arrow

V4 = 0xFFFF << 32
NUMBERS = {
    "type": 1, "sampling_rate": 3, "bytes": 9, "packets": 10, "next_hop_as": 13, "src_as": 14, "dst_as": 15,
    "src_net": 16, "dst_net": 17, "in_if": 18, "out_if": 19, "proto": 20, "src_port": 21, "dst_port": 22, "ip_tos": 23,
    "forwarding_status": 24, "ip_ttl": 25, "tcp_flags": 26, "src_mac": 27, "dst_mac": 28, "etype": 30, "icmp_type": 31,
    "icmp_code": 32, "src_vlan": 33, "dst_vlan": 34, "fragment_id": 35, "fragment_offset": 36, "ipv6_flow_label": 37,
    "ip_flags": 38, "observation_domain_id": 70, "observation_point_id": 71, "time_received_ns": 110,
    "time_flow_start_ns": 111, "time_flow_end_ns": 112,
}  # fmt: skip
BYTES = {"src_addr": 6, "dst_addr": 7, "sampler_address": 11, "next_hop": 12, "bgp_next_hop": 100}
OURS = {
    "next_hop_as": "next_as", "src_net": "src_mask", "dst_net": "dst_mask", "ip_ttl": "min_ttl",
    "src_mac": "in_src_mac", "dst_mac": "out_dst_mac", "ip_flags": "fragment_flags",
}  # fmt: skip


def message_class():
    """goflow2's FlowMessage as the library makes it from a description."""
    pytest.importorskip("google.protobuf")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="flow.proto", package="flowpb", syntax="proto3")
    message = file.message_type.add(name="FlowMessage")
    kinds = descriptor_pb2.FieldDescriptorProto
    for names, kind in ((NUMBERS, kinds.TYPE_UINT64), (BYTES, kinds.TYPE_BYTES)):
        for name, number in names.items():
            message.field.add(name=name, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("flowpb.FlowMessage"))


def read(data: bytes) -> list:
    """The messages behind their lengths."""
    from google.protobuf.internal.decoder import _DecodeVarint32

    kind, place, found = message_class(), 0, []
    while place < len(data):
        length, place = _DecodeVarint32(data, place)
        found.append(kind.FromString(data[place : place + length]))
        place += length
    return found


def batch_of(rows: int, chance: np.random.Generator) -> FlowBatch:
    columns, valid = {}, {}
    for name in {OURS.get(name, name) for name in NUMBERS} & FIELDS.keys():
        kind = np.dtype(FIELDS[name].dtype)
        most = min(np.iinfo(kind).max, 2**62)
        small = chance.integers(0, 300, rows) % (most + 1)
        columns[name] = np.where(chance.random(rows) < 0.5, small, chance.integers(0, most, rows)).astype(kind)
        if name not in {"bytes", "packets"} and chance.random() < 0.5:
            valid[name] = chance.random(rows) < 0.7
    for name in BYTES:
        six = chance.random(rows) < 0.3
        columns[f"{name}_hi"] = np.where(six, chance.integers(-(2**63), 2**63 - 1, rows), 0)
        columns[f"{name}_lo"] = np.where(
            six, chance.integers(-(2**63), 2**63 - 1, rows), V4 | chance.integers(0, 2**32, rows)
        )
    valid["next_hop"] = chance.random(rows) < 0.5
    for name in ("time_received_ms", "time_flow_start_ms", "time_flow_end_ms"):
        columns[name] = chance.integers(0, 2**43, rows)
    columns["flow_source"] = chance.choice([source.value for source in FlowSource], rows).astype(np.uint8)
    return FlowBatch(rows, columns, valid)


def expected(batch: FlowBatch, row: int) -> dict[str, object]:
    types = {FlowSource.SFLOW: 1, FlowSource.V5: 2, FlowSource.V9: 3, FlowSource.IPFIX: 4}
    out: dict[str, object] = {"type": types.get(FlowSource(batch.value("flow_source", row)), 0)}
    for name in NUMBERS.keys() - {"type"}:
        if name.endswith("_ns"):
            out[name] = batch.value(name.replace("_ns", "_ms"), row) * 1_000_000
        else:
            out[name] = batch.value(OURS.get(name, name), row) or 0
    for name in BYTES:
        value = batch.value(name, row)
        four = value is not None and value >> 32 == 0xFFFF
        out[name] = (
            b"" if value is None else (value & 0xFFFFFFFF).to_bytes(4, "big") if four else value.to_bytes(16, "big")
        )
    return out


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32))
def test_a_protocol_buffers_library_reads_what_was_written(rows: int, seed: int):
    batch = batch_of(rows, np.random.default_rng(seed))
    found = read(flow_messages(batch))
    assert len(found) == rows
    for row, message in enumerate(found):
        assert {name: getattr(message, name) for name in (*NUMBERS, *BYTES)} == expected(batch, row)


def test_each_message_is_of_one_exporter_and_of_a_bounded_size():
    batch = batch_of(9000, np.random.default_rng(1))
    batch.columns["sampler_address_hi"][:] = 0
    batch.columns["sampler_address_lo"][:] = V4 | 0xC0000200 | (np.arange(9000) % 3)
    found = list(messages(batch, "arrow"))
    assert [(message.key, message.flows) for message in found] == [
        (f"192.0.2.{i}".encode(), flows) for i in range(3) for flows in (2000, 1000)
    ]
    back = from_arrow(pa.ipc.open_stream(found[0].value).read_all())
    assert list(back.columns["bytes"]) == list(batch.columns["bytes"][0:6000:3])
    assert all(len(message.value) < 1_000_000 for message in found)


def test_a_batch_of_one_exporter_is_one_message():
    batch = batch_of(10, np.random.default_rng(1))
    batch.columns["sampler_address_hi"][:] = 0x20010DB8 << 32
    batch.columns["sampler_address_lo"][:] = 7
    for form in ("arrow", "protobuf"):
        assert [(message.key, message.flows) for message in messages(batch, form)] == [(b"2001:db8::7", 10)]
