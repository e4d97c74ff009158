"""The engine: collector, store and live window behind one name. Screens and commands import nothing else of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event

from nftui.config import Config
from nftui.engine import elements
from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock, SystemClock
from nftui.engine.companions import Companions
from nftui.engine.control import ControlServer, socket_path
from nftui.engine.decode.datagrams import DatagramBlock
from nftui.engine.decode.decoder import Decoder
from nftui.engine.decode.status import ExporterStatus, RejectedDatagram
from nftui.engine.ending import LAST_SECONDS, close_store, stop_store
from nftui.engine.health import Health, History, store_bytes, warnings
from nftui.engine.ingest.allow import Refused
from nftui.engine.ingest.flow_filter import FlowFilter
from nftui.engine.ingest.intake import Intake
from nftui.engine.ingest.pipeline import Parts, Pipeline
from nftui.engine.ingest.sampling import static_sampling
from nftui.engine.ingest.slot_totals import SlotReport
from nftui.engine.ingest.template_file import TemplateFile
from nftui.engine.ledger import Ledger
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.engine.live.window import LiveWindow
from nftui.engine.losses import CollectorMinutes, Losses
from nftui.engine.memory import share_one_heap
from nftui.engine.meter import Meter
from nftui.engine.metrics import Metrics
from nftui.engine.metrics_server import MetricsServer
from nftui.engine.minutes import Minutes
from nftui.engine.questions import advisers, answerers
from nftui.engine.store.disk import store_error
from nftui.engine.store.writer import StoreStatus, StoreWriter
from nftui.engine.supervisor import Worker
from nftui.engine.watch.finding import WatchState
from nftui.errors import UsageError
from nftui.text import parse_address

_SAMPLE_SECONDS = 1.0
_TEMPLATE_SECONDS = 60.0
_STOP_SECONDS = 1.3
"""Reception, decoding and writing end within this; segments not sealed by then are sealed at the next start."""
_SHORT_OF_SPACE = frozenset({"low_space", "disk_full", "no_inodes", "quota"})
"""Faults of the store that expiry can end."""
_HELPER_SECONDS = 0.1


class Engine:
    """Receives, decodes, stores and keeps the live window. Constructing it does nothing; `start` does.

    Args:
        config: the parts `collector` and `store` are used; without `collector.listen` nothing is received.
        clock: time, injectable.
        limits: bounds.
        live: keep the live window, for a screen.
        on_slot: called after each slot with its sums, in the store thread.
        meter: makes flows beside the collector, in a thread of its own.
    """

    def __init__(
        self,
        config: Config,
        clock: Clock | None = None,
        limits: Limits = DEFAULT,
        live: bool = True,
        on_slot: Callable[[SlotReport], None] | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.store_root = config.store.root
        self.ledger = Ledger()
        self._config = config
        self._clock: Clock = clock or SystemClock()
        self._limits = limits
        self._on_slot = on_slot
        self._meter = meter
        collector = config.collector
        if config.elements.file:
            elements.read_user_file(Path(config.elements.file).expanduser())
        self._intake = Intake(collector, "collector.allow" in config.origins, self.ledger, self._clock, limits)
        self._keep = FlowFilter(collector.filter) if collector.filter.strip() else None
        self._metrics = Metrics()
        self._metrics_server = MetricsServer(collector.metrics, self.metrics) if collector.metrics else None
        self._companions = Companions(config, self.ledger, self._clock, limits, live)
        self._history = History(self._clock)
        self._minutes = CollectorMinutes(limits.exporter_minutes)
        self._writer: StoreWriter | None = None
        self._pipeline: Pipeline | None = None
        self._control: ControlServer | None = None
        self._decoder = Decoder(limits, static_sampling(collector.sampling, collector.sampling_of))
        self._template_file = TemplateFile(self.store_root, limits.template_file_bytes)
        self._saved_templates = time.monotonic()
        self._workers: list[Worker] = []
        self._running = False

    def start(self) -> None:
        """Open store, sockets and control socket, and start the threads.

        Raises:
            StoreLocked: another process writes this store.
            StoreError: it cannot be written.
            ListenError: a port cannot be opened; nothing is left open.
        """
        share_one_heap()
        with ExitStack() as undo:
            self._writer = self._open_store()
            undo.callback(self._writer.close)
            self._intake.open()
            undo.callback(self._intake.close)
            if self._metrics_server is not None:
                self._metrics_server.open()
                undo.callback(self._metrics_server.close)
            self._control = ControlServer(
                self.control_path,
                answerers(self, self._intake, self._config),
                advisers(self),
                self._config.collector.control_group,
            )
            self._control.open()
            undo.pop_all()
        self._restore_templates()
        receiver, streams = self._intake.receiver, self._intake.streams
        onlookers = self._companions.onlookers
        parts = Parts(receiver, self._decoder, self._writer, onlookers, self._on_slot, self._keep)
        self._pipeline = Pipeline(parts, self.ledger, self._clock, self._limits, self._config.store.rotate)
        self._history.add(self.ledger.snapshot(), 0)
        self._run("store", self._pipeline.store)
        self._run("receive", self._pipeline.receive)
        if streams is not None:
            sink = self._pipeline
            self._run("streams", lambda stopping: streams.run(stopping, sink))
        if self._meter is not None:
            meter, take = self._meter, self._pipeline.add
            self._run("probe", lambda stopping: meter.run(stopping, take))
        self._run("watch", self._watch)
        self._run("control", self._control.run)
        if self._metrics_server is not None:
            self._run("metrics", self._metrics_server.run)
        for name, body in self._companions.bodies(self._short_of_space).items():
            self._run(name, body)
        self._running = True

    def stop(self) -> bool:
        """Stop receiving, take what has come, store and seal it, let go of everything. May be called twice.

        Returns:
            False when a thread did not end in time; what it held is not in the store.
        """
        if not self._running or self._pipeline is None:
            return True
        self._running = False
        deadline = time.monotonic() + _STOP_SECONDS
        workers = {worker.state().name: worker for worker in self._workers}
        helpers = ("control", "metrics", "upkeep", "lake", "findings", "told")
        others = [workers[name] for name in helpers if name in workers]
        sources = [workers[name] for name in ("receive", "streams", "probe") if name in workers]
        for worker in (*others, *sources):
            worker.stopping.set()
        ended = workers["receive"].stop(deadline - time.monotonic())
        if "streams" in workers:
            ended &= workers["streams"].stop(max(0.1, deadline - time.monotonic()))
        self._intake.poll_drops()
        if ended:  # else a thread still reads the sockets
            self._intake.close()
        if "probe" in workers:
            ended &= workers["probe"].stop(max(0.1, deadline - time.monotonic()))
        workers["watch"].stopping.set()  # it saves the templates, of all that was received
        ended &= stop_store(workers["store"], self._pipeline, self.ledger, deadline)
        if ended:
            ended = close_store(self._pipeline, self.ledger, self._clock, deadline, self._workers.append)
        # These last: the store has just sealed files, and handed on flows, for them.
        for name in ("watch", "command", "kafka"):
            if name in workers:
                workers[name].stop(max(0.05, deadline + LAST_SECONDS - time.monotonic()))
        for worker in others:  # they have been told long ago, and have nothing that would be lost
            worker.stop(_HELPER_SECONDS)
        for server in (self._control, self._metrics_server):
            if server is not None:
                server.close()
        return ended

    def traces(self) -> list[str]:
        """The traceback of the last failure of each thread that had one."""
        return [worker.trace for worker in self._workers if worker.trace]

    @property
    def control_path(self) -> Path:
        """Where other processes ask."""
        text = self._config.collector.control
        return Path(text) if text else socket_path(self.store_root)

    @property
    def metrics_url(self) -> str:
        """Where metrics are served, empty when they are not."""
        return self._metrics_server.label if self._metrics_server is not None else ""

    @property
    def live(self) -> LiveWindow | None:
        """The live window, None without one."""
        return self._companions.live

    def feed(self, block: DatagramBlock) -> None:
        """Take a block of datagrams from elsewhere, such as a capture. Waits while the store is behind."""
        assert self._pipeline is not None
        while self._pipeline.queue_fill > 0.5 and all(one.state().status != "failed" for one in self._workers):
            time.sleep(0.01)
        self._pipeline.feed(block)

    def session(self, address: int, port: int) -> int:
        """Number of a transport session for blocks that are fed."""
        assert self._pipeline is not None
        return self._pipeline.session(address, port)

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        """The live window, ranked as asked.

        Raises:
            KeyError: there is no such view.
        """
        assert self.live is not None
        return self.live.snapshot(request)

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        """The record of a row of the flow list, as batch and row, or None when it has left the window."""
        assert self.live is not None
        return self.live.flow(key)

    def exporters(self) -> list[ExporterStatus]:
        """Exporters known, as the decoder sees them, with what was counted of them elsewhere."""
        known = self._pipeline.exporters() if self._pipeline is not None else []
        elsewhere = self.ledger.exporters()
        self.ledger.forget(elsewhere.keys() - {exporter.address for exporter in known})
        return [
            replace(
                exporter,
                counts=exporter.counts | elsewhere.get(exporter.address, {}),
                ident=self._intake.allow.ident(parse_address(exporter.address)) or "",
            )
            for exporter in known
        ]

    def losses(self, address: str) -> Losses:
        """The last minutes of an exporter, and of the collector.

        Raises:
            UsageError: not an address.
        """
        try:
            number = parse_address(address)
        except ValueError:
            raise UsageError(f"{address}: not an address") from None
        minutes = self._pipeline.minutes(number) if self._pipeline is not None else Minutes()
        return Losses(minutes, self._minutes.now(self.ledger.snapshot()))

    def rejected(self, address: str = "") -> list[RejectedDatagram]:
        """The latest datagrams of an exporter, or of all, that could not be decoded; the latest first."""
        return self._pipeline.rejected(address) if self._pipeline is not None else []

    def watch(self) -> WatchState:
        """What the watch has found; nothing where nothing is looked for."""
        return self._companions.watched()

    def mute(self, identity: tuple[str, str, str]) -> bool:
        """Do not tell of a finding any more; whether this is kept over a restart."""
        return self._companions.mute(identity)

    def tell_all(self) -> int:
        """Tell of everything again that was made quiet with `mute`; returns how many findings were."""
        return self._companions.tell_all()

    def metrics(self) -> str:
        """Everything that is counted, as OpenMetrics text."""
        return self._metrics.text(self.health(), self.exporters())

    def refused(self) -> list[Refused]:
        """Senders that are not allowed, the latest first."""
        return self._intake.allow.refused()

    def allow(self, text: str) -> None:
        """Believe a network or address from now on.

        Raises:
            UsageError: not a network.
        """
        self._intake.allow.allow(text)

    def refuse(self, text: str) -> None:
        """Believe a network or address no longer, whatever was allowed before.

        Raises:
            UsageError: not a network.
        """
        self._intake.allow.exclude(text)

    def settings(self) -> dict[str, str]:
        """The configuration by its names, as text."""
        return {
            name: ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            for name, value, _ in self._config.table()
        }

    def health(self) -> Health:
        """How everything is now."""
        counts = self.ledger.snapshot()
        store = self._writer.status() if self._writer is not None else None
        workers = tuple(worker.state() for worker in self._workers)
        recent = self._history.recent(counts)
        size = store_bytes(store)
        daily = self._history.bytes_per_day(size)
        free = store.free_bytes if store is not None and store.free_bytes >= 0 else None
        return Health(
            now_ms=self._clock.now_ms(),
            uptime_seconds=self._history.uptime,
            counts=counts,
            recent=recent,
            rates=self._history.rates(counts),
            listen=self._intake.labels,
            queue_fill=self._pipeline.queue_fill if self._pipeline is not None else 0.0,
            queue_peak=self._pipeline.queue_peak if self._pipeline is not None else 0.0,
            store_root=str(self.store_root),
            store=store,
            bytes_per_day=daily,
            days_left=free / daily if free is not None and daily else None,
            workers=workers,
            refused=tuple(self._intake.allow.refused()[:20]),
            warnings=warnings(recent, store, workers, (*self._intake.warnings, *self._companions.warnings)),
        )

    def _open_store(self) -> StoreWriter:
        config = self._config.store
        if not config.path:
            try:
                self.store_root.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise store_error("make", self.store_root.parent, error) from error
        writer = StoreWriter(
            self.store_root, config.rotate, self._clock, self._limits, config.ident, self._companions.sealed
        )
        writer.open()
        return writer

    def _short_of_space(self) -> bool:
        return self._writer is not None and self._writer.status().fault in _SHORT_OF_SPACE

    def _run(self, name: str, body: Callable[[Event], None]) -> None:
        worker = Worker(name, body, self._clock)
        self._workers.append(worker)
        worker.start()

    def _watch(self, stopping: Event) -> None:
        """Body of the watch thread: kernel drops and the minute's history."""
        while not stopping.wait(_SAMPLE_SECONDS):
            self._intake.poll_drops()
            status: StoreStatus | None = self._writer.status() if self._writer is not None else None
            counts = self.ledger.snapshot()
            self._history.add(counts, store_bytes(status))
            self._minutes.turn(self._clock.now_ms(), counts)
            if self.ledger.exporter_count > self._limits.exporters:
                self.exporters()  # forgets those that the decoder has forgotten
            if time.monotonic() - self._saved_templates > _TEMPLATE_SECONDS:
                self._save_templates()
        self._save_templates()

    def _restore_templates(self) -> None:
        document = self._template_file.read()
        if document is not None:
            self.ledger.commit(self._decoder.restore(document, self._clock.now_ms()))

    def _save_templates(self) -> None:
        self._saved_templates = time.monotonic()
        if self._pipeline is not None and not self._template_file.write(self._pipeline.templates()):
            self.ledger.commit({"templates.save_failed": 1})
