"""Recorded flows through a live window, as if they came now: what `nftui --replay` looks at.

The recording has a clock of its own. It starts at the first flow, runs at a speed, stands still while paused, is set to
another time by whoever seeks, and leaps over stretches in which nothing was received. The window's times and rates are
those of the recording at any speed.
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
_WINDOW_MS = 30_000
"""What is played at once before the time that is sought, so that the window is full there."""
_PREFILL_MS = 1000
_LATE_MS = 600_000
"""Flows are received at most so long after they ended, as far as whole files are passed over."""


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

    def seek(self, to_ms: int) -> None:
        """Be at any time of the recording; `monotonic` does not notice."""
        with self._lock:
            self._settle()
            self._origin_ms = to_ms - round(self._passed * 1000)

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

    Attributes:
        clock: time of the recording; halting it and changing its speed is halting and hurrying the recording.
        loop: begin anew after the last flow.
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
        self.loop = False
        config = config or Config()
        quiet = replace(config, watch=replace(config.watch, command=""))
        self._ledger = Ledger()
        self._watching = Watch(quiet, self._ledger, self.clock, limits)
        self._watcher = Worker("findings", self._watching.bodies()["findings"])
        self._paths = list(paths)
        self._formats = formats
        self._limits = limits
        self._window = LiveWindow(self.clock, limits)
        self._worker = Worker("replay", self._play)
        self._session: Session | None = None
        self._skipped: list[tuple[str, str]] = []
        self._flows = 0
        self._ended = False
        self._problem = ""
        self._first_ms: int | None = None
        self._sought: int | None = None
        self._coming: int | None = None
        self._filled_ms = 0

    @property
    def begun_ms(self) -> int | None:
        """When the first flow was received, UTC ms; None before it has come."""
        return self._first_ms

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
            counts={"flows.in": self._flows, **self._ledger.snapshot()},
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

    def mute(self, identity: tuple[str, str, str]) -> bool:
        """Do not tell of a finding any more; False: not kept over a restart."""
        return self._watching.mute(identity)

    def tell_all(self) -> int:
        """Tell of everything again that was made quiet with `mute`; returns how many findings were."""
        return self._watching.tell_all()

    def seek(self, to_ms: int) -> None:
        """Go on from another time of the recording, halted if it was, and playing if it had ended. From any thread."""
        if self._ended:
            if self._first_ms is None:  # there is nothing in it
                return
            self.clock.run(True)
        self._sought = max(to_ms, self._first_ms or to_ms)
        session = self._session
        if session is not None:
            session.interrupt()

    def step(self, seconds: float) -> None:
        """Halt, and show what came so many seconds later, or earlier if negative. From any thread."""
        to_ms = self.clock.now_ms() + round(seconds * 1000)
        if seconds < 0 or self._ended:
            self.seek(to_ms)
        self.clock.run(False)
        if seconds > 0:
            self.clock.leap(to_ms)

    def _play(self, stopping: threading.Event) -> None:
        start_ms: int | None = None
        while not stopping.is_set():
            played = self._play_from(start_ms, stopping)
            if played:
                self._arrive()
                self.clock.leap(self._filled_ms)  # no flow came as late as that
            if played and self._sought is None:
                if self.loop and self._flows and self._first_ms is not None:
                    self._sought = self._first_ms
                else:
                    self._ended = True
                    self.clock.run(False)  # what was last stays on the screen
            while self._sought is None and not stopping.wait(_TICK_SECONDS):
                pass
            start_ms = self._begin_at(self._sought)

    def _begin_at(self, sought: int | None) -> int | None:
        """Where to read from, to be at a time with a full window."""
        if sought is None:
            return None
        self._sought = None
        self._ended = False
        self._coming = sought
        return sought - _WINDOW_MS

    def _arrive(self) -> None:
        """Empty the window, and set the clock so that it is full at the time that is sought.

        Not before the flows are there: until then what was shown last is shown.
        """
        if self._coming is not None:
            self._filled_ms, self._coming = self._coming, None
            self._window = LiveWindow(self.clock, self._limits)
            self.clock.seek(self._filled_ms - _WINDOW_MS)

    def _play_from(self, start_ms: int | None, stopping: threading.Event) -> bool:
        """Play from the first flow or from a time; False when something else is wanted before the end."""
        for path in self._pieces(start_ms):
            try:
                complete = self._play_one(path, start_ms, stopping)
            except Interrupted:
                return False
            except NftuiError as error:
                self._problem = str(error)
                continue
            if not complete:
                return False
        return True

    def _pieces(self, start_ms: int | None) -> Iterator[str]:
        """What is played in turn: a directory of files is not sorted as a whole, which would take all its memory."""
        for path in self._paths:
            files = self._formats.below(path) if os.path.isdir(path) and not is_store(path) else []
            # Flows are received after they ended, so that a file tells by their times when it is over.
            begun = None if start_ms is None else start_ms - _LATE_MS
            yield from [file for file in files if self._formats.may_hold(file, begun, None)] if files else [path]

    def _play_one(self, path: str, start_ms: int | None, stopping: threading.Event) -> bool:
        sources = find_sources([path], formats=self._formats)
        session = self._session = Session(sources, threads=1)
        try:
            if self._unwanted(stopping):  # since before there was a session to interrupt
                return False
            flows = in_order(Query(session, parse_filter("")), session, _BY, False, start_ms)
            return all(self._give(batch, stopping) for batch in flows) and not self._unwanted(stopping)
        finally:
            self._skipped += [skipped for skipped in sources.skipped if skipped not in self._skipped]
            self._session = None
            session.close()

    def _unwanted(self, stopping: threading.Event) -> bool:
        return stopping.is_set() or self._sought is not None

    def _give(self, batch: FlowBatch, stopping: threading.Event) -> bool:
        """Put flows into the window when their time has come; False when something else is wanted."""
        times = batch.columns[_BY]
        if self._first_ms is None:
            self._first_ms = int(times[0])
            self.clock.begin(self._first_ms)
        self._arrive()
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
            next_ms = int(times[start])
            ahead_ms = next_ms - self.clock.now_ms()
            if next_ms <= self._filled_ms:
                self.clock.leap(min(self._filled_ms, (next_ms // _PREFILL_MS + 1) * _PREFILL_MS))
            elif self.clock.now_ms() < self._filled_ms:
                self.clock.leap(self._filled_ms)
            elif ahead_ms > _LEAP_SECONDS * 1000 * self.clock.speed and self.clock.running:
                self.clock.leap(next_ms)
            elif self._unwanted(stopping) or stopping.wait(_TICK_SECONDS):
                return False
        return not self._unwanted(stopping)
