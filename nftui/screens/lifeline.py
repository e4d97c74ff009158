"""What ties the process to its terminal: when that goes away, or a signal says so, flows are stored and it ends.

Textual's event loop cannot be trusted with this: it blocks when a terminal is not read, and spins when one is gone.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress

_GRACE_SECONDS = 2.7
_RESTORE = b"\x1b[<u\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1049l\x1b[?25h\x1b[0m"
"""Ends keyboard and mouse reports, bracketed paste and the alternate screen; shows the cursor."""


class Lifeline:
    """Watches terminal and signals, and ends the process in time.

    A hangup means that nobody looks any more: flows are stored and the process ends at once. SIGTERM lets the screen
    restore the terminal first, but does not wait for it longer than three seconds.

    Args:
        leave: asks the application to end with an exit code; called in the event loop.
        store: stores what is in memory; called in another thread, and waited for.
    """

    def __init__(self, leave: Callable[[int], None], store: Callable[[], object]) -> None:
        self._leave = leave
        self._store = store
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finished = threading.Event()
        self._ending = threading.Lock()
        self._attributes: list[object] | None = None

    def watch(self) -> None:
        """Install the signal handlers and watch the terminal. For the main thread, before the screen opens."""
        with suppress(termios.error, OSError, ValueError):
            self._attributes = termios.tcgetattr(sys.__stdin__.fileno())  # type: ignore[union-attr]
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda received, _: self._begin(received))
        threading.Thread(target=self._watch_terminal, name="nftui-terminal", daemon=True).start()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """The event loop runs now."""
        self._loop = loop

    def release(self) -> None:
        """The screen has ended by itself."""
        self._finished.set()

    def _watch_terminal(self) -> None:
        poll = select.poll()
        try:
            poll.register(sys.__stdin__.fileno(), 0)  # type: ignore[union-attr]
        except (OSError, ValueError):
            return
        while not self._finished.is_set():
            # POLLHUP needs no asking; the time limit only lets this thread end.
            if any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(1000)):
                self._begin(signal.SIGHUP)
                return

    def _begin(self, number: int) -> None:
        if self._ending.acquire(blocking=False):
            threading.Thread(target=self._end, args=(number,), name="nftui-end").start()

    def _end(self, number: int) -> None:
        code = 128 + number
        deadline = time.monotonic() + _GRACE_SECONDS
        storing = threading.Thread(target=self._store, name="nftui-flush", daemon=True)
        if number == signal.SIGTERM:
            if self._loop is not None:
                with suppress(RuntimeError):  # the loop is closed already
                    self._loop.call_soon_threadsafe(self._leave, code)
            if self._finished.wait(1.5):
                return
        storing.start()
        storing.join(max(0.1, deadline - time.monotonic()))
        if number == signal.SIGTERM:
            self._restore()
        os._exit(code)

    def _restore(self) -> None:
        """Give back a terminal that the screen could not restore; never waits for it."""
        with suppress(OSError, ValueError, termios.error):
            descriptor = sys.__stderr__.fileno()  # type: ignore[union-attr]
            os.set_blocking(descriptor, False)
            os.write(descriptor, _RESTORE)
        if self._attributes is not None:
            with suppress(OSError, ValueError, termios.error):
                termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, self._attributes)  # type: ignore[union-attr, arg-type]
