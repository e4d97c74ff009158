"""What must hold while a collector runs, looked at again and again."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nftui.engine.control import ask
from nftui.engine.counters import datagram_balance, flow_balance, record_balance
from nftui.errors import BackendError

_EVERY_SECONDS = 0.5
_WARM_SECONDS = 120.0
"""Memory and descriptors of a process are compared from then on."""
_GROWTH_MB = 64.0
"""What waits while the disk is full widens the heap: by 76 MB over the first four times (12 s each, 2400 flows/s), by
11 MB over the next four, and it is kept for the next time."""
_GROWTH_SHARE = 0.15
_DESCRIPTORS = 24
"""A collector has a few files more while it seals than when it rests."""
_DRIFT_MS = 500.0
_PAGE = os.sysconf("SC_PAGESIZE")


@dataclass
class Life:
    """One process of the collector, from its start to its end.

    Attributes:
        pid: of it.
        counts: as it told last.
        snapshots: how often it told.
        memory: seconds since the start, and MB resident.
        descriptors: seconds since the start, and open files.
        drift_ms: largest difference between wall clock and monotonic clock since the first snapshot.
    """

    pid: int
    began: float = field(default_factory=time.monotonic)
    counts: dict[str, int] = field(default_factory=dict)
    snapshots: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)
    descriptors: list[tuple[float, int]] = field(default_factory=list)
    drift_ms: float = 0.0
    clocks: tuple[int, float] | None = None

    def growth_mb(self) -> float | None:
        """Median of the last third of the warm time less that of the first third; None if it was too short."""
        warm = sorted(item for item in self.memory if item[0] >= _WARM_SECONDS)
        third = len(warm) // 3
        if third < 60:
            return None
        first, last = (sorted(mb for _, mb in part) for part in (warm[:third], warm[-third:]))
        return last[len(last) // 2] - first[len(first) // 2]

    def more_descriptors(self) -> int:
        """Most files open at a time, above the fewest, once warm."""
        warm = [count for seconds, count in self.descriptors if seconds >= min(_WARM_SECONDS, 5.0)]
        return max(warm) - min(warm) if warm else 0


class Watch:
    """A thread that asks the collector how it is, and notes each promise that does not hold.

    Args:
        control: the control socket.
    """

    def __init__(self, control: Path) -> None:
        self._control = control
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.lives: list[Life] = []
        self.broken: list[str] = []
        self.unanswered = 0
        self._thread.start()

    def begin(self, pid: int) -> None:
        """A collector has started."""
        self.lives.append(Life(pid))

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    @property
    def counts(self) -> dict[str, int]:
        """Counters of the running collector, now; as far as it answers."""
        self._look()
        return self.lives[-1].counts

    def note(self, what: str) -> None:
        """A promise that does not hold."""
        if what not in self.broken:
            self.broken.append(what)

    def conclude(self) -> None:
        """Compare what can be compared at the end only."""
        for number, life in enumerate(self.lives, 1):
            growth = life.growth_mb()
            largest = max((mb for _, mb in life.memory), default=0.0)
            if growth is not None and growth > max(_GROWTH_MB, _GROWTH_SHARE * largest):
                self.note(f"process {number} grew by {growth:.0f} MB")
            if life.more_descriptors() > _DESCRIPTORS:
                self.note(f"process {number} had {life.more_descriptors()} more files open at one time than at another")
            if life.drift_ms > _DRIFT_MS:
                self.note(f"the clocks of process {number} went {life.drift_ms:.0f} ms apart")

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_SECONDS):
            if self.lives:
                before = self.lives[-1].snapshots
                self._look()
                self.unanswered += self.lives[-1].snapshots == before

    def _look(self) -> None:
        life = self.lives[-1]
        try:
            health = ask(self._control, "health", 10.0)
        except BackendError:
            return
        if life is self.lives[-1]:
            self._check(life, health)

    def _check(self, life: Life, health: dict[str, Any]) -> None:
        counts = health["counts"]
        life.counts = counts
        life.snapshots += 1
        for balance in (datagram_balance, record_balance, flow_balance):
            if left := balance(counts):
                self.note(f"{balance.__name__} is {left}")
        if counts.get("decoder_bug") or counts.get("datagrams.rejected.bug"):
            self.note("the decoder met a bug")
        for worker in health["workers"]:
            if worker["error"] or worker["status"] == "failed":
                self.note(f"the {worker['name']} thread: {worker['error'] or worker['status']}")
        clocks = (health["now_ms"], health["uptime_seconds"] * 1000)
        life.clocks = life.clocks or clocks
        apart = (clocks[0] - life.clocks[0]) - (clocks[1] - life.clocks[1])
        life.drift_ms = max(life.drift_ms, abs(apart))
        with suppress(OSError, ValueError):
            since = time.monotonic() - life.began
            pages = int(Path(f"/proc/{life.pid}/statm").read_text().split()[1])
            life.memory.append((since, pages * _PAGE / 1e6))
            life.descriptors.append((since, len(os.listdir(f"/proc/{life.pid}/fd"))))
