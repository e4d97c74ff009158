"""The watch: takes the flows as they come and looks at them every few seconds, in a thread of its own."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nftui.config import WatchConfig
from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock
from nftui.engine.ledger import Ledger
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.store.state_file import StateFile
from nftui.engine.watch.beacon import BeaconFinder
from nftui.engine.watch.finding import KINDS, Finding, Kind, WatchState
from nftui.engine.watch.flood import FloodFinder
from nftui.engine.watch.kept import Kept, decode, encode
from nftui.engine.watch.known import Findings
from nftui.engine.watch.listed import Listed
from nftui.engine.watch.moment import Hashes, Moment, moment
from nftui.engine.watch.rules import parse_rule
from nftui.engine.watch.scan import ScanFinder
from nftui.engine.watch.service import ServiceFinder
from nftui.engine.watch.thresholds import Thresholds
from nftui.errors import ConfigError, FilterError
from nftui.text import nearest

if TYPE_CHECKING:
    from nftui.engine.query.filters import Filter

STEP_SECONDS = 10.0
"""How often the flows are looked at."""
_GATHER_SECONDS = 0.5
SAVE_SECONDS = 300.0
"""How often what was learnt is written."""
_KEPT_CALLS = 50_000
"""Calls of beacons that are written, the latest: 5 MB."""


class Watcher:
    """Finds what an operator wants to be told.

    `add` is for the decode thread and only keeps a reference; everything else happens in `run`. Rules and lists see
    every flow. Scans, floods, beacons and services are looked for every ten seconds; when more flows come meanwhile
    than are kept, the rest is not looked at for them and counted as `watch.flows_skipped`.

    Args:
        config: what is looked for.
        rules: the user's rules by name, see `rules`.
        read_filter: understands a filter with the configuration's names.
        ledger: counts.
        clock: time, injectable.
        limits: bounds.
        tell: called with each new finding, in the watch's thread.
        file: keeps over a restart what was learnt and what is quiet; None to forget it.

    Raises:
        ConfigError: a rule, a quiet filter or a kind of finding is not understood.
    """

    def __init__(
        self,
        config: WatchConfig,
        rules: Mapping[str, str],
        read_filter: Callable[[str], Filter | None],
        ledger: Ledger,
        clock: Clock,
        limits: Limits = DEFAULT,
        tell: Callable[[Finding], None] | None = None,
        file: StateFile | None = None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._limits = limits
        self._tell = tell
        self._file = file
        self._saved_at = clock.monotonic()
        self._problem = ""
        self._recalled = False
        kinds = _kinds(config.findings)
        hashes = Hashes()
        self._thresholds = Thresholds([parse_rule(name, text, read_filter) for name, text in rules.items()])
        self._listed = Listed([Path(name).expanduser() for name in config.lists], hashes)
        self._services = ServiceFinder(hashes, config.learn, limits.watched_services)
        self._beacons = BeaconFinder(hashes, limits.watched_calls // 2)
        self._finders: list[Callable[[Moment], list[Finding]]] = []
        if "scan" in kinds:
            self._finders.append(ScanFinder(hashes, config.scan_targets, limits.watched_calls).find)
        if "flood" in kinds:
            self._finders.append(FloodFinder(hashes, config.flood_flows).find)
        if "beacon" in kinds:
            self._finders.append(self._beacons.find)
        if "service" in kinds:
            self._finders.append(self._services.find)
        self._quiet = [_quiet(text, read_filter) for text in config.quiet]
        self._findings = Findings(limits.findings)
        self._lock = threading.Lock()
        self._arrived: list[FlowBatch] = []
        self._kept: list[FlowBatch] = []
        self._listed_found: list[Finding] = []
        self._looked_at = clock.monotonic()
        self._state = WatchState(rules=self._thresholds.states)

    def add(self, batch: FlowBatch) -> None:
        """Take flows that arrived now. The batch must not be changed afterwards."""
        with self._lock:
            self._arrived.append(batch)

    def run(self, stopping: threading.Event) -> None:
        """Body of the thread."""
        self.recall()
        while not stopping.wait(_GATHER_SECONDS):
            # The clock of a recording also goes back.
            if abs(self._clock.monotonic() - self._looked_at) >= STEP_SECONDS:
                self.look()
            else:
                self._gather()
            if self._clock.monotonic() - self._saved_at >= SAVE_SECONDS:
                self.save()
        self.save()

    def recall(self) -> None:
        """Know again what the file says; to be called before the first flow."""
        document = self._file.read() if self._file is not None and not self._recalled else None
        self._recalled = True
        if document is None:
            return
        try:
            kept = decode(document, self._clock.now_ms(), self._limits)
        except ValueError as error:
            self._problem = f"what was learnt before the start is forgotten, its file in the store is {error}"
            self._ledger.commit({"watch.state_rejected": 1})
            self._publish()
            return
        with self._lock:
            for identity, since_ms in kept.quiet.items():
                self._findings.mute(identity, since_ms)
        self._services.restore(kept.services)
        self._beacons.restore(kept.calls)
        if kept.size:
            self._ledger.commit({"watch.restored": kept.size})
        self._publish()

    def save(self) -> None:
        """Write what was learnt and what is quiet to the file."""
        self._saved_at = self._clock.monotonic()
        if self._file is None:
            return
        with self._lock:
            quiet = self._findings.muted
        kept = Kept(self._services.kept(), self._beacons.kept(_KEPT_CALLS), quiet)
        if not self._file.write(encode(kept, self._clock.now_ms())):
            self._ledger.commit({"watch.save_failed": 1})

    def look(self) -> None:
        """Look at the flows that came since the last time."""
        self._gather()
        now = self._clock.monotonic()
        seconds, self._looked_at = max(now - self._looked_at, 0.001), now
        now_ms = self._clock.now_ms()
        found = [*self._thresholds.find(now_ms, seconds), *self._listed_found]
        kept, self._kept, self._listed_found = self._kept, [], []
        present = moment(kept, now_ms, seconds)
        found += [finding for find in self._finders for finding in find(present)]
        with self._lock:
            fresh, forgotten = self._findings.take(found)
        counts = {"watch.findings": len(fresh), "watch.findings_forgotten": forgotten}
        self._ledger.commit({name: count for name, count in counts.items() if count})
        if self._tell is not None:
            for finding in fresh:
                self._tell(finding)
        self._publish()

    def _gather(self) -> None:
        """Take what has come: all of it for rules and lists, as much as there is room for the rest."""
        with self._lock:
            arrived, self._arrived = self._arrived, []
        loud = self._loud(arrived)
        self._thresholds.measure(loud)
        self._listed_found += self._listed.find(loud, self._clock.now_ms())
        rows = sum(map(len, self._kept))
        for batch in loud:
            if rows + len(batch) <= self._limits.watched_flows:
                self._kept.append(batch)
                rows += len(batch)
            else:
                self._ledger.commit({"watch.flows_skipped": len(batch)})

    def mute(self, identity: tuple[str, str, str]) -> bool:
        """Do not tell of a finding any more; whether this is kept over a restart."""
        with self._lock:
            self._findings.mute(identity, self._clock.now_ms())
        self._saved_at = -math.inf  # soon
        self._publish()
        return self._file is not None

    def tell_all(self) -> int:
        """Tell of everything again that was made quiet with `mute`; returns how many findings were."""
        with self._lock:
            count = self._findings.tell_all()
        self._saved_at = -math.inf
        return count

    def state(self) -> WatchState:
        """Everything found so far."""
        return self._state

    def _publish(self) -> None:
        with self._lock:
            found = self._findings.latest()
        self._state = WatchState(
            found,
            self._thresholds.states,
            self._listed.count,
            (*((self._problem,) if self._problem else ()), *self._listed.problems),
            self._services.learning_ms,
        )

    def _loud(self, batches: list[FlowBatch]) -> list[FlowBatch]:
        """The flows that nobody wants to be quiet about."""
        if not self._quiet:
            return batches
        from nftui.engine.query.mask import mask

        kept = []
        for batch in batches:
            loud = ~np.logical_or.reduce([mask(quiet, batch) for quiet in self._quiet])
            kept.append(batch if loud.all() else batch.take(loud))
        return kept


def _kinds(names: tuple[str, ...]) -> frozenset[Kind]:
    if names == ("none",):
        return frozenset()
    known = {kind: kind for kind in KINDS if kind not in ("threshold", "list")}
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near}?" if near else f"known are {', '.join(known)}, and none alone"
            raise ConfigError(f"watch.findings: {name!r} is not looked for; {hint}")
    return frozenset(known[name] for name in names if name in known)


def _quiet(text: str, read_filter: Callable[[str], Filter | None]) -> Filter:
    try:
        read = read_filter(text)
    except FilterError as error:
        raise ConfigError(f"watch.quiet: {error.message}, in {text!r}") from error
    if read is None:
        raise ConfigError("watch.quiet: an empty filter would be quiet about everything")
    return read
