"""Care of the store beside the collector: expiry and compaction, in processes of their own, now and then."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nftui.config import StoreConfig
from nftui.engine.ledger import Ledger
from nftui.engine.store.retention import parse_policy

_FIRST_SECONDS = 30.0
_EVERY_SECONDS = 600.0
_HURRY_SECONDS = 30.0
"""While the disk is short of room, what may be removed is looked for so often."""
_LOOK_SECONDS = 1.0
_POLL_SECONDS = 0.2
_STOP_SECONDS = 1.0
_PROGRAM = (sys.executable, "-P", "-m", "nftui")


@dataclass(frozen=True, slots=True)
class Chore:
    """A command that is run again and again.

    Attributes:
        command: program and arguments.
        counter: first word of the counters `<counter>.run` and `<counter>.failed`.
    """

    command: tuple[str, ...]
    counter: str


class Upkeep:
    """Runs `nftui expire` and `nftui compact` every ten minutes.

    Not a thread that does the work: sorting an hour needs memory that the collector would keep, and processor time
    that its other threads would wait for. The kernel gives the process what nobody else wants.

    Args:
        chores: what is run, in this order.
        ledger: counts how they end, and what they report: a JSON object of whole numbers on standard output, added
            as `expired.<name>`.
        short: whether the disk is short of room, so that expiry cannot wait for its turn.
    """

    def __init__(self, chores: tuple[Chore, ...], ledger: Ledger, short: Callable[[], bool] = lambda: False) -> None:
        self._chores = chores
        self._ledger = ledger
        self._short = short

    def run(self, stopping: threading.Event) -> None:
        """Body of the thread."""
        due = time.monotonic() + _FIRST_SECONDS
        hurried = -_HURRY_SECONDS
        while not stopping.wait(_LOOK_SECONDS):
            now = time.monotonic()
            if now >= due or (self._short() and now - hurried >= _HURRY_SECONDS):
                self.once(stopping)
                hurried, due = time.monotonic(), time.monotonic() + _EVERY_SECONDS

    def once(self, stopping: threading.Event) -> None:
        """Do all chores; ends early, with nothing half done, when it should stop."""
        for chore in self._chores:
            if not stopping.is_set():
                self._do(chore, stopping)

    def _do(self, chore: Chore, stopping: threading.Event) -> None:
        try:
            child = subprocess.Popen(  # noqa: S603 - our own program
                chore.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError:
            self._ledger.commit({f"{chore.counter}.failed": 1})
            return
        with child:
            while child.poll() is None:
                if stopping.wait(_POLL_SECONDS):
                    _end(child)
                    return
            said = child.stdout.read() if child.stdout is not None else b""
        counts = {f"{chore.counter}.failed" if child.returncode else f"{chore.counter}.run": 1}
        if said:
            counts |= {f"expired.{name}": int(amount) for name, amount in json.loads(said).items()}
        self._ledger.commit(counts)


def chores(root: Path, config: StoreConfig) -> tuple[Chore, ...]:
    """What the configuration asks for. Raises UsageError for limits that are none."""
    found = []
    texts = {
        "-s": config.expire_size, "-t": config.expire_age, "-f": config.expire_free, "-w": str(config.expire_watermark),
    }  # fmt: skip
    if parse_policy(*texts.values()).limited:
        options = [part for option, text in texts.items() if text for part in (option, text)]
        found.append(Chore((*_PROGRAM, "expire", "--background", *options, "-e", str(root)), "expiries"))
    if config.compact:
        found.append(Chore((*_PROGRAM, "compact", "--background", "-l", str(root)), "compactions"))
    return tuple(found)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
