"""How often the screen asks for news: less often when the terminal cannot keep up."""

from __future__ import annotations

_RATES = (4.0, 2.0, 1.0, 0.5)
_CALM_TICKS = 6
_BUSY_TICKS = 2


class Pace:
    """Refresh rate that halves when output waits tick after tick, and recovers when it does not.

    Textual queues up to 30 writes and then blocks its event loop, and with it the keys: a tick that finds output
    still queued must add nothing.
    """

    def __init__(self, rate: float = 2.0) -> None:
        self._fastest = _RATES.index(rate)
        self._step = self._fastest
        self._calm = self._busy = 0

    @property
    def interval(self) -> float:
        """Seconds until the next tick."""
        return 1 / _RATES[self._step]

    def tick(self, queued: int) -> bool:
        """Note how much output waits; whether this tick may draw."""
        if queued:
            self._calm = 0
            self._busy += 1
            if self._busy >= _BUSY_TICKS:
                self._step = min(self._step + 1, len(_RATES) - 1)
            return False
        self._busy = 0
        self._calm += 1
        if self._calm >= _CALM_TICKS and self._step > self._fastest:
            self._calm = 0
            self._step -= 1
        return True
