"""Whose turn it is to run Python: the screen's, while it has something to do.

CPython gives its lock to another thread when that has waited for the switch interval. Reception, storing and questions
always have something to do, so at any interval the work of one key is cut into pieces, between which all others have
their turn: at 300 000 flows/s and with a question about 10 M flows running, handlers of the screen took three to five
times as long as they computed. The interval is read anew by every thread that waits: so it is long while the event
loop works, and short while it waits for something to do.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

_ITS_TURN = 0.02
"""Seconds that the event loop works before others may interrupt it: longer than a key and its frame take."""

_THEIR_TURN = 0.0005
"""Seconds that another thread may hold Python when the event loop wants it; Python's default is felt in the keys."""

_LOOK_AGAIN = 0.005
"""Seconds after which the event loop lets go of Python to look for input although it has work left."""

_Result = TypeVar("_Result")


class _Turns(selectors.DefaultSelector):
    """A selector that is told when the event loop has nothing to do, for that is when it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self._looked = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for input; nothing when there is work left and input was looked for just now."""
        hurry = timeout is not None and timeout <= 0
        if hurry and time.monotonic() - self._looked < _LOOK_AGAIN:
            return []
        sys.setswitchinterval(_THEIR_TURN)
        try:
            return super().select(timeout)
        finally:
            sys.setswitchinterval(_ITS_TURN)
            self._looked = time.monotonic()


def run_first(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine in an event loop that other threads wait for while it works."""
    before = sys.getswitchinterval()
    try:
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_Turns())) as runner:
            return runner.run(main)
    finally:
        sys.setswitchinterval(before)
