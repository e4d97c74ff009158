"""How far a long query is, on standard error, if that is a terminal."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Protocol, Self

_FIRST_SECONDS = 1.0
_EVERY_SECONDS = 0.2
_WIDTH = 40


class Measured(Protocol):
    """Work that knows how far it is, such as a session of queries."""

    def progress(self) -> float:
        """Percent, negative where unknown. From any thread."""


class Progress:
    """Shows a bar while its block runs, after the first second.

    Args:
        work: is watched.
    """

    def __init__(self, work: Measured) -> None:
        self._work = work
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Take the bar away, for good."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        shown = False
        wait = _FIRST_SECONDS
        while not self._over.wait(wait):
            wait = _EVERY_SECONDS
            sys.stderr.write("\r" + bar(self._work.progress()))
            sys.stderr.flush()
            shown = True
        if shown:
            self.clear()

    def clear(self) -> None:
        """Make the line of the bar empty."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def bar(percent: float) -> str:
    """A bar of fixed width; empty where nothing is known yet."""
    share = min(max(percent, 0.0), 100.0)
    filled = int(share * _WIDTH / 100)
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {share:3.0f} %"
