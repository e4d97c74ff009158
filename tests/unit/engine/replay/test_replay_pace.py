"""Replay: when datagrams are sent, what they hold, and what the versions cannot carry."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import numpy as np
import pytest

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.replay.replay import Replay, Speed
from nftui.engine.replay.sending import Sender

V4 = 0xFFFF << 32
START = 1_700_000_000_000
NOW = 1_800_000_000_000


def flows(received: list[int], **more: np.ndarray) -> FlowBatch:
    """Flows received at these milliseconds after START."""
    count = len(received)
    times = START + np.array(received, np.int64)
    columns = {f"{name}_hi": np.zeros(count, np.int64) for name in ("src_addr", "dst_addr", "sampler_address")}
    columns |= {f"{name}_lo": np.full(count, V4 | 0x0A000001) for name in ("src_addr", "dst_addr", "sampler_address")}
    columns |= {
        "time_received_ms": times, "time_flow_start_ms": times - 2000, "time_flow_end_ms": times - 1000,
        "flow_source": np.full(count, 9, np.uint8), "flows": np.ones(count, np.int64),
        "quality": np.zeros(count, np.uint16), "packets": np.full(count, 3), "bytes": np.full(count, 300),
        "proto": np.full(count, 6, np.uint8),
    }  # fmt: skip
    return FlowBatch(count, columns | more)


class Collector:
    """A socket on loopback; notes the clock when it is sent to."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(120)
        self.port: int = self.socket.getsockname()[1]

    def take(self, count: int) -> list[bytes]:
        return [self.socket.recv(65535) for _ in range(count)]


@pytest.fixture
def collector() -> Iterator[Collector]:
    opened = Collector()
    yield opened
    opened.socket.close()


class Waiting:
    """In place of the event that a replay waits on: moves the clock instead."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(round(seconds, 6))
        self.clock.advance(seconds)

    def is_set(self) -> bool:
        return False


def replay(collector: Collector, version: int, speed: Speed, batches: list[FlowBatch]) -> tuple[Replay, list[float]]:
    clock = ManualClock(NOW)
    sender = Sender("127.0.0.1", collector.port)
    work = Replay(version, sender, speed, clock)
    waiting = Waiting(clock)
    work._stopping = waiting  # type: ignore[assignment]
    assert work.run(batches)
    sender.close()
    return work, waiting.waits


@pytest.mark.parametrize(("factor", "wanted"), [(1.0, [0.01, 0.99, 2.0]), (10.0, [0.001, 0.099, 0.2]), (None, [])])
def test_flows_go_out_when_their_time_comes(collector: Collector, factor: float | None, wanted: list[float]) -> None:
    """Those of one tick with the last of them."""
    work, waits = replay(collector, 10, Speed(factor), [flows([0, 10]), flows([1000, 3000])])
    assert waits == wanted
    assert work.flows == 4
    assert work.sender.counts["datagrams.sent"] == len(collector.take(work.sender.counts["datagrams.sent"]))


def test_microseconds_between_datagrams(collector: Collector) -> None:
    work, waits = replay(collector, 5, Speed(None, apart_us=250), [flows(list(range(90)))])
    assert waits == [0.00025] * 3
    assert [int.from_bytes(datagram[2:4], "big") for datagram in collector.take(3)] == [30, 30, 30]
    assert work.flows == 90


def test_times_are_moved_to_now(collector: Collector) -> None:
    replay(collector, 5, Speed(None, shift=True), [flows([0, 500])])
    [datagram] = collector.take(1)
    seconds, uptime = int.from_bytes(datagram[8:12], "big"), int.from_bytes(datagram[4:8], "big")
    moment = seconds * 1000 + int.from_bytes(datagram[12:16], "big") // 1_000_000
    assert moment == NOW + 500
    first = int.from_bytes(datagram[24 + 24 : 24 + 28], "big")
    assert moment - uptime + first == NOW - 2000


def test_v5_says_what_it_cannot_carry(collector: Collector) -> None:
    high = np.array([0, 0x20010DB8 << 32, 0], np.int64)
    batch = flows(
        [0, 0, 0],
        src_addr_hi=high,
        dst_addr_hi=high,
        bytes=np.array([1 << 33, 5, 100]),
        src_as=np.array([70_000, 1, 1], np.uint32),
        sampling_rate=np.array([1, 1, 50], np.uint32),
    )
    work, _ = replay(collector, 5, Speed(None), [batch])
    [datagram] = collector.take(1)
    assert work.flows == 2
    assert work.counts == {
        "flows.not_carried.ipv6": 1, "values.saturated.bytes": 1, "values.as_trans.src_as": 1, "values.multiplied": 1,
    }  # fmt: skip
    octets = [int.from_bytes(datagram[24 + 48 * i + 20 : 24 + 48 * i + 24], "big") for i in (0, 1)]
    assert octets == [0xFFFFFFFF, 5000]
    assert int.from_bytes(datagram[24 + 40 : 24 + 42], "big") == 23456


def test_each_domain_has_its_own_sequence(collector: Collector) -> None:
    batch = flows([0, 0, 0, 0], observation_domain_id=np.array([7, 8, 7, 7], np.uint32))
    work, _ = replay(collector, 10, Speed(None), [batch, batch])
    messages = collector.take(work.sender.counts["datagrams.sent"])
    found = [(int.from_bytes(m[12:16], "big"), int.from_bytes(m[8:12], "big")) for m in messages]
    data = [entry for entry, m in zip(found, messages, strict=True) if m[16:18] >= b"\x01\x00"]
    assert data == [(7, 0), (8, 0), (7, 3), (8, 1)]


def test_nobody_listens(collector: Collector) -> None:
    port = collector.port
    collector.socket.close()
    sender = Sender("127.0.0.1", port)
    for _ in range(3):
        sender.send(memoryview(b"x"))
    sender.close()
    assert sender.counts["datagrams.refused"] >= 1
    assert sender.counts["datagrams.sent"] == 3
