"""Flows through a real broker process: what comes out, and what is counted when it goes away and comes back.

The broker is Tansu, which forgets everything when it ends: what was delivered to it before is gone with it.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from flow_message import read_messages
from kafka_broker import Broker, running_broker
from running_output import Running

from nftui.engine.batch import FlowBatch

pytest.importorskip("confluent_kafka")
V4 = 0xFFFF << 32
EXPORTERS = 7


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path) as broker:
        yield broker


def numbered(first: int, rows: int) -> FlowBatch:
    """Flows with serial numbers as their bytes, each seventh of them from the same exporter."""
    number = np.arange(first, first + rows)
    return FlowBatch(rows, {
        "sampler_address_hi": np.zeros(rows, np.int64), "sampler_address_lo": V4 | 0xC0000200 | number % EXPORTERS,
        "src_addr_hi": np.zeros(rows, np.int64), "src_addr_lo": V4 | 0x0A000000 | number,
        "bytes": number, "packets": np.ones(rows, np.int64), "src_port": (number % 65536).astype(np.uint16),
    })  # fmt: skip


def serials(value: bytes, form: str) -> list[tuple[bytes, int, int]]:
    """(exporter, source address, bytes) of the flows of a message, as a foreign reader sees them."""
    if form == "protobuf":
        return [(m.sampler_address, int.from_bytes(m.src_addr, "big"), m.bytes) for m in read_messages(value)]
    table = pa.ipc.open_stream(io.BytesIO(value)).read_all()
    exporters, sources, octets = (table[name].to_pylist() for name in ("sampler_address_lo", "src_addr_lo", "bytes"))
    return [
        ((exporter & 0xFFFFFFFF).to_bytes(4, "big"), source & 0xFFFFFFFF, number)
        for exporter, source, number in zip(exporters, sources, octets, strict=True)
    ]


def by_exporter(found: list[tuple[int, bytes, bytes]], form: str) -> dict[int, list[int]]:
    """Serial numbers by exporter in the order of the topic; a key is its exporter's and has one partition."""
    partitions, out = defaultdict(set), defaultdict(list)
    for partition, key, value in found:
        partitions[key].add(partition)
        for exporter, source, number in serials(value, form):
            assert ".".join(map(str, exporter)).encode() == key
            assert source == 0x0A000000 | number
            out[exporter[3]].append(number)
    assert all(len(places) == 1 for places in partitions.values())
    return dict(out)


@pytest.mark.parametrize("form", ["arrow", "protobuf"])
def test_every_flow_arrives_once_in_the_order_of_its_exporter(broker: Broker, form: str):
    if form == "protobuf":
        pytest.importorskip("google.protobuf")
    total = 0
    with Running(broker.address, form) as running:
        for rows in (1, 40, 9000, 13, 25_000):
            running.output.add(numbered(total, rows))
            total += rows
        running.wait(lambda counts: counts["kafka.flows_delivered"] == total)
        assert running.counts()["kafka.flows_waiting"] == running.counts()["kafka.bytes_waiting"] == 0
    found = broker.read()
    assert by_exporter(found, form) == {n: list(range(n, total, EXPORTERS)) for n in range(EXPORTERS)}
    assert max(len(serials(value, form)) for _, _, value in found) <= 2000


@pytest.mark.parametrize("form", ["arrow", "protobuf"])
def test_a_broker_that_ends_and_comes_back_gets_what_waited(broker: Broker, form: str):
    if form == "protobuf":
        pytest.importorskip("google.protobuf")
    with Running(broker.address, form) as running:
        running.output.add(numbered(0, 1000))
        running.wait(lambda counts: counts["kafka.flows_delivered"] == 1000)
        broker.kill()
        for first in range(1000, 41_000, 1000):
            running.output.add(numbered(first, 1000))
        running.wait(lambda _: broker.address in running.output.problem)
        assert running.counts()["kafka.flows_waiting"] == 40_000
        broker.start()
        running.wait(lambda counts: counts["kafka.flows_delivered"] == 41_000)
        assert running.counts()["kafka.flows_dropped"] == running.counts()["kafka.flows_failed"] == 0
        assert running.output.problem == ""
    expected = {n: [i for i in range(1000, 41_000) if i % EXPORTERS == n] for n in range(EXPORTERS)}
    assert by_exporter(broker.read(), form) == expected


def test_what_does_not_fit_while_the_broker_is_away_is_counted_and_the_rest_arrives(broker: Broker):
    with Running(broker.address, "arrow", kafka_bytes=400_000) as running:
        running.output.add(numbered(0, 700))
        running.wait(lambda counts: counts["kafka.flows_delivered"] == 700)
        broker.kill()
        for first in range(700, 70_700, 1000):
            running.output.add(numbered(first, 1000))
            running.wait(lambda counts: counts["kafka.bytes_waiting"] <= 400_000)
        running.wait(lambda counts: counts["kafka.flows_dropped"] > 0)
        broker.start()
        running.wait(lambda counts: counts["kafka.flows_waiting"] == 0)
        running.output.add(numbered(70_700, 100))
        running.wait(lambda counts: counts["kafka.flows_waiting"] == 0)
        counts = running.counts()
    found = [number for numbers in by_exporter(broker.read(), "arrow").values() for number in numbers]
    assert len(found) == len(set(found)) == counts["kafka.flows_delivered"] - 700
    assert counts["kafka.flows_failed"] == 0
    assert counts["kafka.bytes_peak"] <= 400_000
    assert counts["kafka.flows"] == 70_800 == counts["kafka.flows_delivered"] + counts["kafka.flows_dropped"]
    assert set(range(70_700, 70_800)) <= set(found)  # the newest are not the ones that were dropped
    assert set(range(69_700, 70_700)) <= set(found)


def test_what_waits_at_the_end_is_counted(broker: Broker):
    broker.kill()
    with Running(broker.address, "arrow") as running:
        running.output.add(numbered(0, 5000))
    counts = running.counts()
    assert counts["kafka.flows_waiting"] == counts["kafka.bytes_waiting"] == 0
    assert counts["kafka.flows_dropped"] + counts["kafka.flows_failed"] == 5000
