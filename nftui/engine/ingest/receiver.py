"""From sockets to arrivals: waits, takes what came in one go, and keeps out who may not send.

Few large rounds are cheap, many small ones are not: decoding costs 1.5 ms a round before it looks at the first flow.
So datagrams gather for a good round, never longer than `LONGEST_SECONDS`. Where the kernel's buffer cannot hold what a
line brings in that time, it is emptied into the slots several times a round: taking datagrams is cheap in small steps.
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.engine.clock import Clock
from nftui.engine.counters import Counts, add
from nftui.engine.ingest.allow import AllowList
from nftui.engine.ingest.forward import Forwarder
from nftui.engine.ingest.proc_net import drops_by_inode
from nftui.engine.ingest.rate_limit import RateLimiter
from nftui.engine.ingest.slots import Sender, make_slots
from nftui.engine.ingest.udp import Listener
from nftui.engine.ledger import Ledger
from nftui.engine.limits import Limits
from nftui.text import address

RATE_LIMITED = "datagrams.dropped.rate_limit"
SHORTEST_SECONDS = 0.005
LONGEST_SECONDS = 0.1
ROUND_BYTES = 2 << 20
"""Payload that makes a good round; larger ones leave the processor's caches."""
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

    def take(self, passed: NDArray[np.bool_] | None) -> Arrivals:
        """The datagrams where the mask is True, all for None; who has none left is no sender."""
        if passed is None:
            return self
        kept, sender = np.unique(self.sender[passed], return_inverse=True)
        senders = [self.senders[index] for index in kept.tolist()]
        return Arrivals(self.data, self.offset[passed], self.length[passed], senders, sender, self.received_ms)


class Pace:
    """How long datagrams gather before they are decoded, and how often the kernel's buffer is emptied meanwhile.

    Args:
        buffer_bytes: the smallest kernel buffer among the sockets.
        round_datagrams: datagrams that make a good round.
        round_bytes: bytes that make a good round.
    """

    def __init__(self, buffer_bytes: int, round_datagrams: int, round_bytes: int = ROUND_BYTES) -> None:
        self._longest = min(LONGEST_SECONDS, max(SHORTEST_SECONDS, buffer_bytes / _LINE_BYTES_PER_SECOND))
        self._datagrams = round_datagrams
        self._bytes = round_bytes
        self._rounds_per_second = 0.0

    def pause(self, datagrams: int, octets: int, elapsed: float) -> float:
        """Seconds until the kernel's buffer should be emptied again; 0 when the round is large or old enough.

        Args:
            datagrams: taken so far in this round.
            octets: their bytes.
            elapsed: seconds since the round began.
        """
        missing = 1 - self._share(datagrams, octets)
        left = LONGEST_SECONDS - elapsed
        if missing <= 0 or left <= 0:
            return 0.0
        wanted = missing / self._rounds_per_second if self._rounds_per_second else self._longest
        return min(self._longest, left, max(SHORTEST_SECONDS, wanted))

    def learn(self, datagrams: int, octets: int, elapsed: float) -> None:
        """Take the rate from a round that was taken `elapsed` seconds after the one before."""
        self._rounds_per_second = self._share(datagrams, octets) / elapsed if elapsed > 0 else 0.0

    def _share(self, datagrams: int, octets: int) -> float:
        return max(datagrams / self._datagrams, octets / self._bytes)


class Receiver:
    """Takes datagrams from all sockets. For one thread, except `poll_drops`.

    Args:
        listeners: open sockets.
        allow: who may send.
        ledger: gets what is refused, dropped or forwarded.
        clock: time of reception.
        limits: slots.
        limiter: how much an exporter may send.
        forwarder: gets every datagram that is allowed, before the limiter.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        allow: AllowList,
        ledger: Ledger,
        clock: Clock,
        limits: Limits,
        limiter: RateLimiter | None = None,
        forwarder: Forwarder | None = None,
    ) -> None:
        self._listeners = list(listeners)
        self._allow = allow
        self._ledger = ledger
        self._clock = clock
        self._limiter = limiter or RateLimiter(0, clock)
        self._forwarder = forwarder
        self._slots = make_slots(limits.receive_slots, limits.datagram_bytes)
        smallest = min((listener.buffer_bytes for listener in listeners), default=0)
        self._pace = Pace(smallest, max(1, limits.receive_slots * 3 // 4))
        self._poll = select.poll()
        for listener in listeners:
            self._poll.register(listener.socket.fileno(), select.POLLIN)
        self._last = clock.monotonic()
        self._handed_out = True

    def wait(self, seconds: float) -> bool:
        """Wait for the first datagram; whether there is one."""
        return bool(self._poll.poll(seconds * 1000))

    def gather(self) -> None:
        """Let datagrams come until they make a good round, and take them."""
        began = self._clock.monotonic()
        self._take()
        slots = self._slots
        while pause := self._pace.pause(slots.used, int(slots.length.sum()), self._clock.monotonic() - began):
            time.sleep(pause)
            self._take()

    def receive(self) -> Arrivals | None:
        """Take what has come; None when nothing of it may go on. Refused and oversize datagrams are counted."""
        slots = self._slots
        self._take()
        self._handed_out = True
        now = self._clock.monotonic()
        self._pace.learn(slots.used, int(slots.length.sum()), now - self._last)
        self._last = now
        if not slots.used:
            return None
        senders, sender = slots.senders()
        offset, length = slots.offset[: slots.used], slots.length
        arrivals = Arrivals(slots.data, offset, length, senders, sender, self._clock.now_ms())
        arrivals = arrivals.take(self._admit(senders, sender, slots.oversize))
        if self._forwarder is not None and len(arrivals.offset):
            self._ledger.commit(self._forwarder.send(arrivals.data, arrivals.offset, arrivals.length))
        arrivals = arrivals.take(self._limit(arrivals))
        return arrivals if len(arrivals.offset) else None

    def _take(self) -> None:
        """Fill slots with what the sockets hold; the slots of the last round are free then."""
        slots = self._slots
        if self._handed_out:
            slots.clear()
            self._handed_out = False
        for listener in self._listeners:
            slots.receive(listener.socket)
            if slots.drops_seen is not None:
                self._dropped(listener, slots.drops_seen)
        self._listeners.append(self._listeners.pop(0))  # who filled all slots goes last in the next round

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

    def _limit(self, arrivals: Arrivals) -> NDArray[np.bool_] | None:
        """Mask of the datagrams within their exporter's rate, None for all; the others are counted."""
        passed = self._limiter.admit(arrivals.senders, arrivals.sender)
        if passed is None:
            return None
        by_exporter: dict[str, Counts] = {}
        for index, amount in enumerate(np.bincount(arrivals.sender[~passed], minlength=len(arrivals.senders)).tolist()):
            if amount:
                add(by_exporter.setdefault(address(arrivals.senders[index].address), {}), {RATE_LIMITED: amount})
        dropped = sum(counts[RATE_LIMITED] for counts in by_exporter.values())
        self._ledger.commit({"datagrams.received": dropped, RATE_LIMITED: dropped}, by_exporter)
        return passed

    def _dropped(self, listener: Listener, value: int) -> None:
        amount = listener.drops.observe(value)
        if amount:
            self._ledger.commit({"kernel.dropped": amount})
