"""The way of a datagram: receive, decode, live window and store.

Two threads. `receive` waits at the sockets, decodes each round where it lies and hands the flows on; `store`
writes them. Between the two stands a queue that never blocks the first. The kernel's socket buffer is the queue in
front of `receive`: a thread of its own for decoding costs more than it gives (ADR 0005).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock
from nftui.engine.counters import Counts, add
from nftui.engine.decode.datagrams import DatagramBlock
from nftui.engine.decode.decoder import Decoder
from nftui.engine.decode.saved import Document
from nftui.engine.decode.status import ExporterStatus, RejectedDatagram
from nftui.engine.ingest.flow_filter import FlowFilter
from nftui.engine.ingest.flow_queue import FlowQueue
from nftui.engine.ingest.receiver import Arrivals, Receiver
from nftui.engine.ingest.slot_totals import SlotReport, SlotTotals
from nftui.engine.ledger import Ledger
from nftui.engine.limits import Limits
from nftui.engine.minutes import Minutes
from nftui.engine.store.writer import StoreWriter

_IDLE_SECONDS = 0.2
_DRAIN_SECONDS = 1.0
_ROOM_FILL = 0.5
_NOTED = (
    "sequence.", "kernel.", "datagrams.rejected.", "datagrams.dropped.", "records.skipped.", "sets.waiting_",
    "flows.filtered",
)  # fmt: skip
"""What a later reader of a slot wants to know about its completeness."""


class Onlooker(Protocol):
    """Sees flows as they come, in the thread that decodes."""

    def add(self, batch: FlowBatch) -> None:
        """Take flows that arrived now. Returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a pipeline connects.

    Attributes:
        receiver: None when nothing is received.
        writer: open, or None when nothing is stored.
        onlookers: who else sees each batch, such as the live window.
        on_slot: called in the store thread after each slot.
        keep: which flows are kept, None for all.
    """

    receiver: Receiver | None
    decoder: Decoder
    writer: StoreWriter | None
    onlookers: tuple[Onlooker, ...]
    on_slot: Callable[[SlotReport], None] | None = None
    keep: FlowFilter | None = None


class Pipeline:
    """Bodies of the receive and the store thread, and what they share."""

    def __init__(self, parts: Parts, ledger: Ledger, clock: Clock, limits: Limits, slot_seconds: int) -> None:
        self._parts = parts
        self._ledger = ledger
        self._clock = clock
        self._limits = limits
        self._queue = FlowQueue(limits.unsaved_flows, limits.chunk_rows)
        self._taken: deque[FlowBatch] = deque()
        self._decoding = threading.Lock()
        self._expired_at = clock.monotonic()
        self._totals = SlotTotals(slot_seconds, clock)
        self._noted: Counts = {}

    @property
    def queue_fill(self) -> float:
        """How full the queue to the store is, 0 to 1."""
        return self._queue.fill

    @property
    def queue_peak(self) -> float:
        """How full it was at its fullest, 0 to 1."""
        return self._queue.peak

    @property
    def untold(self) -> int:
        """Batches that were taken from the queue and are not with the writer yet."""
        return len(self._taken)

    def exporters(self) -> list[ExporterStatus]:
        """Exporters as the decoder knows them. Waits for the round that is being decoded."""
        with self._decoding:
            return self._parts.decoder.exporters()

    def rejected(self, address: str) -> list[RejectedDatagram]:
        """The latest datagrams that could not be decoded, of an exporter or of all. Waits as `exporters` does."""
        with self._decoding:
            return self._parts.decoder.rejected(address)

    def minutes(self, address: int) -> Minutes:
        """Figures of an exporter in the last minutes. Waits as `exporters` does."""
        with self._decoding:
            return self._parts.decoder.minutes(address)

    def templates(self) -> Document:
        """Templates of all exporters, for a later process. Waits for the round that is being decoded."""
        with self._decoding:
            return self._parts.decoder.saved()

    def receive(self, stopping: threading.Event) -> None:
        """Body of the receive thread. When asked to stop it takes what the kernel still holds."""
        receiver = self._parts.receiver
        while receiver is not None and not stopping.is_set():
            if receiver.wait(_IDLE_SECONDS):
                receiver.gather()
                self._take(receiver.receive())
            self._expire()
        if receiver is None:
            return
        receiver.shut()
        deadline = self._clock.monotonic() + _DRAIN_SECONDS
        while receiver.wait(0) and self._clock.monotonic() < deadline:
            self._take(receiver.receive())

    def store(self, stopping: threading.Event) -> None:
        """Body of the store thread. When asked to stop it hands everything to the writer."""
        while not stopping.is_set():
            self._save(self._queue.take(_IDLE_SECONDS))
        self._save(self._queue.take(0))

    def wake(self) -> None:
        """Let the store thread notice that it should stop."""
        self._queue.close()

    def finish(self, timeout: float) -> None:
        """Close the store after both threads have ended, and report the last slot.

        What was still hoped for, a late datagram or a template, does not come any more and counts as lost.
        """
        self._settle(self._clock.now_ms() + 1000 * self._limits.waiting_seconds)
        writer = self._parts.writer
        if writer is not None:
            self._note(writer)
            writer.close(timeout)
            self._ledger.commit(writer.drain_counts())
        self._report(last=True)

    def has_room(self) -> bool:
        """Whether the store keeps up, for who can make an exporter wait."""
        return self._queue.fill <= _ROOM_FILL

    def session(self, address: int, port: int, stream: bool = False) -> int:
        """Number of a transport session for blocks that are fed. For any thread."""
        with self._decoding:
            return self._parts.decoder.session(address, port, stream)

    def end(self, session: int) -> None:
        """Forget a session that has ended."""
        with self._decoding:
            decoded = self._parts.decoder.close(session)
        self._hand_on(decoded.batches, decoded.counts)

    def feed(self, block: DatagramBlock) -> None:
        """Decode a block and hand its flows on; its sessions are those of this pipeline's decoder."""
        try:
            with self._decoding:
                decoded = self._parts.decoder.decode(block)
        except Exception:
            lost = len(block.offset)
            self._ledger.commit({"datagrams.received": lost, "datagrams.dropped.internal": lost})
            raise
        self._hand_on(decoded.batches, decoded.counts)

    def add(self, batch: FlowBatch) -> None:
        """Hand on flows that need no decoding, such as those of a probe in this process. From any thread."""
        self._hand_on([batch], {"flows.metered": len(batch), "flows.in": len(batch)})

    def _take(self, arrivals: Arrivals | None) -> None:
        if arrivals is None:
            return
        with self._decoding:
            numbers = [self._parts.decoder.session(sender.address, sender.port) for sender in arrivals.senders]
        count = len(arrivals.offset)
        session = np.array(numbers, np.int64)[arrivals.sender]
        received = np.full(count, arrivals.received_ms, np.int64)
        self.feed(DatagramBlock(arrivals.data, arrivals.offset, arrivals.length, session, received))

    def _hand_on(self, batches: list[FlowBatch], counts: Counts) -> None:
        by_exporter: dict[str, Counts] = {}
        if self._parts.keep is not None:
            batches, by_exporter = self._parts.keep.keep(batches)
            for filtered in by_exporter.values():
                add(counts, filtered)
        rows = sum(map(len, batches))
        if self._parts.writer is None:
            counts["flows.failed.no_store"] = rows
        else:
            counts["flows.in_memory"] = rows
        self._ledger.commit(counts, by_exporter)
        if self._parts.writer is not None and rows:
            dropped = self._queue.put(batches)
            if dropped:
                self._ledger.commit({"flows.in_memory": -dropped, "flows.failed.queue_full": dropped})
        for onlooker in self._parts.onlookers:
            for batch in batches:
                self._show(onlooker, batch)

    def _show(self, onlooker: Onlooker, batch: FlowBatch) -> None:
        try:
            onlooker.add(batch)
        except Exception:
            # A fault of the screen's window or of the watch must cost neither reception nor the store anything.
            self._ledger.commit({"live.failed": len(batch)})

    def _expire(self) -> None:
        now = self._clock.monotonic()
        if now - self._expired_at < 1.0:
            return
        self._expired_at = now
        self._settle(self._clock.now_ms())

    def _settle(self, now_ms: int) -> None:
        with self._decoding:
            decoded = self._parts.decoder.expire(now_ms)
        self._hand_on(decoded.batches, decoded.counts)

    def _save(self, batches: list[FlowBatch]) -> None:
        writer = self._parts.writer
        if writer is not None:
            self._taken.extend(batches)  # kept over a restart of the thread
            self._note(writer)
            while self._taken:
                self._append(writer, self._taken.popleft())
                self._ledger.commit(writer.drain_counts())  # often: who waits for the end looks for progress
            writer.tick()
            self._ledger.commit(writer.drain_counts())
        self._report()

    def _append(self, writer: StoreWriter, batch: FlowBatch) -> None:
        try:
            writer.append(batch)
        except Exception:
            self._ledger.commit({"flows.in_memory": -len(batch), "flows.failed.internal": len(batch)})
            raise
        self._totals.add(batch)

    def _note(self, writer: StoreWriter) -> None:
        """Tell the writer what was lost since the last call, for the file's footer."""
        now = {name: amount for name, amount in self._ledger.snapshot().items() if name.startswith(_NOTED)}
        news = {name: amount - self._noted.get(name, 0) for name, amount in now.items()}
        self._noted = now
        if news := {name: amount for name, amount in news.items() if amount}:
            writer.note(news)

    def _report(self, last: bool = False) -> None:
        if self._parts.on_slot is not None and (last or self._totals.due()):
            for report in self._totals.reports(self._ledger.snapshot(), last):
                self._parts.on_slot(report)
