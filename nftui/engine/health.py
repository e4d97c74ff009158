"""How the engine is doing, as plain immutable values for the strip, the control socket and `nftui ctl`."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from nftui.engine.clock import Clock
from nftui.engine.counters import Counts, total
from nftui.engine.ingest.allow import Refused
from nftui.engine.store.writer import StoreStatus
from nftui.engine.supervisor import WorkerState

RECENT_SECONDS = 60.0
_RATE_SECONDS = 3.0
_FORECAST_SECONDS = 60.0
_DAY = 86_400
SILENT_SECONDS = 10.0
"""A thread that does not come round for so long hangs: every body comes round several times a second."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What came in over the last seconds, per second."""

    datagrams: float = 0.0
    flows: float = 0.0
    bits: float = 0.0


@dataclass(frozen=True, slots=True)
class Health:
    """The engine at one moment.

    Attributes:
        now_ms: UTC.
        uptime_seconds: since the start.
        counts: counters by their dotted names, see docs/counters.md; the balances hold.
        recent: change of each counter in the last minute; what is zero is left out.
        rates: datagrams, flows and bits of export traffic per second.
        listen: addresses, as `[HOST]:PORT`.
        queue_fill: queue to the store, 0 to 1.
        queue_peak: the same at its fullest since the start.
        store_root: directory of the store, empty without one.
        store: the store's own figures, None without one.
        bytes_per_day: forecast from the last minutes, None when it is too early to say.
        days_left: free space over `bytes_per_day`, None when unknown.
        workers: threads.
        refused: senders that are not allowed, the latest first.
        warnings: what the user should know or do, in words, the worst first.
    """

    now_ms: int
    uptime_seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    recent: Mapping[str, int] = field(default_factory=dict)
    rates: Rates = Rates()
    listen: tuple[str, ...] = ()
    queue_fill: float = 0.0
    store_root: str = ""
    store: StoreStatus | None = None
    bytes_per_day: float | None = None
    days_left: float | None = None
    workers: tuple[WorkerState, ...] = ()
    refused: tuple[Refused, ...] = ()
    warnings: tuple[str, ...] = ()
    queue_peak: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    counts: Counts
    store_bytes: int


class History:
    """A minute of counters, one sample a second, from which rates and recent changes come."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self._first_bytes: tuple[float, int] | None = None
        self._samples: deque[_Sample] = deque()

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return self._clock.monotonic() - self._started

    def add(self, counts: Counts, store_bytes: int) -> None:
        """Take a sample."""
        now = self._clock.monotonic()
        if self._first_bytes is None:
            self._first_bytes = (now, store_bytes)
        self._samples.append(_Sample(now, counts, store_bytes))
        while len(self._samples) > 2 and self._samples[1].at <= now - RECENT_SECONDS:
            self._samples.popleft()

    def recent(self, counts: Counts) -> Counts:
        """Change of each counter against a minute ago, or the start."""
        young = self.uptime < RECENT_SECONDS
        before: Counts = {} if young or not self._samples else self._samples[0].counts
        return {name: amount - before.get(name, 0) for name, amount in counts.items() if amount != before.get(name, 0)}

    def rates(self, counts: Counts) -> Rates:
        """Rates between a few seconds ago and now."""
        now = self._clock.monotonic()
        old = next((s for s in reversed(self._samples) if s.at <= now - _RATE_SECONDS), None)
        if old is None:
            old = self._samples[0] if self._samples else _Sample(self._started, {}, 0)
        span = now - old.at
        if span <= 0:
            return Rates()

        def rate(name: str) -> float:
            return (counts.get(name, 0) - old.counts.get(name, 0)) / span

        return Rates(rate("datagrams.received"), rate("flows.in"), 8 * rate("bytes.received"))

    def bytes_per_day(self, store_bytes: int) -> float | None:
        """Growth of the store since the start, per day."""
        if self._first_bytes is None:
            return None
        at, before = self._first_bytes
        span = self._clock.monotonic() - at
        return (store_bytes - before) / span * _DAY if span >= _FORECAST_SECONDS else None


def store_bytes(status: StoreStatus | None) -> int:
    """Bytes that this run has added to the store."""
    return 0 if status is None else status.live_bytes + status.sealed_bytes


_ADVICE: tuple[tuple[str, str], ...] = (
    ("decoder_bug", "{n} rounds of datagrams met a fault of the decoder and were left out: please report it"),
    ("flows.failed", "{n} flows could not be stored in the last minute"),
    ("live.failed", "{n} flows are missing on the screen by a fault of the program: please report it"),
    (
        "kernel.dropped",
        "the kernel dropped {n} datagrams in the last minute: raise net.core.rmem_max",
    ),
    (
        "datagrams.dropped.oversize",
        "{n} datagrams in the last minute were too large: lower the export MTU",
    ),
    (
        "datagrams.dropped.rate_limit",
        "{n} datagrams in the last minute were above their exporter's rate, so its numbers are too low: --rate-limit",
    ),
    ("forward.failed", "{n} datagrams in the last minute did not go on: nftui ctl forward says to which collector"),
    ("connections.refused.limit", "{n} connections were refused in the last minute: exporters hold too many"),
    ("compactions.failed", "{n} compaction failed in the last minute: nftui compact by hand says why"),
    ("lake.missed", "{n} files were removed in the last minute before they were in the lake: keep the store larger"),
    ("lake.failed.damaged", "{n} damaged files were not brought to the lake in the last minute: see nftui verify"),
    ("datagrams.dropped.not_allowed", "{n} datagrams of senders that are not allowed in the last minute: see --allow"),
)
"""Counter (with its kinds) to what it means in words, the worst first."""


def warnings(
    recent: Mapping[str, int], store: StoreStatus | None, workers: tuple[WorkerState, ...], buffers: tuple[str, ...]
) -> tuple[str, ...]:
    """What is wrong now, in words, the worst first."""
    found = [f"the {w.name} thread has failed: {w.error}" for w in workers if w.status == "failed"]
    found += [
        f"the {w.name} thread has not moved for {w.silent_seconds:.0f} s"
        for w in workers
        if w.silent_seconds >= SILENT_SECONDS
    ]
    if store is not None and store.error:
        found.append(store.error)
    found += [text.format(n=amount) for name, text in _ADVICE if (amount := total(recent, name)) > 0]
    found += [f"the {w.name} thread was restarted: {w.error}" for w in workers if w.error and w.status != "failed"]
    return (*found, *buffers)
