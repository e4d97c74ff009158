"""From sockets to arrivals: waits, takes what came in one go, and keeps out who may not send.

Few large rounds are cheap, many small ones are not: whatever follows costs 0.1 ms a round before it looks at the
first flow. So the receiver lets datagrams gather in the kernel's buffer, long enough for a good round at the
present rate, never longer than `LONGEST_SECONDS` or than the buffer can hold at line rate.
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.engine.clock import Clock
from nftui.engine.counters import Counts
from nftui.engine.ingest.allow import AllowList
from nftui.engine.ingest.proc_net import drops_by_inode
from nftui.engine.ingest.slots import Sender, make_slots
from nftui.engine.ingest.udp import Listener
from nftui.engine.ledger import Ledger
from nftui.engine.limits import Limits

SHORTEST_SECONDS = 0.005
LONGEST_SECONDS = 0.1
_LINE_BYTES_PER_SECOND = 200_000_000
"""Kernel buffer that a saturated 1 Gbit/s line fills in a second, with the kernel's own bookkeeping."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Datagrams that passed the door, valid until the next `Receiver.receive`.

    Attributes:
        data: arena.
        offset: int64[n], start of each datagram.
        length: int64[n], its bytes.
        senders: distinct sources.
        sender: int64[n], index into `senders`.
        received_ms: UTC of arrival; one for all, windows are short.
    """

    data: NDArray[np.uint8]
    offset: NDArray[np.int64]
    length: NDArray[np.int64]
    senders: Sequence[Sender]
    sender: NDArray[np.int64]
    received_ms: int


class Window:
    """How long datagrams gather before they are taken.

    Args:
        buffer_bytes: the smallest kernel buffer among the sockets.
        round_datagrams: datagrams that make a good round.
    """

    def __init__(self, buffer_bytes: int, round_datagrams: int) -> None:
        self._longest = min(LONGEST_SECONDS, max(SHORTEST_SECONDS, buffer_bytes / _LINE_BYTES_PER_SECOND))
        self._round = round_datagrams
        self.seconds = self._longest

    def learn(self, datagrams: int, elapsed: float) -> None:
        """Set the window from a round that gathered for `elapsed` seconds."""
        wanted = self._round * elapsed / datagrams if datagrams else self._longest
        self.seconds = min(self._longest, max(SHORTEST_SECONDS, wanted))


class Receiver:
    """Takes datagrams from all sockets. For one thread, except `poll_drops`."""

    def __init__(
        self, listeners: Sequence[Listener], allow: AllowList, ledger: Ledger, clock: Clock, limits: Limits
    ) -> None:
        self._listeners = list(listeners)
        self._allow = allow
        self._ledger = ledger
        self._clock = clock
        self._slots = make_slots(limits.receive_slots, limits.datagram_bytes)
        smallest = min((listener.buffer_bytes for listener in listeners), default=0)
        self._window = Window(smallest, limits.receive_slots * 3 // 4)
        self._poll = select.poll()
        for listener in listeners:
            self._poll.register(listener.socket.fileno(), select.POLLIN)
        self._last = clock.monotonic()

    def wait(self, seconds: float) -> bool:
        """Wait for the first datagram; whether there is one."""
        return bool(self._poll.poll(seconds * 1000))

    def gather(self) -> None:
        """Let more datagrams come, unless the last round found all slots filled."""
        if not self._slots.full:
            time.sleep(self._window.seconds)

    def receive(self) -> Arrivals | None:
        """Take what has come; None when nothing of it may go on. Refused and oversize datagrams are counted."""
        slots = self._slots
        slots.clear()
        for listener in self._listeners:
            slots.receive(listener.socket)
            if slots.drops_seen is not None:
                self._dropped(listener, slots.drops_seen)
        self._listeners.append(self._listeners.pop(0))  # who filled all slots goes last in the next round
        now = self._clock.monotonic()
        self._window.learn(slots.used, now - self._last)
        self._last = now
        if not slots.used:
            return None
        senders, sender = slots.senders()
        offset, length = slots.offset[: slots.used], slots.length
        passed = self._admit(senders, sender, slots.oversize)
        if passed is not None:
            offset, length = offset[passed], length[passed]
            kept, sender = np.unique(sender[passed], return_inverse=True)
            senders = [senders[index] for index in kept.tolist()]  # who is refused gets no session either
        if not len(offset):
            return None
        return Arrivals(slots.data, offset, length, senders, sender, self._clock.now_ms())

    def poll_drops(self) -> None:
        """Ask the kernel what it dropped at each socket. For any thread."""
        drops = drops_by_inode()
        for listener in tuple(self._listeners):
            if listener.inode in drops:
                self._dropped(listener, drops[listener.inode])

    def shut(self) -> None:
        """Take nothing new; what has come can still be received."""
        for listener in self._listeners:
            listener.shut()

    def close(self) -> None:
        """Give the ports back."""
        for listener in self._listeners:
            listener.close()

    def _admit(
        self, senders: Sequence[Sender], sender: NDArray[np.int64], oversize: NDArray[np.bool_]
    ) -> NDArray[np.bool_] | None:
        """Mask of the datagrams that go on, None for all; the others are counted."""
        permitted = np.array([self._allow.permits(one.address) for one in senders])
        if permitted.all() and not oversize.any():
            return None
        refused = ~permitted[sender]
        now_ms = self._clock.now_ms()
        for index, amount in enumerate(np.bincount(sender[refused], minlength=len(senders)).tolist()):
            if amount:
                self._allow.refuse(senders[index].address, amount, now_ms)
        counts: Counts = {}
        for kind, amount in (("not_allowed", refused.sum()), ("oversize", (oversize & ~refused).sum())):
            if amount:
                counts[f"datagrams.dropped.{kind}"] = int(amount)
        counts["datagrams.received"] = sum(counts.values())
        self._ledger.commit(counts)
        passed: NDArray[np.bool_] = ~(refused | oversize)
        return passed

    def _dropped(self, listener: Listener, value: int) -> None:
        amount = listener.drops.observe(value)
        if amount:
            self._ledger.commit({"kernel.dropped": amount})
