"""What writers of flows share: a file under a temporary name, and the form of a writer that can be continued."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from nftui.engine.batch import FlowBatch
from nftui.engine.counters import Counts


class Sink:
    """A file that grows at its end and is not there under its final name yet.

    Args:
        path: of the file.
        offset: bytes of it to keep, from an earlier run; what lies behind is cut off.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        os.ftruncate(self._descriptor, offset)
        os.lseek(self._descriptor, offset, os.SEEK_SET)

    def append(self, data: bytes) -> None:
        """Write all of it at the end."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self.offset += len(data)

    def replace_start(self, data: bytes) -> None:
        """Write over the first bytes."""
        os.pwrite(self._descriptor, data, 0)

    def sync(self) -> None:
        """Force everything to the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; it stays where it is."""
        os.close(self._descriptor)


class FlowWriter(ABC):
    """Writes flows to one file, and can go on with it in another process.

    Args:
        sink: the file.

    Attributes:
        counts: what the format could not carry as it was.
    """

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.counts: Counts = {}

    def begin(self) -> None:  # noqa: B027 - most formats have none
        """Write what stands at the start of the file."""

    @abstractmethod
    def write(self, batch: FlowBatch) -> None:
        """Add flows."""

    def state(self) -> dict[str, Any]:
        """Hand everything to the sink, and say what a later process must know to go on, for JSON."""
        return {}

    def resume(self, state: dict[str, Any]) -> None:  # noqa: B027 - as begin
        """Go on where `state` was, instead of `begin`."""

    def finish(self) -> None:  # noqa: B027 - as begin
        """Write what stands at the end of the file."""
