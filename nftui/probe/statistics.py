"""What the probe has counted since its start, in softflowd's terms."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nftui.probe.flow_table import Flows, protocol_of
from nftui.probe.timeouts import Reason

SIZE_BINS = 48
"""Bins of a distribution: bin i counts values from 2^(i-1) to below 2^i, bin 0 zeros."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Minimum, average, maximum and distribution of one property of expired flows.

    Attributes:
        bins: how many flows had a value of 0, 1, 2-3, 4-7, and so on.
    """

    minimum: float = 0.0
    average: float = 0.0
    maximum: float = 0.0
    bins: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ProtocolStatistics:
    """Expired flows of one IP protocol."""

    proto: int
    flows: int
    octets: int
    packets: int
    average_life: float
    maximum_life: float


@dataclass(frozen=True, slots=True)
class CaptureStatistics:
    """One interface or file.

    Attributes:
        name: name of the interface or file.
        state: what it does, for people: `capturing`, `down`, `gone`, `reading`, `done`.
        received: packets that the kernel took for us, those that it dropped among them.
        dropped: packets that the kernel dropped because the ring was full.
        interface_dropped: packets that the interface dropped, since the probe runs.
        gaps: how often the interface went away or down.
        gap_seconds: for how long altogether.
        ring_used: share of the ring that waits to be read, 0 to 1.
    """

    name: str
    state: str
    received: int = 0
    dropped: int = 0
    interface_dropped: int = 0
    gaps: int = 0
    gap_seconds: float = 0.0
    ring_used: float = 0.0


@dataclass(frozen=True, slots=True)
class ExportStatistics:
    """What was exported.

    Attributes:
        flows: flows, each with one or two records.
        records: records in datagrams; for a store, flows appended.
        datagrams: datagrams sent, all targets together.
        failures: records that could not be sent.
    """

    flows: int = 0
    records: int = 0
    datagrams: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class ProbeStatistics:
    """Everything that the statistics screen and `nftui ctl statistics` show, at one moment.

    Attributes:
        started_ms: UTC milliseconds of the start.
        now_ms: UTC milliseconds of this snapshot.
        gathering: False while collection is stopped.
        active_flows: flows in the table.
        max_flows: flows that it may hold.
        packets: IP packets metered, those with a bad header among them.
        octets: bytes of the metered packets without link headers.
        non_sampled: packets passed over by sampling.
        fragments: packets that were fragments.
        non_ip: packets that are not IP.
        too_short: IP packets whose header is cut off or contradicts itself.
        truncated: packets metered without ports because their transport header was cut off.
        bad_length: packets metered by their frame because the length in the IP header does not fit it.
        too_deep: packets with more tags or labels than are followed.
        own: packets of our own exports, not metered.
        collisions: packets whose flow shared a hash with another; told apart, shown for completeness.
        expired: flows that ended.
        forced: flows that ended early because the table was full.
        reasons: flows by `Reason`.
        sizes, lengths, durations: octets, packets and seconds (distribution in milliseconds) of expired flows.
        protocols: per protocol, those with packets, in order of their number.
        export: what was exported.
        captures: one entry for each interface or file.
    """

    started_ms: int
    now_ms: int
    gathering: bool
    active_flows: int
    max_flows: int
    packets: int
    octets: int
    non_sampled: int
    fragments: int
    non_ip: int
    too_short: int
    truncated: int
    bad_length: int
    too_deep: int
    own: int
    collisions: int
    expired: int
    forced: int
    reasons: tuple[tuple[Reason, int], ...]
    sizes: Spread
    lengths: Spread
    durations: Spread
    protocols: tuple[ProtocolStatistics, ...]
    export: ExportStatistics = ExportStatistics()
    captures: tuple[CaptureStatistics, ...] = ()


@dataclass(slots=True)
class _Running:
    """A property of expired flows while it is counted."""

    count: int = 0
    total: float = 0.0
    low: float = 0.0
    high: float = 0.0
    bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros(SIZE_BINS, np.int64))

    def add(self, values: NDArray[np.float64], scale: float = 1.0) -> None:
        """Add values; the distribution is of `values * scale`."""
        low, high = float(values.min()), float(values.max())
        self.low = low if not self.count else min(self.low, low)
        self.high = high if not self.count else max(self.high, high)
        self.count += len(values)
        self.total += float(values.sum())
        bins = np.frexp(np.floor(values * scale))[1]
        self.bins += np.bincount(np.minimum(bins, SIZE_BINS - 1), minlength=SIZE_BINS)

    def spread(self) -> Spread:
        """The frozen form."""
        average = self.total / self.count if self.count else 0.0
        return Spread(self.low, average, self.high, tuple(self.bins.tolist()))


def _seconds(time_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Times as softflowd has them when it subtracts, so that durations are rounded as its are."""
    return np.asarray(time_ns // 1_000_000_000 + time_ns // 1000 % 1_000_000 / 1e6)


class ExpiredFlows:
    """Totals over the flows that ended."""

    def __init__(self) -> None:
        self.expired = 0
        self.forced = 0
        self._reasons = np.zeros(len(Reason), np.int64)
        self._sizes, self._lengths, self._durations = _Running(), _Running(), _Running()
        self._flows = np.zeros(256, np.int64)
        self._octets = np.zeros(256, np.int64)
        self._packets = np.zeros(256, np.int64)
        self._life = np.zeros(256)
        self._longest = np.zeros(256)

    def add(self, flows: Flows) -> None:
        """Count flows that were taken out of the table."""
        if not len(flows):
            return
        octets = flows["octets"][:, 0] + flows["octets"][:, 1]
        packets = flows["packets"][:, 0] + flows["packets"][:, 1]
        life = np.maximum(_seconds(flows["last_ns"]) - _seconds(flows["start_ns"]), 0.0)
        proto = protocol_of(flows)
        self.expired += len(flows)
        self._reasons += np.bincount(flows["reason"], minlength=len(Reason))
        self._sizes.add(octets.astype(np.float64))
        self._lengths.add(packets.astype(np.float64))
        self._durations.add(life, 1000.0)
        count = np.bincount(proto, minlength=256)
        self._flows += count
        self._life += np.bincount(proto, life, minlength=256)
        # Sums of one batch stay far below 2^53, where a float is exact.
        self._octets += np.bincount(proto, octets, minlength=256).astype(np.int64)
        self._packets += np.bincount(proto, packets, minlength=256).astype(np.int64)
        for number in np.flatnonzero(count):
            self._longest[number] = max(self._longest[number], life[proto == number].max())

    def reasons(self) -> tuple[tuple[Reason, int], ...]:
        """Flows by reason."""
        return tuple((reason, int(self._reasons[reason])) for reason in Reason)

    def spreads(self) -> tuple[Spread, Spread, Spread]:
        """Of octets, packets and seconds."""
        return self._sizes.spread(), self._lengths.spread(), self._durations.spread()

    def protocols(self) -> tuple[ProtocolStatistics, ...]:
        """Protocols that had packets."""
        return tuple(
            ProtocolStatistics(
                int(number),
                int(self._flows[number]),
                int(self._octets[number]),
                int(self._packets[number]),
                float(self._life[number] / max(1, self._flows[number])),
                float(self._longest[number]),
            )
            for number in np.flatnonzero(self._packets)
        )
