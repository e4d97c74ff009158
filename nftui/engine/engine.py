"""The engine: collector, store and live window behind one name. Screens and commands import nothing else of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from nftui.config import Config
from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock, SystemClock
from nftui.engine.control import ControlServer, socket_path
from nftui.engine.decode.datagrams import DatagramBlock
from nftui.engine.decode.decoder import Decoder
from nftui.engine.decode.status import ExporterStatus
from nftui.engine.health import Health, History, store_bytes, warnings
from nftui.engine.ingest.allow import AllowList, Refused, parse_source
from nftui.engine.ingest.pipeline import Parts, Pipeline
from nftui.engine.ingest.receiver import Receiver
from nftui.engine.ingest.slot_totals import SlotReport
from nftui.engine.ingest.template_file import TemplateFile
from nftui.engine.ingest.udp import Listener, listen, parse_endpoint
from nftui.engine.ledger import Ledger
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.engine.live.window import LiveWindow
from nftui.engine.memory import share_one_heap
from nftui.engine.seal_command import SealCommand
from nftui.engine.store.disk import store_error
from nftui.engine.store.seal import SealedSlot
from nftui.engine.store.writer import StoreStatus, StoreWriter
from nftui.engine.supervisor import Worker
from nftui.engine.upkeep import Upkeep, chores
from nftui.text import parse_address

_SAMPLE_SECONDS = 1.0
_TEMPLATE_SECONDS = 60.0
_STOP_SECONDS = 2.0
"""Reception, decoding and writing end within this; segments not sealed by then are sealed at the next start."""
_PROGRESS_SECONDS = 0.5
"""A store that writes nothing for so long after the end of that time hangs, and is left alone."""


class Meter(Protocol):
    """Makes flows in this process: an embedded probe."""

    def run(self, stopping: Event, take: Callable[[FlowBatch], None]) -> None:
        """Hand batches to `take` until `stopping` is set, and then what is left. May be called again if it failed."""
        ...


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
        sources = [parse_source(text) for text in config.collector.sources]
        self._allow = AllowList(() if sources and not _origin_of_allow(config) else config.collector.allow, sources)
        self._endpoints = [parse_endpoint(text) for text in config.collector.listen]
        self._command = (
            SealCommand(config.store.on_seal, str(self.store_root), config.store.ident, self.ledger)
            if config.store.on_seal
            else None
        )
        self._chores = chores(self.store_root, config.store)
        self._live = LiveWindow(self._clock, limits) if live else None
        self._history = History(self._clock)
        self._receiver: Receiver | None = None
        self._writer: StoreWriter | None = None
        self._pipeline: Pipeline | None = None
        self._control: ControlServer | None = None
        self._decoder = Decoder(limits, static_sampling(config.collector.sampling))
        self._template_file = TemplateFile(self.store_root, limits.template_file_bytes)
        self._saved_templates = time.monotonic()
        self._listeners: list[Listener] = []
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
            for endpoint in self._endpoints:
                opened = listen(endpoint, self._config.collector.receive_buffer)
                undo.callback(opened.close)
                self._listeners.append(opened)
            self._control = ControlServer(self.control_path, self._answerers())
            self._control.open()
            undo.pop_all()
        if self._listeners:
            self._receiver = Receiver(self._listeners, self._allow, self.ledger, self._clock, self._limits)
        self._restore_templates()
        parts = Parts(self._receiver, self._decoder, self._writer, self._live, self._on_slot)
        self._pipeline = Pipeline(parts, self.ledger, self._clock, self._limits, self._config.store.rotate)
        self._history.add(self.ledger.snapshot(), 0)
        self._run("store", self._pipeline.store)
        self._run("receive", self._pipeline.receive)
        if self._meter is not None:
            meter, take = self._meter, self._pipeline.add
            self._run("probe", lambda stopping: meter.run(stopping, take))
        self._run("watch", self._watch)
        self._run("control", self._control.run)
        if self._command is not None:
            self._run("command", self._command.run)
        if self._chores:
            self._run("upkeep", Upkeep(self._chores, self.ledger).run)
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
        others = [workers[name] for name in ("watch", "control", "upkeep") if name in workers]
        sources = [workers[name] for name in ("receive", "probe") if name in workers]
        for worker in (*others, *sources):
            worker.stopping.set()
        ended = workers["receive"].stop(deadline - time.monotonic())
        if self._receiver is not None:
            self._receiver.poll_drops()
            if ended:  # else its thread still reads them
                self._receiver.close()
        if "probe" in workers:
            ended &= workers["probe"].stop(max(0.1, deadline - time.monotonic()))
        ended &= self._stop_store(workers["store"], deadline)
        if ended:
            self._save_templates()
            self._pipeline.finish(max(0.3, deadline - time.monotonic()))
        if "command" in workers:
            others.append(workers["command"])  # last: the store has just sealed files for it
        for worker in others:
            worker.stop(max(0.1, deadline + 0.3 - time.monotonic()))
        if self._control is not None:
            self._control.close()
        return ended

    def _stop_store(self, worker: Worker, deadline: float) -> bool:
        """Wait until everything is written: past the deadline only while there is progress."""
        assert self._pipeline is not None
        worker.stopping.set()
        self._pipeline.wake()
        left = -1
        while not worker.stop(_PROGRESS_SECONDS):
            before, left = left, self.ledger.snapshot().get("flows.in_memory", 0)
            if time.monotonic() > deadline and left == before:
                return False
        return True

    @property
    def control_path(self) -> Path:
        """Where other processes ask."""
        text = self._config.collector.control
        return Path(text) if text else socket_path(self.store_root)

    @property
    def live(self) -> LiveWindow | None:
        """The live window, None without one."""
        return self._live

    def feed(self, block: DatagramBlock) -> None:
        """Take a block of datagrams from elsewhere, such as a capture. Waits while the store is behind."""
        assert self._pipeline is not None
        while self._pipeline.queue_fill > 0.5:
            time.sleep(0.01)
        self._pipeline.feed(block)

    def session(self, address: int, port: int) -> int:
        """Number of a transport session for blocks that are fed."""
        return self._decoder.session(address, port)

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        """The live window, ranked as asked.

        Raises:
            KeyError: there is no such view.
        """
        assert self._live is not None
        return self._live.snapshot(request)

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        """The record of a row of the flow list, as batch and row, or None when it has left the window."""
        assert self._live is not None
        return self._live.flow(key)

    def exporters(self) -> list[ExporterStatus]:
        """Exporters known, as the decoder sees them."""
        return self._pipeline.exporters() if self._pipeline is not None else []

    def refused(self) -> list[Refused]:
        """Senders that are not allowed, the latest first."""
        return self._allow.refused()

    def allow(self, text: str) -> None:
        """Believe a network or address from now on.

        Raises:
            UsageError: not a network.
        """
        self._allow.allow(text)

    def health(self) -> Health:
        """How everything is now."""
        counts = self.ledger.snapshot()
        store = self._writer.status() if self._writer is not None else None
        workers = tuple(worker.state() for worker in self._workers)
        recent = self._history.recent(counts)
        size = store_bytes(store)
        daily = self._history.bytes_per_day(size)
        free = store.free_bytes if store is not None and store.free_bytes >= 0 else None
        buffers = tuple(listener.warning for listener in self._listeners if listener.warning)
        return Health(
            now_ms=self._clock.now_ms(),
            uptime_seconds=self._history.uptime,
            counts=counts,
            recent=recent,
            rates=self._history.rates(counts),
            listen=tuple(listener.label for listener in self._listeners),
            queue_fill=self._pipeline.queue_fill if self._pipeline is not None else 0.0,
            store_root=str(self.store_root),
            store=store,
            bytes_per_day=daily,
            days_left=free / daily if free is not None and daily else None,
            workers=workers,
            refused=tuple(self._allow.refused()[:20]),
            warnings=warnings(recent, store, workers, buffers),
        )

    def _open_store(self) -> StoreWriter:
        config = self._config.store
        if not config.path:
            try:
                self.store_root.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise store_error("make", self.store_root.parent, error) from error
        writer = StoreWriter(self.store_root, config.rotate, self._clock, self._limits, config.ident, self._sealed)
        writer.open()
        return writer

    def _sealed(self, sealed: SealedSlot) -> None:
        if self._command is not None:
            self._command.add(sealed)

    def _run(self, name: str, body: Callable[[Event], None]) -> None:
        worker = Worker(name, body, self._clock)
        self._workers.append(worker)
        worker.start()

    def _watch(self, stopping: Event) -> None:
        """Body of the watch thread: kernel drops and the minute's history."""
        while not stopping.wait(_SAMPLE_SECONDS):
            if self._receiver is not None:
                self._receiver.poll_drops()
            status: StoreStatus | None = self._writer.status() if self._writer is not None else None
            self._history.add(self.ledger.snapshot(), store_bytes(status))
            if time.monotonic() - self._saved_templates > _TEMPLATE_SECONDS:
                self._save_templates()

    def _restore_templates(self) -> None:
        document = self._template_file.read()
        if document is not None:
            self.ledger.commit(self._decoder.restore(document, self._clock.now_ms()))

    def _save_templates(self) -> None:
        self._saved_templates = time.monotonic()
        if self._pipeline is not None and not self._template_file.write(self._pipeline.templates()):
            self.ledger.commit({"templates.save_failed": 1})

    def _answerers(self) -> dict[str, Callable[[], Any]]:
        return {
            "health": lambda: asdict(self.health()),
            "exporters": lambda: [
                {**asdict(exporter), "ident": self._allow.ident(parse_address(exporter.address))}
                for exporter in self.exporters()
            ],
            "refused": lambda: [asdict(refused) for refused in self.refused()],
            "config": lambda: [list(row) for row in self._config.table()],
        }


def static_sampling(rate: int) -> dict[str, int]:
    """What the decoder is told about exporters that announce no rate (or, below zero, whatever they announce)."""
    return {} if rate == 1 else {"0.0.0.0/0": rate, "::/0": rate}


def _origin_of_allow(config: Config) -> bool:
    """Whether somebody chose the allow-list: a source map alone replaces the default one."""
    return "collector.allow" in config.origins
