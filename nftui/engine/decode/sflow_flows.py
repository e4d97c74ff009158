"""Flow samples to a flow batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import ExtraColumn, FlowBatch, Mask
from nftui.engine.decode import sflow_extra
from nftui.engine.decode.datagrams import Ints, Wire, distinct
from nftui.engine.decode.options import Options
from nftui.engine.decode.rows import spread
from nftui.engine.decode.sessions import Sessions
from nftui.engine.decode.sflow_columns import Columns
from nftui.engine.decode.sflow_packets import HEAD_BYTES, read_packets
from nftui.engine.decode.sflow_records import ETHERNET, IPV4, IPV6, RAW_HEADER, READERS, Places
from nftui.engine.decode.sflow_samples import DISCARDED, INDEX, FlowSamples
from nftui.engine.decode.sflow_walk import Headers, Items, walk
from nftui.engine.decode.tally import Tally
from nftui.engine.decode.texts import code_texts
from nftui.engine.limits import Limits
from nftui.engine.schema import FlowSource, Quality

_PACKETS = {RAW_HEADER: HEAD_BYTES, ETHERNET: READERS[ETHERNET][0], IPV4: READERS[IPV4][0], IPV6: READERS[IPV6][0]}
"""Records that say what the packet was, and their smallest size."""
_DROPPED = 128
_FORWARDING = {0: 131, 1: 131, 257: 137, 258: 130, 260: 139, 261: 138, 262: 133}
"""Reason of a discarded packet ("sFlow Version 5" section 5) to forwarding status (RFC 7270); others are 128."""


@dataclass(slots=True)
class Datagrams:
    """n datagrams with their headers.

    Attributes:
        wire: their arena.
        headers: their headers.
        end: their ends.
        received_ms: reception.
        session: session slot.
        ranks: exporter in the tally.
        agent: agent slot, -1 for agents without one.
        relayed: whether the agent's address is another one than the datagram's source.
    """

    wire: Wire
    headers: Headers
    end: Ints
    received_ms: Ints
    session: Ints
    ranks: Ints
    agent: Ints
    relayed: Mask


class FlowReader:
    """Makes flow batches of flow samples.

    Args:
        limits: bounds.
        sessions: for the exporter's address.
        options: for configured sampling rates.
    """

    def __init__(self, limits: Limits, sessions: Sessions, options: Options) -> None:
        self._limits = limits
        self._sessions = sessions
        self._options = options

    def read(self, datagrams: Datagrams, samples: FlowSamples, cut: Mask, tally: Tally) -> FlowBatch:
        """Flow batch of the samples, each a flow unless nothing of its packet can be read.

        Args:
            datagrams: what they lie in.
            samples: their heads.
            cut: which of them run out of their datagram.
            tally: gets the counts.
        """
        wire = datagrams.wire
        records = walk(wire, samples.begin, samples.end, samples.records)
        if cut.any() or records.cut.any():
            samples, records = _drop_broken(datagrams, samples, records, cut, tally)
        columns = Columns(len(samples))
        kept = self._read_records(datagrams, samples, records, columns, tally)
        quality = np.zeros(len(samples), np.uint16)
        self._put_sample(datagrams, samples, columns, quality)
        columns.put("quality", None, quality)
        ranks = datagrams.ranks[samples.datagram]
        tally.many("records.flows", ranks)
        discarded = samples.format == DISCARDED
        if discarded.any():
            tally.many("samples.discards", ranks[discarded])
        batch = columns.batch()
        for name, (positions, lengths, valid) in columns.texts.items():
            long = valid & (lengths > self._limits.text_bytes)
            tally.many("text.cut", ranks[long])
            batch.text[name] = code_texts(wire, positions, lengths, valid, self._limits.text_bytes)
        batch.extra = self._extra(datagrams, samples, records, kept, tally)
        return batch

    def _read_records(
        self, datagrams: Datagrams, samples: FlowSamples, records: Items, columns: Columns, tally: Tally
    ) -> Mask:
        """Fill the columns; returns which records go to `extra`."""
        wire, count = datagrams.wire, len(samples)
        size = records.end - records.start
        kept = np.ones(len(records), np.bool_)
        for number in (RAW_HEADER, *READERS):
            mine = records.format == number
            if not mine.any():
                continue
            smallest, reader = READERS.get(number, (HEAD_BYTES, None))
            short = mine & (size < smallest)
            if short.any():
                tally.many("samples.short_record", datagrams.ranks[samples.datagram[records.owner[short]]])
                mine &= ~short
            places = np.flatnonzero(mine)
            owner, start, end = records.owner[places], records.start[places], records.end[places]
            rows = None if len(owner) == count and _is_ramp(owner) else owner
            if reader is None:
                read_packets(wire, start, end, rows, columns)
                kept[places] = False
            elif len(places):
                keep = reader(Places(wire, start, end, rows), columns)
                kept[places] = False if keep is None else keep
        return kept

    def _put_sample(
        self,
        datagrams: Datagrams,
        samples: FlowSamples,
        columns: Columns,
        quality: NDArray[np.uint16],
    ) -> None:
        at, count = samples.datagram, len(samples)
        received = spread(datagrams.received_ms, at)
        for name in ("time_received_ms", "time_flow_start_ms", "time_flow_end_ms"):
            columns.put(name, None, received)
        high, low = self._sessions.address_hi[datagrams.session], self._sessions.address_lo[datagrams.session]
        columns.put_address("sampler_address", None, spread(high, at), spread(low, at))
        columns.put("observation_domain_id", None, spread(datagrams.headers.sub_agent.astype(np.uint32), at))
        columns.put("observation_point_id", None, samples.source)
        columns.put("flow_source", None, np.full(count, FlowSource.SFLOW, np.uint8))
        for name in ("packets", "flows"):
            columns.put(name, None, np.ones(count, np.int64))
        for name, form, value in (
            ("in_if", samples.in_format, samples.in_if), ("out_if", samples.out_format, samples.out_if),
        ):  # fmt: skip
            columns.put(name, None, value)
            columns.drop(name, form != INDEX)
        gone = np.flatnonzero((samples.out_format == 1) | (samples.format == DISCARDED))
        if len(gone):
            reason = np.where(
                samples.format[gone] == DISCARDED, datagrams.wire.u4[samples.out_at[gone]], samples.out_if[gone]
            )
            status = np.full(len(gone), _DROPPED)
            for number, code in _FORWARDING.items():
                status[reason == number] = code
            columns.put("forwarding_status", gone, status)
        self._put_rates(datagrams, samples, columns, quality)

    def _put_rates(
        self,
        datagrams: Datagrams,
        samples: FlowSamples,
        columns: Columns,
        quality: NDArray[np.uint16],
    ) -> None:
        rates = samples.rate
        sampled = samples.format != DISCARDED
        for slot in distinct(datagrams.session)[0].tolist():
            static = self._options.static_rate(self._sessions.session(slot).address)
            if static:
                mine = (datagrams.session == slot)[samples.datagram] & sampled
                rates = np.where(mine & ((rates == 0) | (static < 0)), abs(static), rates)
        unknown = (rates == 0) & sampled
        quality[unknown] |= np.uint16(Quality.RATE_UNKNOWN)
        over = rates > self._limits.sampling_rate
        if over.any():
            quality[over] |= np.uint16(Quality.RATE_CLAMPED)
            rates = np.where(over, self._limits.sampling_rate, rates)
        columns.put("sampling_rate", None, rates)
        columns.drop("sampling_rate", rates == 0)

    def _extra(
        self, datagrams: Datagrams, samples: FlowSamples, records: Items, kept: Mask, tally: Tally
    ) -> ExtraColumn | None:
        runs = []
        relayed = np.flatnonzero(datagrams.relayed[samples.datagram]) if datagrams.relayed.any() else None
        if relayed is not None:
            at = samples.datagram[relayed]
            size = datagrams.headers.agent_bytes[at]
            runs.append(sflow_extra.of_agents(relayed, datagrams.headers.agent[at], size))
        fate = np.flatnonzero(
            (samples.out_format != INDEX) | (samples.in_format != INDEX) | (samples.format == DISCARDED)
        )
        if len(fate):
            runs.append(sflow_extra.of_fates(fate, samples.out_at[fate], samples.out_bytes[fate]))
        if kept.any():
            part = records.take(kept)
            runs.append(sflow_extra.of_records(part.owner, part.format, part.start, part.end))
        if not runs:
            return None
        extra, dropped = sflow_extra.build(datagrams.wire, len(samples), runs, self._limits.extra_bytes_per_record)
        tally.many("extra.dropped", datagrams.ranks[samples.datagram[dropped]])
        return extra


def _is_ramp(owner: Ints) -> bool:
    return bool((owner == np.arange(len(owner))).all())


def _drop_broken(
    datagrams: Datagrams, samples: FlowSamples, records: Items, cut: Mask, tally: Tally
) -> tuple[FlowSamples, Items]:
    """Leave out records that run out of their sample, and samples of which then nothing tells the packet."""
    size = records.end - records.start
    tells = np.zeros(len(samples), np.bool_)
    for number, smallest in _PACKETS.items():
        tells[records.owner[(records.format == number) & (size >= smallest) & ~records.cut]] = True
    broken = cut.copy()
    broken[records.owner[records.cut]] = True
    ranks = datagrams.ranks[samples.datagram]
    tally.many("samples.broken", ranks[broken])
    gone = broken & ~tells
    tally.many("records.skipped.broken_sample", ranks[gone])
    place = np.cumsum(~gone) - 1
    records = records.take(~records.cut & ~gone[records.owner])
    records.owner = place[records.owner]
    return samples.take(~gone), records
