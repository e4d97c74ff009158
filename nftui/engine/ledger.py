"""The ledger: named counters for the whole program and per exporter, under one lock."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from nftui.engine.counters import Counts, add


class Ledger:
    """Named counters, for the whole program and per exporter, changed and read under one lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total: Counts = {}
        self._exporters: dict[str, Counts] = {}

    def commit(self, counts: Mapping[str, int], by_exporter: Mapping[str, Mapping[str, int]] | None = None) -> None:
        """Add all amounts at once.

        Args:
            counts: amounts for the whole program; may be negative for gauges such as `flows.in_memory`.
            by_exporter: the part of the amounts that is known per exporter, keyed by its address as text.
        """
        with self._lock:
            add(self._total, counts)
            for exporter, part in (by_exporter or {}).items():
                add(self._exporters.setdefault(exporter, {}), part)

    def snapshot(self) -> Counts:
        """A copy of the whole program's counters, consistent at one moment."""
        with self._lock:
            return dict(self._total)

    def exporters(self) -> dict[str, Counts]:
        """A copy of the counters per exporter address, consistent at one moment."""
        with self._lock:
            return {name: dict(part) for name, part in self._exporters.items()}

    @property
    def exporter_count(self) -> int:
        """How many exporters have counters of their own."""
        return len(self._exporters)

    def forget(self, exporters: Iterable[str]) -> None:
        """Drop the counters of exporters that were evicted; the program's totals stay."""
        with self._lock:
            for name in exporters:
                self._exporters.pop(name, None)
