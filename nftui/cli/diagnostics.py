"""The only writer to standard error: standard output carries data and nothing else."""

from __future__ import annotations

import queue
import sys
import threading
from contextlib import suppress

from nftui.errors import FilterError, NftuiError
from nftui.text import clean

_UNSAID = 1000


def say(message: str) -> None:
    """Write one line for people; text from outside is made harmless, a closed terminal is no error."""
    with suppress(OSError, ValueError):
        sys.stderr.write("".join(f"{clean(line, 4096)}\n" for line in message.splitlines()))
        sys.stderr.flush()


class Herald:
    """Says lines in a thread of its own: a terminal that stands still (Ctrl-S) or a full pipe must hold up nobody."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(_UNSAID)
        self._missing = 0
        self._thread = threading.Thread(target=self._run, name="nftui-herald", daemon=True)
        self._thread.start()

    def say(self, message: str) -> None:
        """Say this soon. What nobody can be told is counted, and that is told."""
        try:
            self._lines.put_nowait(message)
        except queue.Full:
            self._missing += 1

    def close(self, seconds: float) -> bool:
        """Say what is left; False if it cannot be said in time, and standard error must not be used any more."""
        with suppress(queue.Full):
            self._lines.put_nowait(None)
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (message := self._lines.get()) is not None:
            missing, self._missing = self._missing, 0
            if missing:
                say(f"nftui: {missing} lines could not be written here in time")
            say(message)


def report(error: NftuiError) -> None:
    """Write an error as one line; a filter's with the place below it."""
    say(f"nftui: {error}")
    if isinstance(error, FilterError):
        if error.text:
            say(error.caret())
        if error.expected:
            say(f"expected {', '.join(error.expected)}")
        if error.suggestion:
            say(f"did you mean {error.suggestion}?")
