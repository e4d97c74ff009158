"""sFlow: datagrams of version 5 to flow batches, one flow for each sampled packet.

A flow has the octets of its frame and one packet; the sampling rate is beside them in its own column, and the time is
that of reception, since a sample has none. What `nftui.engine.decode.sflow_walk` finds is read by structure: all
samples of a block together, all records of one format together, without a step for each sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from nftui.engine.batch import FlowBatch, Mask
from nftui.engine.counters import Counts
from nftui.engine.decode.datagrams import SPARE_BYTES, Ints, Wire, distinct
from nftui.engine.decode.interfaces import GENERIC, GENERIC_BYTES, PORT_NAME
from nftui.engine.decode.options import Options
from nftui.engine.decode.rejected import RejectedDatagrams
from nftui.engine.decode.sessions import Domains, Sessions
from nftui.engine.decode.sflow_flows import Datagrams, FlowReader
from nftui.engine.decode.sflow_samples import (
    DISCARDED,
    FlowSamples,
    head_bytes,
    read_counter_samples,
    read_flow_samples,
)  # fmt: skip
from nftui.engine.decode.sflow_state import COUNTERS, DISCARDS, FLOWS, AgentState
from nftui.engine.decode.sflow_walk import FIRST_WORD, HEADER_BYTES, Headers, Items, in_order, read_headers, walk
from nftui.engine.decode.status import ExporterStatus
from nftui.engine.decode.tally import Tally
from nftui.engine.limits import Limits
from nftui.engine.schema import FlowSource
from nftui.text import V4_PREFIX

VERSION = int(FlowSource.SFLOW)
"""Number that stands for sFlow among export versions: its own 5 is that of NetFlow v5."""

__all__ = ["HEADER_BYTES", "VERSION", "SflowDecoder", "recognise"]
_FEW = 64
"""Datagrams below which it does not matter where they lie."""


class SflowDecoder:
    """Decodes sFlow and remembers agents, sources and interfaces.

    Args:
        limits: bounds.
        sessions: transport sessions.
        domains: gets the sub-agents.
        options: for configured sampling rates, and where changes of rates are noted.
        rejected: gets datagrams with a broken header.
    """

    def __init__(
        self, limits: Limits, sessions: Sessions, domains: Domains, options: Options, rejected: RejectedDatagrams
    ) -> None:
        self._limits = limits
        self._sessions = sessions
        self._domains = domains
        self._rejected = rejected
        self._flows = FlowReader(limits, sessions, options)
        self.state = AgentState(limits, options.rate_changes)

    def decode(
        self, wire: Wire, offset: Ints, length: Ints, received_ms: Ints, slots: Ints, ranks: Ints, tally: Tally
    ) -> list[FlowBatch]:
        """Decode datagrams that are long enough for the shortest header.

        Args:
            wire: the arena.
            offset: start of each datagram.
            length: its bytes.
            received_ms: reception.
            slots: session slot.
            ranks: exporter in the tally.
            tally: gets the counts.
        """
        wire, offset = _together(wire, offset, length)
        headers = read_headers(wire, offset, length)
        good = headers.agent_bytes > 0
        if not good.all():
            tally.many("datagrams.rejected.header", ranks[~good])
            bad = (part[~good] for part in (offset, length, received_ms, slots))
            self._rejected.take("datagrams.rejected.header", wire, *bad)
            keep = np.flatnonzero(good)
            if not len(keep):
                return []
            offset, length, received_ms, slots, ranks = (
                part[keep] for part in (offset, length, received_ms, slots, ranks)
            )
            headers = headers.take(keep)
        tally.many("datagrams.decoded", ranks)
        datagrams = self._datagrams(wire, headers, offset + length, received_ms, slots, ranks)
        self.state.follow_datagrams(datagrams.agent, headers.sequence, received_ms, ranks, tally)
        items = in_order(walk(wire, headers.begin, datagrams.end, headers.samples))
        found = np.bincount(items.owner, minlength=len(ranks))
        tally.many("datagrams.count_mismatch", ranks[found < headers.samples])
        last = np.flatnonzero(found)
        rest = last[items.end[np.cumsum(found)[last] - 1] < datagrams.end[last]]
        tally.many("datagrams.trailing", ranks[rest])
        tally.many("samples.cut", ranks[items.owner[items.cut]])
        tally.many("records.seen", ranks, found)
        batches = self._decode_samples(datagrams, items, tally)
        if batches:
            self._sessions.blocks[distinct(slots)[0]] += 1
        return batches

    def _datagrams(
        self, wire: Wire, headers: Headers, end: Ints, received_ms: Ints, slots: Ints, ranks: Ints
    ) -> Datagrams:
        v4 = headers.agent_bytes == 4
        if v4.all():
            high = np.zeros(len(v4), np.int64)
            low = wire.u4[headers.agent].astype(np.int64) | V4_PREFIX
        else:
            high = np.where(v4, 0, wire.u8[headers.agent].astype(np.uint64).view(np.int64))
            wide = wire.u8[headers.agent + 8].astype(np.uint64).view(np.int64)
            low = np.where(v4, wire.u4[headers.agent].astype(np.int64) | V4_PREFIX, wide)
        agent = self.state.find_agents(slots, high, low, headers.sub_agent)
        relayed = (self._sessions.address_hi[slots] != high) | (self._sessions.address_lo[slots] != low)
        domain = self._domains.find(slots, VERSION, headers.sub_agent)
        self._domains.last_ms[domain] = self._domains.export_ms[domain] = received_ms
        self._domains.uptime[domain] = headers.uptime
        self._domains.flows[domain] += headers.samples > 0
        return Datagrams(wire, headers, end, received_ms, slots, ranks, agent, relayed)

    def _decode_samples(self, datagrams: Datagrams, items: Items, tally: Tally) -> list[FlowBatch]:
        flow, counter = head_bytes(items)
        ranks = datagrams.ranks[items.owner]
        unknown = (flow == 0) & (counter == 0)
        short = ~unknown & (items.end - items.start < flow + counter)
        if unknown.any() or short.any():
            tally.many("records.skipped.sample_format", ranks[unknown])
            tally.many("records.skipped.short_sample", ranks[short])
            flow[short] = counter[short] = 0
        is_counter = counter > 0
        if is_counter.any():
            self._read_counters(datagrams, items.take(is_counter), counter[is_counter], tally)
        is_flow = flow > 0
        if not is_flow.any():
            return []
        if not is_flow.all():
            items, flow = items.take(is_flow), flow[is_flow]
        samples = read_flow_samples(datagrams.wire, items, flow)
        self._follow_samples(datagrams, samples, tally)
        batch = self._flows.read(datagrams, samples, items.cut, tally)
        return [batch] if len(batch) else []

    def _follow_samples(self, datagrams: Datagrams, samples: FlowSamples, tally: Tally) -> None:
        agents = datagrams.agent[samples.datagram]
        discarded = samples.format == DISCARDED
        parts: list[tuple[Mask | slice, int]] = [(slice(None), FLOWS)]
        if discarded.any():
            parts = [(~discarded, FLOWS), (discarded, DISCARDS)]
        for rows, kind in parts:
            part = agents[rows]
            if len(part):
                at = samples.datagram[rows]
                slots = self.state.find_sources(part, kind, samples.source[rows])
                rates = samples.rate[rows] if kind == FLOWS else None
                self.state.follow_samples(
                    slots, samples.sequence[rows], samples.drops[rows], rates, datagrams.received_ms[at],
                    datagrams.ranks[at], tally,
                )  # fmt: skip

    def _read_counters(self, datagrams: Datagrams, items: Items, head: Ints, tally: Tally) -> None:
        wire = datagrams.wire
        samples = read_counter_samples(wire, items, head)
        ranks = datagrams.ranks[samples.datagram]
        tally.many("records.options", ranks)
        tally.many("samples.counters", ranks)
        agents = datagrams.agent[samples.datagram]
        received_ms = datagrams.received_ms[samples.datagram]
        slots = self.state.find_sources(agents, COUNTERS, samples.source)
        self.state.follow_samples(slots, samples.sequence, None, None, received_ms, ranks, tally)
        records = walk(wire, samples.begin, samples.end, samples.records)
        tally.many("samples.broken", ranks[records.owner[records.cut]])
        size = records.end - records.start
        traced = agents[records.owner] >= 0
        generic = traced & (records.format == GENERIC) & (size >= GENERIC_BYTES)
        named = traced & (records.format == PORT_NAME) & (size >= 4) & ~records.cut
        tally.many("samples.counter_records_skipped", ranks[records.owner[~generic & ~named]])
        for place in np.flatnonzero(named).tolist():
            owner, start = int(records.owner[place]), int(records.start[place])
            length = min(int(wire.u4[start]), int(records.end[place]) - start - 4)
            raw = wire.data[start + 4 : start + 4 + length].tobytes()
            self.state.interfaces.name(int(agents[owner]), int(samples.source[owner]), raw)
        if generic.any():
            owner = records.owner[generic]
            at = samples.datagram[owner]
            refused = self.state.interfaces.learn(
                wire, records.start[generic], agents[owner], datagrams.headers.uptime[at], received_ms[owner]
            )
            tally.many("interfaces.refused", ranks[owner[refused]])

    def expire(self) -> Iterator[tuple[int, str, int]]:
        """Count what did not come, and make room; session slot, counter and amount. To be called every second or so."""
        yield from self.state.settle()
        yield from self.state.make_room()

    def forget_session(self, slot: int) -> Counts:
        """Forget the agents of a session; what its open gaps hold is lost."""
        lost = self.state.forget_session(slot)
        return {"sequence.lost": lost} if lost else {}

    def describe(self, slot: int, status: ExporterStatus) -> ExporterStatus:
        """The status of a session with what its agents told."""
        sampling, interfaces = self.state.sampling_of(slot), self.state.interfaces_of(slot)
        if not sampling and not interfaces:
            return status
        return replace(status, sampling=status.sampling + sampling, interfaces=interfaces)


def _together(wire: Wire, offset: Ints, length: Ints) -> tuple[Wire, Ints]:
    """The datagrams next to each other, where they are spread over an arena and of like size.

    Samples are read several times, each in another order: that is faster where they lie in few pages.
    """
    size = int(length.max())
    count = len(offset)
    spread = int(offset.max()) - int(offset.min())
    if count < _FEW or spread < 2 * size * count or size * count > 2 * int(length.sum()):
        return wire, offset
    if int(offset.max()) + size > len(wire.data):
        return wire, offset
    data = np.empty(size * count + SPARE_BYTES, np.uint8)
    data[: size * count] = wire.images(offset, size).view(np.uint8)
    data[size * count :] = 0
    return Wire(data), np.arange(count) * size


def recognise(wire: Wire, offset: Ints, length: Ints) -> Mask:
    """Which datagrams are sFlow: their first 32 bits are 5, and no NetFlow begins with 16 zero bits."""
    zero: Mask = wire.u2[offset] == 0
    if not zero.any():
        return zero
    found: Mask = zero & (length >= 4) & (wire.u4[offset] == FIRST_WORD)
    return found
