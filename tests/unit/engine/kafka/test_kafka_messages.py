"""Flows as messages: what a protocol buffers library and an Arrow reader make of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from flow_message import BYTES, NUMBERS, read_messages
from hypothesis import given, settings
from hypothesis import strategies as st

from nftui.engine.batch import FlowBatch
from nftui.engine.kafka.messages import messages
from nftui.engine.kafka.protobuf import flow_messages
from nftui.engine.schema import FIELDS, FlowSource
from nftui.engine.store.arrow import from_arrow

V4 = 0xFFFF << 32
OURS = {
    "next_hop_as": "next_as", "src_net": "src_mask", "dst_net": "dst_mask", "ip_ttl": "min_ttl",
    "src_mac": "in_src_mac", "dst_mac": "out_dst_mac", "ip_flags": "fragment_flags",
}  # fmt: skip


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
    pytest.importorskip("google.protobuf")
    batch = batch_of(rows, np.random.default_rng(seed))
    cut = rows // 2
    first, second = flow_messages(batch, [0, cut, rows])
    assert len(read_messages(first)) == cut
    found = read_messages(first + second)
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
