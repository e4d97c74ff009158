"""How a program that runs for long is told to end."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable

_LOOK_SECONDS = 0.1
_ACCIDENT_SECONDS = 0.5
"""Signals so close together are one: a closed terminal sends SIGHUP twice, a shell and systemd send two kinds."""


class StopSignals:
    """SIGTERM, SIGINT and SIGHUP, from the making of this on: the first asks to end, one more ends the process at once.

    For the main thread, which must not wait for anything but this: Python handles signals between two of its steps.
    Handlers take no lock, because they may come while the thread that runs them holds it.

    Args:
        then: called with the first signal.
    """

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self._then = then
        self._first: float | None = None
        self._reading, self._writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda received, _: self._take(received))

    def is_set(self) -> bool:
        """Whether a signal came."""
        return self._first is not None

    def wait(self, seconds: float) -> bool:
        """Wait for the first signal; whether it came."""
        return bool(select.select([self._reading], [], [], seconds)[0])

    def join(self, work: Callable[[], bool], patience: float, impatient: Callable[[], object]) -> bool:
        """Do the work of ending in a thread of its own, so that a disk that hangs cannot keep signals from coming.

        Args:
            work: what is done.
            patience: seconds after which it should be done.
            impatient: called if it is not done by then.

        Returns:
            What the work gives; False if it raised.
        """
        results: list[bool] = []
        thread = threading.Thread(target=lambda: results.append(work()), name="nftui-end", daemon=True)
        thread.start()
        end = time.monotonic() + patience
        told = False
        while thread.is_alive():
            # Looking up now and then: the kernel may hand a signal to another thread, which does not wake this one.
            thread.join(_LOOK_SECONDS)
            if not told and time.monotonic() > end:
                told = True
                impatient()
        return bool(results) and results[0]

    def _take(self, number: int) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = now
            os.write(self._writing, b".")
            self._then()
        elif now - self._first > _ACCIDENT_SECONDS:
            os._exit(128 + number)
