"""Follow a store that another process writes: its live segments, and its health over the control socket.

Takes no lock and changes nothing, so that any number of viewers can watch one collector.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from nftui.config import Config
from nftui.engine.answers import restore
from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock, SystemClock
from nftui.engine.control import ask, socket_path
from nftui.engine.decode.status import ExporterStatus, RejectedDatagram
from nftui.engine.health import Health
from nftui.engine.ingest.allow import Refused, parse_network
from nftui.engine.ledger import Ledger
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.engine.live.window import LiveWindow
from nftui.engine.losses import Losses
from nftui.engine.minutes import Minutes
from nftui.engine.store.arrow import from_arrow
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.segment import SegmentReader
from nftui.engine.supervisor import Worker
from nftui.engine.watch.finding import WatchState
from nftui.engine.watch.watch import Watch
from nftui.errors import BackendError, StoreError
from nftui.text import clean

_POLL_SECONDS = 0.2
_ANSWER_SECONDS = 1.0

Made = TypeVar("Made")


class Viewer:
    """A live window over another process's live segments.

    Flows that were there before the viewer are not shown: the window is about now.

    Args:
        config: the store, the control socket of its collector, and what the viewer watches for by itself.
        clock: time, injectable.
        limits: bounds.
    """

    def __init__(self, config: Config, clock: Clock | None = None, limits: Limits = DEFAULT) -> None:
        self.store_root = root = config.store.root
        control = config.collector.control
        self._control = Path(control) if control else socket_path(root)
        self._clock = clock or SystemClock()
        self._catalog = Catalog(root)
        self._ledger = Ledger()
        # The command is the collector's to run: two would tell everything twice.
        quiet = replace(config, watch=replace(config.watch, command=""))
        self._watching = Watch(quiet, self._ledger, self._clock, limits)
        self._watcher = Worker("findings", self._watching.bodies()["findings"], self._clock)
        self._window = LiveWindow(self._clock, limits)
        self._readers: dict[Path, SegmentReader] = {}
        self._worker = Worker("view", self._follow, self._clock)
        self._flows = 0
        self._muted: frozenset[tuple[str, str, str]] = frozenset()

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
        self._watcher.start()

    def stop(self) -> bool:
        """Stop following; nothing needs to be stored."""
        self._watcher.stopping.set()
        ended = self._worker.stop(1.0) and self._watcher.stop(1.0)
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
            health = restore(Health, ask(self._control, "health", _ANSWER_SECONDS))
            return replace(health, counts={**health.counts, **self._ledger.snapshot()})
        except BackendError as error:
            warning = str(error)
        except ValueError:
            warning = "the collector is of another version: its health cannot be read"
        return Health(
            self._clock.now_ms(), counts={"flows.in": self._flows, **self._ledger.snapshot()},
            store_root=str(self.store_root), warnings=(warning,),
        )  # fmt: skip

    def exporters(self) -> list[ExporterStatus]:
        """Exporters as the collector sees them; none when it does not answer."""
        return self._ask_list("exporters", ExporterStatus)

    def refused(self) -> list[Refused]:
        """Senders that the collector does not allow."""
        return self._ask_list("refused", Refused)

    def watch(self) -> WatchState:
        """What has been found since the viewer began, and what the collector found before."""
        own = self._watching.state()
        try:
            theirs = restore(WatchState, ask(self._control, "watch", _ANSWER_SECONDS))
        except (BackendError, ValueError):
            return own
        known = {found.identity for found in own.findings}
        earlier = (found for found in theirs.findings if found.identity not in known | self._muted)
        return replace(own, findings=(*own.findings, *earlier))

    def mute(self, identity: tuple[str, str, str]) -> bool:
        """Do not tell of a finding any more, here; False: not kept over a restart."""
        self._muted |= {identity}
        return self._watching.mute(identity)

    def tell_all(self) -> int:
        """Tell of everything again that was made quiet with `mute`; returns how many findings were."""
        self._watching.tell_all()
        count, self._muted = len(self._muted), frozenset()
        return count

    def losses(self, address: str) -> Losses:
        """Last minutes of an exporter as the collector counts them; empty when it does not answer."""
        try:
            return restore(Losses, ask(self._control, "losses", _ANSWER_SECONDS, address))
        except (BackendError, ValueError):
            return Losses(Minutes(), Minutes())

    def rejected(self, address: str = "") -> list[RejectedDatagram]:
        """Datagrams that the collector could not decode; none when it does not answer."""
        return self._ask_list("rejected", RejectedDatagram, address)

    def allow(self, text: str) -> None:
        """Let the collector accept a sender. Raises UsageError, and BackendError when it does not answer."""
        parse_network(text)
        ask(self._control, "allow", _ANSWER_SECONDS, text)

    def refuse(self, text: str) -> None:
        """Let the collector refuse a sender. Raises as `allow`."""
        parse_network(text)
        ask(self._control, "refuse", _ANSWER_SECONDS, text)

    def settings(self) -> dict[str, str]:
        """The collector's settings by their names, as text; empty when it does not answer."""
        try:
            answer = ask(self._control, "settings", _ANSWER_SECONDS)
            return {clean(str(name)): clean(str(value)) for name, value in answer.items()}
        except (BackendError, AttributeError):
            return {}

    def _ask_list(self, question: str, kind: type[Made], of: str | None = None) -> list[Made]:
        try:
            answer = ask(self._control, question, _ANSWER_SECONDS, of)
            return [restore(kind, entry) for entry in answer] if isinstance(answer, list) else []
        except (BackendError, ValueError):
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
                    flows = from_arrow(batch)
                    self._window.add(flows)
                    self._watching.add(flows)
                if gone:
                    reader.close()
                    del self._readers[path]

    def _open(self, path: Path) -> SegmentReader:
        reader = self._readers[path] = SegmentReader(path)
        return reader
