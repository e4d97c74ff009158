"""A probe: packets of any source in, flow records to its outputs, and the commands that control it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from nftui.engine.clock import Clock, SystemClock
from nftui.probe.bpf import Program, compile_filter, matches
from nftui.probe.cache import CacheSnapshot, cache_entries
from nftui.probe.capture_file import CaptureFile
from nftui.probe.flow_table import Flows
from nftui.probe.meter import Meter, MeterConfig
from nftui.probe.outputs import Output, total
from nftui.probe.packets import PacketBlock
from nftui.probe.records import RecordMaker
from nftui.probe.statistics import CaptureStatistics, ProbeStatistics
from nftui.probe.timeouts import Reason
from nftui.text import V4_PREFIX

LOCALHOST = V4_PREFIX | 0x7F000001
"""The exporter's address in records that are not sent over a network."""


@dataclass(frozen=True, slots=True)
class ProbeConfig:
    """What a probe does with packets.

    Attributes:
        meter: how packets become flows.
        biflow: one record for both directions.
        labels: MPLS labels in a record, at most 10.
        domain: observation domain.
    """

    meter: MeterConfig = field(default_factory=MeterConfig)
    biflow: bool = False
    labels: int = 0
    domain: int = 0


class Probe:
    """Meters packets and passes records on. Its methods may be called by any thread.

    Args:
        config: what to do.
        outputs: where records go.
        live: False for capture files, which have a time of their own.
        started_ms: UTC milliseconds at which metering began.
        clock: time.
    """

    def __init__(
        self,
        config: ProbeConfig,
        outputs: Sequence[Output],
        live: bool,
        started_ms: int,
        clock: Clock | None = None,
    ) -> None:
        self._clock: Clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._outputs = list(outputs)
        self._live = live
        self._gathering = True
        self._meter = Meter(config.meter, self._write, live, started_ms)
        self._maker = RecordMaker(
            config.meter.level,
            self._meter.parser.stacks,
            sampler=LOCALHOST,
            sampling=config.meter.sampling,
            biflow=config.biflow,
            labels=config.labels,
            domain=config.domain,
        )
        self.captures: Callable[[], tuple[CaptureStatistics, ...]] = tuple
        """Where the numbers of the interfaces come from."""
        self.owners: Callable[[CacheSnapshot], CacheSnapshot] | None = None
        """Names the local processes that own flows, if asked for."""
        self.trace: Callable[[str], None] | None = None
        """Gets a line for each group of flows that ends, while debugging is on."""

    def ignore(self, ends: Sequence[tuple[tuple[str, int], tuple[str, int]]]) -> None:
        """Leave out packets between these pairs of address and port."""
        self._meter.parser.ignore(ends)

    # Packets

    def feed(self, block: PacketBlock) -> None:
        """Meter packets; while gathering is stopped they are passed over."""
        with self._lock:
            if self._gathering:
                self._meter.add(block)

    def tick(self) -> None:
        """End flows whose time is over; call it several times a second while live."""
        with self._lock:
            self._meter.tick(self._clock.now_ms() // 1000)
            for output in self._outputs:
                output.tick()

    def finish(self, expire: bool = True) -> None:
        """End all flows, or forget them, and close the outputs."""
        with self._lock:
            if expire:
                self._meter.finish()
            for output in self._outputs:
                output.close()

    def _write(self, flows: Flows) -> None:
        now = self._clock.now_ms() if self._live else self._meter.last_ns // 1_000_000
        batch = self._maker.make(flows, now)
        if self.trace is not None:
            reasons = ", ".join(
                f"{Reason(why).name.lower()} {n}" for why, n in Counter(flows["reason"].tolist()).items()
            )
            self.trace(f"{len(flows)} flows ended ({reasons}), {len(batch)} records, {len(self._meter.table)} active")
        for output in self._outputs:
            output.write(batch, len(flows), now)

    # Answers

    @property
    def live(self) -> bool:
        """Whether packets come from an interface."""
        return self._live

    def statistics(self) -> ProbeStatistics:
        """All counters at this moment."""
        with self._lock:
            statistics = self._meter.statistics(self._clock.now_ms(), self._gathering)
            return replace(statistics, export=total(self._outputs), captures=self.captures())

    def cache(self, most: int | None = None) -> CacheSnapshot:
        """Flows in progress, next to expire first; at most so many of them."""
        with self._lock:
            flows = self._meter.table.flows()
        entries = cache_entries(flows if most is None else flows[:most])
        snapshot = CacheSnapshot(self._clock.now_ms(), len(flows), entries)
        return self.owners(snapshot) if self.owners else snapshot

    @property
    def config(self) -> MeterConfig:
        """The metering in force."""
        with self._lock:
            return self._meter.config

    # Commands

    def expire_all(self) -> int:
        """End and export all flows; returns how many."""
        with self._lock:
            self.resend_templates()
            return self._meter.expire_all()

    def delete_all(self) -> int:
        """Forget all flows without exporting them; returns how many."""
        with self._lock:
            return self._meter.table.delete_all()

    def gather(self, on: bool) -> None:
        """Go on or stop metering packets; flows in the cache go on ageing."""
        with self._lock:
            self._gathering = on

    def set_timeout(self, text: str) -> None:
        """Change a timeout by `name=time`. Raises UsageError."""
        with self._lock:
            self._meter.set_timeouts(self._meter.config.timeouts.with_setting(text))

    def resend_templates(self) -> None:
        """Put templates in front of the next records."""
        with self._lock:
            for output in self._outputs:
                output.resend_templates()


def read_capture(
    capture: CaptureFile,
    config: ProbeConfig,
    make_outputs: Callable[[int], Sequence[Output]],
    expression: str = "",
    stopping: threading.Event | None = None,
    progress: Callable[[int], None] | None = None,
) -> Probe:
    """Meter a capture file from its beginning to its end.

    Args:
        capture: the file.
        config: what to do.
        make_outputs: makes the outputs when the time of the first packet, UTC milliseconds, is known.
        expression: packet filter.
        stopping: ends reading early; what was read is exported.
        progress: told how many bytes of the file have been read.

    Returns:
        The probe, finished; its statistics are complete.
    """
    programs: dict[int, Program] = {}
    probe: Probe | None = None
    for block in capture.blocks():
        if probe is None:
            started = int(block.seconds[0]) * 1000 + int(block.nanoseconds[0]) // 1_000_000
            probe = Probe(config, make_outputs(started), live=False, started_ms=started)
        chosen = block
        if expression:
            if block.link not in programs:
                programs[block.link] = compile_filter(expression, block.link, 1 << 18)
            chosen = block.take(matches(programs[block.link], block))
        probe.feed(chosen)
        if progress is not None:
            progress(capture.position)
        if stopping is not None and stopping.is_set():
            break
    if probe is None:
        if expression:
            compile_filter(expression, capture.link, 1 << 18)
        probe = Probe(config, make_outputs(0), live=False, started_ms=0)
    probe.finish()
    return probe
