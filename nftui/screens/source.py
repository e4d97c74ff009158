"""Where a screen gets its data from: the engine in this process, or a store that another process writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from nftui.errors import StoreLocked

if TYPE_CHECKING:
    from nftui.config import Config
    from nftui.engine.batch import FlowBatch
    from nftui.engine.decode.status import ExporterStatus, RejectedDatagram
    from nftui.engine.engine import Engine
    from nftui.engine.health import Health
    from nftui.engine.history.changes import Changes
    from nftui.engine.history.values import Timeline, TimelineRequest, TimeRange
    from nftui.engine.ingest.allow import Refused
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.engine.losses import Losses
    from nftui.engine.watch.finding import WatchState
    from nftui.probe.cache import CacheSnapshot
    from nftui.probe.embedded import EmbeddedProbe
    from nftui.probe.meter import MeterConfig
    from nftui.probe.statistics import ProbeStatistics


class ProbeControl(Protocol):
    """A probe that can be looked at and controlled; `nftui.probe.probe.Probe` is one."""

    @property
    def config(self) -> MeterConfig:
        """The metering in force, timeouts among it."""
        ...

    def statistics(self) -> ProbeStatistics:
        """All counters at this moment."""
        ...

    def cache(self, most: int | None = None) -> CacheSnapshot:
        """Flows in progress, next to expire first; at most so many of them."""
        ...

    def expire_all(self) -> int:
        """End and hand on all flows; returns how many."""
        ...

    def delete_all(self) -> int:
        """Forget all flows; returns how many."""
        ...

    def gather(self, on: bool) -> None:
        """Go on or stop metering."""
        ...

    def set_timeout(self, text: str) -> None:
        """Change a timeout by `name=time`. Raises UsageError."""
        ...


class PlaybackControl(Protocol):
    """A recording that is played."""

    @property
    def begun_ms(self) -> int | None:
        """When its first flow was received, UTC ms; None before it has come."""
        ...

    def pause(self) -> None:
        """Stand still, or go on."""
        ...

    def change_speed(self, factor: float) -> float:
        """Multiply the speed, within bounds; returns the new one."""
        ...

    def seek(self, to_ms: int) -> None:
        """Go on from another time of the recording, UTC ms."""
        ...

    def step(self, seconds: float) -> None:
        """Halt, and show what came so many seconds later, or earlier if negative."""
        ...

    def repeat(self) -> bool:
        """Begin anew after the end, or no longer; returns which."""
        ...


class Collector(Protocol):
    """What a collector tells of its exporters besides their status, and who may send to it.

    Called from one worker thread, like a `Part`.
    """

    def losses(self, address: str) -> Losses:
        """The last minutes of an exporter."""
        ...

    def rejected(self, address: str = "") -> Sequence[RejectedDatagram]:
        """Datagrams of an exporter, or of all, that could not be decoded; the latest first."""
        ...

    def allow(self, text: str) -> None:
        """Accept a sender from now on. Raises UsageError, or BackendError when the collector does not answer."""
        ...

    def refuse(self, text: str) -> None:
        """Accept a sender no longer. Raises as `allow`."""
        ...

    def settings(self) -> Mapping[str, str]:
        """Its configuration by name, as text."""
        ...


class Past(Protocol):
    """What was stored, and can be asked about.

    All methods but `cancel` and `progress` are called from one worker thread; `nftui.engine.history.history.History`
    is one. A question that was cancelled raises `nftui.engine.query.session.Interrupted`.
    """

    @property
    def unread(self) -> Sequence[tuple[str, str]]:
        """Path and reason of what the last question left out because it could not be read. From any thread."""
        ...

    @property
    def far(self) -> int:
        """Flow records that the extent leaves out, for their times are too far from when they were received."""
        ...

    def extent(self) -> TimeRange | None:
        """From the first flow to the last; None without flows."""
        ...

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        """The flows of `request.within`, which is set."""
        ...

    def timeline(self, request: TimelineRequest) -> Timeline:
        """Traffic over time."""
        ...

    def changes(self, request: LiveRequest, before: TimeRange) -> Changes:
        """The groups of a view in `request.within`, which is set, beside those in another range."""
        ...

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        """A record of the last snapshot of the view `flows` as batch and row."""
        ...

    def cancel(self) -> None:
        """Give up the running question. From any thread."""
        ...

    def progress(self) -> float:
        """Percent of the running question, negative where unknown. From any thread."""
        ...

    def rest(self) -> None:
        """Give back what is kept for further questions: for some seconds there was none."""
        ...

    def close(self) -> None:
        """Let go of the files."""
        ...


class Part(Protocol):
    """What answers a screen: an engine, a viewer or a recording.

    All methods but `stop` answer fast and are called from one worker thread.
    """

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        """The live window now."""
        ...

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        """The record of a row of the view `flows` as batch and row; None when it has left the window."""
        ...

    def health(self) -> Health:
        """Counters and state now."""
        ...

    def exporters(self) -> Sequence[ExporterStatus]:
        """All exporters known."""
        ...

    def refused(self) -> Sequence[Refused]:
        """Senders that are not allowed, the latest first."""
        ...

    def watch(self) -> WatchState:
        """What the watch has found."""
        ...

    def mute(self, identity: tuple[str, str, str]) -> bool:
        """Do not tell of a finding any more; whether this is kept over a restart."""
        ...

    def tell_all(self) -> int:
        """Tell of everything again that was made quiet with `mute`; returns how many findings were."""
        ...

    def stop(self) -> bool:
        """Store what is in memory, let go of everything; False when not done in time. May be called twice."""
        ...


class Source(Part, Protocol):
    """What a screen works with."""

    @property
    def label(self) -> str:
        """`LIVE`, or what it is instead, such as `VIEWER`."""
        ...

    @property
    def probe(self) -> ProbeControl | None:
        """The probe in this process, None without one."""
        ...

    @property
    def playback(self) -> PlaybackControl | None:
        """The recording that is played, None where flows are of now."""
        ...

    def start(self) -> None:
        """Open sockets and store. Raises NftuiError."""
        ...

    def past(self) -> Past | None:
        """What is stored, opened at each call; None where nothing is. Called in a worker thread. Raises NftuiError."""
        ...

    @property
    def collector(self) -> Collector | None:
        """The collector that the flows come from, here or in another process; None for a recording."""
        ...


_BUSY_FLOWS = 20_000.0
"""Flows a second from which on reception and the keys need a core that no question takes from them."""


def open_past(paths: Sequence[str], busy: Callable[[], bool] = lambda: False) -> Past | None:
    """Stores, directories and files to ask about, with all cores while not much is received here. Raises NftuiError."""
    from nftui.engine.archive.formats import ArchiveFormats
    from nftui.engine.history.history import History

    return History(paths, ArchiveFormats(), busy=busy)


class Answering:
    """A source that hands what is asked on to the part that it has started."""

    def __init__(self) -> None:
        self._part: Part | None = None
        self._stopping = threading.Lock()

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        """The live window now."""
        return self._running().snapshot(request)

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        """One record of the live window."""
        return self._running().flow(key)

    def health(self) -> Health:
        """Counters and state now."""
        return self._running().health()

    def exporters(self) -> Sequence[ExporterStatus]:
        """All exporters known."""
        return self._running().exporters()

    def refused(self) -> Sequence[Refused]:
        """Senders that are not allowed."""
        return self._running().refused()

    def watch(self) -> WatchState:
        """What the watch has found."""
        return self._running().watch()

    def mute(self, identity: tuple[str, str, str]) -> bool:
        """Do not tell of a finding any more; whether this is kept over a restart."""
        return self._running().mute(identity)

    def tell_all(self) -> int:
        """Tell of everything again that was made quiet with `mute`; returns how many findings were."""
        return self._running().tell_all()

    def stop(self) -> bool:
        """Store what is in memory and let go of everything."""
        with self._stopping:  # who comes second waits for who came first
            return self._part.stop() if self._part is not None else True

    def _running(self) -> Part:
        assert self._part is not None, "start comes first"
        return self._part


class LocalSource(Answering):
    """The engine in this process; a viewer when another process writes the store.

    Nothing is loaded before `start`, which the screen calls behind its first frame: NumPy, pyarrow and the sockets
    take longer than a terminal should stay black.

    Args:
        config: collector and store.
        on_start: called with the running engine, for those who feed it, such as the demo.
        meter: a probe whose flows the engine takes; with one, a store that another process writes is an error.
        past: opens what is asked about the past, in the place of the store.
    """

    def __init__(
        self,
        config: Config,
        on_start: Callable[[Engine], None] | None = None,
        meter: EmbeddedProbe | None = None,
        past: Callable[[], Past] | None = None,
    ) -> None:
        super().__init__()
        self._past = past
        self._config = config
        self._on_start = on_start
        self._meter = meter
        self._collector: Collector | None = None
        self._viewing = ""

    @property
    def label(self) -> str:
        """`LIVE`, or `VIEWER` with the process that writes the store."""
        return f"VIEWER of {self._viewing}" if self._viewing else "LIVE"

    @property
    def probe(self) -> ProbeControl | None:
        """The probe in this process."""
        return self._meter.probe if self._meter is not None else None

    @property
    def playback(self) -> PlaybackControl | None:
        """Flows are of now."""
        return None

    def start(self) -> None:
        """Open the store to write it, or else to follow it."""
        from nftui.engine.engine import Engine
        from nftui.engine.viewer import Viewer

        engine = Engine(self._config, meter=self._meter)
        try:
            engine.start()
        except StoreLocked as locked:
            if self._meter is not None:
                raise
            viewer = Viewer(self._config)
            viewer.start()
            self._part = self._collector = viewer
            self._viewing = " ".join(locked.owner.split()[:2]) or "another process"
            return
        self._part = self._collector = engine
        if self._on_start is not None:
            self._on_start(engine)

    def past(self) -> Past | None:
        """The store that is written or followed here, or what was given in its place."""
        if self._past is not None:
            return self._past()
        return open_past([str(self._config.store.root)], self._busy)

    def _busy(self) -> bool:
        if self._viewing:
            return False
        return self._meter is not None or self.health().rates.flows >= _BUSY_FLOWS

    @property
    def collector(self) -> Collector | None:
        """The engine, or the viewer's way to the process that collects."""
        return self._collector
