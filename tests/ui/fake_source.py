"""A source with fixed data: the real live window over flows from a seeded generator, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from fake_past import FakePast

from nftui.engine.batch import ExtraColumn, FlowBatch, TextColumn
from nftui.engine.clock import ManualClock
from nftui.engine.counters import Counts
from nftui.engine.decode.status import ExporterStatus, RejectedDatagram, SamplingStatus, TemplateStatus
from nftui.engine.health import Health, Rates
from nftui.engine.ingest.allow import Refused
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.engine.live.window import LiveWindow
from nftui.engine.losses import Losses
from nftui.engine.minutes import Minutes
from nftui.engine.store.writer import StoreStatus
from nftui.engine.watch.finding import Finding, WatchState
from nftui.screens.source import PlaybackControl, ProbeControl

V4 = 0xFFFF << 32
HOSTILE = "\x1b]0;PWNED\x07\x1b[2J\x9b31m[red]evil[/red]\u202e"


def flows(seed: int, count: int, now_ms: int, hosts: int = 40, scale: float = 1.0) -> FlowBatch:
    """Flows between a few busy and many quiet hosts; one in twenty is IPv6."""
    random = np.random.default_rng(seed)
    inside = np.minimum(random.zipf(1.6, count), hosts)
    outside = np.minimum(random.zipf(1.4, count), 4 * hosts)
    src_lo = (V4 | (10 << 24) | (1 << 8)) + inside
    dst_lo = (V4 | (198 << 24) | (51 << 16) | (100 << 8)) + outside
    src_hi = np.zeros(count, np.int64)
    v6 = random.random(count) < 0.05
    src_hi[v6] = 0x20010DB8 << 32
    src_lo[v6] = inside[v6]
    proto = random.choice(np.array([6, 17, 1, 47], np.uint8), count, p=[0.72, 0.22, 0.04, 0.02])
    ports = np.array([443, 80, 53, 22, 123, 3389, 8080, 25], np.uint16)
    dst_port = random.choice(ports, count, p=[0.45, 0.15, 0.2, 0.05, 0.05, 0.03, 0.05, 0.02])
    packets = random.geometric(0.05, count)
    size = random.integers(60, 1400, count)
    flags = np.where(proto == 6, random.choice(np.array([0x1B, 0x1A, 0x02, 0x12]), count), 0)
    columns = {
        "time_received_ms": np.full(count, now_ms),
        "time_flow_start_ms": now_ms - random.integers(100, 60_000, count),
        "time_flow_end_ms": np.full(count, now_ms - 50),
        "sampler_address_hi": np.zeros(count, np.int64),
        "sampler_address_lo": np.full(count, V4 | 0xC0000201) + random.integers(0, 3, count),
        "observation_domain_id": np.zeros(count, np.uint32),
        "flow_source": np.full(count, 9, np.uint8),
        "src_addr_hi": src_hi, "src_addr_lo": src_lo, "dst_addr_hi": np.zeros(count, np.int64), "dst_addr_lo": dst_lo,
        "src_port": random.integers(1024, 65535, count).astype(np.uint16), "dst_port": dst_port, "proto": proto,
        "tcp_flags": flags.astype(np.uint16), "ip_tos": np.zeros(count, np.uint8),
        "bytes": (packets * size * scale).astype(np.int64), "packets": packets.astype(np.int64),
        "flows": np.ones(count, np.int64), "sampling_rate": np.full(count, 100, np.uint32),
        "in_if": random.integers(1, 5, count).astype(np.uint32),
        "out_if": random.integers(1, 5, count).astype(np.uint32),
        "src_as": np.full(count, 64500, np.uint32), "dst_as": (64501 + outside % 9).astype(np.uint32),
        "quality": np.zeros(count, np.uint16),
    }  # fmt: skip
    batch = FlowBatch(count, columns)
    batch.text["application_name"] = TextColumn(np.zeros(count, np.int32), ["web"])
    runs = b"".join(
        (9).to_bytes(4, "big") + (12235).to_bytes(2, "big") + (4).to_bytes(2, "big") + b"GET " for _ in range(count)
    )
    batch.extra = ExtraColumn(np.arange(count + 1, dtype=np.int64) * 12, np.frombuffer(runs, np.uint8))
    return batch


class FakeSource:
    """Answers like the engine; `advance` lets a second of traffic come in.

    Args:
        seconds: seconds of traffic before the start.
        rate: flows per second.
        empty: nothing arrives.
        error: raised by `start`.
    """

    label = "LIVE"
    probe: ProbeControl | None = None
    playback: PlaybackControl | None = None

    def __init__(self, seconds: int = 40, rate: int = 400, empty: bool = False, error: Exception | None = None) -> None:
        self.clock = ManualClock(1_790_000_000_000)
        self.window = LiveWindow(self.clock)
        self.stored: FakePast | None = FakePast()
        self.rate = rate
        self.counts: Counts = {"datagrams.received": 0, "flows.in": 0}
        self.recent: Counts = {}
        self.warnings: tuple[str, ...] = ()
        self.strangers: list[Refused] = []
        self.watched = WatchState()
        self.muted: tuple[Finding, ...] = ()
        self.allowed: list[str] = []
        self.requests: list[LiveRequest] = []
        self.closed = False
        self._error = error
        self._second = 0
        if not empty:
            for _ in range(seconds):
                self.advance()

    def advance(self) -> None:
        """A second passes and its flows arrive."""
        self._second += 1
        self.clock.advance(1)
        wave = 1 + 0.5 * np.sin(self._second / 12)
        batch = flows(self._second, max(1, int(self.rate * wave)), self.clock.now_ms())
        self.add(batch)

    def add(self, batch: FlowBatch) -> None:
        """Flows arrive now."""
        self.window.add(batch)
        if self.stored is not None:
            self.stored.batches.append(batch)
        self.counts["flows.in"] += len(batch)
        self.counts["datagrams.received"] += 1 + len(batch) // 30

    def start(self) -> None:
        if self._error:
            raise self._error

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        self.requests.append(request)
        return self.window.snapshot(request)

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        return self.window.flow(key)

    def health(self) -> Health:
        return Health(
            self.clock.now_ms(), 290.0, dict(self.counts), dict(self.recent), Rates(self.rate / 30, self.rate, 5e5),
            ("[::]:2055",), 0.02, "/var/lib/nftui", StoreStatus(0, 90_000, 4 << 20, 0, 1, 0, 0, 0, 231 << 30, -1, None),
            refused=tuple(self.strangers), warnings=self.warnings,
        )  # fmt: skip

    def exporters(self) -> Sequence[ExporterStatus]:
        now = self.clock.now_ms()
        templates = tuple(TemplateStatus(9, 0, 256 + i, 21 + i, i == 3, now - 60_000, now) for i in range(4))
        rates = (SamplingStatus(0, 1, 100, "options"),)
        counts = {"datagrams.received": 900, "datagrams.decoded": 900, "flows.in": 27_000, "sequence.lost": 0}
        return [
            ExporterStatus(f"192.0.2.{i}", 40_000 + i, (9,), ((9, 0),), templates, 0, rates, now, 12 * i, counts)
            for i in range(1, 4)
        ]

    def refused(self) -> Sequence[Refused]:
        return list(self.strangers)

    def watch(self) -> WatchState:
        return self.watched

    def mute(self, identity: tuple[str, str, str]) -> bool:
        left = tuple(found for found in self.watched.findings if found.identity != identity)
        self.muted += tuple(found for found in self.watched.findings if found.identity == identity)
        self.watched = replace(self.watched, findings=left)
        return True

    def tell_all(self) -> int:
        count, again = len(self.muted), self.muted
        self.watched = replace(self.watched, findings=(*self.watched.findings, *again))
        self.muted = ()
        return count

    def past(self) -> FakePast | None:
        return self.stored

    @property
    def collector(self) -> FakeSource:
        return self

    def losses(self, address: str) -> Losses:
        return Losses(Minutes(), Minutes())

    def rejected(self, address: str = "") -> Sequence[RejectedDatagram]:
        return []

    def refuse(self, text: str) -> None:
        self.strangers = [*self.strangers, Refused(text, 0, self.clock.now_ms())]

    def settings(self) -> dict[str, str]:
        return {}

    def allow(self, text: str) -> None:
        self.allowed.append(text)
        self.strangers = [sender for sender in self.strangers if sender.address != text]

    def stop(self) -> bool:
        self.closed = True
        return True
