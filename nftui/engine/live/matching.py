"""Applying the filter to chunks, once per snapshot for all who need the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nftui.engine.batch import FlowBatch, Mask
from nftui.engine.live.backlog import Chunk

if TYPE_CHECKING:
    from nftui.engine.query.filters import Filter


class Matcher:
    """Chooses the flows of a chunk that a filter lets through.

    Args:
        filter_: the filter; None lets all through.
        scaled: octets and packets that it compares are multiplied by the sampling rate.
    """

    def __init__(self, filter_: Filter | None, scaled: bool) -> None:
        self._filter = filter_
        self._scaled = scaled
        self._masks: dict[int, Mask] = {}

    def mask(self, chunk: Chunk) -> Mask | None:
        """Which rows match; None for all of them."""
        if self._filter is None:
            return None
        found = self._masks.get(chunk.first)
        if found is None:
            from nftui.engine.query.mask import mask

            found = self._masks[chunk.first] = mask(self._filter, chunk.batch, self._scaled)
        return found

    def __call__(self, chunk: Chunk) -> FlowBatch:
        """The matching flows."""
        rows = self.mask(chunk)
        if rows is None or rows.all():
            return chunk.batch
        return chunk.batch.take(rows)
