"""A probe inside of the engine: what it meters is in the live window and in the store, and the account is exact."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from probe_packets import block_of, udp

from nftui.config import CollectorConfig, Config, StoreConfig
from nftui.engine.clock import SystemClock
from nftui.engine.counters import flow_balance
from nftui.engine.engine import Engine
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.query.parser import parse_filter
from nftui.engine.schema import FlowSource
from nftui.errors import PermissionDenied
from nftui.probe.embedded import EmbeddedProbe
from nftui.probe.live import CaptureConfig, open_sources
from nftui.probe.packets import PacketBlock
from nftui.probe.statistics import CaptureStatistics

PACKETS, PAYLOAD = 120, 100


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


class Steps:
    """A source that gives blocks of packets, or fails, one step for each read.

    Args:
        steps: blocks, and errors to raise in their place.
    """

    name = "steps"

    def __init__(self, steps: list[PacketBlock | Exception]) -> None:
        self._steps = steps
        self._ends = os.pipe()

    def fileno(self) -> int:
        return self._ends[0]

    def read(self) -> list[PacketBlock]:
        step = self._steps.pop(0) if self._steps else None
        if isinstance(step, Exception):
            raise step
        return [step] if step is not None else []

    def release(self) -> None: ...

    def check(self) -> None: ...

    def statistics(self) -> CaptureStatistics:
        return CaptureStatistics(self.name, "capturing")

    def close(self) -> None:
        for end in self._ends:
            os.close(end)


def block(port: int, count: int) -> PacketBlock:
    """Packets of one flow, captured now."""
    frames = [udp("192.0.2.1", "192.0.2.2", port, 53)] * count
    return block_of(frames, [time.time()] * count)


def test_a_failure_of_the_probe_is_shown_and_costs_none_of_its_flows(tmp_path: Path):
    source = Steps([block(5001, 3), RuntimeError("ring is broken"), block(5001, 4), block(5002, 2)])
    made = EmbeddedProbe([source])
    engine = Engine(
        Config(CollectorConfig(listen=()), StoreConfig(path=str(tmp_path / "s"), compact=False)), meter=made
    )
    engine.start()
    try:
        wait_for(lambda: made.probe.statistics().packets == 9)
        wait_for(lambda: any("probe thread was restarted" in text for text in engine.health().warnings))
    finally:
        assert engine.stop()
    made.close()
    counts = engine.ledger.snapshot()
    assert (counts["flows.in"], counts["flows.metered"], counts["flows.stored"]) == (2, 2, 2)
    stored = [pq.ParquetFile(path).read() for path in (tmp_path / "s").glob("date=*/**/*.parquet")]
    found = sorted((row["src_port"], row["packets"]) for table in stored for row in table.to_pylist())
    assert found == [(5001, 7), (5002, 2)]


@pytest.fixture
def probe():
    """An embedded probe on the loopback interface."""
    try:
        sources = open_sources(CaptureConfig(("lo",)), SystemClock())
    except PermissionDenied:
        pytest.skip("capturing on lo needs CAP_NET_RAW")
    made = EmbeddedProbe(sources)
    yield made
    made.close()


def send(count: int) -> tuple[int, int]:
    """Datagrams from one port of the loopback address to another; returns both ports."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind(("127.0.0.1", 0))
        sender.bind(("127.0.0.1", 0))
        for _ in range(count):
            sender.sendto(b"x" * PAYLOAD, receiver.getsockname())
        return sender.getsockname()[1], receiver.getsockname()[1]


def test_flows_of_an_interface_are_seen_live_and_stored(tmp_path: Path, probe: EmbeddedProbe):
    config = Config(CollectorConfig(listen=()), StoreConfig(path=str(tmp_path / "s"), compact=False))
    engine = Engine(config, meter=probe)
    engine.start()
    try:
        source, target = send(PACKETS)
        wait_for(lambda: any(set(e.port) == {source, target} for e in probe.probe.cache().entries))
        wait_for(lambda: sum(max(e.packets) for e in probe.probe.cache().entries if source in e.port) == PACKETS)
        assert probe.probe.expire_all() >= 1
        request = LiveRequest("flows", parse_filter(f"src port {source} and dst port {target}"))
        wait_for(lambda: engine.snapshot(request).total.matched.flows == 1)
        assert flow_balance(engine.ledger.snapshot()) == 0
        second, _ = send(3)  # still in the cache when the engine stops
        wait_for(lambda: any(second in e.port for e in probe.probe.cache().entries))
    finally:
        assert engine.stop()
    counts = engine.ledger.snapshot()
    assert counts["flows.in"] == counts["flows.metered"] == counts["flows.stored"]
    assert counts["flows.in"] == probe.probe.statistics().export.records
    assert flow_balance(counts) == 0
    stored = [pq.ParquetFile(path).read() for path in (tmp_path / "s").glob("date=*/**/*.parquet")]
    assert sum(table.num_rows for table in stored) == counts["flows.in"]
    found = [row for table in stored for row in table.filter(pc.field("src_port") == source).to_pylist()]
    assert [(row["packets"], row["bytes"], row["flow_source"], row["in_if"]) for row in found] == [
        (PACKETS, PACKETS * (PAYLOAD + 28), FlowSource.PROBE, socket.if_nametoindex("lo"))
    ]
    assert sum(row["packets"] for t in stored for row in t.filter(pc.field("src_port") == second).to_pylist()) == 3
