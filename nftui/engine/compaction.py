"""Compaction beside the collector: a process of its own, of low priority, now and then."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from nftui.engine.ledger import Ledger

_FIRST_SECONDS = 30.0
_EVERY_SECONDS = 600.0
_POLL_SECONDS = 0.2
_STOP_SECONDS = 1.0


class Compaction:
    """Runs `nftui compact` every ten minutes.

    Not a thread that does the work: sorting an hour needs memory that the collector would keep, and processor time
    that its other threads would wait for. The kernel gives the process what nobody else wants.

    Args:
        root: the store.
        ledger: counts `compactions.run` and `compactions.failed`.
        command: what is run, before the store's path.
    """

    def __init__(self, root: Path, ledger: Ledger, command: tuple[str, ...] = ()) -> None:
        self._command = [
            *(command or (sys.executable, "-P", "-m", "nftui", "compact", "--background", "-l")),
            str(root),
        ]
        self._ledger = ledger

    def run(self, stopping: threading.Event) -> None:
        """Body of the thread."""
        pause = _FIRST_SECONDS
        while not stopping.wait(pause):
            self.compact(stopping)
            pause = _EVERY_SECONDS

    def compact(self, stopping: threading.Event) -> None:
        """Compact once; ends early, with nothing half done, when it should stop."""
        try:
            child = subprocess.Popen(  # noqa: S603 - our own program
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        except OSError:
            self._ledger.commit({"compactions.failed": 1})
            return
        while child.poll() is None:
            if stopping.wait(_POLL_SECONDS):
                _end(child)
                return
        self._ledger.commit({"compactions.failed" if child.returncode else "compactions.run": 1})


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
