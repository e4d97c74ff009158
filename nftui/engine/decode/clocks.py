"""How far exporters' clocks are off, and how long they keep flows before they export them.

Both come from the datagrams alone. A datagram's export time minus its reception is the difference of the clocks minus
the time on the way: the largest one of a minute or two is the one that was delayed least, and for versions that tell
whole seconds (v9, IPFIX) the one sent right after the second changed. What remains is the shortest time on the way.
"""

from __future__ import annotations

import numpy as np

from nftui.engine.batch import FlowBatch
from nftui.engine.decode.datagrams import Ints
from nftui.engine.decode.rows import Messages
from nftui.engine.decode.sessions import NEVER, Domains
from nftui.engine.schema import Quality

_WINDOW_MS = 60_000
_LONGEST_DELAY_MS = 86_400_000
"""A flow that ended longer before its export tells nothing about the exporter's timers."""
_SMOOTHING = 8


class Clocks:
    """Clock difference and export delay by domain slot."""

    def __init__(self, domains: Domains) -> None:
        self._domains = domains
        self._turned_ms = 0
        self._turn = 0

    def follow(self, messages: Messages) -> None:
        """Take the headers of datagrams."""
        ahead = messages.export_ms - messages.received_ms
        first = int(messages.slot[0])
        if len(ahead) == 1 or (messages.slot == first).all():
            self._domains.ahead_ms[first] = max(int(self._domains.ahead_ms[first]), int(ahead.max()))
        else:
            np.maximum.at(self._domains.ahead_ms, messages.slot, ahead)

    def sample(self, messages: Messages, message: Ints, batch: FlowBatch) -> None:
        """Take the export delay of one flow of a batch, another one each time.

        Args:
            messages: headers of the datagrams.
            message: index of the datagram by flow.
            batch: the flows.
        """
        self._turn += 1
        row = self._turn % len(message)
        if int(batch.columns["quality"][row]) & Quality.TIME_REPAIRED:
            return  # its end is the time of reception, which says nothing about timers
        place = int(message[row])
        delay = int(messages.export_ms[place]) - int(batch.columns["time_flow_end_ms"][row])
        if not 0 <= delay < _LONGEST_DELAY_MS:
            return
        slot = int(messages.slot[place])
        before = int(self._domains.delay_ms[slot])
        self._domains.delay_ms[slot] = delay if before < 0 else before + (delay - before) // _SMOOTHING

    def turn(self, now_ms: int) -> None:
        """Begin another minute when one is over; to be called every second or so."""
        if 0 <= now_ms - self._turned_ms < _WINDOW_MS:
            return
        self._turned_ms = now_ms
        domains = self._domains
        heard = domains.ahead_ms > NEVER
        domains.ahead_before_ms = np.where(heard, domains.ahead_ms, domains.ahead_before_ms)
        domains.ahead_ms = np.full(len(domains.ahead_ms), NEVER, np.int64)

    def skew_ms(self, slot: int) -> int:
        """Milliseconds that the exporter's clock is ahead of ours, negative if behind; 0 before the first datagram."""
        ahead = max(int(self._domains.ahead_ms[slot]), int(self._domains.ahead_before_ms[slot]))
        return 0 if ahead == NEVER else ahead
