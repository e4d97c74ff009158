"""Following a store that another process writes: its new flows, as they become readable."""

from __future__ import annotations

import contextlib
from pathlib import Path

from nftui.engine.batch import FlowBatch
from nftui.engine.store.arrow import from_arrow
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.layout import SEGMENT_SUFFIX, parse_file
from nftui.engine.store.segment import SegmentReader


class Follower:
    """Reads flows that are written after its construction, from all live segments of a store.

    Poll at least once a second. A segment that came and went between two polls is not read but counted.

    Attributes:
        missed_parts: segments that were sealed before they could be read.
    """

    def __init__(self, root: Path) -> None:
        self.missed_parts = 0
        self._root = root
        self._catalog = Catalog(root)
        self._readers: dict[str, SegmentReader] = {}
        self._newest: dict[str, int] = {}
        self._open_new()
        for reader in self._readers.values():
            reader.skip()
        self.missed_parts = 0  # what was sealed before is no loss

    def poll(self) -> list[FlowBatch]:
        """Flows that became readable since the last call, oldest segment first."""
        self._open_new()
        found: list[FlowBatch] = []
        for key, reader in list(self._readers.items()):
            ended = reader.removed  # asked before the last read: nothing is written after a segment lost its name
            found.extend(from_arrow(batch) for batch in reader.batches())
            if ended:
                reader.close()
                del self._readers[key]
        return found

    def close(self) -> None:
        """Give the segments back."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def _open_new(self) -> None:
        names = [name for path in self._catalog.live() if (name := parse_file(path.name, SEGMENT_SUFFIX))]
        for name in sorted(names, key=lambda one: one.part):
            newest = self._newest.get(name.writer)
            if newest is not None and name.part <= newest:
                continue
            with contextlib.suppress(FileNotFoundError):
                self._readers[name.stem] = SegmentReader(name.segment(self._root))
                if newest is not None:
                    self.missed_parts += name.part - newest - 1
                self._newest[name.writer] = name.part
