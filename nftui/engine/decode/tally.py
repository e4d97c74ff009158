"""Counts of one block, for all exporters together and for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from nftui.engine.counters import Counts
from nftui.engine.decode.datagrams import Ints


class Tally:
    """Collects amounts per counter and exporter while a block is decoded.

    Args:
        labels: exporter address of each rank; `rank` arguments index it. Several ranks may share a label.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._alone = len(labels) == 1
        self._totals: Counts = {}
        self._sums: dict[str, Ints] = {}

    def one(self, name: str, rank: int, amount: int = 1) -> None:
        """Add an amount for one exporter."""
        if not amount:
            return
        self._totals[name] = self._totals.get(name, 0) + amount
        if not self._alone:
            self._of(name)[rank] += amount

    def many(self, name: str, ranks: Ints, amounts: Ints | None = None) -> None:
        """Add 1, or the given amounts, at each rank."""
        if not len(ranks):
            return
        total = len(ranks) if amounts is None else int(amounts.sum())
        if not total:
            return
        self._totals[name] = self._totals.get(name, 0) + total
        if self._alone:
            return
        if amounts is None:
            self._of(name)[:] += np.bincount(ranks, minlength=len(self._labels))
        else:
            np.add.at(self._of(name), ranks, amounts)

    def copy(self, name: str, other: str) -> None:
        """Count under `other` what was counted under `name`."""
        if name in self._totals:
            self._totals[other] = self._totals[name]
        if name in self._sums:
            self._sums[other] = self._sums[name]

    def counts(self) -> Counts:
        """Sums over all exporters; no zeros."""
        return dict(self._totals)

    def total(self, prefix: str) -> int:
        """Sum over all exporters of the counters that begin so."""
        return sum(amount for name, amount in self._totals.items() if name.startswith(prefix))

    def sums(self) -> Iterable[tuple[str, Ints]]:
        """Counter and amounts by rank; only where there are several ranks."""
        return self._sums.items()

    def by_exporter(self) -> dict[str, Counts]:
        """Sums per exporter address; no zeros."""
        if self._alone:
            return {self._labels[0]: dict(self._totals)} if self._totals else {}
        out: dict[str, Counts] = {}
        for name, sums in self._sums.items():
            ranks = np.flatnonzero(sums)
            for rank, amount in zip(ranks.tolist(), sums[ranks].tolist(), strict=True):
                part = out.setdefault(self._labels[rank], {})
                part[name] = part.get(name, 0) + amount
        return out

    def _of(self, name: str) -> Ints:
        sums = self._sums.get(name)
        if sums is None:
            sums = self._sums[name] = np.zeros(len(self._labels), np.int64)
        return sums
