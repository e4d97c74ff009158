"""What an engine asks of a probe in the same process."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Protocol

from nftui.engine.batch import FlowBatch


class Meter(Protocol):
    """Makes flows in this process: an embedded probe."""

    def run(self, stopping: Event, take: Callable[[FlowBatch], None]) -> None:
        """Hand batches to `take` until `stopping` is set, and then what is left. May be called again if it failed."""
        ...
