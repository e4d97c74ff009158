"""So many datagrams a second per exporter: one that runs wild must not cost the others theirs.

A token bucket per exporter address holds one second's worth: a burst of that size passes, what comes above the rate is
dropped and counted. Spoofed sources cannot grow the table: the bucket that was asked for longest ago is forgotten, and
a new one is full.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nftui.engine.clock import Clock
from nftui.engine.ingest.slots import Sender

_BUCKETS = 65_536


class RateLimiter:
    """Token buckets by address.

    Args:
        per_second: datagrams; 0 lets all pass.
        clock: its monotonic time fills the buckets.
    """

    def __init__(self, per_second: int, clock: Clock) -> None:
        self._rate = per_second
        self._clock = clock
        self._buckets: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def admit(self, senders: Sequence[Sender], sender: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Which datagrams pass, the earliest of each address first; None when all do.

        Args:
            senders: distinct sources.
            sender: int64[n], index into `senders` by datagram.
        """
        if not self._rate:
            return None
        amounts = np.bincount(sender, minlength=len(senders)).tolist()
        wanted: dict[int, int] = {}
        for one, amount in zip(senders, amounts, strict=True):
            wanted[one.address] = wanted.get(one.address, 0) + amount
        over = {
            address: granted for address, amount in wanted.items() if (granted := self.take(address, amount)) < amount
        }
        if not over:
            return None
        passed = np.ones(len(sender), np.bool_)
        for address, granted in over.items():
            mine = [index for index, one in enumerate(senders) if one.address == address]
            passed[np.flatnonzero(np.isin(sender, mine))[granted:]] = False
        return passed

    def take(self, address: int, wanted: int) -> int:
        """How many of so many datagrams of an address pass now; their tokens are spent."""
        if not self._rate:
            return wanted
        now = self._clock.monotonic()
        tokens, before = self._buckets.pop(address, (float(self._rate), now))
        tokens = min(float(self._rate), tokens + (now - before) * self._rate)
        granted = min(wanted, int(tokens))
        self._buckets[address] = (tokens - granted, now)
        if len(self._buckets) > _BUCKETS:
            self._buckets.popitem(last=False)
        return granted
