"""Time, injectable: wall clock in UTC milliseconds for records, monotonic seconds for timers.

Timers never look at the wall clock, which may step; records never look at the monotonic clock.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the program gets its time from."""

    def now_ms(self) -> int:
        """UTC, milliseconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards, from an arbitrary start."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """UTC, milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds since some start."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved: for tests and replay."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic = 0.0

    def now_ms(self) -> int:
        """UTC, milliseconds since 1970."""
        return self._now_ms

    def monotonic(self) -> float:
        """Seconds since the clock was made, counting `advance` only."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self._now_ms += round(seconds * 1000)
        self._monotonic += seconds

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an NTP step does."""
        self._now_ms += round(seconds * 1000)
