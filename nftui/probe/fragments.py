"""Later fragments of an IP packet get the ports that its first fragment carried.

Nothing is reassembled. A table of fixed size remembers the ports of first fragments for a short time; a newer
one may push an older one out, and then the later fragments stay without ports, as they do in other probes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SLOTS = 4096
"""First fragments remembered."""
KEEP_NS = 5_000_000_000
"""For how long; parts of one packet follow each other in milliseconds."""


class FragmentPorts:
    """Ports of recent first fragments by the hash of addresses, protocol and identification."""

    def __init__(self) -> None:
        self._key = np.zeros(SLOTS, np.uint64)
        self._ports = np.zeros(SLOTS, np.uint64)
        self._time = np.zeros(SLOTS, np.int64)

    def learn(self, keys: NDArray[np.uint64], ports: NDArray[np.uint64], time_ns: NDArray[np.int64]) -> None:
        """Remember first fragments; of two in one slot the later in the arrays stays."""
        slot = (keys >> np.uint64(50)) & np.uint64(SLOTS - 1)
        self._key[slot], self._ports[slot], self._time[slot] = keys, ports, time_ns

    def ports(self, keys: NDArray[np.uint64], time_ns: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Ports for later fragments, 0 where the first was not seen or is too old."""
        slot = (keys >> np.uint64(50)) & np.uint64(SLOTS - 1)
        known = (self._key[slot] == keys) & (np.abs(time_ns - self._time[slot]) <= KEEP_NS)
        return np.where(known, self._ports[slot], np.uint64(0))
