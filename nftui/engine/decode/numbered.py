"""Numbered streams: what is missing between the numbers that were sent and what was received.

For streams whose every message has the next number (sFlow's datagrams per agent and sub-agent, samples per source).
The state of each is the latest number and a balance, the steps of the number less the messages received. A positive
balance is a gap, and a late arrival takes it back; what is left after about a second counts as lost (the idea of RFC
3550 appendix A.3, without a history of each number). Numbers are modulo 2^32.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence

import numpy as np

from nftui.engine.batch import Mask
from nftui.engine.decode.datagrams import Ints

_MODULUS = 1 << 32
_HALF = 1 << 31
_JUMP = 1 << 24
"""A larger step forward is another numbering, not loss."""
_REORDER = 1 << 10
"""A larger step back is a restart, not reordering."""


class Streams:
    """Slots for streams by key, bounded, with their numbering.

    Args:
        limit: streams remembered.

    Attributes:
        owner: by slot, what the stream belongs to; -1 for free slots.
        latest: latest number, -1 before the first.
        balance: steps of the number less messages, since it was last settled.
        last_ms: reception of the latest message.
        value: a number of the user's own, -1 when the slot is new.
        rate: another one, 0 when the slot is new.
    """

    _ARRAYS = ("owner", "latest", "balance", "last_ms", "value", "rate")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._slots: dict[Hashable, int] = {}
        self._keys: list[Hashable] = []
        self._free: deque[int] = deque()
        self.owner = np.zeros(0, np.int64)
        self.latest = np.zeros(0, np.int64)
        self.balance = np.zeros(0, np.int64)
        self.last_ms = np.zeros(0, np.int64)
        self.value = np.zeros(0, np.int64)
        self.rate = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._slots)

    def find(self, keys: Sequence[Hashable], owners: Sequence[int]) -> Ints:
        """Slot of each key, made where it is new; -1 where there is no room."""
        get = self._slots.get
        slots = [get(key, -1) for key in keys]
        if -1 in slots:
            for place, slot in enumerate(slots):
                if slot < 0:
                    slots[place] = self._make(keys[place], owners[place])
        return np.array(slots, np.int64)

    def _make(self, key: Hashable, owner: int) -> int:
        slot = self._slots.get(key, -1)
        if slot >= 0 or len(self._slots) >= self._limit:
            return slot
        if not self._free:
            self._grow()
        slot = self._slots[key] = self._free.popleft()
        self._keys[slot] = key
        self.owner[slot], self.latest[slot], self.balance[slot] = owner, -1, 0
        self.last_ms[slot], self.value[slot], self.rate[slot] = 0, -1, 0
        return slot

    def _grow(self) -> None:
        old = len(self.owner)
        more = max(64, old)
        for name in self._ARRAYS:
            setattr(self, name, np.concatenate([getattr(self, name), np.full(more, -1, np.int64)]))
        self._keys.extend([None] * more)
        self._free.extend(range(old, old + more))

    def key(self, slot: int) -> Hashable:
        """Key of a slot in use."""
        return self._keys[slot]

    def of_owner(self, owner: int) -> list[int]:
        """Slots that belong to an owner."""
        return np.flatnonzero(self.owner == owner).tolist()

    def idlest(self, count: int) -> list[int]:
        """The slots that were silent for longest."""
        used = np.flatnonzero(self.owner >= 0)
        return used[np.argsort(self.last_ms[used], kind="stable")[:count]].tolist()  # type: ignore[no-any-return]

    def forget(self, slot: int) -> int:
        """Free a slot; returns what its stream had lost and was not settled yet."""
        del self._slots[self._keys[slot]]
        self._keys[slot] = None
        self.owner[slot] = -1
        self._free.append(slot)
        return max(0, int(self.balance[slot]))

    def follow(self, slots: Ints, numbers: Ints) -> tuple[Ints, Mask]:
        """Take numbers in the order of arrival.

        Args:
            slots: stream of each message, 0 or more.
            numbers: its number.

        Returns:
            Slots of the streams that are among them, and which of these began their numbers anew.
        """
        received = np.bincount(slots, minlength=1)
        touched = np.flatnonzero(received)
        before = self.latest[touched]
        new = before < 0
        if new.any():
            self.latest[slots[::-1]] = numbers[::-1]
            before = np.where(new, (self.latest[touched] - 1) % _MODULUS, before)
        self.latest[slots] = numbers
        steps = (self.latest[touched] - before + _HALF) % _MODULUS - _HALF
        restarted = (steps > _JUMP) | (steps < -_REORDER)
        self.balance[touched] += np.where(restarted, 0, steps - received[touched])
        return touched, restarted

    def settle(self) -> tuple[Ints, Ints]:
        """Close the balances: slots, and what each has too little (positive: lost) or too much (negative: twice)."""
        slots = np.flatnonzero((self.balance != 0) & (self.owner >= 0))
        balances = self.balance[slots]
        self.balance[slots] = 0
        return slots, balances
