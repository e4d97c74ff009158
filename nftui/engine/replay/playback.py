"""Recorded flows through a live window, as if they came now: what `nftui --replay` looks at.

The recording has a clock of its own. It starts at the first flow, runs at a speed, stands still while paused, and
leaps over stretches in which nothing was received. The window's times and rates are those of the recording at any
speed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from nftui.config import Config
from nftui.engine.batch import FlowBatch
from nftui.engine.decode.status import ExporterStatus
from nftui.engine.health import Health
from nftui.engine.ingest.allow import Refused
from nftui.engine.ledger import Ledger
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.engine.live.window import LiveWindow
from nftui.engine.query.foreign import Formats
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query
from nftui.engine.query.session import Interrupted, Session
from nftui.engine.query.sources import find_sources, is_store
from nftui.engine.replay.stored import in_order
from nftui.engine.supervisor import Worker
from nftui.engine.watch.finding import WatchState
from nftui.engine.watch.watch import Watch
from nftui.errors import NftuiError

SLOWEST, FASTEST = 1.0, 1024.0
_BY = "time_received_ms"
_SHOWN_SKIPS = 5
_TICK_SECONDS = 0.05
_LEAP_SECONDS = 3.0
"""A pause of the recording that would be watched for longer than this is leapt over."""
_STOP_SECONDS = 1.0


class PlaybackClock:
    """Time of a recording. Thread-safe.

    Args:
        speed: seconds of the recording per second.
    """

    def __init__(self, speed: float) -> None:
        self._lock = threading.Lock()
        self._speed = speed
        self._running = False
        self._origin_ms = 0
        self._passed = 0.0
        self._since = time.monotonic()

    @property
    def speed(self) -> float:
        """Seconds of the recording per second while it runs."""
        return self._speed

    @property
    def running(self) -> bool:
        """Whether time passes."""
        return self._running

    def now_ms(self) -> int:
        """Time in the recording, UTC ms."""
        return self._origin_ms + round(self.monotonic() * 1000)

    def monotonic(self) -> float:
        """Seconds of the recording since its first flow."""
        with self._lock:
            return self._elapsed()

    def begin(self, first_ms: int) -> None:
        """Start, at the time of the first flow."""
        with self._lock:
            self._origin_ms = first_ms
            self._since = time.monotonic()
            self._running = True

    def run(self, on: bool) -> None:
        """Go on, or stand still."""
        with self._lock:
            self._settle()
            self._running = on

    def set_speed(self, speed: float) -> None:
        """Run at another speed, within `SLOWEST` and `FASTEST`."""
        with self._lock:
            self._settle()
            self._speed = min(max(speed, SLOWEST), FASTEST)

    def leap(self, to_ms: int) -> None:
        """Go on at a later time of the recording."""
        with self._lock:
            self._settle()
            self._passed = max(self._passed, (to_ms - self._origin_ms) / 1000)

    def _settle(self) -> None:
        """Count what has passed, before something changes."""
        self._passed = self._elapsed()
        self._since = time.monotonic()

    def _elapsed(self) -> float:
        return self._passed + ((time.monotonic() - self._since) * self._speed if self._running else 0.0)


class Playback:
    """A live window that recorded flows come into when their time of reception has come.

    Args:
        paths: stores, directories and files, as for `nftui dump -r`, one played after the other; the files of a
            directory of another tool in the order of their names.
        speed: seconds of the recording per second.
        formats: opens files of other tools.
        config: what the watch looks for in the recording; its command is not run.
        limits: bounds.
    """

    def __init__(
        self,
        paths: Sequence[str],
        speed: float,
        formats: Formats,
        config: Config | None = None,
        limits: Limits = DEFAULT,
    ) -> None:
        self.clock = PlaybackClock(speed)
        config = config or Config()
        quiet = replace(config, watch=replace(config.watch, command=""))
        self._watching = Watch(quiet, Ledger(), self.clock, limits)
        self._watcher = Worker("findings", self._watching.bodies()["findings"])
        self._paths = list(paths)
        self._formats = formats
        self._window = LiveWindow(self.clock, limits)
        self._worker = Worker("replay", self._play)
        self._session: Session | None = None
        self._skipped: list[tuple[str, str]] = []
        self._flows = 0
        self._ended = False
        self._problem = ""

    @property
    def ended(self) -> bool:
        """Whether the last flow has come."""
        return self._ended

    def start(self) -> None:
        """Find the recording and begin.

        Raises:
            UsageError: a path does not exist or is no source of flows.
        """
        for path in self._paths:
            find_sources([path], formats=self._formats).close()
        self._worker.start()
        self._watcher.start()

    def stop(self) -> bool:
        """End; nothing needs to be stored."""
        self._worker.stopping.set()
        session = self._session
        if session is not None:
            session.interrupt()
        self._watcher.stopping.set()
        return self._worker.stop(_STOP_SECONDS) and self._watcher.stop(_STOP_SECONDS)

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        """The window at the recording's time."""
        return self._window.snapshot(request)

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        """One record of the window."""
        return self._window.flow(key)

    def health(self) -> Health:
        """How many flows have come, and what could not be read."""
        warnings = [self._problem] if self._problem else []
        warnings += [f"skipped {path}: {reason}" for path, reason in self._skipped[:_SHOWN_SKIPS]]
        return Health(
            self.clock.now_ms(),
            counts={"flows.in": self._flows},
            store_root=", ".join(self._paths),
            workers=(self._worker.state(),),
            warnings=tuple(warnings),
        )

    def exporters(self) -> list[ExporterStatus]:
        """None: a recording has flows, not what exporters say of themselves."""
        return []

    def refused(self) -> list[Refused]:
        """None."""
        return []

    def watch(self) -> WatchState:
        """What has been found in the recording so far."""
        return self._watching.state()

    def mute(self, identity: tuple[str, str, str]) -> None:
        """Do not tell of a finding any more."""
        self._watching.mute(identity)

    def _play(self, stopping: threading.Event) -> None:
        for path in self._pieces():
            try:
                complete = self._play_one(path, stopping)
            except Interrupted:
                return
            except NftuiError as error:
                self._problem = str(error)
                continue
            if not complete:
                return
        self._ended = True
        self.clock.run(False)  # what was last stays on the screen

    def _pieces(self) -> Iterator[str]:
        """What is played in turn: a directory of files is not sorted as a whole, which would take all its memory."""
        for path in self._paths:
            files = self._formats.below(path) if os.path.isdir(path) and not is_store(path) else []
            yield from files or [path]

    def _play_one(self, path: str, stopping: threading.Event) -> bool:
        sources = find_sources([path], formats=self._formats)
        session = self._session = Session(sources, threads=1)
        try:
            if stopping.is_set():  # set before `stop` looked for a session to interrupt
                return False
            flows = in_order(Query(session, parse_filter("")), session, _BY, False)
            return all(self._give(batch, stopping) for batch in flows) and not stopping.is_set()
        finally:
            self._skipped += sources.skipped
            self._session = None
            session.close()

    def _give(self, batch: FlowBatch, stopping: threading.Event) -> bool:
        """Put flows into the window when their time has come; False when it shall end."""
        times = batch.columns[_BY]
        if not self._flows:
            self.clock.begin(int(times[0]))
        start = 0
        while start < len(batch):
            stop = int(np.searchsorted(times, self.clock.now_ms(), side="right"))
            if stop > start:
                due = batch.slice(start, stop)
                self._window.add(due)
                self._watching.add(due)
                self._flows += stop - start
                start = stop
                continue
            ahead_ms = int(times[start]) - self.clock.now_ms()
            if ahead_ms > _LEAP_SECONDS * 1000 * self.clock.speed and self.clock.running:
                self.clock.leap(int(times[start]))
            elif stopping.wait(_TICK_SECONDS):
                return False
        return not stopping.is_set()
