"""Where flow records go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from nftui.engine.batch import FlowBatch
from nftui.probe.statistics import ExportStatistics


class Output(Protocol):
    """Takes flow records; all methods are called by one thread."""

    def write(self, batch: FlowBatch, flows: int, export_ms: int) -> None:
        """Take the records of `flows` flows at `export_ms`, UTC milliseconds."""
        ...

    def tick(self) -> None:
        """Called several times a second while live."""
        ...

    def resend_templates(self) -> None:
        """Put templates in front of the next records."""
        ...

    def statistics(self) -> ExportStatistics:
        """What was written so far."""
        ...

    def close(self) -> None:
        """No more will come."""
        ...


def _nothing() -> None:
    return None


class BatchOutput:
    """Hands batches to a function: a store, or the live window.

    Args:
        append: takes a batch.
        tick: called several times a second.
        close: called once at the end.
    """

    def __init__(
        self,
        append: Callable[[FlowBatch], None],
        tick: Callable[[], None] = _nothing,
        close: Callable[[], None] = _nothing,
    ) -> None:
        self._append, self._tick, self._close = append, tick, close
        self._statistics = ExportStatistics()

    def write(self, batch: FlowBatch, flows: int, export_ms: int) -> None:  # noqa: ARG002
        """Hand the batch on."""
        self._append(batch)
        s = self._statistics
        self._statistics = replace(s, flows=s.flows + flows, records=s.records + len(batch))

    def tick(self) -> None:
        """Give the receiver its turn."""
        self._tick()

    def resend_templates(self) -> None:
        """Batches need none."""

    def statistics(self) -> ExportStatistics:
        """What was handed on."""
        return self._statistics

    def close(self) -> None:
        """Tell the receiver."""
        self._close()


def total(outputs: list[Output]) -> ExportStatistics:
    """All outputs together: flows once, records and datagrams of each."""
    parts = [output.statistics() for output in outputs]
    return ExportStatistics(
        max((part.flows for part in parts), default=0),
        sum(part.records for part in parts),
        sum(part.datagrams for part in parts),
        sum(part.failures for part in parts),
    )
