"""A store as the probe's output: capturing never waits for a disk."""

from __future__ import annotations

import time
from pathlib import Path

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import SystemClock
from nftui.engine.counters import total
from nftui.engine.decode.decoder import Decoder
from nftui.engine.ingest.pipeline import Parts, Pipeline
from nftui.engine.ledger import Ledger
from nftui.engine.limits import DEFAULT
from nftui.engine.store.writer import StoreWriter
from nftui.engine.supervisor import Worker
from nftui.errors import PartialAnswer
from nftui.probe.outputs import BatchOutput

_SLOT_SECONDS = 300
_STOP_SECONDS = 1.3
"""A live probe ends within this, unless flows are still being written; segments are sealed at the next start."""
_PATIENCE_SECONDS = 3600.0
"""A probe that reads a file waits for the disk."""


class StoreOutput(BatchOutput):
    """Hands flows to a store behind a bounded queue and a thread of its own, as the collector does.

    Args:
        root: directory of the store.
        live: packets do not wait: where the disk is too slow for too long, the oldest flows that are not saved go,
            counted. Otherwise the reading of packets waits.

    Raises:
        StoreLocked, StoreError: it cannot be written.
    """

    def __init__(self, root: Path, live: bool) -> None:
        super().__init__(self._add, close=self._finish)
        self._root = root
        self._live = live
        self._ledger = Ledger()
        writer = StoreWriter(root, _SLOT_SECONDS, ident="probe")
        writer.open()
        parts = Parts(None, Decoder(DEFAULT), writer, ())
        self._pipeline = Pipeline(parts, self._ledger, SystemClock(), DEFAULT, _SLOT_SECONDS)
        self._worker = Worker("store", self._pipeline.store)
        self._worker.start()

    def _add(self, batch: FlowBatch) -> None:
        while not self._live and not self._pipeline.has_room() and self._worker.state().status != "failed":
            time.sleep(0.01)
        self._pipeline.add(batch)

    def _finish(self) -> None:
        seconds = _STOP_SECONDS if self._live else _PATIENCE_SECONDS
        self._worker.stopping.set()
        self._pipeline.wake()
        if self._worker.stop(seconds):
            closing = Worker("close", lambda _: self._pipeline.finish(seconds))
            closing.start()
            closing.stop(2 * seconds)
        counts = self._ledger.snapshot()
        failed = total(counts, "flows.failed") + counts.get("flows.in_memory", 0)
        if failed:
            raise PartialAnswer(f"{failed} flows could not be stored in {self._root}")
