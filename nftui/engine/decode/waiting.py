"""Data sets that came before their template: kept for a while, decoded late, once, with their original time.

Exporters repeat templates every few minutes only, so that without this a restarted collector loses minutes of
flows. The store is bounded per session and in total, and sets that wait too long are dropped and counted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from nftui.engine.limits import Limits

_OVERHEAD = 256
"""Bytes a waiting set costs besides its own."""


@dataclass(slots=True)
class WaitingSet:
    """A data set without template.

    Attributes:
        key: domain slot and template id, see `nftui.engine.decode.templates.template_key`.
        session: session slot.
        raw: the records, without the set header.
        received_ms: reception.
        export_ms: export time of the header.
        uptime: sysUptime of the header, 0 for IPFIX.
    """

    key: int
    session: int
    raw: bytes
    received_ms: int
    export_ms: int
    uptime: int

    @property
    def cost(self) -> int:
        """Bytes counted against the limits."""
        return len(self.raw) + _OVERHEAD


class WaitingSets:
    """Bounded store of waiting sets, first in first out."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sets: dict[int, deque[WaitingSet]] = {}
        self._keys: dict[int, set[int]] = {}
        self._session_bytes: dict[int, int] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._sets.values())

    def count(self, key: int) -> int:
        """Sets that wait for a template."""
        return len(self._sets.get(key, ()))

    def count_of_session(self, session: int) -> int:
        """Sets of a session that wait for any template."""
        return sum(1 for queue in list(self._sets.values()) for item in list(queue) if item.session == session)

    def keys_of_session(self, session: int) -> list[tuple[int, int]]:
        """Templates that sets of a session wait for, with how many do."""
        found = []
        for key, queue in sorted(self._sets.items()):
            waiting = sum(item.session == session for item in list(queue))
            if waiting:
                found.append((key, waiting))
        return found

    def add(self, item: WaitingSet) -> bool:
        """Keep a set; False when there is no room for it."""
        held = self._session_bytes.get(item.session, 0)
        if (
            held + item.cost > self._limits.waiting_bytes_per_exporter
            or self._bytes + item.cost > self._limits.waiting_bytes
        ):
            return False
        self._sets.setdefault(item.key, deque()).append(item)
        self._keys.setdefault(item.key >> 16, set()).add(item.key)
        self._session_bytes[item.session] = held + item.cost
        self._bytes += item.cost
        return True

    def take(self, key: int) -> list[WaitingSet]:
        """Remove and return the sets that wait for a template, oldest first."""
        queue = self._sets.pop(key, None)
        if queue is None:
            return []
        self._drop_key(key)
        for item in queue:
            self._release(item)
        return list(queue)

    def take_domain(self, slot: int) -> list[WaitingSet]:
        """Remove and return the sets of a domain."""
        return [item for key in sorted(self._keys.get(slot, ())) for item in self.take(key)]

    def has_domain(self, slot: int) -> bool:
        """Whether sets of a domain wait."""
        return slot in self._keys

    def _drop_key(self, key: int) -> None:
        keys = self._keys[key >> 16]
        keys.discard(key)
        if not keys:
            del self._keys[key >> 16]

    def expire(self, now_ms: int) -> list[WaitingSet]:
        """Remove the sets that wait longer than the limit."""
        oldest = now_ms - 1000 * self._limits.waiting_seconds
        expired = []
        for key in list(self._sets):
            queue = self._sets[key]
            while queue and queue[0].received_ms < oldest:
                item = queue.popleft()
                self._release(item)
                expired.append(item)
            if not queue:
                del self._sets[key]
                self._drop_key(key)
        return expired

    def _release(self, item: WaitingSet) -> None:
        self._bytes -= item.cost
        left = self._session_bytes[item.session] - item.cost
        if left:
            self._session_bytes[item.session] = left
        else:
            del self._session_bytes[item.session]
