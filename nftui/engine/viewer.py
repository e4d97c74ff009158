"""Follow a store that another process writes: its live segments, and its health over the control socket.

Takes no lock and changes nothing, so that any number of viewers can watch one collector.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock, SystemClock
from nftui.engine.control import ask, socket_path
from nftui.engine.decode.status import ExporterStatus, InterfaceStatus, NumberingStatus, SamplingStatus, TemplateStatus
from nftui.engine.health import Health, Rates
from nftui.engine.ingest.allow import Refused
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.engine.live.window import LiveWindow
from nftui.engine.store.arrow import from_arrow
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.segment import SegmentReader
from nftui.engine.store.writer import StoreStatus
from nftui.engine.supervisor import Worker, WorkerState
from nftui.errors import BackendError, StoreError

_POLL_SECONDS = 0.2
_ANSWER_SECONDS = 1.0

_OTHER_VERSION = (KeyError, TypeError, ValueError)
"""What reading an answer ends with when the collector does not mean what we do."""

Made = TypeVar("Made")


class Viewer:
    """A live window over another process's live segments.

    Flows that were there before the viewer are not shown: the window is about now.

    Args:
        root: directory of the store.
        control: control socket of the collector, empty for the store's own.
        clock: time, injectable.
        limits: bounds.
    """

    def __init__(self, root: Path, control: str = "", clock: Clock | None = None, limits: Limits = DEFAULT) -> None:
        self.store_root = root
        self._control = Path(control) if control else socket_path(root)
        self._clock = clock or SystemClock()
        self._catalog = Catalog(root)
        self._window = LiveWindow(self._clock, limits)
        self._readers: dict[Path, SegmentReader] = {}
        self._worker = Worker("view", self._follow, self._clock)
        self._flows = 0

    def start(self) -> None:
        """Begin to follow.

        Raises:
            StoreError: there is no store, or it may not be read.
        """
        try:
            next(self.store_root.iterdir(), None)
        except OSError as error:
            raise StoreError(f"cannot read the store {self.store_root}: {error.strerror}") from error
        for path in self._catalog.live():
            for _ in self._open(path).batches():
                pass
        self._worker.start()

    def stop(self) -> bool:
        """Stop following; nothing needs to be stored."""
        ended = self._worker.stop(1.0)
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        return ended

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        """The live window, ranked as asked."""
        return self._window.snapshot(request)

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        """One record of the live window."""
        return self._window.flow(key)

    def health(self) -> Health:
        """The collector's own figures; when it does not answer, what is known here, and a warning."""
        try:
            return health_of(ask(self._control, "health", _ANSWER_SECONDS))
        except BackendError as error:
            warning = str(error)
        except _OTHER_VERSION:
            warning = "the collector is of another version: its health cannot be read"
        return Health(
            self._clock.now_ms(), counts={"flows.in": self._flows}, store_root=str(self.store_root),
            warnings=(warning,),
        )  # fmt: skip

    def exporters(self) -> list[ExporterStatus]:
        """Exporters as the collector sees them; none when it does not answer."""
        return self._ask_list("exporters", exporter_of)

    def refused(self) -> list[Refused]:
        """Senders that the collector does not allow."""
        return self._ask_list("refused", partial(_made, Refused))

    def _ask_list(self, question: str, made: Callable[[dict[str, Any]], Made]) -> list[Made]:
        try:
            return [made(entry) for entry in ask(self._control, question, _ANSWER_SECONDS)]
        except (BackendError, *_OTHER_VERSION):
            return []

    def _follow(self, stopping: threading.Event) -> None:
        while not stopping.wait(_POLL_SECONDS):
            for path in self._catalog.live():
                if path not in self._readers:
                    with contextlib.suppress(FileNotFoundError):  # sealed since it was listed
                        self._open(path)
            for path, reader in list(self._readers.items()):
                gone = reader.removed
                for batch in reader.batches():
                    self._flows += batch.num_rows
                    self._window.add(from_arrow(batch))
                if gone:
                    reader.close()
                    del self._readers[path]

    def _open(self, path: Path) -> SegmentReader:
        reader = self._readers[path] = SegmentReader(path)
        return reader


def _made(kind: type[Made], answer: dict[str, Any], **parts: object) -> Made:
    """An object from its JSON form; keys of a newer collector are left out."""
    known = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in answer.items() if name in known} | parts)


def health_of(answer: dict[str, Any]) -> Health:
    """A `Health` from its JSON form."""
    return _made(
        Health,
        answer,
        rates=_made(Rates, answer["rates"]),
        listen=tuple(answer["listen"]),
        store=_made(StoreStatus, answer["store"]) if answer["store"] else None,
        workers=tuple(_made(WorkerState, worker) for worker in answer["workers"]),
        refused=tuple(_made(Refused, sender) for sender in answer["refused"]),
        warnings=tuple(answer["warnings"]),
    )


def exporter_of(answer: dict[str, Any]) -> ExporterStatus:
    """An `ExporterStatus` from its JSON form."""
    return _made(
        ExporterStatus,
        answer,
        versions=tuple(answer["versions"]),
        domains=tuple((version, domain) for version, domain in answer["domains"]),
        templates=tuple(_made(TemplateStatus, template) for template in answer["templates"]),
        sampling=tuple(_made(SamplingStatus, rate) for rate in answer["sampling"]),
        numbering=tuple(_made(NumberingStatus, item) for item in answer.get("numbering", ())),
        interfaces=tuple(_made(InterfaceStatus, interface) for interface in answer.get("interfaces", ())),
    )
