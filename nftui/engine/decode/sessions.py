"""Who sends: transport sessions and their observation domains, in arrays indexed by slot.

A slot is reused after its owner was forgotten. State that is needed for every datagram lies in NumPy arrays, so
that a block from a thousand exporters costs a gather and not a thousand lookups.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import overload

import numpy as np

from nftui.engine.batch import Mask
from nftui.engine.decode.datagrams import Ints, Session, distinct
from nftui.engine.decode.numbering import standard_unit
from nftui.engine.limits import Limits

_SLOT_BITS = 20
_SLOT_MASK = (1 << _SLOT_BITS) - 1
_RESERVE = 8192
"""Sessions that may be met before `evict` runs: more than the datagrams that can wait in the receive queue."""

NEVER = -(1 << 62)
"""Stands for a clock difference that was not yet seen."""

_CROWD = 256
"""More sessions than this that never delivered a flow are a crowd."""

UNKNOWN_SESSION = -1
"""Index given when every slot is taken; its datagrams are rejected."""


def _signed(half: int) -> int:
    return half - (1 << 64) if half >> 63 else half


class Sessions:
    """Transport sessions, keyed by address and port, bounded by `limits.exporters`.

    `find` may be called from another thread than the rest: it only adds. Established sessions (that delivered
    flows in more than one block) are kept before others, so that invented sources cannot push a real one out.

    Attributes:
        address_hi, address_lo: halves of the 128-bit address by slot.
        last_ms: reception of the last datagram by slot.
        blocks: blocks with flows by slot.
        stream: whether the session is a connection (RFC 7011 section 10.4), by slot.
    """

    def __init__(self, limits: Limits) -> None:
        capacity = min(limits.exporters + _RESERVE, _SLOT_MASK)
        self._limit = limits.exporters
        self._index: dict[tuple[int, int, bool], int] = {}
        self._sessions: dict[int, Session] = {}
        self._ports: dict[int, set[int]] = {}
        self._joined: dict[int, int] = {}
        self._free: deque[int] = deque(range(capacity))
        self._generation = np.zeros(capacity, np.int64)
        self._alive = np.zeros(capacity, np.bool_)
        self._keeper = np.arange(capacity)
        self.address_hi = np.zeros(capacity, np.int64)
        self.address_lo = np.zeros(capacity, np.int64)
        self.last_ms = np.zeros(capacity, np.int64)
        self.blocks = np.zeros(capacity, np.int64)
        self.stream = np.zeros(capacity, np.bool_)

    def find(self, address: int, port: int, stream: bool = False) -> int:
        """Index of the session, made if it is new; `UNKNOWN_SESSION` when no slot is free."""
        index = self._index.get((address, port, stream))
        if index is not None:
            return index
        index = self._joined.get(address) if not stream else None
        if index is not None:
            return index
        if not self._free:
            return UNKNOWN_SESSION
        slot = self._free.popleft()
        index = int(self._generation[slot]) << _SLOT_BITS | slot
        self.address_hi[slot] = _signed(address >> 64)
        self.address_lo[slot] = _signed(address & 0xFFFFFFFFFFFFFFFF)
        self.last_ms[slot] = self.blocks[slot] = 0
        self._sessions[slot] = Session(index, address, port)
        self._ports.setdefault(address, set()).add(slot)
        self._alive[slot] = True
        self.stream[slot] = stream
        self._index[address, port, stream] = index
        return index

    def slots(self, indexes: Ints) -> Ints:
        """Slot of each index, -1 where the session was forgotten since or never existed."""
        slots = indexes & _SLOT_MASK
        slots[(indexes < 0) | (slots >= len(self._generation))] = -1
        known = slots >= 0
        current = self._alive[slots] & (self._generation[slots] == indexes >> _SLOT_BITS)
        slots[~(known & current)] = -1
        return np.where(slots >= 0, self._keeper[slots], -1) if self._joined else slots

    def session(self, slot: int) -> Session:
        """The session in a slot that is in use."""
        return self._sessions[slot]

    def labels(self, slots: Ints) -> Sequence[str]:
        """Addresses of the sessions in slots, `unknown` for negative ones; made when they are read."""
        return _Labels(self._sessions, slots)

    def items(self) -> list[tuple[int, Session]]:
        """Slots in use and their sessions."""
        return list(self._sessions.items())

    def surplus(self) -> list[int]:
        """Slots to forget: the longest silent ones above the limit, established ones last, connections never.

        A connection sends its templates once, and its number is bounded where it is accepted.
        """
        count = len(self._sessions) - self._limit
        if count <= 0:
            return []
        slots = np.array(list(self._sessions), np.int64)
        slots = slots[~self.stream[slots]]
        order = np.lexsort((self.last_ms[slots], self.blocks[slots] > 1))
        return slots[order[:count]].tolist()  # type: ignore[no-any-return]

    def newcomers(self, slots: Ints) -> Mask | None:
        """Which of the sessions never delivered a flow, once there is a crowd of such; else None."""
        if len(self._sessions) <= _CROWD or np.count_nonzero(self._alive & (self.blocks == 0)) <= _CROWD:
            return None
        mask: Mask = self.blocks[slots] == 0
        return mask

    def forget(self, slot: int) -> bool:
        """Free a slot; indexes given out for it are no longer valid. Returns whether the address has other sessions."""
        session = self._sessions.pop(slot)
        if self._joined.get(session.address) == session.index:
            self.separate(session.address)
        self._keeper[slot] = slot
        others = self._ports[session.address]
        others.discard(slot)
        if not others:
            del self._ports[session.address]
        self._index.pop((session.address, session.port, bool(self.stream[slot])), None)
        self._generation[slot] += 1
        self._alive[slot] = False
        self._free.append(slot)
        return bool(others)

    def slots_of(self, address: int) -> list[int]:
        """Slots of all sessions of an address."""
        return list(self._ports.get(address, ()))

    def of_address(self, address: int) -> list[int]:
        """Slots of the sessions of an address, without connections."""
        return [slot for slot in self._ports.get(address, ()) if not self.stream[slot]]

    @property
    def any_joined(self) -> bool:
        """Whether ports of any address were joined."""
        return bool(self._joined)

    def is_joined(self, address: int) -> bool:
        """Whether ports of an address that are not known yet belong to one session."""
        return address in self._joined

    def join(self, address: int, keeper: int, others: list[int]) -> None:
        """Let sessions and all ports of an address that are not known yet be one session from now on."""
        self._joined[address] = self._sessions[keeper].index
        for slot in others:
            self._keeper[slot] = keeper
            self._index.pop((address, self._sessions[slot].port, False), None)

    def separate(self, address: int) -> None:
        """Undo `join`: ports that are not known yet have sessions of their own again."""
        if self._joined.pop(address, None) is not None:
            slots = self.of_address(address)
            self._keeper[slots] = slots


class _Labels(Sequence[str]):
    """See `Sessions.labels`."""

    def __init__(self, sessions: dict[int, Session], slots: Ints) -> None:
        self._sessions = sessions
        self._slots = slots

    def __len__(self) -> int:
        return len(self._slots)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        slot = int(self._slots[index])
        return self._sessions[slot].label if slot >= 0 else "unknown"


class Domains:
    """Observation domains, keyed by session slot, version and domain id, bounded by `limits.domains`.

    Attributes:
        session: session slot by domain slot, -1 for free slots.
        version: 5, 9 or 10.
        domain: observation domain id, source id, or engine type and id.
        last_ms: reception of the last datagram.
        export_ms: export time of the last datagram.
        flows: flows decoded.
        expected: next sequence number, -1 when unknown.
        generation: raised when a template of the domain is replaced or removed.
        uptime: sysUptime of the last datagram, -1 before the first.
        boot_ms: for IPFIX, when sysUptime was 0 by options data (element 160), -1 when unknown.
        unit: what sequence numbers count, see `nftui.engine.decode.numbering.Unit`.
        unit_certain: 1 once that is beyond doubt.
        ahead_ms, ahead_before_ms, delay_ms: see `nftui.engine.decode.clocks`.
    """

    _ARRAYS = (
        "session",
        "version",
        "domain",
        "last_ms",
        "export_ms",
        "flows",
        "expected",
        "generation",
        "uptime",
        "boot_ms",
        "unit",
        "unit_certain",
        "ahead_ms",
        "ahead_before_ms",
        "delay_ms",
    )

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.domains
        self._slots: dict[tuple[int, int], int] = {}
        self._free: deque[int] = deque()
        self.session = np.zeros(0, np.int64)
        self.version = np.zeros(0, np.int64)
        self.domain = np.zeros(0, np.int64)
        self.last_ms = np.zeros(0, np.int64)
        self.export_ms = np.zeros(0, np.int64)
        self.flows = np.zeros(0, np.int64)
        self.expected = np.zeros(0, np.int64)
        self.generation = np.zeros(0, np.int64)
        self.uptime = np.zeros(0, np.int64)
        self.boot_ms = np.zeros(0, np.int64)
        self.unit = np.zeros(0, np.int64)
        self.unit_certain = np.zeros(0, np.int64)
        self.ahead_ms = np.zeros(0, np.int64)
        self.ahead_before_ms = np.zeros(0, np.int64)
        self.delay_ms = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._slots)

    def find(self, sessions: Ints, version: int, domains: Ints) -> Ints:
        """Slot of each (session slot, version, domain id), made where new."""
        different, inverse = distinct(sessions << 32 | domains)
        return np.array([self._find(key, version) for key in different.tolist()], np.int64)[inverse]

    def lookup(self, session: int, version: int, domain: int) -> int:
        """Slot of a domain, -1 if it was never seen."""
        return self._slots.get((session << 32 | domain, version), -1)

    def _find(self, key: int, version: int) -> int:
        slot = self._slots.get((key, version))
        if slot is not None:
            return slot
        if not self._free:
            self._grow()
        slot = self._slots[key, version] = self._free.popleft()
        self.session[slot], self.version[slot], self.domain[slot] = key >> 32, version, key & 0xFFFFFFFF
        self.last_ms[slot] = self.export_ms[slot] = self.flows[slot] = 0
        self.expected[slot] = -1
        self.uptime[slot] = self.boot_ms[slot] = -1
        self.ahead_ms[slot] = self.ahead_before_ms[slot] = NEVER
        self.delay_ms[slot] = -1
        self.unit[slot], self.unit_certain[slot] = standard_unit(version), 0
        return slot

    def _grow(self) -> None:
        old = len(self.session)
        more = max(64, old)
        for name in self._ARRAYS:
            setattr(self, name, np.concatenate([getattr(self, name), np.full(more, -1, np.int64)]))
        self.generation[old:] = 0
        self._free.extend(range(old, old + more))

    def of_session(self, session: int) -> list[int]:
        """Slots of the domains of a session."""
        return np.flatnonzero(self.session == session).tolist()

    def surplus(self, coming: int) -> list[int]:
        """Slots to forget so that `coming` new domains fit: the longest silent, those with flows last."""
        count = len(self._slots) + coming - self._limit
        if count <= 0:
            return []
        slots = np.flatnonzero(self.session >= 0)
        order = np.lexsort((self.last_ms[slots], self.flows[slots] > 0))
        return slots[order[: min(count + self._limit // 16, len(slots))]].tolist()  # type: ignore[no-any-return]

    def forget(self, slot: int) -> None:
        """Free a slot."""
        key = int(self.session[slot]) << 32 | int(self.domain[slot])
        del self._slots[key, int(self.version[slot])]
        self.session[slot] = -1
        self.generation[slot] += 1
        self._free.append(slot)
