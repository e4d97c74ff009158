"""The watch of a collector: the finders as configured, and the command that is told what they find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from nftui.config import Config
from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock
from nftui.engine.ledger import Ledger
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.store.state_file import StateFile
from nftui.engine.watch.finding import WatchState
from nftui.engine.watch.hook import FindingCommand
from nftui.engine.watch.kept import NAME
from nftui.engine.watch.watcher import Watcher

if TYPE_CHECKING:
    from nftui.engine.query.filters import Filter


def is_wanted(config: Config) -> bool:
    """Whether somebody asked to be told of something; a screen shows what is found without being asked."""
    return bool(config.rules or config.watch.lists or config.watch.command)


class Watch:
    """Finders and command of one collector.

    Args:
        config: the parts `watch`, `rules` and `filters` are used.
        ledger: counts.
        clock: time, injectable.
        limits: bounds.
        root: store that keeps over a restart what was learnt and what is quiet; None to forget it.

    Raises:
        ConfigError: something in these parts is not understood.
    """

    def __init__(
        self, config: Config, ledger: Ledger, clock: Clock, limits: Limits = DEFAULT, root: Path | None = None
    ) -> None:
        self._command = FindingCommand(config.watch.command, ledger) if config.watch.command else None
        tell = self._command.add if self._command is not None else None

        def read_filter(text: str) -> Filter | None:
            from nftui.engine.query.parser import Surroundings, parse_filter

            return parse_filter(text, Surroundings(saved=config.filters)) if text.strip() else None

        file = StateFile(root, NAME, limits.watch_state_bytes, 0o600) if root is not None else None
        self._watcher = Watcher(config.watch, config.rules, read_filter, ledger, clock, limits, tell, file)

    def add(self, batch: FlowBatch) -> None:
        """Take flows that arrived now."""
        self._watcher.add(batch)

    def state(self) -> WatchState:
        """Everything found so far."""
        return self._watcher.state()

    def mute(self, identity: tuple[str, str, str]) -> bool:
        """Do not tell of a finding any more; whether this is kept over a restart."""
        return self._watcher.mute(identity)

    def tell_all(self) -> int:
        """Tell of everything again that was made quiet with `mute`; returns how many findings were."""
        return self._watcher.tell_all()

    def bodies(self) -> dict[str, Callable[[Event], None]]:
        """Bodies of the threads by name."""
        bodies: dict[str, Callable[[Event], None]] = {"findings": self._watcher.run}
        if self._command is not None:
            bodies["told"] = self._command.run
        return bodies
