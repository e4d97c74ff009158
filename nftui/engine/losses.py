"""Where an exporter's flows were lost, minute by minute: on its way, in the kernel, or by its own hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nftui.engine.counters import Counts, total
from nftui.engine.minutes import MinuteRing, Minutes

PROGRAM_FIGURES = {
    "datagrams": "datagrams.received", "kernel": "kernel.dropped", "oversize": "datagrams.dropped.oversize",
    "over rate": "datagrams.dropped.rate_limit", "failed": "flows.failed",
}  # fmt: skip
"""Figures of the whole collector, and the counter of each with its kinds.

The kernel drops before anybody knows the sender: its figure is of all exporters together.
"""


@dataclass(frozen=True, slots=True)
class Losses:
    """The last minutes of an exporter beside those of the collector.

    Attributes:
        exporter: `nftui.engine.decode.decoder.FIGURES`.
        collector: `PROGRAM_FIGURES`.
    """

    exporter: Minutes
    collector: Minutes


class CollectorMinutes:
    """The collector's own figures per minute.

    Args:
        minutes: how many are kept.
    """

    def __init__(self, minutes: int) -> None:
        self._ring = MinuteRing(tuple(PROGRAM_FIGURES), minutes)

    def turn(self, now_ms: int, counts: Counts) -> None:
        """Look at the counters; to be called every second or so."""
        if self._ring.is_due(now_ms):
            self._ring.turn(now_ms, _column(counts))

    def now(self, counts: Counts) -> Minutes:
        """The minutes so far."""
        return self._ring.of([0], _column(counts))


def _column(counts: Counts) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return np.array([[total(counts, name)] for name in PROGRAM_FIGURES.values()], np.int64)
