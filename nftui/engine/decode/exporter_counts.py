"""Counters of each exporter over its life: an array per counter, indexed by session slot.

A block of a thousand exporters adds to them with one operation per counter instead of one per exporter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nftui.engine.counters import Counts
from nftui.engine.decode.datagrams import Ints
from nftui.engine.decode.tally import Tally

_LEAST = 64


class ExporterCounts:
    """Counters by name and session slot. Slot -1 stands for datagrams of nobody."""

    def __init__(self) -> None:
        self._amounts: dict[str, Ints] = {}

    def take(self, tally: Tally, slots: Ints) -> None:
        """Add what was counted of a block; `slots` are different ones, by rank in the tally."""
        if len(slots) == 1:
            self.add(int(slots[0]), tally.counts())
            return
        if not len(slots):
            return
        highest, places = int(slots.max()), slots + 1
        for name, sums in tally.sums():
            self._of(name, highest)[places] += sums

    def add(self, slot: int, counts: Mapping[str, int]) -> None:
        """Add amounts for one session."""
        for name, amount in counts.items():
            self._of(name, slot)[slot + 1] += amount

    def forget(self, slot: int, heir: int) -> None:
        """Free a slot; another session of its address inherits what it had, unless `heir` is negative."""
        for name, amounts in self._amounts.items():
            if slot + 1 < len(amounts) and amounts[slot + 1]:
                if heir >= 0:
                    self._of(name, heir)[heir + 1] += amounts[slot + 1]
                self._amounts[name][slot + 1] = 0

    def of(self, slots: Iterable[int]) -> Counts:
        """Sums over some sessions; no zeros."""
        found: Counts = {}
        chosen = list(slots)
        for name, amounts in list(self._amounts.items()):
            amount = sum(int(amounts[slot + 1]) for slot in chosen if slot + 1 < len(amounts))
            if amount:
                found[name] = amount
        return found

    def table(self, prefixes: Sequence[str]) -> Ints:
        """int64[prefixes, slots + 1]: sums of the counters that begin with each prefix; column 0 is of nobody."""
        amounts = list(self._amounts.items())
        out = np.zeros((len(prefixes), max((len(column) for _, column in amounts), default=1)), np.int64)
        for row, prefix in enumerate(prefixes):
            for name, column in amounts:
                if name.startswith(prefix):
                    out[row, : len(column)] += column
        return out

    def _of(self, name: str, highest: int) -> Ints:
        """Amounts of a counter, with room for a slot; a place more than slots, for -1."""
        amounts = self._amounts.get(name)
        if amounts is None or len(amounts) < highest + 2:
            old = np.zeros(0, np.int64) if amounts is None else amounts
            more = max(_LEAST, 2 * len(old), highest + 2) - len(old)
            amounts = self._amounts[name] = np.concatenate([old, np.zeros(more, np.int64)])
        return amounts
