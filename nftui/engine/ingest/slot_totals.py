"""Sums per slot for the status line, by time of reception as the store's files are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock
from nftui.engine.counters import Counts

_SETTLE_MS = 1000
"""Flows of a slot may still come out of the queue for this long after its end."""


@dataclass(frozen=True, slots=True)
class SlotReport:
    """What came in during one slot.

    Attributes:
        start_ms: start of the slot, UTC ms.
        flows: records.
        packets: sum as the exporters counted.
        bytes: sum as the exporters counted.
        counts: change of the program's counters since the report before.
    """

    start_ms: int
    flows: int
    packets: int
    bytes: int
    counts: Counts


class SlotTotals:
    """Adds up flows by slot and tells when a slot is over. For one thread."""

    def __init__(self, slot_seconds: int, clock: Clock) -> None:
        self._slot_ms = slot_seconds * 1000
        self._clock = clock
        self._current = self._slot(clock.now_ms())
        self._sums: dict[int, list[int]] = {}
        self._counts: Counts = {}

    def add(self, batch: FlowBatch) -> None:
        """Count the flows of a batch."""
        received = batch.columns.get("time_received_ms")
        if received is None:
            self._add(self._slot(self._clock.now_ms()), batch)
            return
        first, last = self._slot(int(received.min())), self._slot(int(received.max()))
        if first == last:
            self._add(first, batch)
            return
        slots = received - received % self._slot_ms
        for slot in np.unique(slots):
            self._add(int(slot), batch.take(slots == slot))

    def due(self) -> bool:
        """Whether the slot that was current at the last report is over."""
        return self._clock.now_ms() >= self._current + self._slot_ms + _SETTLE_MS

    def reports(self, counts: Counts, last: bool = False) -> list[SlotReport]:
        """Reports of the slots that are over, oldest first, at least one; with `last` of all.

        Args:
            counts: the program's counters now. What changed since the call before goes to the first report.
            last: the program ends.
        """
        now = self._slot(self._clock.now_ms() - _SETTLE_MS)
        over = sorted(slot for slot in self._sums if last or slot < now) or [self._current]
        change = {name: amount - self._counts.get(name, 0) for name, amount in counts.items()}
        self._counts = dict(counts)
        self._current = max(now, self._current)
        made = []
        for slot in over:
            flows, packets, octets = self._sums.pop(slot, (0, 0, 0))
            made.append(SlotReport(slot, flows, packets, octets, change))
            change = {}
        return made

    def _slot(self, time_ms: int) -> int:
        return time_ms - time_ms % self._slot_ms

    def _add(self, slot: int, batch: FlowBatch) -> None:
        sums = self._sums.setdefault(slot, [0, 0, 0])
        sums[0] += len(batch)
        for place, name in ((1, "packets"), (2, "bytes")):
            column = batch.columns.get(name)
            if column is not None:
                sums[place] += int(column.sum())
