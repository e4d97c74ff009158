"""What an engine has besides the way from a datagram to the store; each part is there only if it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING

from nftui.config import Config
from nftui.engine.clock import Clock
from nftui.engine.ingest.pipeline import Onlooker
from nftui.engine.ledger import Ledger
from nftui.engine.limits import Limits
from nftui.engine.live.window import LiveWindow
from nftui.engine.seal_command import SealCommand
from nftui.engine.store.seal import SealedSlot
from nftui.engine.upkeep import Upkeep, chores
from nftui.engine.watch.finding import WatchState
from nftui.engine.watch.watch import Watch, is_wanted

if TYPE_CHECKING:
    from nftui.engine.kafka.output import KafkaOutput
    from nftui.engine.lake.uploader import Uploader


class Companions:
    """Live window, watch, Kafka, the lake, the command for finished files, and upkeep of the store.

    Args:
        config: which of them there are.
        ledger: counts.
        clock: time, injectable.
        limits: bounds.
        live: keep a live window, for a screen.

    Raises:
        NftuiError: the configuration of one of them is not understood.
    """

    def __init__(self, config: Config, ledger: Ledger, clock: Clock, limits: Limits, live: bool) -> None:
        store = config.store
        self.live = LiveWindow(clock, limits) if live else None
        self._ledger = ledger
        self._watch = Watch(config, ledger, clock, limits, store.root) if live or is_wanted(config) else None
        self._kafka = _open_kafka(config, ledger, limits)
        self._command = SealCommand(store.on_seal, str(store.root), store.ident, ledger) if store.on_seal else None
        self._uploader = _open_uploader(config, ledger)
        self._chores = chores(store.root, store)

    @property
    def onlookers(self) -> tuple[Onlooker, ...]:
        """Those that see each batch as it comes."""
        every: tuple[Onlooker | None, ...] = (self.live, self._watch, self._kafka)
        return tuple(looker for looker in every if looker is not None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with them, in words."""
        kafka = self._kafka.problem if self._kafka is not None else ""
        lake = self._uploader.problem if self._uploader is not None else ""
        return (*((f"Kafka: {kafka}",) if kafka else ()), *((lake,) if lake else ()))

    def bodies(self, short_of_space: Callable[[], bool]) -> dict[str, Callable[[Event], None]]:
        """Bodies of their threads by name.

        Args:
            short_of_space: whether the store waits for space that expiry could give.
        """
        found = dict(self._watch.bodies()) if self._watch is not None else {}
        if self._kafka is not None:
            found["kafka"] = self._kafka.run
        if self._command is not None:
            found["command"] = self._command.run
        if self._uploader is not None:
            found["lake"] = self._uploader.run
        if self._chores:
            found["upkeep"] = Upkeep(self._chores, self._ledger, short_of_space).run
        return found

    def sealed(self, sealed: SealedSlot) -> None:
        """A file of the store is finished."""
        if self._command is not None:
            self._command.add(sealed)

    def watched(self) -> WatchState:
        """What the watch has found; nothing where nothing is looked for."""
        return self._watch.state() if self._watch is not None else WatchState()

    def mute(self, identity: tuple[str, str, str]) -> bool:
        """Do not tell of a finding any more; whether this is kept over a restart."""
        return self._watch is not None and self._watch.mute(identity)

    def tell_all(self) -> int:
        """Tell of everything again that was made quiet with `mute`; returns how many findings were."""
        return self._watch.tell_all() if self._watch is not None else 0


def _open_kafka(config: Config, ledger: Ledger, limits: Limits) -> KafkaOutput | None:
    if not config.kafka.brokers:
        return None
    from nftui.engine.kafka.output import KafkaOutput

    return KafkaOutput(config.kafka, ledger, limits)


def _open_uploader(config: Config, ledger: Ledger) -> Uploader | None:
    if not config.lake.uri:
        return None
    from nftui.engine.lake.uploader import Uploader

    return Uploader(config.store.root, config.lake, ledger)
