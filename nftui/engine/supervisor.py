"""Threads that cannot fail quietly.

An exception in a plain thread ends it without a word and leaves the exit code at 0. Every thread of the engine
is a `Worker`: its failure is recorded, shown in the health strip, and the body is started again a few times.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from nftui.engine.clock import Clock, SystemClock

RESTARTS = 3
RESTARTS_WITHIN_SECONDS = 60.0
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One thread as the health strip shows it.

    Attributes:
        status: `ready`, `running`, `restarting`, `failed` (given up) or `stopped`.
        restarts: how often it was started again since the start of the program.
        error: the last exception as one line, empty when there was none.
        silent_seconds: how long its body is overdue to ask whether it should stop: it hangs in something.
    """

    name: str
    status: str
    restarts: int = 0
    error: str = ""
    silent_seconds: float = 0.0


class StopEvent(threading.Event):
    """The event that ends a body, and a sign of life: a body that still asks for it moves."""

    def __init__(self) -> None:
        super().__init__()
        self._expected = time.monotonic()

    @property
    def silent_seconds(self) -> float:
        """Seconds since the body asked, or since the time that it wanted to wait was over; 0 below one."""
        silent = time.monotonic() - self._expected
        return silent if silent >= 1 else 0.0

    def is_set(self) -> bool:
        """Whether the body should end."""
        self._expected = time.monotonic()
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the body should end, or for so many seconds; whether it should end."""
        self._expected = time.monotonic() + (timeout if timeout is not None else threading.TIMEOUT_MAX)
        return super().wait(timeout)


class Worker:
    """A thread with a body that runs until its stop event is set.

    Args:
        name: shown to the user.
        body: called with the stop event; returns soon after the event is set.
        clock: for the window in which restarts are counted.
    """

    def __init__(self, name: str, body: Callable[[threading.Event], None], clock: Clock | None = None) -> None:
        self.stopping = StopEvent()
        self.trace = ""
        self._body = body
        self._clock = clock or SystemClock()
        self._state = WorkerState(name, "ready")
        self._failures: deque[float] = deque()
        self._thread = threading.Thread(target=self._run, name=f"nftui-{name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._state = WorkerState(self._state.name, "running")
        self.stopping.is_set()
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Ask the body to end and wait; False when it did not end in time."""
        self.stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def state(self) -> WorkerState:
        """What the thread does now."""
        state = self._state
        return replace(state, silent_seconds=self.stopping.silent_seconds) if state.status == "running" else state

    def note(self, error: Exception) -> None:
        """Record a failure that the body has survived."""
        old = self._state
        self.trace = "".join(traceback.format_exception(error))
        self._state = WorkerState(old.name, old.status, old.restarts, _one_line(error))

    def _run(self) -> None:
        with suppress(OSError):  # for top -H and perf; Python does this itself from 3.14 on
            Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(self._thread.name)
        while True:
            try:
                self._body(self.stopping)
            except Exception as error:
                self.note(error)
            else:
                self._set("stopped")
                return
            now = self._clock.monotonic()
            while self._failures and now - self._failures[0] > RESTARTS_WITHIN_SECONDS:
                self._failures.popleft()
            self._failures.append(now)
            if len(self._failures) > RESTARTS or self.stopping.is_set():
                self._set("failed")
                return
            self._set("restarting", 1)
            self.stopping.wait(_PAUSE_SECONDS)
            self._set("running")

    def _set(self, status: str, restarts: int = 0) -> None:
        old = self._state
        self._state = WorkerState(old.name, status, old.restarts + restarts, old.error)


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
