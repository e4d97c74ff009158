"""Packets in, ended flows out: sampling, metering, expiry and the counters of a probe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nftui.errors import UsageError
from nftui.probe.flow_table import Flows, FlowTable
from nftui.probe.packets import PacketBlock
from nftui.probe.parse import Level, Note, PacketParser, ParsedPackets
from nftui.probe.statistics import ExpiredFlows, ProbeStatistics
from nftui.probe.timeouts import Timeouts

_CHUNK = 65_536
"""Packets parsed at a time: array operations are at their best, and the columns stay in the cache."""
_SLACK = 10
"""A live table may grow by one part in so many before flows are forced out: each time costs a pass over it."""
_IGNORED = Note.NON_IP | Note.BAD | Note.OWN

Sink = Callable[[Flows], None]


@dataclass(frozen=True, slots=True)
class MeterConfig:
    """How packets become flows.

    Attributes:
        level: what tells flows apart.
        timeouts: when flows end.
        max_flows: flows kept at the same time.
        sampling: meter 1 packet of so many.
        ipv6: False to treat IPv6 as not IP.
        join_fragments: give later fragments the ports of the first.
        gre, vxlan: meter what is inside of these tunnels.
    """

    level: Level = Level.FULL
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_flows: int = 8192
    sampling: int = 1
    ipv6: bool = True
    join_fragments: bool = True
    gre: bool = False
    vxlan: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.max_flows <= 1 << 24:
            raise UsageError("the number of flows must be between 1 and 16777216")
        if not 1 <= self.sampling <= 1 << 31:
            raise UsageError("the sampling rate must be at least 1")


class Meter:
    """Meters packets.

    Live, flows end by time: call `tick` about once a second. For a capture file flows end only when the table
    is full, looked at once in `max_flows` packets, exactly as softflowd does with -r.

    Args:
        config: how packets become flows.
        sink: gets the flows that ended.
        live: False for capture files.
        started_ms: UTC milliseconds.
    """

    def __init__(self, config: MeterConfig, sink: Sink, live: bool, started_ms: int) -> None:
        self.config = config
        self.parser = PacketParser(config.level, config.ipv6, config.join_fragments, config.gre, config.vxlan)
        self.table = FlowTable(config.max_flows, config.timeouts)
        self.last_ns = 0
        self._sink = sink
        self._live = live
        self._started_ms = started_ms
        self._expired = ExpiredFlows()
        self._seen = 0
        self._skip = 0
        self._packets = self._octets = self._non_sampled = 0
        self._notes = dict.fromkeys((1, 2, 4, 8, 16, 32, 64), 0)
        self._checked = 0

    # Packets

    def add(self, block: PacketBlock) -> None:
        """Meter the packets of a block."""
        for first in range(0, len(block), _CHUNK):
            chunk = block.take(slice(first, first + _CHUNK)) if len(block) > _CHUNK else block
            parsed = self.parser.parse(chunk)
            if self._live:
                self._meter(parsed, chunk)
                if len(self.table) > self.config.max_flows + self.config.max_flows // _SLACK:
                    self._force()
            else:
                self._add_offline(parsed, chunk)

    def _add_offline(self, parsed: ParsedPackets, chunk: PacketBlock) -> None:
        """Meter up to each multiple of max_flows packets, and look at the table there."""
        every = self.config.max_flows
        start = 0
        while start < len(parsed):
            stop = min(len(parsed), start + every - self._seen % every)
            part = slice(start, stop)
            whole = start == 0 and stop == len(parsed)
            self._meter(parsed if whole else parsed.take(part), chunk if whole else chunk.take(part))
            self._seen += stop - start
            start = stop
            if self._seen % every == 0:
                self._end(self.table.expire_urgent())
                self._force()

    def _meter(self, parsed: ParsedPackets, block: PacketBlock) -> None:
        rows: NDArray[np.int64] | None = None
        if self.config.sampling > 1:
            rows = self._sample(parsed)
            self._non_sampled += len(parsed) - len(rows)
        notes = parsed.notes
        if notes is not None:
            notes = notes if rows is None else notes[rows]
            for bit in self._notes:
                self._notes[bit] += int(np.count_nonzero(notes & bit))
            self._packets += int(np.count_nonzero(notes & (Note.NON_IP | Note.OWN) == 0))
            if (notes & _IGNORED).any():
                good = np.flatnonzero(notes & _IGNORED == 0)
                rows = good if rows is None else rows[good]
        else:
            self._packets += len(parsed) if rows is None else len(rows)
        if rows is not None:
            parsed, block = parsed.take(rows), block.take(rows)
        if len(parsed):
            self._octets += int(parsed.octets.sum())
            self.table.update(parsed, block)
            self.last_ns = int(block.time_ns(np.array([-1]))[0])

    def _sample(self, parsed: ParsedPackets) -> NDArray[np.int64]:
        """Every n-th packet; one that is not IP does not count, the next takes its turn, as in softflowd."""
        count = len(parsed)
        if parsed.notes is None:
            next_ip = np.arange(count + 1)
        else:
            place = np.where(parsed.notes & Note.NON_IP == 0, np.arange(count), count)
            next_ip = np.append(np.minimum.accumulate(place[::-1])[::-1], count)
        chosen = np.zeros(count, np.bool_)
        position = self._skip
        while position < count:
            turn = int(next_ip[position])
            chosen[position : turn + 1] = True
            position = turn + self.config.sampling if turn < count else count
        self._skip = position - count
        return np.flatnonzero(chosen)

    # Ends

    def tick(self, now: int) -> None:
        """End the flows whose time is over; `now` is UTC seconds. Only for live metering."""
        self._end(self.table.expire_urgent())
        every = max(1, self.config.timeouts.expint)
        if now // every != self._checked // every:
            self._end(self.table.expire_due(now))
        self._checked = now
        self._force()

    def expire_all(self) -> int:
        """End all flows; returns how many."""
        flows = self.table.expire_all()
        self._end(flows)
        return len(flows)

    def finish(self) -> None:
        """The capture is over: end all flows."""
        if not self._live and self._seen % self.config.max_flows:
            self._end(self.table.expire_urgent())
            self._force()
        self.expire_all()

    def set_timeouts(self, timeouts: Timeouts) -> None:
        """Change timeouts, also for flows in the table."""
        self.config = replace(self.config, timeouts=timeouts)
        self.table.set_timeouts(timeouts)

    def _force(self) -> None:
        flows = self.table.expire_excess()
        self._expired.forced += len(flows)
        self._end(flows)

    def _end(self, flows: Flows) -> None:
        if len(flows):
            self._expired.add(flows)
            self._sink(flows)

    def statistics(self, now_ms: int, gathering: bool = True) -> ProbeStatistics:
        """The counters at this moment, without export and capture."""
        sizes, lengths, durations = self._expired.spreads()
        return ProbeStatistics(
            started_ms=self._started_ms,
            now_ms=now_ms,
            gathering=gathering,
            active_flows=len(self.table),
            max_flows=self.config.max_flows,
            packets=self._packets,
            octets=self._octets,
            non_sampled=self._non_sampled,
            fragments=self._notes[Note.FRAGMENT],
            non_ip=self._notes[Note.NON_IP],
            too_short=self._notes[Note.BAD],
            truncated=self._notes[Note.TRUNCATED],
            bad_length=self._notes[Note.BAD_LENGTH],
            too_deep=self._notes[Note.TOO_DEEP],
            own=self._notes[Note.OWN],
            collisions=self.table.collisions,
            expired=self._expired.expired,
            forced=self._expired.forced,
            reasons=self._expired.reasons(),
            sizes=sizes,
            lengths=lengths,
            durations=durations,
            protocols=self._expired.protocols(),
        )
