"""What is remembered of sFlow agents and of their data sources: numbering, sampling rates, drops, interfaces.

An agent is known by transport session, agent address and sub-agent: relays send for many agents from one address.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nftui.engine.decode.datagrams import Ints
from nftui.engine.decode.interfaces import InterfaceTable
from nftui.engine.decode.numbered import Streams
from nftui.engine.decode.rate_changes import RateChanges
from nftui.engine.decode.status import InterfaceStatus, SamplingChange, SamplingStatus
from nftui.engine.decode.tally import Tally
from nftui.engine.limits import Limits

FLOWS, COUNTERS, DISCARDS = 0, 1, 2
"""Kinds of samples; each source numbers each kind on its own."""

_CACHE_BITS = 14
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_KIND_SHIFT, _AGENT_SHIFT = 40, 42
_INDEX_MASK = (1 << 32) - 1


class Sources:
    """Data sources, found by agent slot, kind of sample and source id.

    Args:
        limit: sources remembered.

    Attributes:
        streams: their numbering; `value` is the latest count of drops and `rate` the latest sampling rate.
    """

    def __init__(self, limit: int) -> None:
        self.streams = Streams(limit)
        self._cached_key = np.full(1 << _CACHE_BITS, -1, np.int64)
        self._cached_slot = np.zeros(1 << _CACHE_BITS, np.int64)

    def find(self, agents: Ints, kind: int, sources: Ints) -> Ints:
        """Slot of each source, -1 where there is no room."""
        keys = agents << _AGENT_SHIFT | np.int64(kind << _KIND_SHIFT) | sources
        place = (keys.view(np.uint64) * _SPREAD >> np.uint64(64 - _CACHE_BITS)).view(np.int64)
        slots = self._cached_slot[place]
        missed = np.flatnonzero(self._cached_key[place] != keys)
        if len(missed):
            found, inverse = np.unique(keys[missed], return_inverse=True)
            made = self.streams.find(found.tolist(), (found >> _AGENT_SHIFT).tolist())
            slots[missed] = made[inverse]
            room = missed[slots[missed] >= 0]
            self._cached_key[place[room]], self._cached_slot[place[room]] = keys[room], slots[room]
            # Two new keys may share a place: both of its words must be of the same one.
            torn = self._cached_slot[place[room]] != slots[room]
            self._cached_key[place[room[torn]]] = -1
        return slots

    def forget(self, slots: list[int]) -> None:
        """Free slots."""
        for slot in slots:
            self.streams.forget(slot)
        if slots:
            self._cached_key[:] = -1


class AgentState:
    """All that lasts from datagram to datagram.

    Args:
        limits: bounds.
        rate_changes: gets changes of sampling rates.
    """

    def __init__(self, limits: Limits, rate_changes: RateChanges) -> None:
        self._limits = limits
        self._rate_changes = rate_changes
        self.agents = Streams(limits.sflow_agents)
        self.sources = Sources(limits.sflow_sources)
        self.interfaces = InterfaceTable(limits)

    def find_agents(self, sessions: Ints, high: Ints, low: Ints, sub_agent: Ints) -> Ints:
        """Slot of each datagram's agent, -1 where there is no room."""
        owners = sessions.tolist()
        keys = list(zip(owners, high.tolist(), low.tolist(), sub_agent.tolist(), strict=True))
        return self.agents.find(keys, owners)

    def follow_datagrams(self, agents: Ints, numbers: Ints, received_ms: Ints, ranks: Ints, tally: Tally) -> None:
        """Check the numbers of datagrams."""
        known = np.flatnonzero(agents >= 0)
        tally.many("sequence.untracked", ranks[agents < 0])
        if not len(known):
            return
        slots = agents[known]
        touched, restarted = self.agents.follow(slots, numbers[known])
        self.agents.last_ms[slots] = received_ms[known]
        if restarted.any():
            tally.many("sequence.restarts", _last_of(slots, ranks[known], touched[restarted]))

    def follow_samples(
        self, slots: Ints, numbers: Ints, drops: Ints | None, rates: Ints | None, received_ms: Ints, ranks: Ints,
        tally: Tally,
    ) -> None:  # fmt: skip
        """Check the numbers of samples, and take drops and rates.

        Args:
            slots: source of each sample, from `Sources.find`.
            numbers: its number.
            drops: samples that the source could not take so far; None for counter samples.
            rates: sampling rate; None where there is none.
            received_ms: reception.
            ranks: exporter in the tally.
            tally: gets `samples.dropped` and `samples.untracked`.
        """
        known: Ints | slice = slice(None)
        if (slots < 0).any():
            tally.many("samples.untracked", ranks[slots < 0])
            known = np.flatnonzero(slots >= 0)
            slots = slots[known]
            if not len(slots):
                return
        streams = self.sources.streams
        touched, restarted = streams.follow(slots, numbers[known])
        streams.last_ms[slots] = received_ms[known]
        if rates is not None:
            changed = (streams.rate[slots] > 0) & (streams.rate[slots] != rates[known])
            if changed.any():
                self._note_rates(slots[changed], rates[known][changed], received_ms[known][changed])
            streams.rate[slots] = rates[known]
        if drops is not None:
            before = streams.value[touched]
            streams.value[slots] = drops[known]
            more = (streams.value[touched] - before) & 0xFFFFFFFF
            counted = (before >= 0) & ~restarted & (more > 0) & (more < 1 << 31)
            if counted.any():
                tally.many("samples.dropped", _last_of(slots, ranks[known], touched[counted]), more[counted])

    def _note_rates(self, slots: Ints, rates: Ints, received_ms: Ints) -> None:
        """Remember the latest of some sources with another rate than before."""
        latest = dict(zip(slots.tolist(), zip(rates.tolist(), received_ms.tolist(), strict=True), strict=True))
        streams = self.sources.streams
        for slot, (rate, now_ms) in list(latest.items())[-self._limits.rate_changes_per_exporter :]:
            agent, source = int(streams.owner[slot]), streams.key(slot)
            key = self.agents.key(agent)
            domain = key[3] if isinstance(key, tuple) else 0
            number = source & _INDEX_MASK if isinstance(source, int) else None
            change = SamplingChange(now_ms, domain, number, None, int(streams.rate[slot]), rate)
            self._rate_changes.note(int(self.agents.owner[agent]), change)

    def find_sources(self, agents: Ints, kind: int, sources: Ints) -> Ints:
        """Slot of each sample's source, -1 where it or its agent found no room."""
        if (agents >= 0).all():
            return self.sources.find(agents, kind, sources)
        slots = np.full(len(agents), -1, np.int64)
        known = agents >= 0
        slots[known] = self.sources.find(agents[known], kind, sources[known])
        return slots

    def make_room(self) -> list[tuple[int, str, int]]:
        """Forget the longest silent agents and sources when a table is nearly full; counts by session slot."""
        counts = []
        for streams in (self.agents, self.sources.streams):
            limit = self._limits.sflow_agents if streams is self.agents else self._limits.sflow_sources
            if len(streams) <= limit * 7 // 8:
                continue
            gone = streams.idlest(limit // 4)
            if streams is self.agents:
                for slot in gone:
                    counts.append((int(self.agents.owner[slot]), "agents.evicted", 1))
                    self._forget_agent(slot)
            else:
                counts += [
                    (int(self.agents.owner[int(streams.owner[slot])]), "samples.sources_evicted", 1) for slot in gone
                ]
                self.sources.forget(gone)
        return counts

    def settle(self) -> Iterator[tuple[int, str, int]]:
        """Count gaps that were not filled: session slot, counter and amount."""
        for slot, balance in zip(*(part.tolist() for part in self.agents.settle()), strict=True):
            name = "sequence.lost" if balance > 0 else "sequence.duplicates"
            yield int(self.agents.owner[slot]), name, abs(balance)
        streams = self.sources.streams
        for slot, balance in zip(*(part.tolist() for part in streams.settle()), strict=True):
            if balance > 0:
                yield int(self.agents.owner[int(streams.owner[slot])]), "samples.lost", balance

    def forget_session(self, session: int) -> int:
        """Forget the agents of a session; returns how many datagrams their open gaps hold."""
        return sum(self._forget_agent(slot) for slot in self.agents.of_owner(session))

    def _forget_agent(self, slot: int) -> int:
        self.sources.forget(self.sources.streams.of_owner(slot))
        self.interfaces.forget(slot)
        return self.agents.forget(slot)

    def interfaces_of(self, session: int) -> tuple[InterfaceStatus, ...]:
        """Interfaces of the agents of a session."""
        return tuple(item for slot in self.agents.of_owner(session) for item in self.interfaces.of_agent(slot))

    def sampling_of(self, session: int) -> tuple[SamplingStatus, ...]:
        """Sampling rate of each source of a session."""
        found = []
        streams = self.sources.streams
        for agent in self.agents.of_owner(session):
            key = self.agents.key(agent)
            domain = key[3] if isinstance(key, tuple) else 0
            for slot in streams.of_owner(agent):
                rate, source = int(streams.rate[slot]), streams.key(slot)
                if rate > 0 and isinstance(source, int):
                    found.append(SamplingStatus(domain, source & _INDEX_MASK, rate, "sample"))
        return tuple(found)


def _last_of(slots: Ints, values: Ints, chosen: Ints) -> Ints:
    """For each chosen slot the value of its last row."""
    table = np.zeros(int(slots.max()) + 1, np.int64)
    table[slots] = values
    return table[chosen]
