"""Flows in the order of a time, encoded and sent when their time has come.

A tick of flow time is encoded together and sent as soon as the clock has reached it, divided by the speed. Flows of
one observation domain go by one encoder: one sequence of datagrams, one set of templates.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock
from nftui.engine.counters import Counts, add
from nftui.engine.encode.datagrams import Datagrams
from nftui.engine.encode.ipfix import IpfixEncoder
from nftui.engine.encode.netflow5 import NetFlow5Encoder
from nftui.engine.encode.netflow9 import NetFlow9Encoder
from nftui.engine.query.mask import scaled_batch
from nftui.engine.replay.sending import Sender
from nftui.engine.schema import FIELDS, Show

Encoder = NetFlow5Encoder | NetFlow9Encoder | IpfixEncoder

VERSIONS = {5: "NetFlow v5", 9: "NetFlow v9", 10: "IPFIX"}
_TIMES = tuple(name for name, item in FIELDS.items() if item.show is Show.TIME)
_TICK_MS = 50
"""How often flows are sent, in time as the collector sees it."""
_MOST_ENCODERS = 1024
_UPTIME_MS = 86_400_000
"""How long the exporter has been up when the first flow is sent: flow times of v5 and v9 count from its start."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast.

    Attributes:
        factor: times as fast as the flows were; None for as fast as possible.
        apart_us: microseconds between two datagrams.
        by: field of the time that flows are sent at.
        shift: add to all times what makes the first flow one of now.
    """

    factor: float | None = 1.0
    apart_us: int = 0
    by: str = "time_received_ms"
    shift: bool = False


@dataclass(slots=True)
class Replay:
    """Sends flows.

    Attributes:
        version: 5, 9 or 10 for IPFIX.
        sender: where to.
        speed: how fast.
        clock: time, injectable.
        flows: sent so far.
        counts: what the version could not carry as it was, see `nftui.engine.encode.records`; `values.multiplied`
            counts flows whose counters were multiplied by their sampling rate, for v5 has one rate per exporter.
    """

    version: int
    sender: Sender
    speed: Speed
    clock: Clock
    flows: int = 0
    counts: Counts = field(default_factory=dict)
    _encoders: dict[int, Encoder] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _begin: tuple[int, float] | None = None
    _shift_ms: int = 0

    def stop(self) -> None:
        """End soon. From any thread or signal handler."""
        self._stopping.set()

    def run(self, batches: Iterable[FlowBatch]) -> bool:
        """Send all flows; False when `stop` ended it.

        Args:
            batches: flows in the order of the speed's time.

        Raises:
            ListenError: the network does not take them.
        """
        for batch in batches:
            for tick in self._ticks(batch):
                if not self._wait(tick) or not self._send(tick):
                    return False
        return True

    def _ticks(self, batch: FlowBatch) -> Iterator[FlowBatch]:
        """Flows that are sent at the same time."""
        times = batch.columns[self.speed.by]
        if self._begin is None:
            first = int(times[0])
            self._shift_ms = self.clock.now_ms() - first if self.speed.shift else 0
            self._begin = (first, self.clock.monotonic())
        if self.speed.factor is None:
            yield self._shifted(batch)
            return
        length = max(1, int(_TICK_MS * self.speed.factor))
        edges = np.flatnonzero(np.diff(times // length)) + 1
        start = 0
        for stop in (*edges.tolist(), len(batch)):
            yield self._shifted(batch.slice(start, stop))
            start = stop

    def _shifted(self, batch: FlowBatch) -> FlowBatch:
        if not self._shift_ms:
            return batch
        columns = {
            name: values + self._shift_ms if name in _TIMES else values for name, values in batch.columns.items()
        }
        return FlowBatch(batch.length, columns, batch.valid, batch.text, batch.extra)

    def _wait(self, tick: FlowBatch) -> bool:
        if self.speed.factor is not None and self._begin is not None:
            first, began = self._begin
            passed_ms = int(tick.columns[self.speed.by][-1]) - self._shift_ms - first
            self._stopping.wait(max(0.0, began + passed_ms / 1000 / self.speed.factor - self.clock.monotonic()))
        return not self._stopping.is_set()

    def _send(self, tick: FlowBatch) -> bool:
        export_ms = int(tick.columns[self.speed.by][-1])
        if self.version == 5:
            tick = self._multiplied(tick)
        streams = self._streams(tick)
        for stream in np.unique(streams).tolist():
            flows = tick if (streams == stream).all() else tick.take(streams == stream)
            datagrams = self._encoder(stream, export_ms).encode(flows, export_ms)
            add(self.counts, datagrams.counts)
            if not self._send_all(datagrams):
                return False
        return True

    def _send_all(self, datagrams: Datagrams) -> bool:
        for datagram, flows in zip(datagrams, datagrams.flows.tolist(), strict=True):
            if self._stopping.is_set():
                return False
            self.sender.send(datagram)
            self.flows += flows
            if self.speed.apart_us:
                self._stopping.wait(self.speed.apart_us / 1e6)
        return True

    def _multiplied(self, batch: FlowBatch) -> FlowBatch:
        if not batch.has("sampling_rate"):
            return batch
        rates = batch.or_zero("sampling_rate")
        sampled = int(np.count_nonzero(rates > 1))
        if sampled:
            add(self.counts, {"values.multiplied": sampled})
        return scaled_batch(batch)

    def _streams(self, batch: FlowBatch) -> NDArray[np.int64]:
        """Number of each flow's encoder: the observation domain; engine type and id for v5."""
        if self.version == 5:
            streams = batch.or_zero("engine_type") << 8 | batch.or_zero("engine_id")
        else:
            streams = batch.or_zero("observation_domain_id")
        for stream in np.unique(streams).tolist():
            if stream not in self._encoders and len(self._encoders) >= _MOST_ENCODERS:
                merged = streams == stream
                add(self.counts, {"domains.merged": int(np.count_nonzero(merged))})
                streams = np.where(merged, next(iter(self._encoders)), streams)
        return streams

    def _encoder(self, stream: int, export_ms: int) -> Encoder:
        if stream not in self._encoders:
            boot_ms = export_ms - _UPTIME_MS
            if self.version == 5:
                self._encoders[stream] = NetFlow5Encoder(
                    boot_ms=boot_ms, engine_type=stream >> 8 & 0xFF, engine_id=stream & 0xFF
                )
            elif self.version == 9:
                self._encoders[stream] = NetFlow9Encoder(stream, boot_ms=boot_ms)
            else:
                self._encoders[stream] = IpfixEncoder(stream, provenance=True)
        return self._encoders[stream]
