"""A probe inside of the process that keeps the flows: what `nftui --probe IFACE` meters goes straight to the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock, SystemClock
from nftui.probe.interface import CaptureSource
from nftui.probe.live import CaptureConfig, LiveProbe, open_sources
from nftui.probe.meter import MeterConfig
from nftui.probe.outputs import BatchOutput
from nftui.probe.privileges import drop_rights
from nftui.probe.probe import Probe, ProbeConfig
from nftui.probe.timeouts import Timeouts

SLICES = Timeouts(active=10, expint=1)
"""A long flow is handed on every ten seconds, so that the live window of thirty sees it while it lasts."""


class EmbeddedProbe:
    """Meters interfaces and hands the flows to the engine in the same process.

    Args:
        sources: opened interfaces, closed by `close`.
        clock: time.

    Attributes:
        probe: statistics, flow cache and commands.
    """

    def __init__(self, sources: Sequence[CaptureSource], clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        self._take: Callable[[FlowBatch], None] | None = None
        config = ProbeConfig(MeterConfig(timeouts=SLICES))
        self.probe = Probe(config, [BatchOutput(self._pass_on)], live=True, started_ms=clock.now_ms(), clock=clock)
        self._running = LiveProbe(self.probe, sources, clock)

    def run(self, stopping: threading.Event, take: Callable[[FlowBatch], None]) -> None:
        """Meter until `stopping` is set; then end and hand on the flows of the cache.

        Args:
            stopping: ends the loop within a twentieth of a second.
            take: gets the flows, in the caller's thread or in the one that gives a command.
        """
        self._take = take
        self._running.run(stopping)
        self.probe.finish()

    def close(self) -> None:
        """Close the interfaces, after `run` has ended."""
        self._running.close()

    def _pass_on(self, batch: FlowBatch) -> None:
        assert self._take is not None, "packets are metered by `run`"
        self._take(batch)


def open_probe(interfaces: Sequence[str]) -> EmbeddedProbe:
    """Open interfaces for an embedded probe and give up all rights for good; call it before there are threads.

    Raises:
        PermissionDenied: CAP_NET_RAW is missing.
        UsageError: there is no such interface.
        ListenError: an interface cannot be captured from.
    """
    clock = SystemClock()
    sources = open_sources(CaptureConfig(tuple(interfaces)), clock)
    try:
        drop_rights()
    except BaseException:
        for source in sources:
            source.close()
        raise
    return EmbeddedProbe(sources, clock)
