"""Figures minute by minute: a ring of what counters grew by, for many owners at once or for one.

The counters go on growing elsewhere; the ring looks at them once a minute and keeps the differences. What the
minute in progress has so far is the difference to the last look. Who looks every second is right to a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
MINUTE_MS = 60_000
_LEAST = 16


@dataclass(frozen=True, slots=True)
class Minutes:
    """Amounts per minute.

    Attributes:
        start_ms: begin of the first minute, UTC; a multiple of 60 000.
        figures: name to amounts, oldest minute first, the last one still in progress; all of the same length.
    """

    start_ms: int = 0
    figures: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.figures.values()), ()))

    def total(self, name: str, minutes: int | None = None) -> int:
        """Sum of a figure over the latest minutes, or all."""
        amounts = self.figures.get(name, ())
        return sum(amounts if minutes is None else amounts[-minutes:])


class MinuteRing:
    """What counters of several owners grew by in each of the last minutes.

    Args:
        names: the figures.
        minutes: how many are kept, the one in progress among them.
    """

    def __init__(self, names: Sequence[str], minutes: int) -> None:
        self.names = tuple(names)
        self._kept = minutes
        self._minute = -1
        self._filled = 0
        self._last: Ints = np.zeros((len(self.names), 0), np.int64)
        self._ring: Ints = np.zeros((minutes, len(self.names), 0), np.int64)

    def is_due(self, now_ms: int) -> bool:
        """Whether a minute has ended since the last look."""
        return now_ms // MINUTE_MS > self._minute

    def turn(self, now_ms: int, amounts: Ints) -> None:
        """Close the minutes that have ended. Time that goes back is taken as the minute in progress.

        Args:
            now_ms: UTC.
            amounts: int64[figures, owners], counters so far.
        """
        minute = now_ms // MINUTE_MS
        if minute <= self._minute:
            return
        self._widen(amounts.shape[1])
        grown = self._grown(amounts)
        if self._minute >= 0:
            passed = min(minute - self._minute, self._kept + 1)
            self._ring = np.roll(self._ring, -passed, axis=0)
            self._ring[-passed:] = 0
            if passed <= self._kept:
                self._ring[-passed] = grown
            self._filled = min(self._kept - 1, self._filled + passed)
            self._last[:, : amounts.shape[1]] = amounts
        self._minute = minute

    def forget(self, owner: int, heir: int) -> None:
        """Free an owner's column; `heir` inherits it as it inherits the counters, unless it is negative."""
        if owner >= self._last.shape[1]:
            return
        self._widen(heir + 1)
        if heir >= 0:
            self._last[:, heir] += self._last[:, owner]
            self._ring[:, :, heir] += self._ring[:, :, owner]
        self._last[:, owner] = 0
        self._ring[:, :, owner] = 0

    def of(self, owners: Iterable[int], amounts: Ints) -> Minutes:
        """Sums over some owners; `amounts` as for `turn`, now."""
        if self._minute < 0:
            return Minutes()
        self._widen(amounts.shape[1])
        chosen = list(owners)
        past = self._ring[self._kept - self._filled :, :, chosen].sum(axis=2) if self._filled else None
        now = self._grown(amounts)[:, chosen].sum(axis=1)
        table = now[None] if past is None else np.concatenate([past, now[None]])
        start = (self._minute - len(table) + 1) * MINUTE_MS
        return Minutes(start, {name: tuple(table[:, n].tolist()) for n, name in enumerate(self.names)})

    def _grown(self, amounts: Ints) -> Ints:
        grown = -self._last
        grown[:, : amounts.shape[1]] += amounts
        return np.maximum(grown, 0)

    def _widen(self, owners: int) -> None:
        have = self._last.shape[1]
        if owners <= have:
            return
        more = max(_LEAST, 2 * have, owners) - have
        self._last = np.concatenate([self._last, np.zeros((len(self.names), more), np.int64)], axis=1)
        self._ring = np.concatenate([self._ring, np.zeros((self._kept, len(self.names), more), np.int64)], axis=2)
