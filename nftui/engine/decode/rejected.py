"""The latest datagrams that could not be decoded, kept for who looks for the reason.

Good datagrams cost nothing here: nothing is called for them. Of a flood of bad ones only a few of each block are
copied, the bytes of each are bounded, and so is the number of them, per exporter and in all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from nftui.engine.decode.datagrams import Ints, Wire
from nftui.engine.decode.status import RejectedDatagram
from nftui.engine.limits import Limits

Sender = Callable[[int], tuple[str, int]]
"""Session slot to address as text and port."""


class RejectedDatagrams:
    """A bounded memory of bad datagrams. Written by one thread, read by who holds the decoder's lock.

    Args:
        limits: bounds.
        sender: tells who has a session.
    """

    def __init__(self, limits: Limits, sender: Sender) -> None:
        self._limits = limits
        self._sender = sender
        self._kept: deque[RejectedDatagram] = deque()

    def take(self, reason: str, wire: Wire, offset: Ints, length: Ints, received_ms: Ints, slots: Ints) -> None:
        """Keep the last of some datagrams that were rejected for one reason.

        Args:
            reason: the counter that they were counted under.
            wire: the arena.
            offset: start of each.
            length: its bytes.
            received_ms: reception, UTC.
            slots: session slot, -1 for those that had no room.
        """
        for row in range(max(0, len(offset) - self._limits.rejected_kept_per_exporter), len(offset)):
            begin = int(offset[row])
            end = begin + min(int(length[row]), self._limits.rejected_bytes)
            data = wire.data[begin:end].tobytes().hex()
            address, port = self._sender(int(slots[row]))
            self._add(RejectedDatagram(int(received_ms[row]), address, port, reason, int(length[row]), data))

    def take_part(self, reason: str, raw: bytes, received_ms: int, slot: int) -> None:
        """Keep a part of a datagram, such as a template set, whose rest was good."""
        address, port = self._sender(slot)
        data = raw[: self._limits.rejected_bytes].hex()
        self._add(RejectedDatagram(received_ms, address, port, reason, len(raw), data))

    def of(self, address: str) -> list[RejectedDatagram]:
        """The latest of an exporter, or of all where the address is empty; the latest first."""
        return [item for item in reversed(self._kept) if not address or item.address == address]

    def _add(self, item: RejectedDatagram) -> None:
        own = [kept for kept in self._kept if kept.address == item.address]
        if len(own) >= self._limits.rejected_kept_per_exporter:
            self._kept.remove(own[0])  # one exporter's flood displaces its own ones only
        elif len(self._kept) >= self._limits.rejected_kept:
            self._kept.popleft()
        self._kept.append(item)
